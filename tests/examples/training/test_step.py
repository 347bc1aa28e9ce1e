"""One optimizer step: what is passed on to the method, and what happens to gradients and rates."""

from __future__ import annotations

import shutil

import pytest
import torch
from torch import Tensor, nn
from trainer.inputs.feed import Request, Served, feed
from trainer.inputs.settings import Settings
from trainer.inputs.sources import Pixels
from trainer.inputs.views import pipeline, whole_view
from trainer.methods.method import Method
from trainer.networks import Backbone
from trainer.training.difficulty import scores_of, weight_of
from trainer.training.distributed import Processes
from trainer.training.step import Learner, half

from jointaug import Addresses
from jointaug.difficulty import ScoreNetwork, ScoreWeight, train_score
from jointaug.losses import LossParts

from ...stand_in_lpips import install, made

CPU = torch.device("cpu")


class Linear(Method):
    """A loss that is linear in the mean color, so that gradients are known."""

    constant_rate = ("h",)

    def __init__(self) -> None:
        super().__init__()
        self.f, self.h = nn.Linear(3, 2, bias=False), nn.Linear(2, 1, bias=False)
        nn.init.ones_(self.f.weight)
        nn.init.ones_(self.h.weight)
        self.seen, self.hooks = [], []

    @property
    def encoder(self) -> nn.Module:
        return self.f

    def forward(self, batch) -> LossParts:
        self.seen.append(batch)
        z = self.h(self.f(batch.views[0].mean((2, 3))))[:, 0]
        return LossParts(z, z.new_zeros(()))

    def before_update(self, batch) -> None:
        self.hooks.append(("before", self.f.weight.grad.clone()))

    def after_update(self, batch) -> None:
        self.hooks.append(("after", self.f.weight.detach().clone()))


def settings(**given) -> Settings:
    return Settings(
        **{"batch": 4, "lr": 0.1, "lr_batch": None, "momentum": 0.0, "weight_decay": 0.0, "epochs": 4, **given}
    )


def views(*rows: int) -> Served:
    images = torch.stack([torch.full((3, 8, 8), float(row)) for row in rows])
    return Served(torch.tensor(rows), [images, images + 1], [])


def test_accumulated_passes_are_the_mean_of_the_batch():
    whole, parts = (
        Learner(Linear(), settings(), Processes(), 3),
        Learner(Linear(), settings(accumulate=2), Processes(), 3),
    )
    losses = whole.step(iter([views(1, 2, 3, 4)]), 0), parts.step(iter([views(1, 2), views(3, 4)]), 0)
    torch.testing.assert_close(*losses)
    torch.testing.assert_close(whole.method.state_dict(), parts.method.state_dict())


def test_hooks_stand_around_the_update_and_the_batch_says_where_it_is():
    learner = Learner(Linear(), settings(), Processes(), 3)
    learner.step(iter([views(1, 2, 3, 4)]), 7)
    method = learner.method
    (before, gradient), (after, weight) = method.hooks
    assert (before, after) == ("before", "after")
    torch.testing.assert_close(weight, 1 - learner.lr * gradient)
    (batch,) = method.seen
    assert (batch.epoch, batch.step, batch.steps, batch.seed) == (2, 7, 12, 0)
    assert batch.index.tolist() == [1, 2, 3, 4]
    assert batch.weigh is None
    assert batch.scores is None
    assert all(parameter.grad is None for parameter in method.parameters())


def test_a_constant_rate_stays_at_its_peak():
    learner = Learner(Linear(), settings(), Processes(), 3)
    learner.step(iter([views(1, 2, 3, 4)]), 6)
    rates = {group["constant"]: group["lr"] for group in learner.optimizer.param_groups}
    assert rates == {False: pytest.approx(0.05), True: 0.1}


def test_each_parameters_gradient_is_clipped_by_itself():
    learner = Learner(Linear(), settings(clip=0.5), Processes(), 3)
    learner.step(iter([views(1, 2, 3, 4)]), 0)
    for weight in (learner.method.f.weight, learner.method.h.weight):
        assert float((weight.detach() - 1).norm()) == pytest.approx(0.1 * 0.5, rel=1e-4)


