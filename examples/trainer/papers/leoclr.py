"""LeOCLR (Alkhalefi et al. 2024, https://arxiv.org/abs/2403.06813)."""

from __future__ import annotations

from . import byol, dino, moco, simclr
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
)

CLSA = "CLSA is another paper's method, which the trainer does not have"
TOP_1 = ("linear:moco", "top-1, %")
TABLES = (
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
            Row("CLSA", {"STL-10": 82.62, "CIFAR-10": 77.20}, missing=CLSA),
            Row("BYOL", {"STL-10": 79.90, "CIFAR-10": 73.00}, "byol", against="MoCo-v2"),
            Row("LeOCLR", {"STL-10": 85.20, "CIFAR-10": 79.59}, "leoclr", against="MoCo-v2"),
        ),
        note="Sec. 5.2 calls the differences to MoCo-v2 (5.12 and 5.71 points) accuracies.",
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
)
