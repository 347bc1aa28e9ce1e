"""On a machine that is lent: without sybil, without git, jointaug on the path and not installed.

All three are hidden from a process of its own, by a module that Python imports when it starts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HIDE = """
import importlib.metadata
import sys
import warnings


class Hidden:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] == "sybil":
            raise ModuleNotFoundError("No module named 'sybil'", name="sybil")


sys.meta_path.insert(0, Hidden)
known = importlib.metadata.Distribution.from_name


def from_name(name):
    if name in ("jointaug", "jointaug-trainer", "sybil"):
        raise importlib.metadata.PackageNotFoundError(name)
    return known(name)


importlib.metadata.Distribution.from_name = from_name
"""

FEW = "import trainer.inputs.data as data; data.RENDERED_TEST = 9"
"""Pictures held out, where 9,000 would be rendered: there is no cache."""


@pytest.fixture
def bare(tmp_path):
    """Runs Python there; what it printed."""
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "sitecustomize.py").write_text(HIDE)
    (tmp_path / "nothing").mkdir()

    def run(*words, **more):
        path = os.pathsep.join(map(str, (tmp_path / "hidden", ROOT, ROOT / "examples", ROOT / "benchmarks")))
        environment = {**os.environ, "PYTHONPATH": path, "PATH": str(tmp_path / "nothing"), **more}
        done = subprocess.run(
            [sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_it_is_bare(bare):
    code = """
import importlib.metadata, shutil
assert shutil.which("git") is None
for name, ask in {"sybil": __import__, "jointaug": importlib.metadata.version}.items():
    try:
        ask(name)
    except ImportError as error:
        print(type(error).__name__)
"""
    assert bare("-c", code).split() == ["ModuleNotFoundError", "PackageNotFoundError"]


def test_tests_run(bare):
    out = bare("-m", "pytest", "-p", "no:cacheprovider", "tests/examples/record/test_machine.py")
    assert " passed" in out
    assert "sybil is not installed: the examples of README.md, docs/ and docstrings are not run" in out


def test_a_run_of_the_trainer_leaves_its_result(bare, tmp_path):
    out = tmp_path / "run"
    words = ["--epochs", "1", "--batch", "9", "--warmup", "0", "--threads", "1", "--device", "cpu", "--knn_every", "0"]
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    code = f"{FEW}; import sys, pretrain; sys.exit(pretrain.main())"
    bare("-c", code, "simclr-rendered", "--data", "rendered:9", "--out", str(out), *words, **cache)
    result = json.loads((out / "result.json").read_text())
    assert (result["step"], result["commit"]) == (1, "unknown")
    assert result["machine"]["jointaug"] == "from a checkout, not installed"


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(bare, tmp_path):
    (tmp_path / "file").touch()
    code = f"{FEW}; print(len(data.open_data('rendered:9').train))"
    assert bare("-c", code, XDG_CACHE_HOME=str(tmp_path / "file")).split() == ["9"]


def test_a_benchmark_saves_where_it_is_told(bare, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in (ROOT / "benchmarks" / "results").rglob("*")}
    code = "import interleaved; print(interleaved.save('some', {'seconds': 1}))"
    out = tmp_path / "out" / "deeper"
    assert bare("-c", code, OUT=str(out)).strip() == str(out / "some.json")
    saved = json.loads((out / "some.json").read_text())
    assert (saved["seconds"], saved["machine"]["commit"]) == (1, "unknown")
    assert "torch" in saved["machine"]["versions"]
    assert {path: path.stat().st_mtime_ns for path in (ROOT / "benchmarks" / "results").rglob("*")} == before


def test_the_switch_that_finds_waiting_may_warn(no_waiting, monkeypatch):
    """torch says once that it is a prototype, and here warnings are errors; without a GPU, a stand-in says so."""
    modes = []

    def switch(mode):
        modes.append(mode)
        if mode == "error":
            warnings.warn(
                "Synchronization debug mode is a prototype feature and does not yet detect all of them",
                UserWarning,
                stacklevel=2,
            )

    monkeypatch.setattr("torch.cuda.set_sync_debug_mode", switch)
    with no_waiting():
        assert modes == ["error"]
        with pytest.raises(UserWarning, match="another"):
            warnings.warn("another", UserWarning, stacklevel=1)
    assert modes == ["error", "default"]
