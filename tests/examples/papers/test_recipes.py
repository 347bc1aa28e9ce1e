"""Recipes against numbers typed a second time, from the papers' tables, and against the trainer's own checks."""

from __future__ import annotations

import math
from collections.abc import Iterable
from inspect import signature

import pytest
import torch
from torch import nn
from trainer.inputs.settings import Settings, checked, divided, hints_of, keywords_of
from trainer.methods import METHODS
from trainer.methods.batch import Batch
from trainer.papers import PAPERS, RECIPES, TABLES, reported
from trainer.papers.recipe import SOURCES, Recipe, by_name, marks, ours
from trainer.papers.scales import CPU_SCALES, SCALES, family
from trainer.training.optimizers import peak_rate

paper, _ = marks("Somebody")
#: Baselines as their papers and codes have them: batch, epochs, peak rate at that batch, weight decay, temperature.
BASELINES = {
    "moco1-imagenet": (256, 200, 0.03, 1e-4, 0.07),
    "moco2-imagenet": (256, 200, 0.03, 1e-4, 0.2),
    "infomin-imagenet": (256, 100, 0.03, 1e-4, 0.15),
    "mocov3-imagenet": (4096, 100, 9.6, 1e-6, 1.0),
    "simclr-imagenet": (4096, 100, 4.8, 1e-6, 0.1),
    "simclr-cifar10-paper": (512, 1000, 2.0, 1e-4, 0.5),
    "byol-imagenet": (4096, 1000, 3.2, 1.5e-6, None),
    "byol-imagenet-300": (4096, 300, 4.8, 1e-6, None),
    "byol-imagenet-100": (4096, 100, 7.2, 1e-6, None),
    "moco2-imagenet-800": (256, 800, 0.03, 1e-4, 0.2),
    "mocov3-imagenet-300": (4096, 300, 4.8, 1e-6, 1.0),
    "mocov3-imagenet-1000": (4096, 1000, 4.8, 1.5e-6, 1.0),
    "vicreg-imagenet-1000": (2048, 1000, 1.6, 1e-6, None),
    "npid2-imagenet-1000": (256, 1000, 0.03, 1e-4, 0.1),
    "interclr-npid2-imagenet-1000": (256, 1000, 0.03, 1e-4, 0.1),
    "interclr-byol-imagenet-1000": (4096, 1000, 3.2, 1.5e-6, None),
    "clim-imagenet-200": (512, 200, 0.06, 1e-4, 0.2),
    "simsiam-imagenet": (512, 100, 0.1, 1e-4, None),
    "simsiam-cifar10-paper": (512, 800, 0.06, 5e-4, None),
    "dino-imagenet": (512, 100, 0.06, 1e-4, None),
    "vicreg-imagenet": (512, 100, 0.6, 1e-6, None),
    "wmse-cifar10-paper": (512, 1000, 0.003, 1e-6, None),
    "npid-imagenet": (256, 200, 0.03, 1e-4, 0.07),
    "leoclr-imagenet": (256, 800, 0.03, 1e-4, 0.2),
    "leoclr-imagenet-200": (256, 200, 0.03, 1e-4, 0.2),
    "leoclr-cifar10-paper": (256, 800, 0.03, 1e-4, 0.2),
    "leoclr-e2e-imagenet": (256, 200, 0.3, 1e-6, 0.1),
    "npid2-imagenet": (256, 200, 0.03, 1e-4, 0.1),
    "interclr-npid2-imagenet": (256, 200, 0.03, 1e-4, 0.1),
    "interclr-moco2-imagenet": (256, 200, 0.03, 1e-4, 0.2),
    "interclr-byol-imagenet": (4096, 200, 4.8, 1e-6, None),
    "interclr-study-imagenet": (256, 100, 0.03, 1e-4, 0.1),
    "clim-imagenet": (512, 1200, 0.06, 1e-4, 0.2),
    "clim-ablation-imagenet": (512, 200, 0.06, 1e-4, 0.2),
    "scorecl-simclr-cifar10-paper": (512, 1000, 0.5, 1e-4, 0.5),
    "scorecl-simsiam-cifar10-paper": (512, 1000, 0.06, 5e-4, None),
    "scorecl-wmse-cifar100-paper": (512, 1000, 0.001, 1e-6, None),
    "scorecl-simclr-imagenet100-paper": (512, 200, 0.5, 1e-4, 0.5),
    "scorecl-simsiam-imagenet100-paper": (512, 200, 0.1, 1e-4, None),
    "jointcrop-simclr-tiny": (512, 500, 0.5, 1e-4, 0.5),
    "jointcrop-byol-stl10": (512, 500, 0.5, 1e-4, None),
    "jointcrop-mocov3-imagenet": (4096, 100, 9.6, 1e-6, 1.0),
    "jointcrop-byol-imagenet": (4096, 300, 4.8, 1e-6, None),
    "jointcrop-simclr-imagenet": (4096, 200, 4.8, 1e-6, 0.1),
    "jointcrop-simsiam-imagenet": (256, 100, 0.05, 1e-4, None),
    "simclr-imagenet-200": (256, 200, 0.3, 1e-6, 0.1),
    "byol-imagenet-200": (4096, 200, 4.8, 1e-6, None),
    "byol-imagenet-accumulated": (4096, 1000, 3.2, 1.5e-6, None),
    "simsiam-imagenet-200": (256, 200, 0.05, 1e-4, None),
    "scorecl-simclr-imagenet-paper": (512, 100, 0.5, 1e-4, 0.5),
    "scorecl-simsiam-imagenet-paper": (512, 100, 0.1, 1e-4, None),
    "scorecl-contrastivecrop-cifar10-paper": (512, 500, 0.5, 1e-4, None),
    "simclr-imagenet-1000": (4096, 1000, 4.8, 1e-6, 0.1),
    "simsiam-imagenet-800": (512, 800, 0.1, 1e-4, None),
    "dino-imagenet-800": (1024, 800, 0.12, 1e-4, None),
    "leoclr-coco": (256, 500, 0.03, 1e-4, 0.2),
    "moco2-coco": (256, 500, 0.03, 1e-4, 0.2),
    "jointcrop-mocov3-imagenet-300": (4096, 300, 4.8, 1e-6, 1.0),
    "jointcrop-dino-multicrop": (512, 100, 0.06, 1e-4, None),
    "jointcrop-moco2-coco": (256, 200, 0.03, 1e-4, 0.2),
    # our scales
    "simclr-cifar10": (512, 200, 0.24, 5e-4, 0.5),
    "simsiam-cifar10": (512, 200, 0.06, 5e-4, None),
    "moco2-cifar10": (512, 200, 0.24, 5e-4, 0.1),
    "moco2-imagenette": (256, 200, 0.12, 5e-4, 0.1),
    "vicreg-cifar10": (512, 200, 0.6, 1e-6, None),
    "dino-cifar10": (512, 200, 0.06, 1e-4, None),
}
#: (scale, jitter, its probability, gray, probability of blur, of solarize), SPEC 0.4; the crop is the baseline's.
VIEWS = {
    "moco1-imagenet": ((0.2, 1.0), (0.4, 0.4, 0.4, 0.4), 1.0, 0.2, 0.0, 0.0),
    "moco2-imagenet": ((0.2, 1.0), (0.4, 0.4, 0.4, 0.1), 0.8, 0.2, 0.5, 0.0),
    "simsiam-imagenet": ((0.2, 1.0), (0.4, 0.4, 0.4, 0.1), 0.8, 0.2, 0.5, 0.0),
    "infomin-imagenet": ((0.2, 1.0), (0.8, 0.8, 0.8, 0.2), (0.8, 0.8, 0.0), (0.2, 0.2, 0.0), (0.5, 0.5, 0.0), 0.0),
    "mocov3-imagenet": ((0.2, 1.0), (0.4, 0.4, 0.2, 0.1), 0.8, 0.2, (1.0, 0.1), (0.0, 0.2)),
    "simclr-imagenet": ((0.08, 1.0), (0.8, 0.8, 0.8, 0.2), 0.8, 0.2, 0.5, 0.0),
    "byol-imagenet": ((0.08, 1.0), (0.4, 0.4, 0.2, 0.1), 0.8, 0.2, (1.0, 0.1), (0.0, 0.2)),
    "vicreg-imagenet": ((0.08, 1.0), (0.4, 0.4, 0.2, 0.1), 0.8, 0.2, (1.0, 0.1), (0.0, 0.2)),
    "wmse-cifar10-paper": ((0.2, 1.0), (0.4, 0.4, 0.4, 0.1), 0.8, 0.1, 0.0, 0.0),
    "wmse-imagenet100": ((0.08, 1.0), (0.8, 0.8, 0.8, 0.2), 0.8, 0.2, 0.5, 0.0),
    "leoclr-e2e-imagenet": ((0.08, 1.0), (0.8, 0.8, 0.8, 0.2), 0.8, 0.2, 0.5, 0.0),
    "clim-imagenet": ((0.2, 1.0), (0.4, 0.4, 0.4, 0.1), 0.8, 0.2, 0.5, 0.0),
    "scorecl-vicreg-cifar10-paper": ((0.2, 1.0), (0.4, 0.4, 0.4, 0.1), 0.8, 0.2, 0.0, 0.0),
    "jointcrop-byol-tiny": ((0.2, 1.0), (0.4, 0.4, 0.4, 0.1), 0.8, 0.2, 0.0, 0.0),
    "simclr-cifar10": ((0.08, 1.0), (0.4, 0.4, 0.4, 0.1), 0.8, 0.2, 0.0, 0.0),
}
#: What else the papers' tables state.
STATED = {
    "moco2-imagenet": {"K": 65536, "m": 0.999, "dim": 128, "optimizer": "sgd", "schedule": "cosine"},
    "moco1-imagenet": {"head": "linear", "schedule": "step", "milestones": (120, 160), "gamma": 0.1},
    "infomin-imagenet": {
        "K": 65536,
        "m": 0.999,
        "dim": 128,
        "jigsaw": 0.5,
        "patch": 64,
        "locals": 1,
        "local_size": 255,
        "local_scale": (0.6, 1.0),
        "randaugment": (2, 10),
        "order": "flip,jitter,blur,randaugment,gray,solarize",
    },
    "jointcrop-infomin-imagenet": {"crop": "joint", "beta": 0, "couple": "globals", "epochs": 100, "tau": 0.15},
    "byol-imagenet": {"dim": 256, "hidden": 4096, "m": 0.996, "optimizer": "lars", "warmup": 10},
    "simsiam-imagenet": {"dim": 2048, "bottleneck": 512, "layers": 3},
    "dino-imagenet": {"outputs": 65536, "scale": (0.14, 1.0), "local_scale": (0.05, 0.14), "clip": 3.0, "m": 0.996},
    "vicreg-imagenet": {"dim": 8192, "lam": 25, "mu": 25, "nu": 1, "floor": 0.001},
    "wmse-cifar10-paper": {"dim": 64, "w_size": 128, "w_iter": 1, "warmup_steps": 500, "milestones": (-50, -25)},
    "npid-imagenet": {"K": 4096, "omega": 0.5, "milestones": (120, 160)},
    "leoclr-imagenet": {"original": True, "attract": "original", "reduction": "sum", "enqueue": "first", "m": 0.999},
    "interclr-moco2-imagenet": {
        "K": 65536,
        "K_inter": 16384,
        "lam": 0.75,
        "m_inter": -0.5,
        "omega": 1,
        "clusters": 10000,
    },
    "interclr-npid2-imagenet": {"K": 16384, "K_inter": 16384, "omega": 0.5, "negatives": "semi-hard", "pool": 0.1},
    "interclr-byol-imagenet": {"accumulate": 16, "m": 0.99, "lam": 0.75},
    "interclr-study-imagenet": {"K": 4096, "K_inter": 4096, "m_inter": 0, "negatives": "random"},
    "clim-imagenet": {"clusters": 10000, "k": 40, "n_pos": 10, "every": 5, "mix_alpha": 2, "sizes": (224, 160)},
    "clim-ablation-imagenet": {"sizes": ()},
    "scorecl-simsiam-cifar10-paper": {"weight": "score", "weight_kind": "vector", "weight_p": 1, "warmup": 10},
    "jointcrop-simclr-tiny": {"crop": "joint", "beta": 0, "floor": 0.1, "size": 64, "warmup": 0, "stem": "small"},
    "jointcrop-byol-tiny": {"hidden": 512, "dim": 128, "m": 0.996, "m_schedule": "constant"},
    "jointcrop-simsiam-tiny": {"dim": 512, "bottleneck": 128},
    "simclr-cifar10": {"size": 32, "stem": "imagenet", "warmup": 10, "backbone": "resnet18", "schedule": "cosine"},
    "moco2-cifar10": {"K": 8192, "m": 0.999, "bn_splits": 8, "warmup": 10},
    "moco2-rendered": {"K": 128, "m": 0.995, "bn_splits": 4, "warmup": 2, "backbone": "resnet8", "knn_k": 20},
    "dino-imagenette": {"outputs": 2048, "local_size": 48},
    "vicreg-cifar10": {"dim": 2048, "hidden": 2048, "optimizer": "lars"},
}
HINTS = {name: hints_of(kind) for name, kind in METHODS.items()}
IMAGES = {"cifar10": 50_000, "cifar10-cpu": 50_000, "imagenette": 9_469, "rendered": 1_800}


