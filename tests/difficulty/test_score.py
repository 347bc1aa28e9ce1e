"""Score matching: closed forms on Gaussian data, training that goes on to the same numbers, weights of views."""

from __future__ import annotations

import math

import pytest
import torch
from PIL import Image
from torch import nn

from jointaug import Addresses
from jointaug.difficulty import ScoreNetwork, ScoreWeight, checked_scales, dsm_errors, dsm_loss, noise_scales
from jointaug.difficulty import train_score as train
from jointaug.difficulty._score import uniforms
from jointaug.losses import score_weight
from jointaug.testing import assert_follows

CPU = torch.device("cpu")


def addresses(n, seed=0, epoch=0):
    return Addresses(seed, epoch, torch.arange(n))


# Gaussian data x ~ N(0, diag(variance)): both optima in closed form (SPEC 4.1, 4.6). ----------------------------------
def conditional_optimum(variance):
    return lambda y, sigma: -y / (variance + sigma[:, None] ** 2)


def unconditional_optimum(variance, sigmas):
    """sum_k sigma_k^2 p_k grad log p_k / sum_k sigma_k^2 p_k, with p_k the data blurred by sigma_k."""
    squares = checked_scales(sigmas).to(variance)[:, None] ** 2
    blurred = variance + squares  # [L, n]

    def score(y):
        log_p = -(y[:, None] ** 2 / blurred + blurred.log()).sum(2) / 2
        mixed = (log_p + squares[:, 0].log()).softmax(1)  # [B, L]
        return -y * (mixed @ (1 / blurred))

    return score


class Field(nn.Module):
    """s(y) = gain * y + shift of an MLP that sees y and its log size, or log sigma if conditional: a test network."""

    def __init__(self, n, conditional):
        super().__init__()
        self.conditional = conditional
        width = 96
        self.layers = nn.Sequential(
            nn.Linear(n + 1, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 2 * n)
        )

    def forward(self, y, sigma=None):
        told = sigma.log() if self.conditional else y.square().mean(1).clamp(min=1e-4).log()
        gain, shift = self.layers(torch.cat([y, told[:, None]], 1)).chunk(2, 1)
        return gain * y + shift


@pytest.mark.parametrize(("n", "conditional"), [(2, False), (12, False), (12, True)])
def test_matching_learns_the_optimum_of_its_kind(n, conditional):
    """SPEC 4.6: sigma^2-weighted error of the field at most 5 %, loss at most .5 % above the optimum."""
    torch.manual_seed(0)
    variance = torch.linspace(0.3, 1.0, n) ** 2
    sigmas = noise_scales()
    exact = conditional_optimum(variance) if conditional else unconditional_optimum(variance, sigmas)
    net, steps, batch = Field(n, conditional), 2000, 768
    optimizer = torch.optim.Adam(net.parameters(), 4e-3)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        loss = dsm_loss(net, torch.randn(batch, n) * variance.sqrt(), sigmas, conditional=conditional)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        decay.step()
    x = torch.randn(20_000, n, generator=torch.Generator().manual_seed(1)) * variance.sqrt()
    wrong = right = learnt = optimal = 0.0
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        for sigma in sigmas.float():
            each = sigma.expand(len(x))
            y = x + sigma * noise
            given = (y, each) if conditional else (y,)
            wrong += sigma**2 * (net(*given) - exact(*given)).square().sum(1).mean()
            right += sigma**2 * exact(*given).square().sum(1).mean()
            learnt += dsm_errors(net, x, each, noise, conditional=conditional).mean()
            optimal += dsm_errors(exact, x, each, noise, conditional=conditional).mean()
    assert (wrong / right).sqrt() < 0.05
    assert learnt < 1.005 * optimal
    if not conditional:  # and it is not the other optimum that was learnt
        other = conditional_optimum(variance)
        with torch.no_grad():
            gap = sum(
                sigma**2
                * (net(x + sigma * noise) - other(x + sigma * noise, sigma.expand(len(x)))).square().sum(1).mean()
                for sigma in sigmas.float()
            )
        assert (gap / right).sqrt() > 0.1


