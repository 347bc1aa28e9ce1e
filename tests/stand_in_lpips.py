"""A stand-in for the package lpips, which is not in the development environment and whose weights nobody has here."""

from __future__ import annotations

import sys
import types

import pytest
from torch import Tensor, nn


class LPIPS(nn.Module):
    """The part of ``lpips.LPIPS`` that is called: images on [-1, 1] to ``[B, 1, 1, 1]``."""

    def __init__(
        self, pretrained: bool = True, net: str = "alex", pnet_rand: bool = False, verbose: bool = True
    ) -> None:
        del verbose
        assert not pretrained
        assert pnet_rand, "the trunk's weights would be downloaded"
        super().__init__()
        self.layer = nn.Conv2d(3, 4 if net == "alex" else 5, 3)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """The distances of pairs of images."""
        return (self.layer(a) - self.layer(b)).square().mean((1, 2, 3), keepdim=True)


def made(net: str = "alex") -> LPIPS:
    """One with weights at random."""
    return LPIPS(pretrained=False, pnet_rand=True, net=net)


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the package's place, for one test."""
    module = types.ModuleType("lpips")
    module.LPIPS = LPIPS  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "lpips", module)
