"""Every test here draws without pyplot and leaves matplotlib's settings alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import matplotlib as mpl
import pytest


@pytest.fixture(autouse=True)
def _no_pyplot_and_no_traces(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Importing pyplot fails, and matplotlib's settings are the same afterwards."""
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    before = mpl.rcParams.copy()
    yield
    assert mpl.rcParams.copy() == before