def scale_of(name: str) -> str:
    """Of a recipe that is scaled down: the longest end of its name that is a scale; else empty."""
    return max((scale for scale in IMAGES if name.endswith(f"-{scale}")), key=len, default="")


@pytest.mark.parametrize("name", BASELINES)
def test_training_settings_are_the_papers(name: str):
    values = RECIPES[name].values
    batch, epochs, peak, decay, tau = BASELINES[name]
    assert (values["batch"], values["epochs"], values["weight_decay"]) == (batch, epochs, decay)
    scaling = 1 if values["lr_batch"] is None else batch / values["lr_batch"]
    assert math.isclose(values["lr"] * scaling, peak)
    assert values.get("tau") == tau


@pytest.mark.parametrize("name", VIEWS)
def test_views_are_the_papers(name: str):
    values = RECIPES[name].values
    assert VIEWS[name] == tuple(values[key] for key in ("scale", "jitter", "jitter_p", "gray", "blur_p", "solarize"))


@pytest.mark.parametrize("name", STATED)
def test_what_else_the_tables_state(name: str):
    assert {key: RECIPES[name].values[key] for key in STATED[name]} == STATED[name]


@pytest.mark.parametrize("name", RECIPES)
def test_every_setting_exists_and_has_its_type(name: str):
    recipe = RECIPES[name]
    hints = HINTS[recipe.values["method"]]
    assert not recipe.settings.keys() - hints.keys()
    for key, marked in recipe.settings.items():
        checked(key, marked.value, hints[key])
        assert marked.source in SOURCES
        assert bool(marked.whose) == (marked.source != "ours")
    divided(recipe.values)  # no two that exclude each other


