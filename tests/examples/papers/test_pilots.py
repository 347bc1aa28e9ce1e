"""benchmarks/pilots.py with a trainer that only pretends to train; its plans are runs that pretrain.py takes."""

from __future__ import annotations

import csv
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import fmean

import pilots
import pretrain
import pytest
import torch
import toys_search as search
from trainer.inputs.settings import divided
from trainer.papers import RECIPES
from trainer.papers.scales import SCALES

from jointaug import losses

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
STAND_IN = Path(__file__).parent / "stand_in.py"


def test_every_scaled_down_recipe_has_a_run_that_pretrain_takes():
    assert set(pilots.PLANS) == set(SCALES)
    for scale, plan in pilots.PLANS.items():
        cells = pilots.cells_of(scale, plan, "score.pt")
        assert {cell.recipe for cell in cells} == {name for name in RECIPES if name.endswith(f"-{scale}")}
        for cell in cells:
            _, settings = pretrain.parsed([cell.recipe, "--data", "x", "--out", "y", *cell.words])
            common, _ = divided({name: setting.value for name, setting in settings.items()})
            assert common.knn_every in (common.epochs, 10)


def rows_in(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "rendered.csv").open(newline="") as file:
        return {row["recipe"]: row for row in csv.DictReader(file)}


def starts() -> Counter[str]:
    """How often each recipe's run was started."""
    files = Path("runs").rglob("starts.txt")
    return Counter({path.parent.name.partition(",")[0]: path.read_text().count("started") for path in files})


@pytest.fixture
def pilot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Runs the toys' pilots with the stand-in, by these words and settings; the folder of results."""
    monkeypatch.setattr(pilots, "train_network", lambda data, checkpoint: None)
    monkeypatch.chdir(tmp_path)

    def run(*words: str, bars: bool = False, **changed: int) -> Path:
        plans = {"rendered": pilots.Plan(changed={"epochs": 1, "warmup": 0, **changed}, bars=bars)}
        words = ("rendered", "--runs", "runs", *words)
        assert pilots.main(words, pretrain=STAND_IN, results=tmp_path / "results", plans=plans) == 0
        return tmp_path / "results"

    return run


def test_what_a_run_showed(pilot: Callable[..., Path]):
    results = pilot()
    rows = rows_in(results)
    assert rows.keys() == {name for name in RECIPES if name.endswith("-rendered")}
    assert rows["simclr-rendered"]["found"] == ""
    assert rows["byol-rendered"]["found"] == "collapsed, k-NN not above the initialization's"
    assert rows["dino-rendered"]["found"] == "the loss is the uninformative 5.545"
    page = (results / "rendered.md").read_text()
    assert f"{len(rows)} of {len(rows)} recipes are done. One seed each" in page
    assert "| `simclr-rendered` |  | 1.000 | 1.000 | 0.80 | 10.0 | 50.0 | 40.0 | 60.0 | 4.5 | 2 | as asked |" in page


def test_bars_that_are_missed_are_named(pilot: Callable[..., Path]):
    """The stand-in gains 40 points of k-NN, BYOL none, and 20 of ridge, up to 60 %."""
    rows = rows_in(pilot(bars=True))
    assert rows["simclr-rendered"]["found"] == "ridge 60.0, bar 65"
    assert rows["vicreg-rendered"]["found"] == "ridge 60.0, bar 65"
    assert rows["interclr-byol-rendered"]["found"] == ""
    assert rows["byol-rendered"]["found"] == "collapsed, k-NN +0.0, bar +12"
    assert rows["npid-rendered"]["found"] == ""


def test_it_goes_on_from_the_table_on_another_machine_too(pilot: Callable[..., Path], capsys):
    """What the table has is not run again, whether the runs' folders are there or not; what was mended is."""
    total = len(rows_in(pilot()))
    assert set(starts().values()) == {1}
    shutil.rmtree("runs")  # as on another machine
    Path("runs/rendered").mkdir(parents=True)
    results = pilot()
    assert starts() == {}
    assert f"{total} of {total} are done, 0 are left" in capsys.readouterr().out
    pilot("--again", "simclr", "byol")
    assert starts().keys() == {"simclr-rendered", "byol-rendered"}
    lines = (results / "rendered.csv").read_text().splitlines()
    (results / "rendered.csv").write_text("\n".join(line for line in lines if not line.startswith("moco1")) + "\n")
    pilot()
    assert starts().keys() == {"simclr-rendered", "byol-rendered", "moco1-rendered"}
    assert len(rows_in(results)) == total


