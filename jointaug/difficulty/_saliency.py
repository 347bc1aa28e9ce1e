"""A rival of ScoreCL's weight: how the views' saliency maps differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torchvision.transforms.v2 import functional as F

from .._validate import number
from ..chance import Addresses
from ._passes import evaluating
from ._weights import PairWeight


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
