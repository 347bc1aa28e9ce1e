"""`show_config`: each line against what it speaks of."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from types import SimpleNamespace

import PIL
import pytest
import torch

import jointaug
from jointaug._native import _library as _native


@pytest.fixture
def shown(capsys):
    """What is printed, by the word at the start of each line."""

    def show():
        assert jointaug.show_config() is None
        return {line[:12].strip(): line[12:] for line in capsys.readouterr().out.splitlines()}

    return show


def test_its_lines(shown):
    assert list(shown()) == ["jointaug", "Python", "packages", "kernels", "threads", "GPU", "variables"]


def test_versions(shown):
    lines = shown()
    assert lines["jointaug"] == f"{jointaug.__version__}, {jointaug.__path__[0]}"
    assert lines["Python"].split(", ")[0] == platform.python_version()
    packages = dict(package.split(" ") for package in lines["packages"].split(", "))
    assert (packages["torch"], packages["pillow"]) == (version("torch"), PIL.__version__)
    for absent in {"triton", "timm", "lightning"} - packages.keys():
        with pytest.raises(PackageNotFoundError):
            version(absent)


def test_kernels(shown, monkeypatch):
    monkeypatch.setattr(_native, "library", object())
    monkeypatch.setattr(_native, "absence", "")
    for level, name in enumerate(["portable", "avx2", "avx512"]):
        monkeypatch.setattr(_native, "level", level)
        assert shown()["kernels"] == name
    monkeypatch.setattr(_native, "library", None)
    monkeypatch.setattr(_native, "absence", _native.UNWANTED)
    assert shown()["kernels"] == "torch: JOINTAUG_NATIVE=0 in the environment"


def test_threads(shown, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    assert shown()["threads"] == f"3 of torch, {len(os.sched_getaffinity(0))} processors for this process"
    monkeypatch.delattr(os, "sched_getaffinity")
    assert shown()["threads"] == f"3 of torch, {os.cpu_count()} processors for this process"


def test_cards(shown, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert shown()["GPU"] == "none that torch can use"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    card = SimpleNamespace(name="Some card", major=9, minor=0)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: card)
    assert shown()["GPU"] == "Some card (compute capability 9.0), Some card (compute capability 9.0)"


def test_variables(shown, monkeypatch):
    for name in ("JOINTAUG_NATIVE", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    assert shown()["variables"] == "none"
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert shown()["variables"] == "OMP_NUM_THREADS=2"
