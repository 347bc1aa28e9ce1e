"""examples/figures/losses.py: the mean over a window of steps, of the losses that a run's events have."""

from __future__ import annotations

from pathlib import Path

import pytest
from trainer.training.logs import Log

pytest.importorskip("matplotlib")
from figures import losses  # draws


def test_a_window_is_of_steps_and_full():
    """By hand; events may be of several steps each, as on a GPU."""
    each = [(step, float(step * step)) for step in range(1, 6)]
    assert losses.smoothed(each, 2) == [(2, 2.5), (3, 6.5), (4, 12.5), (5, 20.5)]
    assert losses.smoothed(each, 1) == each
    assert losses.smoothed([(10, 4.0), (20, 2.0), (30, 6.0), (37, 1.0)], 20) == [(20, 3.0), (30, 4.0), (37, 3.0)]
    assert losses.smoothed(each, 6) == []


def test_the_losses_of_runs_are_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    pytest.importorskip("tensorboard")
    for name, scale in (("a", 1.0), ("b", 2.0)):
        with Log(tmp_path / name, 4, 0) as log:
            for step in range(1, 5):
                log.progress(step, {"loss": scale * step})
    words = [str(tmp_path / "a"), str(tmp_path / "b"), "--window", "2", "--out", str(tmp_path / "out")]
    assert losses.main(words) == 0
    assert (tmp_path / "out" / "losses.png").exists()
    assert (tmp_path / "out" / "losses.csv").read_text().split() == [
        *("run,step,loss", "a,2,1.5", "a,3,2.5", "a,4,3.5", "b,2,3.0", "b,3,5.0", "b,4,7.0")
    ]
    for bad, told in ((tmp_path / "none", "RUN must be the folder of a run"), (tmp_path, "RUN must be the folder")):
        with pytest.raises(SystemExit):
            losses.main([str(bad), "--out", str(tmp_path)])
        assert told in capsys.readouterr().err