#: What JointCrop's paper states, SPEC 5.2: of ImageNet the crop alone, of the small runs these.
OWN_OF_JOINTCROP = {"crop", "beta"}
#: Beside them: MoCo v3's longest run (App. C.2), DINO's crops (App. D).
MORE_OF_JOINTCROP = {
    "jointcrop-mocov3-imagenet-300": {"epochs"},
    "jointcrop-dino-multicrop": {"size", "locals", "local_size", "scale", "local_scale"},
}
SMALL_OF_JOINTCROP = {"backbone", "epochs", "batch", "lr", "schedule", "scale", "size"} | OWN_OF_JOINTCROP


@pytest.mark.parametrize("name", [name for name in RECIPES if name.startswith("jointcrop-")])
def test_what_is_marked_as_jointcrops(name: str):
    """A value inherited from a baseline reads as that baseline's paper's, whoever derives a recipe from it."""
    small = name.rpartition("-")[2] in ("tiny", "stl10")
    found = {key for key, marked in RECIPES[name].settings.items() if marked.told == "JointCrop's paper"}
    assert found == (SMALL_OF_JOINTCROP if small else OWN_OF_JOINTCROP | MORE_OF_JOINTCROP.get(name, set()))


@pytest.mark.parametrize(
    ("name", "setting", "told"),
    [
        ("byol-imagenet", "epochs", "BYOL's paper"),
        ("jointcrop-byol-imagenet", "epochs", "mmselfsup's code"),
        ("jointcrop-byol-imagenet", "batch", "BYOL's paper"),
        ("jointcrop-moco2-imagenet", "batch", "MoCo's paper"),
        ("jointcrop-mocov3-imagenet", "batch", "MoCo v3's paper"),
        ("jointcrop-simclr-imagenet", "batch", "mmselfsup's code"),
        ("jointcrop-simclr-tiny", "batch", "JointCrop's paper"),
        ("jointcrop-simclr-tiny", "floor", "ContrastiveCrop's code"),
        ("jointcrop-byol-cifar10", "scale", "ours"),
        ("jointcrop-simclr-cifar10", "scale", "ours"),
        ("leoclr-imagenet", "lr", "LeOCLR's paper"),
        ("infomin-imagenet", "tau", "InfoMin's code"),
        ("infomin-imagenet", "lr", "MoCo's paper"),
        ("jointcrop-infomin-imagenet", "patch", "InfoMin's code"),
        ("jointcrop-infomin-imagenet", "couple", "ours"),
        ("leoclr-imagenet", "tau", "MoCo's paper"),
        ("clim-imagenet", "jitter", "MoCo's code"),
        ("scorecl-simclr-cifar10-paper", "lr", "ScoreCL's paper"),
        ("scorecl-wmse-cifar10-paper", "dim", "W-MSE's paper"),
        ("interclr-moco2-imagenet", "K", "MoCo's paper"),
        ("interclr-moco2-imagenet", "K_inter", "InterCLR's paper"),
    ],
)
def test_whose_a_value_is(name: str, setting: str, told: str):
    assert RECIPES[name].settings[setting].told == told


#: SPEC 0.3, start of the weights: the last gamma of a residual branch. NPID's code fills every gamma with 1.
LAST_GAMMA = {
    "simsiam": 0, "mocov3": 0, "vicreg": 0, "simclr": 0, "byol": 0, "moco": 1, "moco1": 1, "moco2": 1, "dino": 1,
    "infomin": 1, "wmse": 1, "npid": 1, "npid2": 1, "study": 1, "contrastivecrop": 0,
}  # fmt: skip


@pytest.mark.parametrize("name", RECIPES)
def test_how_weights_start(name: str):
    """As the cited method's code has it; JointCrop's small runs have ContrastiveCrop's: 0 for SimSiam alone.

    On the small network all start with 1, and what the code has stands beside it.
    """
    first, second, *_ = name.split("-")
    if first == "jointcrop" and name.rpartition("-")[2] in ("tiny", "stl10"):
        wanted = 0 if second == "simsiam" else 1
    elif first in ("clim", "leoclr"):
        wanted = 0 if second == "e2e" else 1
    else:
        wanted = LAST_GAMMA[second if first in ("jointcrop", "scorecl", "interclr") else first]
    marked, values = RECIPES[name].settings["last_gamma"], RECIPES[name].values
    if values["backbone"] == "resnet8":
        assert (marked.value, marked.source, marked.instead.value) == (1, "ours", wanted)
    else:
        assert (marked.value, marked.source) == (wanted, "code")


