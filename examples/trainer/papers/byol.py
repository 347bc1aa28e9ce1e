"""BYOL (Grill et al. 2020, https://arxiv.org/abs/2006.07733)."""

from __future__ import annotations

from .recipe import IMAGENET_CHANNELS, Recipe, marks, ours
from .scales import family

paper, code = marks("BYOL")

IMAGENET = Recipe(
    "byol-imagenet",
    {
        "method": paper("byol"),
        "backbone": paper("resnet50"),
        "stem": paper("imagenet"),
        "last_gamma": code(0.0),
        "dim": paper(256),
        "hidden": paper(4096),
        "m": paper(0.996, "0.99 for 100 and 300 epochs"),
        "m_schedule": paper("cosine"),
        "epochs": paper(1000),
        "batch": paper(4096),
        "optimizer": paper("lars"),
        "lr": paper(0.2, "0.3 for 300 epochs, 0.45 for 100"),
        "lr_batch": paper(256),
        "momentum": paper(0.9),
        "weight_decay": paper(1.5e-6, "1e-6 for 100 and 300 epochs"),
        "decay_all": paper(False),
        "schedule": paper("cosine"),
        "schedule_by": paper("step"),
        "warmup": paper(10.0),
        "floor": paper(0.0),
        "size": paper(224),
        "scale": paper((0.08, 1.0)),
        "interpolation": paper("bicubic"),
        "flip": paper(0.5),
        "jitter": paper((0.4, 0.4, 0.2, 0.1)),
        "jitter_p": paper(0.8),
        "gray": paper(0.2),
        "blur": paper((0.1, 2.0)),
        "blur_p": paper((1.0, 0.1)),
        "solarize": paper((0.0, 0.2)),
        **IMAGENET_CHANNELS,
    },
)
SHORT = IMAGENET.but("byol-imagenet-300", epochs=paper(300), m=paper(0.99), lr=paper(0.3), weight_decay=paper(1e-6))
SHORTEST = SHORT.but("byol-imagenet-100", epochs=paper(100), lr=paper(0.45))
HEAD = {"hidden": ours(2048), "m": ours(0.99)}
RECIPES = (*family("byol", IMAGENET, cifar10=HEAD, imagenette=HEAD), SHORT, SHORTEST)
