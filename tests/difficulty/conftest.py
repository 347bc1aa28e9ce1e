"""Results that several tests of this folder look at."""

from __future__ import annotations

import pytest

from jointaug.difficulty import sdf

from .cases import COLORS, POLICIES, mean_color


@pytest.fixture(scope="module")
def results():
    return sdf(mean_color, COLORS, POLICIES, seed=5, draws=3)
