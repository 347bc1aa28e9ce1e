"""docs/papers/map.md: made from the data, its commands are taken, and what it lacks is exactly what is said here."""

from __future__ import annotations

import io
import re
import shlex
from contextlib import redirect_stdout
from pathlib import Path

import evaluate
import pretrain
import pytest
import reproduce
import score
from trainer.papers import TABLES
from trainer.papers.lines import LVIS, OTHERS, SUPERVISED
from trainer.papers.overview import DATA, ITEMS, NAMES, page

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "papers" / "map.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"`(python [^`]+)`", PAGE)[1:]  # the first one makes the page


def test_the_page_is_that_of_the_data():
    assert page() == PAGE
    assert {paper for paper, _ in TABLES} == set(NAMES) == set(ITEMS)


def test_every_table_has_a_command_at_each_of_its_scales():
    asked = [shlex.split(command) for command in COMMANDS]
    found = [(words[2], words[3], words[5]) for words in asked if words[1].endswith("reproduce.py")]
    assert sorted(found) == sorted((*key, scale) for key, table in TABLES.items() for scale in table.scales)
    assert {scale for *_, scale in found} == set(DATA)


@pytest.mark.parametrize("command", [one for one in COMMANDS if "reproduce.py" not in one])
def test_commands_are_taken(command: str):
    _, script, *words = shlex.split(command)
    assert (ROOT / script).exists()
    if script.endswith("pretrain.py"):
        pretrain.parsed(words)
    elif script.endswith("score.py"):
        score.parsed(words)
    elif script.endswith("evaluate.py"):
        assert evaluate.arguments_of(words)[0].protocols


@pytest.mark.parametrize("paper", NAMES)
def test_every_row_is_asked_for_or_says_why_not(paper: str, tmp_path: Path):
    """reproduce.py parses each row's command line, and what it does not run is what the data say."""
    for command in COMMANDS:
        _, script, *words = shlex.split(command)
        if not script.endswith("reproduce.py") or words[0] != paper:
            continue
        with redirect_stdout(io.StringIO()) as output:
            assert reproduce.main([*words, "--dry-run", "--out", str(tmp_path / "out")]) == 0, command
        table, scale = TABLES[paper, words[1]], words[3]
        for row, line in zip(table.rows, output.getvalue().splitlines(), strict=True):
            assert line.startswith(f"{row.name}: ")
            asked = line.removeprefix(f"{row.name}: ")
            runs = asked.startswith(f"{row.recipe_at(scale)},") and asked.endswith(",seed=0")
            here = {name for name, column in table.columns.items() if column.scale == scale}
            if not row.missing and (not row.reported or here & row.reported.keys()):
                assert runs, (command, row.name, asked)
            if row.missing:
                assert not runs
    assert not (tmp_path / "out").exists()


#: Reasons of what is not run but other papers' methods, and the items that have them.
LACKING = {
    LVIS: {"clim 5"},
    SUPERVISED: {
        "clim 1", "clim 2", "clim 3", "clim 4", "clim 5", "clim 10", "interclr 1", "interclr 2", "interclr 3",
        "interclr Fig. 5",
    },
}  # fmt: skip


def test_nothing_else_is_missing():
    found: dict[str, set[str]] = {}
    for (paper, number), table in TABLES.items():
        for reason in (*(row.missing for row in table.rows), *(one.missing for one in table.columns.values())):
            found.setdefault(reason, set()).add(f"{paper} {number}")
    for paper, items in ITEMS.items():
        for item in items:
            found.setdefault(item.missing, set()).add(f"{paper} {item.name}")
    assert {reason: items for reason, items in found.items() if reason not in ("", OTHERS)} == LACKING
