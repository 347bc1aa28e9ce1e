"""The trainer's rooms import downwards only, it is no part of the library's wheel, and no script changes sys.path."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import trainer
from setuptools import find_packages

TRAINER = Path(trainer.__file__).parent
ROOT = TRAINER.parents[1]
ROOMS = (
    "record",
    "inputs",
    "networks",
    "methods",
    "evaluation",
    "detection",
    "papers",
    "training",
)  # each may import from earlier ones


def imported(path: Path) -> set[str]:
    """The rooms that a module imports from."""
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level or not (node.module or "").startswith("trainer"), "inside a package imports are relative"
            base = path.relative_to(TRAINER).parts[: -node.level] if node.level else ("elsewhere",)
            whole = [*base, *(node.module or "").split(".")]
            rooms |= {alias.name for alias in node.names} if whole == [""] else {whole[0]}
    return rooms & set(ROOMS)


def test_every_room_is_listed():
    assert {path.parent.name for path in TRAINER.glob("*/__init__.py")} == set(ROOMS)
    assert ", ".join(ROOMS) in " ".join((trainer.__doc__ or "").split())


@pytest.mark.parametrize("path", sorted(TRAINER.glob("*/*.py")), ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_imports_run_downwards(path):
    own = ROOMS.index(path.parent.name)
    assert imported(path) <= set(ROOMS[: own + 1])


def test_the_reader_of_imports_sees_them():
    assert imported(TRAINER / "training" / "loop.py") >= {"record", "inputs", "networks", "methods", "training"}


def test_the_wheel_of_jointaug_has_no_trainer():
    include = re.search(r'find\]\ninclude = \["(.*?)"\]', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))[1]
    assert {name.split(".")[0] for name in find_packages(str(ROOT), include=[include])} == {"jointaug"}
    assert {name.split(".")[0] for name in find_packages(str(ROOT / "examples"), include=["trainer*"])} == {"trainer"}


@pytest.mark.parametrize("folder", ["examples", "benchmarks", "docs"])
def test_no_script_changes_the_path(folder):
    changing = re.compile(r"sys\.path(\.(insert|append|extend)|\[)")
    files = [path for path in (ROOT / folder).rglob("*.py") if path.name != "conf.py"]
    assert [path.name for path in files if changing.search(path.read_text(encoding="utf-8"))] == []


def test_without_the_extra_a_script_says_which_to_install():
    """tqdm stands for all of it: whoever lacks the extra lacks it. One module asks for it, for all scripts."""
    scripts = ROOT / "examples"
    importing = [path for path in scripts.rglob("*.py") if "from tqdm" in path.read_text(encoding="utf-8")]
    assert importing == [TRAINER / "record" / "progress.py"]
    code = f"import runpy, sys; sys.modules['tqdm'] = None; runpy.run_path({str(scripts / 'pretrain.py')!r})"
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert outcome.returncode
    assert outcome.stderr.splitlines()[-1].startswith("ModuleNotFoundError: the trainer needs tqdm, which is not")
    assert "pip install 'jointaug[examples]'" in outcome.stderr
