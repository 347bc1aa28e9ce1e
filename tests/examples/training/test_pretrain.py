"""The command line: what it writes, what it refuses, and how a run can be stopped."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import pretrain
import pytest
import redraw
import torch
from PIL import Image
from trainer.evaluation.encoder import open_encoder
from trainer.inputs.feed import Augment, Request, Served
from trainer.inputs.settings import Settings
from trainer.methods.batch import Batch
from trainer.networks import ResNet8
from trainer.papers import RECIPES
from trainer.training import loop
from trainer.training.logs import rows_of
from trainer.training.step import Learner

from jointaug.losses import LossParts

from .conftest import SMALL


def saved(file: Path) -> dict[str, torch.Tensor]:
    return torch.load(file, weights_only=True)


@pytest.fixture
def command(toys: Path, tmp_path: Path) -> list[str]:
    """27 images in batches of 8: two epochs of three steps."""
    return ["moco2-rendered", "--data", str(toys), *SMALL, "--out", str(tmp_path / "run")]


def test_a_run_leaves_everything_that_tells_what_it_was(command, tmp_path, one_thread, capsys):
    assert pretrain.main([*command, "--lr", "0.01"]) == 0
    out = tmp_path / "run"
    names = {"settings.json", "checkpoint.pt", "log.csv", "curves.png", "backbone.pt", "result.json"}
    assert names <= {file.name for file in out.iterdir()}
    settings = json.loads((out / "settings.json").read_text())
    assert settings["lr"] == {"value": 0.01, "source": "command line"}
    assert settings["method"] == {"value": "moco", "source": "MoCo's paper"}
    assert settings["K"]["value"] == 16
    assert settings["momentum"]["source"] in ("MoCo's paper", "MoCo's code", "ours")
    assert settings["compile"] == {"value": False, "source": "default"}
    result = json.loads((out / "result.json").read_text())
    assert result["recipe"] == "moco2-rendered"
    assert (result["epoch"], result["step"]) == (2, 6)
    assert 0 <= result["knn"] <= 1
    assert result["settings"] == settings
    assert result["machine"]["torch"] == torch.__version__
    assert "done: epoch 2, step 6" in capsys.readouterr().out
    model = ResNet8()
    model.fc = torch.nn.Identity()
    model.load_state_dict(torch.load(out / "backbone.pt", weights_only=True), strict=True)
    weights = (out / "backbone.pt").read_bytes()
    assert pretrain.main([*command, "--lr", "0.01"]) == 0  # finished: nothing is left to do
    assert (out / "backbone.pt").read_bytes() == weights
    assert len(rows_of(out)) == 3
    encoder = sum(parameter.numel() for parameter in model.parameters())
    assert result["parameters"] == encoder + 128 * 32 + 32 + 32 * 16 + 16  # and the head's two layers
    assert [row.peak_gb for row in rows_of(out)] == sorted(row.peak_gb for row in rows_of(out))
    assert result["peak_gb"] == rows_of(out)[-1].peak_gb > 0.1


def test_half_of_the_pairs_takes_twice_the_images(toys, tmp_path, plain):
    """27 images: an epoch is one step that draws 16 and learns from 8."""
    words = ["simsiam-rendered", "--data", str(toys), "--out", str(tmp_path), "--threads", "1", "--device", "cpu"]
    words += ["--batch", "8", "--epochs", "2", "--warmup", "0", "--dim", "16", "--hidden", "32", "--bottleneck", "8"]
    assert pretrain.main([*words, "--weight", "pixel", "--half", "above"]) == 0
    assert [row.step for row in rows_of(tmp_path)] == [0, 1, 2]


def test_backbones_are_kept_on_the_way_and_are_folders_of_runs(command, tmp_path, one_thread):
    run = tmp_path / "run"
    assert pretrain.main([*command, "--keep_every", "1", "--minutes", "0"]) == pretrain.INTERRUPTED
    first = run / "epochs" / "0001"
    assert [folder.name for folder in (run / "epochs").iterdir()] == ["0001"]
    learned = saved(run / "checkpoint.pt")["learner"]["method"]
    for name, value in saved(first / "backbone.pt").items():
        assert torch.equal(learned[f"f_q.backbone.{name}"], value), name
    assert pretrain.main([*command, "--keep_every", "2"]) == 0  # may change when a run goes on
    assert sorted(folder.name for folder in (run / "epochs").iterdir()) == ["0001", "0002"]
    assert (run / "epochs" / "0002" / "backbone.pt").read_bytes() == (run / "backbone.pt").read_bytes()
    encoder = open_encoder(str(first))
    assert encoder.size == 32
    assert torch.equal(encoder.network.state_dict()["conv1.weight"], saved(first / "backbone.pt")["conv1.weight"])
    words = [*command[:-1], str(tmp_path / "none kept")]
    assert pretrain.main(words) == 0
    assert not (tmp_path / "none kept" / "epochs").exists()
    assert (tmp_path / "none kept" / "backbone.pt").read_bytes() == (run / "backbone.pt").read_bytes()


def test_untrained_leaves_the_network_that_a_run_starts_from(command, tmp_path, capsys, one_thread):
    """What its first line says of it, too; and it does not take the place of a run."""
    start, run = tmp_path / "start", tmp_path / "run"
    words = [*command[:-1], str(start)]
    assert pretrain.main([*words, "--untrained", "--seed", "3"]) == 0
    torch.manual_seed(3)
    fresh = loop.started(Settings(backbone="resnet8")).state_dict()
    left = saved(start / "backbone.pt")
    assert left.keys() == fresh.keys()
    assert all(torch.equal(left[name], value) for name, value in fresh.items())
    assert torch.equal(open_encoder(str(start)).network.state_dict()["conv1.weight"], fresh["conv1.weight"])
    result = json.loads((start / "result.json").read_text())
    assert (result["epoch"], result["step"], result["loss"]) == (0, 0, None)
    assert result["settings"]["epochs"] == {"value": 2, "source": "command line; untrained: none was run"}
    assert pretrain.main([*command, "--minutes", "0", "--seed", "3"]) == pretrain.INTERRUPTED
    assert [row.knn for row in rows_of(start)] == [result["knn"]] == [rows_of(run)[0].knn]
    capsys.readouterr()
    assert pretrain.main([*command, "--untrained", "--seed", "3"]) == 1
    assert "--untrained must have a folder without a run, got" in capsys.readouterr().err
    assert not (run / "backbone.pt").exists()


def test_crops_are_plain_until_there_are_boxes(toys, tmp_path, monkeypatch, plain):
    """SPEC 5.1: ContrastiveCrop's warm-up is the first fifth of a run."""
    asked, serve = {}, Augment.__getitem__

    def seen(self: Augment, request: Request) -> Served:
        asked.setdefault(request.epoch, set()).add(request.boxes is not None)
        return serve(self, request)

    monkeypatch.setattr(Augment, "__getitem__", seen)
    words = ["moco2-rendered", "--crop", "contrastive", "--data", str(toys), *SMALL, "--epochs", "5"]
    assert pretrain.main([*words, "--out", str(tmp_path / "run")]) == 0
    assert asked == {epoch: {epoch > 0} for epoch in range(5)}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "usage:"),
        (["--data", "rendered"], "the recipe comes first"),
        (["simclr-cifar11"], "there is no recipe 'simclr-cifar11'; did you mean simclr-cifar10"),
        (["simclr-cifar10", "--learning_rate", "1"], "there is no setting '--learning_rate' in simclr-cifar10"),
        (["simclr-cifar10", "--epoch", "1"], "there is no setting '--epoch' in simclr-cifar10; did you mean epochs"),
        (["simclr-cifar10", "--taw=1"], "there is no setting '--taw' in simclr-cifar10; did you mean tau"),
        (["simclr-cifar10", "--epochs", "ten"], "--epochs must be a whole number, got 'ten'"),
        (["simclr-cifar10", "--K", "16"], "there is no setting '--K' in simclr-cifar10"),
        (["simclr-cifar10", "--optimizer", "lars2"], "did you mean lars"),
        (
            ["simclr-cifar10", "--scale", "0.1", "1.0"],
            "there is one value to a setting, got '1.0' besides; write several",
        ),
        (["simclr-cifar10", "--minutes", "-3"], "--minutes must be at least 0, got -3"),
        (["simclr-cifar10", "--minutes", "nan"], "--minutes must be at least 0, got nan"),
        (
            ["simclr-cifar10", "--method", "byol"],
            "--method must be the recipe's own, simclr in simclr-cifar10, got 'byol'; take a recipe of that",
        ),
        (
            ["simclr-cifar10", "--method", "byol", "--m", "0.9"],
            "got 'byol'; take a recipe of that method: byol-cifar10",
        ),
        (["simclr-cifar10", "--method", "nope"], "in simclr-cifar10, got 'nope'; leave it out"),
    ],
)
def test_a_wrong_command_is_told_before_anything_is_read(words, told, capsys, tmp_path):
    rest = ["--data", "nowhere", "--out", str(tmp_path)] if words[:1] == ["simclr-cifar10"] else []
    with pytest.raises(SystemExit) as stopped:
        pretrain.main([*words[:1], *rest, *words[1:]])
    out, err = capsys.readouterr()
    assert told in out + err
    assert stopped.value.code == (0 if not words else 2)


