"""Columns of pairs: what the pixels show and what was drawn, each under its view."""

from __future__ import annotations

import pytest
import torch
from torchvision.transforms import v2

from jointaug import JointBlur, JointCrop, JointTransform, MultiView, PerView, Shared, UncroppedView
from jointaug.difficulty import sdf

from .cases import COLORS, PLAIN, mean_color


def coordinates(height=48, width=72):
    """An image whose pixels say where they are: x and y of their centers, in pixels."""
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    return torch.stack([x, y, torch.ones_like(x)])[None].double()


def crop_to(size, scale=(0.2, 1.0)):
    """Without antialiasing a resized ramp is a ramp, but for its border."""
    return v2.RandomResizedCrop(size, scale=scale, antialias=False)


JOINT = JointCrop(12, antialias=False)
GEOMETRIC = {
    "crop": JOINT,
    "flipped": v2.Compose([JOINT, PerView(v2.RandomHorizontalFlip(), v2.RandomVerticalFlip())]),
    "crop of a crop": v2.Compose([JOINT, PerView(v2.Compose([v2.RandomHorizontalFlip(), crop_to(6)]))]),
    "both flips, then a crop": v2.Compose(
        [JOINT, PerView(v2.Compose([v2.RandomVerticalFlip(1.0), v2.RandomHorizontalFlip(), v2.RandomCrop(7)]))]
    ),
    "before and after": v2.Compose([v2.CenterCrop((40, 60)), JOINT]),
    "whole": MultiView(UncroppedView(12, antialias=False), crop_to(12)),
    "uncropped": MultiView(v2.Identity(), v2.Identity()),
}


@pytest.mark.parametrize("name", GEOMETRIC)
def test_columns_say_what_the_pixels_show(name):
    shown: list[torch.Tensor] = []

    def encoder(views):
        """Notes center and size of what a view shows, from its pixels but for the outermost."""
        x, y = views[:, 0, 3], views[:, 1, :, 3]  # along a row, along a column
        middle = torch.stack([side[:, 1:-1].mean(1) for side in (x, y)], 1)
        extent = torch.stack(
            [(side[:, -2] - side[:, 1]).abs() * side.shape[1] / (side.shape[1] - 3) for side in (x, y)], 1
        )
        shown.append(torch.cat([middle, extent], 1) / torch.tensor([72, 48, 72, 48]))
        return torch.ones(len(views), 2)

    pairs = sdf(encoder, coordinates(), GEOMETRIC[name], draws=40).pairs
    first, second = torch.cat(shown).view(2, -1, 4)
    close = {"atol": 1e-5, "rtol": 0}
    torch.testing.assert_close(pairs["area1"], first[:, 2] * first[:, 3], **close)
    torch.testing.assert_close(pairs["area2"], second[:, 2] * second[:, 3], **close)
    torch.testing.assert_close(pairs["center_distance"], (first - second)[:, :2].norm(dim=1), **close)
    corners = [box[:, :2] - box[:, 2:] / 2 for box in (first, second)]
    torch.testing.assert_close(pairs["corner_distance"], (corners[0] - corners[1]).norm(dim=1), **close)


def test_draws_are_labelled_with_their_view():
    per_view = PerView(v2.RandomSolarize(0.5, p=1.0), v2.Compose([v2.RandomInvert(p=1.0), v2.RandomGrayscale(p=0.0)]))
    policy = v2.Compose([v2.RandomHorizontalFlip(1.0), JointCrop(8), JointBlur(), JointBlur(p=1.0), per_view])
    pairs = sdf(mean_color, COLORS + 0.1, policy).pairs
    named = {name: column for name, column in pairs.items() if "." in name}
    assert set(named) == {
        "RandomHorizontalFlip.applied1", "RandomHorizontalFlip.applied2", "JointCrop.area1", "JointCrop.area2",
        "JointBlur.sigma1", "JointBlur.sigma2", "JointBlur.applied1", "JointBlur.applied2",
        "JointBlur#2.sigma1", "JointBlur#2.sigma2", "JointBlur#2.applied1", "JointBlur#2.applied2",
        "RandomSolarize.applied1", "RandomInvert.applied2", "RandomGrayscale.applied2",
    }  # fmt: skip
    assert named["JointBlur#2.applied1"].all()
    assert not torch.equal(named["JointBlur.sigma1"], named["JointBlur#2.sigma1"])
    assert named["RandomInvert.applied2"].all()
    assert not named["RandomGrayscale.applied2"].any()
    shared = v2.Compose([JointCrop(8), Shared(v2.ColorJitter(0.4)), PerView(v2.ColorJitter(0.4))])
    pairs = sdf(mean_color, COLORS, shared).pairs
    assert torch.equal(pairs["ColorJitter.brightness_factor1"], pairs["ColorJitter.brightness_factor2"])
    assert not torch.equal(pairs["ColorJitter#2.brightness_factor1"], pairs["ColorJitter#2.brightness_factor2"])


def test_an_unknown_place_leaves_the_geometry_out():
    policy = v2.Compose([JointCrop(16), PerView(v2.Compose([v2.RandomEqualize(0.5), v2.RandomCrop(8)]))])
    pairs = sdf(mean_color, (COLORS * 255).to(torch.uint8), policy).pairs
    assert "iou" not in pairs
    assert "JointCrop.area1" in pairs


class Three(JointTransform):
    """Three views a row."""

    views = 3

    def __init__(self):
        super().__init__({})


BAD = {
    "one view": (mean_color, COLORS, UncroppedView(8), {}, ValueError, "got no views.*MultiView"),
    "three views": (
        mean_color,
        COLORS,
        {"a": MultiView(PLAIN, UncroppedView(8))},
        {},
        ValueError,
        r"policies\['a'\].*got 3 views",
    ),
    "three a row": (mean_color, COLORS, Three(), {}, ValueError, "got 3 views"),
    "no pipeline": (mean_color, COLORS, {"a": 3}, {}, TypeError, r"policies\['a'\] must be a pipeline"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments_are_named(name):
    encoder, images, policies, options, error, message = BAD[name]
    with pytest.raises(error, match=message):
        sdf(encoder, images, policies, **options)
