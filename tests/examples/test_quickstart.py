"""The main job: arithmetic of its table, its reading of folders, its pairs, and the whole of it on small inputs."""

from __future__ import annotations

import csv
import math
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import quickstart
import torch
from PIL import Image
from quickstart import DrawPair, Estimate, Evaluation, Images, Labelled, Plan, Run
from scipy import stats
from torch import nn
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F
from tqdm.auto import tqdm

from jointaug import AddressedDataset, JointCrop, MultiView, PerView, UncroppedView

EXAMPLE = Path(quickstart.__file__)
TINY = ["--images", "72", "--pairs", "50", "--steps", "2", "--batch", "16", "--seeds", "2", "--threads", "1"]

# The table's arithmetic. --------------------------------------------------------------------------------------------


def test_an_estimate_is_students_interval():
    values = [61.3, 58.9, 63.4, 60.0]
    got = quickstart.estimate(values)
    low, high = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert (got.mean - got.half, got.mean + got.half) == pytest.approx((low, high), rel=1e-12)


def test_a_difference_is_welchs_interval():
    after, before = [61.3, 58.9, 63.4], [55.2, 55.9, 54.1, 57.3]
    got = quickstart.difference(after, before)
    interval = stats.ttest_ind(after, before, equal_var=False).confidence_interval(0.95)
    assert (got.mean - got.half, got.mean + got.half) == pytest.approx((interval.low, interval.high), rel=1e-12)


def test_runs_without_any_spread_differ_by_what_they_differ():
    assert quickstart.difference([2.0, 2.0], [1.0, 1.0]) == Estimate(1.0, 0.0)


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


def test_broken_files_are_named_skipped_and_counted(folder, capsys):
    images = quickstart.folder_images(folder, 1000, 2)
    out = capsys.readouterr().out
    assert set(re.findall(r"skipped \S*/(\S+):", out)) == {"cut.jpg", "empty.png", "text.jpeg"}
    assert "3 unreadable files skipped" in out
    assert "3 unreadable files skipped" in images.told
    assert images.classes == ["cats", "dogs"]
    assert (len(images.train), len(images.held_out)) == (16, 4)
    assert images.held_out.labels == [0, 0, 1, 1]
    every = [part.images[i].tobytes() for part in (images.train, images.held_out) for i in range(len(part))]
    assert len(set(every)) == 20


def test_the_limit_takes_equally_many_of_each_class_and_always_the_same(folder):
    first, again = (quickstart.folder_images(folder, 12, 2) for _ in range(2))
    assert np.bincount(first.train.labels + first.held_out.labels).tolist() == [6, 6]
    assert [image.tobytes() for image in first.train.images] == [image.tobytes() for image in again.train.images]


def test_a_broken_file_within_the_limit_makes_way_for_another(tmp_path):
    with ThreadPoolExecutor(2) as pool:
        for i in range(6):
            save(tmp_path / f"{i}.png", seed=i)
        order = quickstart.in_fair_order(tmp_path)
        order[1].write_bytes(b"")
        images, bad = quickstart.read_class(tmp_path, 4, pool)
    assert [path for path, _ in bad] == [order[1]]
    expected = [np.asarray(Image.open(order[i])) for i in (0, 2, 3, 4)]
    assert all(np.array_equal(got, want) for got, want in zip(images, expected, strict=True))


def test_a_class_with_one_image_is_left_out_by_name(folder, capsys):
    save(folder / "lonely" / "1.png")
    assert quickstart.folder_images(folder, 100, 1).classes == ["cats", "dogs"]
    assert "left out class lonely: 1 readable images" in capsys.readouterr().out


def test_images_of_all_sizes_come_out_in_rgb_and_no_larger_than_needed(tmp_path):
    large = quickstart.small_image(save(tmp_path / "large.jpg", size=(800, 600)))
    assert large.shape == (96, 128, 3)
    assert quickstart.small_image(save(tmp_path / "long.png", size=(300, 2))).shape == (2, 300, 3)
    assert quickstart.small_image(save(tmp_path / "dot.png", size=(1, 1))).shape == (1, 1, 3)


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