def test_heads_on_resnet18_are_marked():
    """512, as wide as the features, in MoCo's and SimCLR's codes (SPEC 0.3): the paper's 2048 are ResNet-50's."""
    checked_ones = 0
    for name, recipe in RECIPES.items():
        method, scale = recipe.values["method"], name.rpartition("-")[2]
        queues = method in ("simclr", "moco", "infomin", "leoclr", "clim") or recipe.values.get("on") in (
            "moco",
            "npid",
        )
        linear = recipe.values.get("head") == "linear"
        if recipe.values["backbone"] != "resnet18" or scale == "rendered" or linear or not (queues or "npid2" in name):
            continue
        hidden = recipe.settings["hidden"]
        assert (hidden.value, hidden.source != "paper") == (512, True), name
        checked_ones += 1
    assert checked_ones > 20
    scorecl = RECIPES["scorecl-simclr-cifar10-paper"].settings["hidden"]
    assert (scorecl.value, scorecl.told) == (512, "ours")
    assert RECIPES["scorecl-simclr-imagenet100-paper"].values["hidden"] == 2048


@pytest.mark.parametrize("scale", ["imagenet-200", *SCALES])
def test_the_rows_of_leoclrs_table_5_differ_in_leoclr_alone(scale: str):
    """Head, views and optimizer of the one are the other's, and both heads have the same layers."""
    base, ours = RECIPES[f"simclr-{scale}"], RECIPES[f"leoclr-e2e-{scale.removesuffix('-200')}"]
    own = {"method", "framework", "original", "attract", "reduction"}
    layers = {"layers"}  # 2, which LeOCLR's head always has
    assert base.values.keys() ^ ours.values.keys() == (own - {"method"}) | layers
    assert base.values["layers"] == 2
    assert {key for key in base.values.keys() & ours.values.keys() if base.values[key] != ours.values[key]} == {
        "method"
    }
    heads = []
    for recipe in (base, ours):
        settings, kept = divided(recipe.values)
        kind = METHODS[settings.method]
        method = kind(Tiny, **keywords_of(kind, settings, kept, 1800))
        heads.append([(type(layer), *(p.shape for p in layer.parameters())) for layer in encoder_of(method).head])
    assert heads[0] == heads[1]


@pytest.mark.parametrize("scale", ["imagenet", *SCALES])
@pytest.mark.parametrize("base", ["npid2", "moco2", "byol"])
def test_interclr_on_a_base_is_trained_as_its_base_is(base: str, scale: str):
    """Views and optimizer of the one are the other's, so that a row against its base differs in InterCLR alone."""
    alone, ours = RECIPES[f"{base}-{scale}"], RECIPES[f"interclr-{base}-{scale}"]
    named = {"jitter", "jitter_p", "gray", "blur_p", "solarize", "scale", "flip", "size", "optimizer"}
    assert {name: ours.values[name] for name in named} == {name: alone.values[name] for name in named}


@pytest.mark.parametrize("crop", ["", "jointcrop-"])
def test_on_the_toys_infomin_is_moco_v2_and_a_jigsaw(crop: str):
    """With RandAugment it learns nothing there (toys_search.csv, group "views")."""
    base, ours = (RECIPES[f"{crop}{name}-rendered"].values for name in ("moco2", "infomin"))
    assert ours["randaugment"] is None
    assert ours["order"] == Settings.order
    for name in base.keys() - {"method", "locals", "head", "symmetric"}:
        value = ours[name]
        assert base[name] == (value[0] if name in ("jitter_p", "gray") else value), name
        assert name not in ("jitter_p", "gray") or value[0] == value[1]


def encoder_of(method: nn.Module) -> nn.Module:
    return method.f if hasattr(method, "f") else method.f_q


def test_dino_ends_at_its_last_rate():
    """1e-6 (SPEC 0.3), whatever the batch of the recipe; with AdamW on the small network, 0."""
    found = [recipe for recipe in RECIPES.values() if recipe.values["method"] == "dino"]
    rates = {recipe.name: peak_rate(divided(recipe.values)[0]) * recipe.values["floor"] for recipe in found}
    assert len({recipe.values["batch"] for recipe in found}) == 4
    for name, last in rates.items():
        assert last == pytest.approx(0.0 if name.endswith(CPU_SCALES) else 1e-6), name


def test_dinos_last_layer_stands_still_on_the_small_network():
    """One that learns after the first epoch ends at the uniform answer (toys_search.csv, group "last layer")."""
    small = [RECIPES[f"dino-{scale}"].values for scale in CPU_SCALES]
    assert all(values["freeze"] > 10 * values["epochs"] for values in small)


