"""Every recipe, and every row of a table, takes its first steps, with its own views, method, options and optimizer.

``make rows`` runs all of them; without ``-m rows`` those run that together have every option of every method once.
The network costs nothing. What the size of data and network asks for is made small (`SMALL`); all else is the recipe's.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from trainer.inputs.settings import divided
from trainer.inputs.sources import Data, Pixels
from trainer.papers import RECIPES, TABLES
from trainer.papers.runs import FILES
from trainer.training import loop
from trainer.training.loop import Run

from jointaug.difficulty import ScoreNetwork, train_score

from ...stand_in_lpips import install, made

IMAGES, BATCH = 32, 16
SMALL: dict[str, Any] = {
    "epochs": 2, "warmup": 0.5, "warmup_steps": 1, "milestones": (-0.5,), "accumulate": 2,
    "hidden": 32, "bottleneck": 8, "outputs": 64,
    "K": 16, "K_inter": 4, "pool": 0.5, "clusters": 4, "min_cluster": 2, "k": 10, "n_pos": 5,
    "warmup_epochs": 1, "every": 1, "bn_splits": 2, "freeze": 1,
}  # fmt: skip


def distinct() -> dict[str, tuple[str, dict[str, Any]]]:
    """Recipes, and what rows of tables change in them: on the toys, or at the paper's scale where they are run there.

    What two rows ask for alike is here once.
    """
    cases = {name: (name, {}) for name in RECIPES}
    for table in TABLES.values():
        for row in table.rows:
            scales = sorted(table.scales) if row.own or f"{row.recipe}-rendered" not in RECIPES else ["rendered"]
            case = (row.recipe_at(scales[0]), {**row.changed, **row.own})
            if row.recipe and not row.missing and case[1] and case not in cases.values():
                cases[f"{table.paper} {table.number}, {row.name}"] = case
    return cases


CASES = distinct()


def options_of(recipe: str, changed: dict[str, Any]) -> set[tuple[Any, ...]]:
    """A method with each of its options: words and switches as they are, numbers by whether there is one."""
    values = {**RECIPES[recipe].values, **changed}
    told = {name: value if isinstance(value, (str, bool)) else bool(value) for name, value in values.items()}
    told["backbone"] = ""  # the small one takes its place
    return {(values["method"], name, value) for name, value in told.items()}


def few() -> list[str]:
    """Cases that together have every option of every method: the one that adds the most, again and again."""
    options = {name: options_of(*case) for name, case in CASES.items()}
    left, chosen = set[tuple[Any, ...]]().union(*options.values()), []
    while left:
        chosen.append(max(CASES, key=lambda name: len(options[name] & left)))
        left -= options[chosen[-1]]
    return chosen


FEW = few()


class Small(nn.Module):
    """A backbone of one convolution, which takes images of any size."""

    width = 8

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 8, stride=8)

    def feature_map(self, images: Tensor) -> Tensor:
        """``[B, 8, h, w]``."""
        return self.conv(images).relu()

    def forward(self, images: Tensor) -> Tensor:
        """``[B, 8]``."""
        return self.feature_map(images).mean((2, 3))


@pytest.fixture(scope="module")
def score(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A score network's checkpoint, of smaller images than any recipe's views."""
    file: Path = tmp_path_factory.mktemp("score") / "score.pt"
    images = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    train_score(ScoreNetwork(16), images, steps=1, batch_size=4, checkpoint=file, progress=False)
    return str(file)


@pytest.fixture(scope="module")
def lpips(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Weights of a stand-in for LPIPS."""
    file: Path = tmp_path_factory.mktemp("lpips") / "lpips.pt"
    torch.save(made().state_dict(), file)
    return str(file)


def test_few_have_all_options():
    """Some option each, that a method has in one row alone: no case that is left out has one that is not run."""
    run = set().union(*(options_of(*CASES[name]) for name in FEW))
    assert all(options_of(*case) <= run for case in CASES.values())
    assert len(FEW) < len(CASES) / 3
    assert {"leoclr 8, attract all", "interclr Fig. 6b, hard", "jointcrop 10, JointCrop of locals"} <= set(FEW)


@pytest.mark.parametrize(
    "name", [name if name in FEW else pytest.param(name, marks=pytest.mark.rows) for name in CASES]
)
def test_first_steps(
    name: str, score: str, lpips: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_thread: None
):
    install(monkeypatch)
    monkeypatch.setattr(loop, "Backbone", lambda *_: Small())
    monkeypatch.setattr(loop.Log, "picture", lambda _: None)  # it would take most of the time
    recipe, changed = CASES[name]
    values = {**RECIPES[recipe].values, **changed}
    small = {key: value for key, value in SMALL.items() if values.get(key)}
    if "w_size" in values:
        small |= {"dim": 2, "w_size": BATCH // 2}
    elif "dim" in values:
        small["dim"] = 8
    if (weight := values.get("weight")) in FILES:
        small[weight] = {"score": score, "lpips": lpips}[weight]
    settings, own = divided({**values, **small, "batch": BATCH, "knn_every": 0, "threads": 1})
    pictures = torch.randint(256, (IMAGES, 3, 40, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    run = Run(settings, own, Data(Pixels(pictures, None), None), tmp_path / "run", recipe=recipe)
    start = [parameter.detach().clone() for parameter in run.method.parameters()]
    result = run.go()
    assert result.finished
    assert all(math.isfinite(row.loss) for row in result.rows[1:])
    moved = [not torch.equal(*pair) for pair in zip(start, run.method.parameters(), strict=True)]
    assert sum(moved) > len(moved) / 2
