"""Score matching: a network that learns the gradient of the data's log density, and weights pairs of views by it.

ScoreCL (Kim et al. 2025, https://arxiv.org/abs/2306.04175) trains a score network on clean images, freezes it, and
weights an image by how far apart the scores of its two views are. Training is denoising score matching (DSM; Vincent
2011) over the noise scales of NCSN (Song and Ermon 2019, https://arxiv.org/abs/1907.05600): the paper's eqs. 4 and 10.

The paper gives neither architecture nor the noise at which views are scored. Here the network is **unconditional** by
default: it is told no noise level, as the paper writes s(x). Only then does a stronger deformation by noise give a
smaller score, which is the paper's argument; a conditional network at a fixed sigma does the opposite.
"""

from __future__ import annotations

import io
import itertools
import math
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms.v2.functional import resize

from .._validate import integer, number
from ..chance import Addresses, named_step
from ..losses import full_precision, score_distance
from ._images import ImageFiles, Images, Pictures, fitted
from ._passes import bar_of, evaluating
from ._weight import PairWeight

Chance: TypeAlias = "Addresses | torch.Generator | None"
Network: TypeAlias = "Callable[..., Tensor]"

WIDTHS = (
    16,
    56,
    120,
)  # channels at full, half and quarter resolution: 1.38 M parameters, as the paper's Tab. 9 implies
_GROUPS = 8  # of group normalization
_FORMAT = "jointaug score checkpoint 1"


# Noise scales and the loss. -------------------------------------------------------------------------------------------
def noise_scales(first: float = 1.0, last: float = 0.01, count: int = 10) -> Tensor:
    """NCSN's noise scales: a geometric sequence, float64 ``[count]``; the defaults are NCSN's.

    Args:
        first: the largest standard deviation, in units of pixel values on [0, 1].
        last: the smallest.
        count: how many.

    Raises:
        TypeError: for anything but numbers.
        ValueError: unless ``0 < last < first`` and ``count`` is at least 2.
    """
    first, last = number("first", first), number("last", last)
    count = integer("count", count, low=2, rule="an integer of at least 2")
    if not 0 < last < first:
        raise ValueError(f"noise scales must satisfy 0 < last < first, got first={first!r}, last={last!r}; swap them?")
    return torch.logspace(math.log10(first), math.log10(last), count, dtype=torch.float64)


def checked_scales(sigmas: Tensor | Sequence[float]) -> Tensor:
    """Noise scales as float64 ``[L]``, if they are finite, positive and strictly decreasing.

    Raises:
        ValueError: if they are not.
    """
    scales = torch.as_tensor(sigmas, dtype=torch.float64)
    if scales.ndim != 1 or not len(scales):
        raise ValueError(f"sigmas must be a sequence of noise scales, got shape {tuple(scales.shape)}; write [0.1]")
    values = scales.tolist()
    if not all(0 < value < math.inf for value in values):
        raise ValueError(f"sigmas must be positive and finite, got {values}; see noise_scales()")
    if any(a <= b for a, b in itertools.pairwise(values)):
        raise ValueError(f"sigmas must be strictly decreasing, got {values}; write sorted(sigmas, reverse=True)")
    return scales


@full_precision
def dsm_errors(net: Network, x: Tensor, sigma: Tensor, noise: Tensor, *, conditional: bool = False) -> Tensor:
    r"""Denoising error of each image at a given noise, weighted by sigma squared.

    :math:`\sigma^2 \cdot \tfrac12 \lVert s(\tilde x) + \epsilon / \sigma \rVert^2
    = \tfrac12 \lVert \sigma s(\tilde x) + \epsilon \rVert^2` with :math:`\tilde x = x + \sigma \epsilon`: the sum over
    pixels in the paper's eq. 4, and NCSN's weight of eq. 10.

    Args:
        net: from ``[B, ...]`` to the same shape; a conditional one takes ``sigma`` ``[B]`` as its second argument.
        x: ``[B, ...]``, clean.
        sigma: ``[B]``, the noise's standard deviation for each image.
        noise: standard normal, of the shape of ``x``.
        conditional: whether ``net`` is told ``sigma``.

    Returns:
        ``[B]``.

    Raises:
        ValueError: if the network returns another shape.
    """
    scale = sigma.view(-1, *[1] * (x.ndim - 1))
    noisy = x + scale * noise
    score = net(noisy, sigma) if conditional else net(noisy)
    if score.shape != x.shape:
        raise ValueError(
            f"net must return the shape of its input, {tuple(x.shape)}, got {tuple(score.shape)}; a score is a gradient"
        )
    return (scale * score + noise).square().flatten(1).sum(1) / 2


