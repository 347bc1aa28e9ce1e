"""examples/score.py: the same file whatever interrupts it, from the training images alone; runs and figures take it."""

from __future__ import annotations

from pathlib import Path

import pretrain
import pytest
import score
import torch
from trainer.inputs.data import open_data
from trainer.inputs.sources import Pixels
from trainer.record.seconds import seconds_of

from jointaug.difficulty import ScoreNetwork, _training


@pytest.fixture
def command(toys: Path, tmp_path: Path) -> list[str]:
    """Epochs of three steps, at half the images' size."""
    small = ["--size", "16", "--steps", "5", "--batch", "8", "--save-every", "2", "--device", "cpu", "--threads", "1"]
    return [str(toys), *small, "--out", str(tmp_path / "score.pt")]


def test_an_interrupted_training_goes_on_to_the_same_file(command, tmp_path, monkeypatch, one_thread, capsys):
    assert score.main(command) == 0
    assert "5 steps of 8 images; loss " in capsys.readouterr().out
    whole = (tmp_path / "score.pt").read_bytes()
    (tmp_path / "score.pt").unlink()
    write = _training.write

    def interrupted(*words):
        write(*words)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_training, "write", interrupted)
        assert score.main(command) == score.INTERRUPTED
    assert "Go on with the same command" in capsys.readouterr().err
    cut = torch.load(tmp_path / "score.pt", weights_only=True)
    assert len(cut["losses"]) == 2
    assert cut["training"]["images"] == 27  # those of train/, not the nine of test/
    assert score.main(command) == 0
    assert (tmp_path / "score.pt").read_bytes() == whole
    spent = seconds_of(tmp_path / "score.pt")
    assert 0 < spent < 60
    assert score.main(command) == 0  # nothing is left to do
    assert spent < seconds_of(tmp_path / "score.pt") < spent + 5


def test_workers_that_decode_see_what_memory_holds(command, tmp_path, one_thread):
    assert score.main(command) == 0
    there = (tmp_path / "score.pt").read_bytes()
    (tmp_path / "score.pt").unlink()
    assert score.main([*command, "--workers", "1"]) == 0
    assert (tmp_path / "score.pt").read_bytes() == there


def test_pixels_in_memory_are_resized_as_files_are(toys, monkeypatch):
    monkeypatch.setattr(score, "AT_ONCE", 10)
    files = open_data(str(toys)).train
    small = score.resized(files, 16)
    assert small.shape == (27, 3, 16, 16)
    pixels = Pixels(torch.stack([files[k] for k in range(27)]), None)
    assert torch.equal(score.resized(pixels, 16), small)


def test_pretraining_takes_the_file(command, toys, tmp_path, one_thread):
    assert score.main(command) == 0
    words = ["scorecl-simclr-rendered", "--data", str(toys), "--out", str(tmp_path / "run"), "--device", "cpu"]
    words += ["--batch", "8", "--epochs", "1", "--warmup", "0", "--threads", "1", "--hidden", "32"]
    assert pretrain.main([*words, "--score", str(tmp_path / "score.pt")]) == 0
    assert (tmp_path / "run" / "result.json").exists()


def test_by_default_it_is_trained_as_ncsn_is(toys, tmp_path, monkeypatch):
    """Song and Ermon 2019, appendix B.1 and the released code: 200,000 steps of 128 images, Adam at 0.001."""
    asked = {}

    def train(net, images, **how):
        asked.update(how, size=net.size, conditional=net.conditional, images=tuple(images.shape))
        return torch.ones(1)

    monkeypatch.setattr(score, "train_score", train)
    assert score.main([str(toys), "--out", str(tmp_path / "score.pt"), "--device", "cpu"]) == 0
    assert (asked["steps"], asked["batch_size"], asked["learning_rate"]) == (200_000, 128, 1e-3)
    assert (asked["size"], asked["conditional"], asked["images"]) == (32, False, (27, 3, 32, 32))
    assert asked["progress"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--out", "nowhere/score.pt"], "--out must be a file in a folder that is there, got 'nowhere/score.pt'"),
        (["--out", "."], "--out must be a file in a folder that is there, got '.'"),
        (["--size", "18"], "size must be a multiple of 4 pixels, got 18"),
        (["--lr", "nan"], "learning_rate must be a finite number of at least 0, got nan"),
        (["--device", "tpu"], "--device must be one that torch has here"),
    ],
)
def test_what_cannot_be_is_told(words, told, command, capsys, one_thread):
    assert score.main([*command, *words]) == 1
    assert told in capsys.readouterr().err


def test_a_file_of_another_training_is_left_alone(command, tmp_path, capsys, one_thread):
    torch.manual_seed(0)
    assert score.main([*command, "--steps", "1"]) == 0
    before = (tmp_path / "score.pt").read_bytes()
    for words, told in (
        (["--size", "8"], "--out must be a new file, or of this --size 8"),
        (["--seed", "1"], "seed=1"),
    ):
        assert score.main([*command, *words]) == 1
        assert told in capsys.readouterr().err
    assert (tmp_path / "score.pt").read_bytes() == before
    assert ScoreNetwork.load(tmp_path / "score.pt").size == 16


def test_several_processes_are_refused(command, capsys, monkeypatch, one_thread):
    class Two:
        count, device = 2, torch.device("cpu")

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

    monkeypatch.setattr(score, "joined", lambda _: Two())
    assert score.main(command) == 1
    assert "score.py trains in one process, got 2; start it with python" in capsys.readouterr().err
