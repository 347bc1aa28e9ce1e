"""LeOCLR (Alkhalefi et al. 2024, https://arxiv.org/abs/2403.06813)."""

from __future__ import annotations

from dataclasses import replace

from ..evaluation import metrics
from . import byol, dino, moco, simclr, simsiam
from .lines import OTHERS, detected, lines, run
from .moco import HEAD_RESNET18, QUEUE_CIFAR10, QUEUE_IMAGENETTE, QUEUE_RENDERED
from .recipe import Column, Row, Table, marks, ours
from .scales import NT_XENT, Changes, family

paper, _ = marks("LeOCLR")

#: The whole image, resized, to the trained encoder; two crops to the momentum encoder.
IMAGENET = moco.V2.but(
    "leoclr-imagenet",
    method=paper("leoclr"),
    m=paper(0.999),
    epochs=paper(800),
    batch=paper(256),
    lr=paper(0.03),
    weight_decay=paper(1e-4),
    original=paper(True),
    framework=paper("moco"),
    attract=paper("original"),
    reduction=ours("sum", "eq. 3, over the two terms; the mean over the batch, which eq. 3 sums"),
    enqueue=ours("first", "which keys enter the queue is not said"),
).without("symmetric", "head")
SHORT = IMAGENET.but("leoclr-imagenet-200", epochs=paper(200))

#: Tab. 5: SimCLR as its authors have it, and the same with the whole image as the query. What is not given (optimizer,
#: temperature, head, views) is SimCLR's in both rows.
END_TO_END_BASELINE = simclr.IMAGENET.but("simclr-imagenet-200", epochs=paper(200), batch=paper(256))
END_TO_END = END_TO_END_BASELINE.but(
    "leoclr-e2e-imagenet",
    method=paper("leoclr"),
    framework=paper("simclr"),
    original=paper(True),
    attract=paper("original"),
    reduction=IMAGENET.settings["reduction"],
).without("layers")

#: Tab. 6. Stem, image size and rate are not given; 73.9 for the baseline on CIFAR-10 points to ImageNet's stem.
TAB_6: Changes = {
    "backbone": paper("resnet18"),
    "stem": ours("imagenet", 'not given; "small" is the other reading'),
    "epochs": paper(800),
    "batch": paper(256),
}
_, of_contrastive_crop = marks("ContrastiveCrop")
CIFAR10: Changes = {
    **TAB_6,
    "size": ours(32),
    "K": ours(4096, "65536 is more than there are images"),
    "mean": of_contrastive_crop((0.4914, 0.4822, 0.4465)),
    "std": of_contrastive_crop((0.2023, 0.1994, 0.2010)),
}
STL10: Changes = {
    **TAB_6,
    "size": ours(96),
    "mean": of_contrastive_crop((0.4406, 0.4273, 0.3858)),
    "std": of_contrastive_crop((0.2312, 0.2265, 0.2237)),
}
LOCALS_96: Changes = {"local_size": ours(48), "outputs": ours(2048)}
LOCALS_32: Changes = {
    "locals": ours(0),
    "outputs": ours(2048),
    "blur_p": dino.code((1.0, 0.1)),
    "solarize": dino.code((0.0, 0.2)),
}
WITHOUT_QUEUE: Changes = {name: marked for name, marked in CIFAR10.items() if name != "K"}

