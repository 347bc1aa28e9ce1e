"""CLIM (Li et al. 2020, https://arxiv.org/abs/2011.02697, version 1)."""

from __future__ import annotations

from dataclasses import replace

from ..evaluation import metrics
from . import moco
from .lines import LVIS, SUPERVISED, detected, lines, run
from .moco import HEAD_RESNET18, QUEUE_CIFAR10, QUEUE_IMAGENETTE, QUEUE_RENDERED
from .recipe import Column, Recipe, Row, Table, marks, ours
from .scales import RENDERED, Changes, family

paper, _ = marks("CLIM")

IMAGENET = moco.V2.but(
    "clim-imagenet",
    method=paper("clim"),
    m=paper(0.999),
    epochs=paper(1200),
    batch=paper(512),
    lr=paper(0.03, "0.06 at this batch"),
    weight_decay=paper(1e-4),
    jitter=moco.code((0.4, 0.4, 0.4, 0.1), "the paper gives no strengths"),
    gray=paper(0.2),
    blur=paper((0.1, 2.0)),
    blur_p=paper(0.5),
    flip=paper(0.5),
    scale=paper((0.2, 1.0)),
    bn_splits=paper(16, "16 devices of 32 images"),
    selector=paper("center"),
    clusters=paper(10000),
    k=paper(40),
    n_pos=paper(10),
    every=paper(5, "epochs"),
    warmup_epochs=ours(5, "of plain MoCo; how the first positives are found is not said"),
    mix=paper(True),
    mix_alpha=paper(2.0, "weighed by the realized share of the mask, as CutMix has it"),
    sizes=paper((224, 160)),
    share_box=ours(False),
    reduction=ours("sum", "eq. 6: the n^2 terms are added"),
).without("symmetric", "head")

#: Tab. 7: 200 epochs at two resolutions.
SHORT = IMAGENET.but("clim-imagenet-200", epochs=paper(200))
#: Tab. 6, 8 and 9: 200 epochs at one resolution.
ABLATION = IMAGENET.but("clim-ablation-imagenet", epochs=paper(200), sizes=paper(()))

SMALL: Changes = {"clusters": ours(100, "ten times the classes")}
WARMUP_TOYS = 2
TOYS: Changes = {"clusters": ours(18, "twice the classes"), "warmup_epochs": ours(WARMUP_TOYS)}


def by_passes(epochs: int, resolutions: int, warmup: int) -> int:
    """Epochs in which CLIM encodes as many views as MoCo v2 does in ``epochs``.

    MoCo v2 encodes two views of an image, a query and its key. CLIM has a query and two keys at each resolution, and in
    its warm-up, which is plain MoCo, a query and one key.

    Args:
        epochs: of MoCo v2.
        resolutions: of CLIM's views.
        warmup: CLIM's epochs of plain MoCo.
    """
    return round((2 * epochs + resolutions * warmup) / (3 * resolutions))


def clim(name: str, base: Recipe, sizes: dict[str, tuple[int, ...]]) -> tuple[Recipe, ...]:
    """CLIM at all scales, with these resolutions."""
    resolutions: dict[str, Changes] = {scale: {"sizes": ours(own)} for scale, own in sizes.items()}
    epochs = by_passes(RENDERED["epochs"].value, max(len(sizes.get("rendered", ())), 1), WARMUP_TOYS)
    counted = {"epochs": ours(epochs, "as many forward passes as the others' epochs have")}
    return family(
        name,
        base,
        cifar10={**SMALL, **QUEUE_CIFAR10, **HEAD_RESNET18, **resolutions.get("cifar10", {})},
        imagenette={**SMALL, **QUEUE_IMAGENETTE, **HEAD_RESNET18, **resolutions.get("imagenette", {})},
        rendered={**TOYS, **counted, **QUEUE_RENDERED, **resolutions.get("rendered", {})},
    )


RECIPES = (
    *clim("clim", IMAGENET, {"cifar10": (32, 24), "imagenette": (128, 96), "rendered": (32, 24)}),
    *clim("clim-ablation", ABLATION, {}),
    SHORT,
)

