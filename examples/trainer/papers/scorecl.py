"""ScoreCL (Kim et al. 2025, https://arxiv.org/abs/2306.04175): pairs weighted by the distance of their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..evaluation import metrics
from . import jointcrop, simclr, simsiam, vicreg, wmse
from .lines import detected
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

#: Tab. 1: as ImageNet-100; neither epochs nor batch are given.
IMAGENET: Changes = {**IMAGENET100, "epochs": ours(100, "not given")}

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
        base.but(f"scorecl-{method}-imagenet-paper", IMAGENET, imagenet100 or {}),
    )


#: Tab. 8: ContrastiveCrop's code on CIFAR, SimSiam; JointCrop's small runs are made after the same.
(_TINY,) = (recipe for recipe in jointcrop.RECIPES if recipe.name == "jointcrop-simsiam-tiny")
CONTRASTIVE: Changes = {
    **WEIGHT,
    "size": paper(32),
    "crop": paper("contrastive"),
    "alpha": of_contrastive_crop(0.1),
}
RECIPES = (
    *(
        _TINY.but(f"scorecl-contrastivecrop-{data}-paper", CONTRASTIVE, {name: own[name] for name in ("mean", "std")})
        for data, own in (("cifar10", CIFAR), ("cifar100", CIFAR100))
    ),
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
WEIGHTS = ("none", "random", "pixel", "saliency", "lpips", "score")
NEAREST_5 = ("knn", metrics.MAJORITY)
BASE: Mapping[str, Any] = {"weight": None}


def pair(label: str, method: str, reported: Sequence[Mapping[str, float]], **more: Any) -> tuple[Row, Row]:
    """A method without weights, and with them."""
    base, weighted = reported
    recipe, changed = f"scorecl-{method}", more.pop("changed", {})
    return (
        Row(label, base, recipe, {**changed, **BASE}, **more),
        Row(f"{label} + ScoreCL", weighted, recipe, changed, against=label, **more),
    )


TAB_1 = (
    ("SimCLR", "simclr", (42.62, 56.98), (45.59, 59.21)),
    ("SimSiam", "simsiam", (54.66, 58.13), (54.98, 59.98)),
    ("VICReg", "vicreg", (55.08, 59.58), (57.80, 61.86)),
)
R101: Mapping[str, Any] = {"backbone": "resnet101"}
TAB_3 = (("SimCLR", "simclr", 70.14, 72.90), ("SimSiam", "simsiam", 74.02, 75.04), ("VICReg", "vicreg", 71.56, 72.24))
#: Tab. 3's transformers at 32 px: name, network, width of its features (and of the head), values.
VITS = (
    ("ViT-S/4", "timm:vit_small_patch4_32", 384, 58.49, 60.91),
    ("ViT-S/8", "timm:vit_small_patch8_32", 384, 55.51, 58.01),
    ("ViT-S/16", "timm:vit_small_patch16_32", 384, 47.11, 50.44),
    ("ViT-B/8", "timm:vit_base_patch8_32", 768, 55.87, 59.17),
    ("ViT-B/16", "timm:vit_base_patch16_32", 768, 47.11, 48.56),
)
#: Tab. 4's data sets, as they are read; on two of them it has the mean of the classes' accuracies.
TAB_4 = {
    "STL10": "stl10",
    "Food": "food101",
    "Flowers": "flowers102",
    "Cars": "cars",
    "Aircraft": "aircraft",
    "DTD": "dtd",
}
OF_CLASSES = ("flowers102", "aircraft")
TAB_4_COLUMNS = {
    f"{name}, {how}": Column("imagenet-paper", protocol, of_classes if data in OF_CLASSES else top_1, data=data)
    for how, protocol, top_1, of_classes in (
        ("k-NN", "knn", metrics.MAJORITY, metrics.MAJORITY_PER_CLASS),
        ("linear", "linear:scorecl", metrics.TOP_1, metrics.MEAN_PER_CLASS),
    )
    for name, data in TAB_4.items()
}
TAB_4_VALUES = (
    (80.56, 46.31, 61.60, 16.03, 21.57, 54.57, 87.79, 59.07, 64.04, 26.96, 25.33, 55.85),
    (83.04, 45.97, 64.55, 16.23, 21.48, 56.09, 88.79, 59.34, 66.03, 25.46, 26.77, 57.28),
)
PRECISIONS = ("VOC AP", "VOC AP50", "VOC AP75", "bb AP", "bb AP50", "bb AP75", "mk AP", "mk AP50", "mk AP75")
TAB_5 = (53.99, 80.21, 59.69, 39.92, 59.67, 43.13, 34.84, 56.30, 37.18)
#: Augmentations by ScoreCL's names, beside C, which the recipes have: C+ is of both views, R of the second.
C_PLUS: Mapping[str, Any] = {"scale": (0.1, 1.0), "jitter": (0.8, 0.8, 0.8, 0.2), "gray": 0.4}
R: Mapping[str, Any] = {"randaugment": (2, 9)}
#: Tab. 7's augmentations of the two views.
STRONGER: Mapping[str, Mapping[str, Any]] = {"(C, C)": {}, "(C+, C+)": C_PLUS, "(C, R)": R}
TAB_7 = (
    ("SimCLR", "simclr", ((60.11, 62.34), (57.80, 60.30), (63.06, 65.26))),
    ("SimSiam", "simsiam", ((63.15, 64.55), (59.63, 60.76), (66.91, 67.70))),
)
TAB_8: tuple[tuple[str, Mapping[str, Any], tuple[float, float], tuple[float, float]], ...] = (
    ("RandomCrop", {"crop": "independent", "alpha": None}, (90.40, 63.86), (90.94, 64.03)),
    ("ContrastiveCrop", {}, (90.72, 64.47), (90.99, 64.56)),
)
TAB_8_COLUMNS = {
    "CIFAR-10": Column("cifar10-paper", "linear:contrastivecrop", metrics.TOP_1),
    "CIFAR-100": Column("cifar100-paper", "linear:contrastivecrop", metrics.TOP_1),
}
TAB_9 = (
    ("SimCLR", "simclr", (32.16, 69.24), (33.54, 72.26), (51.16, 70.14), (52.53, 72.90)),
    ("SimSiam", "simsiam", (38.21, 73.24), (39.59, 74.18), (57.20, 74.02), (58.58, 75.04)),
)
TAB_10 = (("SimCLR", "simclr", 60.11, 60.91, 62.34), ("SimSiam", "simsiam", 63.15, 63.32, 64.55))
BATCHES = (128, 256, 512)
#: Fig. 7's halves: twice the epochs (and their warm-up), so that there are as many steps.
HALVED: Mapping[str, Any] = {name: 2 * CIFAR[name].value for name in ("epochs", "warmup")}
ON_CIFAR100 = {"CIFAR-100": Column("cifar100-paper", *NEAREST_5)}
TABLES = (
    Table(
        paper="scorecl",
        number="1",
        title="Three methods on ImageNet",
        metric="5-NN and linear top-1, ResNet-50",
        columns={
            "k-NN": Column("imagenet-paper", *NEAREST_5),
            "linear": Column("imagenet-paper", "linear:moco", metrics.TOP_1),
        },
        rows=tuple(
            row
            for label, method, *values in TAB_1
            for row in pair(label, method, tuple(dict(zip(("k-NN", "linear"), own, strict=True)) for own in values))
        ),
        note="Epochs, batch and the probe are not given.",
    ),
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
        number="3",
        title="Other encoders",
        metric="5-NN",
        columns={"ImageNet-100": Column("imagenet100-paper", *NEAREST_5), **ON_CIFAR100},
        rows=(
            *(
                row
                for label, method, base, weighted in TAB_3
                for row in pair(
                    f"{label}, ResNet-101",
                    method,
                    ({"ImageNet-100": base}, {"ImageNet-100": weighted}),
                    own=R101,
                )
            ),
            *(
                row
                for label, network, width, base, weighted in VITS
                for row in pair(
                    f"SimCLR, {label}",
                    "simclr",
                    ({"CIFAR-100": base}, {"CIFAR-100": weighted}),
                    own={"backbone": network, "stem": None, "hidden": width},
                )
            ),
        ),
        note="The bases of ViT-S/16 and ViT-B/16 are the same number. How ViTs were trained is not said: here as the "
        "ResNets, by SGD.",
    ),
    Table(
        paper="scorecl",
        number="4",
        title="Other data",
        metric="5-NN and linear top-1 (Flowers, Aircraft: mean per class), SimSiam with ResNet-50",
        columns=TAB_4_COLUMNS,
        rows=pair("SimSiam", "simsiam", tuple(dict(zip(TAB_4_COLUMNS, own, strict=True)) for own in TAB_4_VALUES)),
        note="What it was trained on is not said: ImageNet here.",
    ),
    Table(
        paper="scorecl",
        number="5",
        title="Detection and segmentation",
        metric="average precision, Faster R-CNN on VOC and Mask R-CNN on COCO, SimSiam with ResNet-50",
        columns={
            **detected("imagenet-paper", "voc-c4", "voc0712", *PRECISIONS[:3]),
            **detected("imagenet-paper", "coco-c4-1x", "coco", *PRECISIONS[3:]),
        },
        rows=pair("SimSiam", "simsiam", ({"mk AP75": 36.63}, dict(zip(PRECISIONS, TAB_5, strict=True)))),
        note="Of the base our text has the last value alone.",
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
            )
            for label, method, values in TAB_6
            for weight, value in zip(WEIGHTS, values, strict=True)
        ),
        note="SimCLR's random and LPIPS cells are garbled or copied in the text; 60.08 and 60.11 are our reading. "
        "LPIPS needs a file of its weights, which we do not have.",
    ),
    Table(
        paper="scorecl",
        number="7",
        title="Other augmentations",
        metric="5-NN on CIFAR-100, ResNet-18",
        columns=ON_CIFAR100,
        rows=tuple(
            row
            for label, method, values in TAB_7
            for (views, changed), (base, weighted) in zip(STRONGER.items(), values, strict=True)
            for row in pair(
                f"{label}, {views}", method, ({"CIFAR-100": base}, {"CIFAR-100": weighted}), changed=changed
            )
        ),
        note="Operations and magnitude of RandAugment are not given: 2 and 9.",
    ),
    Table(
        paper="scorecl",
        number="8",
        title="ContrastiveCrop",
        metric="linear top-1, SimSiam with ResNet-18, by ContrastiveCrop's code",
        columns=TAB_8_COLUMNS,
        rows=tuple(
            row
            for label, changed, *values in TAB_8
            for row in pair(
                label,
                "contrastivecrop",
                tuple(dict(zip(TAB_8_COLUMNS, own, strict=True)) for own in values),
                changed=changed,
            )
        ),
    ),
    Table(
        paper="scorecl",
        number="9",
        title="Parameters",
        metric="millions of parameters, and 5-NN on ImageNet-100",
        columns={
            "parameters": Column("imagenet100-paper", "log", "million parameters"),
            "ImageNet-100": Column("imagenet100-paper", *NEAREST_5),
        },
        rows=tuple(
            row
            for label, method, *values in TAB_9
            for size, own, both in (("ResNet-50", {}, values[:2]), ("ResNet-101", R101, values[2:]))
            for row in pair(
                f"{label}, {size}",
                method,
                tuple({"parameters": count, "ImageNet-100": value} for count, value in both),
                own=own,
            )
        ),
        note="The score network's are counted in; the text says 1.8 million, the table 1.37.",
    ),
    Table(
        paper="scorecl",
        number="10",
        title="As long as ScoreCL in all",
        metric="5-NN on CIFAR-100, ResNet-18",
        columns=ON_CIFAR100,
        rows=tuple(
            row
            for label, method, base, longer, weighted in TAB_10
            for row in (
                *pair(label, method, ({"CIFAR-100": base}, {"CIFAR-100": weighted})),
                Row(
                    f"{label}, Base+",
                    {"CIFAR-100": longer},
                    f"scorecl-{method}",
                    BASE,
                    against=label,
                    as_long_as=f"{label} + ScoreCL",
                ),
            )
        ),
        note="Base+ has as many epochs as fill the time of the weighted run and of its score network, by the seconds "
        "measured here.",
    ),
    Table(
        paper="scorecl",
        number="Fig. 6",
        title="Batches",
        metric="5-NN on CIFAR-10 and CIFAR-100, ResNet-18",
        columns={"CIFAR-10": Column("cifar10-paper", *NEAREST_5), **ON_CIFAR100},
        rows=tuple(
            row
            for label, method, *_ in TAB_2
            for batch in BATCHES
            for row in pair(f"{label}, batch {batch}", method, ({}, {}), own={"batch": batch})
        ),
        note="The values are in the picture only, and the batches are Fig. 7's.",
    ),
    Table(
        paper="scorecl",
        number="Fig. 7",
        title="Pairs above and below the median",
        metric="accuracy on CIFAR-100, ResNet-18",
        columns=ON_CIFAR100,
        rows=tuple(Row(f"all, batch {batch}", {}, "scorecl-simclr", own={"batch": batch}) for batch in BATCHES)
        + tuple(
            Row(
                f"{part}, batch {batch}",
                {},
                "scorecl-simclr",
                {"half": part},
                against=f"all, batch {batch}",
                own={"batch": batch, **HALVED},
            )
            for part in ("above", "below")
            for batch in BATCHES
        ),
        note="The values are in the picture only, and the method is not said. Halves draw twice the images, so that an "
        "epoch has half the steps: twice the epochs make as many steps as all pairs have.",
    ),
)
