"""A rival of ScoreCL's weight: how unequally far, by LPIPS, the views are from their original."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ..chance import Addresses
from ._passes import evaluating
from ._weights import PairWeight


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
