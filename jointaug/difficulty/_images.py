"""Images of a data set, as tensors."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import PIL.Image
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms.v2 import functional as F

from ..image_files import image_files, read_image
from ..views import Views


class Images(Protocol):
    """A map-style data set or a list: images, or tuples that begin with one."""

    def __getitem__(self, index: int, /) -> Any:
        """The sample of that index."""

    def __len__(self) -> int:
        """How many there are."""


class Pictures(Dataset[Tensor]):
    """The images of a data set's samples, as tensors ``[C, H, W]``."""

    def __init__(self, samples: Images) -> None:
        self._samples = samples

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> Tensor:
        sample = self._samples[index]
        if isinstance(sample, (tuple, list)) and sample and not isinstance(sample, Views):
            sample = sample[0]
        if isinstance(sample, PIL.Image.Image):
            return F.pil_to_tensor(sample)  # type: ignore[no-any-return]
        if isinstance(sample, Tensor) and sample.ndim == 3:
            return sample.as_subclass(Tensor)
        if isinstance(sample, Views):
            hint = "give the data set without its pipeline, and the pipeline as a policy"
        elif isinstance(sample, np.ndarray):
            hint = "convert arrays with v2.ToImage()"
        else:
            hint = "give images, or tuples that begin with one"
        shape = f" of shape {tuple(sample.shape)}" if hasattr(sample, "shape") else ""
        raise TypeError(
            f"images[{index}] must be a PIL image or a tensor [C, H, W], got {type(sample).__name__}{shape}; {hint}"
        )


class ImageFiles(Dataset[PIL.Image.Image]):
    """The images in a folder and below it, in the order of their paths; ``mode`` is Pillow's, "RGB" or "L"."""

    def __init__(self, folder: Path, mode: str = "RGB") -> None:
        if not folder.is_dir():
            raise FileNotFoundError(f"images must be in a folder, got {str(folder)!r}, which is not there")
        self._paths = image_files(folder)
        self._mode = mode

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> PIL.Image.Image:
        return read_image(self._paths[index]).convert(self._mode)


def fitted(image: Tensor, channels: int, size: int) -> Tensor:
    """``[C, H, W]`` to ``[channels, size, size]``: the shorter side resized, the center kept, gray repeated."""
    if image.shape[0] not in (1, channels):
        raise ValueError(f"images must have {channels} channels, or one, got shape {tuple(image.shape)}; convert them")
    fit: Tensor = F.center_crop(F.resize(image, [size], antialias=True), [size, size])
    return fit.expand(channels, -1, -1)
