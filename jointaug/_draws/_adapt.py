"""Transforms that stand for one of v2: those of ``torchvision.transforms``, and users' own.

A transform of v1 draws and acts as its namesake in v2 does; so an instance is the v2 transform of its attributes, and
all that is known of v2's holds for it. That goes for draws at an address and for `jointaug.fuse`: called as it stands,
a v1 transform is what it always was.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import PIL.Image
import torch
from torchvision import transforms as v1
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

Adapter = Callable[[Any], Any]
A = TypeVar("A", bound=Adapter)

_ADAPTERS: Final[dict[type, Adapter]] = {}


class _Twin(NamedTuple):
    """A transform that another stands for, made from these attributes."""

    transform: Any
    attributes: dict[str, Any]


_PLAIN: Final = (int, float, str, tuple, list)
_TWINS: Final[WeakKeyDictionary[Any, _Twin]] = WeakKeyDictionary()


def adapt(*types: type) -> Callable[[A], A]:
    """Say which v2 transform a transform of your own stands for: a decorator of a function that makes it.

    At an address and in `jointaug.fuse` the v2 transform then runs, and draws, in its place; called as it stands, yours
    is what it was. For blurs and the like of contrastive code's own, written on PIL images.

    Args:
        types: of the transform, exactly (a subclass may act differently, so it needs an adapter of its own).

    The function takes the transform, and returns one of ``torchvision.transforms.v2`` (or of this library). It is asked
    again when an attribute of the transform was given another value.

    Raises:
        TypeError: for what is no type.

    Example:
        >>> import random
        >>> from PIL import ImageFilter
        >>> from torchvision.transforms import v2
        >>> from jointaug import fuse
        >>> from jointaug.rules import adapt
        >>> class GaussianBlur:  # MoCo's
        ...     def __init__(self, sigma=(0.1, 2.0)):
        ...         self.sigma = sigma
        ...
        ...     def __call__(self, image):
        ...         return image.filter(ImageFilter.GaussianBlur(random.uniform(*self.sigma)))
        >>> @adapt(GaussianBlur)
        ... def blur(transform):
        ...     return v2.GaussianBlur(23, tuple(transform.sigma))
        >>> fused = fuse(GaussianBlur())
    """
    for kind in types:
        if not isinstance(kind, type):
            raise TypeError(f"adapt takes types of transforms, got {kind!r}; write @adapt(MyTransform)")

    def remember(adapter: A) -> A:
        for kind in types:
            _ADAPTERS[kind] = adapter
        return adapter

    return remember


def adapted(transform: Any) -> Any:
    """The transform that ``transform`` stands for: itself, unless it has an adapter.

    Raises:
        TypeError: if an adapter returns what is no transform.
    """
    adapter = _ADAPTERS.get(type(transform))
    if adapter is None:
        return transform
    attributes = getattr(transform, "__dict__", {})
    kept = bool(attributes or not hasattr(type(transform), "__slots__")) and type(transform).__hash__ is not None
    known = _TWINS.get(transform) if kept else None
    if known is not None and _same(known.attributes, attributes):
        return known.transform
    twin = adapter(transform)
    if not callable(twin) or isinstance(twin, type) or type(twin) in _ADAPTERS:
        raise TypeError(
            f"the adapter of {type(transform).__name__} must return a transform of torchvision.transforms.v2, got "
            f"{twin!r}; return v2.GaussianBlur(...), say"
        )
    if kept:
        _TWINS[transform] = _Twin(twin, {name: _copied(value) for name, value in attributes.items()})
    return twin


def _copied(value: Any) -> Any:
    """A list of its own, so that a change of it in place is seen."""
    return list(value) if type(value) is list else value


def _same(then: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether attributes are the same objects, or plain data of the same value."""
    return then.keys() == now.keys() and all(
        then[name] is value or (type(then[name]) is type(value) and isinstance(value, _PLAIN) and then[name] == value)
        for name, value in now.items()
    )


# ---- torchvision.transforms -----------------------------------------------------------------------------------------


def _is_plain(inpt: Any) -> bool:
    return isinstance(inpt, torch.Tensor) and not isinstance(inpt, tv_tensors.TVTensor)


class ToTensor(v2.Transform):
    """`torchvision.transforms.ToTensor`, whose namesake in v2 warns when it is made.

    It makes floats on [0, 1] of tensors too, which v1 refuses: so a v1 pipeline serves where images were decoded to
    tensors.
    """

    _transformed_types = (_is_plain, PIL.Image.Image, np.ndarray, tv_tensors.Image)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:  # noqa: ARG002
        if isinstance(inpt, torch.Tensor):
            return F.to_dtype(inpt.as_subclass(torch.Tensor), torch.float32, scale=True)
        return v1.functional.to_tensor(inpt)


def _of_attributes(kind: type, transform: Any) -> Any:
    """The v2 transform whose arguments are the attributes of a v1 transform: in both they have the same names."""
    return kind(**{name: getattr(transform, name) for name in inspect.signature(kind).parameters})


def _adapt_namesakes() -> None:
    for kind in vars(v2).values():
        of_v1 = getattr(kind, "_v1_transform_cls", None)
        if of_v1 is not None and of_v1 is not v1.RandomApply:  # a container: `jointaug.pipeline` runs its parts
            adapt(of_v1)(partial(_of_attributes, kind))


_adapt_namesakes()
adapt(v1.PILToTensor)(lambda _: v2.PILToTensor())
adapt(v1.ToPILImage)(lambda transform: v2.ToPILImage(transform.mode))
adapt(v1.ToTensor)(lambda _: ToTensor())