class Counted(nn.Module):
    """Counts the images that pass through a network."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network, self.images = network, 0

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.images += len(images)
        return self.network(images)


def passes(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> float:
    """Images that a run of a recipe encodes, as multiples of the data set, counted in one step of each kind."""
    small = {"hidden": 8, "dim": 4, "K": 16, "clusters": 4, "k": 10, "n_pos": 5, "bn_splits": 1}
    settings, own = divided(recipe.values | {key: small[key] for key in small.keys() & recipe.values.keys()})
    kind = METHODS[settings.method]
    method = kind(Tiny, **keywords_of(kind, settings, own, 16))
    for name in ("f_q", "f_k"):
        setattr(method, name, Counted(getattr(method, name)))
    monkeypatch.setattr(type(method), "after_update", lambda *_: None)
    views = [torch.rand(8, 3, 8, 8) for _ in range(2 * max(len(settings.sizes), 1))]
    total, warmup = 0.0, own.get("warmup_epochs", 0)
    for epoch in range(settings.epochs):
        before = method.f_q.images + method.f_k.images
        if epoch in (0, warmup):
            method(Batch(views, torch.arange(8), 0, epoch, 0, 1, partners=views))
            step = (method.f_q.images + method.f_k.images - before) / 8
        total += step
    return total


@pytest.mark.parametrize("name", ["clim-rendered", "clim-ablation-rendered"])
def test_clims_epochs_are_counted_by_forward_passes(name: str, monkeypatch: pytest.MonkeyPatch):
    """As many images are encoded as in MoCo v2's run, to within half of CLIM's epoch."""
    base = passes(RECIPES["moco2-rendered"], monkeypatch)
    assert base == 2 * RECIPES["moco2-rendered"].values["epochs"]
    resolutions = max(len(RECIPES[name].values["sizes"]), 1)
    assert abs(passes(RECIPES[name], monkeypatch) - base) <= 3 * resolutions / 2


class Tiny(nn.Module):
    """Stands where a backbone does."""

    width = 8

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 8)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """``[B, 8]``."""
        return self.linear(images.mean((1, 2)))


@pytest.mark.parametrize("name", [name for name in RECIPES if scale_of(name)])
def test_scaled_down_recipes_suit_their_data(name: str):
    """The method's own check of queue, bank, clusters and batch, on a backbone too small to cost anything."""
    images = IMAGES[scale_of(name)]
    settings, own = divided(RECIPES[name].values)
    kind = METHODS[settings.method]
    method = kind(Tiny, **keywords_of(kind, settings, own, images))
    method.check(images, settings.batch // settings.accumulate)
    assert settings.batch <= images


def test_a_scaled_down_recipe_keeps_the_papers_value_beside_ours():
    scaled = RECIPES["moco2-cifar10"].settings
    assert (scaled["K"].value, scaled["K"].source) == (8192, "ours")
    assert (scaled["K"].instead.value, scaled["K"].instead.source) == (65536, "paper")
    for name, recipe in RECIPES.items():
        scale = scale_of(name)
        base = RECIPES.get(f"{name.removesuffix(f'-{scale}')}-imagenet")
        if scale and base is not None:
            for key, marked in recipe.settings.items():
                was = base.settings.get(key)
                assert marked == was or marked.instead == was, (name, key)


def test_every_method_of_the_trainer_has_recipes_at_all_scales():
    for method in METHODS:
        for scale in SCALES:
            assert any(r.values["method"] == method for n, r in RECIPES.items() if n.endswith(f"-{scale}")), (
                method,
                scale,
            )


@pytest.mark.parametrize("name", [name for name in RECIPES if scale_of(name) in CPU_SCALES])
def test_the_small_network_has_small_heads_that_are_marked_ours(name: str):
    """No layer of a head is wider than 1,024, and where the paper's is, ours stands beside it."""
    settings, values = RECIPES[name].settings, RECIPES[name].values
    assert (values["backbone"], values["stem"]) == ("resnet8", None)
    defaults = {key: p.default for key, p in signature(METHODS[values["method"]]).parameters.items()}
    for key in ("hidden", "dim", "bottleneck"):
        unused = key == "hidden" and values.get("head") == "linear"
        if not unused and isinstance(values.get(key, defaults.get(key)), int):
            assert values.get(key, defaults[key]) <= 1024, key
            was = settings[key].instead if key in settings else None
            if was is not None and was.value > 1024:
                assert settings[key].source == "ours", key


def test_a_value_that_the_family_goes_over_is_refused():
    with pytest.raises(ValueError, match=r"FITTED what it has for byol, got hidden, m for byol; take it out"):
        family("byol", RECIPES["byol-imagenet"], rendered={"m": ours(0.99), "hidden": ours(64), "epochs": ours(3)})


def test_k_is_20_on_the_toys():
    assert {recipe.values["knn_k"] for name, recipe in RECIPES.items() if name.endswith("-rendered")} == {20}


def test_names_are_unique():
    assert sum(len(module.RECIPES) for module in PAPERS) == len(RECIPES)
    twice = Recipe("same", {})
    with pytest.raises(ValueError, match="twice"):
        by_name([twice, twice])


def test_but_replaces_and_remembers():
    base = Recipe("base", {"lr": paper(0.3), "batch": paper(4096)})
    derived = base.but("derived", {"lr": ours(0.1)}, {"lr": ours(0.2)}, epochs=ours(3))
    assert derived.values == {"lr": 0.2, "batch": 4096, "epochs": 3}
    assert derived.settings["lr"].instead == paper(0.3)
    assert derived.settings["batch"].instead is None
    assert base.values == {"lr": 0.3, "batch": 4096}
    assert derived.without("lr").values == {"batch": 4096, "epochs": 3}


# Tables. --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("paper_name", "number", "row", "reported"),
    [
        ("leoclr", "6", "MoCo-v2", {"STL-10": 80.08, "CIFAR-10": 73.88}),
        ("leoclr", "6", "LeOCLR", {"STL-10": 85.2, "CIFAR-10": 79.59}),
        ("leoclr", "6", "CLSA", {"STL-10": 82.62, "CIFAR-10": 77.2}),
        ("leoclr", "8", "random original", {"ImageNet": 69.3}),
        ("leoclr", "8", "attract all", {"ImageNet": 67.7}),
        ("leoclr", "8", "LeOCLR", {"ImageNet": 71.7}),
        ("interclr", "Fig. 6b", "semi-hard", {}),
        ("interclr", "Fig. 8", "lambda 0.75", {}),
        ("clim", "6", "MoCo v2, no mixing", {"ImageNet": 67.5}),
        ("clim", "6", "Random, CutMix", {"ImageNet": 67.1}),
        ("clim", "6", "KNN, no mixing", {"ImageNet": 68.3}),
        ("clim", "6", "Center-wise, CutMix", {"ImageNet": 70.1}),
        ("clim", "9", "alpha 1.5", {"ImageNet": 69.9}),
        ("scorecl", "2", "SimCLR", {"ImageNet-100": 69.24, "CIFAR-10": 90.28, "CIFAR-100": 60.11}),
        ("scorecl", "2", "VICReg + ScoreCL", {"ImageNet-100": 71.44, "CIFAR-10": 89.49, "CIFAR-100": 61.53}),
        ("scorecl", "2", "W-MSE", {"CIFAR-10": 90.06, "CIFAR-100": 56.69}),
        ("scorecl", "6", "SimSiam, random", {"CIFAR-100": 56.37}),
        ("scorecl", "6", "SimCLR, saliency", {"CIFAR-100": 60.59}),
        ("jointcrop", "5", "BYOL, J-Crop(-2)", {"Tiny-ImageNet": 51.02}),
        ("jointcrop", "5", "MoCo v2, baseline", {"Tiny-ImageNet": 46.07}),
        ("jointcrop", "5", "SimSiam, J-Crop(1)", {"Tiny-ImageNet": 45.1}),
        ("jointcrop", "F", "J-Crop(0) or J-Blur(0)", {"ImageNet": 61.24}),
        ("jointcrop", "F", "baseline", {"ImageNet": 57.25}),
    ],
)  # fmt: skip
def test_reported_numbers(paper_name: str, number: str, row: str, reported: dict[str, float]):
    (found,) = [one for one in TABLES[paper_name, number].rows if one.name == row]
    assert found.reported == reported


MACHINES = ("svm", "best stage: mAP, %", "voc07", "all")
LINEAR, TUNED, MAJORITY = ("linear:moco", "top-1, %"), "finetune:leoclr", ("knn", "majority top-1, %")
TRANSFER, NONE = "finetune:simclr-transfer", ("", "")
PERCENTS = (1, 2, 5, 10, 20, 50, 100)
APS = ("AP", "AP50", "AP75")


def detected(protocol: str, data: str, *names: str) -> dict[str, tuple[str, ...]]:
    """Average precisions of detect.py, ``"mk AP50"`` those of masks."""
    words = {name: f"{'mask' if 'mk' in name else 'box'} {name.split()[-1]}, %" for name in names}
    return {name: (f"detect:{protocol}", metric, *filter(None, [data])) for name, metric in words.items()}