def test_help_shows_every_setting_with_its_meaning_value_and_source(capsys):
    with pytest.raises(SystemExit):
        pretrain.main(["moco2-cifar10", "--help"])
    told = " ".join(capsys.readouterr().out.split())
    for name in ("--epochs", "--lr_batch", "--lr-batch", "--K", "--tau", "--init"):
        assert name in told
    assert "passes over the images [200, ours]" in told
    assert "keys in the queue" in told
    assert ", default]" in told


@pytest.mark.parametrize("columns", ["60", "80", "101"])
def test_help_has_every_recipe_in_one_piece(columns, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    with pytest.raises(SystemExit):
        pretrain.main(["--help"])
    words = capsys.readouterr().out.replace(",", " ").split()
    assert RECIPES.keys() <= set(words)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (["--batch", "28"], "batch must be at most the 27 images of the data set, got 28; take --batch 27 or less"),
        (["--K", "20"], "K must be a multiple of the 8 keys of a step and at most the 27 images of the data set"),
        (["--K", "32"], "K=24 fits"),
        (["--original", "true"], "original does not go on moco"),
        (["--warmup_steps", "6"], "warmup_steps must be fewer than the run's 6 steps, got 6; a short run warms up for"),
        (["--weight", "score"], "train one on this data set first: python examples/score.py"),
        (["--half", "above"], "half is by the median of weights, got half=above with weight=none"),
        (
            ["--weight", "pixel", "--half", "below", "--batch", "14"],
            "got 14, of which half=below draws twice as many; take --batch 13 or less",
        ),
        (["--score", "a.pt"], "score is the network of --weight score, got score=a.pt with weight=none; add --weight"),
        (["--batch", "1"], "batch must leave two images to a pass, got batch=1 with accumulate=1"),
        (["--dim", "0"], "layers of a head must be at least 1 wide, got 32, 32, 0 from the backbone"),
        (["--hidden", "-3"], "layers of a head must be at least 1 wide, got 32, -3, 16"),
        (["--color_first", "true", "--crop", "joint"], "color_first does not go with crop=joint: each view has"),
        (
            ["--color_first", "true", "--blur_p", "0.5", "--blur_law", "joint"],
            "color_first does not go with blur_law=joint",
        ),
        (["--joint_choice", "true", "--blur_p", "0.5", "--original", "true"], "joint_choice does not go with original"),
        (["--blur_law", "joint", "--blur_p", "0"], "blur_law is of views that are blurred, got blur_law=joint with"),
        (["--joint_choice", "true", "--blur_p", "0"], "joint_choice is of views that are blurred"),
        (["--share_box", "true"], "share_box is of several resolutions, got sizes=(); add --sizes"),
        (["--randaugment", "2,9", "--randaugment_views", "2"], "must be places of the 2 views, from 0, got 2"),
        (["--jitter", "-0.4,0,0,0"], "jitter must be brightness, contrast, saturation (0 or more) and hue"),
    ],
)
def test_settings_that_do_not_suit_the_data_are_refused(changed, told, command, capsys, plain):
    *before, out = command
    assert pretrain.main([*before, str(Path(out) / "deeper"), *changed]) == 1
    assert told in capsys.readouterr().err
    assert not Path(out).exists()  # what is refused leaves no folder


