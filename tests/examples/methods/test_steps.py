"""One step of every method against the paper's algorithm, written out slowly; on a tiny network."""

from __future__ import annotations

import copy
import inspect
import math
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from trainer.methods import METHODS
from trainer.methods.contrastive_crop import Boxes
from trainer.methods.infomin import pieces
from trainer.methods.interclr import BASES
from trainer.networks import cosine_to_one

from jointaug.chance import named_step
from jointaug.losses import reduce, whiten

NAMES = [
    "simclr",
    "moco",
    "moco, symmetric",
    "infomin",
    "mocov3",
    "byol",
    "simsiam",
    "dino",
    "vicreg",
    "wmse",
    "wmse, more than 2 views",
    "npid",
    "leoclr",
    "leoclr, all",
    "leoclr, end to end",
    "interclr on npid",
    "interclr on moco",
    "interclr on byol",
    "clim",
]
MOMENTUM = {
    "moco": ("f_k", "f_q"),
    "infomin": ("f_k", "f_q"),
    "mocov3": ("f_k", "f_q"),
    "byol": ("target", "online"),
    "dino": ("teacher", "student"),
    "leoclr": ("f_k", "f_q"),
    "interclr on moco": ("base.f_k", "base.f_q"),
    "interclr on byol": ("base.target", "base.online"),
    "clim": ("f_k", "f_q"),
}


def test_every_method_is_here(settings_of):
    assert {key for key, _ in settings_of.values()} == set(METHODS)
    assert list(settings_of) == NAMES
    folder = Path(inspect.getfile(METHODS["moco"])).parent
    others = {"__init__", "batch", "method", "checks", "options", "contrastive_crop"}
    assert {path.stem for path in folder.glob("*.py")} - others == set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_the_loop_of_a_method_has_at_most_40_lines(name):
    for function in ("forward", "step", "before_epoch", "select", "inter"):
        source = inspect.getsource(getattr(METHODS[name], function, METHODS[name].forward))
        assert len(source.splitlines()) <= 40, function


@pytest.mark.parametrize("name", NAMES)
def test_a_step_gives_parts_and_gradients(name, build, make_batch):
    """A loss for each image; a gradient for every parameter that takes one, none for momentum networks."""
    method = build(name)
    parts = method(make_batch(views=method.views + method.crops))
    assert parts.per_sample.shape == (8,)
    assert parts.shared.shape == ()
    reduce(parts).backward()
    for path, parameter in method.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, path
    if name in MOMENTUM:
        assert not any(p.requires_grad for p in method.get_submodule(MOMENTUM[name][0]).parameters())


@pytest.mark.parametrize("name", MOMENTUM)
def test_momentum_network_follows_after_the_update(name, build, make_batch):
    """``m * old + (1 - m) * online``, after the optimizer's step; the online network stays."""
    method = build(name)
    momentum, online = (method.get_submodule(path) for path in MOMENTUM[name])
    for parameter in online.parameters():
        parameter.data.add_(torch.randn_like(parameter))
    before = [p.clone() for p in momentum.parameters()]
    after = [p.clone() for p in online.parameters()]
    method.after_update(make_batch(views=method.views + method.crops))
    for old, new, now, still in zip(before, after, momentum.parameters(), online.parameters(), strict=True):
        torch.testing.assert_close(now, 0.25 * old + 0.75 * new)
        assert torch.equal(still, new)


@pytest.mark.parametrize("name", ["byol", "mocov3", "dino"])
def test_momentum_goes_to_one_by_a_cosine(name, build, make_batch):
    """Three quarters through the run."""
    method = build(name)
    momentum, online = (method.get_submodule(path) for path in MOMENTUM[name])
    old, new = next(momentum.parameters()).clone(), next(online.parameters())
    new.data.add_(1.0)
    method.after_update(make_batch(step=75))
    m = cosine_to_one(0.25, 0.75)
    torch.testing.assert_close(next(momentum.parameters()), m * old + (1 - m) * new)


