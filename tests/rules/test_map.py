"""Maps of places against matrices of torch."""

import pytest
import torch

from jointaug.rules._map import STILL, after, chosen, either, mirrored, of_cut, shifted, stacked, upside_down

CPU = torch.device("cpu")


def matrix(entries, count=1):
    return stacked(entries, count, CPU)


def some(seed, count=None):
    generator = torch.Generator().manual_seed(seed)
    shape = (9,) if count is None else (9, count)
    values = torch.rand(*shape, generator=generator, dtype=torch.float64)
    return tuple(values.unbind()) if count else tuple(values.tolist())


@pytest.mark.parametrize(("first", "then"), [(some(0), some(1)), (some(0, 4), some(1)), (some(0), some(1, 4))])
def test_two_steps_in_turn_are_a_product_of_matrices(first, then):
    torch.testing.assert_close(
        matrix(after(first, then), 4), matrix(first, 4) @ matrix(then, 4), atol=1e-15, rtol=1e-15
    )


def test_what_stays_is_the_unit_and_costs_nothing():
    assert torch.equal(matrix(STILL)[0], torch.eye(3, dtype=torch.float64))
    first = some(0)
    assert after(first, STILL) is first
    assert after(STILL, first) is first


def test_corners_go_where_they_came_from():
    """The outer corners of a cut view are the corners of its box; a flip swaps them."""
    cut = matrix(of_cut((3, 5, 20, 30), (8, 10)))[0]
    for (x, y), place in {(-0.5, -0.5): (4.5, 2.5), (9.5, 7.5): (34.5, 22.5)}.items():
        torch.testing.assert_close(cut @ torch.tensor([x, y, 1.0]).double(), torch.tensor([*place, 1.0]).double())
    boxes = torch.tensor([[3, 5, 20, 30], [0, 0, 8, 10]])
    both = matrix(of_cut(boxes, (8, 10)), 2)
    assert torch.equal(both[0], cut)
    assert torch.equal(both[1], torch.eye(3, dtype=torch.float64))
    corner = torch.tensor([0.0, 0.0, 1.0]).double()
    assert (matrix(mirrored(10))[0] @ corner).tolist() == [9, 0, 1]
    assert (matrix(upside_down(8))[0] @ corner).tolist() == [0, 7, 1]
    assert (matrix(shifted(-2, torch.tensor([4])))[0] @ corner).tolist() == [-2, 4, 1]


def test_each_image_has_the_one_that_is_chosen():
    where = torch.tensor([True, False])
    maps = matrix(chosen(where, mirrored(10), STILL), 2)
    assert maps[:, 0, 0].tolist() == [-1, 1]
    assert chosen(True, mirrored(10), STILL) == chosen(None, mirrored(10), STILL) == mirrored(10)
    assert chosen(False, mirrored(10), STILL) is STILL


def test_sizes_stay_numbers_while_they_are_alike():
    where = torch.tensor([True, False])
    assert either(where, 5, 5) == 5
    assert either(where, 5, 7).tolist() == [5, 7]
    assert either(where, 5, 7).dtype == torch.int64
    assert either(None, 5, 7) == either(True, 5, 7) == 5
    assert either(False, 5, 7) == 7
