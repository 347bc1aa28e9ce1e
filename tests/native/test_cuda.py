"""Kernels in Triton: which devices take them, and how often the hash is launched."""

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from jointaug import Addresses
from jointaug import functional as K
from jointaug._native import _cuda

from ..pretend import NEEDS_CUDA

pytest.importorskip("triton")


@NEEDS_CUDA
def test_views_of_a_step_are_one_launch(monkeypatch):
    shapes = []
    with FakeTensorMode():
        from jointaug._native import _triton

        monkeypatch.setattr(_triton, "uniforms", lambda index, draws, out, words: shapes.append(tuple(out.shape)))
        addresses = Addresses(0, 0, torch.empty(6, dtype=torch.int64, device="cuda"))
        rows = addresses.rows_at([(5, 3, 0), (1, 4, 2), (5, 3, 1), (5, 3, 7)])
    assert shapes == [(2, 5, 6), (1, 5, 6), (1, 1, 6)]
    assert [len(row) for row in rows] == [5, 1, 5, 5]


@NEEDS_CUDA
@pytest.mark.parametrize("reason", ["no Triton", "an old card"])
def test_says_once_why_torch_works_alone(reason, monkeypatch):
    monkeypatch.setattr(_cuda, "_REASONS", {})
    monkeypatch.setattr(_cuda, "_reason", lambda device: reason)
    with FakeTensorMode():
        images = torch.empty(2, 3, 40, 40, dtype=torch.uint8, device="cuda")
        with pytest.warns(RuntimeWarning, match=reason):
            assert K.invert(images.float()).shape == images.shape
        K.invert(images.float())  # a second warning would be an error


def test_an_old_card_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    assert "7.5" in _cuda._reason(torch.device("cuda"))