@pytest.mark.parametrize(
    ("name", "queries"),
    [
        ("moco", {0}),
        ("moco, symmetric", {0, 1}),
        ("infomin", {0, 2}),
        ("leoclr", {0}),
        ("leoclr, all", {0, 1}),
        ("leoclr, end to end", {0, 1, 2}),
        ("interclr on moco", {0}),
        ("clim", {0}),
        ("simsiam", {0, 1}),
        ("byol", {0, 1}),
    ],
)
def test_which_views_take_gradient(name, queries, build, make_batch):
    """Queries do, keys do not; LeOCLR's query is the whole image, its first view."""
    method = build(name)
    batch = make_batch(views=method.views + method.crops)
    for x in batch.views:
        x.requires_grad_()
    reduce(method(batch)).backward()
    assert {i for i, x in enumerate(batch.views) if x.grad is not None and bool(x.grad.any())} == queries


def crossed(p1, p2, z1, z2):
    return F.cosine_similarity(p1, z2) + F.cosine_similarity(p2, z1)


def test_byol_by_hand(build, make_batch):
    """Each prediction against the target's projection of the other view."""
    method, batch = build("byol"), make_batch()
    method.target.head[0].weight.data.normal_()  # so that it differs from the online network
    other = copy.deepcopy(method)
    p, z = ([f(x) for x in batch.views] for f in (lambda x: other.predictor(other.online(x)), other.target))
    torch.testing.assert_close(method(batch).per_sample, 4 - 2 * crossed(*p, *z))


def test_simsiam_by_hand(build, make_batch):
    """Value and gradient: the embedding that is predicted is held constant."""
    method, batch = build("simsiam"), make_batch()
    other = copy.deepcopy(method)
    z = [other.f(x) for x in batch.views]
    expected = -0.5 * crossed(*[other.h(x) for x in z], *[x.detach() for x in z])
    parts = method(batch)
    torch.testing.assert_close(parts.per_sample, expected)
    parts.per_sample.mean().backward()
    expected.mean().backward()
    for a, b in zip(method.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)
    assert method.constant_rate == ("h",)


def test_mocov3_by_hand(build, make_batch):
    """``2 tau`` times the cross-entropies of both directions, over the batch's keys of the other view."""
    method, batch = build("mocov3", tau=0.5), make_batch()
    method.f_k.head[0].weight.data.normal_()
    other = copy.deepcopy(method)
    q = [F.normalize(other.predictor(other.f_q(x))) for x in batch.views]
    k = [F.normalize(other.f_k(x)) for x in batch.views]
    terms = [F.cross_entropy(q[a] @ k[1 - a].T / 0.5, torch.arange(8), reduction="none") for a in (0, 1)]
    torch.testing.assert_close(method(batch).per_sample, terms[0] + terms[1])


def test_simclr_by_hand(build, make_batch):
    """Slow loop over the 2 B rows, each with the other view as its positive; one batch of statistics for both views."""
    method, batch = build("simclr", tau=0.5), make_batch()
    z = F.normalize(copy.deepcopy(method.f)(torch.cat(batch.views)))
    rows = []
    for i in range(16):
        logits = torch.stack([z[i] @ z[j] / 0.5 for j in range(16) if j != i])
        rows.append(logits.logsumexp(0) - z[i] @ z[(i + 8) % 16] / 0.5)
    torch.testing.assert_close(method(batch).per_sample, torch.stack(rows).view(2, 8).mean(0))


def test_vicreg_by_hand(build, make_batch):
    """The paper's form: squared distance; hinge of the deviations; covariances."""
    method, batch = build("vicreg", form="paper", lam=2.0, mu=3.0, nu=5.0), make_batch()
    z = [copy.deepcopy(method.f)(x) for x in batch.views]
    parts = method(batch)
    torch.testing.assert_close(parts.per_sample, 2 * (z[0] - z[1]).square().sum(1))
    shared = torch.zeros(())
    for x in z:
        covariance = x.T.cov()
        off = covariance - covariance.diag().diag()
        shared = shared + 3 * F.relu(1 - (covariance.diag() + 1e-4).sqrt()).mean() + 5 * off.square().sum() / 8
    torch.testing.assert_close(parts.shared, shared)


def test_wmse_by_hand(build, make_batch):
    """One sub-batch, so that no permutation matters: 2 - 2 cos of whitened embeddings, over three pairs of views."""
    method, batch = build("wmse, more than 2 views", w_size=8), make_batch(views=3)
    f = copy.deepcopy(method.f)
    z = [whiten(z) for z in f.head(torch.cat([f.backbone(x) for x in batch.views])).chunk(3)]
    pairs = [2 - 2 * F.cosine_similarity(z[a], z[b]) for a, b in ((0, 1), (0, 2), (1, 2))]
    torch.testing.assert_close(method(batch).per_sample, sum(pairs) / 3, atol=1e-4, rtol=1e-4)


