"""Modules whose state has a size: what loading a state of another size says."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


class SizedState(nn.Module):
    """A module that answers a state of another shape with its name, the rule, both shapes and the remedy."""

    _remedy = ""

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        errors: list[str] = args[-1]
        for name, own in self.named_buffers(recurse=False):
            value = state_dict.get(prefix + name)
            if isinstance(value, Tensor) and value.shape != own.shape:
                errors.append(
                    f"{prefix}{name} must have the shape of this {type(self).__name__}, {tuple(own.shape)}, "
                    f"got {tuple(value.shape)}; {self._remedy}"
                )
                return
        super()._load_from_state_dict(state_dict, prefix, *args)
