"""NPID (Wu et al. 2018, https://arxiv.org/abs/1805.01978)."""

from __future__ import annotations

from .recipe import IMAGENET_CHANNELS, Recipe, marks, ours
from .scales import family

paper, code = marks("NPID")

IMAGENET = Recipe(
    "npid-imagenet",
    {
        "method": paper("npid"),
        "backbone": paper("resnet50"),
        "stem": paper("imagenet"),
        "last_gamma": code(1.0),
        "head": paper("linear"),
        "dim": paper(128),
        "K": paper(4096, "65536 in OpenMMLab's code"),
        "tau": paper(0.07),
        "omega": paper(0.5),
        "epochs": paper(200),
        "batch": paper(256),
        "optimizer": paper("sgd"),
        "lr": paper(0.03),
        "lr_batch": code(256),
        "momentum": paper(0.9),
        "weight_decay": paper(1e-4),
        "decay_all": code(True),
        "schedule": paper("step"),
        "schedule_by": code("epoch"),
        "milestones": paper((120.0, 160.0)),
        "gamma": paper(0.1),
        "warmup": code(0.0),
        "size": paper(224),
        "scale": code((0.2, 1.0)),
        "flip": code(0.5),
        "jitter": code((0.4, 0.4, 0.4, 0.4)),
        "jitter_p": code(1.0),
        "gray": code(0.2),
        "blur_p": code(0.0),
        "solarize": code(0.0),
        **IMAGENET_CHANNELS,
    },
)
NEGATIVES = {"K": ours(512, "of 1800")}
RECIPES = family("npid", IMAGENET, rendered=NEGATIVES)
