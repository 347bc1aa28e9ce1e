"""Seconds beside a file: they add up, and what is unknown is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from trainer.record.seconds import add_seconds, seconds_of


def test_seconds_of_several_calls_add_up(tmp_path: Path):
    for seconds in (1.5, 2.0, 0.25):
        add_seconds(tmp_path / "score.pt", seconds)
    assert seconds_of(tmp_path / "score.pt") == 3.75
    assert [path.name for path in tmp_path.iterdir()] == ["score.json"]


@pytest.mark.parametrize("text", [None, "{", "[]", "{}", '{"seconds": null}', '{"seconds": "long"}'])
def test_what_is_not_known_is_told(text: str | None, tmp_path: Path):
    if text is not None:
        (tmp_path / "score.json").write_text(text)
    with pytest.raises(ValueError, match=r"needs the seconds of .*score.pt in .*score.json, which score.py writes"):
        seconds_of(tmp_path / "score.pt")
