"""The benchmark on scenes: its weighted average precisions, its bootstrap, and that it runs through."""

from __future__ import annotations

import math
from collections.abc import Iterator

import end_to_end
import pytest
import torch
from end_to_end import Ranking, box_rankings, difference, mean_precision, precision, ranking
from trainer.detection.boxes import Target
from trainer.evaluation.svm import average_precision


def test_an_image_that_counts_twice_is_there_twice():
    """Against VOC's average precision of the repeated images, where equal scores come together."""
    generator = torch.Generator().manual_seed(0)
    scores, labels = torch.randn(60, generator=generator), torch.randint(-1, 2, (60,), generator=generator)
    counts = torch.randint(0, 4, (5, 60), generator=generator)
    found = precision(ranking(scores.numpy(), labels.numpy()), counts.double())
    sure = labels != -1
    for value, count in zip(found.tolist(), counts, strict=True):
        rows = torch.arange(60)[sure].repeat_interleave(count[sure])
        assert value == pytest.approx(average_precision(scores[rows].numpy(), labels[rows].numpy() == 1))


def scene(generator, classes):
    """Up to three objects, one perhaps unsure, and told boxes: each object's, shifted, and two of chance."""
    there = 40 * torch.rand(3, 2, generator=generator).repeat(1, 2) + torch.tensor([0, 0, 20, 24])
    told = torch.cat([there + 6 * torch.randn(3, 4, generator=generator), there[:2] + 3])
    told[:, 2:] = torch.maximum(told[:, 2:], told[:, :2] + 4)
    labels = torch.randint(1, classes + 1, (3,), generator=generator)
    found = {"boxes": told, "scores": torch.rand(5, generator=generator), "labels": torch.cat([labels, labels[:2]])}
    return found, Target(there, labels, torch.rand(3, generator=generator) < 0.3, torch.ones(3, dtype=torch.bool))


def test_boxes_have_cocos_average_precision():
    """With every image once, AP50 is that of torchmetrics, difficult objects included."""
    pytest.importorskip("torchmetrics")
    pytest.importorskip("pycocotools")
    from trainer.detection.metrics import average_precisions

    generator = torch.Generator().manual_seed(0)
    pairs = [scene(generator, 3) for _ in range(80)]
    mine = mean_precision(box_rankings(pairs, 3), end_to_end.RECALLS)(torch.ones(1, 80, dtype=torch.float64))
    wanted = average_precisions(pairs)[0]["box AP50"]
    assert 20 < wanted < 90
    assert mine.item() == pytest.approx(wanted, abs=0.05)  # torchmetrics computes in float32


def test_the_interval_is_that_of_paired_images():
    """The gap of two shares of right images: as wide as the images say, up to 8 % (3.6 deviations)."""
    generator = torch.Generator().manual_seed(0)
    one = (torch.rand(500, generator=generator) < 0.7).double()
    other = torch.where(torch.rand(500, generator=generator) < 0.2, 1 - one, one)

    def share(right):
        return lambda counts: 100 * (counts @ right) / counts.sum(1)

    gap = difference(share(one), share(other), 500, 2000)
    each = 100 * (one - other)
    assert gap.value == pytest.approx(each.mean().item())
    error = each.std().item() / math.sqrt(500)
    assert (gap.high - gap.low) / 2 == pytest.approx(1.96 * error, rel=0.08)
    same = difference(share(one), share(one), 500, 50)
    assert (same.value, same.low, same.high) == (0, 0, 0)


def test_a_class_that_is_not_there_does_not_count():
    shown, absent = (Ranking(torch.tensor([0]), torch.tensor([w]), torch.tensor([w, 0.0])) for w in (1.0, 0.0))
    assert mean_precision([shown, absent])(torch.ones(1, 2)).tolist() == [100]


@pytest.fixture
def threads() -> Iterator[None]:
    """As many of torch's as before."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_it_runs_through(capsys, threads):
    end_to_end.main(["--smoke", "--threads", "1"])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert [line.split(",")[0].split(" on ")[0] for line in lines[2:]] == [
        "| SVM",
        "| low-shot",
        "| fine-tuning",
        "| detection",
    ]
