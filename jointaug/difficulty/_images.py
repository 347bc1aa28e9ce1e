"""Images of data sets and folders: as tensors, in batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F

from .._validate import integer
from ..image_files import image_files, read_image
from ..loading import Indexed
from ..views import Views


class ImageTensors(Dataset[Tensor]):
    """The images of a data set's samples, as tensors ``[C, H, W]``."""

    def __init__(self, samples: Indexed) -> None:
        self._samples = samples

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> Tensor:
        sample = self._samples[index]
        if isinstance(sample, Mapping):
            sample = _image_in(sample, index)
        elif isinstance(sample, (tuple, list)) and sample and not isinstance(sample, Views):
            sample = sample[0]
        if isinstance(sample, PIL.Image.Image):
            pixels: Tensor = F.pil_to_tensor(sample)
            return pixels
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


def _image_in(sample: Mapping[str, Any], index: int) -> Any:
    """The one image of a dictionary: an explicit one, else the one plain tensor of three dimensions."""
    explicit = [key for key, value in sample.items() if isinstance(value, (PIL.Image.Image, tv_tensors.Image))]
    plain = [key for key, value in sample.items() if type(value) is Tensor and value.ndim == 3]
    keys = explicit or plain
    if len(keys) != 1:
        several = (
            f"several under {', '.join(map(repr, keys))}" if keys else f"none under {', '.join(map(repr, sample))}"
        )
        raise TypeError(
            f"images[{index}] must hold one image (a PIL image or a tensor [C, H, W]), got {several}; give a data set "
            "of that image alone, or of tuples that begin with it"
        )
    return sample[keys[0]]


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


class Batches:
    """Images of a tensor or a data set, batch by batch."""

    def __init__(self, images: Any, batch_size: int, workers: int) -> None:
        if isinstance(images, Tensor) and images.ndim != 4:
            raise ValueError(
                f"images must be a tensor [N, C, H, W] or a data set, got a tensor of shape {tuple(images.shape)}; "
                "write image[None] for one image"
            )
        if not hasattr(images, "__getitem__") or not hasattr(images, "__len__") or isinstance(images, (str, Mapping)):
            raise TypeError(
                "images must be a tensor [N, C, H, W], a list of images or a map-style data set (with __getitem__ and "
                f"__len__), got {type(images).__name__}; an iterable one has no index to address"
            )
        if len(images) == 0:
            raise ValueError(f"images must hold at least one, got an empty {type(images).__name__}; check its folder")
        self._images, self._batch_size = images, batch_size
        self._workers = integer("workers", workers, low=0, rule="an integer of at least 0")

    def __len__(self) -> int:
        return len(self._images)

    def on(self, device: torch.device) -> Iterator[tuple[int, Any]]:
        """Index of the first image, and a tensor ``[B, C, H, W]`` or a list of tensors ``[C, H, W]``, on the device."""
        if isinstance(self._images, Tensor):
            for start, batch in zip(
                range(0, len(self), self._batch_size), torch.split(self._images, self._batch_size), strict=True
            ):
                yield start, batch.to(device, non_blocking=True)
            return
        loader = DataLoader(
            ImageTensors(self._images),
            self._batch_size,
            num_workers=self._workers,
            collate_fn=list,
            pin_memory=device.type == "cuda",
            generator=torch.Generator(),  # else the loader would take a number from the global one
        )
        start = 0
        for images in loader:
            if len({image.shape for image in images} | {image.dtype for image in images}) == 2:
                yield start, torch.stack(images).to(device, non_blocking=True)
            else:
                yield start, [image.to(device, non_blocking=True) for image in images]
            start += len(images)


def fitted(image: Tensor, channels: int, size: int) -> Tensor:
    """``[C, H, W]`` to ``[channels, size, size]``: the shorter side resized, the center kept, gray repeated."""
    if image.shape[0] not in (1, channels):
        raise ValueError(f"images must have {channels} channels, or one, got shape {tuple(image.shape)}; convert them")
    fit: Tensor = F.center_crop(F.resize(image, [size], antialias=True), [size, size])
    return fit.expand(channels, -1, -1)
