"""A step of every method on a pretended GPU: no mixed devices, the CPU's numbers, and where the host waits."""

from __future__ import annotations

import pytest
import torch
from trainer.inputs.feed import Served
from trainer.inputs.settings import Settings
from trainer.training.distributed import Processes
from trainer.training.step import Learner

from ...pretend import CUDA, NEEDS_CUDA, here, moved, pretending, there
from .conftest import TINY

pytestmark = NEEDS_CUDA
WAITS = {
    "interclr on npid": 2,
    "interclr on moco": 2,
    "interclr on byol": 1,
}
"""How often the host waits in a step; 0 where nothing stands.

InterCLR must know whether a cluster has become too small (to mend it takes a k-means), and how many rows tie at the
edge of the pools that it draws negatives from (or as many as a collapsed bank has would be sorted for each image).
"""


def learner(method, device, **given):
    settings = Settings(batch=8, lr=0.1, lr_batch=None, epochs=4, crop="joint", **given)
    return Learner(method, settings, Processes(device=device), 4)


@pytest.mark.parametrize("name", TINY)
def test_a_step_is_the_cpus(name, build, make_batch):
    given = make_batch(views=build(name).views + build(name).crops)
    served = Served(given.index, given.views, given.partners)
    torch.manual_seed(3)
    on_cpu = learner(build(name), torch.device("cpu"))
    _, loss = (on_cpu.step(iter([served]), step) for step in range(2))
    method = moved(build(name))
    with pretending() as waits:
        on_device = learner(method, CUDA)
        pretended = Served(*there((served.index, served.views, served.partners)))
        torch.manual_seed(3)
        on_device.step(iter([pretended]), 0)  # the first after a move: a bank reads what it has counted
        waits.clear()
        found = on_device.step(iter([pretended]), 1)
        assert found.is_cuda
    assert waits.total() == WAITS.get(name, 0), waits
    torch.testing.assert_close(here(found), loss)
    expected, state = on_cpu.method.state_dict(), here(dict(on_device.method.state_dict()))
    for key, value in expected.items():
        torch.testing.assert_close(state[key], value, atol=1e-5, rtol=1e-5, msg=key)
