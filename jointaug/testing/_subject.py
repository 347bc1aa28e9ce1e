"""What `check_transform` looks at: a transform, its sample, and the calls of the one on the other."""

from __future__ import annotations

import copy
from functools import cached_property
from typing import Any, Final

import torch
from torch import Tensor
from torch.utils._pytree import tree_map
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F

from ..chance import Address, Addresses
from ..fusion import Fused, fuse
from ..pipeline import views_at
from ..views import IMAGES, Views
from ._difference import laid_out

BATCH: Final = 4
ALONG: Final = (tv_tensors.Mask, tv_tensors.BoundingBoxes, tv_tensors.KeyPoints)


class Subject:
    """A transform and the sample that it is called on, of which each call gets a copy.

    Args:
        transform: any.
        sample: as it takes it.
        tolerance: by how much fused pixels may differ.
        seed: of all addresses, and of the generator's states.
    """

    def __init__(self, transform: Any, sample: tuple[Any, ...], tolerance: float, seed: int) -> None:
        self.transform, self.sample, self.tolerance, self.seed = transform, sample, tolerance, seed
        self.image = image_of(sample)

    def given(self) -> tuple[Any, ...]:
        """A copy of the sample."""
        return copy.deepcopy(self.sample)

    def at(self, index: int, *sample: Any, transform: Any = None) -> Any:
        """The result at an address, image by image; of the transform and the sample, where no other is given."""
        sample = sample or self.given()
        return views_at(self.transform if transform is None else transform, Address(self.seed, 0, index), *sample)

    def fresh(self, number: int) -> Any:
        """The result from torch's generator in a state of that number."""
        torch.manual_seed(self.seed + number)
        return self.transform(*self.given())

    @cached_property
    def fused(self) -> Fused:
        """The transform for batches."""
        return fuse(self.transform)

    def batch(self) -> list[Any]:
        """Copies of the sample for `fuse`; of an image alone, its mirror images, so that a swap of two shows."""
        sample = self._in_float
        if len(sample) == 1 and isinstance(sample[0], Tensor):
            image = sample[0]
            upside_down = F.vertical_flip(image)
            return [copy.deepcopy(image), F.horizontal_flip(image), upside_down, F.horizontal_flip(upside_down)]
        return [copy.deepcopy(sample if len(sample) > 1 else sample[0]) for _ in range(BATCH)]

    @cached_property
    def _in_float(self) -> tuple[Any, ...]:
        """The sample with uint8 tensors in floating point, if the transform takes that."""
        sample = tuple(tree_map(_in_float, item) for item in self.given())
        try:
            self.at(0, *copy.deepcopy(sample))
        except (TypeError, ValueError, RuntimeError):  # v2.JPEG is one
            return self.sample
        return sample

    def addresses(self, *indices: int) -> Addresses:
        """Of images of the batch; all of them, where none is named."""
        device = self.image.device if isinstance(self.image, Tensor) else "cpu"
        return Addresses(self.seed, 0, torch.tensor(indices or range(BATCH), device=device))


def _in_float(leaf: Any) -> Any:
    image = isinstance(leaf, Tensor) and not isinstance(leaf, ALONG) and leaf.ndim >= 3 and leaf.dtype == torch.uint8
    return F.to_dtype(leaf, torch.float32, scale=True) if image else leaf


def an_image() -> Tensor:
    """uint8 ``[3, 40, 56]``: waves and noise, so that no shift, flip, or swap of channels leaves it as it is."""
    y, x = torch.meshgrid(torch.linspace(0, 1, 40), torch.linspace(0, 1, 56), indexing="ij")
    waves = torch.stack([torch.sin(7 * x + 3 * y), torch.sin(5 * y - 4 * x * x), torch.cos(9 * x * y)])
    noise = torch.rand(waves.shape, generator=torch.Generator().manual_seed(0))
    return (127.5 * (1 + 0.8 * waves) + 51 * (noise - 0.5)).clamp(0, 255).to(torch.uint8)


def dense(image: Any) -> dict[str, Any]:
    """An image with two equal masks, boxes, key points and a label beside it."""
    height, width = F.get_size(image)
    top, left, bottom, right = height // 4, width // 5, 3 * height // 4, 2 * width // 3
    mask = torch.zeros(height, width, dtype=torch.uint8)
    mask[top:bottom, left:right] = 1
    corners = torch.tensor([[left, top], [right, bottom]], dtype=torch.float32)
    return {
        "image": image if isinstance(image, IMAGES) else tv_tensors.Image(image),
        "mask": tv_tensors.Mask(mask),
        "same mask": tv_tensors.Mask(mask.clone()),
        "boxes": tv_tensors.BoundingBoxes(corners.view(1, 4), format="XYXY", canvas_size=(height, width)),
        "keypoints": tv_tensors.KeyPoints(corners, canvas_size=(height, width)),
        "label": 7,
    }


def image_of(sample: Any) -> Any:
    """The image of a sample or of a view, as v2 finds it: an explicit one, else the first plain tensor.

    Raises:
        TypeError: if there is none.
    """
    flat = laid_out(sample)
    images = [leaf for leaf in flat if isinstance(leaf, IMAGES)]
    images += [leaf for leaf in flat if isinstance(leaf, Tensor) and not isinstance(leaf, tv_tensors.TVTensor)]
    if not images:
        raise TypeError(f"a sample must hold an image (a PIL image, a tensor), got {sample!r}; give one")
    return images[0]


def views_in(result: Any, *, beside: bool = True) -> list[Any] | None:
    """The views of a result, each with all its arguments; ``None`` where there are none.

    Args:
        result: of a transform.
        beside: whether an argument that has no views, such as a label, counts for each of them.
    """
    if isinstance(result, Views):
        return list(result)
    if isinstance(result, tuple) and any(isinstance(part, Views) for part in result):
        count = next(len(part) for part in result if isinstance(part, Views))
        counted = [part for part in result if beside or isinstance(part, Views)]
        return [tuple(part[k] if isinstance(part, Views) else part for part in counted) for k in range(count)]
    return None


def each(result: Any) -> list[Any]:
    """The views of a result, or the one result."""
    views = views_in(result)
    return [result] if views is None else views
