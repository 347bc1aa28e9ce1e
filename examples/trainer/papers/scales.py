"""The same methods on less: CIFAR-10, Imagenette, and the toys of `trainer.inputs.rendered`.

The starting points come from public scripts for small images. A recipe that is scaled down keeps what it replaced
beside the new value (`Marked.instead`), and everything that is not named here stays the paper's.
"""

from __future__ import annotations

from collections.abc import Mapping

from .recipe import Marked, Recipe, marks, ours

Changes = Mapping[str, Marked]

SCALES = ("cifar10", "imagenette", "rendered")
_, of_simclr = marks("SimCLR")
_, of_contrastive_crop = marks("ContrastiveCrop")

CIFAR10: Changes = {
    "backbone": ours("resnet18"),
    "stem": ours("imagenet", 'for a CPU; on a GPU "small" sees more and costs twenty times as much'),
    "batch": ours(512),
    "epochs": ours(200),
    "warmup": ours(10.0, "from batch 512 on"),
    "accumulate": ours(1),
    "size": ours(32),
    "locals": ours(0, "a local crop of 32 px is a few pixels"),
    "blur_p": ours(0.0, "no blur at 32 px"),
    "mean": of_contrastive_crop((0.4914, 0.4822, 0.4465)),
    "std": of_contrastive_crop((0.2023, 0.1994, 0.2010)),
}
IMAGENETTE: Changes = {
    "backbone": ours("resnet18"),
    "stem": ours("imagenet"),
    "batch": ours(256),
    "epochs": ours(200),
    "warmup": ours(0.0),
    "accumulate": ours(1),
    "size": ours(128),
    "stored": ours(160, "the shorter side, then the center: all images in memory"),
}
#: In the few hundred steps that toys are for, SGD at the rates below leaves SimCLR under its own initialization.
RENDERED: Changes = {
    "backbone": ours("resnet18"),
    "stem": ours("imagenet", "a step of it takes a twentieth of the small stem's time on a CPU"),
    "batch": ours(32),
    "epochs": ours(10),
    "optimizer": ours("adamw"),
    "lr": ours(1e-3),
    "lr_batch": ours(None),
    "weight_decay": ours(5e-4),
    "schedule": ours("cosine"),
    "milestones": ours(()),
    "floor": ours(0.0),
    "warmup": ours(1.0),
    "scale": ours((0.2, 1.0), "less of 32 px shows no part of a toy"),
    "accumulate": ours(1),
    "size": ours(32),
    "locals": ours(0),
    "blur_p": ours(0.0, "no blur at 32 px"),
}
SGD: Changes = {
    "optimizer": ours("sgd"),
    "lr": ours(0.06),
    "lr_batch": ours(128),
    "momentum": ours(0.9),
    "weight_decay": ours(5e-4),
    "decay_all": ours(True),
    "schedule": ours("cosine"),
    "milestones": ours(()),
    "floor": ours(0.0),
}
HALF_JITTER: Changes = {"jitter": of_simclr((0.4, 0.4, 0.4, 0.1), "strength 0.5 on small images")}
WIDTH: Changes = {"hidden": of_simclr(512, "as wide as ResNet-18's features")}
#: SimCLR's temperature at each scale, its jitter, and its head on ResNet-18.
NT_XENT: dict[str, Changes] = {
    "cifar10": {"tau": ours(0.5), **HALF_JITTER, **WIDTH},
    "imagenette": {"tau": ours(0.5), **HALF_JITTER, **WIDTH},
    "rendered": {"tau": ours(0.2), **HALF_JITTER},
}


def family(
    name: str,
    base: Recipe,
    *,
    all_scales: Changes = SGD,
    cifar10: Changes | None = None,
    imagenette: Changes | None = None,
    rendered: Changes | None = None,
) -> tuple[Recipe, ...]:
    """The recipe and its scaled-down counterparts: ``NAME-cifar10``, ``NAME-imagenette``, ``NAME-rendered``.

    Args:
        name: of the counterparts, without the scale.
        base: the paper's recipe.
        all_scales: what changes at every scale; by default the optimizer. Methods with an optimizer of their own (DINO,
            VICReg, W-MSE) pass what else changes.
        cifar10: what else changes for CIFAR-10.
        imagenette: for Imagenette.
        rendered: for the rendered set.
    """
    more = {"cifar10": (CIFAR10, cifar10), "imagenette": (IMAGENETTE, imagenette), "rendered": (RENDERED, rendered)}
    scaled = (base.but(f"{name}-{scale}", all_scales, common, own or {}) for scale, (common, own) in more.items())
    return (base, *scaled)
