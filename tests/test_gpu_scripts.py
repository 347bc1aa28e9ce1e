"""What is run on a GPU that is lent for half an hour, in calls of ten minutes, fits: with a stand-in for Python."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "benchmarks" / "gpu_trainer.sh"
PARTS = ("step", "long", "methods", "options")
START = 8  # seconds until a run trains

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")

STAND_IN = """#!{python}
import json, pathlib, sys, time
words = sys.argv[1:]
with open({log!r}, "a") as file:
    print(json.dumps(words), file=file)
time.sleep({sleep})
if "--out" in words:
    out = pathlib.Path(words[words.index("--out") + 1])
    out.mkdir(parents=True, exist_ok=True)
    (out / "log.csv").write_text("epoch\\n1\\n")
    (out / "checkpoint.pt").write_text("large")
sys.exit({code} if "examples/pretrain.py" in words else 0)
"""


@pytest.fixture
def script(tmp_path):
    """Runs the script; its exit code, its output, and the words of each call of Python."""
    log = tmp_path / "calls"
    (tmp_path / "bin").mkdir()

    def run(*words, sleep=0, code=130, **more):
        stand_in = tmp_path / "bin" / "python3"
        stand_in.write_text(STAND_IN.format(python=sys.executable, log=str(log), sleep=sleep, code=code))
        stand_in.chmod(0o755)
        log.write_text("")
        environment = {**os.environ, "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}", **more}
        done = subprocess.run(
            [SCRIPT, "rendered", tmp_path / "runs", *words],
            env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        calls = [json.loads(line) for line in log.read_text().splitlines()]
        return done.returncode, done.stdout + done.stderr, [call for call in calls if "setup.py" not in call]

    return run


def seconds(call):
    return 60 * float(call[call.index("--minutes") + 1])


def test_every_part_fits_into_a_call_and_all_into_the_loan(script):
    whole = 0
    for part in PARTS:
        code, _, calls = script(part)
        assert code == 0
        (own,) = re.findall(rf"\[{part}\]=(\d+)", SCRIPT.read_text())
        if part != "step":
            assert sum(START + seconds(call) for call in calls) <= int(own) < 600
        whole += int(own)
    assert whole + 4 * 30 <= 1800  # half a minute a call until the machine begins


def test_what_is_run_are_recipes_and_settings_that_go_together(script):
    """By the trainer's own parser; as many recipes as the trainer has methods and variants to show."""
    code = """
import json, sys
from trainer.methods import options
from pretrain import parsed
from trainer.inputs.settings import divided
for words in json.load(sys.stdin):
    options.check(*divided({name: setting.value for name, setting in parsed(words)[1].items()}))
print("fine")
"""
    calls = [call[1:] for part in ("long", "methods", "options") for call in script(part)[2]]
    assert len(calls) == 1 + 17 + 3
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "examples")])}
    done = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(calls), env=environment, cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout.strip() == "fine", done.stderr


def test_a_run_that_had_its_share_is_passed_over(script):
    assert len(script("methods")[2]) == 17
    assert script("methods")[2] == []
    assert len(script("long")[2]) == len(script("long")[2]) == 1  # this one goes on as long as it is called


def test_what_is_not_reached_is_named_and_reached_by_the_next_call(script):
    code, told, calls = script("methods", "31", sleep=1.5)
    assert 1 <= len(calls) <= 3
    assert code == 1
    assert f"not reached: {'moco2' if len(calls) == 1 else ''}" in told
    assert told.count("not reached") == 17 - len(calls)
    code, told, rest = script("methods")
    assert (code, len(rest)) == (0, 17 - len(calls))


def test_a_run_that_fails_does_not_keep_the_others_from_running(script):
    code, told, calls = script("options", code=1)
    assert (code, len(calls)) == (1, 3)
    assert told.count("failed: ") == 3
    assert len(script("options")[2]) == 3  # again


def test_tables_come_back_and_checkpoints_do_not(script, tmp_path):
    script("long", OUT="back")
    assert [path.name for path in (tmp_path / "back").rglob("*.*")] == ["log.csv"]


def test_an_unknown_part_is_told(script):
    assert script("all")[:2] == (2, "PART must be step, long, methods or options, got 'all'\n")
