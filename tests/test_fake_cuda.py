"""What pipelines cost on fake CUDA: launches, bytes, memory and waits, against bounds; and the page says so."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from jointaug import fuse, neighbors
from jointaug._native import _cuda

from .pretend import NEEDS_CUDA

pytest.importorskip("triton")
pytestmark = NEEDS_CUDA

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
PINNED = torch.__version__.startswith("2.14.1")


@pytest.fixture(scope="module")
def fake_cuda():
    """The script, which imports its neighbors by their names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        import fake_cuda

        yield fake_cuda
        for name in ("fake_cuda", "gpu", "interleaved"):
            sys.modules.pop(name, None)


@pytest.mark.parametrize("addressed", [False, True], ids=["generator", "addresses"])
def test_a_plan_is_a_few_launches_and_no_wait(fake_cuda, addressed):
    launches, waits = fake_cuda.planning(fake_cuda.two_views(32), 1024, 32, addressed=addressed)
    assert waits == 0
    if PINNED:
        assert 60 < launches <= 150


def test_a_plan_by_address_is_few_launches_without_triton_too(fake_cuda, monkeypatch):
    """The hash is one Philox over all positions of the pipeline (one for each position made 2,900 launches)."""
    monkeypatch.setattr(_cuda, "hashes", lambda *_: False)
    launches, waits = fake_cuda.planning(fake_cuda.two_views(32), 1024, 32, addressed=True)
    assert waits == 0
    if PINNED:
        assert 150 < launches <= 450


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last], ids=str)
@pytest.mark.parametrize(("count", "side", "bytes_"), [(256, 224, 6.5), (512, 96, 6.5), (1024, 32, 5)])
def test_the_work_is_a_few_launches_and_passes(fake_cuda, count, side, bytes_, order):
    cost = fake_cuda.work(fuse(fake_cuda.two_views(side), memory_format=order), count, side)
    assert cost.orders == [order] * 2
    assert cost.waits == 0
    kernels = {"begin": 1, "blur_x": 1, "blur_y": 1, "contrast": int(side > 32), "clone": 0}
    assert {name: cost.launches[name] for name in kernels} == kernels  # up to 32 px a program has the whole image
    if PINNED:
        assert cost.launches.total() <= 40, cost.launches
        assert 2 < cost.moved <= bytes_
        assert 1 < cost.peak <= 2


def test_random_negatives_hash_a_bank_in_one_launch(fake_cuda):
    """In torch the hash alone reads and writes some 350 bytes for a query and a row; all else is about 30."""
    with fake_cuda.counting() as counted:
        bank, queries = torch.empty(50_000, 16, device="cuda"), torch.empty(256, 16, device="cuda")
        index = torch.empty(256, dtype=torch.int64, device="cuda")
        neighbors.sample_negatives(queries, index, bank, None, 1000, strategy="random")
    assert counted.launches["order_keys"] == 1
    assert not counted.waits
    if PINNED:
        assert 30 < counted.moved / (256 * 50_000) < 45


def test_counts_what_is_known(fake_cuda):
    """By hand: three tensors live at once, two stay; a copy from the host and one to it wait."""
    with fake_cuda.counting() as counted:
        x = torch.empty(1024, device="cuda")
        y = x + x
        z = y.view(32, 32).t() + torch.tensor(1.0, device="cuda")
        del y
        z.cpu()
    assert counted.launches["add"] == 2
    assert counted.peak >= 3 * 4096
    assert counted.live == 2 * 4096
    assert counted.waits == {"_to_copy": 2}


@pytest.mark.skipif(not PINNED, reason="the page has the counts of the pinned torch")
def test_the_page_has_these_counts(fake_cuda):
    """If red: ``python benchmarks/fake_cuda.py --write`` makes it again."""
    assert fake_cuda.table() in fake_cuda.PAGE.read_text()
