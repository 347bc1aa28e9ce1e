"""Encoders from files, runs and names; features as torchvision's transforms and the bare network give them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from torchvision import models
from torchvision.transforms import v2
from trainer.evaluation.encoder import open_encoder
from trainer.evaluation.images import Images
from trainer.inputs.sources import Pixels

from jointaug import Addresses


@pytest.fixture(scope="module")
def resnet():
    """torchvision's ResNet-18 with random weights and statistics."""
    torch.manual_seed(0)
    network = models.resnet18(num_classes=7)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 2)
    return network.eval()


@pytest.fixture
def saved(resnet, tmp_path):
    """A function that saves a state dict, and returns the file's name."""

    def save(state, name="weights.pt"):
        torch.save(state, tmp_path / name)
        return str(tmp_path / name)

    return save


def expected(resnet, pixels, size):
    """torchvision: float before anything else, resized (nothing is cut at 32 pixels), cropped, normalized."""
    shorter = size if size <= 64 else round(size * 256 / 224)
    view = v2.Compose(
        [
            v2.ToDtype(torch.float32, scale=True),
            v2.Resize(shorter),
            v2.CenterCrop(size),
            v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )
    trunk = torch.nn.Sequential(*list(resnet.children())[:-1])
    with torch.no_grad():
        return trunk(view(pixels)).flatten(1)


@pytest.mark.parametrize(("size", "factor"), [(32, 1.0), (96, 110 / 96)])
def test_features_are_torchvisions(resnet, saved, noise, size, factor):
    encoder = open_encoder(saved(resnet.state_dict()), backbone="resnet18", size=size, batch=4)
    few = noise.subset(torch.arange(6))
    found = encoder.features(few, encoder.center())
    wanted = expected(resnet, few.source.images[:6], size)
    assert found.shape == (6, 512)
    assert (found - wanted).norm() < 0.01 * wanted.norm()  # v2 rounds to uint8 where we do not, or the other way round


@pytest.mark.parametrize("steps", [None, [v2.RandomResizedCrop(8)]], ids=["center", "random"])
def test_images_of_different_sizes_are_seen_one_by_one(seeing, steps):
    views = seeing.views(*steps) if steps else seeing.center()
    g = torch.Generator().manual_seed(0)
    sizes = [(24, 20), (8, 8), (11, 30), (24, 20), (40, 9)]
    pixels = [torch.randint(256, (3, *size), dtype=torch.uint8, generator=g) for size in sizes]
    together = seeing.embed(pixels, views, Addresses(0, 0, torch.arange(5)))
    for i, image in enumerate(pixels):
        alone = seeing.embed([image], views, Addresses(0, 0, torch.tensor([i])))
        torch.testing.assert_close(together[i : i + 1], alone, rtol=0, atol=1e-5)


def test_batches_change_nothing(seeing, noise):
    views = seeing.views(v2.RandomResizedCrop(8))
    whole = replace(seeing, batch=1000).features(noise, views, seed=3)
    torch.testing.assert_close(seeing.features(noise, views, seed=3), whole, rtol=0, atol=1e-5)
    torch.testing.assert_close(
        seeing.embed([noise[i] for i in range(30)], views, Addresses(3, 0, torch.arange(30))), whole, rtol=0, atol=1e-5
    )


def trunk_of(state):
    return {key: value for key, value in state.items() if not key.startswith("fc.")}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        trunk_of,
        lambda state: {"epoch": 3, "state_dict": state},
        lambda state: {"model": {f"module.encoder_q.{key}": value for key, value in state.items()}},
        lambda state: {f"backbone.{key}": value for key, value in state.items()} | {"head.weight": torch.ones(2)},
        lambda state: {key: value for key, value in state.items() if "num_batches" not in key},
    ],
    ids=["whole", "trunk", "wrapped", "prefixed", "beside a head", "old"],
)
def test_weights_are_found_however_they_were_saved(resnet, saved, wrap):
    encoder = open_encoder(saved(wrap(resnet.state_dict())), backbone="resnet18")
    assert not encoder.network.training
    for key, value in trunk_of(resnet.state_dict()).items():
        assert torch.equal(encoder.network.state_dict()[key], value)
        assert not value.requires_grad