def test_the_recipes_own_method_may_be_said(tmp_path):
    words = ["simclr-cifar10", "--data", "nowhere", "--out", str(tmp_path), "--method", "simclr"]
    assert pretrain.parsed(words)[1]["method"] == pretrain.Setting("simclr", "command line")


def test_a_value_may_begin_with_a_minus(tmp_path):
    words = ["simclr-cifar10", "--data", "nowhere", "--out", str(tmp_path), "--schedule", "step"]
    _, settings = pretrain.parsed([*words, "--milestones", "-50,-25.5", "--lr", "-.1"])
    assert (settings["milestones"].value, settings["lr"].value) == ((-50.0, -25.5), -0.1)


def test_local_crops_of_a_joint_law_come_in_pairs(toys, tmp_path, capsys, plain):
    words = ["dino-rendered", "--data", str(toys), "--out", str(tmp_path), "--batch", "9", "--device", "cpu"]
    words += ["--epochs", "1", "--warmup", "0", "--threads", "1"]
    assert pretrain.main([*words, "--crop", "joint", "--locals", "3", "--local_size", "16"]) == 1
    assert "locals must be even with crop=joint, which couples smaller crops in pairs, got 3" in capsys.readouterr().err


def test_infomin_needs_a_further_crop(toys, tmp_path, capsys, plain):
    words = ["infomin-rendered", "--data", str(toys), "--out", str(tmp_path), "--batch", "8", "--device", "cpu"]
    words += ["--epochs", "1", "--warmup", "0", "--threads", "1", "--K", "8", "--bn_splits", "1"]
    assert pretrain.main([*words, "--locals", "0"]) == 1
    assert "locals must be at least 1 with method=infomin, got 0; add --locals 1" in capsys.readouterr().err


