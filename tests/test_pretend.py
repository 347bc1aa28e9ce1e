"""What the pretended GPU of the tests refuses and counts."""

import pytest
import torch

from .pretend import NEEDS_CUDA, here, moved, pretending, there

pytestmark = NEEDS_CUDA

X = torch.arange(6.0).view(2, 3)
WAITING = {
    "item": lambda x: x.sum().item(),
    "bool": lambda x: bool(x.any()),
    "float": lambda x: float(x[0, 0]),
    "tolist": lambda x: x.tolist(),
    "cpu": lambda x: x.cpu(),
    "nonzero": lambda x: x.nonzero(),
    "mask": lambda x: x[x > 2],
    "fill by another's rows": lambda x: x.index_put_((x > 2,), x.new_zeros(3)),
    "index of the host": lambda x: x[torch.tensor([1, 0])],
    "tensor": lambda x: torch.tensor([1.0, 2.0], device=x.device),
    "as_tensor": lambda x: torch.as_tensor(3, device=x.device),
    "new_tensor": lambda x: x.new_tensor([1.0]),
    "to": lambda x: torch.ones(3).to(x.device),
    "copy_": lambda x: x.copy_(torch.ones(2, 3)),
    "equal": lambda x: torch.equal(x, x),
    "unique": lambda x: x.unique(),
    "repeat": lambda x: x.repeat_interleave(x[:, 0].long(), 0),
    "cholesky": lambda x: torch.linalg.cholesky(x[:, :2] @ x[:, :2].T),
}
QUIET = {
    "arithmetic": lambda x: (x * 2 + 1).clamp(min=torch.tensor(3.0)).sum(),
    "full": lambda x: torch.full((3,), 2.0, device=x.device) + torch.zeros(3, device=x.device),
    "where": lambda x: torch.where(x > 2, x, 0.0),
    "fill by a mask": lambda x: x.index_put_((x > 2,), torch.tensor(0.0)),
    "gather": lambda x: x[:, x[0].long()],
    "to where it is": lambda x: x.to("cuda").copy_(x),
    "length": lambda x: x.repeat_interleave(x[:, 0].long() // 3, 0, output_size=1),
}


@pytest.mark.parametrize("name", WAITING)
def test_counts_what_the_host_waits_for(name):
    with pretending() as waits:
        WAITING[name](there(X))
    assert waits.total() == 1, waits


@pytest.mark.parametrize("name", QUIET)
def test_values_are_the_cpus_and_nothing_else_waits(name):
    expected = QUIET[name](X.clone()) if name not in ("full", "to where it is") else None
    with pretending() as waits:
        found = QUIET[name](there(X))
        assert found.is_cuda
    assert not waits
    if expected is not None:
        assert torch.equal(here(found), expected)


def test_refuses_two_devices():
    with pretending(), pytest.raises(RuntimeError, match="tensors on cuda and on the CPU"):
        there(X) + torch.ones(3)
    with pretending(), pytest.raises(TypeError, match="numpy"):
        there(X).numpy()


def test_gradients_are_the_cpus():
    """Of a graph in which paths part and meet, and a function of Python's own stands."""

    class Twice(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return 2 * x

        @staticmethod
        def backward(ctx, gradient):
            return 2 * gradient

    def loss(x, layer):
        y = layer(x)
        return (Twice.apply(y) * y.detach()[:1] + torch.stack([y, y.relu()]).unbind()[1]).square().sum()

    torch.manual_seed(0)
    layer = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.BatchNorm1d(3))
    x = X.clone().requires_grad_()
    loss(x, layer).backward()
    expected = [x.grad, *(parameter.grad.clone() for parameter in layer.parameters())]
    layer.zero_grad()
    with pretending() as waits:
        x = there(X).requires_grad_()
        loss(x, moved(layer)).backward()
        found = [x.grad, *(parameter.grad for parameter in layer.parameters())]
    assert not waits
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(here(a), b)