def test_wmses_head_sees_all_views_in_one_batch(build, make_batch):
    """Its batch norm's statistics are those of both views' hidden features, taken once; the backbone's are a view's."""
    method, batch = build("wmse"), make_batch()
    f = copy.deepcopy(method.f)
    hidden = f.head[0](torch.cat([f.backbone(x) for x in batch.views]))
    method(batch)
    torch.testing.assert_close(method.f.head[1].running_mean, 0.1 * hidden.mean(0))
    torch.testing.assert_close(method.f.head[1].running_var, 0.9 + 0.1 * hidden.var(0))
    assert int(method.f.head[1].num_batches_tracked) == 1
    assert int(method.f.backbone.norm.num_batches_tracked) == 2


@pytest.mark.parametrize("symmetric", [False, True])
def test_moco_by_hand(symmetric, build, make_batch):
    """Cross-entropy over [positive, queue before], then the keys enter; the second view is the key."""
    method = build("moco", symmetric=symmetric)
    f_q, f_k, queue = copy.deepcopy(method.f_q), copy.deepcopy(method.f_k), method.queue.keys.clone()
    batch = make_batch()
    loss = method(batch).per_sample

    def term(a, b):
        q, k = F.normalize(f_q(a)), F.normalize(f_k(b))
        logits = torch.cat([(q * k).sum(1, keepdim=True), q @ queue], 1) / 0.2
        return F.cross_entropy(logits, torch.zeros(8, dtype=torch.int64), reduction="none"), k

    (expected, k2), (other, k1) = term(*batch.views), term(*reversed(batch.views))
    torch.testing.assert_close(loss, (expected + other) / 2 if symmetric else expected)
    keys = torch.cat([k2, k1]) if symmetric else k2
    torch.testing.assert_close(method.queue.keys[:, : len(keys)], keys.T)
    assert torch.equal(method.queue.keys[:, len(keys) :], queue[:, len(keys) :])


def test_mocos_training_is_that_of_lightlys_parts(build, make_batch):
    """Six updates: the same losses as a plain loop of lightly's loss, its memory bank and its momentum update."""
    pytest.importorskip("lightly")
    from lightly.loss import NTXentLoss
    from lightly.models.utils import update_momentum

    method = build("moco")
    f_q, f_k = copy.deepcopy(method.f_q), copy.deepcopy(method.f_k)
    criterion = NTXentLoss(temperature=method.tau, memory_bank_size=(16, 8))
    criterion.memory_bank.bank = method.queue.keys.T.clone()
    criterion.memory_bank.bank_ptr = torch.zeros(1, dtype=torch.int64)
    ours, theirs = (torch.optim.SGD(network.parameters(), 0.1, 0.9) for network in (method.f_q, f_q))
    for epoch in range(6):
        batch = make_batch(epoch=epoch)
        loss = reduce(method(batch))
        ours.zero_grad()
        loss.backward()
        ours.step()
        method.after_update(batch)
        other = criterion(f_q(batch.views[0]), f_k(batch.views[1]))
        theirs.zero_grad()
        other.backward()
        theirs.step()
        update_momentum(f_q, f_k, method.m)
        torch.testing.assert_close(loss, other, rtol=1e-4, atol=1e-4)


def test_moco_with_smaller_crops(build, make_batch):
    """Each is a query of the second view's key; an image's terms are averaged."""
    method = build("moco")
    f_q, f_k, queue = copy.deepcopy(method.f_q), copy.deepcopy(method.f_k), method.queue.keys.clone()
    batch = make_batch()
    batch.views.extend(F.interpolate(x, size=16) for x in list(batch.views))
    k = F.normalize(f_k(batch.views[1]))
    terms = []
    for x in (batch.views[0], *batch.views[2:]):
        q = F.normalize(f_q(x))
        logits = torch.cat([(q * k).sum(1, keepdim=True), q @ queue], 1) / 0.2
        terms.append(logits.logsumexp(1) - logits[:, 0])
    torch.testing.assert_close(method(batch).per_sample, sum(terms) / 3)


