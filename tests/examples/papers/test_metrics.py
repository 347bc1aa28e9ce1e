"""What a column of a table asks for is what its protocol yields: each protocol is run, on a few images of noise."""

from __future__ import annotations

from functools import partial

import evaluate
import numpy as np
import pytest
import torch
from trainer.evaluation import low_shot, metrics, svm
from trainer.evaluation.encoder import open_encoder
from trainer.evaluation.images import Images
from trainer.inputs.named import PER_CLASS
from trainer.inputs.sources import Pixels
from trainer.papers import TABLES

CLASSES, SHOTS = 6, (1, 2)


def asked() -> dict[tuple[str, str, str], set[str]]:
    """What columns ask of each protocol of evaluate.py, these stages, and data on which a metric of its own is told.

    Whichever row's the protocol is.
    """
    found: dict[tuple[str, str, str], set[str]] = {}
    for table in TABLES.values():
        for column in table.columns.values():
            for protocol in dict.fromkeys(row.protocol or column.protocol for row in table.rows if column.protocol):
                if protocol.partition(":")[0] in (*evaluate.FREE, *evaluate.MACHINES, *evaluate.TRAINED):
                    data = column.data if column.data in PER_CLASS else ""
                    found.setdefault((protocol, column.stages, data), set()).add(column.metric)
    return found


def noise(several: bool, each: int) -> Images:
    """Images of each class; if ``several``, each shows one or two of them."""
    labels = torch.arange(each * CLASSES) % CLASSES
    if several:
        shown = torch.eye(CLASSES, dtype=torch.long)
        labels = shown[labels] | shown[labels // 2]
    chance = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (len(labels), 3, 32, 32), dtype=torch.uint8, generator=chance)
    return Images(Pixels(pixels, None), torch.arange(len(labels)), labels, [str(k) for k in range(CLASSES)])


class Untrained:
    """In the place of a machine, to be quick: what it says is of no matter here."""

    def fit(self, x: np.ndarray, _: np.ndarray) -> Untrained:
        self.coef_, self.intercept_ = np.zeros((1, x.shape[1])), np.zeros(1)
        return self


@pytest.mark.parametrize(("protocol", "stages", "data"), asked(), ids=map(" ".join, asked()))
def test_what_is_asked_for_is_yielded(protocol, stages, data, one_thread, monkeypatch):
    several = protocol in evaluate.MACHINES
    if several:
        pytest.importorskip("sklearn")
        monkeypatch.setattr(svm, "machine", lambda _: Untrained())
        monkeypatch.setattr(svm, "chosen_cost", lambda *_: 1.0)
    words = f"resnet8 {protocol} --data {data}:none --epochs 1 --batch 12 --lr 0.1 --threads 1 --shots 1 2"
    options, _ = evaluate.arguments_of([*words.split(), *(("--stages", stages) if stages else ())])
    options.labelled = None
    parts = map(partial(noise, several), (6, 2))
    results = evaluate.Evaluation(open_encoder("resnet8", size=32), *parts, options).run(protocol)
    found = {result.metric for result in results}
    if protocol == "low-shot":  # 96 images of a class would take long: what holds for one and two holds for all
        few, many = ({metrics.best_stage(metrics.at_shots(k)) for k in ks} for ks in (SHOTS, low_shot.SHOTS))
        assert few <= found
        found |= many
    assert asked()[protocol, stages, data] <= found
