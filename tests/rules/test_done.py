"""A transform planned once more with what was drawn for it gives the same instructions."""

import pytest
import torch
from torchvision.transforms import v2

from jointaug import Addresses, JointBlur, JointColor, JointCrop, PerView, Shared, UncroppedView, fuse
from jointaug.functional import solarize
from jointaug.rules import ROWS, RULES, Draws, View, done, register

IMAGES = torch.randint(0, 256, (4, 3, 20, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))

STEPS = [
    *(v2.RandomResizedCrop(8), v2.RandomCrop(12, padding=2), v2.RandomHorizontalFlip(), v2.ColorJitter(0.4, 0.4)),
    *(v2.RandomGrayscale(), v2.GaussianBlur(3), v2.RandomErasing(), v2.RandAugment(), v2.Resize(10), UncroppedView(9)),
    *(v2.RandomSolarize(100.0), v2.Compose([JointCrop(8), JointBlur(), JointColor()]), v2.Lambda(torch.neg)),
]


def same(a, b):
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and torch.equal(a, b)
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b or callable(a)


def again(view, source):
    """The view, planned from its history."""
    for drawn in view.history:
        draws = Draws(None, [])
        source = done(drawn.transform, source, drawn.params, draws).after(drawn, source)
    return source


@pytest.mark.filterwarnings("ignore:fuse has no rule")
@pytest.mark.parametrize("step", STEPS, ids=lambda step: type(step).__name__)
def test_the_same_instructions(step):
    plan = fuse(step).make_params(IMAGES, addresses=Addresses(0, 0, torch.arange(4)))
    for view in plan.views:
        start = View(0, 20, 28, 3, torch.uint8, torch.device("cpu"), 4)
        repeated = again(view, start)
        assert len(repeated.program) == len(view.program) > 0
        for one, other in zip(repeated.program, view.program, strict=True):
            assert type(one) is type(other)
            assert same(getattr(one, "boxes", None), getattr(other, "boxes", None))
            assert same(getattr(one, "parameters", None), getattr(other, "parameters", None))
            assert same(one.where, other.where) if hasattr(one, "where") else True


class Veiled(v2.Transform):
    pass


def test_a_rule_that_draws_by_itself_is_given_its_rows_again():
    @register(Veiled)
    def rule(transform, view, draws):
        (u,), (w,) = draws.row(1), draws.step(1).row(1)
        return view.step(solarize, u * w)

    try:
        fused = fuse(v2.Compose([JointCrop(8), PerView(Veiled()), Shared(Veiled())]))
        plan = fused.make_params(IMAGES, addresses=Addresses(0, 0, torch.arange(4)))
        (first, _), drawn = plan.views[0].program[1:], plan.views[0].history[1]
        assert len(drawn.params[ROWS]) == 2
        again = done(
            drawn.transform, View(0, 8, 8, 3, torch.uint8, torch.device("cpu"), 4), drawn.params, Draws(None, [])
        )
        assert torch.equal(again.program[0].parameters[0], first.parameters[0])
    finally:
        RULES.pop(Veiled)
