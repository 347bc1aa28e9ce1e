"""A probe on stages: of each the number that it has alone, and the best one's classifier."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from trainer.evaluation import linear
from trainer.evaluation.encoder import open_encoder
from trainer.evaluation.frozen import Frozen
from trainer.evaluation.probe import Probe, accuracy
from trainer.evaluation.protocols import PROTOCOLS

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def frozen(noise):
    encoder = replace(open_encoder("resnet8", size=32), batch=8)
    return Frozen(encoder, noise.subset(torch.arange(21)), noise.subset(torch.arange(21, 30)))


def on(frozen, *stages):
    return replace(frozen, encoder=frozen.encoder.of_stages(stages))


HOW = {"name": "interclr", "epochs": 2, "batch": 8}


def test_a_stage_among_others_has_the_numbers_that_it_has_alone(frozen):
    every, head = linear.probed(on(frozen, 1, 2, 3, 4), PROTOCOLS["interclr"], **HOW)
    found = {result.metric: result.value for result in every}
    assert set(found) == {
        f"{which}: {metric}"
        for which in (*(f"stage {k}" for k in (1, 2, 3, 4)), "best stage")
        for metric in ("top-1, %", "training loss")
    }
    for stage in (1, 2, 3, 4):
        top_1, loss = linear.probed(on(frozen, stage), PROTOCOLS["interclr"], **HOW)[0]
        assert top_1.metric == "top-1, %"
        assert top_1.how.endswith(f"; stage {stage}")
        assert top_1.value == found[f"stage {stage}: top-1, %"]
        assert loss.value == pytest.approx(found[f"stage {stage}: training loss"], rel=1e-5)
    best = max(found[f"stage {stage}: top-1, %"] for stage in (1, 2, 3, 4))
    assert found["best stage: top-1, %"] == best
    logits = head(on(frozen, 1, 2, 3, 4).features("test", "center"))
    assert accuracy(logits, frozen.test.labels) == best


def test_a_protocol_without_stages_is_on_the_networks_own_features(frozen):
    results, head = linear.probed(frozen, PROTOCOLS["moco"], name="moco", epochs=1, batch=8)
    assert [result.metric for result in results] == ["top-1, %", "training loss"]
    assert accuracy(head(frozen.features("test", "center")), frozen.test.labels) == results[0].value


def test_each_stage_has_the_rate_that_is_best_on_held_out_images(frozen, monkeypatch):
    """Two stages at three rates: the second is right in the first, the third in the other; all losses differ."""
    labels = frozen.train.labels

    def train(batches, widths, classes, protocol, **_):
        assert len(widths) == 2
        right = torch.eye(3)[labels[held_out]]
        heads = [_Says(right if place in (1, 5) else 1 - right) for place in range(6)]
        return Probe(heads, [10.0, 11.0, 12.0, 13.0, 14.0, 15.0])

    held_out = linear.held_out_rows(labels, linear.VALIDATION, 0)
    monkeypatch.setattr(linear, "train", train)
    monkeypatch.setattr(Frozen, "logits", lambda self, heads, *_: [head.logits for head in heads])
    asked = replace(frozen, test=frozen.train.subset(held_out))
    protocol = replace(PROTOCOLS["interclr"], rates=(0.3, 0.2, 0.1))
    first, first_loss, second, second_loss, *_ = linear.probed(on(asked, 1, 3), protocol, **HOW)[0]
    assert (first_loss.value, second_loss.value) == (11, 15)
    assert "rate 0.2, 2 epochs" in first.how
    assert "rate 0.1, 2 epochs" in second.how
    assert first.value == second.value == 100


def test_the_rate_is_chosen_by_the_first_metric(frozen, monkeypatch):
    """One head knows the class of most images, the other one those of two classes that are fewer."""
    images = frozen.train.subset(torch.tensor([0, 3, 6, 9, 12, 15, 1, 2]))  # classes 0 0 0 0 0 0 1 2
    often = torch.eye(3)[torch.zeros(8, dtype=torch.long)]
    rare = torch.eye(3)[torch.tensor([1, 1, 1, 1, 1, 1, 1, 2])]
    monkeypatch.setattr(linear, "held_out_rows", lambda labels, *_: torch.ones(len(labels), dtype=torch.bool))
    monkeypatch.setattr(linear, "train", lambda *_, **__: Probe([_Says(often), _Says(rare)], [0.0, 0.0]))
    monkeypatch.setattr(Frozen, "logits", lambda self, heads, *_: [head.logits for head in heads])
    asked, protocol = replace(frozen, train=images, test=images), replace(PROTOCOLS["scorecl"], rates=(2.0, 1.0))
    for metrics, head, values in (
        (("top-1", "top-5", "mean per class"), often, {"top-1, %": 75.0, "mean per class, %": 100 / 3}),
        (("mean per class", "top-1", "top-5"), rare, {"mean per class, %": 200 / 3, "top-1, %": 25.0}),
    ):
        results, best = linear.probed(asked, replace(protocol, metrics=metrics), name="scorecl", epochs=1, batch=8)
        assert best.logits is head
        found = {result.metric: result.value for result in results}
        assert found == pytest.approx({**values, "training loss": 0.0})


class _Says(torch.nn.Module):
    def __init__(self, logits):
        super().__init__()
        self.logits = logits


def test_features_computed_once_are_told(frozen):
    protocol = replace(PROTOCOLS["interclr"], crop=None)
    results, _ = linear.probed(on(frozen, 4), protocol, **HOW)
    assert "batch 8, on features of center crops; stage 4" in results[0].how
