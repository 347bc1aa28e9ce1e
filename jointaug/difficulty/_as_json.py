"""Numbers of results of `sdf` as JSON has them, exactly: every one comes back bit for bit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, get_args

import torch
from torch import Tensor

from ._estimates import Estimate, Target

VERSION: Final = 1


def of_estimate(estimate: Estimate) -> dict[str, Any]:
    """The numbers of an estimate."""
    error = estimate._error  # noqa: SLF001 (a property would refuse where there is none)
    return {
        "mean": estimate.mean,
        "level": estimate.level,
        "target": estimate.target,
        "images": estimate.images,
        "draws": estimate.draws,
        "error": None if math.isnan(error) else error,
        "freedom": float(estimate._freedom),  # noqa: SLF001
    }


def numbers_of(data: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of an `Estimate`, from its numbers."""
    if data["target"] not in get_args(Target):
        raise ValueError(f"target is {data['target']!r}")
    return {
        **{name: float(data[name]) for name in ("mean", "level")},
        "target": data["target"],
        **{name: int(data[name]) for name in ("images", "draws")},
        "_error": math.nan if data["error"] is None else float(data["error"]),
        "_freedom": float(data["freedom"]),
    }


def of_columns(columns: Mapping[str, Tensor]) -> dict[str, Any]:
    """Columns ``[n]``: dtype and values, ``None`` for nan."""
    return {
        name: {
            "dtype": str(column.dtype).removeprefix("torch."),
            "values": [None if math.isnan(value) else value for value in column.tolist()],
        }
        for name, column in columns.items()
    }


def columns_of(data: Mapping[str, Any]) -> dict[str, Tensor]:
    """The columns again."""
    return {
        name: torch.tensor(
            [math.nan if value is None else value for value in column["values"]], dtype=getattr(torch, column["dtype"])
        )
        for name, column in data.items()
    }
