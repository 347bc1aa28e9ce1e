"""Rows of a plan: the same when asked again, and the same in one go as one by one."""

from functools import partial

import pytest
import torch

from jointaug import Address, Addresses
from jointaug.fusion._rows import PlanRows, checked_fetch, for_batch, for_one

CPU = torch.device("cpu")
POSITIONS = [(2, 1, 0), (5, 1, 1), (22, 7, 0)]


def seeded(fetch, *arguments):
    return partial(fetch, *arguments, torch.Generator().manual_seed(0))


def test_a_position_that_asks_again_gets_the_same_row_and_no_other_does():
    rows = PlanRows(seeded(for_batch, 5, CPU))
    first = rows.rows(2, step=1, view=0)
    other = rows.rows(2, step=1, view=1)
    assert all(torch.equal(a, b) for a, b in zip(rows.rows(2, step=1, view=0), first, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first, other, strict=True))
    expected = torch.rand(2, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.equal(torch.stack(first), expected)


@pytest.mark.parametrize(
    "fetch",
    [lambda: seeded(for_one), lambda: Addresses(3, 1, torch.arange(4)).rows_at, lambda: Address(3, 1, 7).rows_at],
    ids=["generator", "addresses", "address"],
)
def test_all_rows_in_one_go_are_those_of_one_by_one(fetch):
    one_by_one, at_once = PlanRows(fetch()), PlanRows(fetch(), POSITIONS)
    for n, step, view in POSITIONS:
        row = one_by_one.rows(n, step=step, view=view)
        assert len(row) == n
        assert all(
            map(
                torch.equal,
                *([torch.as_tensor(u) for u in rows] for rows in (row, at_once.rows(n, step=step, view=view))),
            )
        )
    assert list(one_by_one.asked) == POSITIONS
    more = at_once.rows(3, step=9, view=0)
    assert all(
        map(torch.equal, *([torch.as_tensor(u) for u in rows] for rows in (more, one_by_one.rows(3, step=9, view=0))))
    )


def test_rows_come_from_addresses_where_there_are_some():
    addresses = Addresses(1, 2, torch.arange(4))
    assert checked_fetch(4, CPU, None, addresses)(POSITIONS)[0][1].tolist() == addresses.rows(2, step=1)[1].tolist()
    assert len(checked_fetch(4, CPU, None, None)(POSITIONS)[2]) == 22
