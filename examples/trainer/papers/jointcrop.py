"""JointCrop, JointBlur, JointColor (Zhang et al. 2025, https://arxiv.org/abs/2412.16522)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..evaluation import metrics
from . import byol, dino, infomin, moco, mocov3, simclr, simsiam
from .lines import detected, lines, run
from .moco import HEAD_RESNET18, QUEUE_CIFAR10, QUEUE_IMAGENETTE, QUEUE_RENDERED
from .recipe import Column, Recipe, Row, Table, marks, ours
from .scales import NT_XENT, SCALES, SGD, Changes, family

paper, _ = marks("JointCrop")
_, code = marks("ContrastiveCrop")
_, of_mmselfsup = marks("mmselfsup")

JOINT: Changes = {"crop": paper("joint"), "beta": paper(0.0)}

#: ImageNet: each baseline as in its own paper; only the crop is another. SimCLR, BYOL and SimSiam were run in mmselfsup
#: (Tab. 9), and no pre-training was longer than MoCo v3's 300 epochs (App. C.2); how long each one was is not said.
ON_IMAGENET: dict[str, tuple[Recipe, Changes]] = {
    "moco1": (moco.V1, {}),
    "moco2": (moco.V2, {}),
    "infomin": (infomin.IMAGENET, {"couple": ours("globals", "the jigsaw's crop is not of the pair")}),
    "mocov3": (mocov3.IMAGENET, {}),
    "simclr": (
        simclr.IMAGENET,
        {"epochs": of_mmselfsup(200), "batch": of_mmselfsup(4096, "or 256, or 512; which one is not said")},
    ),
    "byol": (byol.SHORT, {"epochs": of_mmselfsup(300, "or fewer; not BYOL's 1000")}),
    "simsiam": (simsiam.IMAGENET, {"batch": of_mmselfsup(256)}),
    "dino": (dino.IMAGENET, {}),
}

#: Small runs (Tab. 5): "500 epochs, batch 512, cosine 0.5" is ContrastiveCrop's recipe, whose code has the rest.
SMALL: Changes = {
    "backbone": paper("resnet18"),
    "stem": code("small"),
    "last_gamma": code(1.0),
    "epochs": paper(500),
    "batch": paper(512),
    "optimizer": code("sgd"),
    "lr": paper(0.5, "SimCLR's loss is multiplied by 7.143 in ContrastiveCrop's code; ours is not"),
    "lr_batch": code(None),
    "momentum": code(0.9),
    "weight_decay": code(1e-4),
    "decay_all": code(True),
    "schedule": paper("cosine"),
    "schedule_by": code("epoch"),
    "milestones": code(()),
    "warmup": code(0.0),
    "floor": code(0.1, "a tenth of the peak"),
    "scale": paper((0.2, 1.0)),
    "interpolation": code("bilinear"),
    "jitter": code((0.4, 0.4, 0.4, 0.1)),
    "jitter_p": code(0.8),
    "gray": code(0.2),
    "blur_p": code(0.0, "no blur on small images"),
    "solarize": code(0.0),
}
TINY: Changes = {
    **SMALL,
    "size": paper(64),
    "mean": code((0.4802, 0.4481, 0.3975)),
    "std": code((0.2302, 0.2265, 0.2262)),
}
STL10: Changes = {
    **SMALL,
    "size": paper(96),
    "mean": code((0.4406, 0.4273, 0.3858)),
    "std": code((0.2312, 0.2265, 0.2237)),
}
HEADS: dict[str, Changes] = {
    "simclr": {"hidden": code(512), "dim": code(128), "head_bn": code(False), "tau": code(0.5)},
    "moco2": {"hidden": code(512), "K": code(65536), "m": code(0.999), "tau": code(0.2)},
    "byol": {"hidden": code(512), "dim": code(128), "m": code(0.996), "m_schedule": code("constant")},
    "simsiam": {"last_gamma": code(0.0), "hidden": code(512), "dim": code(512), "bottleneck": code(128)},
}


def at_all_scales(changes: Changes) -> dict[str, Changes]:
    """The same changes at each of our scales."""
    return dict.fromkeys(SCALES, changes)


#: As in the paper's small runs.
AREAS: Changes = {"scale": ours((0.2, 1.0), "as on Tiny-ImageNet")}
#: What each baseline changes at our scales, beside the scale's own changes.
SCALED: dict[str, dict[str, Changes]] = {
    "simclr": {scale: {**AREAS, **own} for scale, own in NT_XENT.items()},
    "moco1": {"cifar10": QUEUE_CIFAR10, "imagenette": QUEUE_IMAGENETTE, "rendered": QUEUE_RENDERED},
    "moco2": {
        "cifar10": {**QUEUE_CIFAR10, **HEAD_RESNET18},
        "imagenette": {**QUEUE_IMAGENETTE, **HEAD_RESNET18},
        "rendered": QUEUE_RENDERED,
    },
    "infomin": infomin.SCALED,
    "byol": {**at_all_scales({**byol.HEAD, **AREAS}), "rendered": AREAS},
    "simsiam": at_all_scales({"layers": simsiam.paper(2)}),
}
RATE: dict[str, Changes] = {"simsiam": {**SGD, "lr": ours(0.06, "whatever the batch"), "lr_batch": ours(None)}}


def jointcrop(method: str) -> tuple[Recipe, ...]:
    """JointCrop(beta=0) on one baseline, for ImageNet, the paper's small data sets, and our scales."""
    baseline, changes = ON_IMAGENET[method]
    imagenet = baseline.but(f"jointcrop-{method}-imagenet", JOINT, changes)
    if method not in SCALED:
        return (imagenet,)
    recipes = family(f"jointcrop-{method}", imagenet, all_scales=RATE.get(method, SGD), **SCALED[method])
    if method not in HEADS:
        return recipes
    small = (
        imagenet.but(f"jointcrop-{method}-{data}", own, HEADS[method])
        for data, own in (("tiny", TINY), ("stl10", STL10))
    )
    return (*recipes, *small)


