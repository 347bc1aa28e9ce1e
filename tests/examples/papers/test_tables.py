"""benchmarks/tables.py calls reproduce.py for every table, each with its own folder of what is kept."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from trainer.papers import TABLES

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture(scope="module")
def tables() -> ModuleType:
    sys.path.insert(0, str(BENCHMARKS))
    try:
        spec = importlib.util.spec_from_file_location("tables", BENCHMARKS / "tables.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(BENCHMARKS))


def test_every_table_is_asked_for_once(tables: ModuleType, tmp_path: Path):
    asked: list[list[str]] = []
    assert tables.main(["--seeds", "2"], run=lambda words: asked.append(words) or 0, results=tmp_path) == 0
    assert [tuple(words[:2]) for words in asked] == list(TABLES)
    assert all(words[words.index("--seeds") + 1] == "2" for words in asked)
    assert all(words[words.index("--first-seed") + 1] == "100" for words in asked)  # as results/toys/PLAN.md says
    kept = {words[words.index("--kept") + 1] for words in asked}
    assert len(kept) == len(TABLES)
    assert str(tmp_path / "interclr-Fig.6b") in kept


def test_papers_are_chosen_and_an_interrupt_ends_it(tables: ModuleType, tmp_path: Path, capsys):
    asked: list[list[str]] = []
    assert tables.main(["clim"], run=lambda words: asked.append(words) or 1, results=tmp_path) == 1
    assert [words[0] for words in asked] == ["clim", "clim"]
    asked.clear()
    assert tables.main([], run=lambda words: asked.append(words) or 130, results=tmp_path) == 130
    assert len(asked) == 1
    with pytest.raises(SystemExit):
        tables.main(["climb"])
    assert "PAPER must be one of leoclr, interclr" in capsys.readouterr().err
