"""Where a plan's uniforms come from: all of a pipeline's rows in one go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import torch

from .._native._library import split_rows
from ..chance import LEAST, Addresses

Asked: TypeAlias = "tuple[int, int, int]"
"""How many uniforms, and step and view of the position that asks."""
Fetch: TypeAlias = "Callable[[Sequence[Asked]], list[Any]]"
"""For each position its row: numbers, or tensors ``[B]``."""


class PlanRows:
    """Rows by position: the same when asked again (`Shared` does).

    Args:
        fetch: draws rows.
        expected: what the pipeline asked for before, fetched at once.
        form: of the plan, for which what it asks shall be remembered.
    """

    def __init__(self, fetch: Fetch, expected: Sequence[Asked] = (), form: tuple[Any, ...] | None = None) -> None:
        self._fetch, self.form = fetch, form
        self._rows: dict[Asked, Any] = dict(zip(expected, fetch(expected), strict=True)) if expected else {}

    @property
    def asked(self) -> tuple[Asked, ...]:
        """All that was asked for so far, in that order."""
        return tuple(self._rows)

    def rows(self, n: int, *, step: int, view: int) -> Any:
        """``n`` uniforms in (0, 1)."""
        key = (n, step, view)
        if key not in self._rows:
            (self._rows[key],) = self._fetch([key])
        return self._rows[key]


def no_rows(positions: Sequence[Asked]) -> list[Any]:
    """The source where all was drawn before.

    Raises:
        AssertionError: always.
    """
    raise AssertionError(positions)


def for_batch(
    count: int, device: torch.device, generator: torch.Generator | None, positions: Sequence[Asked]
) -> list[Any]:
    """Tensors ``[count]`` of a generator's next numbers; on the CPU one call gives what several do."""
    total = sum(n for n, _, _ in positions)
    drawn = torch.rand(total, count, dtype=torch.float64, device=device, generator=generator)
    return split_rows(list(drawn.clamp_(min=LEAST).unbind()), positions)


def halves(count: int, device: torch.device, positions: Sequence[Asked]) -> list[Any]:
    """Tensors ``[count]`` without chance, for a plan that only tells which rows a pipeline asks for."""
    half = torch.full((count,), 0.5, dtype=torch.float64, device=device)
    return [[half] * n for n, _, _ in positions]


def for_one(generator: torch.Generator | None, positions: Sequence[Asked]) -> list[Any]:
    """Numbers of a CPU generator: in one call, which gives what several do."""
    total = sum([n for n, _, _ in positions])
    drawn = torch.rand(total, dtype=torch.float64, generator=generator).tolist()
    if 0.0 in drawn:
        drawn = [u or LEAST for u in drawn]
    return split_rows(drawn, positions)


def checked_fetch(
    count: int, device: torch.device, generator: torch.Generator | None, addresses: Addresses | None
) -> Fetch:
    """The source of a batch's uniforms.

    Raises:
        TypeError: for what is no generator or no addresses.
        ValueError: for both sources, a generator on another device, or another number of addresses than images.
    """
    if generator is not None and not isinstance(generator, torch.Generator):
        raise TypeError(
            f"generator must be a torch.Generator, got {generator!r}; write torch.Generator().manual_seed(0)"
        )
    if addresses is not None and not isinstance(addresses, Addresses):
        raise TypeError(f"addresses must be jointaug.Addresses, got {addresses!r}; write Addresses(seed, epoch, index)")
    if addresses is None:
        if generator is not None and generator.device.type != device.type:
            raise ValueError(
                f"generator must be on the images' device {device}, got one on {generator.device}; "
                f"write torch.Generator({str(device)!r})"
            )
        return partial(for_batch, count, device, generator)
    if generator is not None:
        raise ValueError("give a generator or addresses, not both: an address says all that is drawn")
    if len(addresses) != count:
        raise ValueError(
            f"addresses must be one for each image, got {len(addresses)} for {count} images; index them alike"
        )
    return (addresses if addresses.index.device == device else addresses.to(device)).rows_at
