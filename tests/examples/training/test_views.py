"""The pipelines of the settings: how many views, of which size, and who shares what."""

from __future__ import annotations

import pytest
import torch
from PIL import ImageOps
from torchvision.transforms.v2 import functional as F
from training.data import Augment, Pixels, Request
from training.settings import Settings
from training.views import BoxCrop, pipeline, plain_view, whole_view

from jointaug import Addresses, ContrastiveCrop, JointCrop, fuse
from jointaug.fusion import leaves

QUIET = {"flip": 0.0, "jitter_p": 0.0, "gray": 0.0, "mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
N = 6


def served(settings: Settings, views: int = 2, images: torch.Tensor | None = None, **request: torch.Tensor):
    if images is None:
        images = torch.randint(0, 256, (N, 3, 40, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    augment = Augment(Pixels(images, None), pipeline(settings, views), seed=0)
    return augment[Request(0, torch.arange(len(images)), **request)].views


@pytest.mark.parametrize(
    ("given", "views", "sides"),
    [
        ({}, 2, [32, 32]),
        ({}, 1, [32]),
        ({}, 4, [32] * 4),
        ({"original": True}, 3, [32] * 3),
        ({"crop": "joint", "original": True}, 3, [32] * 3),
        *(({"crop": crop}, 2, [32, 32]) for crop in ("joint", "decoupled", "reference", "contrastive")),
        ({"crop": "center_suppressed", "alpha": 0.6}, 2, [32, 32]),
        ({"locals": 3, "local_size": 16}, 2, [32, 32, 16, 16, 16]),
        ({"crop": "joint", "locals": 4, "local_size": 16}, 2, [32, 32, 16, 16, 16, 16]),
        ({"sizes": (32, 24)}, 2, [32, 24, 32, 24]),
        ({"sizes": (32, 24), "share_box": True}, 2, [32, 24, 32, 24]),
        ({"joint_blur": True, "blur_p": (1.0, 0.5)}, 2, [32, 32]),
        ({"joint_color": True}, 2, [32, 32]),
        ({"joint_choice": True, "crop": "joint", "blur_p": 0.5}, 2, [32, 32]),
        ({"color_first": True}, 2, [32, 32]),
        ({"blur_p": (1.0, 0.1), "solarize": (0.0, 0.2)}, 2, [32, 32]),
        ({"randaugment": (2, 9)}, 2, [32, 32]),
    ],
)
def test_the_views_are_as_many_and_as_large_as_the_settings_say(given, views, sides):
    found = served(Settings(size=32, **given), views)
    assert [view.shape for view in found] == [(N, 3, side, side) for side in sides]
    assert all(view.dtype == torch.float32 for view in found)
    again = served(Settings(size=32, **given), views)
    assert all(torch.equal(view, other) for view, other in zip(found, again, strict=True))


def test_an_original_is_the_whole_image():
    images = torch.randint(0, 256, (N, 3, 32, 32), dtype=torch.uint8)
    first, *crops = served(Settings(size=32, original=True, **QUIET), 3, images)
    torch.testing.assert_close(first, images.float() / 255, rtol=0, atol=1e-5)
    assert all((crop - first).abs().mean() > 0.01 for crop in crops)


def test_solarize_inverts_what_is_bright():
    """As Pillow's, whose threshold of 128 the papers' code has; the crop is the whole image."""
    images = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(N, 3, 16, 16).contiguous()
    settings = Settings(size=16, scale=(1.0, 1.0), solarize=(0.0, 1.0), **QUIET)
    first, second = served(settings, images=images)
    torch.testing.assert_close(first * 255, images.float(), rtol=0, atol=1e-3)
    wanted = ImageOps.solarize(F.to_pil_image(images[0]))
    torch.testing.assert_close(second[0] * 255, F.pil_to_tensor(wanted).float(), rtol=0, atol=1e-3)


def test_where_center_suppressed_crops_are():
    """Beta(.6, .6) by default: more of them lie at the borders than of uniform ones."""
    for crop in ("center_suppressed", "contrastive"):
        cut = next(step for step in leaves(pipeline(Settings(size=16, crop=crop))) if isinstance(step, JointCrop))
        assert cut.alpha == 0.6
    cut = next(
        step for step in leaves(pipeline(Settings(crop="center_suppressed", alpha=0.1))) if isinstance(step, JointCrop)
    )
    assert cut.alpha == 0.1


def test_local_crops_are_resampled_as_the_others():
    settings = Settings(size=32, crop="joint", locals=2, local_size=16, interpolation="bicubic")
    crops = [step for step in leaves(pipeline(settings)) if isinstance(step, JointCrop)]
    assert [(crop.size, crop.interpolation.value) for crop in crops] == [((32, 32), "bicubic"), ((16, 16), "bicubic")]


def constant(value: int) -> torch.Tensor:
    return torch.full((N, 3, 40, 40), value, dtype=torch.uint8)


def test_resolutions_of_a_view_share_its_color_and_views_do_not():
    """Images of one gray value: a view's color is its jitter's."""
    quiet = {**QUIET, "jitter": (0.8, 0.0, 0.0, 0.0), "jitter_p": 1.0}
    q32, q24, k32, k24 = served(Settings(size=32, sizes=(32, 24), **quiet), images=constant(100))
    levels = [view.mean((1, 2, 3)) for view in (q32, q24, k32, k24)]
    torch.testing.assert_close(levels[0], levels[1], rtol=0, atol=1e-5)
    torch.testing.assert_close(levels[2], levels[3], rtol=0, atol=1e-5)
    assert (levels[0] - levels[2]).abs().min() > 1e-4


def ramp() -> torch.Tensor:
    """Images whose red is the column and whose green is the row: a crop's mean tells its place."""
    line = torch.arange(120, dtype=torch.uint8) * 2
    red, green = line.expand(120, 120), line[:, None].expand(120, 120)
    return torch.stack([red, green, torch.zeros_like(red)]).expand(N, 3, 120, 120).contiguous()


def test_one_box_for_all_views_of_all_resolutions():
    settings = {"size": 32, "sizes": (32, 24), **QUIET}
    for share_box in (True, False):
        found = served(Settings(**settings, share_box=share_box), images=ramp())
        q32, q24, k32, _ = (view.mean((2, 3))[:, :2] * 127.5 for view in found)  # pixels
        assert (q32 - q24).abs().max() < 1.0
        apart = (q32 - k32).abs().amax(1)
        assert apart.max() < 1.0 if share_box else apart.min() > 1.0


def test_crops_lie_where_their_boxes_are():
    """Boxes of no width in the corners of the middle: a small crop's center is its box."""
    corners = torch.tensor([[0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75], [0.5, 0.5], [0.4, 0.6]])
    boxes = torch.cat([corners, corners + 1e-3], 1)
    settings = Settings(size=32, crop="contrastive", scale=(0.01, 0.02), alpha=0.6, **QUIET)
    for view in served(settings, images=ramp(), boxes=boxes):
        places = view.mean((2, 3))[:, :2] * 255 / 240  # of the ramp's 240 levels
        torch.testing.assert_close(places, corners, rtol=0, atol=0.02)


def test_without_boxes_a_contrastive_crop_is_that_of_the_library():
    images = ramp()
    ours, theirs = (fuse(kind(32, (0.2, 1.0), alpha=0.6)) for kind in (BoxCrop, ContrastiveCrop))

    for view, other in zip(
        *(f(images, addresses=Addresses(0, 0, torch.arange(N))) for f in (ours, theirs)), strict=True
    ):
        assert torch.equal(view, other)


def test_a_heat_map_sees_the_whole_image():
    """Boxes are shares of it: an image twice as wide as high keeps both its ends, which a test's view cuts off."""
    image = torch.zeros(3, 128, 256, dtype=torch.uint8)
    image[..., :32] = image[..., -32:] = 255
    settings = Settings(size=96, **QUIET)
    seen = whole_view(settings)(image)
    assert seen.shape == (3, 96, 96)
    assert seen[..., 2].min() == seen[..., -3].min() == 1.0
    assert seen[..., 48].max() == 0.0
    assert plain_view(settings)(image).max() == 0.0
