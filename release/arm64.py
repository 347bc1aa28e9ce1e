"""The wheel for Linux on arm64, put to use on this machine: `make wheels-arm64`.

qemu runs its instructions. Python comes from this system's packages for arm64, unpacked into a folder and not
installed; torch and the rest are wheels. That folder is kept: it is made once.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from check import Refused, check_wheel, need, show, test

ROOT = Path(__file__).resolve().parents[1]
PLATFORM = "manylinux_2_28_aarch64"
PACKAGES = ("python3", "libgomp1", "libstdc++6")
PAIR = ("torch==2.8.0", "torchvision==0.23.0")  # the lowest: newer wheels ask for CUDA's packages
WITH = ("numpy", "scipy", "pillow", "pytest", "sybil", "hypothesis", "pycocotools")
# Whatever asks an x86 processor, a compiler, the C sources or Triton is left out, and so is what runs on torch alone:
# its convolutions for arm64 round an image by its company, where tests want the same bits.
TESTS = [
    "README.md",
    "tests/test_about.py",
    "tests/native/test_library.py",
    "tests/functional/test_blur.py",
    "tests/functional/test_color.py",
    "-k",
    "not torch",
]


def found(*names: str) -> str:
    """The first program of these that is on the path.

    Raises:
        SystemExit: if there is none.
    """
    for name in names:
        if path := shutil.which(name):
            return path
    raise SystemExit(f"make wheels-arm64 needs {names[0]}, which is not on the path: apt install qemu-user-static")


def unpack(home: Path) -> None:
    """Download Debian's or Ubuntu's Python for arm64 with what it needs, as its own apt, and unpack it.

    Args:
        home: folder for it; this system's list of packages is left alone.
    """
    for name in ("state/lists/partial", "cache/archives/partial", "root"):
        (home / name).mkdir(parents=True)
    (home / "status").touch()  # nothing is installed there, so that all that is needed comes
    (home / "apt.conf").write_text(
        f"""APT::Architecture "arm64";
APT::Architectures {{ "arm64"; }};
APT::Install-Recommends "false";
APT::Sandbox::User "";
Debug::NoLocking "true";
Dir::State "{home}/state";
Dir::State::status "{home}/status";
Dir::Cache "{home}/cache";
"""
    )
    apt: dict[str, Any] = {"env": {**os.environ, "APT_CONFIG": str(home / "apt.conf")}, "check": True}
    subprocess.run([found("apt-get"), "-q", "update"], **apt)
    subprocess.run(["apt-get", "-q", "-y", "--download-only", "install", *PACKAGES], **apt)
    for package in sorted((home / "cache" / "archives").glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", str(package), str(home / "root")], check=True)


def make(home: Path) -> None:
    """An emulated Python with torch, at `python`.

    Args:
        home: folder, which must not be moved: its script names it.
    """
    qemu = found("qemu-aarch64-static", "qemu-aarch64")
    unpack(home)
    root = home / "root"
    (interpreter,) = root.glob("usr/bin/python3.[0-9]*[0-9]")
    python(home).write_text(f'#!/bin/sh\nexec {qemu} -L {root} -0 {python(home)} {interpreter} "$@"\n')
    python(home).chmod(0o755)
    install(home, *PAIR, *WITH)
    (home / "made").touch()


def python(home: Path) -> Path:
    """The emulated Python: a script that calls qemu, beside the real one, which finds its modules from there."""
    return home / "root" / "usr" / "bin" / "python-by-qemu"


def packages(home: Path) -> Path:
    """A folder in which that Python looks for packages by itself."""
    return home / "root" / "usr" / "lib" / "python3" / "dist-packages"


def install(home: Path, *what: str) -> None:
    """Install by that Python: this environment's pip, run there, finds which wheels fit."""
    pip = Path(sysconfig.get_paths()["purelib"], "pip")
    words = ["install", "--quiet", "--disable-pip-version-check", "--no-compile", "--only-binary", ":all:", "--upgrade"]
    command = [str(python(home)), str(pip), *words, "--target", str(packages(home)), *what]
    subprocess.run(command, check=True)


def main(dist: Path, home: Path, tests: list[str]) -> None:
    """Install the wheel there, and use it.

    Args:
        dist: folder with the sdist and the wheel.
        home: folder of the emulated Python; made where there is none.
        tests: files of the sdist, and what else pytest is told.
    """
    (sdist,) = dist.glob("jointaug-*.tar.gz")
    (wheel,) = dist.glob(f"jointaug-*-{PLATFORM}.whl")
    check_wheel(wheel)
    if not (home / "made").exists():
        shutil.rmtree(home, ignore_errors=True)
        make(home)
    shutil.rmtree(packages(home) / "jointaug", ignore_errors=True)
    install(home, "--no-deps", str(wheel))
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "JOINTAUG_NATIVE")}
    with tempfile.TemporaryDirectory() as folder:
        kernels = show(wheel, str(python(home)), packages(home), env)
        need(kernels == "portable", f"{wheel.name}: on arm64 it runs {kernels}")
        print(f"{wheel.name}: kernels: {kernels}", flush=True)
        print(f"of the sdist, {test(sdist, Path(folder), str(python(home)), tests, env)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "dist", nargs="?", type=Path, default=ROOT / "dist", help="folder with the sdist and the wheels"
    )
    parser.add_argument("--home", type=Path, default=ROOT / ".venv-arm64", help="folder of the emulated Python")
    parser.add_argument("--tests", nargs=argparse.REMAINDER, default=TESTS, help="the sdist's, as pytest is told")
    given = parser.parse_args()
    try:
        main(given.dist.resolve(), given.home.resolve(), given.tests)
    except Refused as refused:
        raise SystemExit(f"refused: {refused}") from None
