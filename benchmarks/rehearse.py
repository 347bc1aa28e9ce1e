"""The half hour on a GPU, rehearsed: all of it, tiny, on the CPU, where there is no git, no sybil and no jointaug.

    python benchmarks/rehearse.py PYTHON --keep DIR    # of torch 2.11, say; results stay in DIR

A copy of the checkout goes into a folder with 200 images of each of ten classes, and ``gpu.sh`` runs there as it will
on the machine that is lent: in three calls, the last of which is asked for everything again and passes it over.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from half_hour import ARCHIVE, ROOT, STAGES
from PIL import Image

LEFT_OUT = shutil.ignore_patterns(
    *(".git", ".venv*", "*.so", "__pycache__", "*.egg-info", ".*_cache", ".hypothesis", "_build", "build", "demo"),
    *("generated", "carry", "runs"),
)
FILES, FILE_SIZE, DEPTH = 8, 16 * 2**20, 3  # what comes back from a machine that is lent


def archive(path: Path, per_class: int = 200) -> None:
    """CIFAR-10's classes, by number; noise."""
    chance = np.random.default_rng(0)
    with tarfile.open(path, "w:xz") as files:
        for part, count in (("train", per_class), ("test", per_class // 4)):
            for number in range(10 * count):
                data = io.BytesIO()
                Image.fromarray(chance.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(data, "JPEG")
                member = tarfile.TarInfo(f"{part}/class{number % 10}/{number // 10:04d}.jpg")
                member.size = data.tell()
                data.seek(0)
                files.addfile(member, data)


def path_without_git(folder: Path, python: Path) -> str:
    """A PATH of this Python and what else programs call, but for git."""
    folder.mkdir()
    (folder / "python3").write_text(f'#!/bin/sh\nexec "{python}" "$@"\n')
    (folder / "python3").chmod(0o755)
    for place in os.environ["PATH"].split(os.pathsep):
        for tool in Path(place).glob("*") if Path(place).is_dir() else ():
            if not tool.name.startswith(("git", "python", "pip")) and not (folder / tool.name).exists():
                (folder / tool.name).symlink_to(tool)
    return str(folder)


def main(arguments: Sequence[str] | None = None) -> int:
    """Rehearse; 0 if all went as it should."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("python", type=Path, help="of an environment with torch, torchvision, scipy, pytest, tqdm")
    parser.add_argument("--keep", type=Path, help="where results stay (default: nowhere)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tree, out = folder / "tree", folder / "out"
        shutil.copytree(ROOT, tree, ignore=LEFT_OUT)
        (tree / "carry").mkdir()
        archive(tree / "carry" / ARCHIVE)
        environment = {
            "PATH": path_without_git(folder / "bin", options.python.absolute()),
            "HOME": name,
            "OUT": str(out),
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
        }
        found = (
            "import importlib.util as u, shutil; "
            "print([name for name in ('sybil', 'jointaug') if u.find_spec(name)], shutil.which('git'))"
        )
        told = subprocess.run(
            [options.python, "-c", found], cwd=folder, env=environment, capture_output=True, text=True, check=True
        ).stdout.strip()
        wrong = [] if told == "[] None" else [f"not bare: {told}"]
        for stages in ("1-5", "6-7", "1-7"):
            shutil.rmtree(out, ignore_errors=True)
            words = ["--stages", stages, "--device", "cpu", "--tiny", "--work", str(folder / "work")]
            code = subprocess.run([tree / "benchmarks" / "gpu.sh", *words], env=environment, check=False).returncode
            wrong += [f"stages {stages} ended with {code}"] * (code != 0)
            wrong += too_much(out)
        if (out / "log.txt").read_text().count("done before") != len(STAGES):
            wrong.append("the third call did stages anew")
        if options.keep:
            shutil.copytree(out, options.keep, dirs_exist_ok=True)
        stages_ = json.loads((out / "stages.json").read_text())
        wrong += [
            f"{name}: {stages_.get(name)}"
            for name, _ in STAGES.values()
            if stages_.get(name, {}).get("status") != "done"
        ]
    print("\n".join(["the rehearsal FAILED:", *wrong] if wrong else ["the rehearsal went well"]))
    return 1 if wrong else 0


def too_much(out: Path) -> list[str]:
    """What could not come back."""
    files = [path for path in out.rglob("*") if path.is_file()]
    large = [path.name for path in files if path.stat().st_size > FILE_SIZE]
    return [f"{len(files)} files"] * (len(files) > FILES) + [f"too large: {large}"] * bool(large)


if __name__ == "__main__":
    sys.exit(main())
