"""Plans as data: rows of a batch, and views of which each image takes one branch."""

import copy
import pickle

import pytest
import torch
from torchvision.transforms import v2

from jointaug import Address, Addresses, JointCrop, PerView, Shared, fuse, views_at
from jointaug.fusion._plan import chosen_view, masked
from jointaug.rules import View

CPU = torch.device("cpu")


def view(height=8, width=8, **changes):
    return View(0, height, width, **{"channels": 3, "dtype": torch.uint8, "device": CPU, "count": 4, **changes})


def boxes(*box):
    return torch.tensor(box).expand(4, 4)


def test_each_image_has_the_box_of_its_branch():
    """Boxes are chosen before the one crop; nothing runs twice."""
    start, where = view(), torch.tensor([True, False, True, False])
    whole, corner = start.cut(boxes(0, 0, 8, 8), (4, 4), "bilinear"), start.cut(boxes(1, 2, 3, 4), (4, 4), "bilinear")
    chosen = chosen_view(start, [corner, whole], [where, ~where])
    (cut,) = chosen.program
    assert cut.boxes.tolist() == [[1, 2, 3, 4], [0, 0, 8, 8]] * 2


def test_what_one_branch_does_is_masked_and_kinds_that_differ_are_unknown():
    start, where = view(), torch.tensor([True, False, True, False])
    flipped = start.step(torch.flip)
    (step,) = masked(start, flipped, where).program
    assert step.where is where
    assert masked(start, start.step(torch.flip, where=~where), where).program[0].where.tolist() == [False] * 4
    assert masked(start, view(kind=None), where).kind is None


@pytest.mark.parametrize("other", [view(9), view(dtype=torch.float32), view(channels=1)])
def test_branches_that_cannot_become_one_batch_are_refused(other):
    where = torch.ones(4, dtype=torch.bool)
    with pytest.raises(ValueError, match="random choice must give images of one size, dtype and number of channels"):
        masked(view(), other, where)


@pytest.mark.filterwarnings("ignore:fuse has no rule")
def test_a_plan_is_data():
    """It can be copied and kept, and gives the same views."""
    fused = fuse(v2.Compose([JointCrop(8), PerView(v2.RandomRotation(0)), Shared(v2.RandomInvert())]))
    images = torch.rand(4, 3, 20, 20)
    plan = fused.make_params(images)
    expected = fused.transform(images, plan)
    plans = [copy.deepcopy(fuse(JointCrop(8)).make_params(images)), plan]
    assert all(torch.equal(a, b) for a, b in zip(fused.transform(images, plans[1]), expected, strict=True))
    crops = fuse(JointCrop(8))
    again = pickle.loads(pickle.dumps(crops.make_params(images, addresses=Addresses(0, 0, torch.arange(4)))))
    for a, b in zip(
        crops.transform(images, again), crops(images, addresses=Addresses(0, 0, torch.arange(4))), strict=True
    ):
        assert torch.equal(a, b)


@pytest.mark.parametrize("other", [v2.Pad(2), v2.ToDtype(torch.float64, scale=True), v2.Grayscale(1)])
def test_what_was_not_chosen_and_would_change_an_images_form_leaves_no_trace(other):
    """One image has the form of its branch; a step that is left out between two others would round its levels."""

    def between(step):
        return v2.Compose([v2.ColorJitter(0.6), v2.RandomApply([step], p=0.0), v2.ColorJitter(0.6)])

    image = torch.randint(0, 256, (3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    for i in range(8):
        with_it, without = (fuse(between(step))(image, addresses=Address(0, 0, i)) for step in (other, v2.Identity()))
        assert torch.equal(with_it, without)


@pytest.mark.parametrize("inside", [[v2.RandomVerticalFlip(1.0), v2.RandomResizedCrop(24)], [v2.RandomResizedCrop(24)]])
def test_one_images_random_steps_may_crop_anywhere(inside):
    """A crop behind another step cannot stand under a mask, where the image keeps its size, too."""
    pipeline = v2.RandomApply(inside, p=0.5)
    image = torch.rand(3, 24, 24, generator=torch.Generator().manual_seed(0))
    kept = 0
    for index in range(8):
        address = Address(0, 0, index)
        ours, theirs = views_at(fuse(pipeline), address, image), views_at(pipeline, address, image)
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
        kept += torch.equal(ours, image)
    assert 0 < kept < 8
