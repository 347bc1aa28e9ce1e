"""How the compiled library is found, and refused."""

import pytest

from jointaug._native import _library as _native

needs_library = pytest.mark.skipif(_native.library is None, reason="installed without a compiler, or JOINTAUG_NATIVE=0")


@needs_library
def test_the_environment_turns_it_off(monkeypatch):
    monkeypatch.setenv("JOINTAUG_NATIVE", "0")
    assert _native._load() == (None, -1)
    monkeypatch.setenv("JOINTAUG_NATIVE", "1")
    assert _native._load()[1] == _native.level


@needs_library
def test_a_library_of_another_version_is_refused_with_a_remedy(monkeypatch):
    monkeypatch.setattr(_native, "INTERFACE", -5)
    with pytest.warns(RuntimeWarning, match="build_ext --inplace"):
        assert _native._load() == (None, -1)


def test_a_broken_library_is_refused_too(monkeypatch, tmp_path):
    (tmp_path / "_kernels.so").write_bytes(b"no library")
    monkeypatch.setattr(_native, "__file__", str(tmp_path / "_library.py"))
    monkeypatch.delenv("JOINTAUG_NATIVE", raising=False)
    with pytest.warns(RuntimeWarning, match="does not fit"):
        assert _native._load() == (None, -1)


def test_without_a_library_torch_does_it(monkeypatch, tmp_path):
    monkeypatch.setattr(_native, "__file__", str(tmp_path / "_library.py"))
    assert _native._load() == (None, -1)