#: How each column is measured, typed a second time: SPEC 0.5, and what fraction of labels, and which data.
MEASURES: dict[tuple[str, str], dict[str, tuple[str, str] | tuple[str, str, float] | tuple[str, str, str]]] = {
    ("leoclr", "1"): {"ImageNet": LINEAR},
    ("leoclr", "2"): {"1 %": (TUNED, "top-1, %", 0.01), "10 %": (TUNED, "top-1, %", 0.1)},
    ("leoclr", "3"): {
        "CIFAR-10": (TRANSFER, "top-1, %", "cifar10"),
        "CIFAR-100": (TRANSFER, "top-1, %", "cifar100"),
        "Car": (TRANSFER, "top-1, %", "cars"),
        "Birdsnap": (TRANSFER, "top-1, %", "birdsnap"),
        "Pets": (TRANSFER, "mean per class, %", "pets"),
    },
    ("leoclr", "4"): detected("voc-c4", "voc0712", "AP50", "AP", "AP75"),
    ("leoclr", "5"): {"ImageNet": LINEAR},
    ("leoclr", "6"): {"STL-10": LINEAR, "CIFAR-10": LINEAR},
    ("leoclr", "7"): {
        "center crop": ("crops:moco", "center, top-1, %"),
        "random crop": ("crops:moco", "RandomResizedCrop(0.2, 1), top-1, %"),
        "hours": ("log", "hours"),
    },
    ("leoclr", "8"): {"ImageNet": LINEAR},
    ("leoclr", "9"): detected("coco-boxes-c4-1x", "", "AP50", "AP", "AP75"),
    ("leoclr", "Fig. 4"): {"ImageNet": LINEAR},
    ("leoclr", "Fig. 5"): {
        f"{percent} %, {top}": (TUNED, f"{top}, %", percent / 100) for top in ("top-1", "top-5") for percent in PERCENTS
    },
    ("interclr", "1"): {
        "ImageNet": ("linear:interclr", "best stage: top-1, %"),
        "Places205": ("linear:interclr-places", "best stage: top-1, %", "places205"),
        "VOC07": MACHINES,
        "low-shot": ("low-shot", "best stage: mAP, %", "voc07", "all"),
    },
    ("interclr", "2"): {
        "1 %": ("finetune:interclr", "top-5, %", 0.01),
        "10 %": ("finetune:interclr", "top-5, %", 0.1),
    },
    ("interclr", "3"): detected("voc-c4", "voc0712", "AP50"),
    ("interclr", "4"): {"GB": ("log", "GB"), "days": ("log", "days")},
    ("interclr", "Fig. 5"): {
        f"{shots} a class": ("low-shot", f"best stage: mAP at k = {shots}, %", "voc07", "all")
        for shots in (1, 2, 4, 8, 16, 32, 64, 96)
    },
    ("interclr", "Fig. 6a"): {"VOC07": MACHINES},
    ("interclr", "Fig. 6b"): {"VOC07": MACHINES},
    ("interclr", "Fig. 7a"): {"ImageNet": ("linear:interclr", "best stage: top-1, %")},
    ("interclr", "Fig. 7b"): {"ImageNet": ("linear:interclr", "best stage: top-1, %")},
    ("interclr", "Fig. 8"): {"VOC07": MACHINES},
    ("interclr", "Fig. 9a"): {"VOC07": MACHINES},
    ("interclr", "Fig. 9b"): {"VOC07": MACHINES},
    ("clim", "1"): {"ImageNet": LINEAR},
    ("clim", "2"): {
        f"{percent} %, {top}": ("finetune:clim", f"{top}, %", percent / 100)
        for percent in (1, 10)
        for top in ("top-1", "top-5")
    },
    ("clim", "3"): detected("voc-c4", "voc0712", "AP50", "AP75"),
    ("clim", "4"): {
        name: measure
        for what in ("bb", "mk")
        for length in ("1x", "2x")
        for name, measure in detected(
            f"coco-fpn-{length}", "coco", *(f"{what} {length} {name}" for name in APS)
        ).items()
    },
    ("clim", "5"): {f"{what} {name}": NONE for what in ("bb", "mk") for name in ("AP", "AP50", "AP75")},
    ("clim", "7"): {"ImageNet": LINEAR},
    ("clim", "8"): {"ImageNet": LINEAR},
    ("clim", "10"): {"ImageNet": ("similarity", "cosine within a class")},
    ("clim", "11"): {"ImageNet": LINEAR},
    ("scorecl", "1"): {"k-NN": MAJORITY, "linear": LINEAR},
    ("scorecl", "3"): {"ImageNet-100": MAJORITY, "CIFAR-100": MAJORITY},
    ("scorecl", "4"): {
        f"{name}, {how}": (protocol, f"{rule}{metric}, %", data)
        for how, protocol, rule in (("k-NN", "knn", "majority "), ("linear", "linear:scorecl", ""))
        for name, data, metric in (
            ("STL10", "stl10", "top-1"),
            ("Food", "food101", "top-1"),
            ("Flowers", "flowers102", "mean per class"),
            ("Cars", "cars", "top-1"),
            ("Aircraft", "aircraft", "mean per class"),
            ("DTD", "dtd", "top-1"),
        )
    },
    ("scorecl", "5"): {
        **detected("voc-c4", "voc0712", *(f"VOC {name}" for name in APS)),
        **detected("coco-c4-1x", "coco", *(f"{what} {name}" for what in ("bb", "mk") for name in APS)),
    },
    ("scorecl", "7"): {"CIFAR-100": MAJORITY},
    ("scorecl", "8"): dict.fromkeys(("CIFAR-10", "CIFAR-100"), ("linear:contrastivecrop", "top-1, %")),
    ("scorecl", "9"): {"parameters": ("log", "million parameters"), "ImageNet-100": MAJORITY},
    ("scorecl", "10"): {"CIFAR-100": MAJORITY},
    ("scorecl", "Fig. 6"): {"CIFAR-10": MAJORITY, "CIFAR-100": MAJORITY},
    ("scorecl", "Fig. 7"): {"CIFAR-100": MAJORITY},
    ("clim", "6"): {"ImageNet": LINEAR},
    ("clim", "9"): {"ImageNet": LINEAR},
    ("scorecl", "2"): dict.fromkeys(("ImageNet-100", "CIFAR-10", "CIFAR-100"), MAJORITY),
    ("scorecl", "6"): {"CIFAR-100": MAJORITY},
    ("jointcrop", "1"): {"ImageNet": LINEAR},
    ("jointcrop", "2"): dict.fromkeys(("STL-10", "Tiny-ImageNet"), ("linear:contrastivecrop", "top-1, %")),
    ("jointcrop", "3"): detected("voc-c4", "voc0712", "AP50", "AP", "AP75"),
    ("jointcrop", "4"): detected("coco-c4-1x", "coco", *(f"{what} {name}" for what in ("mk", "bb") for name in APS)),
    ("jointcrop", "5"): {"Tiny-ImageNet": ("linear:contrastivecrop", "top-1, %")},
    ("jointcrop", "6"): {"ImageNet-100": (TRANSFER, "top-1, %", "imagenet100")},
    ("jointcrop", "7"): {"ImageNet": LINEAR},
    ("jointcrop", "8"): {"seconds an epoch": ("log", "seconds an epoch")},
    ("jointcrop", "10"): {"ImageNet": ("linear:dino", "top-1, %")},
    ("jointcrop", "11"): {"ImageNet": LINEAR},
    ("jointcrop", "F"): {"ImageNet": LINEAR},
    ("jointcrop", "InfoMin"): {"ImageNet": LINEAR},
    ("jointcrop", "Fig. 5"): {"Tiny-ImageNet": ("log", "loss")},
}


