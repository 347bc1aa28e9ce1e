"""The rivals of ScoreCL's weight (Kim et al. 2025, https://arxiv.org/abs/2306.04175, Tab. 6), behind the same call.

Each is called as `ScoreWeight` is, ``weigh(v1, v2) -> [B]``, with the same normalization. The paper defines none of
them further than by name; what is taken for each is said there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torchvision.transforms.v2 import functional as F

from .._validate import number
from ..chance import Addresses
from ._passes import evaluating
from ._score import uniforms
from ._weight import PairWeight

__all__ = ["LPIPSWeight", "PairWeight", "PixelWeight", "RandomWeight", "SaliencyWeight", "spectral_residual"]


class RandomWeight(PairWeight):
    """A uniform number in (0, 1) for each pair: what weighting does by itself.

    Args:
        generator: where numbers come from if a call brings no ``addresses``; by default torch's global CPU generator.
        normalize: as for `PairWeight`, like ``mean`` and ``std``.
        mean: see there.
        std: see there.

    Example:
        >>> views = torch.rand(4, 3, 8, 8)
        >>> addresses = Addresses(seed=0, epoch=0, index=torch.arange(4))
        >>> weigh = RandomWeight()
        >>> torch.equal(weigh(views, views, addresses=addresses), weigh(views, views, addresses=addresses))
        True
    """

    def __init__(
        self,
        generator: torch.Generator | None = None,
        *,
        normalize: str | None = "batch_mean",
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
    ) -> None:
        super().__init__(normalize=normalize, mean=mean, std=std)
        if generator is not None and not isinstance(generator, torch.Generator):
            raise TypeError(f"generator must be a torch.Generator or None, got {generator!r}; seed one")
        self.generator = generator

    def distance(self, v1: Tensor, v2: Tensor, original: Tensor | None, addresses: Addresses | None) -> Tensor:
        """Uniforms ``[B]``, of the addresses or the generator."""
        del v2, original
        chance = self.generator if addresses is None else addresses
        return uniforms(chance, (len(v1),), "weight.random", v1.device).to(v1)


class PixelWeight(PairWeight):
    """The mean absolute difference of the views' pixels."""

    def distance(self, v1: Tensor, v2: Tensor, original: Tensor | None, addresses: Addresses | None) -> Tensor:
        """``[B]``, in [0, 1] for views on [0, 1]."""
        del original, addresses
        return (v1 - v2).abs().flatten(1).mean(1)


class SaliencyWeight(PairWeight):
    """The mean absolute difference of the views' saliency maps.

    Args:
        saliency: from views ``[B, C, H, W]`` on [0, 1] to maps ``[B, ...]``; by default `spectral_residual`, which
            needs no weights. (The paper names no method.)
        normalize: as for `PairWeight`, like ``mean`` and ``std``.
        mean: see there.
        std: see there.

    Raises:
        TypeError: if ``saliency`` is no callable.
        ValueError: on a call, if it does not give a map for each view.
    """

    def __init__(
        self,
        saliency: Callable[[Tensor], Tensor] | None = None,
        *,
        normalize: str | None = "batch_mean",
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
    ) -> None:
        super().__init__(normalize=normalize, mean=mean, std=std)
        if saliency is not None and not callable(saliency):
            raise TypeError(f"saliency must be a function from views to maps, got {saliency!r}")
        self.saliency = spectral_residual if saliency is None else saliency

    def distance(self, v1: Tensor, v2: Tensor, original: Tensor | None, addresses: Addresses | None) -> Tensor:
        """``[B]``."""
        del original, addresses
        with evaluating(self.saliency):
            maps = self.saliency(torch.cat([v1, v2]))
        if maps.ndim < 2 or len(maps) != 2 * len(v1):
            raise ValueError(
                f"saliency must return a map for each of {2 * len(v1)} views, got shape {tuple(maps.shape)}"
            )
        first, second = maps.chunk(2)
        return (first - second).abs().flatten(1).mean(1)


def spectral_residual(views: Tensor, *, sigma: float = 2.5) -> Tensor:
    """Saliency as what the log spectrum has beyond its local average (Hou and Zhang, CVPR 2007).

    The gray image's log amplitude less its 3 x 3 mean, with the image's own phase, back in the image, squared, and
    blurred. The authors work at 64 pixels.

    Args:
        views: floating point ``[B, C, H, W]``, C 1 or 3.
        sigma: of the blur, in pixels, above 0.

    Returns:
        ``[B, 1, H, W]``, each map divided by its maximum; 0 for an image of one color.

    Raises:
        TypeError: for views that are no floating point tensor, or a sigma that is no number.
        ValueError: for views of another shape, or a sigma that is not positive.
    """
    if not isinstance(views, Tensor) or not views.is_floating_point():
        got = views.dtype if isinstance(views, Tensor) else type(views).__name__
        raise TypeError(f"views must be a floating point tensor [B, C, H, W], got {got}; divide uint8 by 255")
    if views.ndim != 4 or views.shape[1] not in (1, 3) or 0 in views.shape[2:]:
        raise ValueError(f"views must be [B, C, H, W] with C 1 or 3, got shape {tuple(views.shape)}; stack the views")
    rule = "a positive number of pixels"
    if number("sigma", sigma, rule=rule, low=0.0) == 0.0:
        raise ValueError(f"sigma must be {rule}, got {sigma!r}; the default is 2.5")
    gray = F.rgb_to_grayscale(views) if views.shape[1] == 3 else views
    spectrum = torch.fft.fft2(gray - gray.mean((2, 3), keepdim=True))
    amplitude = spectrum.abs()
    floor = 1e-4 * amplitude.amax((2, 3), keepdim=True).clamp(min=1e-6)  # about the rounding of 8 bits
    log = amplitude.clamp(min=floor).log()
    around = nn.functional.avg_pool2d(nn.functional.pad(log, (1, 1, 1, 1), mode="circular"), 3, stride=1)
    phase = spectrum / amplitude.clamp(min=floor)
    saliency = torch.fft.ifft2((log - around).exp() * phase).abs().square()
    reach = min(int(3 * sigma + 0.5), min(views.shape[-2:]) - 1)
    blurred: Tensor = F.gaussian_blur(saliency, [2 * reach + 1] * 2, [sigma] * 2) if reach else saliency
    peak = blurred.amax((2, 3), keepdim=True)
    return blurred / torch.where(peak > 0, peak, 1.0)