def test_classes_without_readable_images_are_refused(tmp_path):
    for name in ("cats", "dogs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"at least two classes with two readable images each, got 0 .*2 unreadable"):
        quickstart.folder_images(tmp_path, 100, 1)


# Pairs, training, evaluation. ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def toys() -> Images:
    return quickstart.rendered_images(72, 1)


def test_the_rendered_set_is_split_class_by_class(toys):
    assert np.bincount(toys.train.labels).tolist() == [6] * 9
    assert np.bincount(toys.held_out.labels).tolist() == [2] * 9
    assert (len(toys.train), len(toys.held_out)) == (54, 18)


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


def test_the_learning_rate_warms_up_and_falls_to_zero():
    share = [quickstart.warm_up_then_cosine(step, 100) for step in range(101)]
    assert share[0] == pytest.approx(1 / quickstart.WARM_UP)
    assert share[50] == pytest.approx(0.5)
    assert share[100] == pytest.approx(0.0, abs=1e-12)
    assert np.argmax(share) == quickstart.WARM_UP - 1


def plan(**changes: int) -> Plan:
    numbers = {"images": 72, "pairs": 1, "steps": 5, "batch": 24, "seeds": 2, "workers": 0, "threads": 1, **changes}
    return Plan(data=None, out=Path(), **numbers)


@pytest.mark.usefixtures("one_thread")
def test_a_rerun_gives_the_same_encoder_with_any_number_of_workers(toys):
    pipeline = quickstart.policies()["JointCrop(beta=0)"]
    evaluation = Evaluation(toys)
    one, other = (
        quickstart.pretrain(pipeline, toys, evaluation, 0, plan(workers=workers), tqdm(disable=True))
        for workers in (0, 2)
    )
    assert (one.loss, one.accuracy) == (other.loss, other.accuracy)
    assert one.speed > 0


@pytest.mark.usefixtures("one_thread")
def test_pre_training_lowers_the_loss(toys):
    """Both views the whole picture: one batch, again and again. NT-Xent cannot fall below its value for embeddings at
    the corners of a regular simplex (views of one image alike, all others at cosine -1 / (B - 1))."""
    whole = v2.Compose([MultiView(UncroppedView(64), UncroppedView(64)), PerView(v2.PILToTensor())])
    evaluation = Evaluation(toys)
    first, last = (
        quickstart.pretrain(whole, toys, evaluation, 0, plan(steps=steps, batch=54), tqdm(disable=True))
        for steps in (2, 30)
    )
    floor = math.log1p(2 * 53 * math.exp((-1 / 53 - 1) / quickstart.TEMPERATURE))
    assert floor < last.loss
    assert last.loss - floor < 0.2 * (first.loss - floor)


class Flatten(nn.Module):
    """The image itself as its features."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1)


def test_knn_is_the_slow_loop(toys):
    evaluation = Evaluation(toys)
    assert evaluation.k == 3  # half of the six images of a class
    bank, queries = (
        [np.asarray(part[i][0].resize((64, 64), Image.Resampling.BILINEAR), float).transpose(2, 0, 1).ravel() - 127.5
         for i in range(len(part))]
        for part in (toys.train, toys.held_out)
    )  # fmt: skip
    right = 0
    for query, label in zip(queries, toys.held_out.labels, strict=True):
        cosines = [float(query @ row / np.linalg.norm(query) / np.linalg.norm(row)) for row in bank]
        votes = np.zeros(9)
        for nearest in sorted(range(len(bank)), key=cosines.__getitem__)[-3:]:
            votes[toys.train.labels[nearest]] += math.exp(cosines[nearest] / quickstart.VOTE_TEMPERATURE)
        right += int(votes.argmax() == label)
    assert evaluation.accuracy(Flatten()) == pytest.approx(100 * right / 18)


def test_knn_knows_what_is_plain_and_not_what_is_hidden():
    """Two classes of opposite pictures: all right; the same pictures with labels turned about: all wrong."""
    pictures = [np.full((8, 8, 3), value, np.uint8) for value in (10, 240) * 6]
    train, held_out = Labelled(pictures[:8], [0, 1] * 4), Labelled(pictures[8:], [0, 1] * 2)
    assert Evaluation(Images(train, held_out, ["a", "b"], "")).accuracy(Flatten()) == 100
    turned = Labelled(pictures[8:], [1, 0] * 2)
    assert Evaluation(Images(train, turned, ["a", "b"], "")).accuracy(Flatten()) == 0


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
    for name in ("pairs.png", "log_area_ratio.png"):
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
    assert rows[2][1] == quickstart.estimate(losses).text(3)


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
