"""The page of frameworks shows the files that ``make frameworks`` runs, and what it says of them is what they are."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "benchmarks" / "frameworks"
PAGE = ROOT / "docs" / "how-to" / "in-your-framework.md"
RESULT = ROOT / "benchmarks" / "results" / "frameworks.json"


@pytest.fixture(scope="module")
def command():
    """The module of the command."""
    spec = spec_from_file_location("frameworks_run", FOLDER / "run.py")
    module = module_from_spec(spec)
    path = list(sys.path)
    spec.loader.exec_module(module)
    sys.path[:] = path
    return module


def frameworks():
    return sorted(path.name for path in FOLDER.iterdir() if (path / "before.py").exists())


def test_the_command_knows_every_folder(command):
    assert sorted(command.FRAMEWORKS) == frameworks()


@pytest.mark.parametrize("name", frameworks())
def test_the_page_shows_the_files(name):
    """The first and the last one whole, each later one as what it changes: they cannot drift from what is run."""
    page, here = PAGE.read_text(), f"../../benchmarks/frameworks/{name}"
    assert f"```{{literalinclude}} {here}/before.py\n:language: python\n```" in page
    for old, new in (("before", "crop"), ("crop", "fused"), ("fused", "addressed")):
        assert f"```{{literalinclude}} {here}/{new}.py\n:diff: {here}/{old}.py\n```" in page
    whole = f"</summary>\n\n```{{literalinclude}} {here}/addressed.py\n:language: python\n```\n\n</details>"
    assert page.count(whole) == 1
    for path in (FOLDER / name).glob("*.py"):
        assert f"{here}/{path.name}" in page


@pytest.mark.parametrize("name", frameworks())
def test_lines_changed(command, name):
    """One for JointCrop, one for `fuse`, at most three for addresses; and the kept table has the same counts."""
    counted = command.lines(name)
    for stage, most in {"crop": 1, "fused": 1, "addressed": 3}.items():
        assert 1 <= counted[stage]["written"] <= most
    assert counted == json.loads(RESULT.read_text())["frameworks"][name]["lines"]


def test_lines_are_counted(command, tmp_path):
    """By hand: one line rewritten, one new, two gone for one; imports, in brackets too, and blank lines are none."""
    old, new = tmp_path / "old.py", tmp_path / "new.py"
    old.write_text("import a\n\nx = 1\ny = 2\nz = 3\nkept = 0\n")
    new.write_text("from a import (\n    b,\n    c,\n)\nx = 2\ny = 2\nkept = 0\nw = 1\n")
    assert command.changed(old, new) == (2, 1)


def test_all_held_where_it_was_measured():
    kept = json.loads(RESULT.read_text())["frameworks"]
    assert sorted(kept) == frameworks()
    assert not [name for name, row in kept.items() if row["wrong"]]


def test_the_kept_table_is_written_from_the_kept_result(command):
    kept = json.loads(RESULT.read_text())
    assert command.markdown(kept, kept["machine"]) == RESULT.with_suffix(".md").read_text()


@pytest.mark.parametrize(("rounds", "said"), [(1, "; one run each;"), (3, "; medians of 3 interleaved runs;")])
def test_the_table_says_how_often_each_ran(command, rounds, said):
    kept = json.loads(RESULT.read_text()) | {"rounds": rounds}
    assert said in command.markdown(kept, kept["machine"]).splitlines()[0]


def test_the_snippets_of_pytorch_run_and_repeat():
    """In a process of its own, for it forks: `check` of the first row, without its slow stages."""
    script = """
        import sys, tempfile
        from pathlib import Path
        sys.path.insert(0, "benchmarks/frameworks")
        import run
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            run.files(folder, None)
            path = run.HERE / "pytorch_v1" / "addressed.py"
            here, there = (run.call(path, folder, workers=w, seed=w) for w in (0, 2))
        one, two = run.by_epoch(here["digests"])
        assert len(one) == len(two) == run.IMAGES and not one & two
        assert (one, two) == run.by_epoch(there["digests"])
        assert not here["warnings"], here["warnings"]
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
