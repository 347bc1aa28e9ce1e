"""MoCo v3 (Chen, Xie and He 2021, https://arxiv.org/abs/2104.02057)."""

from __future__ import annotations

from .recipe import IMAGENET_CHANNELS, Recipe, marks, ours
from .scales import family

paper, code = marks("MoCo v3")

IMAGENET = Recipe(
    "mocov3-imagenet",
    {
        "method": paper("mocov3"),
        "backbone": paper("resnet50"),
        "stem": paper("imagenet"),
        "last_gamma": code(0.0),
        "dim": paper(256),
        "hidden": paper(4096),
        "m": code(0.99, "0.996 for 1000 epochs; to 1 by a cosine"),
        "tau": code(1.0),
        "epochs": paper(100, "or 300 (lr 0.3), 1000 (lr 0.3, weight decay 1.5e-6)"),
        "batch": paper(4096),
        "optimizer": paper("lars"),
        "lr": code(0.6),
        "lr_batch": code(256),
        "momentum": code(0.9),
        "weight_decay": code(1e-6),
        "decay_all": code(False),
        "schedule": paper("cosine"),
        "schedule_by": code("step"),
        "warmup": code(10.0),
        "floor": code(0.0),
        "size": paper(224),
        "scale": code((0.2, 1.0)),
        "flip": code(0.5),
        "jitter": code((0.4, 0.4, 0.2, 0.1)),
        "jitter_p": code(0.8),
        "gray": code(0.2),
        "blur": code((0.1, 2.0)),
        "blur_p": code((1.0, 0.1)),
        "solarize": code((0.0, 0.2)),
        **IMAGENET_CHANNELS,
    },
)
HEAD = {"hidden": ours(2048)}
RECIPES = (
    *family("mocov3", IMAGENET, cifar10=HEAD, imagenette=HEAD),
    IMAGENET.but("mocov3-imagenet-300", epochs=paper(300), lr=code(0.3)),
    IMAGENET.but("mocov3-imagenet-1000", epochs=paper(1000), lr=code(0.3), m=code(0.996), weight_decay=code(1.5e-6)),
)
