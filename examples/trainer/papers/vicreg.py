"""VICReg (Bardes, Ponce and LeCun 2022, https://arxiv.org/abs/2105.04906)."""

from __future__ import annotations

from .recipe import IMAGENET_CHANNELS, Recipe, marks, ours
from .scales import family

paper, code = marks("VICReg")

IMAGENET = Recipe(
    "vicreg-imagenet",
    {
        "method": paper("vicreg"),
        "backbone": paper("resnet50"),
        "stem": paper("imagenet"),
        "last_gamma": code(0.0),
        "dim": paper(8192),
        "hidden": paper(8192),
        "lam": paper(25.0),
        "mu": paper(25.0),
        "nu": paper(1.0),
        "form": code("code", "the paper's differs by D on the invariance and 2 on the variance"),
        "epochs": code(100, "the paper's main run: 1000, batch 2048, lr 0.2"),
        "batch": code(512),
        "optimizer": paper("lars"),
        "lr": code(0.3),
        "lr_batch": paper(256),
        "momentum": code(0.9),
        "weight_decay": paper(1e-6),
        "decay_all": code(False),
        "schedule": paper("cosine"),
        "schedule_by": code("step"),
        "warmup": paper(10.0),
        "floor": code(0.001),
        "size": paper(224),
        "scale": paper((0.08, 1.0)),
        "interpolation": code("bicubic"),
        "flip": paper(0.5),
        "jitter": paper((0.4, 0.4, 0.2, 0.1)),
        "jitter_p": paper(0.8),
        "gray": paper(0.2),
        "blur": paper((0.1, 2.0)),
        "blur_p": code((1.0, 0.1)),
        "solarize": code((0.0, 0.2)),
        **IMAGENET_CHANNELS,
    },
)
EXPANDER = {"dim": ours(2048), "hidden": ours(2048)}
RECIPES = (
    *family("vicreg", IMAGENET, all_scales={}, cifar10=EXPANDER, imagenette=EXPANDER),
    IMAGENET.but("vicreg-imagenet-1000", epochs=paper(1000), batch=paper(2048), lr=paper(0.2)),
)
