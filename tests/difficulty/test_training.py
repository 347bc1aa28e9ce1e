"""Training of a score network: it goes on to the same numbers, from any source of images."""

from __future__ import annotations

import math

import pytest
import torch
from PIL import Image
from torch import nn

from jointaug import Addresses
from jointaug.difficulty import ScoreNetwork
from jointaug.difficulty import train_score as train

from ..pretend import NEEDS_CUDA, moved, pretending
from .cases import fresh, pictures


def addresses(n, seed=0, epoch=0):
    return Addresses(seed, epoch, torch.arange(n))


@pytest.mark.parametrize("conditional", [False, True])
def test_training_lowers_the_loss(conditional):
    net = fresh(conditional)
    losses = train(net, pictures(), steps=40, batch_size=12)
    assert losses.shape == (40,)
    assert losses[:3].mean() == pytest.approx(96, rel=0.1)  # of the zero network: half of 3 x 8 x 8
    assert losses[-8:].mean() < 0.85 * losses[:3].mean()
    assert not net.training


def test_a_run_that_was_interrupted_goes_on_to_the_same_numbers(tmp_path):
    whole = fresh()
    losses = train(whole, pictures(), steps=7, batch_size=10)  # epochs of two steps
    path = tmp_path / "score.pt"
    train(fresh(), pictures(), steps=3, batch_size=10, checkpoint=path)
    torch.manual_seed(99)  # neither the global generator nor the weights that the network came with matter
    resumed = ScoreNetwork(8)
    assert torch.equal(train(resumed, pictures(), steps=7, batch_size=10, checkpoint=path), losses)
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name
    loaded = ScoreNetwork.load(path)
    assert loaded.config == whole.config
    x = torch.rand(2, 3, 8, 8)
    assert torch.equal(loaded(x), whole(x))
    assert not loaded.training
    assert [file.name for file in tmp_path.iterdir()] == ["score.pt"]


@NEEDS_CUDA
def test_a_device_is_asked_for_its_losses_at_checkpoints_alone(tmp_path, monkeypatch):
    options = {"steps": 5, "batch_size": 10, "save_every": 2}
    expected = train(fresh(), pictures(), **options)
    with pretending() as waits:
        monkeypatch.setattr(torch.autograd, "backward", torch.Tensor.backward)
        found = train(moved(fresh()), pictures(), **options)
    assert found.device.type == "cpu"
    torch.testing.assert_close(found, expected)
    assert waits["copy to the host"] == 3


def test_every_epoch_and_seed_has_noise_of_its_own():
    """The zero network that learns nothing: its loss is that of the noise."""
    options = {"steps": 3, "batch_size": 10, "learning_rate": 0.0}
    losses = torch.cat([train(fresh(), pictures(10), seed=seed, **options) for seed in (0, 1)])
    assert len(losses.unique()) == 6


def test_an_epoch_sees_each_image_once_in_an_order_of_its_own():
    from jointaug.difficulty._training import _Order

    first, second, third = torch.tensor(list(_Order(10, 5, 0, range(6)))).view(3, 10).unbind()
    assert all(torch.equal(epoch.sort().values, torch.arange(10)) for epoch in (first, second, third))
    assert not torch.equal(first, second)  # 3e-7
    assert list(_Order(10, 5, 0, range(3, 6))) == list(_Order(10, 5, 0, range(6)))[3:]
    assert not torch.equal(first, torch.tensor(list(_Order(10, 5, 1, range(2)))).flatten())


def test_training_leaves_torch_s_generator_alone():
    net = fresh()
    state = torch.get_rng_state()
    train(net, pictures(), steps=2, batch_size=10)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_folder_and_a_data_set_are_the_tensor_that_they_hold(tmp_path):
    images = pictures(6)
    (tmp_path / "a").mkdir()
    for k, image in enumerate(images):
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(tmp_path / ("a" if k < 3 else ".") / f"{k}.png")
    files = sorted(tmp_path.rglob("*.png"))
    order = [int(path.stem) for path in files]
    options = {"steps": 3, "batch_size": 4}
    expected = train(fresh(), images[order], **options)
    assert torch.equal(train(fresh(), tmp_path, **options), expected)
    assert train(fresh(channels=1), tmp_path, **options).isfinite().all()  # read in gray
    assert torch.equal(train(fresh(), [(image, 0) for image in images[order]], **options), expected)


def test_images_of_a_data_set_are_fitted():
    wide = [torch.zeros(1, 20, 40, dtype=torch.uint8)] * 4
    assert train(fresh(), wide, steps=1, batch_size=4).isfinite().all()


def test_dequantized_images_are_within_their_level():
    from jointaug.difficulty._training import _prepared

    image = torch.arange(192, dtype=torch.uint8).view(1, 3, 8, 8).expand(50, -1, -1, -1)
    x = _prepared(image, addresses(50))
    flipped = (x * 256).floor()[:, 0, 0, 0] != 0
    assert 10 < flipped.sum() < 40  # 1e-5 to be outside
    upright = torch.where(flipped[:, None, None, None], x.flip(-1), x)
    assert torch.equal((upright * 256).floor().to(torch.uint8), image)
    assert (upright * 256 - image).std() == pytest.approx(1 / math.sqrt(12), rel=0.02)


def test_a_bar_is_shown_on_demand(capsys):
    pytest.importorskip("tqdm")
    train(fresh(), pictures(), steps=2, batch_size=10, progress=True)
    assert "2/2" in capsys.readouterr().err


def test_a_loss_that_is_not_finite_keeps_the_last_checkpoint(tmp_path):
    path = tmp_path / "score.pt"
    train(fresh(), pictures(), steps=1, batch_size=10, checkpoint=path)
    before = path.read_bytes()
    stored = torch.load(path, weights_only=True)
    stored["weights"]["enter.bias"].fill_(math.nan)
    torch.save(stored, path)
    broken = path.read_bytes()
    with pytest.raises(FloatingPointError, match="got nan in step 1"):
        train(fresh(), pictures(), steps=2, batch_size=10, checkpoint=path)
    assert path.read_bytes() == broken != before


X = torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(5))
BAD = {
    "images of another size": (
        lambda: train(ScoreNetwork(16), pictures(), steps=1),
        ValueError,
        r"images must be \[N, 3, 16, 16\]",
    ),
    "images out of range": (
        lambda: train(fresh(), X * 2, steps=1),
        ValueError,
        r"images must be uint8, or floating point on \[0, 1\]",
    ),
    "images with nan": (lambda: train(fresh(), X * math.nan, steps=1), ValueError, "without nan"),
    "no images": (lambda: train(fresh(), [], steps=1), ValueError, "images must hold at least one"),
    "no folder": (lambda: train(fresh(), "nowhere", steps=1), FileNotFoundError, "images must be in a folder"),
    "no folder for the checkpoint": (
        lambda: train(fresh(), X, steps=1, checkpoint="nowhere/score.pt"),
        FileNotFoundError,
        "checkpoint must be in a folder that is there",
    ),
    "another network": (lambda: train(nn.Identity(), X, steps=1), TypeError, "net must be a ScoreNetwork"),
    "no steps": (lambda: train(fresh(), X, steps=0), ValueError, "steps must be a positive integer"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments_are_named(name):
    call, kind, message = BAD[name]
    with pytest.raises(kind, match=message):
        call()
