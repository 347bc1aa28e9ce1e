"""How a step gets its views of a source: on the device that holds the pixels, or in DataLoader workers.

Both augment by `fuse` at the images' addresses, so both give the same views.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from jointaug import Addresses, fuse
from jointaug.chance import named_step

from .settings import Settings
from .sources import Images, Pixels, Source, in_memory

PARTNER = named_step("views of a positive") & 0xFFFFFFFF  # the draw at which `jointaug.neighbors` serves them


@dataclass(frozen=True)
class Request:
    """The images of one pass.

    Attributes:
        index: their rows, int64 ``[B]``.
        partners: the rows of their positives, where a method asks for views of them.
        boxes: ``[B, 4]``, where their crops are put (`jointaug.ContrastiveCrop`).
    """

    epoch: int
    index: Tensor

    partners: Tensor | None = None

    boxes: Tensor | None = None


def together(requests: Sequence[Request], device: torch.device) -> list[Request]:
    """The same requests on a device, for which the host waits once, not for each.

    All or none of them have partners, and boxes.
    """

    def moved(rows: list[Tensor | None]) -> Sequence[Tensor | None]:
        given = [row for row in rows if row is not None]
        return torch.cat(given).to(device).split([len(row) for row in given]) if given else rows

    columns = zip(*((r.index, r.partners, r.boxes) for r in requests), strict=True)
    rows: Any = zip(*map(moved, map(list, columns)), strict=True)
    return [Request(request.epoch, *row) for request, row in zip(requests, rows, strict=True)]


@dataclass(frozen=True)
class Served:
    """The views of a request, on the device.

    Attributes:
        partners: views of the images' positives, where they were asked for.
        originals: the images themselves ``[B, 3, h, w]``, as large as their views, where these are compared with them.
    """

    index: Tensor
    views: list[Tensor]
    partners: list[Tensor]
    originals: Tensor | None = None

    def to(self, device: torch.device) -> Served:
        """The same, on a device; pinned memory is copied while both work on."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> Served:
        """In memory that a GPU copies from while it works."""
        return self._each(Tensor.pin_memory)

    def _each(self, change: Callable[[Tensor], Tensor]) -> Served:
        views, partners = ([change(view) for view in several] for several in (self.views, self.partners))
        originals = None if self.originals is None else change(self.originals)
        return Served(change(self.index), views, partners, originals)


class Feed(Protocol):
    """Makes the views of requests, in their order."""

    def __call__(self, requests: Sequence[Request]) -> Iterator[Served]:
        """The views of each request."""


class Augment(Dataset[Served]):
    """Requests to views, by `fuse`, at the images' addresses.

    Args:
        source: of the images.
        pipeline: makes their views.
        seed: of the addresses.
        original: makes what the views are compared with, one of each image, without chance; None: nothing.
    """

    def __init__(
        self, source: Source, pipeline: Callable[..., Any], seed: int, original: Callable[..., Any] | None = None
    ) -> None:
        self.source, self.fused, self.seed = source, fuse(pipeline), seed
        self.original = None if original is None else fuse(original)

    def __getitem__(self, request: Request) -> Served:
        addresses, images = Addresses(self.seed, request.epoch, request.index), self._images(request.index)
        views = self.fused(images, addresses=addresses, crop_boxes=request.boxes)
        originals = None if self.original is None else self.original(images)
        if request.partners is None:
            return Served(request.index, views, [], originals)
        beside = Addresses(self.seed, request.epoch, request.index, PARTNER)
        return Served(request.index, views, self.fused(self._images(request.partners), addresses=beside), originals)

    def _images(self, index: Tensor) -> Tensor | list[Tensor]:
        if isinstance(self.source, Pixels):
            return self.source.images[index]
        images = [self.source[i] for i in index.tolist()]
        return torch.stack(images) if len({image.shape for image in images}) == 1 else images


class DeviceFeed:
    """Views of images in the device's memory, made there."""

    def __init__(self, augment: Augment, device: torch.device) -> None:
        self.augment, self.device = augment, device

    def __call__(self, requests: Sequence[Request]) -> Iterator[Served]:
        """The views of each request."""
        for request in together(requests, self.device):
            yield self.augment[request]


class LoaderFeed:
    """Views of images that DataLoader workers decode and augment; the workers live on from epoch to epoch."""

    def __init__(self, augment: Augment, device: torch.device, workers: int) -> None:
        self.device, self._requests = device, _Requests()
        self.loader: DataLoader[Served] = DataLoader(
            augment,
            batch_size=None,  # a request is a batch
            sampler=self._requests,
            num_workers=workers,
            persistent_workers=True,
            pin_memory=device.type == "cuda",
            worker_init_fn=_leave_signals_to_the_parent,
            generator=torch.Generator(),  # of its own: torch's global one stays as it is
        )

    def __call__(self, requests: Sequence[Request]) -> Iterator[Served]:
        """The views of each request."""
        self._requests.now = requests
        try:
            for served in self.loader:
                yield served.to(self.device)
        except ValueError as error:  # a worker's: its traceback, and the message in the last line
            raise ValueError(str(error).strip().splitlines()[-1].removeprefix("ValueError: ")) from error


class _Requests:
    """A sampler of whatever is asked for next."""

    now: Sequence[Request] = ()

    def __iter__(self) -> Iterator[Request]:
        return iter(self.now)

    def __len__(self) -> int:
        return len(self.now)


def feed(
    source: Source,
    pipeline: Callable[..., Any],
    seed: int,
    device: torch.device,
    *,
    workers: int,
    original: Callable[..., Any] | None = None,
) -> Feed:
    """Views of a source, and originals as of `Augment`: by workers of a DataLoader, or 0, from the device's memory.

    Raises:
        TypeError: for images that are not in memory and no workers.
    """
    if workers:
        return LoaderFeed(Augment(source, pipeline, seed, original), device, workers)
    if isinstance(source, Images):
        raise TypeError("workers must be at least 1 for images that are not in memory; call in_memory(source) first")
    return DeviceFeed(Augment(source.to(device), pipeline, seed, original), device)


def _leave_signals_to_the_parent(_: int) -> None:
    """Ctrl-C reaches every process of a terminal; only the first shall answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def placed(source: Source, settings: Settings, device: torch.device) -> Source:
    """A source as a run takes it: in the device's memory, shrunk before if it says so, or for workers to decode."""
    s = settings
    if s.workers:
        return source
    if s.stored is not None and isinstance(source, Images):
        source = source.prepared(v2.Compose([v2.Resize(s.stored), v2.CenterCrop(s.stored)]))
    return in_memory(source).to(device)