def test_a_folder_of_another_run_is_refused_and_left_alone(command, tmp_path, capsys, plain):
    assert pretrain.main([*command, "--epochs", "1"]) == 0
    before = {file.name: file.read_bytes() for file in (tmp_path / "run").iterdir() if file.is_file()}
    for changed, told in (
        (["--epochs", "1", "--lr", "0.5"], "lr was"),
        (["--epochs", "1", "--threads", "2"], "threads was 1 and is now 2"),
        (["--epochs", "1", "--seed", "1"], "seed was 0 and is now 1"),
    ):
        assert pretrain.main([*command, *changed]) == 1
        assert told in capsys.readouterr().err
    other = ["moco1-rendered", *command[1:], "--epochs", "1"]
    other = [word for word in other if word not in ("--hidden", "32")]
    assert pretrain.main(other) == 1
    assert "recipe was 'moco2-rendered' and is now 'moco1-rendered'" in capsys.readouterr().err
    assert {file.name: file.read_bytes() for file in (tmp_path / "run").iterdir() if file.is_file()} == before


def test_a_folder_that_may_not_be_written_is_told(command, tmp_path, capsys, monkeypatch):
    (tmp_path / "run").mkdir(mode=0o500)
    if os.geteuid() == 0:  # root may write everywhere
        monkeypatch.setattr("os.access", lambda path, mode: False)
    assert pretrain.main(command) == 1
    assert "--out must be a folder that may be written; choose another" in capsys.readouterr().err


def test_a_folder_below_a_file_is_told(command, tmp_path, capsys):
    (tmp_path / "run").write_text("a file")
    assert pretrain.main(command) == 1
    assert "--out must be a folder, or one that can be made (File exists); choose another" in capsys.readouterr().err


