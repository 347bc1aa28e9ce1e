"""Bad settings, and the table of methods by options: what does not exist says why."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional as F
from trainer.inputs.settings import Settings
from trainer.methods import METHODS, options

PAGE = Path(__file__).parents[3] / "docs/explanation/methods-and-options.md"


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("moco", {"tau": 0.0}, "tau must be a finite number above 0"),
        ("moco", {"m": 1.5}, r"m must be in \[0, 1\], got 1\.5"),
        ("moco", {"head": "conv"}, "head must be one of linear, mlp, got 'conv'"),
        ("moco", {"K": 0}, "K must be an integer of at least 1, got 0"),
        ("moco", {"bn_splits": 0}, "bn_splits must be at least 1"),
        ("simclr", {"tau": -1.0}, "tau must be"),
        ("simclr", {"layers": 0}, "layers must be"),
        ("mocov3", {"m_schedule": "linear"}, "m_schedule must be one of cosine, constant"),
        ("byol", {"m": -0.1}, "m must be"),
        ("dino", {"tau_t": 0.0}, "tau_t must be"),
        ("dino", {"freeze": -1}, "freeze must be"),
        ("vicreg", {"form": "print"}, "form must be one of code, paper"),
        ("vicreg", {"mu": -1.0}, "mu must be"),
        ("wmse", {"dim": 4, "w_size": 4}, r"w_size must be at least 2 \* dim = 8"),
        ("wmse", {"m": 1}, "m must be an integer of at least 2"),
        ("npid", {"K": 48}, "K must be less than the 48 images"),
        ("npid", {"omega": 0.0}, "omega must be"),
        ("leoclr", {"attract": "none"}, "attract must be one of original, all"),
        ("leoclr", {"framework": "simclr", "attract": "all"}, "attract must be"),
        ("leoclr", {"head_bn": True}, 'head_bn must be False with framework="moco", got True; MoCo'),
        ("leoclr", {"reduction": "max"}, "reduction must be"),
        ("interclr on moco", {"lam": 1.1}, r"lam must be in \[0, 1\], got 1\.1"),
        ("interclr on moco", {"lam": -0.1}, "lam must be"),
        ("interclr on moco", {"on": "simclr"}, "on must be one of npid, moco, byol, got 'simclr'"),
        ("interclr on moco", {"clusters": 13}, r"clusters must be at most images / \(2 \* min_cluster\) = 12.*got 13"),
        ("interclr on moco", {"negatives": "easy"}, "negatives must be one of semi-hard"),
        ("interclr on moco", {"pool": 0.0}, "pool must be"),
        ("interclr on npid", {"symmetric": True}, "symmetric is no setting of InterCLR on npid, got True"),
        ("interclr on byol", {"m_intra": 0.1}, "margin is no setting of InterCLR on byol"),
        ("clim", {"selector": "best"}, "selector must be one of center"),
        ("clim", {"k": 4}, "k must be an integer of at least 5"),
        ("clim", {"mix_alpha": 0.0}, "alpha must be"),
        ("clim", {"every": 0}, "every must be"),
    ],
)
def test_bad_settings(name, settings, words, build):
    with pytest.raises(ValueError, match=words):
        build(name, **settings)


@pytest.mark.parametrize(
    ("name", "settings", "images", "batch", "words"),
    [
        ("moco", {"K": 20}, 48, 8, "K must be a multiple of the 8 keys.*got 20; K=16 fits"),
        ("moco", {"K": 64}, 48, 8, "at most the 48 images.*got 64; K=48 fits"),
        ("moco, symmetric", {"K": 24}, 48, 8, "multiple of the 16 keys.*K=16 fits"),
        ("leoclr, all", {"K": 24}, 48, 8, "multiple of the 16 keys"),
        ("clim", {"K": 12}, 48, 8, "multiple of the 8 keys"),
        ("clim", {"clusters": 25}, 48, 8, "clusters must be at most images / 2 = 24"),
        ("clim", {"k": 48}, 48, 8, "k must be less than the 48 images"),
        ("wmse", {"w_size": 6}, 48, 8, "batch must be a multiple of w_size = 6, got 8; batch=6 fits"),
        ("interclr on moco", {"K_inter": 19}, 48, 8, "K_inter must be at most 18.*got 19"),
        ("interclr on moco", {"K": 12}, 48, 8, "multiple of the 8 keys"),
    ],
)
def test_settings_that_do_not_suit_the_data(name, settings, images, batch, words, build):
    """Said before the run; the same settings build a method (CLIM's table is made later)."""
    method = build(name, warmup_epochs=5, **settings) if name == "clim" else build(name, **settings)
    with pytest.raises(ValueError, match=words):
        method.check(images, batch)


def test_settings_that_suit(settings_of, build):
    for name in settings_of:
        build(name).check(48, 8)


@pytest.mark.parametrize(
    ("settings", "method_settings", "words"),
    [
        (Settings(method="npid", weight="random"), {}, "weight does not go on npid: it sees one view"),
        (Settings(method="npid", crop="joint"), {}, "joint crop does not go on npid"),
        (Settings(method="interclr", weight="random"), {"on": "npid"}, "weight does not go on interclr on npid"),
        (
            Settings(method="leoclr", blur_law="joint", blur_p=0.5, original=True),
            {},
            "joint blur does not go on leoclr",
        ),
        (Settings(method="leoclr", weight="random"), {"framework": "simclr"}, "leoclr, end to end"),
        (Settings(method="clim", weight="random"), {}, "weight does not go on clim: its query is mixed"),
        (Settings(method="clim", sizes=(32, 24), crop="joint"), {}, "clim, several resolutions"),
        (Settings(method="byol", locals=2), {}, "multi-crop does not go on byol"),
        (Settings(method="clim", locals=2, sizes=(32,)), {}, "multi-crop does not go on clim, several resolutions"),
        (Settings(method="wmse", crop="joint"), {"m": 4}, "more than 2 views"),
        (
            Settings(method="dino", locals=3, blur_law="decoupled", blur_p=0.5),
            {},
            "locals must be even with blur_law=decoupled, which couples smaller crops in pairs, got 3; take 4, or "
            "--blur_law independent",
        ),
        (Settings(method="dino", locals=2, weight="random"), {}, "weight does not go with multi-crop"),
        (Settings(method="infomin", locals=1, weight="random"), {}, "weight does not go on infomin: its second query"),
        (
            Settings(method="infomin", locals=1, crop="joint"),
            {},
            "locals must be even with crop=joint, which couples smaller crops in pairs, got 1; take 2, or --crop",
        ),
        (Settings(method="moco", sizes=(32, 24)), {}, "sizes does not go on moco"),
        (Settings(method="moco", weight="score"), {"weight_inside": True}, "weight inside does not go on moco"),
    ],
)
def test_options_that_do_not_exist_say_why(settings, method_settings, words):
    with pytest.raises(ValueError, match=words):
        options.check(settings, method_settings)


def test_options_that_exist():
    options.check(Settings(method="leoclr", crop="joint", original=True, weight="score"), {})
    options.check(Settings(method="simclr", weight="score", blur_law="joint", blur_p=0.5), {"weight_inside": True})
    options.check(Settings(method="dino", locals=4, crop="joint"), {})
    options.check(Settings(method="dino", locals=4, blur_law="joint", blur_p=0.5), {})
    options.check(Settings(method="dino", locals=3, blur_p=0.5), {})
    options.check(Settings(method="interclr", weight="score", joint_color=True), {"on": "byol"})
    options.check(Settings(method="clim", sizes=(32, 24)), {})
    options.check(Settings(method="clim", locals=2), {})
    options.check(Settings(method="infomin", locals=1, crop="joint", couple="globals"), {})


def test_the_table_covers_every_method_and_the_page_has_it():
    assert {variant.split(",")[0].split(" ")[0] for variant in options.VARIANTS} == set(METHODS)
    assert options.table() in PAGE.read_text()
    with pytest.raises(KeyError, match="variant must be one of"):
        options.refusal("swav", "weight")


@pytest.mark.parametrize(
    "name", ["moco", "dino", "wmse", "infomin", "simclr", "mocov3", "byol", "simsiam", "vicreg", "leoclr"]
)
def test_the_table_and_the_methods_agree_on_smaller_crops(name, build, make_batch):
    """Where the table has multi-crop a step takes a smaller crop; elsewhere it cannot."""
    method, batch = build(name), make_batch(views=3)
    batch.views[:] = [*batch.views[: method.views + method.crops], F.interpolate(batch.views[0], size=16)]
    if options.refusal(name, "multi-crop") is None:
        assert torch.isfinite(method(batch).per_sample).all()
    else:
        with pytest.raises(ValueError, match="unpack"):
            method(batch)


def test_the_table_and_the_methods_agree_on_weights(build, settings_of):
    """A pair, or weights of its own, where a weight exists; one view where it cannot."""
    for name in options.VARIANTS:
        if name in settings_of:
            method = build(name)
            own = name.startswith(("wmse", "leoclr"))
            assert (method.pair is not None or own) == (options.refusal(name, "weight") is None or "end" in name), name
            assert (method.views == 1) == (options.refusal(name, "joint crop") == options._ONE_VIEW), name
