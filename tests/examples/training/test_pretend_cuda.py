"""The trainer's views on a pretended GPU: for those of no recipe the host waits, and for an epoch's indices once."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from pretrain import settings_of_recipe
from trainer.inputs.feed import Augment, DeviceFeed, Request
from trainer.inputs.settings import divided
from trainer.inputs.sources import Pixels
from trainer.inputs.views import pipeline
from trainer.methods import METHODS
from trainer.papers import RECIPES

from jointaug import Addresses, fuse

from ...pretend import CUDA, NEEDS_CUDA, here, pretending, there

pytestmark = NEEDS_CUDA
IMAGES = torch.randint(0, 256, (12, 3, 40, 36), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
INDEX = torch.arange(12)


def small_pipelines():
    """Those of all recipes at 16 px, each one once."""
    found = {}
    for name, recipe in RECIPES.items():
        settings, own = divided({key: value.value for key, value in settings_of_recipe(recipe).items()})
        sizes = tuple(16 - 4 * k for k in range(len(settings.sizes)))
        settings = replace(settings, size=16, sizes=sizes, local_size=8)
        views = own.get("m", 2) if settings.method == "wmse" else METHODS[settings.method].views
        made = pipeline(settings, views if isinstance(views, int) else 2)
        found.setdefault(repr(made), (name, made))
    return dict(found.values())


PIPELINES = small_pipelines()


@pytest.mark.parametrize("name", PIPELINES)
def test_the_views_of_a_recipe_are_the_cpus_and_no_host_waits(name):
    fused = fuse(PIPELINES[name])
    expected = fused(IMAGES, addresses=Addresses(2, 1, INDEX))
    with pretending() as waits:
        images, index = there((IMAGES, INDEX))
        found = fused(images, addresses=Addresses(2, 1, index))
    assert not waits
    for a, b in zip(here(list(found)), list(expected), strict=True):
        apart = (a - b).abs().amax((1, 2, 3))  # a pixel at an edge of solarize or of a level may fall elsewhere
        assert (apart < 1e-4).float().mean() >= 0.75, apart


def test_an_epochs_indices_are_moved_at_once():
    made = next(iter(PIPELINES.values()))
    boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0]]).expand(4, 4)
    requests = [Request(1, INDEX[k : k + 4], INDEX[k : k + 4].flip(0), boxes) for k in (0, 4, 8)]
    expected = list(DeviceFeed(Augment(Pixels(IMAGES, None), made, 2), torch.device("cpu"))(requests))
    with pretending() as waits:
        feed = DeviceFeed(Augment(Pixels(there(IMAGES), None), made, 2), CUDA)
        waits.clear()
        found = list(feed(requests))
    assert waits == {"copy to the device": 3}
    for a, b in zip(found, expected, strict=True):
        assert torch.equal(here(a.index), b.index)
        for view, other in zip([*a.views, *a.partners], [*b.views, *b.partners], strict=True):
            torch.testing.assert_close(here(view), other, atol=1e-4, rtol=0)