def test_each_table_is_measured_as_its_paper_measures():
    """JointCrop's small runs have the probe of ContrastiveCrop's code (SPEC 0.3), and InterCLR an SVM on VOC07."""
    found = {
        key: {
            name: (column.protocol, column.metric, *filter(None, (column.fraction, column.data, column.stages)))
            for name, column in table.columns.items()
        }
        for key, table in TABLES.items()
    }
    assert found == MEASURES


def test_what_measures_a_column_is_there():
    """Every protocol is evaluate.py's, detect.py's, or of the log; a column without says why; data have readers."""
    from evaluate import protocol_name
    from trainer.detection.protocols import PROTOCOLS as DETECTORS
    from trainer.inputs.named import NAMED
    from trainer.papers.measures import LOG

    for table in TABLES.values():
        for column in table.columns.values():
            assert bool(column.protocol) != bool(column.missing)
            assert bool(column.protocol) == bool(column.metric)
            assert column.data in ("", *NAMED)
            if column.protocol == "log":
                assert column.metric in LOG
        for protocol in {row.protocol or one.protocol for row in table.rows for one in table.columns.values()}:
            kind, _, name = protocol.partition(":")
            if kind == "detect":
                assert name in DETECTORS
            elif protocol not in ("", "log"):
                assert protocol_name(protocol) == protocol


def columns(key: tuple[str, str], names: Iterable[str], text: str) -> dict[tuple[str, str, str], float]:
    """The sums of columns, from the lines of the paper's text."""
    rows = [[float(word) for word in row.split()] for row in text.split("/")]
    return {(*key, name): sum(column) for name, *column in zip(names, *rows, strict=True)}


#: From the papers' own texts. Single numbers with one decimal were added up by a script from these.
SUMS = {
    ("leoclr", "1", "ImageNet"): 1392.3,
    ("leoclr", "2", "1 %"): 416.4,
    ("leoclr", "2", "10 %"): 541.1,
    ("leoclr", "3", "CIFAR-10"): 586.3,
    ("leoclr", "3", "CIFAR-100"): 517.8,
    ("leoclr", "3", "Car"): 548.4,
    ("leoclr", "3", "Birdsnap"): 304.6,
    ("leoclr", "3", "Pets"): 546.7,
    ("leoclr", "4", "AP50"): 331.9,
    ("leoclr", "4", "AP"): 172.3,
    ("leoclr", "4", "AP75"): 191.8,
    ("leoclr", "5", "ImageNet"): 127.5,
    ("leoclr", "6", "STL-10"): 412.1,
    ("leoclr", "6", "CIFAR-10"): 382.17,
    ("leoclr", "7", "center crop"): 208.6,
    ("leoclr", "7", "random crop"): 132.1,
    ("leoclr", "7", "hours"): 149.0,
    ("leoclr", "8", "ImageNet"): 208.7,
    ("leoclr", "9", "AP50"): 116.5,
    ("leoclr", "9", "AP"): 76.7,
    ("leoclr", "9", "AP75"): 84.5,
    ("leoclr", "Fig. 4", "ImageNet"): 67.5 + 39.5 + 71.7 + 46.6,
    ("interclr", "1", "ImageNet"): 2487.3,
    ("interclr", "1", "Places205"): 1333.5,
    ("interclr", "1", "VOC07"): 1878.3,
    ("interclr", "1", "low-shot"): 1014.0,
    ("interclr", "2", "1 %"): 1664.8,
    ("interclr", "2", "10 %"): 2193.6,
    ("interclr", "3", "AP50"): 1370.9,
    ("interclr", "4", "GB"): 5.6 + 6.1 + 6.2,
    ("interclr", "4", "days"): 2.6 + 6.4 + 5.0,
    ("clim", "1", "ImageNet"): 1100.9,
    **columns(
        ("clim", "2"),
        ("1 %, top-1", "1 %, top-5", "10 %, top-1", "10 %, top-5"),
        """25.4 48.4 56.4 56.4 / 30.7 57.2 60.4 83.8 / 48.3 75.5 65.6 87.8 / 53.2 78.4 68.8 89.0 / 53.9 78.5 70.2 89.9
        / 57.9 82.5 68.4 89.2 / 59.3 81.6 70.0 89.3""",
    ),
    **columns(("clim", "3"), ("AP50", "AP75"), "81.4 58.8 / 82.5 64.0 / 82.6 0 / 82.8 64.5"),
    **columns(
        ("clim", "4"),
        MEASURES["clim", "4"],
        """38.9 59.6 42.0 40.6 61.3 44.4 35.4 56.5 38.1 36.8 58.1 39.5
        / 39.2 59.9 42.7 41.5 62.2 45.3 35.7 56.8 38.1 37.5 59.1 40.1
        / 39.5 60.0 43.3 41.8 62.3 45.7 35.8 57.0 38.6 37.7 59.4 40.5""",
    ),
    **columns(
        ("clim", "5"),
        MEASURES["clim", "5"],
        "24.1 39.4 25.0 24.2 37.8 25.1 / 25.1 40.4 26.1 25.3 38.4 27.0 / 25.5 41.2 26.7 25.6 39.5 27.5",
    ),
    ("clim", "7", "ImageNet"): 69.7 + 70.4 + 71.7 + 72.3 + 71.4,
    ("clim", "8", "ImageNet"): 69.1 + 69.5 + 69.4 + 70.0 + 70.1 + 69.7 + 69.6 + 69.9 + 69.5,
    ("clim", "10", "ImageNet"): 0.75 + 0.58 + 0.65,
    ("clim", "11", "ImageNet"): 72.3 + 75.2 + 75.5,
    **columns(
        ("scorecl", "1"), ("k-NN", "linear"), """42.62 56.98 / 45.59 59.21 / 54.66 58.13 / 54.98 59.98
        / 55.08 59.58 / 57.80 61.86""",
    ),
    ("scorecl", "3", "ImageNet-100"): 70.14 + 72.90 + 74.02 + 75.04 + 71.56 + 72.24,
    ("scorecl", "3", "CIFAR-100"): 58.49 + 60.91 + 55.51 + 58.01 + 47.11 + 50.44 + 55.87 + 59.17 + 47.11 + 48.56,
    **columns(
        ("scorecl", "4"),
        MEASURES["scorecl", "4"],
        """80.56 46.31 61.60 16.03 21.57 54.57 87.79 59.07 64.04 26.96 25.33 55.85
        / 83.04 45.97 64.55 16.23 21.48 56.09 88.79 59.34 66.03 25.46 26.77 57.28""",
    ),
    **columns(
        ("scorecl", "5"),
        MEASURES["scorecl", "5"],
        "0 0 0 0 0 0 0 0 36.63 / 53.99 80.21 59.69 39.92 59.67 43.13 34.84 56.30 37.18",
    ),
    ("scorecl", "7", "CIFAR-100"): 60.11 + 62.34 + 57.80 + 60.30 + 63.06 + 65.26
    + 63.15 + 64.55 + 59.63 + 60.76 + 66.91 + 67.70,
    ("scorecl", "8", "CIFAR-10"): 90.40 + 90.94 + 90.72 + 90.99,
    ("scorecl", "8", "CIFAR-100"): 63.86 + 64.03 + 64.47 + 64.56,
    ("scorecl", "9", "parameters"): 32.16 + 33.54 + 51.16 + 52.53 + 38.21 + 39.59 + 57.20 + 58.58,
    ("scorecl", "9", "ImageNet-100"): 69.24 + 72.26 + 70.14 + 72.90 + 73.24 + 74.18 + 74.02 + 75.04,
    ("scorecl", "10", "CIFAR-100"): 60.11 + 60.91 + 62.34 + 63.15 + 63.32 + 64.55,
    ("clim", "6", "ImageNet"): 67.5 + 62.3 + 67.1 + 68.3 + 69.5 + 68.0 + 69.2 + 69.3 + 70.1,
    ("clim", "9", "ImageNet"): 69.7 + 69.9 + 70.1 + 69.8,
    ("scorecl", "2", "ImageNet-100"): 69.24 + 72.26 + 73.24 + 74.18 + 70.24 + 71.44,
    ("scorecl", "2", "CIFAR-10"): 90.28 + 91.01 + 90.27 + 90.80 + 90.06 + 91.35 + 88.94 + 89.49,
    ("scorecl", "2", "CIFAR-100"): 60.11 + 62.34 + 63.15 + 64.55 + 56.69 + 56.94 + 59.95 + 61.53,
    ("scorecl", "6", "CIFAR-100"): 60.11 + 60.08 + 59.39 + 60.59 + 60.11 + 62.34
    + 63.15 + 56.37 + 63.02 + 63.76 + 61.99 + 64.55,
    ("jointcrop", "1", "ImageNet"): 68.9 + 69.47 + 72.8 + 73.23,
    ("jointcrop", "4", "mk AP"): 135.8,
    ("jointcrop", "4", "mk AP50"): 221.0,
    ("jointcrop", "4", "mk AP75"): 144.1,
    ("jointcrop", "4", "bb AP"): 155.6,
    ("jointcrop", "4", "bb AP50"): 234.1,
    ("jointcrop", "4", "bb AP75"): 168.7,
    ("jointcrop", "5", "Tiny-ImageNet"): 282.48 + 299.55 + 286.42 + 271.98,
    ("jointcrop", "10", "ImageNet"): 66.36 + 66.55 + 66.58,
    ("jointcrop", "11", "ImageNet"): 237.79,
    ("jointcrop", "InfoMin", "ImageNet"): 67.4 + 67.81,
    ("jointcrop", "F", "ImageNet"): 57.25 + 60.87 + 60.58 + 61.24,
}  # fmt: skip


