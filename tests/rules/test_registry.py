"""Which rule a transform has: its exact type's, and none for what it is set up to do and no kernel can."""

import pytest
import torch
from torchvision.transforms import InterpolationMode, v2

from jointaug import ContrastiveCrop, JointCrop, fuse
from jointaug.rules import RULES, register, rule_of


class Own(v2.RandomHorizontalFlip):
    pass


@pytest.mark.parametrize(
    ("transform", "known"),
    [
        (v2.RandomHorizontalFlip(), True),
        (Own(), False),
        (v2.RandomRotation(9), False),
        (torch.nn.Identity(), False),
        (v2.RandomErasing(value=0), True),
        (v2.RandomErasing(value="random"), False),
        (v2.Resize(8, "bicubic"), True),
        (v2.Resize(8, InterpolationMode.LANCZOS), False),
        (v2.RandomResizedCrop(8, interpolation=4), False),  # Pillow's code of its box filter
        (JointCrop(8, interpolation="lanczos"), False),
        (ContrastiveCrop(8), True),
    ],
)
def test_a_rule_covers_its_type_as_far_as_kernels_go(transform, known):
    assert (rule_of(transform) is not None) == known


def test_register_teaches_a_type_and_gives_the_rule_back():
    def rule(transform, view, draws):
        return view

    try:
        assert register(Own)(rule) is rule
        assert rule_of(Own()) is rule
        assert rule_of(v2.RandomHorizontalFlip()) is not rule
    finally:
        RULES.pop(Own)


@pytest.mark.parametrize("wrong", [Own(), "Own", None])
def test_what_is_no_type_is_refused(wrong):
    with pytest.raises(TypeError, match=r"register takes types of transforms, got .*; write @register\(MyTransform\)"):
        register(wrong)


@pytest.mark.parametrize("result", [None, torch.zeros(1)])
def test_a_rule_that_returns_no_view_is_named(result):
    """A forgotten ``return`` is the usual slip."""
    register(Own)(lambda transform, view, draws: result)
    try:
        with pytest.raises(TypeError, match=r"the rule of Own\(p=0.5\) must return a view, got .*; end it with return"):
            fuse(Own())(torch.zeros(2, 3, 8, 8))
    finally:
        RULES.pop(Own)


def test_a_warning_says_how_a_transform_with_a_rule_is_set_up():
    with pytest.warns(UserWarning, match=r"no rule for Resize\(size=\[8\], interpolation=InterpolationMode.LANCZOS"):
        fuse(v2.Resize(8, InterpolationMode.LANCZOS))
