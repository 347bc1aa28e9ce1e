"""Limiting cases of SPEC 6: bit for bit where the operations coincide, else within float tolerance."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from trainer.methods import options

from jointaug.losses import reduce


def train(method, batches, weigh=None):
    """Three steps; the losses, and all parameters behind one another."""
    optimizer = torch.optim.SGD([p for p in method.parameters() if p.requires_grad], 0.1, 0.9)
    losses = []
    for batch in batches:
        weight = None
        if weigh is not None and method.pair is not None:
            weight = weigh(*(batch.views[i] for i in method.pair))
        loss = reduce(method(batch), weight)
        optimizer.zero_grad()
        loss.backward()
        method.before_update(batch)
        optimizer.step()
        method.after_update(batch)
        losses.append(loss.item())
    return losses, parameters(method)


def parameters(network: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in network.parameters()])


@pytest.mark.parametrize("on", ["npid", "moco", "byol"])
def test_interclr_with_lambda_1_is_its_base(on, build, make_batch):
    """Bit for bit, also what is in queue and bank."""
    how = {"head": "mlp", "tau": 0.1, "hidden": 16} if on == "npid" else {}
    base, method = build(on, **how), build(f"interclr on {on}", lam=1.0)
    if on == "npid":
        method.bank.features.copy_(base.bank.features)
    batches = [make_batch(views=base.views, epoch=epoch) for epoch in range(3)]
    assert train(base, batches)[0] == train(method, batches)[0]
    assert torch.equal(parameters(base), parameters(method))
    if on == "npid":
        assert torch.equal(base.bank.features, method.bank.features)
    if on == "moco":
        assert torch.equal(base.queue.keys, method.base.queue.keys)
    changed = build(f"interclr on {on}", lam=0.9)
    assert not torch.equal(train(changed, batches)[1], parameters(method))


def test_interclr_with_lambda_0_is_the_other_loss_alone(build, make_batch):
    parts = build("interclr on moco", lam=0.0)(make_batch())
    assert not parts.per_sample.any()
    assert parts.shared > 0


WEIGHTED = [v for v in options.VARIANTS if options.refusal(v, "weight") is None and "clim" not in v]


@pytest.mark.parametrize("name", WEIGHTED)
def test_scorecl_with_the_literal_weight_1_is_its_baseline(name, build, make_batch):
    """Bit for bit, also where the method weights its pairs itself; a weight of 2 for one image is another training."""

    def ones(v1, v2):
        assert v1.shape == v2.shape
        return torch.ones(len(v1))

    def uneven(v1, v2):
        return torch.cat([torch.tensor([2.0]), torch.ones(len(v1) - 1)])

    views = build(name).views
    runs = []
    for weigh in (None, ones, uneven):
        batches = [make_batch(views=views, epoch=epoch, weigh=weigh) for epoch in range(3)]
        runs.append(train(build(name), batches, weigh))
    assert runs[0][0] == runs[1][0]
    assert torch.equal(runs[0][1], runs[1][1])
    assert not torch.equal(runs[0][1], runs[2][1])


@pytest.mark.parametrize("how", [{"selector": "none"}, {"warmup_epochs": 3}])
def test_clim_without_a_selector_or_in_its_warm_up_is_moco(how, build, make_batch):
    """Bit for bit."""
    batches = [make_batch(epoch=epoch) for epoch in range(3)]
    base, method = build("moco"), build("clim", **how)
    assert train(base, batches)[0] == train(method, batches)[0]
    assert torch.equal(parameters(base), parameters(method))
    assert torch.equal(base.queue.keys, method.queue.keys)
    assert not torch.equal(train(build("clim"), batches)[1], parameters(method))


@pytest.mark.parametrize("how", [{"selector": "none"}, {"warmup_epochs": 3}])
def test_clim_of_smaller_crops_without_neighbors_is_moco_of_smaller_crops(how, build, make_batch):
    """Bit for bit."""
    batches = [make_batch(epoch=epoch, views=4) for epoch in range(3)]
    for batch in batches:
        batch.views[2:] = [F.interpolate(crop, size=16) for crop in batch.views[2:]]
    base, method = build("moco"), build("clim", locals=2, **how)
    assert train(base, batches)[0] == train(method, batches)[0]
    assert torch.equal(parameters(base), parameters(method))
    assert torch.equal(base.queue.keys, method.queue.keys)


def test_infomin_without_its_jigsaw_is_moco(build, make_batch):
    """Bit for bit: the pieces take part with weight 0. They leave their mark in running statistics alone."""
    three, two = ([make_batch(epoch=epoch, views=views) for epoch in range(3)] for views in (3, 2))
    for more, fewer in zip(three, two, strict=True):
        fewer.views[:] = more.views[:2]
    base, method = build("moco", tau=0.15), build("infomin", jigsaw=0.0)
    method.f_q.load_state_dict(base.f_q.state_dict())
    method.f_k.load_state_dict(base.f_k.state_dict())
    method.queue.load_state_dict(base.queue.state_dict())
    assert train(base, two)[0] == train(method, three)[0]
    assert torch.equal(parameters(base.f_q), parameters(method.f_q))
    assert torch.equal(base.queue.keys, method.queue.keys)


def test_leoclr_of_crops_with_one_key_is_moco(build, make_batch):
    """X replaced by a crop, X2 by X1, and the mean of the two equal terms: bit for bit."""
    batches = [make_batch(epoch=epoch) for epoch in range(3)]
    base, method = build("moco"), build("leoclr", reduction="mean")
    losses, _ = train(base, batches)
    for batch in batches:
        batch.views.append(batch.views[1])
    assert losses == train(method, batches)[0]
    assert torch.equal(parameters(base), parameters(method))
    assert torch.equal(base.queue.keys, method.queue.keys)


def test_leoclr_is_symmetric_in_its_crops(build, make_batch):
    """SPEC 1.6: value and gradient, within float32 rounding; the queue takes the other crop's keys."""
    runs = []
    for order in ((0, 1, 2), (0, 2, 1)):
        method, batch = build("leoclr"), make_batch(views=3)
        batch.views[:] = [batch.views[i] for i in order]
        loss = reduce(method(batch))
        loss.backward()
        runs.append((loss.detach(), method.f_q.head[0].weight.grad, method.queue.keys))
    torch.testing.assert_close(runs[0][:2], runs[1][:2])
    assert not torch.equal(runs[0][2], runs[1][2])


def test_an_empty_queue_gives_no_loss(build, make_batch):
    """SPEC 1.6: a softmax over one."""
    method = build("moco", K=16)
    method.queue = type(method.queue)(0, 8)
    assert not method(make_batch()).per_sample.any()
