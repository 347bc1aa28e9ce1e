"""examples/figures/clim.py: the numbers are means over pairs, and the selectors differ as the paper tells."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

pytest.importorskip("matplotlib")
from figures import clim  # draws


def test_numbers_are_means_over_pairs():
    """By hand: anchors 0 and 1; -1 is no positive."""
    x = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])
    found = clim.numbers(
        x, torch.tensor([0, 1, 0]), torch.tensor([2.0, 1.0, 0.5]), torch.tensor([[1, 2], [0, -1], [-1, -1]])
    )
    assert found == pytest.approx([1 / 3, (5 + 1 + 5) / 3, (1 + 1.5 - 1) / 3])


@pytest.mark.parametrize("seed", [0, 1])
def test_center_wise_is_between_clusters_and_neighbors(seed: int):
    """The paper's three claims, of points whose groups are known."""
    _, (_, *rows) = clim.figure2(seed)
    of_clusters, of_neighbors, center_wise = ([float(value) for value in row[1:]] for row in rows)
    assert [row[0] for row in rows] == list(clim.SELECTORS)
    assert of_neighbors[1] < center_wise[1] < of_clusters[1]  # clusters lose locality
    assert center_wise[2] > max(of_neighbors[2], of_clusters[2])  # and only this one pulls towards the center
    assert of_clusters[2] == pytest.approx(0, abs=0.05)  # anchor and mate are alike there
    assert min(center_wise[0], of_neighbors[0]) > of_clusters[0]


def test_one_command_draws_and_keeps_the_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert clim.main(["--out", str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clim-2.csv", "clim-2.png"]
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit):
        clim.main(["--out", str(tmp_path / "file")])
    assert "file" in capsys.readouterr().err