def dsm_loss(
    net: Network,
    x: Tensor,
    sigmas: Tensor | Sequence[float],
    *,
    chance: Chance = None,
    conditional: bool = False,
) -> Tensor:
    """Denoising score matching over noise scales: the paper's eq. 10, summed over pixels, averaged over the batch.

    Each image gets one scale at random, the usual unbiased estimate of eq. 10's average. The minimizer of an
    unconditional network mixes the scores of all scales, each weighted by sigma squared times its density.

    Args:
        net: as for `dsm_errors`.
        x: floating point ``[B, ...]``; images on [0, 1].
        sigmas: noise scales, positive and strictly decreasing, see `noise_scales`.
        chance: the addresses of the images, or a generator; by default torch's global CPU generator.
        conditional: whether ``net`` is told the noise's standard deviation.

    Returns:
        A scalar; a network that is zero has half the number of pixels.

    Raises:
        TypeError: if ``x`` is not a floating point tensor.
        ValueError: for scales that are not positive or not decreasing, and as `dsm_errors`.

    Example:
        >>> x = torch.rand(16, 3, 8, 8)
        >>> float(dsm_loss(torch.zeros_like, x, noise_scales(), chance=torch.Generator().manual_seed(0)) / 192) // 0.1
        5.0
    """
    if not isinstance(x, Tensor) or not x.is_floating_point() or x.ndim < 2:
        raise TypeError(f"x must be a floating point tensor [B, ...], got {x!r:.80}; divide uint8 images by 255")
    scales = checked_scales(sigmas).to(x.device)
    level = (uniforms(chance, (len(x),), "score.level", x.device) * len(scales)).long().clamp(max=len(scales) - 1)
    noise = torch.special.ndtri(uniforms(chance, tuple(x.shape), "score.noise", x.device))
    return dsm_errors(net, x, scales[level].to(x), noise.to(x), conditional=conditional).mean()