def test_rows_of_other_settings_are_not_mixed_in(pilot: Callable[..., Path], capsys):
    before = rows_in(pilot())
    after = rows_in(pilot(epochs=2))
    assert "simclr-rendered: anew; the table's is of other settings" in capsys.readouterr().out
    assert all(after[name]["settings"] != row["settings"] for name, row in before.items())


B, D, K = 6, 5, 12
ALIKE = torch.full((B, D), D**-0.5)
QUEUE = torch.full((D, K), D**-0.5)
MEMORY = torch.full((B, K, D), D**-0.5)
CLIM = {"method": "clim", "batch": B, "K": K, "sizes": (32, 24), "reduction": "sum"}
INTER = {"method": "interclr", "on": "npid", "batch": B, "K": K, "K_inter": 4, "tau": 0.1, "lam": 0.75}
SAME = [ALIKE] * 2


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        ({"method": "simclr"}, losses.nt_xent(ALIKE, ALIKE, tau=0.2)),
        ({"method": "moco", "K": K}, losses.info_nce(ALIKE, ALIKE, QUEUE, tau=0.2)),
        ({"method": "mocov3", "tau": 0.3}, losses.moco_v3(*[ALIKE] * 4, tau=0.3)),
        (
            {"method": "infomin", "K": K},
            0.7 * losses.info_nce(ALIKE, ALIKE, QUEUE, tau=0.2) + 0.3 * losses.info_nce(ALIKE, ALIKE, QUEUE, tau=0.1),
        ),
        ({"method": "npid", "K": K}, losses.npid(ALIKE, ALIKE, MEMORY, tau=0.1)),
        ({"method": "leoclr", "K": K, "reduction": "sum"}, losses.leoclr(ALIKE, ALIKE, ALIKE, QUEUE, tau=0.2)),
        (
            {"method": "leoclr", "K": K, "reduction": "sum", "attract": "all"},
            losses.leoclr(ALIKE, ALIKE, ALIKE, QUEUE, tau=0.2, q1=ALIKE),
        ),
        (
            {"method": "leoclr", "framework": "simclr", "reduction": "mean"},
            losses.leoclr_end_to_end(ALIKE, ALIKE, ALIKE, tau=0.2, reduction="mean"),
        ),
        (CLIM, losses.clim_multi_resolution(SAME, SAME, SAME, [0.3, 0.7], QUEUE, tau=0.2)),
        (
            {**INTER, "m_intra": 0.2, "m_inter": -0.5},
            losses.interclr(
                losses.npid(ALIKE, ALIKE, MEMORY, tau=0.1, m=0.2),
                losses.npid(ALIKE, ALIKE, MEMORY[:, :4], tau=0.1, m=-0.5),
                lam=0.75,
            ),
        ),
        ({"method": "dino", "outputs": D}, losses.dino(SAME, SAME, torch.zeros(D))),
    ],
    ids=lambda one: one["method"] if isinstance(one, dict) else "",
)
def test_the_uninformative_loss_is_that_of_embeddings_that_are_alike(values, parts):
    assert pilots.uninformative({"batch": B, **values}) == pytest.approx(float(losses.reduce(parts)), rel=1e-5)


def test_the_uninformative_loss_of_whitening_is_that_of_independent_embeddings():
    """Mean of 2 - 2 cos over 4,000 pairs of 8 dimensions: 2 within five standard errors, 2 / sqrt(8 * 4000) each."""
    torch.manual_seed(0)
    z, other = torch.randn(2, 4000, 8)
    loss = float(losses.reduce(losses.wmse([z, other], 400, torch.arange(4000)[None])))
    assert pilots.uninformative({"method": "wmse", "batch": 4000}) == pytest.approx(loss, abs=5 * 2 / 32000**0.5)


@pytest.mark.parametrize("name", [name for name in RECIPES if name.endswith("-rendered")])
def test_every_method_has_its_bar_and_its_uninformative_loss(name: str):
    values = RECIPES[name].values
    method = values.get("on", values["method"])
    blank = pilots.uninformative(values)
    assert method in pilots.BARS
    assert (blank is None) == (method in ("byol", "simsiam", "vicreg"))


