"""Policies from hypothesis: two views of every sample, in every form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from torchvision.transforms.v2 import functional as F

from jointaug import Views, testing

from .cases import occurs, pool, quick

BAD: list[tuple[Callable[[], None], type[Exception], str]] = [
    (lambda: testing.joint_policies(views=3), ValueError, "even number .*got 3"),
    (lambda: testing.joint_policies(steps=["flip"]), ValueError, "got 'flip'"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_bad_input_is_named(case):
    call, error, message = BAD[case]
    with pytest.raises(error, match=message):
        call()


@pytest.fixture(scope="module")
def some_policies() -> list[Any]:
    return pool(testing.joint_policies().map(repr), 150)


@quick
@given(
    testing.samples(testing.images(modes=testing.COLOR_MODES, dtypes=testing.COLOR_DTYPES, channels=(1, 3))),
    testing.joint_policies(),
)
def test_every_policy_makes_two_views_of_every_sample(sample, policy):
    views = policy(*sample)[0] if isinstance(sample, tuple) else policy(sample)
    assert isinstance(views, Views)
    assert [F.get_size(next(iter(view.values())) if isinstance(view, dict) else view) for view in views] == [[8, 8]] * 2


@quick
@given(testing.images(kinds=["tensor"], max_side=12), testing.joint_policies(size=5, views=4, steps=["crop"]))
def test_policies_keep_to_what_is_asked(image, policy):
    assert not any(word in repr(policy) for word in ("JointBlur", "JointColor"))
    assert [view.shape[-2:] for view in policy(image)] == [(5, 5)] * 4


@pytest.mark.parametrize(
    "word",
    [
        *["JointCrop", "JointBlur", "JointColor", "ContrastiveCrop", "MultiResolution", "UncroppedView"],
        *["MultiView", "PerView", "Shared", "RandomApply", "RandomOrder", "RandomChoice"],
        *["reference", "alpha=0.6", "DecoupledPair"],
    ],
)
def test_policies_come_in_every_form(word, some_policies):
    assert occurs(lambda policy: word in policy, some_policies, testing.joint_policies().map(repr))