def test_a_full_disk_is_told_and_the_run_goes_on_later(command, tmp_path, capsys, monkeypatch, plain):
    """The disk fills up at the second checkpoint; the first one is whole."""
    save = loop.checkpoint.save

    def full(folder: Path, state: dict[str, object]) -> None:
        if state["step"] == 6:
            raise OSError(28, "No space left on device")
        save(folder, state)

    monkeypatch.setattr(loop.checkpoint, "save", full)
    assert pretrain.main(command) == 1
    told = capsys.readouterr().err
    assert "the checkpoint of step 6 could not be written (No space left on device), the last one is whole" in told
    assert "go on with the same command" in told
    monkeypatch.setattr(loop.checkpoint, "save", save)
    assert torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)["step"] == 3
    assert pretrain.main(command) == 0


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_a_whole_checkpoint_and_says_how_to_go_on(kind, command, tmp_path, capsys, monkeypatch, plain):
    learn = Learner.step

    def pressed(self: Learner, served: object, step: int) -> torch.Tensor:
        loss = learn(self, served, step)
        if step == 3:
            signal.raise_signal(kind)
        return loss

    monkeypatch.setattr(Learner, "step", pressed)
    before = signal.getsignal(kind)
    assert pretrain.main(command) == 130
    assert signal.getsignal(kind) == before
    told = capsys.readouterr().out
    assert "stopped at step 4 of 6; a whole checkpoint is in" in told
    assert "Go on with the same command: " in told
    assert torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)["step"] == 4
    monkeypatch.setattr(Learner, "step", learn)
    assert pretrain.main(command) == 0
    assert rows_of(tmp_path / "run")[-1].step == 6


def test_minutes_stop_at_an_epochs_end(command, tmp_path, plain):
    assert pretrain.main([*command, "--minutes", "0"]) == 130
    assert [row.epoch for row in rows_of(tmp_path / "run")] == [0, 1]
    assert pretrain.main(command) == 0
    assert [row.epoch for row in rows_of(tmp_path / "run")] == [0, 1, 2]


def test_a_loss_that_is_not_finite_stops_the_run_with_its_images(command, tmp_path, capsys, monkeypatch, plain):
    forward = loop.METHODS["moco"].forward

    seen: list[Batch] = []

    def broken(self: torch.nn.Module, batch: Batch) -> LossParts:
        parts = forward(self, batch)
        seen.append(batch)
        return LossParts(parts.per_sample * (float("nan") if batch.step == 4 else 1.0), parts.shared)

    monkeypatch.setattr(loop.METHODS["moco"], "forward", broken)
    assert pretrain.main(command) == 1
    assert "the loss is nan at step 4; its images are at seed=0, epoch=1, index=[" in capsys.readouterr().err
    told = json.loads((tmp_path / "run" / "not_finite.json").read_text())
    assert (told["step"], told["seed"], told["epoch"]) == (4, 0, 1)
    assert told["index"] == loop.order_of(27, loop.Settings(batch=8), 1)[1].tolist()
    assert torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)["step"] == 3

    data = command[command.index("--data") + 1]
    _, served = redraw.redrawn(tmp_path / "run", data, told)
    assert all(map(torch.equal, served.views, seen[-1].views))  # the pair, bit for bit
    assert redraw.main([str(tmp_path / "run"), "--data", data]) == 0
    with Image.open(tmp_path / "run" / "views.png") as picture:
        assert picture.size == (2 * 98 + 2, 8 * 98 + 2)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--epoch", "-1", "--index", "0"], "--epoch must be in [0, 2**32), got -1"),
        (["--epoch", "1"], "--epoch and --index must come together"),
        (
            ["--epoch", "1", "--index", "0", "--out", "nowhere/a.png"],
            "--out must be a picture in a folder that is there",
        ),
        (["--epoch", "1", "--index", "0", "--out", "a.nope"], "got 'a.nope'; name another, such as a.png"),
    ],
)
def test_what_cannot_be_drawn_again_is_told(words, told, tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        redraw.main([str(tmp_path), "--data", "rendered", *words])
    assert told in capsys.readouterr().err


def test_partners_and_boxes_are_drawn_again(toys, tmp_path, monkeypatch, plain):
    """CLIM's partners and ContrastiveCrop's boxes are kept with the addresses."""
    for name, words in {
        "clim": ["clim-rendered", "--clusters", "3", "--k", "8", "--n_pos", "4", "--warmup_epochs", "0"],
        "moco": ["moco2-rendered", "--crop", "contrastive"],
    }.items():
        seen: list[Batch] = []
        forward = loop.METHODS[name].forward

        def broken(self: torch.nn.Module, batch: Batch, forward=forward, seen=seen) -> LossParts:
            seen.append(batch)
            parts = forward(self, batch)
            return LossParts(parts.per_sample * (float("nan") if batch.step == 4 else 1.0), parts.shared)

        monkeypatch.setattr(loop.METHODS[name], "forward", broken)
        out = tmp_path / name
        assert pretrain.main([*words, "--data", str(toys), *SMALL, "--out", str(out)]) == 1
        told = json.loads((out / "not_finite.json").read_text())
        assert (told["partners"] is not None, told["boxes"] is not None) == (name == "clim", name == "moco")
        _, served = redraw.redrawn(out, str(toys), told)
        assert all(map(torch.equal, [*served.views, *served.partners], [*seen[-1].views, *seen[-1].partners]))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nowhere"], "not_finite.json: the loss was finite so far"),
        (["nowhere", "--epoch", "0", "--index", "1"], "must be the folder of a run, got one without settings.json"),
        (["run", "--epoch", "0", "--index", "27"], "--index must be rows of the 27 images, got [27]"),
    ],
)
def test_what_cannot_be_drawn_again(words, told, command, toys, tmp_path, monkeypatch, capsys, plain):
    monkeypatch.chdir(tmp_path)
    if words[0] == "run":
        assert pretrain.main([*command, "--epochs", "1"]) == 0
    assert redraw.main([*words, "--data", str(toys)]) == 1
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--device", "gpu"], "--device must be one that torch has here, such as cpu, got 'gpu'"),
        (["--data", "rendered:abc"], "--data rendered:COUNT must have a positive integer for the number of toys"),
        (["--data", "rendered:18", "--test", "toys"], "--test must be left out for rendered, which has test images"),
        (
            ["--backbone", "vit_b_16"],
            "backbone must take images of 32 px, which this one does not (Wrong image height!",
        ),
        (["--backbone", "vit_b_16", "--size", "224", "--crop", "contrastive"], "must pool its last feature map"),
    ],
)
def test_what_a_run_cannot_have_is_one_line(words, told, command, capsys):
    """Before anything is trained."""
    assert pretrain.main([*command, *words]) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("pretrain.py: ")
    assert told in line


