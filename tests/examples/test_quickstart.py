"""The main job: arithmetic of its table, its pairs, and the whole of it on small inputs."""

from __future__ import annotations

import csv
import math
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import quickstart
import torch
from PIL import Image
from quickstart import DrawPair, Plan, Run
from scipy import stats
from torchvision.transforms.v2 import functional as F
from trainer.inputs.thumbnails import Split, rendered_thumbnails
from trainer.record.intervals import mean

from jointaug import AddressedDataset, JointCrop

EXAMPLE = Path(quickstart.__file__)
TINY = ["--images", "72", "--pairs", "50", "--steps", "2", "--batch", "16", "--seeds", "2", "--threads", "1"]

# The table's arithmetic. --------------------------------------------------------------------------------------------


def runs(first: list[float], second: list[float]) -> dict[str, list[Run]]:
    return {
        "two independent crops": [Run(5.0, accuracy, 700.0) for accuracy in first],
        "JointCrop(beta=0)": [Run(5.5, accuracy, 800.0) for accuracy in second],
    }


@pytest.mark.parametrize(
    ("first", "second", "place"),
    [
        ([50.0, 51.0, 52.0], [60.0, 61.0, 62.0], "is ahead of"),
        ([60.0, 61.0, 62.0], [50.0, 51.0, 52.0], "is behind"),
        ([50.0, 55.0, 60.0], [51.0, 56.0, 61.0], "is not told apart from"),
    ],
)
def test_the_verdict_follows_from_the_interval(first, second, place):
    said = quickstart.verdict(runs(first, second))
    assert f"JointCrop(beta=0) {place} two independent crops" in said
    interval = stats.ttest_ind(second, first, equal_var=False).confidence_interval(0.95)
    assert f"95 % interval {interval.low:+.1f} to {interval.high:+.1f}, 3 seeds: a pilot." in said


def test_the_verdict_says_what_was_learnt():
    """Whatever it is: a fall as well."""
    one, other = (
        [Run(5.0, end, 700.0, {0: 30.0 + k, 9: end}) for k, end in enumerate(ends)] for ends in ([50, 60], [20, 30])
    )
    said = quickstart.verdict({"a": one, "b": other})
    assert said.startswith("k-NN went with a from 30.5 to 55.0 % and with b from 30.5 to 25.0 %. On held-out k-NN")


def test_the_curve_is_mean_and_interval_over_seeds():
    own = [Run(5.0, 0.0, 0.0, {0: 30.0, 9: 50.0}), Run(5.0, 0.0, 0.0, {0: 32.0, 9: 60.0})]
    steps, means, lows, highs = quickstart.curve(own)
    half = stats.t.ppf(0.975, 1) * math.sqrt(2) / math.sqrt(2)  # n = 2, standard deviation sqrt(2)
    assert (steps, means) == ([0, 9], [31.0, 55.0])
    assert (lows[0], highs[0]) == (pytest.approx(31 - half), pytest.approx(31 + half))
    assert highs[1] - means[1] == pytest.approx(5 * half)


def test_enough_seeds_are_no_pilot():
    assert "pilot" not in quickstart.verdict(runs([50.0, 51.0] * 4, [50.0, 52.0] * 4))
    assert "pilot" in quickstart.verdict(runs([50.0] * 7, [52.0, 53.0] * 3 + [51.0]))


def test_the_table_has_a_row_for_the_start_for_each_policy_and_for_the_difference():
    rows = quickstart.table(runs([50.0, 52.0], [55.0, 57.0]), [30.0, 32.0])
    half = stats.t.ppf(0.975, 1) * math.sqrt(2) / math.sqrt(2)  # n = 2, standard deviation sqrt(2)
    assert rows[1] == ["initialisation", "", f"31.0 ± {half:.1f}", ""]
    assert rows[2] == ["two independent crops", "5.000 ± 0.000", f"51.0 ± {half:.1f}", "700 ± 0"]
    assert rows[3][0] == "JointCrop(beta=0)"
    assert rows[4] == ["difference", "+0.500 ± 0.000", f"+5.0 ± {stats.t.ppf(0.975, 2) * math.sqrt(2):.1f}", "+100 ± 0"]
    lines = quickstart.markdown(rows).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[1].strip("|-") == ""


