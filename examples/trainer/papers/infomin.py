"""InfoMin (Tian et al. 2020, https://arxiv.org/abs/2005.10243), as its released code, PyContrast, trains it."""

from __future__ import annotations

from . import moco
from .moco import HEAD_RESNET18, QUEUE_CIFAR10, QUEUE_IMAGENETTE, QUEUE_RENDERED
from .recipe import marks, ours
from .scales import HALF_JITTER, Changes, family

_, code = marks("InfoMin")

IMAGENET = moco.V2.but(
    "infomin-imagenet",
    method=code("infomin"),
    tau=code(0.15),
    epochs=code(100, "or 200, or 800; its table has 67.4 after 100, JointCrop's baseline"),
    schedule=ours("cosine", "an option of the code, whose default steps are of 200 epochs"),
    floor=code(1e-3, "where its cosine ends"),
    jitter=code((0.8, 0.8, 0.8, 0.2)),
    jitter_p=code((0.8, 0.8, 0.0), "the jigsaw's crop is flipped alone"),
    gray=code((0.2, 0.2, 0.0)),
    blur=code((0.1, 2.0)),
    blur_p=code((0.5, 0.5, 0.0)),
    randaugment=code((2, 10)),
    randaugment_of=code("infomin"),
    randaugment_views=code((0, 1)),
    order=code("flip,jitter,blur,randaugment,gray,solarize", "without solarize"),
    locals=code(1, "the jigsaw's"),
    local_size=code(255),
    local_scale=code((0.6, 1.0)),
    patch=code(64),
    jigsaw=code(0.5),
).without("head", "symmetric")

#: As much of a cell is in a piece as in the code, 64 of 85 pixels; at 32 px pieces are half as large as the views.
PIECES: Changes = {
    "locals": ours(1),
    "local_size": ours(63, "255 / 7, the views' share, leaves pieces of 9 px, too small for the network"),
    "patch": ours(16),
}
#: Under RandAugment two views of a toy have too little in common for a run of minutes (toys_search.csv, "views").
PLAIN: Changes = {
    "randaugment": ours(None, "with it no toy is told from another in 840 steps"),
    "randaugment_of": ours("torchvision", "of none"),
    "order": ours("flip,jitter,gray,blur,solarize", "MoCo's"),
}
SCALED: dict[str, Changes] = {
    "cifar10": {**QUEUE_CIFAR10, **HEAD_RESNET18, **PIECES, **HALF_JITTER},
    "imagenette": {**QUEUE_IMAGENETTE, **HEAD_RESNET18, "local_size": ours(147), "patch": ours(37), **HALF_JITTER},
    "rendered": {**QUEUE_RENDERED, **PIECES, **HALF_JITTER, **PLAIN},
}
RECIPES = family("infomin", IMAGENET, **SCALED)