def test_sum_of_each_column():
    """A typing error anywhere in a column moves its sum."""
    found = {
        (*key, name): sum(row.reported.get(name, 0) for row in table.rows)
        for key, table in TABLES.items()
        for name in table.columns
        if any(name in row.reported for row in table.rows)
    }
    assert found == pytest.approx(SUMS, abs=1e-6)


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: f"{table.paper} {table.number}")
def test_rows_run_at_every_scale_or_say_why_not(table):
    names = {row.name for row in table.rows}
    assert len(names) == len(table.rows)
    for row in table.rows:
        assert row.reported.keys() <= table.columns.keys()
        assert not row.against or row.against in names
        assert bool(row.recipe) or row.missing
        own = {column.scale for name, column in table.columns.items() if name in row.reported} or table.scales
        for scale in (*(SCALES if table.toys else ()), *own) if row.recipe else ():
            recipe = RECIPES[row.recipe_at(scale)]
            hints = HINTS[recipe.values["method"]]
            changed = {**row.changed, **(row.own if scale in own else {})}
            for key, value in changed.items():
                checked(key, value, hints[key])
            divided({**recipe.values, **changed})


def test_what_is_reported_for_a_recipe():
    """A row with changed settings is not the recipe's, and a scaled-down recipe has no reported number."""
    found = [(row["table"], row["row"], row["column"], row["value"]) for row in reported("leoclr-imagenet-200")]
    assert found == [
        ("7", "LeOCLR", "center crop", 71.7),
        ("7", "LeOCLR", "random crop", 68.9),
        ("7", "LeOCLR", "hours", 81.0),
        ("8", "LeOCLR", "ImageNet", 71.7),
        ("Fig. 4", "LeOCLR, all", "ImageNet", 71.7),
    ]
    assert {row["paper"] for row in reported("leoclr-imagenet-200")} == {"leoclr"}
    assert [row["value"] for row in reported("scorecl-simclr-cifar10-paper")] == [91.01]
    assert {row["table"] for row in reported("clim-imagenet")} == {"1", "2", "3", "4", "5", "10"}
    assert [row["value"] for row in reported("jointcrop-moco1-imagenet") if row["table"] == "F"] == [60.87]
    assert {row["value"] for row in reported("moco2-imagenet-800") if row["paper"] == "leoclr"} >= {71.1, 47.6, 82.5}
    assert reported("leoclr-cifar10") == []
    assert {row["row"] for row in reported("npid2-imagenet")} == {"NPIDv2", "intra"}
    start = reported("npid2-imagenet", untrained=True)
    assert {row["row"] for row in start} == {"Random"}
    assert [row["value"] for row in start] == [13.7, 16.6, 9.6, 9.0, 22.0, 59.0, 60.2]  # Tab. 1 to 3