def uniforms(chance: Chance, shape: tuple[int, ...], purpose: str, device: torch.device) -> Tensor:
    """Uniforms in (0, 1), float64 of ``shape``: of addresses, each image (row) its own; or from a generator."""
    if not isinstance(chance, Addresses):
        place = chance.device if chance is not None else torch.device("cpu")
        return torch.rand(shape, dtype=torch.float64, generator=chance, device=place).clamp_(min=2.0**-54).to(device)
    if len(chance) != shape[0]:
        raise ValueError(
            f"addresses must be those of the {shape[0]} images of the batch, got {len(chance)}; index them alike"
        )
    chance = chance.to(device)
    size = math.prod(shape[1:])
    blocks = -(-size // 4)  # a block of the hash has four words
    draw = (chance.draw if isinstance(chance.draw, Tensor) else torch.full_like(chance.index, chance.draw))[:, None]
    draw = draw * blocks + torch.arange(blocks, device=device)
    index = chance.index[:, None].expand_as(draw)
    rows = Addresses(chance.seed, chance.epoch, index.flatten(), draw.flatten()).rows(4, step=named_step(purpose))
    return torch.stack(rows, 1).view(shape[0], -1)[:, :size].reshape(shape)


# The network. ---------------------------------------------------------------------------------------------------------
class _Residual(nn.Module):
    """Two convolutions beside the identity; an embedding of the noise shifts what is between them."""

    def __init__(self, inside: int, outside: int, embedding: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(_GROUPS, inside), nn.Conv2d(inside, outside, 3, padding=1)
        self.norm2, self.conv2 = nn.GroupNorm(_GROUPS, outside), nn.Conv2d(outside, outside, 3, padding=1)
        self.skip = nn.Conv2d(inside, outside, 1) if inside != outside else nn.Identity()
        self.shift = nn.Linear(embedding, outside) if embedding else None

    def forward(self, x: Tensor, embedding: Tensor | None) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        if self.shift is not None:
            h = h + self.shift(embedding)[:, :, None, None]
        return self.skip(x) + self.conv2(F.silu(self.norm2(h)))  # type: ignore[no-any-return]


class ScoreNetwork(nn.Module):
    r"""A U-Net from images to scores of the same shape, :math:`s(x) = f(x) / \sigma`.

    Scores at noise sigma are of size 1 / sigma, a hundredfold range that no plain network covers early. So the output
    is divided by sigma: an unconditional network estimates it from the image, within the range of its noise scales; a
    conditional one is told.

    Shape: ``[B, channels, size, size]``, pixel values on [0, 1], to the same.

    Args:
        size: side of the images, a multiple of 4.
        channels: of the images.
        sigmas: noise scales that it is trained for; by default `noise_scales`.
        conditional: whether `forward` takes ``sigma``.

    Raises:
        TypeError: for anything but integers.
        ValueError: for another ``size``; scales that are not positive or not decreasing.
    """

    def __init__(
        self,
        size: int,
        *,
        channels: int = 3,
        sigmas: Tensor | Sequence[float] | None = None,
        conditional: bool = False,
    ) -> None:
        super().__init__()
        self.size = integer("size", size, low=4, rule="a multiple of 4 pixels")
        if self.size % 4:
            raise ValueError(f"size must be a multiple of 4 pixels, got {size}; the network halves it twice")
        self.channels = integer("channels", channels, low=1, rule="a positive integer")
        self.conditional = bool(conditional)
        scales = noise_scales() if sigmas is None else checked_scales(sigmas)
        self.sigmas: tuple[float, ...] = tuple(scales.tolist())
        a, b, c = WIDTHS
        e = 2 * c if conditional else 0
        self.embed = nn.Sequential(nn.Linear(1, e), nn.SiLU(), nn.Linear(e, e), nn.SiLU()) if conditional else None
        self.enter = nn.Conv2d(channels, a, 3, padding=1)
        self.down = nn.ModuleList([_Residual(a, a, e), _Residual(a, b, e), _Residual(b, b, e), _Residual(b, c, e)])
        self.middle = nn.ModuleList([_Residual(c, c, e), _Residual(c, c, e)])
        self.up = nn.ModuleList([_Residual(2 * c, c, e), _Residual(c + b, b, e), _Residual(b + a, a, e)])
        last = nn.Conv2d(a, channels, 3, padding=1)
        self.leave = nn.Sequential(nn.GroupNorm(_GROUPS, a), nn.SiLU(), last)
        self.noise = None if conditional else nn.Linear(c, 1)
        for parameter in last.parameters():
            nn.init.zeros_(parameter)  # the zero network to begin with

    def forward(self, x: Tensor, sigma: Tensor | None = None) -> Tensor:
        """The score of images.

        Args:
            x: ``[B, channels, size, size]``.
            sigma: ``[B]``, for a conditional network.

        Raises:
            ValueError: for images of another shape; a ``sigma`` where none is taken, or none where one is.
        """
        if x.shape[1:] != (self.channels, self.size, self.size):
            raise ValueError(
                f"x must be [B, {self.channels}, {self.size}, {self.size}], for which this score network was made, "
                f"got {tuple(x.shape)}; resize them (ScoreWeight has size= for that), or train a ScoreNetwork for them"
            )
        if self.conditional == (sigma is None):
            raise ValueError(
                "sigma must be given to a conditional score network and to no other, got "
                f"conditional={self.conditional}, sigma={sigma!r:.80}"
            )
        embedding = None if self.embed is None or sigma is None else self.embed(sigma.to(x).log()[:, None])
        full = self.down[0](self.enter(x - 0.5), embedding)
        half = self.down[2](self.down[1](F.avg_pool2d(full, 2), embedding), embedding)
        quarter = self.down[3](F.avg_pool2d(half, 2), embedding)
        h = quarter
        for block in self.middle:
            h = block(h, embedding)
        coarse = F.silu(h).mean((2, 3))
        h = self.up[0](torch.cat([h, quarter], 1), embedding)
        h = self.up[1](torch.cat([F.interpolate(h, scale_factor=2.0), half], 1), embedding)
        h = self.up[2](torch.cat([F.interpolate(h, scale_factor=2.0), full], 1), embedding)
        if sigma is None:
            assert self.noise is not None
            low, high = math.log(self.sigmas[-1]), math.log(self.sigmas[0])
            sigma = (low + (high - low) * self.noise(coarse)[:, 0].sigmoid()).exp()
        return self.leave(h) / sigma.to(x)[:, None, None, None]  # type: ignore[no-any-return]

    @property
    def config(self) -> dict[str, Any]:
        """The arguments that make such a network."""
        names = ("size", "channels", "conditional")
        return {name: getattr(self, name) for name in names} | {"sigmas": list(self.sigmas)}

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ScoreNetwork:
        """The network in a checkpoint of `train_score`, in eval mode.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it is cut short, or no such checkpoint.
        """
        stored = _read(Path(path))
        net = cls(**stored["network"])
        net.load_state_dict(stored["weights"])
        return net.eval()

    def extra_repr(self) -> str:
        """Size, and the range of the noise."""
        return f"{self.size}, noise {self.sigmas[0]:g} to {self.sigmas[-1]:g}, conditional={self.conditional}"


# Training. ------------------------------------------------------------------------------------------------------------
def train_score(
    net: ScoreNetwork,
    images: Tensor | Images | str | os.PathLike[str],
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
    losses: list[Tensor] = []
    if path is not None and path.exists():
        stored = _read(path)
        _require_same(path, stored, network=net.config, training=described)
        net.load_state_dict(stored["weights"])
        optimizer.load_state_dict(stored["optimizer"])
        losses = list(stored["losses"])
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
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
            if (step + 1) % save_every == 0 or step + 1 == steps:
                losses = list(_finite(losses))
                if path is not None:
                    state = {"network": net.config, "training": described, "losses": torch.stack(losses)}
                    _write(path, state | {"weights": net.state_dict(), "optimizer": optimizer.state_dict()})
            bar(1)
    net.eval()
    return _finite(losses)


class _Training(Dataset[tuple[int, Tensor]]):
    """Images of the network's size, with their index."""

    def __init__(self, images: Any, net: ScoreNetwork) -> None:
        self._channels, self._size = net.channels, net.size
        if isinstance(images, (str, os.PathLike)):
            images = ImageFiles(Path(images), "L" if net.channels == 1 else "RGB")
        self._images: Any = images if isinstance(images, Tensor) else Pictures(images)
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
        within = uniforms(addresses, tuple(pixels.shape), "score.dequantize", pixels.device)
        pixels = ((pixels + within) / 256).float()
    flip = uniforms(addresses, (len(pixels),), "score.flip", pixels.device) < 0.5
    return torch.where(flip[:, None, None, None], pixels.flip(-1), pixels)


def _finite(losses: Sequence[Tensor]) -> Tensor:
    stacked = torch.stack(list(losses)).float().cpu()
    if not bool(stacked.isfinite().all()):
        step = int((~stacked.isfinite()).nonzero()[0])
        raise FloatingPointError(
            f"the loss must stay finite, got {float(stacked[step])} in step {step}; look at that batch, or lower "
            "learning_rate and go on from the last checkpoint"
        )
    return stacked


def _write(path: Path, state: dict[str, Any]) -> None:
    """Whole or not at all."""
    buffer = io.BytesIO()
    torch.save(state | {"format": _FORMAT}, buffer)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(buffer.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"a score checkpoint must be a file, got {str(path)!r}, which is not there")
    try:
        stored: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling raises whatever a damaged file leads it to
        raise ValueError(
            f"{str(path)!r} must be a whole checkpoint of train_score, and cannot be read (cut short?): "
            f"{(str(error) or type(error).__name__).splitlines()[0]}; delete it to begin anew"
        ) from error
    if not isinstance(stored, dict) or stored.get("format") != _FORMAT:
        raise ValueError(f"{str(path)!r} must be a checkpoint of train_score ({_FORMAT}), and holds something else")
    return stored


def _require_same(path: Path, stored: dict[str, Any], **own: dict[str, Any]) -> None:
    for part, described in own.items():
        for name, value in described.items():
            if stored[part][name] != value:
                raise ValueError(
                    f"checkpoint must be of this {part}, {name}={value!r}, got {str(path)!r} with "
                    f"{name}={stored[part][name]!r}; go on with the same arguments, or name another file"
                )


# Weights. -------------------------------------------------------------------------------------------------------------
class ScoreWeight(PairWeight):
    """ScoreCL's weight of each pair: how far apart a frozen score network finds its views.

    ``weigh(v1, v2)`` is `jointaug.losses.score_weight` of the scores of the views; no gradient, float32 at least, the
    network in eval mode meanwhile.

    Args:
        net: from views ``[B, C, H, W]`` to scores of the same shape: a `ScoreNetwork` or another module.
        kind: ``"vector"`` or ``"norm_gap"``, see `jointaug.losses.score_distance`.
        p: of the norm, 1 or 2.
        sigma: the noise at which a conditional network is evaluated, called ``net(views, sigma [B])``; None for an
            unconditional one.
        size: side to which views are resized (bilinear, antialiased) for a network of smaller images; None: they are
            of its size.
        normalize: ``"batch_mean"``, so that weights are 1 on average, or None.
        mean: of the views' normalization, a number for each channel; None if they are on [0, 1].
        std: likewise.

    Raises:
        TypeError: if ``net`` is no callable.
        ValueError: for another ``kind``, ``p`` or ``normalize``; a ``sigma`` that the network's kind does not take, or
            outside its noise scales; a ``size`` that is not the network's; on a call, for views of another size than
            the network's (without ``size``), out of range, or nan.

    Example:
        >>> weigh = ScoreWeight(ScoreNetwork(32), mean=(0.5, 0.5, 0.5), std=(0.2, 0.2, 0.2), normalize=None)
        >>> weigh(torch.zeros(4, 3, 32, 32), torch.ones(4, 3, 32, 32)).shape
        torch.Size([4])
    """

    def __init__(
        self,
        net: Network,
        *,
        kind: str = "vector",
        p: int = 1,
        sigma: float | None = None,
        size: int | None = None,
        normalize: str | None = "batch_mean",
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
    ) -> None:
        super().__init__(normalize=normalize, mean=mean, std=std)
        if not callable(net) or isinstance(net, type):
            raise TypeError(f"net must be a score network, got {net!r}; pass ScoreNetwork.load(checkpoint)")
        score_distance(torch.zeros(1, 1), torch.zeros(1, 1), kind=kind, p=p)  # checks them
        if isinstance(net, ScoreNetwork):
            if net.conditional == (sigma is None):
                raise ValueError(
                    "sigma must be given for a conditional score network and for no other, got "
                    f"conditional={net.conditional}, sigma={sigma!r}"
                )
            if sigma is not None and not net.sigmas[-1] <= sigma <= net.sigmas[0]:
                raise ValueError(
                    f"sigma must be in [{net.sigmas[-1]:g}, {net.sigmas[0]:g}], the network's noise scales, got {sigma}"
                )
        elif sigma is not None and number("sigma", sigma, rule="a positive number") <= 0:
            raise ValueError(f"sigma must be a positive number, got {sigma!r}; write 0.1, say")
        if size is not None:
            size = integer("size", size, low=1, rule="a positive number of pixels")
            if isinstance(net, ScoreNetwork) and size != net.size:
                raise ValueError(f"size must be the score network's, {net.size} pixels, got {size}; give that, or none")
        self.net, self.kind, self.p, self.sigma, self.size = net, kind, p, sigma, size

    def distance(self, v1: Tensor, v2: Tensor, original: Tensor | None, addresses: Addresses | None) -> Tensor:
        """Distance of the two scores, ``[B]``."""
        del original, addresses
        return score_distance(*self.scores(torch.cat([v1, v2])).chunk(2), kind=self.kind, p=self.p)

    @torch.no_grad()
    def scores(self, views: Tensor) -> Tensor:
        """Scores of views on [0, 1], ``[B, C, H, W]`` or of the given ``size``."""
        if self.size is not None:
            views = resize(views, [self.size, self.size], antialias=True)
        with evaluating(self.net):
            score = _plain(self.net, views, None if self.sigma is None else views.new_full((len(views),), self.sigma))
        if score.shape != views.shape or not bool(score.isfinite().all()):
            kind = "nan or infinity" if score.shape == views.shape else f"shape {tuple(score.shape)}"
            raise ValueError(f"net must return finite scores of the views' shape {tuple(views.shape)}, got {kind}")
        return score


def _plain(net: Network, views: Tensor, sigma: Tensor | None) -> Tensor:
    with torch.autocast(views.device.type, enabled=False):
        return net(views) if sigma is None else net(views, sigma)
