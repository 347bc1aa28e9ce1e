"""Agreement with lightly, value and gradient, where it has the loss."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from jointaug import losses as L

peer = pytest.importorskip("lightly.loss", reason="lightly is not installed (pip install --no-deps lightly)")

B, D, K = 16, 6, 64


def leaves(n: int, *shape: int) -> list[Tensor]:
    drawn = torch.randn(n, *shape, generator=torch.Generator().manual_seed(n))
    return [x.requires_grad_() for x in drawn]


def check(ours: Tensor, theirs: Tensor, x: list[Tensor]) -> None:
    """Tolerance: float32, sums in another order."""
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    for a, b in zip(torch.autograd.grad(ours, x), torch.autograd.grad(theirs, x), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("tau", [0.07, 0.5])
def test_nt_xent(tau):
    x = leaves(2, B, D)
    check(L.reduce(L.nt_xent(*x, tau=tau)), peer.NTXentLoss(tau)(*x), x)


def test_moco_over_three_steps():
    """lightly's bank, started as ours, takes the same keys in the same order."""
    queue, theirs = L.Queue(K, D), peer.NTXentLoss(0.2, (K, D))
    theirs.memory_bank.bank = queue.keys.T.clone()
    for step in range(6):
        q, k = (10 * step + x for x in leaves(2, B, D))
        k = k.detach()
        check(L.reduce(L.info_nce(q, k, queue(k), tau=0.2)), theirs(q, k), [q])
        torch.testing.assert_close(queue.keys.T, theirs.memory_bank.bank)


def test_simsiam_and_byol():
    p1, p2, z1, z2 = leaves(4, B, D)
    cosine = peer.NegativeCosineSimilarity()

    def both() -> Tensor:
        return cosine(p1, z2.detach()) + cosine(p2, z1.detach())

    check(L.reduce(L.simsiam(p1, p2, z1, z2)), both() / 2, [p1, p2])
    check(L.reduce(L.byol(p1, p2, z1, z2)), 4 + 2 * both(), [p1, p2])


@pytest.mark.parametrize("n_local", [0, 3])
def test_dino_over_three_steps(n_local):
    center, theirs = L.Center(K), peer.DINOLoss(K)
    for step in range(3):
        student = leaves(2 + n_local, B, K)
        teacher = [0.1 * x.detach() + step for x in leaves(2, B, K)]
        check(L.reduce(L.dino(student, teacher, center(teacher))), theirs(teacher, student), student)
        torch.testing.assert_close(center.center, theirs.center.flatten())


@pytest.mark.parametrize("width", [D, 2 * B])
def test_vicreg(width):
    x = leaves(2, B, width)
    check(L.reduce(L.vicreg(*x)), peer.VICRegLoss()(*x), x)


@pytest.mark.parametrize(("w_iter", "views"), [(1, 2), (2, 3)])
def test_wmse(w_iter, views):
    """lightly draws its permutations inside: the same generator state gives them."""
    w_size, n = 2 * D, 4 * D
    x = leaves(views, n, D)
    torch.manual_seed(3)
    theirs = peer.WMSELoss(embedding_dim=D, w_iter=w_iter, w_size=w_size, num_samples=views)(torch.cat(x))
    torch.manual_seed(3)
    perm = torch.stack([torch.randperm(n) for _ in range(w_iter)])
    check(L.reduce(L.wmse(x, w_size, perm)), theirs, x)


def test_where_lightly_differs_at_a_zero_embedding():
    """The value agrees; its gradient is divided by an epsilon there, ours is not."""
    z1, z2 = (x.detach() for x in leaves(2, B, D))
    z1[0] = 0
    z1.requires_grad_()
    ours, theirs = L.reduce(L.nt_xent(z1, z2)), peer.NTXentLoss(0.5)(z1, z2)
    torch.testing.assert_close(ours, theirs)
    gradients = [torch.autograd.grad(loss, z1)[0] for loss in (ours, theirs)]
    torch.testing.assert_close(gradients[0][1:], gradients[1][1:], rtol=1e-4, atol=1e-6)
    assert gradients[0][0].norm() < 1
    assert gradients[1][0].norm() > 1e6
    assert F.normalize(z1, dim=1)[0].tolist() == L.unit(z1)[0].tolist()