def cut_by_hand(crop, uniforms, side):
    """Nine pieces of one crop ``[C, h, h]``, cell by cell, with 27 numbers."""
    cell = crop.shape[-1] // 3
    order = sorted(range(9), key=lambda i: uniforms[i])
    found = []
    for place, which in enumerate(order):
        top = cell * (which // 3) + int(uniforms[9 + place] * (cell - side + 1))
        left = cell * (which % 3) + int(uniforms[18 + place] * (cell - side + 1))
        found.append(crop[:, top : top + side, left : left + side])
    return torch.stack(found)


@pytest.mark.parametrize("side", [32, 33, 35])
def test_pieces_of_a_crop(side):
    """Each of a cell of its own, wherever the uniforms put it; what is over at the end is in none."""
    crops = torch.arange(4 * 3 * side**2).view(4, 3, side, side)
    rows = torch.rand(27, 4, dtype=torch.float64)
    rows[9:, 0], rows[9:, 1] = 1e-9, 1 - 1e-9
    found = pieces(crops, 7, list(rows))
    assert found.shape == (4, 9, 3, 7, 7)
    assert torch.equal(found, torch.stack([cut_by_hand(x, u.tolist(), 7) for x, u in zip(crops, rows.T, strict=True)]))
    whole = pieces(crops, side // 3, list(rows)).flatten(1).sort().values
    assert torch.equal(whole, crops[..., : side // 3 * 3, : side // 3 * 3].flatten(1).sort().values)
    with pytest.raises(ValueError, match=f"a third of the further crop's side, {side // 3} of {side} pixels, got 12"):
        pieces(crops, 12, list(rows))


@pytest.mark.parametrize("crops", [1, 2])
def test_infomin_by_hand(crops, build, make_batch):
    """The second view's key is found by the first view, and by the pieces of those after it, image by image."""
    method = build("infomin", jigsaw=0.25)
    f_q, f_k, queue = copy.deepcopy(method.f_q), copy.deepcopy(method.f_k), method.queue.keys.clone()
    batch = make_batch(views=2 + crops)
    k, head = F.normalize(f_k(batch.views[1])), method.of_piece
    found = method(batch).per_sample
    weight, bias = method.of_all.weight.view(8, 9, 8), method.of_all.bias
    queries = [f_q(batch.views[0])]
    for place, crop in enumerate(batch.views[2:]):
        rows = torch.stack(batch.addresses.rows(27, step=named_step("jigsaw"), view=place))
        cut = torch.cat([cut_by_hand(x, u.tolist(), 5) for x, u in zip(crop, rows.T, strict=True)])
        of_pieces = head(f_q.backbone(cut)).view(8, 9, 8)
        queries.append(torch.stack([(weight * one).sum((1, 2)) + bias for one in of_pieces]))
    terms = []
    for q in map(F.normalize, queries):
        logits = torch.cat([(q * k).sum(1, keepdim=True), q @ queue], 1) / 0.15
        terms.append(logits.logsumexp(1) - logits[:, 0])
    torch.testing.assert_close(found, 0.75 * terms[0] + 0.25 * sum(terms[1:]) / crops)
    torch.testing.assert_close(method.queue.keys[:, :8], k.T)


def test_leoclr_by_hand(build, make_batch):
    """The whole image against the keys of both crops; only the first crops' keys enter."""
    method = build("leoclr")
    f_q, f_k, queue = copy.deepcopy(method.f_q), copy.deepcopy(method.f_k), method.queue.keys.clone()
    batch = make_batch(views=3)
    u = F.normalize(f_q(batch.views[0]))
    keys = [F.normalize(f_k(x)) for x in batch.views[1:]]
    terms = []
    for k in keys:
        logits = torch.cat([(u * k).sum(1, keepdim=True), u @ queue], 1) / 0.2
        terms.append(logits.logsumexp(1) - logits[:, 0])
    torch.testing.assert_close(method(batch).per_sample, terms[0] + terms[1])
    torch.testing.assert_close(method.queue.keys[:, :8], keys[0].T)
    assert torch.equal(method.queue.keys[:, 8:], queue[:, 8:])


def test_npid_by_hand(build, make_batch):
    """Own row against K others, with the bank before; then half the new embedding goes into the row."""
    method = build("npid", K=47)  # all others, so that no draw matters
    f, bank = copy.deepcopy(method.f), method.bank.features.clone()
    batch = make_batch(views=1)
    v = F.normalize(f(batch.views[0]))
    loss = F.cross_entropy(v @ bank.T / 0.07, batch.index, reduction="none")
    torch.testing.assert_close(method(batch).per_sample, loss)
    torch.testing.assert_close(method.bank.features[:8], F.normalize(0.5 * bank[:8] + 0.5 * v))
    assert torch.equal(method.bank.features[8:], bank[8:])


@pytest.mark.parametrize("on", BASES)
def test_interclr_by_hand(on, build, make_batch):
    """Pairs are drawn with the labels from before the step; then the bank takes the embeddings in."""
    method = build(f"interclr on {on}", lam=0.25)
    before, batch = copy.deepcopy(method), make_batch(views=method.views + method.crops)
    bank, index = before.bank, batch.index
    parts = method(batch)
    intra, v, memory = before.base.step(batch)
    mates = bank.features[bank.positives(index)]
    assert torch.equal(bank.labels[bank.positives(index)], bank.labels[index])
    if on == "byol":
        inter = sum(2 - 2 * (F.normalize(p) * mates).sum(1) for p in v)
    else:
        (q,) = (F.normalize(x) for x in v)
        rows = bank.negatives(v[0], index, 4, pool=0.5)
        assert not (bank.labels[rows] == bank.labels[index][:, None]).any()
        tau = 0.1 if on == "npid" else 0.2
        positive = ((q * mates).sum(1) + 0.5) / tau  # the margin of -0.5 is subtracted
        logits = torch.cat([positive[:, None], (q[:, None] * bank.features[rows]).sum(2) / tau], 1)
        inter = logits.logsumexp(1) - positive
    torch.testing.assert_close(parts.per_sample, 0.25 * intra.per_sample)
    torch.testing.assert_close(parts.shared, 0.75 * inter.mean())
    omega = 0.5 if on == "npid" else 1.0
    rows = F.normalize((1 - omega) * bank.features[:8] + omega * F.normalize(memory))
    torch.testing.assert_close(method.bank.features[:8], rows)
    assert torch.equal(method.bank.features[8:], bank.features[8:])


def test_interclr_labels_offline_and_online(build, embed):
    """The first epoch fills and clusters; offline every epoch clusters, online none does."""
    for online in (True, False):
        method = build("interclr on moco", online=online)
        assert bool(method.bank.clustered)
        torch.testing.assert_close(method.bank.features, F.normalize(embed(method.base.f_k)))
        method.bank.labels.zero_()
        method.before_epoch(1, embed)
        assert bool(method.bank.labels.any()) != online


def clim_terms(f_q, f_k, queue, query, keys, lam):
    q = F.normalize(f_q(query))
    terms = []
    for x in keys:
        logits = torch.cat([(q * F.normalize(f_k(x))).sum(1, keepdim=True), q @ queue], 1) / 0.2
        terms.append(logits.logsumexp(1) - logits[:, 0])
    return lam * terms[0] + (1 - lam) * terms[1]


@pytest.mark.parametrize("mix", [True, False])
def test_clim_by_hand(mix, build, make_batch):
    """Eq. 4: pixels from both images, weighted by the share that was kept; or no mixing, equal weights."""
    method = build("clim", mix=mix)
    f_q, f_k, queue = copy.deepcopy(method.f_q), copy.deepcopy(method.f_k), method.queue.keys.clone()
    batch = make_batch()
    (x_i, key_i), (x_j, key_j) = batch.views, batch.partners
    query, lam = method.mix(x_i, x_j, batch.index) if mix else (x_i, torch.full((8,), 0.5))
    lam = lam.float()
    if mix:
        torch.testing.assert_close((query == x_i).all(1).float().mean((1, 2)), lam)
        assert lam.min() < 1
    expected = clim_terms(f_q, f_k, queue, query, (key_i, key_j), lam)
    torch.testing.assert_close(method(batch).per_sample, expected)
    torch.testing.assert_close(method.queue.keys[:, :8], F.normalize(f_k(key_i)).T)


def test_clim_at_two_resolutions(build, make_batch):
    """Eq. 6: every query resolution with every key resolution, summed."""
    method = build("clim")
    f_q, f_k, queue = copy.deepcopy(method.f_q), copy.deepcopy(method.f_k), method.queue.keys.clone()
    batch = make_batch()
    for views in (batch.views, batch.partners):
        q, k = list(views)
        views[:] = [q, F.interpolate(q, size=24), k, F.interpolate(k, size=24)]
    expected = torch.zeros(8)
    for r in range(2):
        query, lam = method.mix(batch.views[r], batch.partners[r], batch.index)
        for s in range(2, 4):
            keys = (batch.views[s], batch.partners[s])
            expected = expected + clim_terms(f_q, f_k, queue, query, keys, lam.float())
    torch.testing.assert_close(method(batch).per_sample, expected)


@pytest.mark.parametrize("mix", [True, False])
def test_clim_of_smaller_crops(mix, build, make_batch):
    """Each is a query of the large keys, mixed with its neighbor's by the box of the large one; the mean of three."""
    method = build("clim", mix=mix, locals=2)
    f_q, f_k, queue = copy.deepcopy(method.f_q), copy.deepcopy(method.f_k), method.queue.keys.clone()
    batch = make_batch(views=4)
    for views in (batch.views, batch.partners):
        views[2:] = [F.interpolate(crop, size=16) for crop in views[2:]]
    keys, expected = (batch.views[1], batch.partners[1]), []
    for x_i, x_j in ((batch.views[k], batch.partners[k]) for k in (0, 2, 3)):
        query, lam = method.mix(x_i, x_j, batch.index) if mix else (x_i, torch.full((8,), 0.5))
        expected.append(clim_terms(f_q, f_k, queue, query, keys, lam.float()))
    torch.testing.assert_close(method(batch).per_sample, sum(expected) / 3)
    torch.testing.assert_close(method.queue.keys[:, :8], F.normalize(f_k(batch.views[1])).T)


@pytest.mark.parametrize("selector", ["center", "knn", "kmeans", "random"])
def test_clim_selects_every_few_epochs_after_the_warm_up(selector, build, embed):
    method = build("clim", selector=selector, warmup_epochs=2, every=3)
    alone = method.positives.clone()
    assert torch.equal(alone[:, 0], torch.arange(48))
    assert (alone[:, 1:] == -1).all()
    selected = []
    for epoch in range(7):
        method.positives.copy_(alone)
        method.before_epoch(epoch, embed)
        if not torch.equal(method.positives, alone):
            selected.append(epoch)
            assert not (method.positives == torch.arange(48)[:, None]).any()
    assert selected == [2, 5]


def test_dino_freezes_the_last_layer_and_centers_with_the_past(build, make_batch):
    method = build("dino", freeze=1)
    last = method.student.head.last.weight
    for epoch in (0, 1):
        center, batch = method.center.center.clone(), make_batch(epoch=epoch)
        teacher, student = copy.deepcopy(method.teacher), copy.deepcopy(method.student)
        parts = method(batch)
        reduce(parts).backward()
        method.before_update(batch)
        assert (last.grad is None) == (epoch == 0)
        t = teacher(torch.cat(batch.views)).chunk(2)
        s = student(torch.cat(batch.views)).chunk(2)
        terms = [-(((t[a] - center) / 0.04).softmax(1) * (s[1 - a] / 0.1).log_softmax(1)).sum(1) for a in (0, 1)]
        torch.testing.assert_close(parts.per_sample, (terms[0] + terms[1]) / 2)
        torch.testing.assert_close(method.center.center, 0.9 * center + 0.1 * torch.cat(t).mean(0))
    assert method.encoder is method.teacher.backbone


def test_dinos_outputs_are_cosines(build):
    """The last layer maps between unit vectors: its rows have length 1, whatever was learned."""
    head = build("dino").student.head
    head.last.weight.data.mul_(7)
    x = torch.randn(5, 8)
    expected = F.cosine_similarity(head.mlp(x)[:, None], head.last.weight[None], dim=2)
    torch.testing.assert_close(head(x), expected)


def test_dinos_last_layer_starts_as_linear_layers_do(build):
    """U(-b, b) with ``b = 8 ** -0.5``, not the other layers' .02: of shorter weights a step turns the rows further.

    A row's squared length is 1/3 on average; of 4,096 rows of 8 the mean's deviation is .0016, and .03 is 18 of them.
    """
    torch.manual_seed(0)
    head = build("dino", outputs=4096).student.head
    last, hidden = head.last.weight.detach(), head.mlp[0].weight.detach()
    assert float(last.abs().max()) <= 8**-0.5
    assert abs(float(last.square().sum(1).mean()) - 1 / 3) < 0.03
    assert 0.015 < float(hidden.std()) < 0.025
    assert not head.mlp[0].bias.any()


def test_batch_norm_in_dinos_head_takes_off_what_all_images_share(build):
    """Each hidden layer's outputs have mean 0 and variance 1 before their GELU; without it they do not."""
    x = 5 + torch.randn(64, 8)
    for norm in (True, False):
        torch.manual_seed(0)
        head = build("dino", head_bn=norm).student.head.train()
        seen: list[torch.Tensor] = []
        for layer in head.mlp:
            if isinstance(layer, nn.GELU):
                layer.register_forward_pre_hook(lambda _, inputs, seen=seen: seen.append(inputs[0]))
        nn.init.normal_(head.mlp[0].weight)
        with torch.no_grad():
            head(x)
        assert len(seen) == 2
        centered = all(float(h.mean(0).abs().max()) < 1e-4 for h in seen)
        assert centered == norm
        if norm:
            torch.testing.assert_close(seen[0].var(0, unbiased=False), torch.ones(16), atol=1e-2, rtol=0)


def test_weight_inside_is_simclrs_alone_and_needs_scores(build, make_batch):
    """Eq. 6 with equal distances is SimCLR; the weights are not applied twice."""
    method = build("simclr", weight_inside=True)
    assert method.pair is None
    batch = make_batch()
    with pytest.raises(ValueError, match=r"weight_inside needs batch\.scores"):
        method(batch)
    # maps of which any two are equally far apart: one hot, at a place of each view's own
    places = iter(torch.eye(16).split(8))
    weighted = method(make_batch(scores=lambda _: next(places)))
    torch.testing.assert_close(weighted.per_sample, build("simclr")(batch).per_sample)


def test_boxes_are_renewed_every_fifth_of_the_run():
    """ContrastiveCrop: 20, 40, 60, 80 of 100 epochs, 100, ..., 400 of 500."""
    boxes = Boxes(3)
    assert [e for e in range(100) if boxes.due(e, 100)] == [20, 40, 60, 80]
    assert [e for e in range(500) if boxes.due(e, 500)] == [100, 200, 300, 400]


def test_there_are_no_boxes_in_the_warm_up():
    """SPEC 5.1: crops are plain until boxes are first made, after a fifth of the run."""
    boxes = Boxes(3)
    index = torch.tensor([2, 0])
    boxes.boxes[2] = 0.25
    assert all(boxes.at(index, epoch, 100) is None for epoch in range(20))
    for epoch in (20, 21, 99):
        assert torch.equal(boxes.at(index, epoch, 100), torch.tensor([[0.25] * 4, [0.0, 0.0, 1.0, 1.0]]))


def test_boxes_are_where_the_network_responds(embed, toys):
    """A network that responds to the images themselves, which are hot in one quadrant each."""

    class Mirror(nn.Module):
        def feature_map(self, images):
            return images

    images = torch.zeros(2, 3, 8, 8)
    images[0, :, :4, :4] = images[1, :, 4:, :4] = 1.0
    boxes = Boxes(2)
    boxes.before_epoch(1, 5, Mirror(), lambda network: network(images))
    expected = torch.tensor([[0.0, 0.0, 0.5, 0.5], [0.0, 0.5, 0.5, 1.0]])
    assert torch.equal(boxes.boxes, expected)
    boxes.before_epoch(0, 5, Mirror(), lambda _: pytest.fail("not due"))


def test_interclr_margin_of_the_base(build):
    assert build("interclr on moco", m_intra=0.3).base.margin == 0.3


def test_initial_loss_of_moco_is_that_of_random_unit_vectors(build, make_batch):
    """SPEC 1.6: log(K + 1) + 1 / (2 D tau^2) for independent unit vectors; here only the queue is random."""
    method = build("moco", dim=128, K=4096)
    q = F.normalize(method.f_q(make_batch().views[0]))
    free = torch.logsumexp(q @ method.queue.keys / 0.2, 1)
    torch.testing.assert_close(free.mean().item(), math.log(4096) + 1 / (2 * 128 * 0.04), atol=0.05, rtol=0)
