"""Tests run on each path that this machine has: torch alone, and the native kernel of each instruction set."""

import pytest
import torch

from jointaug._native import _library as _native
from jointaug.functional import _compiled

LEVELS = {"torch": -1, **{name: level for level, name in enumerate(_native.NAMES) if level <= _native.level}}
ON = _native.library


@pytest.fixture(params=list(LEVELS))
def path(request, monkeypatch):
    if request.param == "torch":
        monkeypatch.setattr(_native, "library", None)
    else:
        monkeypatch.setattr(_native, "library", ON)
        monkeypatch.setattr(_native, "level", LEVELS[request.param])
        # Images are shared among threads, whatever the environment says and however small they are.
        monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
        monkeypatch.setattr(_compiled, "GRAIN", 1)
    return request.param


@pytest.fixture(autouse=True)
def _quick_oracles():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
