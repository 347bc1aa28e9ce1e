"""How much two results differ: against numbers written down here."""

from __future__ import annotations

import math

import numpy as np
import PIL.Image
import pytest
import torch
from torchvision import tv_tensors

from jointaug import Views
from jointaug.testing._difference import difference, laid_out

ZEROS = torch.zeros(3, 2, 2)
ONE_OFF = torch.zeros(3, 2, 2).index_put_((torch.tensor(1), torch.tensor(0), torch.tensor(1)), torch.tensor(0.25))
GRAY = PIL.Image.new("L", (2, 2), 7)


@pytest.mark.parametrize(
    ("first", "second", "largest", "where"),
    [
        (ZEROS, ZEROS, 0.0, ""),
        (ZEROS, ONE_OFF, 0.25, "part 0 differs by up to 0.25, in 1 of 12 values"),
        (Views([ZEROS, ZEROS]), Views([ZEROS, ONE_OFF]), 0.25, "part 1 differs"),
        ((ZEROS, {"a": 3}), (ZEROS, {"a": 4}), math.inf, "part 1 is 3 against 4"),
        ([ZEROS, "tench"], [ZEROS, "tench"], 0.0, ""),
        ([ZEROS], [ZEROS, 1], math.inf, "1 images, labels, ... against 2"),
        (ZEROS, tv_tensors.Image(ZEROS), math.inf, "part 0 is Tensor against Image"),
        (ZEROS, ZEROS.double(), math.inf, "part 0 is float32 [3, 2, 2] on cpu against float64 [3, 2, 2] on cpu"),
        (ZEROS, ZEROS[:, :1], math.inf, "against float32 [3, 1, 2] on cpu"),
        (ZEROS, ZEROS.to("meta"), math.inf, "against float32 [3, 2, 2] on meta"),
        (ZEROS.to("meta"), ZEROS.to("meta"), 0.0, ""),
        (ZEROS / 0, ZEROS / 0, 0.0, ""),
        (ZEROS / 0, ZEROS, math.inf, "in 12 of 12 values"),
        (ZEROS + math.inf, ZEROS + math.inf, 0.0, ""),
        (GRAY, PIL.Image.new("L", (2, 2), 9), 2.0, "in 4 of 4 values"),
        (np.array([1.5]), np.array([1.0]), 0.5, "in 1 of 1 values"),
        (torch.tensor([True]), torch.tensor([False]), 1.0, "in 1 of 1 values"),
        (torch.empty(0), torch.empty(0), 0.0, ""),
    ],
    ids=range(18),
)
def test_the_largest_difference_is_found_and_named(first, second, largest, where):
    for one, other in ((first, second), (second, first)):
        assert difference(one, other).largest == largest
    assert where in difference(first, second).where


def test_kinds_are_let_pass_on_demand():
    assert difference(ZEROS, tv_tensors.Image(ZEROS).double(), kinds=False).largest == 0.0
    assert difference(ZEROS, ZEROS[:, :1], kinds=False).largest == math.inf


def test_results_are_laid_out_view_by_view():
    assert laid_out(Views([{"image": 1, "label": 2}, {"image": 3, "label": 4}])) == [1, 2, 3, 4]
    assert laid_out((Views([1, 2]), [3, (4,)])) == [1, 2, 3, 4]
