"""The table, its picture and TensorBoard's events; what an interrupted run wrote too much is dropped."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from PIL import Image
from trainer.training.logs import Log, Row, rows_of

ROWS = [
    Row(0, 0, knn=0.25, ridge=0.5, rank=2.0),
    Row(1, 3, 2.5, 0.1, 100.0, 0.7, 0.5, 0.75, 3.5, 1.25),
    Row(2, 6, 1.5, 0.0, 100.0, 0.7, None, None, None, 2.5),
]


def test_the_table_is_read_as_it_was_written(tmp_path, capsys):
    with Log(tmp_path, 6, 0) as log:
        for row in ROWS:
            log.add(row)
        log.picture()
    assert rows_of(tmp_path) == ROWS
    assert capsys.readouterr().out.splitlines()[1].startswith("epoch 1  step 3  loss 2.5")
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.size[0] == 6 * 4 * 120  # loss, knn, ridge, rank, spread, rate


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_bar_says_loss_rate_images_and_time_left(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stderr", Terminal())
    with Log(tmp_path, 6, 0) as log:
        log.progress(3, {"loss": 2.5, "lr": 0.125, "images/s": 640.0})
        said = str(log.bar)
    assert "loss=2.5, lr=0.125, images/s=640" in said
    assert "3/6" in said
    assert "<" in said  # time passed < time left


def test_lines_after_the_checkpoint_are_dropped(tmp_path):
    with Log(tmp_path, 6, 0) as log:
        for row in ROWS:
            log.add(row)
    with Log(tmp_path, 6, 4) as log:
        assert log.rows == ROWS[:2]
        log.add(replace(ROWS[2], loss=1.0))
    assert rows_of(tmp_path) == [*ROWS[:2], replace(ROWS[2], loss=1.0)]
    with Log(tmp_path, 6, 0):  # from the start again
        assert rows_of(tmp_path) == []


def test_the_most_memory_is_that_of_all_lines(tmp_path):
    with Log(tmp_path, 6, 0) as log:
        assert log.peak_gb == 0.0
        for row, peak in zip(ROWS, (1.5, 2.5, None), strict=True):
            log.add(replace(row, peak_gb=peak))
        assert log.peak_gb == 2.5
    with Log(tmp_path, 6, 4) as log:  # goes on
        assert log.peak_gb == 2.5


def test_the_other_processes_write_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with Log(None, 6, 0) as log:
        log.progress(3, {"loss": 1.0})
        log.add(ROWS[1])
        log.picture()
    assert log.rows == [ROWS[1]]
    assert not list(tmp_path.iterdir())
    assert not capsys.readouterr().out


def test_tensorboard_has_every_value(tmp_path):
    reading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    with Log(tmp_path, 6, 0) as log:
        log.progress(3, {"loss": 2.0, "lr": 0.5})
        log.add(ROWS[1])
    events = reading.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    for name, step, value in (
        ("step/loss", 3, 2.0),
        ("step/lr", 3, 0.5),
        ("epoch/loss", 3, 2.5),
        ("epoch/knn", 3, 0.5),
    ):
        (event,) = events.Scalars(name)
        assert (event.step, event.value) == (step, pytest.approx(value))