def test_of_two_encoders_one_is_chosen(resnet, saved):
    state = {f"{side}.{key}": value + (side == "k") for side in "qk" for key, value in resnet.state_dict().items()}
    with pytest.raises(
        ValueError, match=r"holds resnet18 \(its own stem\) under 'k\.', 'q\.'; choose one with --prefix"
    ):
        open_encoder(saved(state), backbone="resnet18")
    encoder = open_encoder(saved(state), backbone="resnet18", prefix="q.")
    assert torch.equal(encoder.network.state_dict()["conv1.weight"], resnet.conv1.weight)


@pytest.mark.parametrize("sourced", [False, True])
def test_a_run_says_what_it_is(tmp_path, sourced):
    small = open_encoder("resnet18", stem="small", seed=5).network.state_dict()
    torch.save(small, tmp_path / "backbone.pt")
    settings = {"backbone": "resnet18", "stem": "small", "size": 24, "mean": [0.1, 0.2, 0.3], "std": [0.5, 0.6, 0.7]}
    if sourced:
        settings = {name: {"value": value, "source": "ours"} for name, value in settings.items()}
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    for where in (tmp_path, tmp_path / "backbone.pt"):
        encoder = open_encoder(str(where))
        assert torch.equal(encoder.network.state_dict()["conv1.weight"], small["conv1.weight"])
        assert (encoder.size, list(encoder.mean), list(encoder.std)) == (24, [0.1, 0.2, 0.3], [0.5, 0.6, 0.7])
    assert open_encoder(str(tmp_path), size=48).size == 48
    pixels = torch.randint(256, (2, 3, 24, 24), dtype=torch.uint8)
    images = Images(Pixels(pixels, torch.arange(2)), torch.arange(2), torch.arange(2), ["a", "b"])
    mean, std = (torch.tensor(of)[:, None, None] for of in ([0.1, 0.2, 0.3], [0.5, 0.6, 0.7]))
    with torch.no_grad():
        wanted = encoder.network((pixels / 255 - mean) / std)
    torch.testing.assert_close(encoder.features(images, encoder.center()), wanted, rtol=1e-4, atol=1e-5)


def test_an_initialization_is_that_of_its_seed_and_of_nothing_else():
    state = torch.get_rng_state()
    digests = [open_encoder("resnet18", seed=seed).digest for seed in (0, 0, 1)]
    assert digests[0] == digests[1] != digests[2]
    assert torch.equal(torch.get_rng_state(), state)


def test_bad_encoders(resnet, saved, tmp_path):
    state = resnet.state_dict()
    good = saved(state)
    (tmp_path / "short.pt").write_bytes((tmp_path / "weights.pt").read_bytes()[:100_000])
    other = dict(models.resnet34().state_dict())
    half = {key: value for key, value in state.items() if "layer4" not in key}
    cases = [
        ((good, {}), "has no settings.json beside it that names its architecture; say --backbone"),
        ((str(tmp_path / "none.pt"), {}), "there is no file .*none.pt"),
        ((str(tmp_path / "run"), {}), "there is no file .*run"),
        ((str(tmp_path / "short.pt"), {"backbone": "resnet18"}), "it is cut short, or holds more"),
        ((saved({"a": object}, "pickled.pt"), {"backbone": "resnet18"}), "cannot be read as a state dict"),
        ((saved([1, 2], "list.pt"), {"backbone": "resnet18"}), "must hold a state dict, name to tensor, got list"),
        ((saved({"net": {"x": 1}}, "odd.pt"), {"backbone": "resnet18"}), "got a dict of 'net'"),
        ((saved(other, "34.pt"), {"backbone": "resnet18"}), r"not those of resnet18 \(its own stem\): 96 too many"),
        ((good, {"backbone": "resnet34"}), r"not those of resnet34 .*: 80 missing"),
        ((saved(half, "half.pt"), {"backbone": "resnet18"}), r"25 missing \(layer4"),
        ((good, {"backbone": "resnet18", "stem": "small"}), r"1 of another shape \(conv1.weight is \(64, 3, 7, 7\)"),
        ((good, {"backbone": "resnet18", "prefix": "q."}), "100 missing"),
        (("resnet81", {}), "no run and no file 'resnet81', and no such network.*resnet18"),
        ((good, {"backbone": "resnet81"}), "nearest: .*resnet18"),
    ]
    for (what, how), words in cases:
        with pytest.raises(ValueError, match=words):
            open_encoder(what, **how)


def test_a_name_of_timms_may_have_a_dot():
    pytest.importorskip("timm")
    assert open_encoder("timm:resnet10t.c3_in1k", size=32).origin == "timm:resnet10t.c3_in1k as initialized (seed 0)"
