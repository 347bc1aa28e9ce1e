"""DINO with a ResNet-50 (Caron et al. 2021, https://arxiv.org/abs/2104.14294)."""

from __future__ import annotations

from .recipe import IMAGENET_CHANNELS, Recipe, marks, ours
from .scales import family

paper, code = marks("DINO")

LAST_RATE = "of the peak at this batch: it ends at 1e-6"
IMAGENET = Recipe(
    "dino-imagenet",
    {
        "method": paper("dino"),
        "backbone": paper("resnet50"),
        "stem": paper("imagenet"),
        "last_gamma": code(1.0),
        "outputs": paper(65536),
        "hidden": paper(2048),
        "bottleneck": paper(256),
        "tau_s": paper(0.1),
        "tau_t": code(0.04, "no warm-up"),
        "m": paper(0.996, "to 1 by a cosine"),
        "center_m": code(0.9),
        "freeze": code(1, "epochs in which the last layer stands still"),
        "epochs": code(100),
        "batch": code(512, "8 devices of 64"),
        "optimizer": code("sgd"),
        "lr": code(0.03),
        "lr_batch": code(256),
        "momentum": code(0.9),
        "weight_decay": code(1e-4, "constant"),
        "decay_all": code(False),
        "schedule": paper("cosine"),
        "schedule_by": code("step"),
        "warmup": paper(10.0),
        "floor": code(1e-6 / 0.06, LAST_RATE),
        "clip": code(3.0),
        "size": paper(224),
        "scale": code((0.14, 1.0)),
        "interpolation": paper("bicubic"),
        "locals": code(8),
        "local_size": paper(96),
        "local_scale": code((0.05, 0.14)),
        "flip": paper(0.5),
        "jitter": paper((0.4, 0.4, 0.2, 0.1)),
        "jitter_p": paper(0.8),
        "gray": paper(0.2),
        "blur": paper((0.1, 2.0)),
        "blur_p": code((1.0, 0.1, *[0.5] * 8)),
        "solarize": code((0.0, 0.2, *[0.0] * 8)),
        **IMAGENET_CHANNELS,
    },
)
#: At a batch of 256, whose peak is half as high.
FLOOR_256 = {"floor": code(1e-6 / 0.03, LAST_RATE)}
OUTPUTS = {"outputs": ours(2048)}
TWO_VIEWS = {**OUTPUTS, "solarize": code((0.0, 0.2))}
FEW_LOCALS = {
    **OUTPUTS,
    **FLOOR_256,
    "locals": ours(4),
    "local_size": ours(48),
    "blur_p": code((1.0, 0.1, *[0.5] * 4)),
    "solarize": code((0.0, 0.2, *[0.0] * 4)),
}
RECIPES = family("dino", IMAGENET, all_scales={}, cifar10=TWO_VIEWS, imagenette=FEW_LOCALS)
