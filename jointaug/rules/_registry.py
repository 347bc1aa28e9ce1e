"""Which rule plans a transform for a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from torchvision.transforms import v2

from .._draws import draws
from .._validate import interpolation_mode
from ..functional import INTERPOLATIONS
from ._view import View

Rule = Callable[[Any, View, Any], View]
"""Plans a transform: ``(transform, view, draws or params)`` to the view with instructions added."""
R = TypeVar("R", bound=Rule)

RULES: Final[dict[type, Rule]] = {}
_PLANNED: Final[dict[Rule, None]] = {}
"""Rules of v2's transforms that are given what was drawn (no set: Dynamo of torch 2.8 looks into none)."""


def planned(*types: type) -> Callable[[R], R]:
    """The decorator of a rule ``(transform, view, params)`` for transforms whose draw is in `jointaug._draws`."""

    def remember(rule: R) -> R:
        _PLANNED[rule] = None
        return _remember(*types)(rule)

    return remember


def is_planned(rule: Rule) -> bool:
    """Whether a rule takes what was drawn as it is: numbers for one image, tensors for a batch."""
    return rule in _PLANNED


def register(
    *types: type,
    width: int | Callable[[Any], int] | None = None,
    params: Callable[[Any, Any, Any], dict[str, Any]] | None = None,
) -> Callable[[R], R]:
    """Teach `jointaug.fuse` a transform: a decorator of its rule.

    Args:
        types: of the transform, exactly (a subclass may act differently, so it needs a rule of its own).
        width: how many uniforms a draw takes, or a function of the transform that says so.
        params: ``(transform, row, seen)`` to the dict that the transform's ``make_params`` might have drawn, from a row
            of ``width`` numbers in (0, 1), or as many tensors ``[B]``; ``seen`` has height, width and channels.

    The rule takes ``(transform, view, draws)``: it draws with ``draws.row(n)`` (tensors ``[B]``) and returns the view
    with instructions added (``view.step``, ``view.cut``, ``view.call``). Image by image, at an address, the transform
    itself then draws from numbers of its own. With ``width`` and ``params`` both executors draw the same: the rule
    takes ``(transform, view, params)``, what ``params`` gave (``view.own`` makes numbers of one image tensors ``[1]``),
    and image by image the transform's ``transform`` takes it. For a `JointTransform` the rule takes ``(transform, view,
    params)``, the view's own parameters, tensors ``[B]``, already drawn.

    Raises:
        TypeError: for what is no type; for one of ``width`` and ``params`` without the other.

    Example:
        >>> import torch
        >>> from torchvision.transforms import v2
        >>> from jointaug import fuse
        >>> from jointaug.functional import adjust_brightness
        >>> from jointaug.rules import register
        >>> class Dim(v2.Transform):
        ...     def make_params(self, flat_inputs):
        ...         return {"factor": 0.5 + 0.5 * torch.rand(()).item()}
        ...
        ...     def transform(self, inpt, params):
        ...         return inpt * params["factor"]
        >>> def drawn(transform, row, seen):
        ...     return {"factor": 0.5 + 0.5 * row[0]}
        >>> @register(Dim, width=1, params=drawn)
        ... def dim(transform, view, params):
        ...     return view.step(adjust_brightness, params["factor"])
        >>> fuse(Dim())(torch.ones(4, 3, 8, 8)).shape
        torch.Size([4, 3, 8, 8])
    """
    for kind in types:
        if not isinstance(kind, type):
            raise TypeError(f"register takes types of transforms, got {kind!r}; write @register(MyTransform)")
    if (width is None) != (params is None):
        given, other = ("width", "params") if params is None else ("params", "width")
        raise TypeError(f"register needs width and params together, got {given} alone; add {other}=...")
    if width is None or params is None:
        return _remember(*types)
    draws(*types, width=width)(params)
    return planned(*types)


def _remember(*types: type) -> Callable[[R], R]:
    def remember(rule: R) -> R:
        for kind in types:
            RULES[kind] = rule
        return rule

    return remember


def rule_of(transform: Any) -> Rule | None:
    """The rule of a transform, if one covers it as it is set up."""
    rule = RULES.get(type(transform))
    if rule is None:
        return None
    interpolation = transform.__dict__.get("interpolation")
    if interpolation is not None and interpolation_mode(interpolation) not in INTERPOLATIONS:
        return None  # Lanczos and Pillow's own filters
    noise = type(transform) is v2.RandomErasing and transform.value is None
    return None if noise else rule