#: Tab. 10: two crops of 160 px and four of 96, "between 5 % and 40 %" (App. D).
MULTI_CROP: Changes = {
    "size": paper(160),
    "locals": paper(4),
    "local_size": paper(96),
    "scale": paper((0.4, 1.0)),
    "local_scale": paper((0.05, 0.4)),
    "blur_p": dino.code((1.0, 0.1, *[0.5] * 4)),
    "solarize": dino.code((0.0, 0.2, *[0.0] * 4)),
}
RECIPES = (
    *(recipe for method in ON_IMAGENET for recipe in jointcrop(method)),
    mocov3.IMAGENET.but("jointcrop-mocov3-imagenet-300", JOINT, epochs=paper(300), lr=mocov3.code(0.3)),
    dino.IMAGENET.but("jointcrop-dino-multicrop", JOINT, MULTI_CROP),
    # Tab. 6 says neither the method nor how long; MoCo v2 as on ImageNet.
    moco.V2.but("jointcrop-moco2-coco", JOINT),
)

INDEPENDENT: Mapping[str, Any] = {"crop": "independent"}
BLUR: Mapping[str, Any] = {"blur_p": 0.5}
TAB_5 = (
    ("SimCLR", "simclr", (45.25, 46.69, 47.77, 47.53, 47.29, 47.95)),
    ("BYOL", "byol", (48.91, 50.19, 49.98, 49.91, 49.54, 51.02)),
    ("MoCo v2", "moco2", (46.07, 46.65, 47.81, 48.45, 48.66, 48.78)),
    ("SimSiam", "simsiam", (44.17, 45.45, 45.10, 45.73, 45.91, 45.62)),
)
POLICIES: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("baseline", INDEPENDENT),
    *((f"J-Crop({beta:g})", {"beta": beta}) for beta in (2.0, 1.0, 0.0, -1.0, -2.0)),
    ("decoupled control of J-Crop(0)", {"crop": "decoupled"}),
    ("J-Crop(0), geometry of the released code", {"crop": "reference"}),
)
PROTOCOLS = {
    "moco1": "linear:moco",
    "moco2": "linear:moco",
    "mocov3": "linear:mocov3",
    "simclr": "linear:simclr",
    "byol": "linear:byol",
    "simsiam": "linear:simsiam",
    "dino": "linear:dino",
}


def joint_blur(method: str) -> Mapping[str, Any]:
    """JointBlur with the baseline's own probabilities; MoCo v1 has none. At 32 px our scales do not blur."""
    return {"blur_law": "joint", **(BLUR if method == "moco1" else {})}