TAB_6 = (
    ("MoCo v2", "none", 67.5, None),
    ("Random", "random", 62.3, 67.1),
    ("KNN", "knn", 68.3, 69.5),
    ("K-means", "kmeans", 68.0, 69.2),
    ("Center-wise", "center", 69.3, 70.1),
)
TOP_1 = ("linear:moco", metrics.TOP_1)
#: How the lines of Tab. 1 to 5 and 10 are run; MoCo v2 is its 800-epoch model.
RUNS = {
    "Supervised": Row("", missing=SUPERVISED),
    "NPID": run("npid"),
    "MoCo": run("moco1"),
    "SimCLR": run("simclr", "simclr-imagenet-1000"),
    "MoCo v2": run("moco2", "moco2-imagenet-800"),
    "BYOL": run("byol"),
    "CLIM": run("clim"),
}
OWN_PROBE = {
    **RUNS,
    "SimCLR": replace(RUNS["SimCLR"], protocol="linear:simclr"),
    "BYOL": replace(RUNS["BYOL"], protocol="linear:byol"),
}
TAB_2 = {
    f"{percent} %, {metric}": Column("imagenet", "finetune:clim", metrics.in_percent(metric), fraction=percent / 100)
    for percent in (1, 10)
    for metric in ("top-1", "top-5")
}
PRECISIONS = ("AP", "AP50", "AP75")
TAB_4 = tuple(f"{what} {length} {name}" for what in ("bb", "mk") for length in ("1x", "2x") for name in PRECISIONS)
TAB_5 = tuple(f"{what} {name}" for what in ("bb", "mk") for name in PRECISIONS)
TAB_8 = {5000: (69.1, 69.5, 69.4), 10000: (70.0, 70.1, 69.7), 20000: (69.6, 69.9, 69.5)}
TABLES = (
    Table(
        paper="clim",
        number="1",
        title="Linear evaluation",
        metric="linear top-1 on ImageNet, ResNet-50",
        columns={"ImageNet": Column("imagenet", *TOP_1)},
        rows=lines(
            ("ImageNet",),
            {
                "Supervised": (76.5,),
                "Colorization": (39.6,),
                "Jigsaw": (45.7,),
                "NPID": (54.0,),
                "LA": (58.8,),
                "MoCo": (60.6,),
                "SeLa": (61.5,),
                "PIRL": (63.6,),
                "CPCv2": (63.8,),
                "PCL": (65.9,),
                "SimCLR": (70.0,),
                "MoCo v2": (71.1,),
                "SimCLRv2": (71.7,),
                "InfoMin": (73.0,),
                "BYOL": (74.3,),
                "SwAV": (75.3,),
                "CLIM": (75.5,),
            },
            OWN_PROBE,
            "MoCo v2",
        ),
        note="Its lines differ in epochs (200 to 1200). SimCLR's own value is 69.3.",
    ),
    Table(
        paper="clim",
        number="2",
        title="Fine-tuned on a part of the labels",
        metric="top-1 and top-5 on ImageNet, ResNet-50 fine-tuned on 1 % and 10 % of the labels, 5 trials",
        columns=TAB_2,
        rows=lines(
            tuple(TAB_2),
            {
                "Supervised": (25.4, 48.4, 56.4, 56.4),
                "PIRL": (30.7, 57.2, 60.4, 83.8),
                "SimCLR": (48.3, 75.5, 65.6, 87.8),
                "BYOL": (53.2, 78.4, 68.8, 89.0),
                "SwAV": (53.9, 78.5, 70.2, 89.9),
                "SimCLRv2": (57.9, 82.5, 68.4, 89.2),
                "CLIM": (59.3, 81.6, 70.0, 89.3),
            },
            RUNS,
            "BYOL",
        ),
        note="The supervised 56.4 of 10 %, top-5, is its top-1 again; elsewhere it is 80.4. Our labels "
        "are drawn by address.",
    ),
    Table(
        paper="clim",
        number="3",
        title="Detection on PASCAL VOC",
        metric="average precision, Faster R-CNN with ResNet-50-C4, 5 trials",
        columns=detected("imagenet", "voc-c4", "voc0712", "AP50", "AP75"),
        rows=lines(
            ("AP50", "AP75"),
            {"Supervised": (81.4, 58.8), "MoCo v2": (82.5, 64.0), "SwAV": (82.6, None), "CLIM": (82.8, 64.5)},
            RUNS,
            "MoCo v2",
        ),
    ),
    Table(
        paper="clim",
        number="4",
        title="Detection and segmentation on COCO",
        metric="average precision, Mask R-CNN with ResNet-50-FPN, 1x and 2x, 5 trials",
        columns={
            name: column
            for length in ("1x", "2x")
            for name, column in detected(
                "imagenet", f"coco-fpn-{length}", "coco", *(name for name in TAB_4 if length in name)
            ).items()
        },
        rows=lines(
            TAB_4,
            {
                "Supervised": (38.9, 59.6, 42.0, 40.6, 61.3, 44.4, 35.4, 56.5, 38.1, 36.8, 58.1, 39.5),
                "MoCo v2": (39.2, 59.9, 42.7, 41.5, 62.2, 45.3, 35.7, 56.8, 38.1, 37.5, 59.1, 40.1),
                "CLIM": (39.5, 60.0, 43.3, 41.8, 62.3, 45.7, 35.8, 57.0, 38.6, 37.7, 59.4, 40.5),
            },
            RUNS,
            "MoCo v2",
        ),
    ),
    Table(
        paper="clim",
        number="5",
        title="Segmentation on LVIS",
        metric="average precision, Mask R-CNN with ResNet-50-FPN, 2x, 5 trials",
        columns={name: Column("imagenet", missing=LVIS) for name in TAB_5},
        rows=lines(
            TAB_5,
            {
                "Supervised": (24.1, 39.4, 25.0, 24.2, 37.8, 25.1),
                "MoCo v2": (25.1, 40.4, 26.1, 25.3, 38.4, 27.0),
                "CLIM": (25.5, 41.2, 26.7, 25.6, 39.5, 27.5),
            },
            RUNS,
            "MoCo v2",
        ),
    ),
    Table(
        paper="clim",
        number="6",
        title="Which images are positives",
        metric="linear top-1 on ImageNet, ResNet-50, 200 epochs",
        columns={"ImageNet": Column("imagenet", *TOP_1)},
        toys=True,
        rows=tuple(
            Row(
                f"{name}, {label}",
                {"ImageNet": value},
                "clim-ablation",
                {"selector": selector, "mix": mix},
                against="" if selector == "none" else "MoCo v2, no mixing",
            )
            for name, selector, plain, mixed in TAB_6
            for label, mix, value in (("no mixing", False, plain), ("CutMix", True, mixed))
            if value is not None
        ),
        note="Without mixing, the weight of the image's own view is not stated; ours gives both views the same.",
    ),
    Table(
        paper="clim",
        number="7",
        title="Several resolutions",
        metric="linear top-1 on ImageNet, ResNet-50, 200 epochs",
        columns={"ImageNet": Column("imagenet-200", *TOP_1)},
        rows=(
            Row(
                "multi-crop, 2 x 224 + 2 x 96",
                {"ImageNet": 69.7},
                "clim-ablation",
                against="{224, 160}",
                own={"locals": 2, "local_size": 96, "local_scale": (0.05, 0.14)},
                at={"imagenet-200": "clim-ablation-imagenet"},
            ),
            *(
                Row(
                    f"{{{first}, {second}}}",
                    {"ImageNet": value},
                    "clim",
                    against="" if second == 160 else "{224, 160}",
                    own={"sizes": (first, second)},
                )
                for first, second, value in ((224, 96, 70.4), (224, 128, 71.7), (224, 160, 72.3), (224, 224, 71.4))
            ),
        ),
        note="{224, 224} shows each view twice, with draws of flip and color of their own. What smaller crops are to "
        "CLIM is not said: here further queries of the same keys, mixed as the query is; the terms are averaged.",
    ),
    Table(
        paper="clim",
        number="8",
        title="Clusters and neighbors",
        metric="linear top-1 on ImageNet, ResNet-50, 200 epochs",
        columns={"ImageNet": Column("imagenet", *TOP_1)},
        rows=tuple(
            Row(
                f"m {clusters}, k {k}",
                {"ImageNet": value},
                "clim-ablation",
                against="" if (clusters, k) == (10000, 40) else "m 10000, k 40",
                own={"clusters": clusters, "k": k},
            )
            for clusters, values in TAB_8.items()
            for k, value in zip((20, 40, 60), values, strict=True)
        ),
    ),
    Table(
        paper="clim",
        number="9",
        title="The law of the mixing weight",
        metric="linear top-1 on ImageNet, ResNet-50, 200 epochs",
        columns={"ImageNet": Column("imagenet", *TOP_1)},
        toys=True,
        rows=tuple(
            Row(
                f"alpha {alpha:g}",
                {"ImageNet": value},
                "clim-ablation",
                {"mix_alpha": alpha},
                against="" if alpha == 2 else "alpha 2",
            )
            for alpha, value in ((1.0, 69.7), (1.5, 69.9), (2.0, 70.1), (2.5, 69.8))
        ),
    ),
    Table(
        paper="clim",
        number="10",
        title="Similarity within classes",
        metric="mean cosine within a class of ImageNet",
        columns={"ImageNet": Column("imagenet", "similarity", metrics.WITHIN_CLASS)},
        rows=lines(("ImageNet",), {"Supervised": (0.75,), "MoCo v2": (0.58,), "CLIM": (0.65,)}, RUNS, "MoCo v2"),
        note="App. C calls it a distance.",
    ),
    Table(
        paper="clim",
        number="11",
        title="Epochs",
        metric="linear top-1 on ImageNet, ResNet-50",
        columns={"ImageNet": Column("imagenet", *TOP_1)},
        rows=tuple(
            Row(
                f"{epochs} epochs",
                {"ImageNet": value},
                "clim",
                against="" if epochs == 200 else "200 epochs",
                own={"epochs": epochs},
            )
            for epochs, value in ((200, 72.3), (800, 75.2), (1200, 75.5))
        ),
    ),
)
