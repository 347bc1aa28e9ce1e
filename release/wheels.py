"""The sdist, and from it a wheel for each platform of setup.py's table: `make wheels`.

That environment has the pinned versions. The same commit gives the same bytes in any folder.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from archives import epoch, repack

ROOT = Path(__file__).resolve().parents[1]
TAGS = ("manylinux_2_28_x86_64", "manylinux_2_28_aarch64", "macosx_11_0_arm64", "win_amd64")


def tracked() -> list[Path]:
    """The files of this checkout, relative to it: those that git knows; of an unpacked sdist, all."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        return [Path(name) for name in listed.split("\0") if name and (ROOT / name).exists()]
    files = (path.relative_to(ROOT) for path in sorted(ROOT.rglob("*")) if path.is_file())
    made = (".egg-info", "_cache", "__pycache__", "PKG-INFO", "setup.cfg")
    kept = [path for path in files if not any(part.endswith(made) for part in path.parts)]
    return [path for path in kept if path.parts[0] not in ("build", "dist") and not path.parts[0].startswith(".venv")]


def build(kind: str, source: Path, out: Path, **environment: str) -> Path:
    """What ``python -m build`` makes of a folder.

    Args:
        kind: ``"sdist"`` or ``"wheel"``.
        source: folder with pyproject.toml.
        out: folder for the result.
        environment: variables to add.
    """
    with tempfile.TemporaryDirectory() as made:
        command = [sys.executable, "-m", "build", f"--{kind}", "--no-isolation", "--outdir", made, str(source)]
        done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
        (path,) = Path(made).iterdir()
        return Path(shutil.copy(path, out / path.name))


def make(out: Path, tags: list[str]) -> None:
    """Sdist and wheels, into a folder; what it has of other builds is removed.

    Args:
        out: that folder.
        tags: platforms of the wheels.
    """
    date = epoch(ROOT)
    dated = {"SOURCE_DATE_EPOCH": str(date)}
    out.mkdir(parents=True, exist_ok=True)
    for old in (*out.glob("jointaug-*.whl"), *out.glob("jointaug-*.tar.gz")):
        old.unlink()
    with tempfile.TemporaryDirectory() as folder:
        clean = Path(folder, "checkout")  # setuptools would read the list of names that an older build left
        for name in tracked():
            (clean / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, clean / name)
        sdist = build("sdist", clean, out, **dated)
        repack(sdist, date)
        print(sdist.name, flush=True)
        for tag in tags:
            source = Path(folder, tag)
            with tarfile.open(sdist) as archive:  # what an sdist lacks, no wheel has
                archive.extractall(source, filter="data")
            (top,) = source.iterdir()
            wheel = build("wheel", top, out, JOINTAUG_WHEEL=tag, **dated)
            print(wheel.name, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tag", action="append", choices=TAGS, help="one of the platforms; all by default")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder of the results")
    given = parser.parse_args()
    os.umask(0o022)
    make(given.out, given.tag or list(TAGS))
