"""benchmarks/moco_momentum.py: its runs are MoCo's, and the page's table is its result."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import moco_momentum as momentum
import pytest
import torch
from trainer.methods.batch import Batch
from trainer.methods.moco import MoCo

from jointaug.losses import reduce, unit

ROOT = Path(__file__).parents[3]
KEPT = ROOT / "benchmarks" / "results" / "moco_momentum.json"


class Tiny(torch.nn.Module):
    width = 8

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(3, 8)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.linear(images.mean((2, 3)))


def made(kind: type) -> MoCo:
    torch.manual_seed(0)
    return kind(Tiny, dim=4, hidden=8, K=8, tau=0.1)


def test_negatives_are_the_queue_or_the_other_keys_of_the_batch():
    """With the queue it is MoCo, number for number; with keys of one age a slow loop over images."""
    views = [*torch.randn(2, 4, 3, 8, 8)]
    batch = Batch(views, torch.arange(4), 0, 0, 0, 10)
    watched, plain = made(momentum.Watched), made(MoCo)
    torch.testing.assert_close(watched(batch).per_sample, plain(batch).per_sample)
    watched.same_age = True
    losses = watched(batch)
    with torch.no_grad():
        q, k = unit(watched.f_q(views[0])), unit(watched.f_k(views[1]))
    slow = []
    for i in range(4):
        odds = [math.exp(float(q[i] @ k[j]) / 0.1) for j in range(4)]
        slow.append(-math.log(odds[i] / sum(odds)))
    torch.testing.assert_close(losses.per_sample, torch.tensor(slow), rtol=1e-4, atol=1e-5)
    assert reduce(losses).item() == pytest.approx(sum(slow) / 4, rel=1e-4)
    found = watched.cosines()
    assert found["own key"] == pytest.approx(float((q * k).sum(1).mean()), abs=1e-5)
    assert found["other keys of the batch"] == pytest.approx(
        sum(float(q[i] @ k[j]) for i in range(4) for j in range(4) if i != j) / 12, abs=1e-5
    )


def test_the_pages_table_is_the_result():
    page = (ROOT / "docs" / "papers" / "baselines.md").read_text(encoding="utf-8")
    kept = json.loads(KEPT.read_text())["cases"]
    assert kept.keys() == momentum.CASES.keys()
    for name, case in kept.items():
        told = name.replace("bn_splits", "`bn_splits`").replace("m 0.", "m .")
        (line,) = re.findall(rf"^\| {re.escape(told)} \|(.*)\|$", page, re.MULTILINE)
        numbers = [float(text) for text in line.replace("|", " ").split()]
        wanted = [*case["loss"], *case["cosine"].values()]
        wanted = wanted[: len(numbers)]  # without a queue there are no cosines with it
        assert len(numbers) >= 7
        assert all(abs(a - b) <= 0.00101 for a, b in zip(numbers, wanted, strict=True)), name
