"""Plans and their work apart: what is drawn is asked for in one go, and is done on the batch that it was drawn for."""

import pytest
import torch
from torchvision.transforms import v2

from jointaug import Address, Addresses, JointCrop, MultiView, PerView, fuse
from jointaug.fusion import Record

IMAGES = torch.rand(4, 3, 20, 28, generator=torch.Generator().manual_seed(0))
ADDRESSES = Addresses(3, 1, torch.arange(4))
PIPELINE = v2.Compose([JointCrop(8), PerView(v2.RandomApply([v2.ColorJitter(0.4)], 0.5), v2.RandomGrayscale())])


@pytest.mark.parametrize("given", ["batch", "image"])
def test_after_the_first_plan_all_rows_are_asked_for_at_once(given, monkeypatch):
    """The crop's, RandomApply's, the jitter's and grayscale's: four calls, then one, and the same views."""
    kind = Addresses if given == "batch" else Address
    asked = []
    rows_at = kind.rows_at
    monkeypatch.setattr(
        kind, "rows_at", lambda self, positions: asked.append(len(positions)) or rows_at(self, positions)
    )
    fused = fuse(PIPELINE)
    call = {
        "batch": lambda: fused(IMAGES, addresses=ADDRESSES),
        "image": lambda: fused(IMAGES[0], addresses=Address(3, 1, 0)),
    }
    first = call[given]()
    assert asked == [1, 1, 1, 1]
    asked.clear()
    again = call[given]()
    assert asked == [4]
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


def test_a_plan_is_done_as_often_as_asked_and_on_its_own_batch():
    fused = fuse(PIPELINE)
    plan = fused.make_params(IMAGES, addresses=ADDRESSES)
    expected = fused(IMAGES, addresses=ADDRESSES)
    for _ in range(2):
        assert all(torch.equal(a, b) for a, b in zip(fused.transform(IMAGES, plan), expected, strict=True))
    with pytest.raises(ValueError, match="params were made for another batch"):
        fused.transform(IMAGES[:2], plan)
    with pytest.raises(TypeError, match="params must come from make_params, got dict"):
        fused.transform(IMAGES, {})


def test_a_plan_of_one_image_has_the_draws_of_the_batch():
    """In numbers and in tensors: boxes to the pixel, factors to 4 units in the last place."""
    fused = fuse(PIPELINE)
    batch = fused.make_params(IMAGES, addresses=ADDRESSES)
    _, alone = fused(IMAGES[2], addresses=Address(3, 1, 2), record=True)
    assert isinstance(alone, Record)
    assert torch.equal(alone.maps, fused.record(batch)[2].maps)


@pytest.mark.parametrize("given", ["batch", "list", "one"])
def test_views_lie_in_memory_of_their_own(given):
    """Where nothing is done to an image, a view is a copy: a step in place on one is seen nowhere else."""
    images = torch.rand(2, 3, 6, 6)
    batch = {"batch": images, "list": list(images), "one": images[0]}[given]
    views = fuse(MultiView(v2.Identity(), v2.Identity()))(batch)
    kept = images.clone()
    views[0].zero_()
    assert torch.equal(images, kept)
    assert views[1].all()
    views[1].zero_()
    assert torch.equal(images, kept)