LONG: Mapping[str, str] = {"imagenet": "jointcrop-mocov3-imagenet-300"}
#: Tab. 1's baselines: name, method, where it is called otherwise, and what the released code's README reports.
TAB_1: tuple[tuple[str, str, Mapping[str, str], tuple[float | None, float | None]], ...] = (
    ("SimCLR", "simclr", {}, (None, None)),
    ("BYOL", "byol", {}, (None, None)),
    ("MoCo v1", "moco1", {}, (None, None)),
    ("MoCo v2", "moco2", {}, (None, None)),
    ("MoCo v3, 100 epochs", "mocov3", {}, (68.9, 69.47)),
    ("MoCo v3, 300 epochs", "mocov3", LONG, (72.8, 73.23)),
    ("SimSiam", "simsiam", {}, (None, None)),
    ("DINO", "dino", {}, (None, None)),
)
ARMS: Mapping[str, Mapping[str, Any]] = {
    "baseline": INDEPENDENT,
    "JointCrop": {},
    "JointBlur": INDEPENDENT,
}
DETECTED = {
    f"{name}{arm}": run(f"jointcrop-{method}", changed=changed)
    for name, method in (("MoCo v1", "moco1"), ("MoCo v2", "moco2"))
    for arm, changed in ((" baseline", INDEPENDENT), (" + J-Crop(0)", {}))
}
BOXES, MASKS = ("bb AP", "bb AP50", "bb AP75"), ("mk AP", "mk AP50", "mk AP75")
FIVE_EPOCHS: Mapping[str, Any] = {"epochs": 5, "milestones": (-2.0, -1.0), "knn_every": 0}
#: Without JointCrop's law there is nothing to couple.
ALONE: Mapping[str, Any] = {**INDEPENDENT, "couple": "all"}
IN_PICTURE = "The table is a picture, whose values are not in our text."
TABLES = (
    Table(
        paper="jointcrop",
        number="1",
        title="JointCrop and JointBlur on seven methods",
        metric="linear top-1 on ImageNet, ResNet-50",
        columns={"ImageNet": Column("imagenet", "linear:moco", metrics.TOP_1)},
        rows=tuple(
            Row(
                f"{name}, {arm}",
                {} if value is None else {"ImageNet": value},
                f"jointcrop-{method}",
                changed,
                against="" if arm == "baseline" else f"{name}, baseline",
                own=joint_blur(method) if arm == "JointBlur" else {},
                at=at,
                protocol=PROTOCOLS[method],
            )
            for name, method, at, values in TAB_1
            for (arm, changed), value in zip(ARMS.items(), (*values, None), strict=True)
            if not (arm == "JointBlur" and method == "mocov3")
        ),
        note=f"{IN_PICTURE} Those of MoCo v3 are the released code's; it has no JointBlur. MoCo v1 has no blur, so "
        "that its JointBlur needs one (App. F here has both controls). DINO's ten views are blurred two by "
        "two, as Tab. 10 crops them. Epochs of SimCLR, BYOL, SimSiam are not said.",
    ),
    Table(
        paper="jointcrop",
        number="2",
        title="JointCrop on small data sets",
        metric="linear top-1, ResNet-18, 500 epochs",
        columns={
            "STL-10": Column("stl10", "linear:contrastivecrop", metrics.TOP_1),
            "Tiny-ImageNet": Column("tiny", "linear:contrastivecrop", metrics.TOP_1),
        },
        rows=tuple(
            Row(
                f"{label}, {arm}",
                {},
                f"jointcrop-{method}",
                ARMS[arm],
                against="" if arm == "baseline" else f"{label}, baseline",
            )
            for label, method, _ in TAB_5
            for arm in ("baseline", "JointCrop")
        ),
        note=f"{IN_PICTURE} Tab. 5 has Tiny-ImageNet's.",
    ),
    Table(
        paper="jointcrop",
        number="3",
        title="Detection on PASCAL VOC",
        metric="average precision, Faster R-CNN with ResNet-50-C4",
        columns=detected("imagenet", "voc-c4", "voc0712", "AP50", "AP", "AP75"),
        rows=lines((), dict.fromkeys(DETECTED, ()), DETECTED),
        note=f"{IN_PICTURE} The text has the gains: +0.8 AP on MoCo v1, +0.2 on MoCo v2.",
    ),
    Table(
        paper="jointcrop",
        number="4",
        title="Detection and segmentation on COCO",
        metric="average precision, Mask R-CNN with ResNet-50-C4, 1x",
        columns=detected("imagenet", "coco-c4-1x", "coco", *MASKS, *BOXES),
        rows=lines(
            (*MASKS, *BOXES),
            {
                "MoCo v1 baseline": (33.6, 54.8, 35.6, 38.5, 58.3, 41.6),
                "MoCo v1 + J-Crop(0)": (34.0, 55.3, 36.1, 38.9, 58.5, 42.2),
                "MoCo v2 baseline": (34.0, 55.4, 36.0, 39.0, 58.5, 42.3),
                "MoCo v2 + J-Crop(0)": (34.2, 55.5, 36.4, 39.2, 58.8, 42.6),
            },
            DETECTED,
        ),
    ),
    Table(
        paper="jointcrop",
        number="5",
        title="JointCrop on four methods, for several beta",
        metric="linear top-1 on Tiny-ImageNet, ResNet-18, 500 epochs",
        columns={"Tiny-ImageNet": Column("tiny", "linear:contrastivecrop", metrics.TOP_1)},
        toys=True,
        rows=tuple(
            Row(
                f"{label}, {policy}",
                {} if value is None else {"Tiny-ImageNet": value},
                f"jointcrop-{method}",
                changed,
                against="" if policy == "baseline" else f"{label}, baseline",
            )
            for label, method, values in TAB_5
            for (policy, changed), value in zip(POLICIES, (*values, None, None), strict=True)
        ),
        note="Single runs in the paper. Ours: the control, the marginals of J-Crop(0) without its coupling; and "
        "the row that repeats the released procedure.",
    ),
    Table(
        paper="jointcrop",
        number="6",
        title="From COCO to ImageNet-100",
        metric="top-1 on ImageNet-100, fine-tuned after pre-training on COCO",
        columns={"ImageNet-100": Column("coco", "finetune:simclr-transfer", metrics.TOP_1, data="imagenet100")},
        rows=(
            Row("baseline", {}, "jointcrop-moco2", INDEPENDENT),
            Row("JointCrop", {}, "jointcrop-moco2", against="baseline"),
        ),
        note=f"{IN_PICTURE} Neither the method nor the fine-tuning is said: MoCo v2 and SimCLR's here.",
    ),
    Table(
        paper="jointcrop",
        number="7",
        title="JointColor",
        metric="linear top-1 on ImageNet",
        columns={"ImageNet": Column("imagenet", "linear:moco", metrics.TOP_1)},
        rows=(
            Row("baseline", {}, "jointcrop-moco2", INDEPENDENT),
            Row("JointColor", {}, "jointcrop-moco2", {**INDEPENDENT, "joint_color": True}, against="baseline"),
        ),
        note=f"{IN_PICTURE} On which method is not said: MoCo v2 here.",
    ),
    Table(
        paper="jointcrop",
        number="8",
        title="What the joint laws cost",
        metric="seconds of an epoch of MoCo v1, the mean of five",
        columns={"seconds an epoch": Column("imagenet", "log", "seconds an epoch")},
        rows=tuple(
            Row(
                name,
                {},
                "jointcrop-moco1",
                changed,
                against="" if name == "baseline" else "baseline",
                own=FIVE_EPOCHS,
            )
            for name, changed in (
                ("baseline", {**INDEPENDENT, **BLUR}),
                ("JointCrop", BLUR),
                ("JointBlur", {**INDEPENDENT, **BLUR, "blur_law": "joint"}),
            )
        ),
        note=f"{IN_PICTURE} All three blur here, which MoCo v1 does not.",
    ),
    Table(
        paper="jointcrop",
        number="10",
        title="JointCrop and multi-crop",
        metric="linear top-1 on ImageNet, DINO with ResNet-50, 2 x 160 + 4 x 96",
        columns={"ImageNet": Column("imagenet", "linear:dino", metrics.TOP_1)},
        rows=tuple(
            Row(
                name,
                {} if value is None else {"ImageNet": value},
                "jointcrop-dino",
                changed,
                against="" if name == "DINO" else "DINO",
                at={"imagenet": "jointcrop-dino-multicrop"},
            )
            for name, value, changed in (
                ("DINO", 66.36, INDEPENDENT),
                ("JointCrop of globals", 66.55, {"couple": "globals"}),
                ("JointCrop of locals", 66.58, {"couple": "locals"}),
                ("JointCrop of both", None, {"couple": "all"}),
            )
        ),
        note="The values are the released code's history's, of rows apart; the text speaks of both at once.",
    ),
    Table(
        paper="jointcrop",
        number="11",
        title="JointCrop and ContrastiveCrop",
        metric="linear top-1 on ImageNet, MoCo v1, ResNet-50",
        columns={"ImageNet": Column("imagenet", "linear:moco", metrics.TOP_1)},
        rows=tuple(
            Row(name, {"ImageNet": value}, "jointcrop-moco1", changed, against="" if name == "baseline" else "baseline")
            for name, value, changed in (
                ("baseline", 57.25, INDEPENDENT),
                ("ContrastiveCrop", 58.34, {"crop": "contrastive"}),
                ("JointCrop(0)", 60.87, {}),
                ("JointCrop(0), center-suppressed", 61.33, {"alpha": 0.6}),
            )
        ),
        note="57.25 and 58.34 are ContrastiveCrop's, at 100 epochs; the others are at the level of 200.",
    ),
    Table(
        paper="jointcrop",
        number="InfoMin",
        title="JointCrop and InfoMin (sec. 4.6)",
        metric="linear top-1 on ImageNet, ResNet-50",
        columns={"ImageNet": Column("imagenet", "linear:moco", metrics.TOP_1)},
        rows=(
            Row("InfoMin", {"ImageNet": 67.4}, "jointcrop-infomin", ALONE),
            Row("J-Crop(0)", {"ImageNet": 67.81}, "jointcrop-infomin", against="InfoMin"),
            Row(
                "decoupled control of J-Crop(0)",
                {},
                "jointcrop-infomin",
                {**ALONE, "crop": "decoupled"},
                against="InfoMin",
            ),
        ),
        note="Epochs are not stated; 67.4 is that of 100 in InfoMin's released code. The probe is MoCo's, the code has "
        "one of its own. The control is ours.",
    ),
    Table(
        paper="jointcrop",
        number="Fig. 5",
        title="The loss of harder pairs",
        metric="SimSiam's loss on Tiny-ImageNet, ResNet-18, by step",
        columns={"Tiny-ImageNet": Column("tiny", "log", "loss")},
        rows=tuple(
            Row(policy, {}, "jointcrop-simsiam", changed, against="" if policy == "baseline" else "baseline")
            for policy, changed in POLICIES[:6]
        ),
        note="The figure has curves, smoothed over 20 steps; ours is the last epoch's mean. A smaller beta has a "
        "larger loss there.",
    ),
    Table(
        paper="jointcrop",
        number="F",
        title="JointCrop, JointBlur, and either (App. F)",
        metric="linear top-1 on ImageNet, MoCo v1, ResNet-50",
        columns={"ImageNet": Column("imagenet", "linear:moco", metrics.TOP_1)},
        toys=True,
        rows=tuple(
            Row(name, {} if value is None else {"ImageNet": value}, "jointcrop-moco1", changed, against)
            for name, value, changed, against in (
                ("baseline", 57.25, INDEPENDENT, ""),
                ("baseline with blur", None, {**INDEPENDENT, **BLUR}, "baseline"),
                ("J-Crop(0)", 60.87, {}, "baseline"),
                ("decoupled control of J-Crop(0)", None, {"crop": "decoupled"}, "baseline"),
                ("J-Blur(0)", 60.58, {**INDEPENDENT, **BLUR, "blur_law": "joint"}, "baseline with blur"),
                (
                    "decoupled control of J-Blur(0)",
                    None,
                    {**INDEPENDENT, **BLUR, "blur_law": "decoupled"},
                    "baseline with blur",
                ),
                ("J-Crop(0) or J-Blur(0)", 61.24, {**BLUR, "joint_choice": True}, "baseline with blur"),
                (
                    "decoupled control of either",
                    None,
                    {**BLUR, "joint_choice": True, "crop": "decoupled", "blur_law": "decoupled"},
                    "baseline with blur",
                ),
            )
        ),
        note="57.25 is the level of 100 epochs and the others that of 200 (MoCo v1 has 60.6 there); the epochs are not "
        "stated. MoCo v1 has no blur, so J-Blur needs a baseline with it. The controls are ours: a row's marginals "
        "without its coupling.",
    ),
)
