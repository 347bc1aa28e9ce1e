"""Taps against torch's own filter: what it makes of a basis is the matrix of weights."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import interpolate

from jointaug.functional._resample import Crop, by_view_first, resample, taps

PLAIN = [("nearest", False), ("nearest-exact", False), ("bilinear", False), ("bicubic", False)]
FILTERS = [*PLAIN, ("bilinear", True), ("bicubic", True)]
LENGTHS = [(1, 3), (5, 5), (9, 4), (4, 9), (40, 7), (33, 32)]  # of the box, of the result


def matrix(mode, antialias, length, out):
    """torch's weights: row i of the result, from each pixel of the box."""
    basis = torch.eye(length)[:, None, :, None].expand(-1, 1, -1, 2).contiguous()  # two columns: it is wrong on one
    align = False if mode.startswith("bi") else None
    made = interpolate(basis, (out, 2), mode=mode, align_corners=align, antialias=antialias)
    return made[:, 0, :, 0].T


@pytest.mark.parametrize(("mode", "antialias"), FILTERS, ids=str)
@pytest.mark.parametrize(("length", "out"), LENGTHS, ids=str)
def test_taps_are_torchs_filter(mode, antialias, length, out):
    start, full = 3, 50
    index, weights = taps(
        torch.tensor([start]), torch.tensor([length]), out, full, mode, antialias, torch.float32
    )  # [1, out, K]
    assert index.min() >= start
    assert index.max() < start + length
    dense = torch.zeros(out, full).scatter_add_(1, index[0], weights[0])
    torch.testing.assert_close(
        dense[:, start : start + length], matrix(mode, antialias, length, out), rtol=0, atol=2e-6
    )
    assert dense.sum() == pytest.approx(out, rel=1e-5)


def test_results_lie_view_by_view():
    """Rows of parameters are image by image, [N, V]; results are [V, N]."""
    rows = torch.arange(6).reshape(3, 2).flatten()  # image n, view v: 2 n + v
    assert by_view_first(rows, 2).tolist() == [0, 2, 4, 1, 3, 5]
    images = torch.arange(3.0)[:, None, None, None].expand(3, 1, 4, 4)
    boxes = torch.tensor([[v, v, 2, 2] for _ in range(3) for v in (0, 1)])
    made = resample(images, Crop(boxes, None, (2, 2), "bilinear", antialias=True), torch.float32)
    assert made[:, 0, 0, 0].tolist() == [0, 1, 2, 0, 1, 2]


def test_a_part_of_a_crop_is_the_crop_of_a_part():
    crop = Crop(torch.arange(16).reshape(4, 4), torch.tensor([True, False, True, False]), (2, 2), "bicubic", True, True)
    part = crop.of(slice(1, 3))
    assert torch.equal(part.boxes, crop.boxes[1:3])
    assert part.flip.tolist() == [False, True]
    assert (part.size, part.mode, part.antialias, part.clip) == (crop.size, crop.mode, crop.antialias, crop.clip)
