"""Which rule plans a transform for a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from torchvision.transforms import v2

from .._validate import interpolation_mode
from ..functional import INTERPOLATIONS
from ._view import View

Rule = Callable[[Any, View, Any], View]
R = TypeVar("R", bound=Rule)

RULES: Final[dict[type, Rule]] = {}


def register(*types: type) -> Callable[[R], R]:
    """Teach `jointaug.fuse` a transform: a decorator of its rule.

    Args:
        types: of the transform, exactly (a subclass may act differently, so it needs a rule of its own).

    The rule takes ``(transform, view, draws)`` for a v2 transform: it draws with ``draws.row(n)`` (tensors ``[B]``)
    and returns the view with instructions added (``view.step``, ``view.cut``, ``view.call``). For a `JointTransform`
    it takes ``(transform, view, params)``, the view's own parameters, tensors ``[B]``, already drawn.

    Raises:
        TypeError: for what is no type.

    Example:
        >>> import torch
        >>> from torchvision.transforms import v2
        >>> from jointaug import fuse
        >>> from jointaug.rules import register
        >>> class Dim(v2.Transform):
        ...     def make_params(self, flat_inputs):
        ...         return {"factor": 0.5 + 0.5 * torch.rand(()).item()}
        ...
        ...     def transform(self, inpt, params):
        ...         return inpt * params["factor"]
        >>> @register(Dim)
        ... def dim(transform, view, draws):
        ...     (u,) = draws.row(1)
        ...     return view.call(lambda images, u: images * (0.5 + 0.5 * u.float())[:, None, None, None], u)
        >>> fuse(Dim())(torch.ones(4, 3, 8, 8)).shape
        torch.Size([4, 3, 8, 8])
    """
    for kind in types:
        if not isinstance(kind, type):
            raise TypeError(f"register takes types of transforms, got {kind!r}; write @register(MyTransform)")

    def remember(rule: R) -> R:
        for kind in types:
            RULES[kind] = rule
        return rule

    return remember


def rule_of(transform: Any) -> Rule | None:
    """The rule of a transform, if one covers it as it is set up."""
    if type(transform) is v2.RandomErasing and transform.value is None:
        return None  # noise for every pixel is more than a row of uniforms
    if hasattr(transform, "interpolation") and interpolation_mode(transform.interpolation) not in INTERPOLATIONS:
        return None  # Lanczos and Pillow's own filters
    return RULES.get(type(transform))
