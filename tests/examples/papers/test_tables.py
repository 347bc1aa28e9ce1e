"""benchmarks/tables.py calls reproduce.py for every table, each with its own folder of what is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
import tables
from toys_verdicts import asked_of
from trainer.papers import TABLES

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


#: Those of the plan: there were no others when it was written.
TOYS = (
    ("leoclr", "6"), ("leoclr", "8"), ("interclr", "Fig. 6b"), ("interclr", "Fig. 8"), ("clim", "6"), ("clim", "9"),
    ("scorecl", "2"), ("scorecl", "6"), ("jointcrop", "5"), ("jointcrop", "F"),
)  # fmt: skip


def test_every_table_of_the_toys_is_asked_for_once(tmp_path: Path):
    asked: list[list[str]] = []
    assert tables.main(["--seeds", "2"], run=lambda words: asked.append(words) or 0, results=tmp_path) == 0
    assert {tuple(words[:2]) for words in asked} == set(TOYS) == {key for key, table in TABLES.items() if table.toys}
    assert all(words[words.index("--seeds") + 1] == "2" for words in asked)
    assert all(words[words.index("--first-seed") + 1] == "100" for words in asked)  # as results/toys/PLAN.md says
    kept = {words[words.index("--kept") + 1] for words in asked}
    assert len(kept) == len(asked) == len(TOYS)
    assert str(tmp_path / "interclr-Fig.6b") in kept


def test_stage_2_stops_at_the_look_that_finds_all(tmp_path: Path):
    """Each table's runs are written as if they had been run: far apart in LeOCLR's, alike in the others."""
    asked: list[tuple[str, int]] = []

    def run(words: list[str]) -> int:
        (paper, number), rows = words[:2], words[words.index("--rows") + 1 :]
        known_rows = {row.name: row for row in TABLES[paper, number].rows}
        seeds = int(words[words.index("--seeds") + 1])
        asked.append((f"{paper} {number}", seeds))
        file = tmp_path / f"{paper}-{number}" / "runs.csv"
        file.parent.mkdir(exist_ok=True)
        known = file.read_text() if file.exists() else "row,seed,measured,measure,settings\n"
        far = 20 if paper == "leoclr" else 0
        lines = [
            f'"{row}",{seed},{60 + far * (row == "LeOCLR") + seed % 3},knn,{asked_of(known_rows[row], seed)}\n'
            for row in rows
            for seed in range(100, 100 + seeds)
        ]
        file.write_text(known + "".join(lines))
        return 0

    assert tables.main(["--stage", "2"], run=run, results=tmp_path) == 0
    assert asked == [
        ("leoclr 8", 8),
        *(("clim 6", seeds) for seeds in (8, 16)),
        *(("jointcrop 5", seeds) for seeds in (8, 16)),
        *[("jointcrop 5", 8)] * 3,
    ]


def test_stage_0_has_the_plans_rows(tmp_path: Path):
    asked: list[list[str]] = []
    assert tables.main(["--stage", "0"], run=lambda words: asked.append(words) or 0, results=tmp_path) == 0
    (words,) = asked
    assert words[:2] == ["jointcrop", "5"]
    assert words[words.index("--seeds") + 1] == "8"
    assert words[words.index("--rows") + 1 :] == ["SimCLR, baseline", "MoCo v2, baseline"]


def test_papers_are_chosen_and_an_interrupt_ends_it(tmp_path: Path, capsys):
    asked: list[list[str]] = []
    assert tables.main(["clim"], run=lambda words: asked.append(words) or 1, results=tmp_path) == 1
    assert [words[0] for words in asked] == ["clim", "clim"]
    asked.clear()
    assert tables.main([], run=lambda words: asked.append(words) or 130, results=tmp_path) == 130
    assert len(asked) == 1
    with pytest.raises(SystemExit):
        tables.main(["climb"])
    assert "PAPER must be one of leoclr, interclr" in capsys.readouterr().err