RECIPES = (
    *family(
        "leoclr",
        IMAGENET,
        cifar10={**QUEUE_CIFAR10, **HEAD_RESNET18},
        imagenette={**QUEUE_IMAGENETTE, **HEAD_RESNET18},
        rendered=QUEUE_RENDERED,
    ),
    SHORT,
    *family("leoclr-e2e", END_TO_END, **NT_XENT),
    END_TO_END_BASELINE,
    IMAGENET.but("leoclr-cifar10-paper", CIFAR10, HEAD_RESNET18),
    IMAGENET.but("leoclr-stl10-paper", STL10, HEAD_RESNET18),
    moco.V2.but("moco2-cifar10-paper", CIFAR10, HEAD_RESNET18),
    moco.V2.but("moco2-stl10-paper", STL10, HEAD_RESNET18),
    moco.V2.but("moco2-imagenet-200", epochs=paper(200)),
    byol.IMAGENET.but("byol-cifar10-paper", WITHOUT_QUEUE),
    byol.IMAGENET.but("byol-stl10-paper", STL10),
    dino.IMAGENET.but("dino-cifar10-paper", WITHOUT_QUEUE, LOCALS_32, dino.FLOOR_256),
    dino.IMAGENET.but("dino-stl10-paper", STL10, LOCALS_96, dino.FLOOR_256),
    # Tab. 1 and what goes on from its encoders: epochs and batches as the table prints them.
    dino.IMAGENET.but(
        "dino-imagenet-800", epochs=paper(800), batch=paper(1024), floor=dino.code(1e-6 / 0.12, dino.LAST_RATE)
    ),
    simsiam.IMAGENET.but("simsiam-imagenet-800", epochs=paper(800), batch=paper(512)),
    # Tab. 9: on COCO's images, without their labels.
    IMAGENET.but("leoclr-coco", epochs=paper(500)),
    moco.V2.but("moco2-coco", epochs=paper(500), batch=paper(256)),
)