def test_the_literal_weight_is_the_baseline_and_a_weight_weighs():
    """ScoreCL: the loss is mean(weight * per_sample)."""
    plain, weighted = Learner(Linear(), settings(), Processes(), 3), Learner(Linear(), settings(), Processes(), 3)
    weighted.weight = lambda v1, v2, **_: (v2 - v1).mean((1, 2, 3)) * torch.tensor([2.0, 0.0, 0.0, 2.0])
    served = views(1, 2, 3, 5)
    loss, other = plain.step(iter([served]), 0), weighted.step(iter([served]), 0)
    assert float(loss) == pytest.approx(6 * (1 + 2 + 3 + 5) / 4)
    assert float(other) == pytest.approx(6 * (2 * 1 + 2 * 5) / 4)


def test_a_method_that_weighs_its_pairs_itself_is_left_to_it():
    learner = Learner(Linear(), settings(), Processes(), 3)
    learner.method.pair = None
    learner.weight = lambda v1, v2, **_: (v2 - v1).mean((1, 2, 3)) * 3
    loss = learner.step(iter([views(1, 2, 3, 4)]), 0)
    assert float(loss) == pytest.approx(15.0)
    (batch,) = learner.method.seen
    assert batch.weigh(*batch.views).tolist() == [3.0] * 4


@pytest.mark.parametrize(("which", "kept"), [("above", [1, 3, 4]), ("below", [0, 2, 5])])
def test_half_of_the_pairs_is_learned_from_without_weights(which, kept):
    """ScoreCL, Fig. 7: by the median of the distances; the loss is then the plain mean."""
    learner = Learner(Linear(), settings(weight="pixel", half=which, batch=3), Processes(), 3)
    learner.weight = lambda v1, v2, **_: (v2 - v1).mean((1, 2, 3)) * torch.tensor([1.0, 5, 2, 4, 6, 3])
    served = views(1, 2, 3, 4, 5, 6)
    loss = learner.step(iter([served]), 0)
    (batch,) = learner.method.seen
    assert batch.index.tolist() == served.index[kept].tolist()
    assert all(torch.equal(view, whole[kept]) for view, whole in zip(batch.views, served.views, strict=True))
    assert batch.weigh is None
    assert float(loss) == pytest.approx(6 * float(served.index[kept].float().mean()))
    assert half(torch.tensor([3.0, 1.0, 2.0]), which).tolist() == [0 if which == "above" else 1]


def test_half_is_refused_where_no_one_pair_says_it():
    method = Linear()
    method.pair = None
    with pytest.raises(ValueError, match="half is of methods whose loss is of one pair of views, got half=above"):
        Learner(method, settings(weight="pixel", half="above"), Processes(), 3)


@pytest.mark.parametrize("kind", ["random", "pixel", "saliency"])
def test_weights_of_the_settings_are_of_normalized_views(kind):
    weigh = weight_of(Settings(weight=kind), CPU)
    images = torch.rand(4, 3, 32, 32)
    mean, std = (torch.tensor(x)[:, None, None] for x in (Settings().mean, Settings().std))
    weights = weigh((images - mean) / std, (images.flip(3) - mean) / std, addresses=Addresses(0, 0, torch.arange(4)))
    assert weights.shape == (4,)
    assert float(weights.mean()) == pytest.approx(1.0)