def test_an_unreadable_file_is_one_line_from_a_worker_too(command, toys, tmp_path, capsys, plain):
    shutil.copytree(toys, tmp_path / "broken")
    first = sorted((tmp_path / "broken" / "train").rglob("*.png"))[0]
    first.write_bytes(b"nothing")
    words = [str(tmp_path / "broken") if word == str(toys) else word for word in command]
    assert pretrain.main([*words, "--workers", "1"]) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(f"pretrain.py: {first} cannot be read as an image")


def test_the_command_to_go_on_with_is_that_of_all_processes(monkeypatch):
    monkeypatch.setattr("sys.argv", ["examples/pretrain.py", "moco2-rendered"])
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    assert pretrain.again().endswith("examples/pretrain.py moco2-rendered")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert pretrain.again() == "torchrun --nproc-per-node 2 examples/pretrain.py moco2-rendered"


def test_a_collapse_is_warned_about(command, monkeypatch, plain):
    """Every image gets the same embedding, up to a little noise."""
    monkeypatch.setattr(loop, "Spread", lambda module: lambda: 0.01)
    with pytest.warns(
        UserWarning, match=r"the embeddings have collapsed to nearly one point after epoch 1: their spread is 0\.01"
    ):
        pretrain.main([*command, "--epochs", "1"])


def test_a_flat_folder_is_trained_on_without_a_monitor(toys, tmp_path, plain):
    (tmp_path / "flat").mkdir()
    for k, file in enumerate(sorted((toys / "train").rglob("*.png"))):
        shutil.copy(file, tmp_path / "flat" / f"{k}.png")
    words = [
        "moco2-rendered",
        "--data",
        str(tmp_path / "flat"),
        *SMALL,
        "--epochs",
        "1",
        "--out",
        str(tmp_path / "run"),
    ]
    assert pretrain.main(words) == 0
    assert all(row.knn is None for row in rows_of(tmp_path / "run"))