TOP_1, TUNED = ("linear:moco", metrics.TOP_1), "finetune:leoclr"
#: How the lines of Tab. 1 to 4 are run: those of methods that the trainer has, at the epochs of Tab. 1.
RUNS = {
    "MoCo-v2": run("moco2", "moco2-imagenet-800"),
    "BYOL": run("byol", protocol="linear:byol"),
    "SimCLR": run("simclr", "simclr-imagenet-1000", protocol="linear:simclr"),
    "SimSiam": run("simsiam", "simsiam-imagenet-800", protocol="linear:simsiam"),
    "VICReg": run("vicreg", "vicreg-imagenet-1000", protocol="linear:vicreg"),
    "DINO": run("dino", "dino-imagenet-800", protocol="linear:dino"),
    "LeOCLR": run("leoclr"),
}
#: The same, where all lines are measured alike.
ALIKE = {name: replace(row, protocol="") for name, row in RUNS.items()}
TAB_2 = ("1 %", "10 %")
TAB_3 = {
    "CIFAR-10": ("cifar10", metrics.TOP_1),
    "CIFAR-100": ("cifar100", metrics.TOP_1),
    "Car": ("cars", metrics.TOP_1),
    "Birdsnap": ("birdsnap", metrics.TOP_1),
    "Pets": ("pets", metrics.MEAN_PER_CLASS),
}
PRECISIONS = ("AP50", "AP", "AP75")
TAB_7 = {
    "center crop": Column("imagenet-200", "crops:moco", metrics.of_crop(metrics.CENTER)),
    "random crop": Column("imagenet-200", "crops:moco", metrics.of_crop(metrics.CROP)),
    "hours": Column("imagenet-200", "log", "hours"),
}
#: Fig. 4: what is taken off the list; "crop only" leaves LeOCLR's query the resized image.
REMOVED: dict[str, dict[str, float]] = {
    "all": {},
    "R_Grayscale": {"gray": 0.0},
    "R_color": {"jitter_p": 0.0},
    "crop only": {"gray": 0.0, "jitter_p": 0.0, "blur_p": 0.0, "flip": 0.0},
}
FIG_4 = {"MoCo-v2": ("moco2", (67.5, None, None, 39.5)), "LeOCLR": ("leoclr", (71.7, None, None, 46.6))}
FRACTIONS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
TABLES = (
    Table(
        paper="leoclr",
        number="1",
        title="Linear evaluation",
        metric="linear top-1 on ImageNet, ResNet-50",
        columns={"ImageNet": Column("imagenet", *TOP_1)},
        rows=lines(
            ("ImageNet",),
            {
                "MoCo-v2": (71.1,),
                "BYOL": (74.4,),
                "SwAV": (75.3,),
                "SimCLR": (69.3,),
                "HEXA": (71.7,),
                "SimSiam": (71.3,),
                "VICReg": (73.2,),
                "MixSiam": (72.3,),
                "OBoW": (73.8,),
                "DINO": (75.3,),
                "Barlow Twins": (73.2,),
                "CLSA": (76.2,),
                "RegionCL-M": (73.9,),
                "UnMix": (71.8,),
                "HCSC": (73.3,),
                "UniVIP": (74.2,),
                "HAIEV": (70.1,),
                "SCFS": (75.7,),
                "LeOCLR": (76.2,),
            },
            RUNS,
            "MoCo-v2",
        ),
        note="Epochs (200 to 1000) and batches (128 to 4096) differ between its lines. Each of ours has the probe of "
        "its own paper.",
    ),
    Table(
        paper="leoclr",
        number="2",
        title="Fine-tuned on a part of the labels",
        metric="top-1 on ImageNet, ResNet-50 fine-tuned on 1 % and 10 % of the labels",
        columns={
            "1 %": Column("imagenet", TUNED, metrics.TOP_1, fraction=0.01),
            "10 %": Column("imagenet", TUNED, metrics.TOP_1, fraction=0.1),
        },
        rows=lines(
            TAB_2,
            {
                "MoCo-v2": (47.6, 64.8),
                "SimCLR": (48.3, 65.6),
                "BYOL": (53.2, 68.8),
                "SwAV": (53.9, 70.2),
                "DINO": (50.2, 69.3),
                "RegionCL-M": (46.1, 60.4),
                "SCFS": (54.3, 70.5),
                "LeOCLR": (62.8, 71.5),
            },
            ALIKE,
            "MoCo-v2",
        ),
        note="Our labels are drawn by address, an equal share of each class: not SimCLR's lists.",
    ),
    Table(
        paper="leoclr",
        number="3",
        title="Fine-tuned on other data",
        metric="top-1 (Pets: mean per class), ResNet-50 fine-tuned by SimCLR's protocol",
        columns={
            name: Column("imagenet", "finetune:simclr-transfer", metric, data=data)
            for name, (data, metric) in TAB_3.items()
        },
        rows=lines(
            tuple(TAB_3),
            {
                "MoCo-v2": (97.2, 85.6, 91.2, 75.6, 90.3),
                "SimCLR": (97.7, 85.9, 91.3, 75.9, 89.2),
                "BYOL": (97.8, 86.1, 91.6, 76.3, 91.7),
                "DINO": (97.7, 86.6, 91.1, None, 91.5),
                "SCFS": (97.8, 86.7, 91.6, None, 91.9),
                "LeOCLR": (98.1, 86.9, 91.6, 76.8, 92.1),
            },
            ALIKE,
            "MoCo-v2",
        ),
    ),
    Table(
        paper="leoclr",
        number="4",
        title="Detection on PASCAL VOC",
        metric="average precision, Faster R-CNN with ResNet-50-C4",
        columns=detected("imagenet", "voc-c4", "voc0712", *PRECISIONS),
        rows=lines(
            PRECISIONS,
            {
                "MoCo-v2": (82.5, 57.4, 64.0),
                "CLSA": (83.2, None, None),
                "SCFS": (83.0, 57.4, 63.6),
                "LeOCLR": (83.2, 57.5, 64.2),
            },
            ALIKE,
            "MoCo-v2",
        ),
    ),
    Table(
        paper="leoclr",
        number="5",
        title="End to end",
        metric="linear top-1 on ImageNet, ResNet-50, 200 epochs",
        columns={"ImageNet": Column("imagenet", *TOP_1)},
        rows=lines(
            ("ImageNet",),
            {"SimCLR": (62.0,), "LeOCLR": (65.5,)},
            {"SimCLR": run("simclr", "simclr-imagenet-200"), "LeOCLR": run("leoclr-e2e")},
            "SimCLR",
        ),
        note="Optimizer, temperature, head and views are not given; ours differ in the query alone.",
    ),
    Table(
        paper="leoclr",
        number="6",
        title="Small data sets",
        metric="linear top-1, ResNet-18, 800 epochs",
        columns={"STL-10": Column("stl10-paper", *TOP_1), "CIFAR-10": Column("cifar10-paper", *TOP_1)},
        toys=True,
        rows=(
            Row("MoCo-v2", {"STL-10": 80.08, "CIFAR-10": 73.88}, "moco2"),
            Row("DINO", {"STL-10": 84.30, "CIFAR-10": 78.50}, "dino", against="MoCo-v2"),
            Row("CLSA", {"STL-10": 82.62, "CIFAR-10": 77.20}, missing=OTHERS),
            Row("BYOL", {"STL-10": 79.90, "CIFAR-10": 73.00}, "byol", against="MoCo-v2"),
            Row("LeOCLR", {"STL-10": 85.20, "CIFAR-10": 79.59}, "leoclr", against="MoCo-v2"),
        ),
        note="Sec. 5.2 calls the differences to MoCo-v2 (5.12 and 5.71 points) accuracies.",
    ),
    Table(
        paper="leoclr",
        number="7",
        title="Center crops, random crops, and time",
        metric="linear top-1 on ImageNet, ResNet-50, 200 epochs; hours of three A100",
        columns=TAB_7,
        rows=lines(
            tuple(TAB_7),
            {"MoCo-v2": (67.5, 63.2, 68.0), "CLSA": (69.4, None, None), "LeOCLR": (71.7, 68.9, 81.0)},
            {"MoCo-v2": run("moco2"), "LeOCLR": run("leoclr")},
            "MoCo-v2",
        ),
        note="Which areas a random crop has is not said: (0.2, 1) here, and evaluation.md has two other readings. "
        "Hours are those of the machine at hand, the monitor's in them.",
    ),
    Table(
        paper="leoclr",
        number="8",
        title="What is attracted to what",
        metric="linear top-1 on ImageNet, ResNet-50, 200 epochs",
        columns={"ImageNet": Column("imagenet-200", *TOP_1)},
        toys=True,
        rows=(
            Row("random original", {"ImageNet": 69.3}, "leoclr", {"original": False}, against="LeOCLR"),
            Row("attract all", {"ImageNet": 67.7}, "leoclr", {"attract": "all"}, against="LeOCLR"),
            Row("LeOCLR", {"ImageNet": 71.7}, "leoclr"),
        ),
        note="How the crops meet in `attract all` is not said; ours adds one term between the two crops.",
    ),
    Table(
        paper="leoclr",
        number="9",
        title="From COCO to COCO",
        metric="average precision on COCO, Faster R-CNN with ResNet-50-C4, pre-trained on COCO for 500 epochs",
        columns=detected("coco", "coco-boxes-c4-1x", "", *PRECISIONS),
        rows=lines(
            PRECISIONS,
            {"MoCo-v2": (57.2, 37.6, 41.5), "LeOCLR": (59.3, 39.1, 43.0)},
            {"MoCo-v2": run("moco2"), "LeOCLR": run("leoclr")},
            "MoCo-v2",
        ),
    ),
    Table(
        paper="leoclr",
        number="Fig. 4",
        title="Augmentations removed",
        metric="linear top-1 on ImageNet, ResNet-50, 200 epochs",
        columns={"ImageNet": Column("imagenet-200", *TOP_1)},
        rows=tuple(
            Row(
                f"{name}, {left}",
                {} if value is None else {"ImageNet": value},
                recipe,
                changed,
                against="" if left == "all" else f"{name}, all",
            )
            for name, (recipe, values) in FIG_4.items()
            for (left, changed), value in zip(REMOVED.items(), values, strict=True)
        ),
        note="The text has the bars of crops alone; the others are in the picture only.",
    ),
    Table(
        paper="leoclr",
        number="Fig. 5",
        title="Fine-tuned on fractions of the labels",
        metric="top-1 and top-5 on ImageNet, ResNet-50 fine-tuned on 1 to 100 % of the labels",
        columns={
            f"{100 * fraction:g} %, {top}": Column("imagenet", TUNED, metrics.in_percent(top), fraction=fraction)
            for top in ("top-1", "top-5")
            for fraction in FRACTIONS
        },
        rows=(
            replace(ALIKE["MoCo-v2"], name="MoCo-v2"),
            replace(ALIKE["LeOCLR"], name="LeOCLR", against="MoCo-v2"),
        ),
        note="The values are in the picture only; that its second half is top-5 is our reading, and so is that its "
        "encoders are those of Tab. 2.",
    ),
)