def test_a_score_network_of_smaller_images_weighs_larger_views(tmp_path):
    """SPEC 0.6 trains it at 48 px at most, and Imagenette's views have 128."""
    network, file = ScoreNetwork(8), tmp_path / "score.pt"
    train_score(network, torch.rand(4, 3, 8, 8), steps=2, batch_size=4, checkpoint=file, progress=False)
    weigh = weight_of(Settings(weight="score", score=str(file)), CPU)
    v1, v2 = torch.rand(2, 4, 3, 24, 24)
    mean, std = (torch.tensor(x)[:, None, None] for x in (Settings().mean, Settings().std))
    small = [nn.functional.interpolate(v, (8, 8), mode="bilinear", antialias=True) for v in (v1, v2)]
    weights = weigh((v1 - mean) / std, (v2 - mean) / std)
    torch.testing.assert_close(weights, ScoreWeight(network)(*small), rtol=1e-4, atol=1e-5)
    maps = scores_of(weigh)((v1 - mean) / std)
    torch.testing.assert_close(maps, network(small[0]).detach(), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("half", [None, "above"])
def test_lpips_compares_views_with_the_image_that_they_were_made_of(half, tmp_path, monkeypatch):
    """From pixels to the weights in a step's batch, or to the half that is kept; the oracle is the network itself."""
    install(monkeypatch)
    network, file = made(), tmp_path / "lpips.pt"
    torch.save(network.state_dict(), file)
    given = settings(weight="lpips", lpips=str(file), half=half, size=16, batch=6 if half is None else 3)
    pixels = torch.randint(256, (6, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    make = feed(Pixels(pixels, None), pipeline(given), 0, CPU, workers=0, original=whole_view(given))
    (served,) = make([Request(0, torch.arange(6))])
    mean, std = (torch.tensor(x)[:, None, None] for x in (given.mean, given.std))
    v1, v2 = (2 * (view * std + mean) - 1 for view in served.views)
    x = pixels / 127.5 - 1
    with torch.no_grad():
        apart = (network(x, v1) - network(x, v2)).abs().flatten()
    batch = Learner(Linear(), given, Processes(), 3)._batch(served, 0)
    if half:
        assert batch.index.tolist() == sorted(apart.topk(3).indices.tolist())
    else:
        torch.testing.assert_close(batch.weigh(*batch.views), apart / apart.mean(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("weight", "told"),
    [
        ("score", "score must be the file of a score network"),
        ("lpips", "lpips must be the file of a network for weight=.*; nothing is downloaded: write torch.save"),
    ],
)
def test_a_weight_that_cannot_be_is_told(weight, told):
    with pytest.raises(ValueError, match=told):
        weight_of(Settings(weight=weight), CPU)


class Convolution(Method):
    def __init__(self) -> None:
        super().__init__()
        self.f = nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())

    @property
    def encoder(self) -> nn.Module:
        return self.f

    def forward(self, batch) -> LossParts:
        z: Tensor = self.f(batch.views[0])
        self.seen = batch.views[0], z
        return LossParts(z.float().square().mean(1), z.new_zeros(()))


def test_channels_last_and_bfloat16_reach_the_network():
    learner = Learner(Convolution(), settings(precision="bfloat16"), Processes(), 3)
    learner.step(iter([views(1, 2, 3, 4)]), 0)
    seen, z = learner.method.seen
    assert seen.is_contiguous(memory_format=torch.channels_last)
    assert learner.method.f[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert z.dtype == torch.bfloat16
    assert learner.method.f[0].weight.dtype == torch.float32
    plain = Learner(Convolution(), settings(channels_last=False), Processes(), 3)
    plain.step(iter([views(1, 2, 3, 4)]), 0)
    assert plain.method.seen[1].dtype == torch.float32
    assert plain.method.seen[0].is_contiguous()


class Compiled(Method):
    """A backbone of few layers, which torch compiles in seconds; it notes whether it runs compiled."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.f, self.compiled = Backbone(), []
        self.f.network = nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.AdaptiveAvgPool2d(1), nn.Flatten(), Notes(self.compiled)
        )

    @property
    def encoder(self) -> nn.Module:
        return self.f

    def forward(self, batch) -> LossParts:
        z = self.f(batch.views[0])
        return LossParts(z.square().mean(1), z.new_zeros(()))


class Notes(nn.Module):
    def __init__(self, notes: list[bool]) -> None:
        super().__init__()
        self.notes = notes

    def forward(self, x: Tensor) -> Tensor:
        self.notes.append(torch.compiler.is_compiling())
        return x


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_a_compiled_backbone_takes_the_same_steps(one_thread):
    """Up to rounding; and its checkpoint is that of one that is not compiled."""
    learners = [Learner(Compiled(), settings(compile=how), Processes(), 3) for how in (False, True)]
    losses = []
    for learner in learners:
        generator = torch.Generator().manual_seed(1)
        images = [torch.rand(4, 3, 8, 8, generator=generator) for _ in range(2)]
        served = [Served(torch.arange(4), [image, image], []) for image in images]
        losses.append([learner.step(iter([batch]), step) for step, batch in enumerate(served)])
    assert [learner.method.compiled for learner in learners] == [[False] * 2, [True] * 2]
    torch.testing.assert_close(*losses, rtol=1e-4, atol=0)
    torch.testing.assert_close(*(learner.method.state_dict() for learner in learners), rtol=1e-3, atol=1e-5)
