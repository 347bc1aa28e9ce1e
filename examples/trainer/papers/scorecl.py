"""ScoreCL (Kim et al. 2025, https://arxiv.org/abs/2306.04175): pairs weighted by the distance of their scores."""

from __future__ import annotations

from . import simclr, simsiam, vicreg, wmse
from .recipe import IMAGENET_CHANNELS, Column, Recipe, Row, Table, marks, ours
from .scales import NT_XENT, SGD, Changes, family

paper, _ = marks("ScoreCL")
_, of_contrastive_crop = marks("ContrastiveCrop")

WEIGHT: Changes = {
    "weight": paper("score"),
    "weight_kind": ours("vector", 'as printed; the figures speak of "norm_gap"'),
    "weight_p": paper(1),
}
#: Augmentation C; every method.
CIFAR: Changes = {
    **WEIGHT,
    "backbone": paper("resnet18"),
    "stem": simclr.code("small"),
    "epochs": paper(1000),
    "batch": ours(512, "not given; 0.06 is SimSiam's rate at 512"),
    "schedule": paper("cosine"),
    "schedule_by": ours("step"),
    "warmup": paper(10.0),
    "floor": ours(0.0),
    "size": paper(32),
    "scale": paper((0.2, 1.0)),
    "interpolation": ours("bilinear"),
    "flip": paper(0.5),
    "jitter": paper((0.4, 0.4, 0.4, 0.1)),
    "jitter_p": paper(0.8),
    "gray": paper(0.2),
    "blur_p": paper(0.0),
    "solarize": paper(0.0),
    "color_first": ours(False),
    "mean": of_contrastive_crop((0.4914, 0.4822, 0.4465)),
    "std": of_contrastive_crop((0.2023, 0.1994, 0.2010)),
}
CIFAR100: Changes = {
    "mean": of_contrastive_crop((0.5071, 0.4867, 0.4408)),
    "std": of_contrastive_crop((0.2675, 0.2565, 0.2761)),
}

SIMCLR = simclr.CIFAR10_PAPER.but(
    "scorecl-simclr-cifar10-paper",
    CIFAR,
    layers=ours(3, "from the parameter counts of Tab. 9"),
    hidden=ours(512, "as wide as the features, as on ResNet-50 by the counts of Tab. 9"),
    head_bn=ours(False, "from the parameter counts of Tab. 9"),
    tau=paper(0.5),
    optimizer=paper("sgd"),
    lr=paper(0.5),
    lr_batch=ours(None),
    weight_decay=paper(1e-4),
    decay_all=ours(True),
)
SIMSIAM = simsiam.CIFAR10_PAPER.but(
    "scorecl-simsiam-cifar10-paper",
    CIFAR,
    bias=ours(True, "from the parameter counts of Tab. 9"),
    affine=ours(True, "likewise: the last batch norm's"),
    lr=paper(0.06),
    lr_batch=ours(None),
    weight_decay=paper(5e-4),
)
WMSE = wmse.CIFAR10_PAPER.but(
    "scorecl-wmse-cifar10-paper",
    CIFAR,
    lr=paper(1e-3),
    weight_decay=wmse.code(1e-6, 'the paper\'s sentence is garbled: "0.001"'),
).without("milestones", "gamma", "warmup_steps")
VICREG = vicreg.IMAGENET.but(
    "scorecl-vicreg-cifar10-paper",
    CIFAR,
    dim=ours(2048),
    hidden=ours(2048),
    optimizer=paper("lars"),
    lr=vicreg.code(0.3, "the paper's line is lost"),
    weight_decay=vicreg.code(1e-6),
)
BLUR = {"size": paper(224), "blur": ours((0.1, 2.0)), "blur_p": paper(0.5), "backbone": paper("resnet50")}
IMAGENET100: Changes = {
    **BLUR,
    "stem": paper("imagenet"),
    "epochs": paper(200),
    **IMAGENET_CHANNELS,
}

RATE: Changes = {**SGD, "lr": ours(0.06, "whatever the batch"), "lr_batch": ours(None)}
WMSE_TOYS: Changes = {"batch": ours(64), "epochs": ours(20)}


