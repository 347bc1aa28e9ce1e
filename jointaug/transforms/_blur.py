"""Gaussian blur whose sigmas in the two views follow a joint law."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._validate import integer, interval
from ..distributions import PairLaw
from ..functional import gaussian_blur
from ._joint import JointTransform, pair_law
from ._pixels import LINEAR, check_pixels, on_pixels

SIGMA = (0.1, 2.0)


class JointBlur(JointTransform):
    """Gaussian blur of two views, the log ratio of their sigmas drawn first.

    ``log(sigma2 / sigma1)`` follows JC(beta), uniform at ``beta=0``; each view is blurred with its own probability,
    as in the recipe that it replaces, so at ``p=0.5`` both are in a quarter of the pairs (Zhang et al. 2025,
    https://arxiv.org/abs/2412.16522, sec. 3.3).

    Shape: images ``[..., C, H, W]`` keep shape, dtype, device and type; masks, boxes and key points are left alone.
    Integers of every width are rounded. PIL images may have the modes L, LA, RGB, RGBA, RGBX, CMYK, YCbCr, I and F.

    Args:
        kernel_size: ``None`` for a kernel as wide as sigma asks (see `jointaug.functional.gaussian_blur`), or an odd
            number of pixels for the result of ``v2.GaussianBlur``.
        sigma: least and greatest standard deviation, in pixels of the view.
        beta: smaller is harder, as in `JointCrop`. By default 0.
        law: instead of ``beta`` and ``sigma``, a law of the two sigmas.
        p: probability that a view is blurred: one number, or one for each view (BYOL: ``(1.0, 0.1)``).

    Raises:
        TypeError: for an argument of the wrong type; on a call, for a PIL image whose numbers must not be averaged
            (a palette's indices, hues, single bits) or that Pillow cannot make again (16 bits).
        ValueError: unless ``0 < sigma[0] <= sigma[1]``; for an even kernel; for a ``beta`` that is not finite; for
            ``law`` together with ``beta`` or ``sigma``; for a probability outside [0, 1].

    Example:
        >>> import torch
        >>> from jointaug import JointCrop
        >>> first, second = JointBlur(sigma=(0.1, 2.0), p=(1.0, 0.1))(JointCrop(32)(torch.rand(3, 60, 80)))
        >>> first.shape
        torch.Size([3, 32, 32])
    """

    def __init__(
        self,
        kernel_size: int | None = None,
        sigma: tuple[float, float] | None = None,
        *,
        beta: float | None = None,
        law: PairLaw | None = None,
        p: float | Sequence[float] = 0.5,
    ) -> None:
        range_ = interval(
            "sigma",
            SIGMA if sigma is None else sigma,
            rule="0 < low <= high (pixels)",
            remedy="its log ratio must be finite",
        )
        super().__init__({"sigma": pair_law("sigma", range_, beta, law, given=sigma is not None)}, p=p)
        if (
            kernel_size is not None
            and integer("kernel_size", kernel_size, low=1, rule="a positive odd integer or None") % 2 == 0
        ):
            raise ValueError(
                f"kernel_size must be a positive odd integer or None, got {kernel_size}; write {kernel_size + 1}"
            )
        self.kernel_size = kernel_size
        self.max_sigma = float(self.laws["sigma"].high)

    def query(self, flat_inputs: list[Any]) -> tuple[Any, ...]:
        """As the base's, once it is clear that the pixels can be averaged."""
        for leaf in flat_inputs:
            check_pixels(leaf, self, LINEAR)
        return super().query(flat_inputs)

    def transform_view(self, inpt: Any, params: dict[str, Any]) -> Any:
        """``inpt`` blurred with ``params["sigma"]``."""
        return on_pixels(inpt, lambda image: gaussian_blur(image, params["sigma"], self.kernel_size))

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, {super().extra_repr()}"
