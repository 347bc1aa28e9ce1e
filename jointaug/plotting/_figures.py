"""What every picture begins with: a figure of its own, pixels to show, numbers to draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import PIL.Image
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms.v2 import functional as F

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORS: Final = ("#e66101", "#2c7fb8", "#b2182b", "#1b7837", "#762a83", "#636363")
"""Of the views, in order; boxes carry the view's number as well."""

_OUTSIDE: Final = 0.25  # a bicubic resize overshoots [0, 1] by less, a normalized image by more


def new_figure(width: float, height: float) -> Figure:
    """A figure, in inches, that pyplot does not know of."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "jointaug.plotting needs matplotlib, which is not installed; pip install 'jointaug[plot]'",
            name="matplotlib",
        ) from error
    return Figure((width, height), layout="constrained")


def new_axes(width: float, height: float) -> Axes:
    """Axes that fill such a figure."""
    return new_figure(width, height).subplots()


def pixels_of(
    name: str, image: Any, mean: Sequence[float] | None = None, std: Sequence[float] | None = None
) -> NDArray[np.float32]:
    """``[H, W]`` or ``[H, W, 3]`` in [0, 1], for `imshow`."""
    if isinstance(image, PIL.Image.Image):
        gray = image.mode in ("1", "L", "LA", "I", "F", "I;16")
        image = F.pil_to_tensor(image if gray else image.convert("RGB"))
        image = image.clamp(max=65535).to(torch.uint16) if image.dtype == torch.int32 else image  # mode I has 16 bits
    if not isinstance(image, Tensor) or image.ndim not in (3, 4):
        kind = f"a tensor of shape {tuple(image.shape)}" if isinstance(image, Tensor) else type(image).__name__
        raise TypeError(f"{name} must hold PIL images or tensors [C, H, W], got {kind}; add the channel dimension")
    frame = image.detach().cpu().as_subclass(Tensor)
    frame = F.to_dtype(frame[0] if frame.ndim == 4 else frame, torch.float32, scale=True)
    if mean is not None and std is not None:
        frame = frame * torch.tensor(std)[:, None, None] + torch.tensor(mean)[:, None, None]
    if not -_OUTSIDE <= frame.min() <= frame.max() <= 1 + _OUTSIDE:
        raise ValueError(
            f"{name} must lie in [0, 1] to be shown, got values from {frame.min():.3g} to {frame.max():.3g}; pass the "
            "mean and std of v2.Normalize"
        )
    shown: NDArray[np.float32] = frame.clamp(0.0, 1.0).permute(1, 2, 0).numpy()
    return shown[..., :3] if shown.shape[2] >= 3 else shown[..., 0]


def ink() -> str:
    """The color of matplotlib's letters: what is drawn in it is seen in a style with a dark ground, too."""
    from matplotlib import rcParams

    return str(rcParams["text.color"])


def shades(count: int) -> NDArray[np.float64]:
    """Colors ``[count, 4]`` of lines in order, each with a contrast of 3 : 1 or more to a white or black ground."""
    from matplotlib import colormaps
    from matplotlib.colors import to_rgb

    dark_ground = np.dot(to_rgb(ink()), (0.299, 0.587, 0.114)) > 0.5
    first, last = (0.4, 1.0) if dark_ground else (0.0, 0.6)
    drawn: NDArray[np.float64] = colormaps["viridis"](np.linspace(first, last, count))
    return drawn


def finite_numbers(name: str, values: Any) -> NDArray[np.float64]:
    """Finite numbers as an array, in double precision."""
    array = np.asarray(values.detach().cpu().double() if isinstance(values, Tensor) else values, np.float64)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got {np.count_nonzero(~np.isfinite(array))} that are not; drop them")
    return array


def ratio_text(ratio: float) -> str:
    """``1 : 2`` for 2, ``2 : 1`` for a half."""
    return f"1 : {ratio:.3g}" if ratio >= 1 else f"{1 / ratio:.3g} : 1"
