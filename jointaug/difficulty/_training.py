"""Training of a score network, as NCSN does it (Song and Ermon 2019, https://arxiv.org/abs/1907.05600)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from .._validate import integer, number
from ..chance import Addresses, named_step
from ..loading import Indexed
from ._chance import uniform_tensor
from ._checkpoints import read, require_same, write
from ._images import ImageFiles, ImageTensors, fitted
from ._matching import dsm_loss
from ._network import ScoreNetwork
from ._passes import bar_of


def train_score(
    net: ScoreNetwork,
    images: Tensor | Indexed | str | os.PathLike[str],
    *,
    steps: int,
    batch_size: int = 128,
    learning_rate: float = 1e-3,
    seed: int = 0,
    checkpoint: str | os.PathLike[str] | None = None,
    save_every: int = 1000,
    workers: int = 0,
    progress: bool = False,
) -> Tensor:
    """Train a score network in place, as NCSN does: Adam, random flips, uint8 dequantized uniformly.

    All chance is addressed by (seed, epoch, index), so a run that goes on from its checkpoint comes to the numbers of
    one that was never interrupted (with the same number of threads). NCSN takes 200,000 steps of 128 images.

    Args:
        net: trained where it is; left in eval mode.
        images: a tensor ``[N, C, size, size]`` (uint8, or floating point on [0, 1]); a map-style data set as `sdf`
            takes it; or a folder, whose images are found at any depth. Images of a data set or folder are resized to
            the shorter side and cropped in the center.
        steps: optimizer steps in all, those before a resume included.
        batch_size: images in a step; at most N. The last, incomplete batch of an epoch is left out.
        learning_rate: of Adam, betas (0.9, 0.999).
        seed: of the addresses, in [0, 2**64).
        checkpoint: file to write to; if it is there, training goes on from it.
        save_every: steps between checkpoints; the last step writes one too.
        workers: processes that read a data set.
        progress: whether to show a bar (needs tqdm).

    Returns:
        The loss of each step so far, float32 ``[steps]`` on the CPU.

    Raises:
        TypeError: for arguments of another kind.
        FileNotFoundError: for a folder of images, or of the checkpoint, that is not there.
        ValueError: for no images, images of another size or out of [0, 1]; a checkpoint that is cut short, or of
            another network or training.
        FloatingPointError: if a loss is not finite; the last checkpoint stays as it was.
    """
    steps = integer("steps", steps, low=1, rule="a positive integer")
    save_every = integer("save_every", save_every, low=1, rule="a positive integer")
    batch_size = integer("batch_size", batch_size, low=1, rule="a positive integer")
    learning_rate = number("learning_rate", learning_rate, low=0.0, rule="a finite number of at least 0")
    if not isinstance(net, ScoreNetwork):
        raise TypeError(f"net must be a ScoreNetwork, got {type(net).__name__}; train your own with dsm_loss")
    data = _Training(images, net)
    batch_size = min(batch_size, len(data))
    optimizer = torch.optim.Adam(net.parameters(), learning_rate)
    described = {"seed": seed, "batch_size": batch_size, "learning_rate": learning_rate, "images": len(data)}
    path = None if checkpoint is None else Path(checkpoint)
    if path is not None and not path.parent.is_dir():
        raise FileNotFoundError(f"checkpoint must be in a folder that is there, got {str(path)!r}; make {path.parent}")
    losses, unread = torch.empty(0), list[Tensor]()  # on the CPU, and where the network is
    if path is not None and path.exists():
        stored = read(path)
        require_same(path, stored, network=net.config, training=described)
        net.load_state_dict(stored["weights"])
        optimizer.load_state_dict(stored["optimizer"])
        losses = stored["losses"]
        if len(losses) > steps:
            raise ValueError(f"steps must be at least the {len(losses)} that {str(path)!r} has behind it, got {steps}")
    device = next(net.parameters()).device
    order = _Order(len(data), batch_size, seed, range(len(losses), steps))
    loader = DataLoader(data, batch_sampler=order, num_workers=workers, generator=torch.Generator())
    net.train()
    with bar_of(progress, steps, "step") as bar:
        bar(len(losses))
        for step, (index, pixels) in enumerate(loader, start=len(losses)):
            addresses = Addresses(seed, step // order.batches, index.to(device))
            x = _prepared(pixels.to(device), addresses)
            loss = dsm_loss(net, x, net.sigmas, chance=addresses, conditional=net.conditional)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            unread.append(loss.detach())
            if (step + 1) % save_every == 0 or step + 1 == steps:
                losses = torch.cat([losses, _finite(unread, len(losses))])
                unread.clear()
                if path is not None:
                    state = {"network": net.config, "training": described, "losses": losses}
                    write(path, state | {"weights": net.state_dict(), "optimizer": optimizer.state_dict()})
            bar(1)
    net.eval()
    return losses


class _Training(Dataset[tuple[int, Tensor]]):
    """Images of the network's size, with their index."""

    def __init__(self, images: Any, net: ScoreNetwork) -> None:
        self._channels, self._size = net.channels, net.size
        if isinstance(images, (str, os.PathLike)):
            images = ImageFiles(Path(images), "L" if net.channels == 1 else "RGB")
        self._images: Any = images if isinstance(images, Tensor) else ImageTensors(images)
        if len(images) == 0:
            raise ValueError(f"images must hold at least one, got an empty {type(images).__name__}; check its folder")
        if not isinstance(images, Tensor):
            return
        if images.shape[1:] != (net.channels, net.size, net.size):
            raise ValueError(
                f"images must be [N, {net.channels}, {net.size}, {net.size}], the size of the score network, got "
                f"{tuple(images.shape)}; resize them, or make a ScoreNetwork of their size"
            )
        if images.dtype != torch.uint8:
            low, high = images.aminmax()
            if not (images.is_floating_point() and bool(low >= 0) and bool(high <= 1)):
                raise ValueError(
                    f"images must be uint8, or floating point on [0, 1] without nan, got {images.dtype} on "
                    f"[{float(low):g}, {float(high):g}]; give them before normalization"
                )

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> tuple[int, Tensor]:
        image = self._images[index]
        return index, image if isinstance(self._images, Tensor) else fitted(image, self._channels, self._size)


