"""The image-by-image executor: addresses through v2's containers, rates and orders, and how parts are numbered."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn
from torchvision.transforms import v2

from jointaug import Address, Addresses, JointCrop, MultiView, PerView, Shared, views_at
from jointaug.pipeline import Position, chosen, leaves, parts, views_made

FAILURE_RATE = 1e-6  # of each statistical test below; seeds are fixed


def ks_bound(n: int) -> float:
    """DKW inequality (Massart 1990)."""
    return math.sqrt(math.log(2 / FAILURE_RATE) / (2 * n))


@pytest.mark.parametrize(("u", "index"), [(0.0, 1), (0.25, 1), (0.31, 2), (0.99999, 2)])
def test_chosen_reads_cumulative_shares(u, index):
    assert chosen(u, [0.0, 0.3, 0.7, 0.0]) == index


def test_chosen_never_takes_what_has_no_share():
    assert chosen(1 - 1e-17, [0.1] * 10 + [0.0]) == 9


IMAGE = torch.arange(3 * 40 * 30, dtype=torch.uint8).reshape(3, 40, 30)
CROP = v2.RandomResizedCrop(16)
PIPELINES = {
    "joint": JointCrop(16),
    "classic": MultiView(CROP, CROP),
    "chain": v2.Compose([JointCrop(16), PerView(v2.Compose([v2.RandomHorizontalFlip(), v2.ColorJitter(0.4)]))]),
    "apply": v2.Compose([v2.RandomApply([v2.RandomVerticalFlip(1.0)], 0.5), JointCrop(16)]),
    "choice": v2.RandomChoice([JointCrop(16), MultiView(CROP, CROP)], p=[0.3, 0.7]),
    "order": v2.Compose([JointCrop(16), PerView(v2.RandomOrder([v2.ColorJitter(0.4), v2.RandomHorizontalFlip()]))]),
    "shared": v2.Compose([JointCrop(16), Shared(v2.RandomHorizontalFlip())]),
}


@pytest.mark.parametrize("name", PIPELINES)
def test_views_depend_on_their_address_alone(name):
    pipeline = PIPELINES[name]
    torch.manual_seed(0)
    first = views_at(pipeline, Address(1, 2, 3), IMAGE)
    torch.rand(17)
    again = views_at(pipeline, Address(1, 2, 3), IMAGE)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    others = [views_at(pipeline, Address(1, 2, index), IMAGE) for index in range(4, 20)]
    assert any(not torch.equal(first[0], other[0]) for other in others)


@pytest.mark.parametrize("name", PIPELINES)
def test_torchs_generator_is_left_as_it_was(name):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    views_at(PIPELINES[name], Address(1, 2, 3), IMAGE)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_walk_keeps_v2s_rates():
    """RandomApply and RandomChoice by address act at their rates: exact binomial tails."""

    class Mark:
        def __call__(self, image):
            return image + 1

    zero, n = torch.zeros(1, 2, 2), 4000
    apply = v2.RandomApply([Mark()], p=0.3)
    applied = sum(views_at(apply, Address(0, 0, i), zero).max().item() for i in range(n))
    assert stats.binomtest(int(applied), n, 0.3).pvalue > FAILURE_RATE
    choice = v2.RandomChoice([Mark(), v2.Identity()], p=[0.8, 0.2])
    chosen_ = sum(views_at(choice, Address(0, 0, i), zero).max().item() for i in range(n))
    assert stats.binomtest(int(chosen_), n, 0.8).pvalue > FAILURE_RATE


def test_the_walk_orders_at_random():
    steps = [lambda image, k=k: image * 10 + k for k in (1, 2, 3)]
    order = v2.RandomOrder(steps)
    seen = [int(views_at(order, Address(0, 0, i), torch.zeros(1, 1, 1)).item()) for i in range(3000)]
    counts = np.unique(seen, return_counts=True)[1]
    assert len(counts) == 6
    assert stats.chisquare(counts).pvalue > FAILURE_RATE


def test_steps_after_a_skipped_branch_keep_their_numbers():
    """Positions are paths, not counts of calls: what an earlier step drew cannot shift a later one."""
    tail = v2.RandomCrop(8)
    always, never = (v2.Compose([v2.RandomApply([v2.RandomVerticalFlip(0.0)], p), tail]) for p in (1.0, 0.0))
    for index in range(20):
        assert torch.equal(views_at(always, Address(0, 0, index), IMAGE), views_at(never, Address(0, 0, index), IMAGE))


def test_two_policies_share_their_numbers_step_by_step():
    colour = PerView(v2.ColorJitter(0.4))
    joint, classic = v2.Compose([JointCrop(16), colour]), v2.Compose([MultiView(v2.Identity(), v2.Identity()), colour])
    grey = torch.full((3, 16, 16), 0.4)
    a, b = (views_at(policy, Address(3, 0, 0), grey) for policy in (joint, classic))
    assert all(torch.allclose(x, y) for x, y in zip(a, b, strict=True))


# ---- parts ---------------------------------------------------------------------------------------------------------

FLIP, INVERT = v2.RandomHorizontalFlip(), v2.RandomInvert()


@pytest.mark.parametrize(
    ("container", "views", "places"),
    [
        (v2.Compose([FLIP, INVERT]), None, [(0, None), (1, None)]),
        (nn.Sequential(FLIP, INVERT), None, [(0, None), (1, None)]),
        (v2.RandomApply(nn.ModuleList([FLIP, INVERT])), 2, [(0, None), (1, None)]),
        (v2.RandomChoice([FLIP, INVERT]), None, [(0, None), (1, None)]),
        (v2.RandomOrder([FLIP, INVERT]), None, [(0, None), (1, None)]),
        (MultiView(FLIP, INVERT), None, [(0, None), (1, None)]),
        (PerView(FLIP), 2, [(None, 0), (None, 1)]),
        (PerView(FLIP, INVERT), 2, [(None, 0), (None, 1)]),
        (Shared(FLIP), 2, [(None, None), (None, None)]),
        (FLIP, None, []),
        (JointCrop(8), None, []),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_part_has_its_position(container, views, places):
    """Written out: an address, or a plan, of another numbering would draw other numbers."""
    assert [(part.step, part.view) for part in parts(container, views)] == places


def test_a_position_is_the_path_to_it():
    inner = v2.Compose([FLIP, v2.RandomApply([INVERT])])
    pipeline = v2.Compose([JointCrop(8), PerView(inner)])
    (_, per_view) = parts(pipeline)
    (_, second) = parts(per_view.transform, 2)
    (_, apply) = parts(second.transform)
    place = apply.of(second.of(per_view.of(Position())))
    assert place == Position().step(1).view(1).step(1)
    address = Address(0, 0, 0)
    assert apply.of(second.of(per_view.of(address))).row(3) == address.step(1).view(1).step(1).row(3)
    rows = Addresses(0, 0, torch.tensor([0])).rows(3, step=place.at_step, view=place.at_view)
    assert [row.item() for row in rows] == address.step(1).view(1).step(1).row(3)


def test_leaves_and_views_are_those_of_the_parts():
    pipeline = v2.Compose([MultiView(JointCrop(8), v2.Compose([FLIP])), PerView(INVERT, FLIP, FLIP)])
    assert [type(leaf).__name__ for leaf in leaves(pipeline)] == [
        *("JointCrop", "RandomHorizontalFlip", "RandomInvert"),
        *("RandomHorizontalFlip", "RandomHorizontalFlip"),
    ]
    assert views_made(pipeline, None) == 3
    assert views_made(FLIP, None) is None
    with pytest.raises(ValueError, match="number of views must not be random, got"):
        views_made(v2.RandomApply([JointCrop(8)]), None)
