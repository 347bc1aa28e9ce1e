"""Fine-tuning against gradients by hand, scikit-learn's metric, the papers' words, and what must not move."""

from __future__ import annotations

import csv
from dataclasses import replace

import evaluate
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F
from trainer.evaluation import finetune
from trainer.evaluation.encoder import Encoder, open_encoder
from trainer.evaluation.finetune import choose, fine_tune, logits_of, results, to_train
from trainer.evaluation.images import Images
from trainer.evaluation.probe import linear_head, measured
from trainer.evaluation.protocols import FINE_TUNING
from trainer.inputs.scenes import Scenes, write_voc
from trainer.inputs.sources import Pixels

pytestmark = pytest.mark.usefixtures("one_thread")
SMALL = replace(FINE_TUNING["small"], batch=8, epochs=2)


class Network(nn.Module):
    """A convolution, batch normalization and a mean: small enough for gradients by hand."""

    width = 4

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, x):
        return self.norm(self.conv(x)).relu().mean((2, 3))


@pytest.fixture
def encoder():
    return Encoder(Network(), "a small one", size=8, batch=16)


@pytest.fixture
def few():
    """Sixteen images of noise in four classes."""
    pixels = torch.randint(256, (16, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(16) % 4
    return Images(Pixels(pixels, labels), torch.arange(16), labels, list("abcd"))


def state(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def same(first, second):
    return all(torch.equal(value, second[name]) for name, value in first.items())


def test_rates_of_zero_and_frozen_statistics_leave_the_features_bit_for_bit(few):
    encoder = open_encoder("resnet8", size=32)
    before = encoder.features(few, encoder.center())
    model, _ = fine_tune(encoder, few, replace(SMALL, head_rate=0.1, norm="frozen"), 0.0, 0.0)
    after = replace(encoder, network=model.network).features(few, encoder.center())
    assert torch.equal(before, after)
    assert not torch.equal(model.head.weight, linear_head(128, 4, SMALL.std).weight)
    moved, _ = fine_tune(encoder, few, replace(SMALL, norm="own"), 0.0, 0.0)
    assert not torch.equal(before, replace(encoder, network=moved.network).features(few, encoder.center()))


def test_the_encoder_that_it_starts_from_stays(encoder, few):
    before = state(encoder.network)
    model, _ = fine_tune(encoder, few, replace(SMALL, norm="own"), 0.1, 1e-3)
    assert same(before, encoder.network.state_dict())
    assert not same(before, model.network.state_dict())
    assert not any(p.requires_grad for p in encoder.network.parameters())


def test_one_fixed_batch_is_learned_by_heart(few, monkeypatch):
    """Sixteen images of noise, always the same view of each."""
    encoder = open_encoder("resnet8", size=32)
    monkeypatch.setattr(finetune.v2, "RandomResizedCrop", lambda size, scale: finetune.v2.Resize((size, size)))
    monkeypatch.setattr(finetune.v2, "RandomHorizontalFlip", finetune.v2.Identity)
    model, loss = fine_tune(encoder, few, replace(SMALL, batch=16, epochs=40, norm="own"), 0.05, 0.0)
    assert loss < 0.05  # log 4 at the start
    assert measured("top-1", logits_of(encoder, model.train(), few, SMALL), few.labels) == 100


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("over_rate", [False, True])
def test_the_first_step_is_the_gradients_by_hand(nesterov, over_rate, encoder, few, monkeypatch):
    """Two rates that scale with the batch, decay over the rate or not; Nesterov's first step is 1.9 gradients."""
    seen = []
    shown = Encoder.shown
    monkeypatch.setattr(Encoder, "shown", lambda *a: seen.append((shown(*a), a[-1].index)) or seen[-1][0])
    protocol = replace(
        SMALL, batch=16, epochs=1, norm="own", nesterov=nesterov, head_rate=0.5, rate_batch=8, decay_over_rate=over_rate
    )
    model, loss = fine_tune(encoder, few, protocol, 0.02, 0.01)
    network, head = Network(), linear_head(4, 4, protocol.std)
    ((views, rows),) = seen
    wanted = F.cross_entropy(head(network(views)), few.labels[rows])
    wanted.backward()
    assert loss == pytest.approx(wanted.item())
    decay, factor = (0.5 if over_rate else 0.01), (1.9 if nesterov else 1.0)
    for part, trained, rate in ((network, model.network, 2 * 0.02), (head, model.head, 2 * 0.5)):
        for p, q in zip(part.parameters(), trained.parameters(), strict=True):
            torch.testing.assert_close(q, p - rate * factor * (p.grad + decay * p), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("steps", "momentum"), [(3, 0.1), (100, 0.1), (200, 0.05), (1000, 0.01)])
def test_simclrs_momentum_of_batch_statistics(steps, momentum):
    network = Network()
    to_train(network, FINE_TUNING["simclr-transfer"], steps)
    assert network.training
    assert network.norm.momentum == pytest.approx(momentum)  # 1 - max(1 - 10 / s, 0.9)
    to_train(network, replace(SMALL, norm="frozen"), steps)
    assert not network.norm.training


def test_steps_end_in_the_middle_of_an_epoch(encoder, few, monkeypatch):
    """Sixteen images in batches of six are three steps an epoch; of seven, the last is the first of the third epoch."""
    seen = []
    shown = Encoder.shown
    monkeypatch.setattr(Encoder, "shown", lambda *a: seen.append(a[-1]) or shown(*a))
    fine_tune(encoder, few, replace(SMALL, steps=7, batch=6), 0.01, 0.0)
    assert [(address.epoch, len(address.index)) for address in seen] == [
        (0, 6), (0, 6), (0, 4), (1, 6), (1, 6), (1, 4), (2, 6)
    ]  # fmt: skip


def test_of_several_settings_the_best_on_what_is_held_out_is_trained_again_on_all(encoder, noise, monkeypatch):
    """Colors tell three classes; at a rate of 1e-9, or under a decay of 10, nothing is learned."""
    pixels = (noise.source.images.float() / 8).to(torch.uint8)
    for label in range(3):
        pixels[noise.labels == label, label] += 200
    images, trained = replace(noise, source=Pixels(pixels, noise.labels)), []
    monkeypatch.setattr(
        finetune, "fine_tune", lambda *a, **k: trained.append((len(a[1]), *a[3:])) or fine_tune(*a, **k)
    )
    protocol = replace(SMALL, rates=(1e-9, 0.05), decays=(10.0, 0.0), head_rate=None, epochs=15, norm="own")
    found = list(results(encoder, images, images, protocol, name="small", part="all labels"))
    assert trained == [(27, 1e-9, 10.0), (27, 1e-9, 0.0), (27, 0.05, 10.0), (27, 0.05, 0.0), (30, 0.05, 0.0)]
    assert (found[0].metric, found[0].value) == ("top-1, %", 100)
    assert "rate 0.05, decay 0, chosen among 4 by top-1 of 100 % on a held-out tenth; 15 epochs" in found[0].how


def test_settings_that_diverge_lose_and_all_of_them_are_told(encoder, noise):
    protocol = replace(SMALL, norm="own", head_rate=None, epochs=2)
    assert choose(encoder, noise, protocol, [(1e38, 0.0), (0.01, 0.0)], 0)[0] == (0.01, 0.0)
    with pytest.raises(FloatingPointError, match=r"the loss is not finite at any rate of 1e\+38; take a lower --lr"):
        choose(encoder, noise, replace(protocol, rates=(1e38,)), [(1e38, 0.0), (1e38, 1.0)], 0)
    with pytest.raises(FloatingPointError, match=r"at rate 1e\+38 and decay 0 is not finite in epoch 0"):
        fine_tune(encoder, noise, protocol, 1e38, 0.0)


def test_protocols_are_the_papers():
    """SPEC 0.5: epochs, rates by epoch, decays at 1 and 10 %; and SimCLR's grid."""
    tables = {
        ("leoclr", 0.01): (60, 16 * 0.05, 16 * 0.05, 0.0, None),
        ("leoclr", 0.1): (30, 16 * 0.05, 16 * 0.05, 0.0, None),
        ("interclr", 0.01): (20, 0.01, 1.0, 5e-4, [1] * 12 + [0.2] * 4 + [0.04] * 4),
        ("interclr", 0.1): (20, 0.01, 1.0, 1e-4, [1] * 12 + [0.2] * 4 + [0.04] * 4),
        ("clim", 0.1): (60, 1e-4, 10.0, 0.0, [1] * 20 + [0.1] * 20 + [0.01] * 20),
    }
    for (name, fraction), (epochs, rate, head, decay, factors) in tables.items():
        of = FINE_TUNING[name].at(fraction)
        scale = of.batch / of.rate_batch if of.rate_batch else 1
        assert (of.epochs, scale * of.rates[0], of.decays) == (epochs, rate, (decay,))
        assert scale * (of.rates[0] if of.head_rate is None else of.head_rate) == head
        found = [of.rate(epoch / epochs) for epoch in range(epochs)]
        wanted = factors or [(1 + np.cos(np.pi * epoch / epochs)) / 2 for epoch in range(epochs)]
        assert found == pytest.approx(wanted)
    assert [FINE_TUNING[name].nesterov for name in ("leoclr", "interclr", "clim")] == [True, False, False]
    assert [FINE_TUNING[name].metrics[0] for name in ("leoclr", "interclr", "clim")] == ["top-1", "top-5", "top-1"]
    grid = FINE_TUNING["simclr-transfer"]
    assert grid.rates == pytest.approx(np.logspace(-4, -1, 7))
    assert grid.decays == pytest.approx([0, *np.logspace(-6, -3, 7)])
    assert (grid.steps, grid.batch, grid.nesterov, grid.decay_over_rate, grid.norm) == (
        20000,
        256,
        True,
        True,
        "simclr",
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Three colors, ten files of each to learn from and four to test on."""
    root, chance = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    for part, count in (("train", 10), ("test", 4)):
        for name, color in (("red", (200, 60, 60)), ("green", (60, 200, 60)), ("blue", (60, 60, 200))):
            (root / part / name).mkdir(parents=True)
            for i in range(count):
                pixels = chance.normal(color, 30, (32, 32, 3)).clip(0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(root / part / name / f"{name}{i}.png")
    return root


def run(data, out, *arguments):
    assert evaluate.main(["resnet8", "--data", str(data), "--size", "32", "--out", str(out), *arguments]) == 0
    with (out / "evaluation.csv").open(newline="") as file:
        return {(row["protocol"], row["metric"]): row for row in csv.DictReader(file)}


def test_the_command(data, tmp_path):
    found = run(data, tmp_path, "finetune:small", "--fraction", ".5", "--epochs", "12", "--batch", "8", "--lr", ".01")
    assert {metric for _, metric in found} == {"top-1, %", "training loss"}
    row = found["finetune:small", "top-1, %"]
    assert float(row["value"]) > 60
    assert "0.5 of each class's labels, by address: not SimCLR's list; rate 0.01" in row["how"]
    assert "12 epochs, batch 8" in row["how"]
    listed = tmp_path / "list.txt"
    listed.write_text("red1.png\ngreen2.png\nblue/blue3.png\n")
    row = run(data, tmp_path, "finetune:interclr", "--list", str(listed), "--epochs", "1", "--batch", "2")
    assert f"the labels of {listed}; rate 0.01, decay 0.0001" in row["finetune:interclr", "top-1, %"]["how"]


def test_every_protocol_can_be_named():
    for name in FINE_TUNING:
        assert evaluate.protocol_name(f"finetune:{name}") == f"finetune:{name}"


def test_images_with_several_objects_are_refused(tmp_path, capsys):
    write_voc(tmp_path, Scenes(8, size=32), Scenes(8, size=32))
    with pytest.raises(SystemExit):
        evaluate.main(["resnet8", "finetune:small", "--data", f"voc07:{tmp_path}", "--size", "32", "--fraction", ".1"])
    assert "--data must have one class an image for finetune:small, got voc07:" in " ".join(
        capsys.readouterr().err.split()
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["finetune:small", "--fraction", "0"], "must be a number above 0 and at most 1, got '0'"),
        (["finetune:small", "--fraction", "1.5"], "must be a number above 0 and at most 1, got '1.5'"),
        (["finetune:small", "--fraction", "x"], "must be a number above 0 and at most 1, got 'x'"),
        (["knn", "--fraction", ".1"], "--fraction and --list are of fine-tuning, got none"),
        (["finetune:smal"], "there is no protocol 'finetune:smal'; nearest: finetune:small"),
        (["finetune:small", "--list", "nowhere.txt"], "nowhere.txt"),
        (["finetune:small", "--list", "nowhere.txt", "--fraction", ".1"], "not allowed with argument"),
    ],
)
def test_complaints(arguments, words, data, tmp_path, capsys):
    with pytest.raises(SystemExit):
        evaluate.main(["resnet8", "--data", str(data), "--size", "32", "--out", str(tmp_path / "new"), *arguments])
    assert words in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "new").exists()
