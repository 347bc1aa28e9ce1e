"""How much two results of a transform differ: in structure, in types, in numbers."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import PIL.Image
import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten
from torchvision.transforms.v2 import functional as F

from ..views import Views


class Difference(NamedTuple):
    """How far apart two results are.

    Attributes:
        largest: the largest difference of two numbers; infinite where they cannot be compared.
        where: in words.
    """

    largest: float
    where: str = ""


def laid_out(result: Any) -> list[Any]:
    """Images, masks, boxes, labels, ... of a result, view by view."""
    if isinstance(result, Views):
        return [leaf for view in result for leaf in laid_out(view)]
    if isinstance(result, (tuple, list)):
        return [leaf for item in result for leaf in laid_out(item)]
    if isinstance(result, dict):
        return [leaf for item in result.values() for leaf in laid_out(item)]
    leaves: list[Any] = tree_flatten(result)[0]
    return leaves


def as_numbers(leaf: Any) -> Any:
    """A PIL image's pixels and an array's numbers as a tensor; all else as it is."""
    if isinstance(leaf, PIL.Image.Image):
        return F.pil_to_tensor(leaf)
    return torch.from_numpy(leaf) if isinstance(leaf, np.ndarray) and leaf.dtype.kind in "fiub" else leaf


def difference(first: Any, second: Any, *, kinds: bool = True) -> Difference:
    """The largest difference of two results.

    Args:
        first: of a transform: views, samples, images.
        second: likewise.
        kinds: whether types and dtypes must be the same, too.
    """
    ours, theirs = laid_out(first), laid_out(second)
    if len(ours) != len(theirs):
        return Difference(math.inf, f"{len(ours)} images, labels, ... against {len(theirs)}")
    worst = Difference(0.0)
    for number, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        if kinds and type(a) is not type(b):
            return Difference(math.inf, f"part {number} is {type(a).__name__} against {type(b).__name__}")
        found = _of_numbers(as_numbers(a), as_numbers(b), kinds=kinds)
        if not found.largest <= worst.largest:
            worst = Difference(found.largest, f"part {number} {found.where}")
    return worst


def _of_numbers(a: Any, b: Any, *, kinds: bool) -> Difference:
    if not isinstance(a, Tensor) or not isinstance(b, Tensor):
        same = a is b or bool(np.all(a == b))
        return Difference(0.0 if same else math.inf, f"is {a!r} against {b!r}")
    if a.shape != b.shape or a.device != b.device or (kinds and a.dtype != b.dtype):
        return Difference(math.inf, f"is {_tensor(a)} against {_tensor(b)}")
    if a.is_meta:
        return Difference(0.0)  # there are no numbers
    x, y = (value.detach().as_subclass(Tensor).double() for value in (a, b))
    apart = torch.where((x == y) | (x.isnan() & y.isnan()), 0.0, (x - y).abs()).nan_to_num(nan=math.inf)
    largest = float(apart.max()) if apart.numel() else 0.0
    return Difference(largest, f"differs by up to {largest:.3g}, in {int((apart > 0).sum())} of {apart.numel()} values")


def _tensor(value: Tensor) -> str:
    return f"{value.dtype} {list(value.shape)} on {value.device}".removeprefix("torch.")
