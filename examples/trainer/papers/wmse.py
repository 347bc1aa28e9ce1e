"""W-MSE (Ermolov et al. 2021, https://arxiv.org/abs/2007.06346)."""

from __future__ import annotations

from .recipe import IMAGENET_CHANNELS, Recipe, marks, ours
from .scales import family

paper, code = marks("W-MSE")

CIFAR10_PAPER = Recipe(
    "wmse-cifar10-paper",
    {
        "method": paper("wmse"),
        "backbone": paper("resnet18"),
        "stem": paper("small"),
        "last_gamma": code(1.0),
        "dim": paper(64),
        "hidden": paper(1024),
        "w_size": paper(128),
        "w_iter": paper(1, "4 on STL-10 and Tiny-ImageNet"),
        "epochs": paper(1000),
        "batch": paper(512),
        "optimizer": paper("adam"),
        "lr": paper(3e-3),
        "lr_batch": paper(None),
        "weight_decay": paper(1e-6),
        "decay_all": code(True),
        "schedule": paper("step"),
        "schedule_by": code("epoch"),
        "milestones": paper((-50.0, -25.0)),
        "gamma": paper(0.2),
        "warmup_steps": paper(500),
        "size": paper(32),
        "scale": paper((0.2, 1.0)),
        "interpolation": code("bicubic"),
        "color_first": code(True),
        "flip": paper(0.5),
        "jitter": paper((0.4, 0.4, 0.4, 0.1)),
        "jitter_p": paper(0.8),
        "gray": paper(0.1),
        "blur_p": paper(0.0),
        "solarize": paper(0.0),
        "mean": code((0.4914, 0.4822, 0.4465)),
        "std": code((0.2023, 0.1994, 0.2010)),
    },
)
IMAGENET100 = CIFAR10_PAPER.but(
    "wmse-imagenet100",
    IMAGENET_CHANNELS,
    stem=paper("imagenet"),
    dim=paper(128),
    w_size=paper(256),
    epochs=paper(240),
    lr=paper(2e-3),
    size=paper(224),
    scale=paper((0.08, 1.0)),
    jitter=paper((0.8, 0.8, 0.8, 0.2)),
    gray=paper(0.2),
    blur=code((0.1, 2.0)),
    blur_p=code(0.5),
)
NO_WARMUP_EPOCHS = {"warmup": ours(0.0)}
RENDERED = {
    "lr_batch": IMAGENET100.settings["lr_batch"],
    "batch": ours(64, "all of it whitened at once"),
    "epochs": ours(20),
}
RECIPES = (
    CIFAR10_PAPER,
    *family(
        "wmse",
        IMAGENET100,
        all_scales={},
        cifar10={
            **NO_WARMUP_EPOCHS,
            "lr": CIFAR10_PAPER.settings["lr"],
            "dim": ours(64),
            "w_size": ours(128),
            "scale": paper((0.2, 1.0)),
            "jitter": paper((0.4, 0.4, 0.4, 0.1)),
            "gray": paper(0.1),
        },
        imagenette={"dim": ours(64), "w_size": ours(128)},
        rendered=RENDERED,
    ),
)
