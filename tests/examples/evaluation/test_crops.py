"""Center and random crops against torchvision's own transforms, on a network that hands on what it sees."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision.transforms import v2
from trainer.evaluation import crops


class Kept(nn.Module):
    """A classifier that keeps what it is given, and calls everything class 0."""

    def __init__(self):
        super().__init__()
        self.given = []

    def forward(self, x):
        self.given.append(x)
        return torch.tensor([1.0, 0.0, 0.0]).expand(len(x), 3)


NAMES = ["center", "RandomResizedCrop(0.2, 1)", "RandomResizedCrop(0.08, 1)", "RandomCrop"]


def test_center_is_resize_256_and_center_crop_224(seeing, noise):
    """In proportion: 9 and 8. Within 1.25 levels of torchvision on bytes, where it clips bicubic."""
    head = Kept()
    found = crops.crop_accuracies(seeing, head, noise)
    assert list(found) == NAMES
    assert found["center"] == [pytest.approx(100 / 3)]
    resized = v2.Resize(9, v2.InterpolationMode.BICUBIC)(noise.source.images) / 255
    theirs = v2.Compose([v2.CenterCrop(8), v2.Normalize(seeing.mean, seeing.std)])(resized)
    torch.testing.assert_close(head.given[0], theirs.flatten(1), rtol=0, atol=1.25 / 255 / min(seeing.std))


def test_each_random_crop_is_drawn_three_times_by_address(seeing, noise):
    head, again, other = Kept(), Kept(), Kept()
    found = crops.crop_accuracies(seeing, head, noise)
    assert [len(found[name]) for name in NAMES] == [1, 3, 3, 3]
    crops.crop_accuracies(seeing, again, noise)
    crops.crop_accuracies(seeing, other, noise, seed=1)
    assert all(torch.equal(a, b) for a, b in zip(head.given, again.given, strict=True))
    assert torch.equal(head.given[0], other.given[0])  # the center has no chance
    draws = [*head.given[1:], *other.given[1:]]
    assert not any(torch.equal(a, b) for i, a in enumerate(draws) for b in draws[:i])


def test_a_random_crop_is_a_piece_of_the_squeezed_image(seeing, noise):
    """RandomCrop(8) of 9 x 9 has four places; each view is one of the four pieces, to a level of uint8."""
    head = Kept()
    crops.crop_accuracies(seeing, head, noise)
    square = v2.Resize((9, 9))(noise.source.images.float() / 255)
    places = [square[:, :, y : y + 8, x : x + 8] for y in (0, 1) for x in (0, 1)]
    normalized = torch.stack([v2.functional.normalize(p, seeing.mean, seeing.std).flatten(1) for p in places])
    for view in head.given[-3:]:
        distance = (view - normalized).abs().amax(2)  # [4, 30]
        assert distance.amin(0).max() < 1 / 255 / min(seeing.std)
        assert len(set(distance.argmin(0).tolist())) == 4


def test_what_no_crop_can_hide_is_always_found(seeing, noise):
    """Images of one color, and a classifier by color: right in every crop."""
    pixels = (80 * noise.labels[:, None, None, None] + 20).to(torch.uint8).expand(30, 3, 24, 20).contiguous()
    noise.source.images.copy_(pixels)

    def by_color(x):
        mean = seeing.std[0] * x[:, 0] + seeing.mean[0]
        return -(255 * mean[:, None] - torch.tensor([20.0, 100.0, 180.0])).abs()

    assert all(value == 100 for values in crops.crop_accuracies(seeing, by_color, noise).values() for value in values)


def test_a_crop_has_the_areas_of_its_name():
    steps = crops.crops(224)
    assert [steps[f"RandomResizedCrop({low:g}, 1)"][-1].scale for low in (0.2, 0.08)] == [(0.2, 1.0), (0.08, 1.0)]
    assert {name: (of[0].size, tuple(of[-1].size)) for name, of in steps.items()} == {
        name: ([256] if name == "center" else [256, 256], (224, 224)) for name in NAMES
    }
