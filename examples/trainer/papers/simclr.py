"""SimCLR (Chen et al. 2020, https://arxiv.org/abs/2002.05709)."""

from __future__ import annotations

from .recipe import IMAGENET_CHANNELS, Recipe, marks
from .scales import NT_XENT, family

paper, code = marks("SimCLR")

IMAGENET = Recipe(
    "simclr-imagenet",
    {
        "method": paper("simclr"),
        "backbone": paper("resnet50"),
        "stem": paper("imagenet"),
        "last_gamma": code(0.0),
        "dim": paper(128),
        "hidden": paper(2048),
        "layers": paper(2),
        "head_bn": code(True, "the paper's head has none"),
        "tau": paper(0.1),
        "epochs": paper(100, "to 1000"),
        "batch": paper(4096),
        "optimizer": paper("lars"),
        "lr": paper(0.3),
        "lr_batch": paper(256),
        "momentum": paper(0.9),
        "weight_decay": paper(1e-6, "1e-4 in the released command of version 2"),
        "decay_all": code(False),
        "schedule": paper("cosine"),
        "schedule_by": code("step"),
        "warmup": paper(10.0),
        "floor": paper(0.0),
        "size": paper(224),
        "scale": paper((0.08, 1.0)),
        "flip": paper(0.5),
        "jitter": paper((0.8, 0.8, 0.8, 0.2)),
        "jitter_p": paper(0.8),
        "gray": paper(0.2),
        "blur": paper((0.1, 2.0), "the kernel is a tenth of the side; ours follows sigma"),
        "blur_p": paper(0.5),
        "solarize": paper(0.0),
        **IMAGENET_CHANNELS,
    },
)
CIFAR10_PAPER = IMAGENET.but(
    "simclr-cifar10-paper",
    backbone=code("resnet18", "the paper has ResNet-50"),
    stem=paper("small"),
    hidden=code(512, "as wide as the features"),
    layers=code(3),
    tau=code(0.5),
    epochs=code(1000),
    batch=code(512),
    lr=code(1.0),
    weight_decay=code(1e-4),
    size=paper(32),
    jitter=code((0.4, 0.4, 0.4, 0.1), "strength 0.5"),
    blur_p=paper(0.0),
    mean=code((0.4914, 0.4822, 0.4465)),
    std=code((0.2023, 0.1994, 0.2010)),
)
RECIPES = (
    *family("simclr", IMAGENET, **NT_XENT),
    CIFAR10_PAPER,
    IMAGENET.but("simclr-imagenet-1000", epochs=paper(1000)),
)
