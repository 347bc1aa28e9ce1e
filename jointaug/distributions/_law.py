"""What all laws share: parameters, precision, and draws that are functions of uniforms."""

from __future__ import annotations

import copy
import functools
import math
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from .._validate import number

if TYPE_CHECKING:
    from torch.distributions.constraints import Constraint
    from torch.types import _size
    from typing_extensions import Self


class Law(Distribution):
    """A distribution whose draw is a function of a fixed number of uniforms in (0, 1).

    Whatever makes the uniforms, torch's generator or a counter-based one, on any device, thereby drives the law; and
    laws that are given the same uniforms can be compared draw by draw.

    Parameters are numbers or tensors, which broadcast. All is computed in double precision (single on a device without
    it) and returned in the dtype of arguments and parameters, promoted as torch does. Python numbers count as the
    default dtype there, but it is their own value that is used, not its rounding. Laws of one type with the same
    parameters are equal.

    A law of one's own hands its parameters to ``__init__``, ``low`` and ``high`` last, and gives ``row_width``
    and ``_draw``; for densities also ``_log_density`` and ``support``, and ``_draw_floats`` if it shall be fast on
    floats.

    Attributes:
        row_width: how many uniforms one draw takes.
        low: least value of a parameter.
        high: greatest value of a parameter.
    """

    has_rsample = True
    row_width: ClassVar[int]
    low: Tensor
    high: Tensor

    _event: ClassVar[torch.Size] = torch.Size()
    # Of our own: a call of torch.compile switches torch's default off for the whole process, and nobody is told.
    _validate_args: bool = __debug__
    _floats: tuple[float, ...]  # the parameters, if all are Python numbers; else empty

    def __init__(self, validate_args: bool | None, **given: float | Tensor) -> None:
        values = {name: _parameter(name, value) for name, value in given.items()}
        tensors = [value for value in values.values() if isinstance(value, Tensor)]
        dtypes = [tensor.dtype for tensor in tensors if tensor.is_floating_point()]
        dtype = functools.reduce(torch.promote_types, dtypes) if dtypes else torch.get_default_dtype()
        device = tensors[0].device if tensors else None
        converted = {name: torch.as_tensor(value, dtype=dtype, device=device) for name, value in values.items()}
        try:
            shape = torch.broadcast_shapes(*(t.shape for t in converted.values()))
        except RuntimeError:
            shapes = ", ".join(f"{tuple(tensor.shape)} for {name}" for name, tensor in converted.items())
            raise ValueError(f"parameters must broadcast, got shapes {shapes}; add dimensions of size 1") from None
        floats = () if tensors else tuple(float(value) for value in values.values())
        validate = self._validate_args if validate_args is None else validate_args
        self._set_up({name: tensor.expand(shape) for name, tensor in converted.items()}, floats, shape, validate)
        if validate:
            self._check(", ".join(f"{name}={value!r}" for name, value in given.items()))
        self._prepare()

    def _set_up(
        self, tensors: dict[str, Tensor], floats: tuple[float, ...], shape: torch.Size, validate_args: bool
    ) -> None:
        self._names = tuple(tensors)
        self._floats = floats
        for name, tensor in tensors.items():
            setattr(self, name, tensor)
        super().__init__(shape, self._event, validate_args=False)  # `_check` says more than torch's own check
        self._validate_args = validate_args

    def _check(self, given: str) -> None:
        """Raise unless the parameters, ``given`` by the user, make a law."""
        dtype = self.low.dtype
        for name in self._names:
            if not bool(getattr(self, name).isfinite().all()):
                raise ValueError(
                    f"{name} must be finite in every element, got {given} in {dtype}; {_REMEDIES.get(name, _ANY)}"
                )
        low, high = self._exact()[-2:]
        if not bool(((low > 0) & (low <= high)).all()):
            raise ValueError(f"low and high must satisfy 0 < low <= high, got {given}; {_REMEDIES['low']}")
        if not bool(((self.low > 0) & (high / low).isfinite()).all()):
            raise ValueError(
                f"low must be above 0 in {dtype}, and high / low finite, got {given}; take a greater low, or one in "
                "torch.float64"
            )

    def _prepare(self) -> None:
        """Make, once, what every draw needs."""

    @property
    def arg_constraints(self) -> dict[str, Constraint]:
        """Constraints of the parameters, as in torch."""
        return {"low": constraints.positive, "high": constraints.greater_than_eq(self.low)}

    @property
    def support(self) -> Constraint:
        """Constraint of the values, as in torch."""
        raise NotImplementedError(self._lacks("support", "support"))

    @property
    def parameters(self) -> dict[str, float | Tensor]:
        """The parameters by name: numbers, if the law was made of numbers; else tensors of ``batch_shape``."""
        return dict(zip(self._names, self._floats or map(self.__getattribute__, self._names), strict=True))

    def expand(self, batch_shape: _size, _instance: Any = None) -> Self:
        """The same law with parameters of ``batch_shape``, without copying them."""
        new: Self = copy.copy(self) if _instance is None else _instance
        tensors = {name: getattr(self, name).expand(batch_shape) for name in self._names}
        Law._set_up(new, tensors, self._floats, torch.Size(batch_shape), self._validate_args)
        new._prepare()
        return new

    def rsample(self, sample_shape: _size = torch.Size()) -> Tensor:  # noqa: B008  # torch's signature
        """Draws of shape ``[*sample_shape, *batch_shape, *event_shape]``, differentiable in the parameters."""
        dtype = _working_dtype(self.low.device)
        shape = (self.row_width, *sample_shape, *self._batch_shape)
        row = torch.rand(shape, dtype=dtype, device=self.low.device).clamp(min=torch.finfo(dtype).eps / 2)
        draws = self._draw(*row.unbind())
        return self._result(torch.stack(draws, -1) if self._event else draws[0])

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density at ``value``.

        Raises:
            ValueError: outside the support, as torch does; with ``validate_args=False`` it is -inf there.
            NotImplementedError: if the law has no density, as where ``high`` equals ``low``.
        """
        self._require_density()
        if self._validate_args:
            self._validate_sample(value)
        inside = self.support.check(value.to(self.low.dtype))
        return self._result(torch.where(inside, self._log_density(self._working(value)), -math.inf), value)

    def _log_density(self, value: Tensor) -> Tensor:
        """`log_prob` in working precision, inside the support or a rounding error beyond."""
        raise NotImplementedError(self._lacks("density", "_log_density(value)"))

    def _require_density(self) -> None:
        low, high = self._exact()[-2:]
        if bool((low == high).any()):
            reason = "where high equals low every draw is the same; widen the range, or use sample or a cdf"
            raise NotImplementedError(f"{self!r} has no density: {reason}")

    def _validate_sample(self, value: Tensor) -> None:
        # In the law's own dtype: a draw rounded up to a float32 is no outlier, nor is 0.2 where the range begins there.
        super()._validate_sample(value.to(self.low.dtype) if isinstance(value, Tensor) else value)

    def _exact(self, device: torch.device | None = None, *, last: int = 0) -> tuple[Tensor, ...]:
        """The parameters, or the ``last`` ones, in working precision.

        Numbers are written by the device itself: the host does not wait.
        """
        device = self.low.device if device is None else device
        dtype = _working_dtype(device)
        if self._floats:
            return tuple(torch.full(self._batch_shape, x, dtype=dtype, device=device) for x in self._floats[-last:])
        return tuple(getattr(self, name).to(device, dtype) for name in self._names[-last:])

    def _working(self, value: Tensor) -> Tensor:
        return value.to(_working_dtype(value.device))

    def _result(self, value: Tensor, *arguments: Tensor) -> Tensor:
        """``value`` in the dtype that torch would give it."""
        return value.to(functools.reduce(torch.promote_types, (a.dtype for a in arguments), self.low.dtype))

    def _from_uniform(self, *row: Any) -> tuple[Any, ...]:
        if len(row) != self.row_width:
            raise TypeError(f"{type(self).__name__}.from_uniform takes {self.row_width} uniforms, got {len(row)}")
        for u in row:
            if isinstance(u, Tensor):
                break
            if not 0.0 <= u <= 1.0:
                raise ValueError(f"a uniform must lie in (0, 1), got {u!r}; take it from torch.rand or random.random()")
        else:
            if self._floats and not self._batch_shape:
                return self._draw_floats(*row)
        dtype, device = _working_dtype(self.low.device), self.low.device
        tensors = [u if isinstance(u, Tensor) else torch.tensor(u, dtype=dtype, device=device) for u in row]
        return tuple(self._result(draw, *tensors) for draw in self._draw(*map(self._working, tensors)))

    def _draw(self, *row: Tensor) -> tuple[Tensor, ...]:
        """The draw that uniforms in working precision stand for; at 0 or 1 an end of the support, not an infinity."""
        raise NotImplementedError(self._lacks("draw", "_draw(*row)"))

    def _draw_floats(self, *row: float) -> tuple[float, ...]:
        """The same on Python floats, for a law of numbers."""
        return tuple(draw.item() for draw in self._draw(*torch.tensor(row, dtype=torch.float64).unbind()))

    def _lacks(self, what: str, method: str) -> str:
        """What to say where a law of one's own leaves something out."""
        return f"{self!r} has no {what}; define {type(self).__name__}.{method}, or do without"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Law) or type(other) is not type(self):
            return NotImplemented
        alike = (self.batch_shape, self.low.dtype) == (other.batch_shape, other.low.dtype)
        return alike and all(map(_same, self.parameters.values(), other.parameters.values()))

    def __hash__(self) -> int:
        return hash((type(self), self._batch_shape, self._floats))

    def __repr__(self) -> str:
        shown = [f"{name}={_show(value)}" for name, value in self.parameters.items()]
        if self._floats and self._batch_shape:
            shown.append(f"batch_shape={tuple(self._batch_shape)}")
        return f"{type(self).__name__}({', '.join(shown)})"