def test_golden_values_of_the_loss():
    """SPEC 8: x ~ N(0, .25), sigma .5: .25 a dimension at the optimum, .5 for a zero network. Six standard errors."""
    n, dimensions = 200_000, 4
    x = 0.5 * torch.randn(n, dimensions, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    chance = torch.Generator().manual_seed(1)
    error = math.sqrt(0.5 / (n * dimensions))  # of a mean of chi-squares halved: variance 1/2 a dimension at most
    zero = dsm_loss(torch.zeros_like, x, [0.5], chance=chance) / dimensions
    assert zero == pytest.approx(0.5, abs=6 * error)
    optimum = dsm_loss(lambda y: -y / 0.5, x, [0.5], chance=chance) / dimensions
    assert optimum == pytest.approx(0.25, abs=6 * error)


def test_the_loss_of_the_exact_optimum_is_the_closed_form():
    """Eq. 10 at the conditional optimum: the mean over scales of sum_i v_i / (2 (v_i + sigma^2)). Six errors."""
    n, sigmas = 200_000, noise_scales(1.0, 0.1, 4)
    variance = torch.tensor([0.04, 0.25, 1.0], dtype=torch.float64)
    x = torch.randn(n, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * variance.sqrt()
    loss = dsm_loss(conditional_optimum(variance), x, sigmas, chance=addresses(n), conditional=True)
    expected = (variance / (2 * (variance + sigmas[:, None] ** 2))).sum(1).mean()
    assert loss.item() == pytest.approx(expected.item(), abs=6 * math.sqrt(3 / n))


def test_the_unconditional_optimum_beats_its_perturbations():
    sigmas, n = noise_scales(), 20_000
    variance = torch.tensor([0.05, 0.3, 1.0], dtype=torch.float64)
    x = torch.randn(n, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * variance.sqrt()
    exact = unconditional_optimum(variance, sigmas)

    def loss(net):
        return dsm_loss(net, x, sigmas, chance=addresses(n)).item()

    best = loss(exact)
    for factor in (0.8, 1.2):
        assert loss(lambda y, f=factor: f * exact(y)) > best
    assert loss(lambda y: exact(y) + 0.1) > best
    at_one_sigma = conditional_optimum(variance)
    assert loss(lambda y: at_one_sigma(y, torch.full((len(y),), 0.1, dtype=y.dtype))) > best


def test_noise_makes_the_unconditional_score_fall_and_the_conditional_rise():
    """SPEC 4.5.16: 2000 samples on a plane in 100 dimensions; norms 980/93/9.9 and 10/99/986 for .01/.1/1."""
    n, sigmas = 100, noise_scales()
    variance = torch.full((n,), 1e-12, dtype=torch.float64)
    variance[:2] = 1.0
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2000, n, generator=generator, dtype=torch.float64) * variance.sqrt()
    noise = torch.randn(2000, n, generator=generator, dtype=torch.float64)
    free, told = unconditional_optimum(variance, sigmas), conditional_optimum(variance)
    norms = [free(x + s * noise).norm(dim=1).mean().item() for s in (0.01, 0.1, 1.0)]
    assert norms == pytest.approx([980, 93, 9.9], rel=0.04)
    fixed = torch.full((2000,), 0.1, dtype=torch.float64)
    norms = [told(x + s * noise, fixed).norm(dim=1).mean().item() for s in (0.01, 0.1, 1.0)]
    assert norms == pytest.approx([10, 99, 986], rel=0.04)


# Chance. --------------------------------------------------------------------------------------------------------------
def test_noise_belongs_to_an_image_and_not_to_its_batch():
    whole = uniforms(addresses(7), (7, 3, 5, 3), "score.noise", CPU)
    parts = [
        uniforms(Addresses(0, 0, index), (len(index), 3, 5, 3), "score.noise", CPU)
        for index in torch.arange(7).split(3)
    ]
    assert torch.equal(whole, torch.cat(parts))
    assert not torch.equal(whole, uniforms(addresses(7, epoch=1), (7, 3, 5, 3), "score.noise", CPU))
    assert not torch.equal(whole, uniforms(addresses(7), (7, 3, 5, 3), "score.dequantize", CPU))
    others = uniforms(Addresses(0, 0, torch.arange(7), 1), (7, 3, 5, 3), "score.noise", CPU)
    assert len(torch.cat([whole, others]).unique()) == 2 * whole.numel()  # draws share no words


def test_uniforms_are_uniform_in_every_pixel_and_uncorrelated():
    """False alarm: 1e-6 for the law; six standard errors for each correlation."""
    u = uniforms(addresses(20_000), (20_000, 6), "score.noise", CPU)
    assert_follows(u.flatten(), torch.distributions.Uniform(0.0, 1.0))
    assert (torch.corrcoef(u.T) - torch.eye(6)).abs().max() < 6 / math.sqrt(20_000)


def test_scales_are_drawn_alike():
    """A network that shows its noise level: each of 4 scales takes a quarter of images. Six standard errors."""
    seen = []

    def net(y, sigma):
        seen.append(sigma)
        return torch.zeros_like(y)

    n = 40_000
    dsm_loss(net, torch.zeros(n, 1), [4.0, 3.0, 2.0, 1.0], chance=addresses(n), conditional=True)
    shares = torch.stack([(seen[0] == k).double().mean() for k in (4, 3, 2, 1)])
    assert (shares - 0.25).abs().max() < 6 * math.sqrt(0.25 * 0.75 / n)


def test_noise_scales_are_ncsn_s():
    sigmas = noise_scales()
    assert len(sigmas) == 10
    torch.testing.assert_close(sigmas[[0, -1]], torch.tensor([1.0, 0.01], dtype=torch.float64))
    torch.testing.assert_close(sigmas[1:] / sigmas[:-1], torch.full((9,), 0.01 ** (1 / 9), dtype=torch.float64))


# The network. ---------------------------------------------------------------------------------------------------------
def test_the_network_has_the_size_that_the_paper_implies():
    """Tab. 9: 33.54 - 32.16, 52.53 - 51.16, 39.59 - 38.21, 58.58 - 57.20 million parameters."""
    count = sum(parameter.numel() for parameter in ScoreNetwork(32).parameters())
    assert round(count / 1e6, 2) == 1.38


@pytest.mark.parametrize("conditional", [False, True])
def test_a_fresh_network_is_zero_and_its_output_is_bounded_by_the_noise(conditional):
    net = ScoreNetwork(8, conditional=conditional)
    x = torch.rand(3, 3, 8, 8)
    sigma = torch.tensor([0.01, 0.1, 1.0]) if conditional else None
    assert not net(x, sigma).any()
    nn.init.ones_(net.leave[-1].bias)
    scale = net(x, sigma)[:, 0, 0, 0]
    assert ((scale >= 1 - 1e-5) & (scale <= 100 + 1e-3)).all()
    if conditional:
        torch.testing.assert_close(scale, 1 / sigma)


def test_a_conditional_network_is_told_the_noise():
    torch.manual_seed(0)
    net = ScoreNetwork(8, conditional=True)
    nn.init.normal_(net.leave[-1].weight)
    x = torch.rand(1, 3, 8, 8).expand(2, -1, -1, -1)
    sigma = torch.tensor([0.1, 1.0])
    first, second = net(x, sigma) * sigma[:, None, None, None]
    assert (first - second).abs().max() > 1e-3  # beyond the division by sigma


# Training. ------------------------------------------------------------------------------------------------------------
def pictures(n=24, size=8):
    generator = torch.Generator().manual_seed(3)
    coarse = torch.randint(0, 256, (n, 3, size // 4, size // 4), generator=generator, dtype=torch.uint8)
    return coarse.repeat_interleave(4, 2).repeat_interleave(4, 3)


def fresh(conditional=False, **options):
    torch.manual_seed(0)
    return ScoreNetwork(8, conditional=conditional, **options)


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


def test_every_epoch_and_seed_has_noise_of_its_own():
    """The zero network that learns nothing: its loss is that of the noise."""
    options = {"steps": 3, "batch_size": 10, "learning_rate": 0.0}
    losses = torch.cat([train(fresh(), pictures(10), seed=seed, **options) for seed in (0, 1)])
    assert len(losses.unique()) == 6


def test_an_epoch_sees_each_image_once_in_an_order_of_its_own():
    from jointaug.difficulty._score import _Order

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
    from jointaug.difficulty._score import _prepared

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


def test_a_checkpoint_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "score.pt"
    train(fresh(), pictures(), steps=1, batch_size=10, checkpoint=path)
    before = path.read_bytes()

    def full(_):
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="disk full"):
        train(fresh(), pictures(), steps=2, batch_size=10, checkpoint=path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["score.pt"]


# Weights of views. ----------------------------------------------------------------------------------------------------
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


def views():
    return torch.rand(2, 5, 3, 8, 8, generator=torch.Generator().manual_seed(5)).unbind()


def scoring(x):
    return torch.sin(7 * x) * x


def normalized(x):
    return (x - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]


@pytest.mark.parametrize("kind", ["vector", "norm_gap"])
@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("normalize", ["batch_mean", None])
def test_a_weight_is_that_of_the_score_maps_with_normalized_views_or_without(kind, p, normalize):
    v1, v2 = views()
    expected = score_weight(scoring(v1), scoring(v2), kind=kind, p=p, normalize=normalize)
    options = {"kind": kind, "p": p, "normalize": normalize}
    torch.testing.assert_close(ScoreWeight(scoring, **options)(v1, v2), expected)
    weigh = ScoreWeight(scoring, **options, mean=MEAN, std=STD)
    torch.testing.assert_close(weigh(normalized(v1), normalized(v2)), expected, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(weigh(normalized(v2), normalized(v1)), expected, rtol=1e-4, atol=1e-6)


def test_uint8_views_and_floats_weigh_the_same():
    v1, v2 = ((255 * v).to(torch.uint8) for v in views())
    weigh = ScoreWeight(scoring)
    torch.testing.assert_close(weigh(v1, v2), weigh(v1 / 255, v2 / 255))


def test_no_gradient_and_no_precision_is_lost_and_the_network_stays_as_it_was():
    net = fresh()
    nn.init.normal_(net.leave[-1].weight)
    net.train()
    v1, v2 = views()
    weigh = ScoreWeight(net)
    plain = weigh(v1.requires_grad_(), v2)
    assert not plain.requires_grad
    assert plain.mean() == pytest.approx(1)
    assert net.training
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(weigh(v1, v2), plain)


def test_a_conditional_network_is_evaluated_at_one_sigma():
    net = fresh(conditional=True)
    nn.init.normal_(net.leave[-1].weight)
    v1, v2 = views()
    sigma = torch.full((5,), 0.1)
    expected = score_weight(net(v1, sigma), net(v2, sigma))
    torch.testing.assert_close(ScoreWeight(net, sigma=0.1)(v1, v2), expected)


@pytest.mark.parametrize("shape", [(24, 24), (20, 30)])
def test_views_are_shown_to_a_network_of_smaller_images_at_its_size(shape):
    net = fresh()
    nn.init.normal_(net.leave[-1].weight)
    v1, v2 = torch.rand(2, 5, 3, *shape, generator=torch.Generator().manual_seed(5)).unbind()
    small = [torch.nn.functional.interpolate(v, (8, 8), mode="bilinear", antialias=True) for v in (v1, v2)]
    weigh = ScoreWeight(net, size=8, mean=MEAN, std=STD)
    torch.testing.assert_close(weigh(normalized(v1), normalized(v2)), ScoreWeight(net)(*small), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(weigh.scores(v1), net(small[0]).detach())
    exact = views()
    assert torch.equal(ScoreWeight(net, size=8)(*exact), ScoreWeight(net)(*exact))


# Bad input. -----------------------------------------------------------------------------------------------------------
V1, V2 = views()
BAD = {
    "scales not positive": (lambda: dsm_loss(scoring, V1, [1.0, 0.0]), ValueError, "positive and finite, got"),
    "scales not finite": (lambda: checked_scales([1.0, math.nan]), ValueError, "positive and finite, got"),
    "scales not decreasing": (lambda: ScoreNetwork(8, sigmas=[0.1, 1.0]), ValueError, "strictly decreasing, got"),
    "equal scales": (lambda: checked_scales([1.0, 1.0]), ValueError, "strictly decreasing, got"),
    "no scales": (lambda: checked_scales([]), ValueError, "must be a sequence of noise scales"),
    "scales swapped": (lambda: noise_scales(0.01, 1.0), ValueError, "0 < last < first"),
    "uint8 in the loss": (lambda: dsm_loss(scoring, pictures(), [1.0]), TypeError, "x must be a floating point tensor"),
    "no gradient's shape": (lambda: dsm_loss(lambda y: y[:1], V1, [1.0]), ValueError, "must return the shape of its"),
    "addresses of another batch": (
        lambda: dsm_loss(scoring, V1, [1.0], chance=addresses(4)),
        ValueError,
        "addresses must be those of the 5 images",
    ),
    "odd size": (lambda: ScoreNetwork(30), ValueError, "size must be a multiple of 4 pixels, got 30"),
    "views of another size": (
        lambda: ScoreWeight(ScoreNetwork(16))(V1, V2),
        ValueError,
        r"x must be \[B, 3, 16, 16\], for which this score network was made, got \(10, 3, 8, 8\)",
    ),
    "images of another size": (
        lambda: train(ScoreNetwork(16), pictures(), steps=1),
        ValueError,
        r"images must be \[N, 3, 16, 16\]",
    ),
    "images out of range": (
        lambda: train(fresh(), V1 * 2, steps=1),
        ValueError,
        r"images must be uint8, or floating point on \[0, 1\]",
    ),
    "images with nan": (lambda: train(fresh(), V1 * math.nan, steps=1), ValueError, "without nan"),
    "no images": (lambda: train(fresh(), [], steps=1), ValueError, "images must hold at least one"),
    "no folder": (lambda: train(fresh(), "nowhere", steps=1), FileNotFoundError, "images must be in a folder"),
    "no folder for the checkpoint": (
        lambda: train(fresh(), V1, steps=1, checkpoint="nowhere/score.pt"),
        FileNotFoundError,
        "checkpoint must be in a folder that is there",
    ),
    "another network": (lambda: train(nn.Identity(), V1, steps=1), TypeError, "net must be a ScoreNetwork"),
    "no steps": (lambda: train(fresh(), V1, steps=0), ValueError, "steps must be a positive integer"),
    "sigma for an unconditional network": (lambda: ScoreWeight(fresh(), sigma=0.1), ValueError, "and for no other"),
    "no sigma for a conditional one": (lambda: ScoreWeight(fresh(True)), ValueError, "sigma must be given for a"),
    "sigma beyond the scales": (lambda: ScoreWeight(fresh(True), sigma=2.0), ValueError, r"must be in \[0.01, 1\]"),
    "a size that is not the network's": (
        lambda: ScoreWeight(fresh(), size=16),
        ValueError,
        "size must be the score network's, 8 pixels, got 16",
    ),
    "no pixels": (lambda: ScoreWeight(scoring, size=0), ValueError, "size must be a positive number of pixels, got 0"),
    "half a pixel": (lambda: ScoreWeight(scoring, size=8.5), TypeError, "size must be a positive number of pixels"),
    "a call without sigma": (lambda: fresh(True)(V1), ValueError, "sigma must be given to a conditional"),
    "a kind": (lambda: ScoreWeight(scoring, kind="cosine"), ValueError, "kind must be"),
    "a norm": (lambda: ScoreWeight(scoring, p=3), ValueError, "p must be 1 or 2"),
    "a normalization": (lambda: ScoreWeight(scoring, normalize="sum"), ValueError, "normalize must be"),
    "no network": (lambda: ScoreWeight(None), TypeError, "net must be a score network"),
    "mean without std": (lambda: ScoreWeight(scoring, mean=MEAN), ValueError, "mean and std must be given together"),
    "std of zero": (lambda: ScoreWeight(scoring, mean=MEAN, std=(1, 0, 1)), ValueError, "std must be positive"),
    "channels": (lambda: ScoreWeight(scoring, mean=[0.5], std=[0.2])(V1, V2), ValueError, "must have 3 numbers"),
    "normalized views, not said": (lambda: ScoreWeight(scoring)(normalized(V1), V2), ValueError, "v1 must be on"),
    "plain views, said normalized": (
        lambda: ScoreWeight(scoring, mean=(0.9,) * 3, std=(0.9,) * 3)(V1, V2),
        ValueError,
        "once un-normalized",
    ),
    "nan in a view": (lambda: ScoreWeight(scoring)(V1, V2 * math.nan), ValueError, "v2 must be on .* finite"),
    "nan in a score": (lambda: ScoreWeight(lambda x: x * math.nan)(V1, V2), ValueError, "finite scores"),
    "scores of another shape": (lambda: ScoreWeight(lambda x: x.mean(1))(V1, V2), ValueError, "of the views' shape"),
    "views of two sizes": (lambda: ScoreWeight(scoring)(V1, V2[..., :4]), ValueError, "must have the shape of v1"),
    "no view": (lambda: ScoreWeight(scoring)(V1[:0], V2[:0]), ValueError, "at least one view"),
    "no tensor": (lambda: ScoreWeight(scoring)([V1], V2), TypeError, "v1 must be a tensor"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments_are_named(name):
    call, kind, message = BAD[name]
    with pytest.raises(kind, match=message):
        call()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("score") / "score.pt"
    train(fresh(), pictures(), steps=2, batch_size=10, checkpoint=path)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "of this training, seed=1, got .* with seed=0"),
        ({"batch_size": 5}, "batch_size=5, got .* with batch_size=10"),
        ({"learning_rate": 0.1}, "learning_rate=0.1"),
        ({"images": pictures(20)}, "images=20"),
        ({"net": ScoreNetwork(8, conditional=True)}, "of this network, conditional=True"),
        ({"net": ScoreNetwork(8, sigmas=[0.5, 0.1])}, "of this network, sigmas="),
        ({"steps": 1}, "steps must be at least the 2"),
    ],
)
def test_a_checkpoint_of_another_configuration_is_refused(checkpoint, tmp_path, change, message):
    path = tmp_path / "score.pt"
    path.write_bytes(checkpoint)
    options = {"net": fresh(), "images": pictures(), "steps": 3, "batch_size": 10, "checkpoint": path} | change
    with pytest.raises(ValueError, match=message):
        train(options.pop("net"), options.pop("images"), **options)
    assert path.read_bytes() == checkpoint


@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_a_checkpoint_that_is_cut_short_is_named(checkpoint, tmp_path, share):
    path = tmp_path / "score.pt"
    path.write_bytes(checkpoint[: int(share * len(checkpoint))])
    with pytest.raises(ValueError, match=r"cut short\?"):
        ScoreNetwork.load(path)
    with pytest.raises(ValueError, match=r"cut short\?"):
        train(fresh(), pictures(), steps=3, batch_size=10, checkpoint=path)


def test_other_files_are_no_checkpoints(tmp_path):
    torch.save({"weights": {}}, tmp_path / "other.pt")
    with pytest.raises(ValueError, match="holds something else"):
        ScoreNetwork.load(tmp_path / "other.pt")
    with pytest.raises(FileNotFoundError, match="which is not there"):
        ScoreNetwork.load(tmp_path / "none.pt")
