"""What must not go out is refused: wheels made wrong, one way at a time."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from jointaug._native import _library as _native

LINUX = "manylinux_2_28_x86_64"


def wheel(folder, platform, *, inside=None, files=("jointaug/_native/_kernels.so",), python="py3-none"):
    """An empty wheel."""
    path = folder / f"jointaug-0.1.0-{python}-{platform}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("jointaug-0.1.0.dist-info/WHEEL", f"Wheel-Version: 1.0\nTag: {python}-{inside or platform}\n")
        for name in files:
            archive.writestr(name, b"library")
    return path


@pytest.fixture
def read(monkeypatch):
    """The libraries that were looked at, instead of looking."""
    import check

    seen = []
    monkeypatch.setattr(check, "check_library", lambda library, platform: seen.append((library, platform)))
    return seen


@pytest.mark.parametrize("platform", [LINUX, "manylinux_2_28_aarch64", "macosx_11_0_arm64", "win_amd64"])
def test_a_good_one(tmp_path, read, platform):
    import check

    library = "jointaug/_native/_kernels." + ("dll" if platform == "win_amd64" else "so")
    assert check.check_wheel(wheel(tmp_path, platform, files=[library, "jointaug/py.typed"])) == platform
    assert read == [(b"library", platform)]


BAD = {
    "for any platform": {"platform": "any"},
    "for one Python": {"platform": LINUX, "python": "cp311-cp311"},
    "another tag inside": {"platform": LINUX, "inside": "linux_x86_64"},
    "without its library": {"platform": LINUX, "files": ["jointaug/py.typed"]},
    "Linux's library for Windows": {"platform": "win_amd64"},
    "two libraries": {"platform": LINUX, "files": ["jointaug/_native/_kernels.so", "jointaug/_native/_kernels.dll"]},
    "files of others": {"platform": LINUX, "files": ["jointaug/_native/_kernels.so", "tests/test_api.py"]},
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_one(tmp_path, read, name):
    import check

    with pytest.raises(check.Refused):
        check.check_wheel(wheel(tmp_path, **BAD[name]))
    assert not read


@pytest.mark.skipif(_native.library is None, reason="installed without a compiler, or JOINTAUG_NATIVE=0")
def test_a_checkouts_library_is_no_wheels():
    """gcc's is not stripped, and no other platform's."""
    pytest.importorskip("lief", reason="comes with make wheels")
    import check

    library = Path(_native.library._name).read_bytes()
    for platform in (LINUX, "manylinux_2_28_aarch64", "macosx_11_0_arm64", "win_amd64"):
        with pytest.raises(check.Refused, match=platform):
            check.check_library(library, platform)