class _Order:
    """Batches of indices, step by step: a permutation for each epoch, hashed from the indices' addresses."""

    def __init__(self, images: int, batch: int, seed: int, steps: range) -> None:
        self._images, self._batch, self._seed, self._steps = images, batch, seed, steps
        self.batches = images // batch

    def __len__(self) -> int:
        return len(self._steps)

    def __iter__(self) -> Iterator[list[int]]:
        epoch, order = -1, torch.empty(0)
        for step in self._steps:
            if step // self.batches != epoch:
                epoch = step // self.batches
                addresses = Addresses(self._seed, epoch, torch.arange(self._images))
                order = addresses.rows(1, step=named_step("score.order"))[0].argsort()
            start = step % self.batches * self._batch
            yield order[start : start + self._batch].tolist()


def _prepared(pixels: Tensor, addresses: Addresses) -> Tensor:
    """uint8 with uniform noise in its rounding, and half of the images flipped."""
    if pixels.dtype == torch.uint8:
        within = uniform_tensor(addresses, tuple(pixels.shape), "score.dequantize", pixels.device)
        pixels = ((pixels + within) / 256).float()
    flip = uniform_tensor(addresses, (len(pixels),), "score.flip", pixels.device) < 0.5
    return torch.where(flip[:, None, None, None], pixels.flip(-1), pixels)


def _finite(losses: Sequence[Tensor], first: int) -> Tensor:
    """The losses of steps from ``first`` on, read from their device at once."""
    read = torch.stack(list(losses)).float().cpu()
    if not bool(read.isfinite().all()):
        step = int((~read.isfinite()).nonzero()[0])
        raise FloatingPointError(
            f"the loss must stay finite, got {float(read[step])} in step {first + step}; look at that batch, or lower "
            "learning_rate and go on from the last checkpoint"
        )
    return read