class LPIPSWeight(PairWeight):
    r"""How unequally far two views are from their original: :math:`|\,d(x, v) - d(x, v')|` with LPIPS as d.

    (Zhang et al. 2018, https://arxiv.org/abs/1801.03924; the paper compares "the LPIPS values of each view".) It needs
    the original: ``weigh(v1, v2, original=x)``, x as large as the views, say an `UncroppedView` of the same pipeline.

    Nothing is downloaded. The weights are the user's: a file with the state of an ``lpips.LPIPS``, both trunk and
    linear layers, for which the extra ``jointaug[lpips]`` is needed; or any module.

    Args:
        metric: path of such a file; or a function of two batches of images on [-1, 1] to a distance for each, such as
            an ``lpips.LPIPS``.
        trunk: ``"alex"``, ``"vgg"`` or ``"squeeze"``, of the file.
        normalize: as for `PairWeight`, like ``mean`` and ``std``.
        mean: see there.
        std: see there.

    Raises:
        TypeError: if ``metric`` is neither.
        ModuleNotFoundError: for a path, without the package ``lpips``.
        FileNotFoundError: if there is no such file.
        ValueError: for the file of another network, or one that is cut short; on a call, without ``original``, or for
            a metric that does not return a distance for each image.
    """

    def __init__(
        self,
        metric: str | os.PathLike[str] | Callable[[Tensor, Tensor], Tensor],
        *,
        trunk: str = "alex",
        normalize: str | None = "batch_mean",
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
    ) -> None:
        super().__init__(normalize=normalize, mean=mean, std=std)
        if isinstance(metric, (str, os.PathLike)):
            metric = _lpips(metric, trunk)
        if not callable(metric) or isinstance(metric, type):
            raise TypeError(f"metric must be a path of LPIPS weights or a module, got {metric!r}")
        self.metric = metric

    def distance(self, v1: Tensor, v2: Tensor, original: Tensor | None, addresses: Addresses | None) -> Tensor:
        """``[B]``."""
        del addresses
        if original is None:
            raise ValueError(
                "original must be given for LPIPS, which compares each view with the image that it was made of, got "
                "None; call weigh(v1, v2, original=x)"
            )
        with evaluating(self.metric), torch.autocast(v1.device.type, enabled=False):
            if isinstance(self.metric, nn.Module):
                first = next(self.metric.parameters(), None)
                if first is not None and first.device != v1.device:
                    raise ValueError(f"metric must be on the views' device, {v1.device}, got {first.device}; move it")
            x, *views = (2 * image - 1 for image in (original, v1, v2))
            values = [self.metric(x, view) for view in views]
        for value in values:
            if value.numel() != len(v1):
                raise ValueError(
                    f"metric must return a distance for each of {len(v1)} images, got shape {tuple(value.shape)}; "
                    "leave its reduction out"
                )
        return (values[0] - values[1]).flatten().abs()


def _lpips(path: str | os.PathLike[str], trunk: str) -> nn.Module:
    """An ``lpips.LPIPS`` with the weights in a file, and with no others."""
    if trunk not in ("alex", "vgg", "squeeze"):
        raise ValueError(f'trunk must be "alex", "vgg" or "squeeze", got {trunk!r}')
    if not os.path.isfile(path):  # noqa: PTH113
        raise FileNotFoundError(
            f"metric must be a file of LPIPS weights, got {os.fspath(path)!r}, which is not there; nothing is "
            "downloaded: write torch.save(lpips.LPIPS().state_dict(), path) where you may"
        )
    try:
        import lpips
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "LPIPS weights need the package lpips, which is not installed; pip install jointaug[lpips], or give a "
            "module",
            name="lpips",
        ) from error
    metric: nn.Module = lpips.LPIPS(net=trunk, pretrained=False, pnet_rand=True, verbose=False)
    try:
        metric.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # unpickling raises whatever a damaged file leads it to
        raise ValueError(
            f"metric must be a file with the whole state of an lpips.LPIPS(net={trunk!r}), got {os.fspath(path)!r} "
            f"({(str(error) or type(error).__name__).splitlines()[0]})"
        ) from error
    return metric.eval()
