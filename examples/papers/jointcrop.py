"""JointCrop, JointBlur, JointColor (Zhang et al. 2025, https://arxiv.org/abs/2412.16522)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from papers import byol, dino, moco, mocov3, simclr, simsiam
from papers.moco import QUEUE_CIFAR10, QUEUE_IMAGENETTE, QUEUE_RENDERED
from papers.recipe import Recipe, Row, Table, code, ours, paper
from papers.scales import HALF_JITTER, SCALES, SGD, Changes, family

JOINT: Changes = {"crop": paper("joint"), "beta": paper(0.0)}

#: ImageNet: each baseline as in its own paper; only the crop is another.
ON_IMAGENET = {
    "moco1": moco.V1,
    "moco2": moco.V2,
    "mocov3": mocov3.IMAGENET,
    "simclr": simclr.IMAGENET,
    "byol": byol.IMAGENET,
    "simsiam": simsiam.IMAGENET,
    "dino": dino.IMAGENET,
}

#: Small runs (Tab. 5): "500 epochs, batch 512, cosine 0.5" is ContrastiveCrop's recipe, whose code has the rest.
SMALL: Changes = {
    "backbone": paper("resnet18"),
    "stem": code("small"),
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
CIFAR10: Changes = {"scale": paper((0.2, 1.0)), **HALF_JITTER}
HEADS: dict[str, Changes] = {
    "simclr": {"dim": code(128), "tau": code(0.5)},
    "moco2": {"K": code(65536), "m": code(0.999), "tau": code(0.2)},
    "byol": {"hidden": code(512), "dim": code(128), "m": code(0.996), "m_schedule": code("constant")},
    "simsiam": {"hidden": code(512), "dim": code(512), "bottleneck": code(128)},
}


def at_all_scales(changes: Changes) -> dict[str, Changes]:
    """The same changes at each of our scales."""
    return dict.fromkeys(SCALES, changes)


#: What each baseline changes at our scales, beside the scale's own changes.
SCALED: dict[str, dict[str, Changes]] = {
    "simclr": at_all_scales({**CIFAR10, "tau": ours(0.5)}),
    "moco1": {"cifar10": QUEUE_CIFAR10, "imagenette": QUEUE_IMAGENETTE, "rendered": QUEUE_RENDERED},
    "moco2": {"cifar10": QUEUE_CIFAR10, "imagenette": QUEUE_IMAGENETTE, "rendered": QUEUE_RENDERED},
    "byol": at_all_scales({"hidden": ours(2048), "m": ours(0.99), "scale": paper((0.2, 1.0))}),
    "simsiam": at_all_scales({"layers": code(2)}),
}
RATE: dict[str, Changes] = {"simsiam": {**SGD, "lr": ours(0.06, "whatever the batch"), "lr_batch": ours(None)}}


def jointcrop(method: str) -> tuple[Recipe, ...]:
    """JointCrop(beta=0) on one baseline, for ImageNet, the paper's small data sets, and our scales."""
    imagenet = ON_IMAGENET[method].but(f"jointcrop-{method}-imagenet", JOINT)
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

INDEPENDENT = {"crop": "independent"}
TAB_5 = (
    ("SimCLR", "simclr", (45.25, 46.69, 47.77, 47.53, 47.29, 47.95)),
    ("BYOL", "byol", (48.91, 50.19, 49.98, 49.91, 49.54, 51.02)),
    ("MoCo v2", "moco2", (46.07, 46.65, 47.81, 48.45, 48.66, 48.78)),
    ("SimSiam", "simsiam", (44.17, 45.45, 45.10, 45.73, 45.91, 45.62)),
)
POLICIES: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("baseline", INDEPENDENT),
    *((f"J-Crop({beta:g})", {"beta": beta}) for beta in (2.0, 1.0, 0.0, -1.0, -2.0)),
)
TABLES = (
    Table(
        paper="jointcrop",
        number="5",
        title="JointCrop on four methods, for several beta",
        metric="linear top-1 on Tiny-ImageNet, ResNet-18, 500 epochs",
        columns={"Tiny-ImageNet": "tiny"},
        rows=tuple(
            row
            for told, method, values in TAB_5
            for row in (
                *(
                    Row(f"{told}, {policy}", {"Tiny-ImageNet": value}, f"jointcrop-{method}", changed)
                    for (policy, changed), value in zip(POLICIES, values, strict=True)
                ),
                Row(f"{told}, decoupled control of J-Crop(0)", {}, f"jointcrop-{method}", {"crop": "decoupled"}),
            )
        ),
        note="Single runs in the paper. The control is ours: the marginals of J-Crop(0), its coupling dropped.",
    ),
    Table(
        paper="jointcrop",
        number="F",
        title="JointCrop, JointBlur, and either (App. F)",
        metric="linear top-1 on ImageNet, MoCo v1, ResNet-50",
        columns={"ImageNet": "imagenet"},
        rows=(
            Row("baseline", {"ImageNet": 57.25}, "jointcrop-moco1", INDEPENDENT),
            Row("baseline with blur", {}, "jointcrop-moco1", {**INDEPENDENT, "blur_p": 0.5}),
            Row("J-Crop(0)", {"ImageNet": 60.87}, "jointcrop-moco1"),
            Row("decoupled control of J-Crop(0)", {}, "jointcrop-moco1", {"crop": "decoupled"}),
            Row(
                "J-Blur(0)", {"ImageNet": 60.58}, "jointcrop-moco1", {**INDEPENDENT, "joint_blur": True, "blur_p": 0.5}
            ),
            Row(
                "J-Crop(0) or J-Blur(0)", {"ImageNet": 61.24}, "jointcrop-moco1", {"joint_choice": True, "blur_p": 0.5}
            ),
        ),
        note="57.25 is the level of 100 epochs and the others that of 200 (MoCo v1 has 60.6 there); the epochs are not "
        "stated. MoCo v1 has no blur, so J-Blur needs a baseline with it. Both controls are ours.",
    ),
)