# Reading folders. ---------------------------------------------------------------------------------------------------


def save(path: Path, seed: int = 0, size: tuple[int, int] = (40, 30)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of ten readable images each, and files that are broken or none of ours."""
    root = tmp_path / "data"
    for label, name in enumerate(("cats", "dogs")):
        for i in range(10):
            save(root / name / f"{i}.png", seed=10 * label + i)
    cut = save(root / "cats" / "cut.jpg", size=(200, 200))
    cut.write_bytes(cut.read_bytes()[:3000])
    (root / "dogs" / "empty.png").write_bytes(b"")
    (root / "dogs" / "text.jpeg").write_text("no image")
    (root / "dogs" / "notes.txt").write_text("not even meant as one")
    (root / "dogs" / ".hidden.png").write_bytes(b"")
    return root


def empty(root: Path) -> None:
    root.mkdir()


def one_class(root: Path) -> None:
    save(root / "cats" / "1.png")


def flat(root: Path) -> None:
    save(root / "1.png")
    save(root / "2.png")


def nested(root: Path) -> None:
    for part in ("train", "val"):
        for name in ("cats", "dogs"):
            save(root / part / name / "1.png")


def a_file(root: Path) -> None:
    root.write_text("no folder")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda root: None, "which is not there"),
        (a_file, "which is a file"),
        (empty, "with 0 (folders: 0, images outside of folders: 0); give a folder with one folder for each class"),
        (one_class, "with 1 (folders: 1, images outside of folders: 0)"),
        (flat, "with 0 (folders: 0, images outside of folders: 2)"),
        (nested, "its folders hold folders, so try --data "),
    ],
)
def test_a_folder_of_another_shape_is_refused_with_a_remedy(tmp_path, make, words, capsys):
    make(tmp_path / "data")
    with pytest.raises(SystemExit, match="2"):
        quickstart.main(["--data", str(tmp_path / "data"), "--out", str(tmp_path / "out"), *TINY])
    error = capsys.readouterr().err
    assert "--data must" in error
    assert words in error


# Pairs. ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def toys() -> Split:
    return rendered_thumbnails(72, 1)


@pytest.mark.parametrize("name", list(quickstart.drawn_policies()))
def test_views_are_what_their_boxes_show(toys, name):
    """Oracle: the functional crop of the box."""
    crop, law = quickstart.drawn_policies()[name]
    data = AddressedDataset(toys.train, DrawPair(crop), seed=1)
    for index in (0, 17, 53):
        pair = data[index]
        for box, view in zip(pair["boxes"].tolist(), pair["views"], strict=True):
            cut = F.resized_crop(toys.train[index][0], *box, [64, 64], antialias=True)
            assert torch.equal(view, F.pil_to_tensor(cut))
    ratio = quickstart.log_area_ratio(pair["boxes"][None])
    (_, _, h1, w1), (_, _, h2, w2) = pair["boxes"].tolist()
    assert ratio.item() == pytest.approx(math.log(h2 * w2 / (h1 * w1)))
    if isinstance(crop, JointCrop):
        assert crop.laws["area"].log_ratio == law


def test_workers_draw_the_same_pairs(toys):
    alone, others = (quickstart.draw_pairs(toys.train, JointCrop(64), 100, workers) for workers in (0, 2))
    assert alone["boxes"].shape == (108, 2, 4)  # two epochs, which differ
    assert torch.equal(alone["boxes"], others["boxes"])
    assert not torch.equal(alone["boxes"][:54], alone["boxes"][54:])


def test_the_two_policies_differ_in_the_first_step_alone():
    independent, joint = quickstart.policies().values()
    assert repr(independent.transforms[1:]) == repr(joint.transforms[1:])
    assert len(independent.transforms) == len(joint.transforms) == 2


# The whole. ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("one_thread")
def test_the_whole_on_rendered_toys(tmp_path, capsys):
    assert quickstart.main([*TINY, "--workers", "1", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    report = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert report in out
    assert "54 images of 9 classes" in report
    assert "(a pilot)" in report
    assert report.rstrip().endswith("2 seeds: a pilot.")
    for name in ("pairs.png", "log_area_ratio.png", "knn.png"):
        with Image.open(tmp_path / name) as picture:
            assert min(picture.size) > 400
    with (tmp_path / "runs.csv").open(newline="") as file:
        single = list(csv.DictReader(file))
    assert [(row["policy"], row["seed"]) for row in single] == [
        (policy, seed) for policy in ("two independent crops", "JointCrop(beta=0)") for seed in "01"
    ]
    with (tmp_path / "table.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    losses = [float(row["loss"]) for row in single[:2]]
    assert rows[2][1] == mean(losses).plus_minus(".3f")
    with (tmp_path / "looks.csv").open(newline="", encoding="utf-8") as file:
        looks = list(csv.DictReader(file))
    assert {row["step"] for row in looks} == {"0", "1", "2"}
    starts = [float(row["accuracy"]) for row in looks if row["step"] == "0"]
    assert starts[:2] == starts[2:]  # both policies start from the same weights
    assert rows[1][2] == mean(starts[:2]).plus_minus(".1f")
    ends = [row["accuracy"] for row in looks if row["step"] == "2"]
    assert ends == [row["accuracy"] for row in single]


def test_the_whole_as_a_script_on_a_folder_of_odd_images(folder, tmp_path):
    save(folder / "cats" / "dot.png", size=(1, 1))
    save(folder / "dogs" / "long.png", size=(500, 3))
    Image.new("LA", (20, 30), (90, 255)).save(folder / "dogs" / "alpha.png")
    Image.fromarray(np.full((9, 9), 40000, np.uint16)).save(folder / "cats" / "deep.png")
    run = subprocess.run(
        [sys.executable, str(EXAMPLE), "--data", str(folder), "--out", str(tmp_path / "out"), *TINY, "--workers", "1"],
        capture_output=True, text=True, check=False, env=environment(),
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert re.search(r"skipped \S*cut\.jpg: OSError", run.stdout)
    assert "3 unreadable files skipped" in run.stdout
    assert "Warning" not in run.stderr
    assert (tmp_path / "out" / "table.md").exists()


def environment() -> dict[str, str]:
    """The tests' own, with the package on the path also where it is not installed."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(EXAMPLE.parents[1]), os.environ.get("PYTHONPATH", "")])}


@pytest.mark.skipif(os.name != "posix", reason="sends a signal to a process group")
def test_an_interrupt_ends_in_one_line(tmp_path):
    arguments = [*TINY, "--images", "720", "--steps", "100000", "--workers", "1", "--out", str(tmp_path)]
    with subprocess.Popen(
        [sys.executable, str(EXAMPLE), *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, env=environment(),
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a suite in the background ignores it
    ) as run:  # fmt: skip
        try:
            deadline = time.monotonic() + 120
            while not (tmp_path / "log_area_ratio.png").exists() and time.monotonic() < deadline:
                time.sleep(0.1)
            time.sleep(1)
            os.killpg(run.pid, signal.SIGINT)
            _, error = run.communicate(timeout=240)  # a loaded machine takes its time to end the workers
        finally:
            if run.poll() is None:
                os.killpg(run.pid, signal.SIGKILL)
    assert run.returncode == 130, error
    assert error.rstrip().endswith(f"interrupted; what was finished is in {tmp_path}")
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (["--seeds", "1"], "--seeds must be at least 2, got 1"),
        (["--steps", "0"], "--steps must be at least 2, got 0"),
        (["--workers", "-1"], "--workers must be at least 0, got -1"),
        (["--images", "many"], "invalid int value: 'many'"),
    ],
)
def test_bad_options_are_named(option, words, capsys):
    with pytest.raises(SystemExit, match="2"):
        quickstart.main(option)
    assert words in capsys.readouterr().err


def test_an_output_folder_that_cannot_be_is_told_before_the_work(tmp_path, capsys):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(SystemExit, match="2"):
        quickstart.main(["--out", str(tmp_path / "taken"), *TINY])
    assert "taken" in capsys.readouterr().err


def test_help_names_every_option_and_its_default(capsys):
    with pytest.raises(SystemExit, match="0"):
        quickstart.main(["--help"])
    out = capsys.readouterr().out
    assert all(f"--{name}" in out for name in Plan.__dataclass_fields__)
    assert "(default: 3)" in out
