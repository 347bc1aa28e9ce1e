"""The ways of drawing negatives."""

from __future__ import annotations

import pytest

from jointaug._native import _library as _native
from jointaug.neighbors import _negatives


@pytest.fixture(params=["native", "numpy", "torch"])
def path(request, monkeypatch):
    """All ways of drawing: the two for a CPU, and the one for any device."""
    if request.param == "native" and _native.library is None:
        pytest.skip("installed without a compiler, or JOINTAUG_NATIVE=0")
    if request.param == "numpy":
        monkeypatch.setattr(_native, "library", None)
    monkeypatch.setattr(_negatives, "by_numpy", lambda scores: request.param != "torch")
