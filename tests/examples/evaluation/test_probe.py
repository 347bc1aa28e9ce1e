"""The linear probe against a loop that follows SPEC, against scikit-learn, and where the answer is known."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, top_k_accuracy_score
from torch.nn import functional as F
from trainer.evaluation.probe import accuracy, head, mean_per_class, measured, measures, optimizer, steps, train
from trainer.evaluation.protocols import PROTOCOLS, Protocol
from trainer.networks import LARS


def gaussians(n, classes=4, d=6, spread=1.0, seed=0):
    """Features around one point for each class, which depend on the seed alone."""
    points = torch.randn(classes, d, generator=torch.Generator().manual_seed(100))
    g = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % classes
    return points[labels] + spread * torch.randn(n, d, generator=g), labels


def served(x, y, batch, seed=0):
    return lambda epoch: ((x[rows], y[rows]) for rows in steps(len(x), batch, seed, epoch))


def cosine(done):
    return (1 + math.cos(math.pi * done)) / 2


def tenths(*milestones):
    return lambda done: 0.1 ** len([m for m in milestones if done >= m])


# What SPEC 0.5 says, written down a second time: (rate at batch 64, its factor at epoch / epochs, rule, decay, batch
# normalization). The loop below knows nothing of `trainer.evaluation.protocols`.
SPEC = {
    "moco": (30, tenths(0.6, 0.8), "sgd", 0, False),
    "mocov3": (0.1 * 64 / 256, cosine, "sgd", 0, False),
    "simclr": (0.1 * 64 / 256, cosine, "nesterov", 0, False),
    "simsiam": (0.1 * 64 / 256, cosine, "lars", 0, False),
    "vicreg": (0.02, cosine, "sgd", 1e-6, False),
    "dino": (0.001 * 64 / 256, cosine, "sgd", 0, False),
    "interclr": (0.01, tenths(0.3, 0.6, 0.9), "nesterov", 1e-4, True),
    "contrastivecrop": (10, tenths(0.6, 0.8), "sgd", 0, False),
}


def loop(x, y, w, b, epochs, lr, factor, rule, decay, whiten):
    """SGD with momentum 0.9 on softmax regression, gradients by hand, in float64; the last epoch's mean loss too.

    LARS is SimSiam's: it takes a gradient to a thousandth of the parameter's length, where neither is zero.
    """
    w, b = w.double(), b.double()
    mu_w, mu_b = torch.zeros_like(w), torch.zeros_like(b)
    for epoch in range(epochs):
        total = 0.0
        for rows in steps(len(x), 64, 0, epoch):
            z = x[rows].double()
            if whiten:
                z = (z - z.mean(0)) / (z.var(0, unbiased=False) + 1e-5).sqrt()
            p = (z @ w.T + b).softmax(1)
            target = F.one_hot(y[rows], len(b)).double()
            total -= float((p * target).sum(1).log().sum())
            g_w, g_b = (p - target).T @ z / len(z) + decay * w, (p - target).mean(0) + decay * b
            if rule == "lars":
                g_w, g_b = (g * (0.001 * p.norm() / g.norm() if p.any() else 1) for g, p in ((g_w, w), (g_b, b)))
            mu_w, mu_b = 0.9 * mu_w + g_w, 0.9 * mu_b + g_b
            rate = lr * factor(epoch / epochs)
            w = w - rate * (g_w + 0.9 * mu_w if rule == "nesterov" else mu_w)
            b = b - rate * (g_b + 0.9 * mu_b if rule == "nesterov" else mu_b)
    return w, b, total / len(x)


@pytest.mark.parametrize("name", SPEC)
def test_trains_as_the_protocol_says(name):
    """Float32 against float64 over 40 steps, of small features: at length 1 a rate of 30 is chaos. Seen: under 2e-5."""
    x, y = gaussians(250, spread=2.0)
    start = head(6, 4, PROTOCOLS[name])[-1].requires_grad_(False)
    w, b, loss = loop(0.1 * x, y, start.weight, start.bias, 10, *SPEC[name])
    probe = train(served(0.1 * x, y, 64), [6], 4, PROTOCOLS[name], epochs=10, batch=64)
    linear = probe.heads[0][-1].requires_grad_(False)
    assert (linear.weight - w).norm() < 1e-4 * (w - start.weight).norm()
    assert (linear.bias - b).norm() < 1e-4 * b.norm()
    assert probe.losses[0] == pytest.approx(loss, rel=1e-6)


RANDOM, MIDDLE, ONCE = (0.08, 1.0), "middle", None  # random crops, of the middle square, or features computed once
# Epochs, batch, optimizer, decay, milestones, deviation of the first weights, crop, batch normalization.
STATED = {
    "moco": (100, 256, "sgd", 0, (0.6, 0.8), 0.01, RANDOM, False),
    "mocov3": (90, 1024, "sgd", 0, (), 0.01, RANDOM, False),
    "simclr": (90, 4096, "nesterov", 1e-6, (), 0.01, RANDOM, False),
    "simsiam": (90, 4096, "lars", 0, (), 0.01, RANDOM, False),
    "byol": (80, 1024, "nesterov", 0, (), 0.01, RANDOM, False),
    "vicreg": (100, 256, "sgd", 1e-6, (), 0.01, RANDOM, False),
    "dino": (100, 1024, "sgd", 0, (), 0.01, RANDOM, False),
    "wmse": (500, 1000, "adam", 5e-6, (), None, ONCE, False),
    "scorecl": (100, 256, "sgd", 0, (0.6, 0.8), 0.01, RANDOM, False),
    "interclr": (100, 256, "nesterov", 1e-4, (0.3, 0.6, 0.9), 0.01, RANDOM, True),
    "interclr-places": (14, 256, "nesterov", 1e-4, (0.25, 0.5, 0.75), 0.01, MIDDLE, True),
    "contrastivecrop": (100, 512, "sgd", 0, (0.6, 0.8), 0.01, RANDOM, False),
    "small": (100, 256, "adam", 1e-4, (), 0.01, ONCE, True),  # ours
}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_setting_is_what_spec_says(name):
    p = PROTOCOLS[name]
    assert (p.epochs, p.batch, p.optimizer, p.decay, p.milestones, p.std, p.crop, p.whiten) == STATED[name]
    assert p.test == ("whole" if name == "contrastivecrop" else "center")
    assert p.stages == name.startswith("interclr")


@pytest.mark.parametrize("name", PROTOCOLS)
def test_the_optimizer_is_the_named_one(name):
    kind, momentum, nesterov = {
        "sgd": (torch.optim.SGD, 0.9, False),
        "nesterov": (torch.optim.SGD, 0.9, True),
        "lars": (LARS, 0.9, None),
        "adam": (torch.optim.Adam, None, None),
    }[STATED[name][2]]
    made = optimizer(PROTOCOLS[name], head(3, 2, PROTOCOLS[name]), 0.5)
    (group,) = made.param_groups
    assert type(made) is kind
    assert (group["lr"], group["weight_decay"]) == (0.5, STATED[name][3])
    assert (group.get("momentum"), group.get("nesterov")) == (momentum, nesterov)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_protocol_finds_what_is_separable(name):
    """Four directions, 14 deviations from each other; rates of the paper's batch, epochs as they need."""
    y, labels = torch.arange(512) % 4, torch.arange(200) % 4
    x, test = (
        torch.eye(4, 6)[of] + 0.1 * torch.randn(len(of), 6, generator=torch.Generator().manual_seed(0))
        for of in (y, labels)
    )
    protocol = PROTOCOLS[name]
    if protocol.rate_batch:
        protocol = replace(protocol, rate_batch=64 * protocol.rate_batch // protocol.batch)
    epochs = {"simsiam": 90, "wmse": 80}.get(name, 12)  # slow: LARS moves by shares of a weight, Adam by its rate
    for trained in train(served(x, y, 64), [6], 4, protocol, epochs=epochs, batch=64).heads:
        assert accuracy(trained(test), labels) == 100


def test_reaches_the_optimum_that_scikit_learn_finds():
    """L2-regularized softmax regression has one optimum; a decayed bias is the weight of a constant feature."""
    x, y = gaussians(300, spread=2.0)
    protocol = Protocol("", 1, 1, rates=(0.5,), decay=0.02)
    probe = train(served(x, y, 300), [6], 4, protocol, epochs=400, batch=300)
    constant = torch.cat([x, torch.ones(300, 1)], 1)
    theirs = LogisticRegression(C=1 / (0.02 * 300), fit_intercept=False, tol=1e-8, max_iter=1000).fit(constant, y)
    linear = probe.heads[0][-1]
    ours = torch.cat([linear.weight, linear.bias[:, None]], 1).detach()
    torch.testing.assert_close(ours.double(), torch.from_numpy(theirs.coef_), rtol=0, atol=1e-4)


def test_is_as_good_as_the_bayes_rule():
    """Two Gaussians at distance 2: the best rule is right in Phi(1) = 84.1 %; 5 deviations of 20,000 trials."""
    g = torch.Generator().manual_seed(0)
    y = torch.arange(40_000) % 2
    x = torch.randn(40_000, 3, generator=g) + (2 * y[:, None] - 1) * torch.tensor([0.6, 0.0, 0.8])
    probe = train(served(x[:20_000], y[:20_000], 256), [3], 2, PROTOCOLS["vicreg"], epochs=3, batch=256)
    best = 100 * torch.special.ndtr(torch.tensor(1.0)).item()
    deviation = math.sqrt(best * (100 - best) / 20_000)
    assert accuracy(probe.heads[0](x[20_000:]), y[20_000:]) == pytest.approx(best, abs=5 * deviation)


def test_several_rates_are_several_runs():
    x, y = gaussians(200, spread=2.0)
    both = train(served(x, y, 64), [6], 4, replace(PROTOCOLS["byol"], rates=(0.4, 0.05)), epochs=3, batch=64)
    for rate, trained, loss in zip((0.4, 0.05), both.heads, both.losses, strict=True):
        alone = train(served(x, y, 64), [6], 4, replace(PROTOCOLS["byol"], rates=(rate,)), epochs=3, batch=64)
        assert torch.equal(trained[-1].weight, alone.heads[0][-1].weight)
        assert loss == alone.losses[0]


def test_each_part_of_the_features_has_heads_of_its_own():
    """Two parts at two rates, on the same batches: each head is the one that its columns alone make, up to rounding."""
    x, y = gaussians(200, spread=2.0)
    protocol = replace(PROTOCOLS["interclr"], rates=(0.1, 0.01))
    both = train(served(x, y, 64), [2, 4], 4, protocol, epochs=3, batch=64)
    assert len(both.heads) == len(both.losses) == 4
    for place, (part, rate) in enumerate(product((slice(0, 2), slice(2, 6)), protocol.rates)):
        of = x[:, part]
        alone = train(served(of, y, 64), [of.shape[1]], 4, replace(protocol, rates=(rate,)), epochs=3, batch=64)
        torch.testing.assert_close(both.heads[place](x), alone.heads[0](of), rtol=0, atol=1e-5)
        assert both.losses[place] == pytest.approx(alone.losses[0], rel=1e-6)


def test_exponential_falls_from_the_first_rate_to_the_last():
    """W-MSE: 1e-2 to 1e-6 over 500 epochs."""
    protocol = PROTOCOLS["wmse"]
    rates = [protocol.rates[0] * protocol.rate(epoch, 500) for epoch in (0, 125, 250, 500)]
    assert rates == pytest.approx([1e-2, 1e-3, 1e-4, 1e-6])
    assert isinstance(optimizer(protocol, head(2, 2, protocol), 0.01), torch.optim.Adam)


def test_weights_start_as_said():
    """N(0, 0.01) to 5 standard errors of 64,000 weights, biases of zero; torch's uniform for W-MSE."""
    state = torch.get_rng_state()
    linear = head(640, 100, PROTOCOLS["moco"])[-1]
    assert torch.equal(torch.get_rng_state(), state)
    assert linear.weight.std().item() == pytest.approx(0.01, abs=5 * 0.01 / math.sqrt(2 * 64_000))
    assert linear.weight.mean().item() == pytest.approx(0, abs=5 * 0.01 / math.sqrt(64_000))
    assert not linear.bias.any()
    assert not torch.equal(linear.weight, head(640, 100, PROTOCOLS["moco"], seed=1)[-1].weight)
    uniform = head(100, 640, PROTOCOLS["wmse"])[-1]
    assert uniform.weight.abs().max() <= 0.1
    assert uniform.weight.std().item() == pytest.approx(0.1 / math.sqrt(3), rel=0.02)
    assert uniform.bias.abs().max() > 0.05


def test_an_epoch_is_every_row_once_in_an_order_of_its_own():
    epochs = [torch.cat(steps(50, 16, 0, epoch)) for epoch in range(3)]
    for order in epochs:
        assert order.sort().values.tolist() == list(range(50))
    assert not torch.equal(epochs[0], epochs[1])
    assert torch.equal(torch.cat(steps(50, 7, 0, 0)), epochs[0])  # whatever the batch
    assert [len(part) for part in steps(50, 16, 0, 0)] == [16, 16, 16, 2]


def test_a_last_image_alone_joins_the_batch_before_it():
    assert [len(part) for part in steps(33, 16, 0, 0)] == [16, 17]
    assert [len(part) for part in steps(1, 16, 0, 0)] == [1]
    x, y = gaussians(33)
    train(served(x, y, 16), [6], 4, PROTOCOLS["interclr"], epochs=1, batch=16)  # batch statistics of every batch


@pytest.mark.parametrize("top", [1, 3, 5])
def test_accuracy_is_scikit_learns(top):
    g = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(300, 8, generator=g), torch.arange(300) % 8
    assert accuracy(logits, labels, top) == pytest.approx(
        100 * top_k_accuracy_score(labels.numpy(), logits.numpy(), k=top)
    )


def test_the_mean_per_class_is_scikit_learns():
    chance = np.random.default_rng(0)
    logits, labels = torch.from_numpy(chance.normal(size=(60, 7))), torch.from_numpy(chance.integers(0, 5, 60))
    guesses = torch.where(torch.arange(7) < 5, logits, -9.0)  # scikit-learn warns of classes that do not occur
    wanted = 100 * balanced_accuracy_score(labels, guesses.argmax(1))
    assert measured("mean per class", guesses, labels) == pytest.approx(wanted)
    assert measured("top-1", guesses, labels) != pytest.approx(wanted)
    assert measured("top-5", logits, labels) == pytest.approx(
        100 * np.mean([label in row.argsort(descending=True)[:5] for row, label in zip(logits, labels, strict=True)])
    )


def test_a_class_that_does_not_occur_is_not_in_the_mean():
    labels = torch.tensor([0, 0, 0, 0, 3])
    assert mean_per_class(labels == 0, labels) == 50
    assert mean_per_class(torch.tensor([True, False, False, False, True]), labels) == 62.5


def test_of_five_classes_there_is_no_top_5():
    asked = ("mean per class", "top-1", "top-5")
    labels = torch.arange(5)
    assert measures(asked, torch.eye(5), labels) == {"mean per class, %": 100, "top-1, %": 100}
    wide = F.pad(torch.eye(5), (0, 1), value=0.5).roll(1, 0)
    assert measures(asked, wide, labels) == {"mean per class, %": 0, "top-1, %": 0, "top-5, %": 80}


def test_equal_logits_count_for_the_smaller_label():
    assert accuracy(torch.zeros(4, 4), torch.arange(4)) == 25
    assert accuracy(torch.zeros(4, 4), torch.arange(4), top=3) == 75


def test_a_loss_that_is_not_finite_is_an_error():
    x, y = gaussians(64)
    protocol = replace(PROTOCOLS["moco"], rates=(1.0, 1e38))
    with pytest.raises(FloatingPointError, match=r"the loss at rate 1e\+38 is not finite in epoch 0"):
        train(served(x, y, 16), [6], 4, protocol, epochs=2, batch=16)
    x[:, 4:] *= 1e38
    with pytest.raises(FloatingPointError, match=r"the loss at rate 1 is not finite in epoch 0"):
        train(served(x, y, 16), [4, 2], 4, replace(protocol, rates=(1.0,)), epochs=2, batch=16)