def scorecl(
    base: Recipe, method: str, all_scales: Changes, *, imagenet100: Changes | None = None, **more: Changes
) -> tuple[Recipe, ...]:
    """A method of ScoreCL on its data sets and at our scales."""
    return (
        *family(f"scorecl-{method}", base, all_scales=all_scales, **more),
        base.but(f"scorecl-{method}-cifar100-paper", CIFAR100),
        base.but(f"scorecl-{method}-imagenet100-paper", IMAGENET100, imagenet100 or {}),
    )


RECIPES = (
    *scorecl(
        SIMCLR,
        "simclr",
        SGD,
        imagenet100={"hidden": ours(2048, "from the parameter counts of Tab. 9")},
        **NT_XENT,
    ),
    *scorecl(
        SIMSIAM,
        "simsiam",
        RATE,
        imagenet100={
            "layers": ours(3, "from the parameter counts of Tab. 9"),
            "lr": paper(0.1),
            "weight_decay": paper(1e-4),
        },
    ),
    *scorecl(
        WMSE,
        "wmse",
        {},
        imagenet100={name: wmse.IMAGENET100.settings[name] for name in ("dim", "w_size")},
        rendered=WMSE_TOYS,
    ),
    *scorecl(VICREG, "vicreg", {}),
)

DATA_SETS = ("ImageNet-100", "CIFAR-10", "CIFAR-100")
TAB_2 = (
    ("SimCLR", "simclr", (69.24, 90.28, 60.11), (72.26, 91.01, 62.34)),
    ("SimSiam", "simsiam", (73.24, 90.27, 63.15), (74.18, 90.80, 64.55)),
    ("W-MSE", "wmse", (None, 90.06, 56.69), (None, 91.35, 56.94)),
    ("VICReg", "vicreg", (70.24, 88.94, 59.95), (71.44, 89.49, 61.53)),
)
TAB_6 = (
    ("SimCLR", "simclr", (60.11, 60.08, 59.39, 60.59, 60.11, 62.34)),
    ("SimSiam", "simsiam", (63.15, 56.37, 63.02, 63.76, 61.99, 64.55)),
)
LPIPS = "LPIPS compares views with their original, which a step does not have, and its weights are not at hand"
WEIGHTS = ("none", "random", "pixel", "saliency", "lpips", "score")
NEAREST_5 = ("knn", "majority top-1, %")
TABLES = (
    Table(
        paper="scorecl",
        number="2",
        title="Four methods with and without weights",
        metric="5-NN, ResNet-18 (ImageNet-100: ResNet-50)",
        columns={
            "ImageNet-100": Column("imagenet100-paper", *NEAREST_5),
            "CIFAR-10": Column("cifar10-paper", *NEAREST_5),
            "CIFAR-100": Column("cifar100-paper", *NEAREST_5),
        },
        toys=True,
        rows=tuple(
            Row(
                name,
                {data: value for data, value in zip(DATA_SETS, values, strict=True) if value is not None},
                f"scorecl-{method}",
                changed,
                against="" if changed else label,
            )
            for label, method, base, weighted in TAB_2
            for name, values, changed in ((label, base, {"weight": None}), (f"{label} + ScoreCL", weighted, {}))
        ),
        note="W-MSE ran out of memory on ImageNet-100.",
    ),
    Table(
        paper="scorecl",
        number="6",
        title="Other weights",
        metric="5-NN on CIFAR-100, ResNet-18",
        columns={"CIFAR-100": Column("cifar100-paper", *NEAREST_5)},
        toys=True,
        rows=tuple(
            Row(
                f"{label}, {weight}",
                {"CIFAR-100": value},
                f"scorecl-{method}",
                {"weight": None if weight == "none" else weight},
                against="" if weight == "none" else f"{label}, none",
                missing=LPIPS if weight == "lpips" else "",
            )
            for label, method, values in TAB_6
            for weight, value in zip(WEIGHTS, values, strict=True)
        ),
        note="SimCLR's random and LPIPS cells are garbled or copied in the text; 60.08 and 60.11 are our reading.",
    ),
)
