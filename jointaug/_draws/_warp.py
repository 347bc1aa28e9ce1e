"""Of v2's affine maps, rotations and perspectives."""

from __future__ import annotations

from typing import Any, Final

import torch
from torchvision.transforms import v2

from ..chance import Row
from ._numbers import between, exact, floored, offset, rounded
from ._registry import draws


@draws(v2.RandomRotation, width=1)
def _rotation(transform: Any, row: Row, seen: Any) -> dict[str, Any]:  # noqa: ARG001
    return {"angle": between(transform.degrees, row[0])}


@draws(v2.RandomAffine, width=6)
def _affine(transform: Any, row: Row, seen: Any) -> dict[str, Any]:
    shifts: tuple[Any, Any] = (0, 0)
    if transform.translate is not None:
        most = transform.translate[0] * exact(seen.width), transform.translate[1] * exact(seen.height)
        shifts = rounded(between((-most[0], most[0]), row[1])), rounded(between((-most[1], most[1]), row[2]))
    shear = transform.shear
    return {
        "angle": between(transform.degrees, row[0]),
        "translate": shifts,
        "scale": 1.0 if transform.scale is None else between(transform.scale, row[3]),
        "shear": (
            0.0 if shear is None else between(shear[:2], row[4]),
            0.0 if shear is None or len(shear) == 2 else between(shear[2:], row[5]),
        ),
    }


@draws(v2.RandomPerspective, width=9)
def _perspective(transform: Any, row: Row, seen: Any) -> dict[str, Any]:
    """Each corner moves inward, by as much as any other distance up to its bound."""
    height, width = seen.height, seen.width
    bounds = [_inward(transform.distortion_scale, side) for side in (width, height)]
    moves = [offset(bounds[k % 2], u) for k, u in enumerate(row[:8])]
    x, y = moves[::2], moves[1::2]
    corners = ((x[0], y[0]), (width - 1 - x[1], y[1]), (width - 1 - x[2], height - 1 - y[2]), (x[3], height - 1 - y[3]))
    whole = ((0, 0), (width - 1, 0), (width - 1, height - 1), (0, height - 1))
    applied = row[8] < transform.p
    try:
        return {"applied": applied, "coefficients": _projection(corners, whole, applied)}
    except RuntimeError as error:
        raise ValueError(
            f"{transform!r} needs images whose four corners stay apart, got sides of {height} and {width} pixels; take "
            "larger images, or a smaller distortion_scale"
        ) from error


def _inward(distortion: float, side: Any) -> Any:
    """How many pixels a corner may move along a side."""
    return floored(distortion * exact(side // 2))


_SAME: Final = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)
"""The coefficients of the map that leaves everything in its place."""


def _projection(corners: Any, whole: Any, applied: Any) -> Any:
    """The eight coefficients of the map that takes ``corners`` to ``whole`` where it is ``applied``, as torchvision's.

    Two rows for each corner: its coordinates (p, q) times the coefficients are those (x, y) of its counterpart.
    """
    if applied is False:
        return list(_SAME)
    rows: list[list[Any]] = []
    sides: list[Any] = []
    for (p, q), (x, y) in zip(corners, whole, strict=True):
        rows += [p, q, 1, 0, 0, 0, -x * p, -x * q], [0, 0, 0, p, q, 1, -y * p, -y * q]
        sides += [x, y]
    numbers = [torch.as_tensor(number, dtype=torch.float64) for row in rows for number in row]
    targets = [torch.as_tensor(side, dtype=torch.float64) for side in sides]
    if applied is True:
        matrix, target = torch.stack(numbers).view(8, 8), torch.stack(targets)
        return torch.linalg.lstsq(matrix, target, driver="gels").solution.float().tolist()
    device, count = applied.device, len(applied)
    matrix = torch.stack([number.to(device).expand(count) for number in numbers], -1).view(count, 8, 8)
    target = torch.stack([side.to(device).expand(count) for side in targets], -1)
    same = torch.tensor(_SAME, dtype=torch.float64, device=device)
    matrix = torch.where(applied[:, None, None], matrix, torch.eye(8, dtype=torch.float64, device=device))
    target = torch.where(applied[:, None], target, same)
    return torch.linalg.lstsq(matrix, target[..., None], driver="gels").solution[..., 0].float()