def test_a_run_that_stops_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The stand-in refuses ``attract=all``, which goes on LeOCLR's recipes alone."""
    (tmp_path / "rendered").mkdir()
    monkeypatch.setattr(pilots, "train_network", lambda data, checkpoint: None)
    monkeypatch.chdir(tmp_path)
    plans = {"rendered": pilots.Plan(forced={"attract": "all"})}
    assert pilots.main(["rendered", "--runs", "runs"], pretrain=STAND_IN, results=tmp_path, plans=plans) == 0
    page = (tmp_path / "rendered.md").read_text()
    assert "| `leoclr-rendered` | attract=all |" in page
    assert "stopped: pretrain.py: attract=all does not go on this" in page


@pytest.mark.parametrize("words", [["cifar10"], ["rendered", "--data", "toys"]])
def test_images_are_named_where_there_are_some(words, capsys):
    with pytest.raises(SystemExit):
        pilots.main(words)
    assert "--data" in capsys.readouterr().err


PAGE = BENCHMARKS.parent / "docs" / "papers" / "pilots.md"
KEPT = {row["recipe"]: row for row in pilots.read(BENCHMARKS / "results" / "pilots" / "rendered.csv")}
TRIALS = {search.key(row): row for row in search.read(BENCHMARKS / "results" / "toys_search.csv")}
MEASURES = ("k-NN before", "k-NN after", "ridge before", "ridge after")


def told(pattern: str) -> list[tuple[str, ...]]:
    """The lines of the page's tables that begin so, cell by cell, without backticks."""
    lines = re.findall(rf"^\| ({pattern}.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return [tuple(cell.strip().strip("`") for cell in line.split("|")) for line in lines]


def measured(recipe: str, changed: str, seed: str) -> list[float]:
    """A run's `MEASURES` in percent: a pilot's, or those of a trial of the search."""
    pilot = not changed and seed == "0"
    row = KEPT[recipe] if pilot else TRIALS[recipe, changed, seed]
    return [100 * float(row[name]) for name in MEASURES]


def test_the_page_counts_as_the_table_does():
    good = sum(not row["found"] for row in KEPT.values())
    assert f"All {len(KEPT)} of the new ones are done, and {good} are as asked." in PAGE.read_text(encoding="utf-8")


def test_the_pages_trials_are_the_searchs():
    trials = [line for line in told("`.*-rendered`") if len(line) == 5]
    assert len(trials) > 10
    for recipe, changed, epochs, knn, ridge in trials:
        words = "" if changed == "as it is" else changed
        row = TRIALS[recipe, words, "0"] if words else KEPT[recipe]
        found = measured(recipe, words, "0")
        assert (epochs, knn, ridge) == (str(row["epochs"]), f"{found[1]:.1f}", f"{found[3]:.1f}"), (recipe, changed)


def test_the_pages_means_are_of_seeds_0_to_2():
    means = [line for line in told("`.*-rendered`") if len(line) == 3]
    assert means
    for recipe, knn, ridge in means:
        runs = [measured(recipe, "", seed) for seed in "012"]
        gains = [[after - before for before, after, _, _ in runs], [after - before for _, _, before, after in runs]]
        for cell, values in zip((knn, ridge), gains, strict=True):
            assert cell == f"{', '.join(f'{value:.1f}' for value in values)}: {fmean(values):.1f}", recipe


def test_the_page_says_what_clims_other_seeds_averaged():
    with (BENCHMARKS / "results" / "toys" / "clim-6" / "runs.csv").open(newline="") as file:
        runs = list(csv.DictReader(file))
    mixed, plain = (
        [run for run in runs if run["row"] == name] for name in ("Center-wise, CutMix", "MoCo v2, no mixing")
    )
    knn, ridge, other = (
        fmean(float(run[name]) * unit for run in rows)
        for rows, name, unit in ((mixed, "measured", 1), (mixed, "ridge", 100), (plain, "measured", 1))
    )
    assert len(mixed) == len(plain) == 16
    words = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert f"sixteen other seeds average {knn:.1f} % k-NN and {ridge:.1f} % ridge" in words
    assert f"plain MoCo v2 in as many averages {other:.1f} there" in words
