"""How the compiled library is found, and refused, and how its absence is told."""

import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from jointaug import JointCrop, fuse
from jointaug._native import _library as _native

needs_library = pytest.mark.skipif(_native.library is None, reason="installed without a compiler, or JOINTAUG_NATIVE=0")


@needs_library
def test_the_environment_turns_it_off(monkeypatch):
    monkeypatch.setenv("JOINTAUG_NATIVE", "0")
    assert _native._load() == (None, -1, _native.UNWANTED)
    monkeypatch.setenv("JOINTAUG_NATIVE", "1")
    assert _native._load()[1] == _native.level


@needs_library
def test_a_library_of_another_version_is_refused_with_a_remedy(monkeypatch):
    monkeypatch.setattr(_native, "INTERFACE", -5)
    with pytest.warns(RuntimeWarning, match="build_ext --inplace"):
        library, level, absence = _native._load()
    assert (library, level) == (None, -1)
    assert "does not fit" in absence


def test_a_broken_library_is_refused_too(monkeypatch, tmp_path):
    (tmp_path / "_kernels.so").write_bytes(b"no library")
    monkeypatch.setattr(_native, "__file__", str(tmp_path / "_library.py"))
    monkeypatch.delenv("JOINTAUG_NATIVE", raising=False)
    with pytest.warns(RuntimeWarning, match="does not fit"):
        assert _native._load()[:2] == (None, -1)


def test_without_a_library_torch_does_it(monkeypatch, tmp_path):
    monkeypatch.setattr(_native, "__file__", str(tmp_path / "_library.py"))
    monkeypatch.delenv("JOINTAUG_NATIVE", raising=False)
    assert _native._load() == (None, -1, _native.MISSING)


# ---- no silent slowness --------------------------------------------------------------------------------------------


@pytest.fixture
def missing(monkeypatch):
    """As after an installation without a compiler, in a process that has said nothing yet."""
    monkeypatch.setattr(_native, "library", None)
    monkeypatch.setattr(_native, "absence", _native.MISSING)
    _native._warn_of_missing.cache_clear()
    yield
    _native._warn_of_missing.cache_clear()


def warnings_of(work):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        work()
    return [str(warning.message) for warning in caught]


CALLS = {
    "image": lambda fused, images: fused(images[0]),
    "batch": lambda fused, images: fused(images),
    "samples": lambda fused, images: fused.samples([(image, 0) for image in images]),
    "plan": lambda fused, images: fused.transform(images, fused.make_params(images)),
}


@pytest.mark.parametrize("call", CALLS)
def test_the_first_fused_call_says_it_once(missing, call):
    fused, images = fuse(JointCrop(8)), torch.rand(2, 3, 16, 16)
    (said,) = warnings_of(lambda: [CALLS[call](fused, images), CALLS[call](fused, images), fuse(JointCrop(4))(images)])
    assert "no compiled library was installed" in said
    assert "several times as slow" in said
    assert "build_ext --inplace" in said
    assert "JOINTAUG_NATIVE=0" in said


def test_not_before_a_call(missing):
    assert not warnings_of(lambda: fuse(JointCrop(8)).make_params(torch.rand(2, 3, 16, 16)))


@pytest.mark.parametrize("absence", ["", _native.UNWANTED, "_kernels.so does not fit"])
def test_who_asked_for_torch_or_was_told_at_import_hears_nothing(missing, monkeypatch, absence):
    monkeypatch.setattr(_native, "absence", absence)
    assert not warnings_of(lambda: fuse(JointCrop(8))(torch.rand(2, 3, 16, 16)))


def test_not_for_a_gpus_images(missing):
    with FakeTensorMode():
        assert not warnings_of(lambda: _native.warn_if_missing(torch.empty(3, 8, 8, device="cuda")))


def test_of_a_loaders_workers_the_first_says_it(missing, monkeypatch):
    image = torch.rand(3, 16, 16)
    monkeypatch.setattr(_native, "get_worker_info", lambda: SimpleNamespace(id=1))
    assert not warnings_of(lambda: fuse(JointCrop(8))(image))
    monkeypatch.setattr(_native, "get_worker_info", lambda: SimpleNamespace(id=0))
    assert len(warnings_of(lambda: fuse(JointCrop(8))(image))) == 1


def test_an_installation_without_the_library(tmp_path):
    """Copied, not played: the package without its library, in a process of its own."""
    package = Path(_native.__file__).parents[1]
    shutil.copytree(package, tmp_path / "jointaug", ignore=shutil.ignore_patterns("*.so", "*.dll", "__pycache__"))
    code = """
import jointaug, torch
fused = jointaug.fuse(jointaug.JointCrop(8))
for _ in range(3):
    fused(torch.rand(2, 3, 16, 16))
jointaug.show_config()
"""
    said = {}
    for native in ("1", "0"):
        environment = {**os.environ, "PYTHONPATH": str(tmp_path), "JOINTAUG_NATIVE": native}
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        )
        assert str(tmp_path / "jointaug") in done.stdout
        said[native] = done.stderr.count("RuntimeWarning"), done.stdout.partition("kernels")[2].splitlines()[0].strip()
    assert said == {"1": (1, f"torch: {_native.MISSING}"), "0": (0, f"torch: {_native.UNWANTED}")}
