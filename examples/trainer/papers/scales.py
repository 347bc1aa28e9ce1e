"""The same methods on less: CIFAR-10, Imagenette, and the toys of `trainer.inputs.rendered`.

The starting points come from public scripts for small images. The two scales for a CPU have a network of their size,
`trainer.networks.ResNet8`, and what each family of methods trains with is from a search on the toys
(benchmarks/toys_search.py). A recipe that is scaled down keeps what it replaced beside the new value
(`Marked.instead`), and everything that is not named here stays the paper's.
"""

from __future__ import annotations

from collections.abc import Mapping

from .recipe import Marked, Recipe, marks, ours

Changes = Mapping[str, Marked]

SCALES = ("cifar10", "imagenette", "rendered")
CPU_SCALES = ("cifar10-cpu", "rendered")  # of the small network
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
SMALL_NETWORK: Changes = {
    "backbone": ours("resnet8", "made for 32 px: ResNet-18 with ImageNet's stem has one position left of them"),
    "stem": ours(None, "its own"),
    "last_gamma": ours(1.0, "with 0 three blocks start as one, and a short run ends before it has made up for that"),
    "batch": ours(64),
    "lr_batch": ours(None),
    "schedule": ours("cosine"),
    "schedule_by": ours("step"),
    "milestones": ours(()),
    "floor": ours(0.0),
    "warmup_steps": ours(0),
    "scale": ours((0.2, 1.0), "less of 32 px shows no part of a toy"),
    "accumulate": ours(1),
}
RENDERED: Changes = {
    **SMALL_NETWORK,
    "epochs": ours(30, "two minutes of one core"),
    "warmup": ours(2.0),
    "size": ours(32),
    "locals": ours(0),
    "blur_p": ours(0.0, "no blur at 32 px"),
    "knn_k": ours(20, "of 1,800 toys, 200 a class"),
}
#: On top of what CIFAR-10 has on a GPU.
CIFAR10_CPU: Changes = {
    **SMALL_NETWORK,
    "epochs": ours(5, "ten minutes of one core"),
    "warmup": ours(0.5),
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


HEAD = ours(512, "at most 1,024: a head of 2,048 costs four times the network")
WIDE = ours(1024, "likewise; predictors want more width than the others")
NEGATIVES: Changes = {
    "optimizer": ours("adamw"),
    "lr": ours(2e-3),
    "weight_decay": ours(5e-4),
    "decay_all": ours(True),
    "hidden": HEAD,
}
PREDICTORS: Changes = {
    "optimizer": ours("sgd"),
    "lr": ours(0.1),
    "momentum": ours(0.9),
    "weight_decay": ours(1e-3),
    "decay_all": ours(True),
    "warmup": ours(1.0),
    "hidden": WIDE,
    "jitter": ours((0.4, 0.4, 0.4, 0.1)),
    "solarize": ours(0.0),
}
#: What a family of methods trains with on the small network, by the method of a recipe (InterCLR's by its base).
FITTED: dict[str, Changes] = {
    "simclr": NEGATIVES,
    "moco": NEGATIVES,
    "infomin": NEGATIVES,
    "leoclr": NEGATIVES,
    "clim": NEGATIVES,
    "mocov3": NEGATIVES,
    "byol": {**PREDICTORS, "dim": ours(512), "m": ours(0.9)},
    "simsiam": {**PREDICTORS, "dim": WIDE, "bottleneck": ours(256)},
    "vicreg": {**NEGATIVES, "dim": HEAD},
    "wmse": {
        **NEGATIVES,
        "schedule": ours("cosine"),
        "milestones": ours(()),
        "warmup_steps": ours(0),
        "warmup": ours(1.0),
        "dim": ours(16),
        "w_size": ours(64, "all of a batch"),
        "eps": ours(0.0),
        "jitter": ours((0.4, 0.4, 0.4, 0.1), "with .8 it stays at its start"),
    },
    "dino": {
        **NEGATIVES,
        "outputs": ours(256, "2,048 are more than there are toys"),
        "bottleneck": ours(64),
        "head_bn": ours(True, "features of three blocks hardly differ between images before their mean is taken off"),
        "freeze": ours(1000, "all epochs: a last layer that learns turns to the uniform answer within two"),
        "m": ours(0.9, "in 840 steps a teacher of .996 learns next to nothing"),
        "tau_t": ours(0.05, "sharper targets follow the outputs' common drift"),
        "center_m": ours(0.5, "with .9 the center lags"),
        "jitter": ours((0.4, 0.4, 0.4, 0.1)),
        "solarize": ours(0.0),
    },
    "npid": NEGATIVES,
}
#: Of the toys. NPID sees one view of an image in an epoch, and each row of its bank is made anew once.
EPOCHS: dict[str, Changes] = {"npid": {"epochs": ours(60, "of one view: as long as the others' 30")}}


def fitted(base: Recipe) -> Changes:
    """What a recipe's method trains with on the small network; a linear head has no hidden layer."""
    linear = base.values.get("head") == "linear"
    return {name: marked for name, marked in FITTED[kind(base)].items() if not (linear and name == "hidden")}


def kind(base: Recipe) -> str:
    """The method that decides how a recipe is trained."""
    values = base.values
    return str(values.get("on", values["method"]))


def family(
    name: str,
    base: Recipe,
    *,
    all_scales: Changes = SGD,
    cifar10: Changes | None = None,
    imagenette: Changes | None = None,
    rendered: Changes | None = None,
) -> tuple[Recipe, ...]:
    """The recipe and its scaled-down counterparts: ``NAME-cifar10``, ``-cifar10-cpu``, ``-imagenette``, ``-rendered``.

    Args:
        name: of the counterparts, without the scale.
        base: the paper's recipe.
        all_scales: what changes at every scale; by default the optimizer. Methods with an optimizer of their own (DINO,
            VICReg, W-MSE) pass what else changes.
        cifar10: what else changes for CIFAR-10, on a GPU and a CPU.
        imagenette: for Imagenette.
        rendered: for the rendered set.

    On the small network, what its family of methods trains with (`FITTED`) goes over all these.

    Raises:
        ValueError: if ``rendered`` has a value that the family's goes over.
    """
    family = fitted(base)
    if dead := sorted(family.keys() & (rendered or {}).keys()):
        raise ValueError(
            f"rendered must leave to FITTED what it has for {kind(base)}, got {', '.join(dead)} for {name}; take it out"
        )
    scales: dict[str, tuple[Changes | None, ...]] = {
        "cifar10": (CIFAR10, cifar10),
        "cifar10-cpu": (CIFAR10, cifar10, CIFAR10_CPU, family, {"warmup": CIFAR10_CPU["warmup"]}),
        "imagenette": (IMAGENETTE, imagenette),
        "rendered": (RENDERED, rendered, family, EPOCHS.get(kind(base))),
    }
    scaled = (
        base.but(f"{name}-{scale}", all_scales, *(change for change in changes if change is not None))
        for scale, changes in scales.items()
    )
    return (base, *scaled)
