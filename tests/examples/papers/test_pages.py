"""The pages of docs/papers: every table has its command and its result, and every recipe that they name exists.

map.md has a line for each table (tests/examples/papers/test_overview.py holds it to the data and runs its commands); a
paper's own page has those that run at the toys' scale, and all that have a result.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import reproduce
from trainer.papers import RECIPES, TABLES

ROOT = Path(__file__).parents[3]
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "papers").glob("*.md")}
RESULTS = ROOT / "benchmarks" / "results" / "papers"


def commands(page: str) -> list[list[str]]:
    """The commands in a page's shell blocks."""
    blocks = re.findall(r"```bash\n(.*?)```", page, re.DOTALL)
    found = [line.partition("#")[0].strip() for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [re.findall(r'"[^"]+"|\S+', line) for line in found if line]


@pytest.mark.parametrize(("paper", "number"), TABLES)
def test_every_table_has_its_command_and_its_result(paper: str, number: str):
    page = PAGES[paper]
    own = f"python examples/reproduce.py {paper} {shlex.quote(number)} "
    (line,) = [line for line in PAGES["map"].splitlines() if line.startswith("|") and own in line]
    told = number if number.startswith("Fig") else f"Table {number}"
    finished = sorted(RESULTS.glob(f"{paper}-{number.replace(' ', '')}-*/table.md"))
    for path in finished:
        assert str(path.relative_to(ROOT)) in page
        assert path.parent.name in line
    if TABLES[paper, number].toys:
        asked = [[word.strip('"') for word in one[2:4]] for one in commands(page) if one[1].endswith("reproduce.py")]
        assert [paper, number] in asked
        assert finished or f"{told}: Not run yet" in page
    assert finished or line.endswith("| not run yet |")


@pytest.mark.parametrize("name", PAGES)
def test_commands_are_taken(name: str, tmp_path: Path):
    """Files are there; reproduce.py takes its words; pretrain.py's recipe and settings exist."""
    import pretrain

    for _, script, *words in commands(PAGES[name]):
        assert (ROOT / script).exists(), script
        words = [word.strip('"') for word in words]
        if script.endswith("reproduce.py"):
            assert reproduce.main([*words, "--dry-run", "--out", str(tmp_path)]) == 0
        elif script.endswith("pretrain.py"):
            pretrain.parsed(words)


@pytest.mark.parametrize("name", PAGES)
def test_recipes_exist(name: str):
    for stem in re.findall(r"`([a-z0-9-]+)-SCALE`", PAGES[name]):
        for scale in ("cifar10", "imagenette", "rendered"):
            assert f"{stem}-{scale}" in RECIPES
    stems = {recipe.partition("-")[0] for recipe in RECIPES}
    for recipe in re.findall(r"`([a-z0-9-]+)`", PAGES[name]):
        if recipe.partition("-")[0] in stems and "-" in recipe and recipe.rpartition("-")[2] != "":
            assert recipe in RECIPES or recipe.startswith("-"), recipe
