"""The tree of nodes that planning walks: looked up once, and again where a container holds something else."""

import copy
import pickle

import pytest
import torch
from torch import nn
from torchvision import transforms as v1
from torchvision.transforms import v2

from jointaug import Address, JointCrop, MultiView, PerView, Shared, fuse, views_at
from jointaug.rules import adapt

IMAGE = torch.rand(3, 24, 32, generator=torch.Generator().manual_seed(0))
HERE = Address(0, 0, 7)


def agree(pipeline, fused):
    """Whether the fused pipeline gives what a new one of the same pipeline gives."""
    kept, new = fused(IMAGE, addresses=HERE), fuse(pipeline)(IMAGE, addresses=HERE)
    if isinstance(kept, torch.Tensor):
        kept, new = (kept,), (new,)
    return len(kept) == len(new) and all(map(torch.equal, kept, new))


CONTAINERS = {
    "Compose": lambda t: v2.Compose(t),
    "v1.Compose": lambda t: v1.Compose(t),
    "RandomApply": lambda t: v2.RandomApply(t, p=1.0),
    "RandomApply of a ModuleList": lambda t: v2.RandomApply(nn.ModuleList(t), p=1.0),
    "RandomOrder": lambda t: v2.RandomOrder(t),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_step_added_to_a_container_is_seen(name):
    """As it is by v2, whose containers read their lists at every call."""
    container = CONTAINERS[name]([v2.RandomHorizontalFlip(1.0)])
    fused = fuse(v2.Compose([container, v2.ColorJitter(0.5)]))
    assert agree(fused.pipeline, fused)
    before = fused(IMAGE, addresses=HERE)
    container.transforms.append(v2.RandomVerticalFlip(1.0))
    assert agree(fused.pipeline, fused)
    assert torch.equal(fused(IMAGE, addresses=HERE), before.flip(-2))
    container.transforms[1] = v2.RandomInvert(1.0)
    assert agree(fused.pipeline, fused)


def test_a_step_added_to_a_sequential_is_seen():
    container = nn.Sequential(v2.RandomHorizontalFlip(1.0))
    fused = fuse(container)
    assert torch.equal(fused(IMAGE), IMAGE.flip(-1))
    container.append(v2.RandomVerticalFlip(1.0))
    assert torch.equal(fused(IMAGE), IMAGE.flip(-1, -2))


def test_other_branches_and_other_choices_are_seen():
    choice = v2.RandomChoice([v2.RandomHorizontalFlip(1.0), v2.Identity()], p=[1, 0])
    branches = MultiView(choice, v2.Identity())
    fused = fuse(v2.Compose([branches, PerView(v2.RandomInvert(0.5)), Shared(v2.RandomVerticalFlip(0.5))]))
    assert agree(fused.pipeline, fused)
    choice.transforms[0] = v2.RandomVerticalFlip(1.0)
    assert agree(fused.pipeline, fused)
    branches.transforms = (*branches.transforms, v2.RandomHorizontalFlip(1.0))
    assert len(fused(IMAGE)) == 3
    assert agree(fused.pipeline, fused)


def test_a_setting_is_read_at_every_call():
    flip, blur = v2.RandomHorizontalFlip(0.0), v1.GaussianBlur(3, (1.0, 1.0))
    fused = fuse(v2.Compose([flip, blur]))
    assert agree(fused.pipeline, fused)
    flip.p, blur.sigma = 1.0, (0.3, 0.3)  # v1's stands for one of v2 that is made anew
    assert agree(fused.pipeline, fused)


class Turned:
    """An image turned, by a class that nobody taught."""

    def __call__(self, image):
        return image.flip(-1, -2)


@pytest.mark.filterwarnings("ignore:fuse has no rule")
def test_what_is_taught_later_is_known():
    fused = fuse(v2.Compose([Turned(), v2.RandomInvert(0.5)]))
    first = fused(IMAGE, addresses=HERE)
    with pytest.MonkeyPatch.context() as patch:
        asked = []
        patch.setattr("jointaug._draws._adapt._ADAPTERS", {})

        @adapt(Turned)
        def as_v2(transform):
            asked.append(transform)
            return v2.Compose([v2.RandomHorizontalFlip(1.0), v2.RandomVerticalFlip(1.0)])

        again = fused(IMAGE, addresses=HERE)
    assert torch.equal(again, first)
    assert asked == [fused.pipeline.transforms[0]]


@pytest.mark.parametrize("recorded", ["fused", "image by image"])
def test_records_name_what_a_container_holds_now(recorded):
    pipeline = v2.Compose([JointCrop(16)])
    fused = fuse(pipeline)

    def record():
        return (fused(IMAGE, record=True) if recorded == "fused" else views_at(pipeline, HERE, IMAGE, record=True))[1]

    first = record()
    assert [step.path for step in first.steps[0]] == ["0.JointCrop"]
    before = first.pipeline
    pipeline.transforms.append(PerView(v2.RandomHorizontalFlip()))
    longer = record()
    assert [step.path for step in longer.steps[0]] == ["0.JointCrop", "1.PerView.RandomHorizontalFlip"]
    assert longer.pipeline != before
    pipeline.transforms[1] = PerView(v2.RandomVerticalFlip())
    assert [step.path for step in record().steps[1]] == ["0.JointCrop", "1.PerView.RandomVerticalFlip"]


def test_the_same_transform_at_two_places_draws_twice():
    jitter = v2.ColorJitter(0.5)
    pipeline = v2.Compose([JointCrop(16), PerView(v2.Compose([jitter, jitter]))])
    fused = fuse(pipeline)
    views = views_at(pipeline, HERE, IMAGE)
    for made, one in zip(fused(IMAGE, addresses=HERE), views, strict=True):
        assert torch.allclose(made, one, atol=1e-5)


def test_a_copy_and_a_pickle_walk_their_own():
    fused = fuse(v2.Compose([JointCrop(16), PerView(v2.ColorJitter(0.5))]))
    first = fused(IMAGE, addresses=HERE)
    for other in (copy.deepcopy(fused), pickle.loads(pickle.dumps(fused))):
        assert all(map(torch.equal, other(IMAGE, addresses=HERE), first))
        other.pipeline.transforms.pop()
        assert agree(other.pipeline, other)
    assert all(map(torch.equal, fused(IMAGE, addresses=HERE), first))
