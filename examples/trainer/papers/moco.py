"""MoCo v1 (He et al. 2020, https://arxiv.org/abs/1911.05722) and v2 (Chen et al. 2020, https://arxiv.org/abs/2003.04297)."""

from __future__ import annotations

from .recipe import IMAGENET_CHANNELS, Recipe, marks, ours
from .scales import Changes, family

paper, code = marks("MoCo")

V2 = Recipe(
    "moco2-imagenet",
    {
        "method": paper("moco"),
        "backbone": paper("resnet50"),
        "stem": paper("imagenet"),
        "last_gamma": code(1.0),
        "head": paper("mlp"),
        "dim": paper(128),
        "hidden": paper(2048),
        "K": paper(65536),
        "m": paper(0.999),
        "tau": paper(0.2),
        "symmetric": paper(False),
        "bn_splits": code(8, "shuffled batch norm over 8 devices"),
        "epochs": paper(200, "or 800"),
        "batch": paper(256),
        "optimizer": paper("sgd"),
        "lr": paper(0.03),
        "lr_batch": code(256),
        "momentum": paper(0.9),
        "weight_decay": paper(1e-4),
        "decay_all": code(True),
        "schedule": paper("cosine"),
        "schedule_by": code("epoch"),
        "warmup": code(0.0),
        "floor": code(0.0),
        "size": paper(224),
        "scale": code((0.2, 1.0)),
        "flip": code(0.5),
        "jitter": code((0.4, 0.4, 0.4, 0.1)),
        "jitter_p": code(0.8),
        "gray": code(0.2),
        "blur": code((0.1, 2.0), "the code's is Pillow's, which approximates the Gaussian by boxes"),
        "blur_p": code(0.5),
        "solarize": code(0.0),
        **IMAGENET_CHANNELS,
    },
)
V1 = V2.but(
    "moco1-imagenet",
    head=paper("linear"),
    tau=paper(0.07),
    schedule=paper("step"),
    milestones=paper((120.0, 160.0)),
    gamma=paper(0.1),
    jitter=code((0.4, 0.4, 0.4, 0.4)),
    jitter_p=code(1.0),
    gray=code(0.2, "before the jitter in the code, after it here"),
    blur_p=code(0.0, "version 1 has no blur"),
).without("hidden")

#: The head's hidden layer is as wide as the features, in MoCo's code and SimCLR's.
HEAD_RESNET18: Changes = {"hidden": code(512, "as wide as the features")}

# m is the paper's .999. With .99, which public scripts have for the small stem, all embeddings run away from the last
# keys together and the loss comes to stay at ln(K + 1); the warm-up lets keys replace the random queue before that.
QUEUE_CIFAR10: Changes = {
    "K": ours(8192, "4096 at a batch below 512; 65536 is more than there are images"),
    "tau": ours(0.1),
    "bn_splits": code(8),
}
QUEUE_IMAGENETTE: Changes = {
    "K": ours(4096),
    "tau": ours(0.1),
    "bn_splits": ours(8),
    "warmup": ours(10.0, "until the queue holds keys"),
}
QUEUE_RENDERED: Changes = {
    "K": ours(128, "two batches, so that all keys are of about one age"),
    "m": ours(0.995, "in 840 steps keys of .999 hardly leave their start"),
    "tau": ours(0.1),
    "bn_splits": ours(4),
}

RECIPES = (
    *family(
        "moco2",
        V2,
        cifar10={**QUEUE_CIFAR10, **HEAD_RESNET18},
        imagenette={**QUEUE_IMAGENETTE, **HEAD_RESNET18},
        rendered=QUEUE_RENDERED,
    ),
    *family("moco1", V1, cifar10=QUEUE_CIFAR10, imagenette=QUEUE_IMAGENETTE, rendered=QUEUE_RENDERED),
    V2.but("moco2-imagenet-800", epochs=paper(800)),
)
