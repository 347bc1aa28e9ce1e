"""CLIM (Li et al. 2020, https://arxiv.org/abs/2011.02697, version 1)."""

from __future__ import annotations

from . import moco
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
TOP_1 = ("linear:moco", "top-1, %")
TABLES = (
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
)
