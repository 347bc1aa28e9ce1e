"""JointCrop, JointBlur, JointColor (Zhang et al. 2025, https://arxiv.org/abs/2412.16522)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import byol, dino, moco, mocov3, simclr, simsiam
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


RECIPES = tuple(recipe for method in ON_IMAGENET for recipe in jointcrop(method))

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
TABLES = (
    Table(
        paper="jointcrop",
        number="5",
        title="JointCrop on four methods, for several beta",
        metric="linear top-1 on Tiny-ImageNet, ResNet-18, 500 epochs",
        columns={"Tiny-ImageNet": Column("tiny", "linear:contrastivecrop", "top-1, %")},
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
        number="F",
        title="JointCrop, JointBlur, and either (App. F)",
        metric="linear top-1 on ImageNet, MoCo v1, ResNet-50",
        columns={"ImageNet": Column("imagenet", "linear:moco", "top-1, %")},
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
