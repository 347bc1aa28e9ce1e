"""examples/figures/*.py: one command draws every figure of a paper on any folder, and saves the numbers beside it."""

from __future__ import annotations

import csv
import importlib.util
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from jointaug.difficulty import ScoreNetwork, ScoreWeight
from jointaug.distributions import JointLogRatio

pytest.importorskip("matplotlib")
pytest.importorskip("tqdm")
from trainer.inputs.thumbnails import open_thumbnails  # needs them

FIGURES = Path(__file__).parents[2] / "examples" / "figures"
SCRIPT = FIGURES / "jointcrop.py"


def script(name):
    """A script as a module, while it is needed."""
    spec = importlib.util.spec_from_file_location(f"{name}_figures", FIGURES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        del sys.modules[spec.name]


@pytest.fixture(scope="module")
def jointcrop():
    yield from script("jointcrop")


@pytest.fixture(scope="module")
def scorecl():
    yield from script("scorecl")


@pytest.fixture
def folder(tmp_path):
    """Images in a folder and below it, without classes; one that cannot be read."""
    root = tmp_path / "images"
    (root / "more").mkdir(parents=True)
    for k in range(6):
        size = (100 + 10 * k, 96)
        Image.effect_noise(size, 60 + k).convert("RGB").save(root / ("more" if k % 2 else "") / f"{k}.png")
    (root / "broken.png").write_text("no image")
    return root


def test_images_below_a_folder_are_read_once_and_junk_is_not(jointcrop, folder):
    (folder / "more" / ".ipynb_checkpoints").mkdir()
    for junk in ("more/._1.png", "more/.ipynb_checkpoints/1.png", "._0.png"):
        (folder / junk).write_text("no image")
    images = open_thumbnails(folder, 100)
    assert images.origin == f"6 images from {folder} (1 unreadable files skipped)"
    sizes = sorted(image.shape for image in images.train.images)
    assert sizes == [(96, 100 + 10 * k, 3) for k in range(6)]


def test_one_command_draws_all_figures_and_saves_their_numbers(jointcrop, folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(jointcrop, "PAIRS", 500)
    out = tmp_path / "out"
    threads = torch.get_num_threads()
    assert jointcrop.main(["--data", str(folder), "--out", str(out), "--steps", "2", "--measured", "5"]) == 0
    assert torch.get_num_threads() == threads
    assert "6 images from" in capsys.readouterr().out
    rows = {}
    for name in ("figure2", "figure3", "figure4", "figure7", "jointness"):
        with Image.open(out / f"{name}.png") as picture:
            assert picture.size[0] > 500
        heading, *body = csv.reader((out / f"{name}.csv").read_text(encoding="utf-8").splitlines())
        assert all(len(row) == len(heading) for row in body)
        rows[name] = [dict(zip(heading, row, strict=True)) for row in body]
    assert [row["pairs"] for row in rows["figure2"]][:5] == [f"ratio {r}" for r in range(1, 6)]
    for row in rows["figure2"] + rows["figure4"] + rows["jointness"]:
        assert float(row["low"]) <= float(row["sdf"]) <= float(row["high"])
    law = JointLogRatio(-2.0, 0.2, 1.0)
    for row in [row for row in rows["figure3"] if row["curve"] == "JC(-2)"][::20]:
        expected = law.log_prob(torch.tensor(float(row["log_ratio"]), dtype=torch.float64)).exp().item()
        assert float(row["density"]) == pytest.approx(expected)
    distances = {row["beta"]: float(row["mean"]) for row in rows["figure7"] if row["measure"] == "corner_distance"}
    assert distances["-3.0"] > distances["0.0"] > distances["3.0"]

    again = tmp_path / "again"
    command = ["2", "--data", str(folder), "--out", str(again), "--measured", "5", "--encoder", str(out / "encoder.pt")]
    assert jointcrop.main(command) == 0
    assert sorted(path.name for path in again.iterdir()) == ["figure2.csv", "figure2.png"]
    # the same pairs; torch's convolutions may sum in another order (float32, so about 1e-7 of a cosine)
    for first, second in zip(rows["figure2"], numbers(again / "figure2.csv"), strict=True):
        assert {k: value(v) for k, v in second.items()} == pytest.approx(
            {k: value(v) for k, v in first.items()}, abs=1e-6
        )


def numbers(path):
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def value(cell):
    try:
        return float(cell)
    except ValueError:
        return cell


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["5"], "figures must be some of 2, 3, 4, 7, jointness, got '5'"),
        (["3", "--data", "nowhere"], "--data must be a folder, got 'nowhere'"),
        (["3", "--data", "."], "at least two readable images, got 0"),
        (["2", "--encoder", "nowhere"], "--encoder must be a file that this script wrote"),
        (["2", "--images", "20", "--encoder", str(SCRIPT)], "pre-train again without --encoder"),
        (["2", "--draws", "1"], "--draws must be at least 2, got 1"),
    ],
)
def test_bad_commands_are_named(jointcrop, command, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit_:
        jointcrop.main(command)
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err


# ScoreCL. -------------------------------------------------------------------------------------------------------------
IMAGES = torch.randint(0, 256, (3, 3, 20, 20), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
MAGNITUDES = 6  # from 0 to the strongest


@pytest.mark.parametrize("magnitude", range(MAGNITUDES))
def test_operations_are_those_of_rand_augment(scorecl, magnitude, monkeypatch):
    """Each alone, at each magnitude and with either sign, against torchvision's own class."""
    space = v2.RandAugment._AUGMENTATION_SPACE
    assert {*scorecl.OPERATIONS, *scorecl.WITHOUT_MAGNITUDE} == set(space)
    for name, operation in scorecl.OPERATIONS.items():
        assert operation.signed == space[name][1]
        values = operation.values(20, 2 * MAGNITUDES - 1 if operation.signed else MAGNITUDES)
        chosen = (
            {values[MAGNITUDES - 1 + k] for k in (-magnitude, magnitude)} if operation.signed else {values[magnitude]}
        )
        monkeypatch.setattr(v2.RandAugment, "_AUGMENTATION_SPACE", {name: space[name]})
        theirs = v2.RandAugment(1, magnitude, MAGNITUDES)
        found = {tuple(theirs(IMAGES).flatten().tolist()) for _ in range(40)}  # 2e-12 to miss a sign
        assert found == {tuple(operation.apply(IMAGES, value).flatten().tolist()) for value in chosen}, name
    for name, change in scorecl.WITHOUT_MAGNITUDE.items():
        monkeypatch.setattr(v2.RandAugment, "_AUGMENTATION_SPACE", {name: space[name]})
        assert torch.equal(v2.RandAugment(1, magnitude, MAGNITUDES)(IMAGES), change(IMAGES))


def test_intervals_are_student_s(scorecl):
    """Of 1, 2, 3: 2 plus or minus 4.3027 / sqrt(3)."""
    assert scorecl.Mean.over(torch.tensor([1.0, 2.0, 3.0])).row() == pytest.approx([2, -0.48414, 4.48414], abs=1e-4)


def test_bounds_of_shares_are_wilson_s(scorecl):
    """Roots p of (share - p)^2 = z^2 p (1 - p) / n."""
    shares = torch.tensor([0.0, 0.1, 1.0], dtype=torch.float64)
    for bound in scorecl.wilson(shares, 50):
        torch.testing.assert_close((shares - bound) ** 2, 1.96**2 * bound * (1 - bound) / 50)
    low, high = scorecl.wilson(shares, 50)
    assert (low <= shares + 1e-12).all()
    assert (shares <= high + 1e-12).all()


@pytest.fixture
def net():
    """Not trained, but no longer zero."""
    torch.manual_seed(0)
    network = ScoreNetwork(20).eval()
    torch.nn.init.normal_(network.leave[-1].weight)
    return network


@pytest.mark.parametrize("kind", ["vector", "norm_gap"])
def test_a_heat_map_shows_the_weights_of_its_pairs(scorecl, net, kind, monkeypatch):
    """Against ScoreWeight, pair by pair."""
    monkeypatch.setattr(scorecl, "COMPARED", ("Rotate", "Solarize"))
    monkeypatch.setattr(scorecl, "LEVELS", 3)
    heading, *body = scorecl.figure3(kind, net, IMAGES, scorecl.Figure())
    weigh = ScoreWeight(net, kind=kind, normalize=None)
    assert len(body) == 36
    rounding = 1e-6 * weigh.scores(IMAGES / 255).abs().mean().item()  # of score maps, in batches of another size
    for row in (dict(zip(heading, row, strict=True)) for row in body):
        v1 = scorecl.OPERATIONS[row["first"]].apply(IMAGES, row["parameter1"])
        v2_ = scorecl.OPERATIONS[row["second"]].apply(IMAGES, row["parameter2"])
        assert row["distance"] == pytest.approx(weigh(v1, v2_).mean().item(), rel=1e-3, abs=rounding)
        assert row["low"] <= row["distance"] <= row["high"]


def test_norms_are_mean_absolute_scores(scorecl, net, monkeypatch):
    """Of single operations (Fig. 1) and of two in their order (Fig. 4), one image at a time."""
    monkeypatch.setattr(scorecl, "COMPARED", ("Brightness", "Solarize"))
    monkeypatch.setattr(scorecl, "LEVELS", 5)
    monkeypatch.setattr(scorecl, "COMBINED_LEVELS", 3)

    def norm(images):
        return sum(net(image[None] / 255).abs().mean().item() for image in images) / len(images)

    with torch.no_grad():
        heading, *body = scorecl.figure1(net, IMAGES, scorecl.Figure())
        assert body[0][:3] == ["Identity", "", ""]
        assert body[0][3] == pytest.approx(norm(IMAGES), rel=1e-4)
        for row in (dict(zip(heading, row, strict=True)) for row in body[3::4]):
            changed = scorecl.OPERATIONS[row["operation"]].apply(IMAGES, row["parameter"])
            assert row["score_norm"] == pytest.approx(norm(changed), rel=1e-4)
            assert row["less_identity"] == pytest.approx(norm(changed) - norm(IMAGES), abs=1e-4 * body[0][3])
        heading, *body = scorecl.figure4(net, IMAGES, scorecl.Figure())
        for row in (dict(zip(heading, row, strict=True)) for row in body):
            brighter = v2.functional.adjust_brightness(IMAGES, 1.0 + row["parameter1"])
            solarized = v2.functional.solarize(brighter, 255.0 * row["parameter2"])
            assert row["score_norm"] == pytest.approx(norm(solarized), rel=1e-4)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["5"], "figures must be some of 1, 2, 3, 3-norm-gap, 4, got '5'"),
        (["--measured", "1"], "--measured must be at least 2, got 1"),
        (["--score", "nowhere"], "'nowhere', which is not there"),
        (["--score", str(SCRIPT)], "must be a whole checkpoint"),
        (["--size", "30"], "size must be a multiple of 4 pixels, got 30"),
    ],
)
def test_bad_commands_of_scorecl_are_named(scorecl, folder, command, message, tmp_path, capsys):
    with pytest.raises(SystemExit) as exit_:
        scorecl.main([*command, "--data", str(folder), "--out", str(tmp_path / "out")])
    assert exit_.value.code == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_one_command_draws_all_figures_of_scorecl(scorecl, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(scorecl, "COMPARED", ("Rotate", "Brightness", "Solarize"))
    monkeypatch.setattr(scorecl, "LEVELS", 5)
    monkeypatch.setattr(scorecl, "COMBINED_LEVELS", 3)
    out = tmp_path / "out"
    command = ["--data", str(folder), "--out", str(out), "--size", "16", "--steps", "2"]
    assert scorecl.main([*command, "--measured", "5", "--compared", "3"]) == 0
    rows = {}
    for name in ("figure1", "figure2", "figure3", "figure3-norm-gap", "figure4"):
        with Image.open(out / f"{name}.png") as picture:
            assert picture.size[0] > 500
        rows[name] = [{k: value(v) for k, v in row.items()} for row in numbers(out / f"{name}.csv")]
    for name in ("images", "RandAugment(2, 9)"):
        assert sum(row["share"] for row in rows["figure2"] if row["views"] == name) == pytest.approx(1.0)
    assert len(rows["figure1"]) == 3 + 11 * 5
    assert len(rows["figure3"]) == (3 * 5) ** 2
    assert len(rows["figure4"]) == 3 * 3 * 3
    again = ["1", *command, "--out", str(tmp_path / "again"), "--score", str(out / "score.pt"), "--measured", "5"]
    assert scorecl.main(again) == 0
    assert (tmp_path / "again" / "figure1.csv").read_text() == (out / "figure1.csv").read_text()
    assert sorted(path.name for path in (tmp_path / "again").iterdir()) == ["figure1.csv", "figure1.png"]
