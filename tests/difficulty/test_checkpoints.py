"""Checkpoints: whole or not at all, and of the same network and training."""

from __future__ import annotations

import pytest
import torch

from jointaug.difficulty import ScoreNetwork
from jointaug.difficulty import train_score as train

from .cases import fresh, pictures


def test_a_checkpoint_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "score.pt"
    train(fresh(), pictures(), steps=1, batch_size=10, checkpoint=path)
    before = path.read_bytes()

    def full(_):
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="disk full"):
        train(fresh(), pictures(), steps=2, batch_size=10, checkpoint=path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["score.pt"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("score") / "score.pt"
    train(fresh(), pictures(), steps=2, batch_size=10, checkpoint=path)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "of this training, seed=1, got .* with seed=0"),
        ({"batch_size": 5}, "batch_size=5, got .* with batch_size=10"),
        ({"learning_rate": 0.1}, "learning_rate=0.1"),
        ({"images": pictures(20)}, "images=20"),
        ({"net": ScoreNetwork(8, conditional=True)}, "of this network, conditional=True"),
        ({"net": ScoreNetwork(8, sigmas=[0.5, 0.1])}, "of this network, sigmas="),
        ({"steps": 1}, "steps must be at least the 2"),
    ],
)
def test_a_checkpoint_of_another_configuration_is_refused(checkpoint, tmp_path, change, message):
    path = tmp_path / "score.pt"
    path.write_bytes(checkpoint)
    options = {"net": fresh(), "images": pictures(), "steps": 3, "batch_size": 10, "checkpoint": path} | change
    with pytest.raises(ValueError, match=message):
        train(options.pop("net"), options.pop("images"), **options)
    assert path.read_bytes() == checkpoint


@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_a_checkpoint_that_is_cut_short_is_named(checkpoint, tmp_path, share):
    path = tmp_path / "score.pt"
    path.write_bytes(checkpoint[: int(share * len(checkpoint))])
    with pytest.raises(ValueError, match=r"cut short\?"):
        ScoreNetwork.load(path)
    with pytest.raises(ValueError, match=r"cut short\?"):
        train(fresh(), pictures(), steps=3, batch_size=10, checkpoint=path)


def test_other_files_are_no_checkpoints(tmp_path):
    torch.save({"weights": {}}, tmp_path / "other.pt")
    with pytest.raises(ValueError, match="holds something else"):
        ScoreNetwork.load(tmp_path / "other.pt")
    with pytest.raises(FileNotFoundError, match="which is not there"):
        ScoreNetwork.load(tmp_path / "none.pt")
