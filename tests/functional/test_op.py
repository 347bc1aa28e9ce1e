"""A checked step: its part for some of the images, and whether a gradient is asked for."""

from __future__ import annotations

import torch

from jointaug.functional import gaussian_blur
from jointaug.functional._batch import Target
from jointaug.functional._op import LEVELS, UNIT, Op
from jointaug.functional._table import checked_op


def op(sigma, where=None):
    return checked_op(gaussian_blur, Target(torch.Size((4,)), torch.device("cpu"), 3), sigma, 5, where=where)


def test_white_is_one_or_255():
    assert (UNIT.bound, UNIT.integer) == (1.0, False)
    assert (LEVELS.bound, LEVELS.integer) == (255.0, True)


def test_a_part_has_the_parameters_of_its_images():
    whole = Op(0, None, (2.0, torch.arange(4.0), torch.arange(8.0).reshape(4, 2)), torch.tensor([True, False] * 2))
    part = whole.of(slice(1, 3))
    number, column, table = part.columns
    assert number == 2.0
    assert column.tolist() == [1, 2]
    assert table.tolist() == [[2, 3], [4, 5]]
    assert part.where.tolist() == [False, True]


def test_a_part_of_a_blur_is_the_blur_of_a_part():
    sigma = torch.tensor([0.0, 0.5, 1.0, 2.0])
    images = torch.rand(4, 3, 9, 8, generator=torch.Generator().manual_seed(0))
    part = op(sigma).of(slice(1, 3))
    assert part.radii == op(sigma).radii == (2, 2)
    made = part.form(images[1:3], part.columns[0][:, None], UNIT, **part.options)
    torch.testing.assert_close(made, gaussian_blur(images, sigma, 5)[1:3], rtol=0, atol=1e-6)


def test_a_gradient_is_asked_for_by_a_parameter():
    assert not op(1.0).differentiable
    assert not op(torch.ones(4)).differentiable
    assert op(torch.ones(4, requires_grad=True)).differentiable
