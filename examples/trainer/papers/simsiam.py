"""SimSiam (Chen and He 2021, https://arxiv.org/abs/2011.10566)."""

from __future__ import annotations

from .recipe import IMAGENET_CHANNELS, Recipe, marks, ours
from .scales import SGD, family

paper, code = marks("SimSiam")

IMAGENET = Recipe(
    "simsiam-imagenet",
    {
        "method": paper("simsiam"),
        "backbone": paper("resnet50"),
        "stem": paper("imagenet"),
        "last_gamma": code(0.0),
        "dim": paper(2048),
        "hidden": paper(2048),
        "layers": paper(3, "the last batch norm without affine parameters"),
        "bottleneck": paper(512),
        "epochs": paper(100),
        "batch": paper(512, "or 256"),
        "optimizer": paper("sgd"),
        "lr": paper(0.05, "the predictor's stays at its peak"),
        "lr_batch": paper(256),
        "momentum": paper(0.9),
        "weight_decay": paper(1e-4),
        "decay_all": code(True),
        "schedule": paper("cosine"),
        "schedule_by": code("epoch"),
        "warmup": paper(0.0),
        "floor": paper(0.0),
        "size": paper(224),
        "scale": paper((0.2, 1.0)),
        "flip": paper(0.5),
        "jitter": paper((0.4, 0.4, 0.4, 0.1)),
        "jitter_p": paper(0.8),
        "gray": paper(0.2),
        "blur": paper((0.1, 2.0)),
        "blur_p": paper(0.5),
        "solarize": paper(0.0),
        **IMAGENET_CHANNELS,
    },
)
CIFAR10_PAPER = IMAGENET.but(
    "simsiam-cifar10-paper",
    backbone=paper("resnet18"),
    stem=paper("small"),
    layers=paper(2),
    epochs=paper(800),
    batch=paper(512),
    lr=paper(0.03),
    weight_decay=paper(5e-4),
    size=paper(32),
    blur_p=paper(0.0),
    mean=code((0.4914, 0.4822, 0.4465)),
    std=code((0.2023, 0.1994, 0.2010)),
)
RATE = {**SGD, "lr": ours(0.06, "whatever the batch"), "lr_batch": ours(None)}
SMALL = {"layers": paper(2)}
RECIPES = (
    *family("simsiam", IMAGENET, all_scales=RATE, cifar10=SMALL, imagenette=SMALL, rendered=SMALL),
    CIFAR10_PAPER,
)
