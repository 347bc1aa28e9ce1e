"""examples/figures/leoclr.py: what a table's row says is where it is drawn."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("matplotlib")
from figures import leoclr  # draws

FOUR = """row,reported ImageNet,measured,low,high,seeds
"MoCo-v2, all",67.5,60.0,59.0,61.5,8
"MoCo-v2, crop only",39.5,40.0,,,1
"LeOCLR, all",71.7,64.0,63.0,65.0,8
"LeOCLR, R_color",,,,,0
"""
ENDS = ",".join(f'"{end} {percent} %, top-1"' for percent in (1, 10) for end in ("measured", "low", "high"))
FIVE = f"""row,{ENDS}
MoCo-v2,20.0,19.0,21.0,50.0,48.0,51.0
LeOCLR,30.0,,,,,
"""


def table(folder: Path, text: str) -> Path:
    folder.mkdir()
    (folder / "table.csv").write_text(text)
    return folder


def test_bars_are_the_rows_of_fig_4(tmp_path: Path):
    """A row that was not run has none; one seed has no interval."""
    figure = leoclr.drawn("Fig. 4", leoclr.lines_of(table(tmp_path / "four", FOUR)))
    (ax,) = figure.axes
    heights = {(round(bar.get_x() + 0.19, 2), bar.get_height()) for bar in ax.patches if bar.get_height()}
    assert heights == {(0.0, 60.0), (3.0, 40.0), (0.4, 64.0)}
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["all", "R_Grayscale", "R_color", "crop only"]
    ends = {tuple(segment[:, 1]) for bars in ax.collections for segment in bars.get_segments()}
    assert ends == {(59.0, 61.5), (40.0, 40.0), (63.0, 65.0)}


def test_curves_are_the_rows_of_fig_5(tmp_path: Path):
    figure = leoclr.drawn("Fig. 5", leoclr.lines_of(table(tmp_path / "five", FIVE)))
    first, second = figure.axes
    curves = {bars.get_label(): bars.lines[0].get_xydata().tolist() for bars in first.containers}
    assert curves == {"MoCo-v2": [[1.0, 20.0], [10.0, 50.0]], "LeOCLR": [[1.0, 30.0]]}
    assert not second.containers
    assert (first.get_ylabel(), second.get_ylabel()) == ("top-1, %", "top-5, %")


def test_a_table_of_several_measures_has_a_picture_of_each(tmp_path: Path):
    """Which measure a table of one is by stands nowhere in it."""
    assert leoclr.drawn("Fig. 4", leoclr.lines_of(table(tmp_path / "one", FOUR))).axes[0].get_ylabel() == "measured, %"
    text = FOUR.replace("measured,low,high,seeds", "measured knn,low knn,high knn,measured ImageNet")
    figure = leoclr.drawn("Fig. 4", leoclr.lines_of(table(tmp_path / "both", text.replace(",8\n", ",70.0\n"))))
    first, second = figure.axes
    assert {bar.get_height() for bar in first.patches} == {0, 60.0, 40.0, 64.0}
    assert {bar.get_height() for bar in second.patches} == {0, 70.0, 1.0}
    assert (first.get_ylabel(), second.get_ylabel()) == ("knn, %", "ImageNet, %")


def test_the_command_writes_it_or_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    four = table(tmp_path / "four", FOUR)
    assert leoclr.main(["Fig. 4", str(four), "--out", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "fig4.png").stat().st_size > 1000
    for words, told in (
        (["Fig. 4", str(tmp_path)], "FOLDER must hold a table.csv of reproduce.py"),
        (["Fig. 5", str(four)], "FOLDER must hold a table with results of LeOCLR's Fig. 5, got none"),
    ):
        with pytest.raises(SystemExit):
            leoclr.main([*words, "--out", str(tmp_path / "none")])
        assert told in capsys.readouterr().err
        assert not (tmp_path / "none").exists()