def between(low: Tensor, high: Tensor) -> Constraint:
    """The closed interval as a constraint."""
    return constraints.interval(low, high)


_ANY = "give one number for all draws, or a tensor with one for each"
_RANGE = "give the range of one view's parameter, such as low=0.2, high=1.0"
_REMEDIES = {
    "beta": "0 makes all log ratios equally likely, positive values favor like views, negative ones unlike views",
    "ratio": "2 makes the second view's parameter twice the first's",
    "low": _RANGE,
    "high": _RANGE,
}


def _parameter(name: str, value: Any) -> float | Tensor:
    rule = "a finite number or a tensor of them"
    if not isinstance(value, Tensor):
        return number(name, value, rule=rule, remedy=_REMEDIES.get(name, _ANY))
    if value.is_complex() or value.dtype == torch.bool:
        raise TypeError(f"{name} must be {rule}, got a tensor of {value.dtype}; {_REMEDIES.get(name, _ANY)}")
    return value


def _working_dtype(device: torch.device) -> torch.dtype:
    return torch.float32 if device.type == "mps" else torch.float64  # Apple's GPUs have no double precision


def _same(a: float | Tensor, b: float | Tensor) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.device == b.device and torch.equal(a, b)
    return not isinstance(a, Tensor) and not isinstance(b, Tensor) and a == b


def _show(value: float | Tensor) -> str:
    return f"tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) and value.numel() > 6 else repr(value)
