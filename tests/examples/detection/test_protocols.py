"""MoCo's schedules, step by step."""

from __future__ import annotations

import pytest
from trainer.detection.protocols import PROTOCOLS


def test_the_rate_of_voc_rises_and_falls_twice():
    voc = PROTOCOLS["voc-c4"]
    assert (voc.steps, voc.batch, voc.rate) == (24_000, 16, 0.02)
    assert voc.rate_at(0) == pytest.approx(1e-3)
    assert voc.rate_at(50) == pytest.approx(0.5005)
    assert [voc.rate_at(step) for step in (100, 17_999)] == [1, 1]
    assert [voc.rate_at(step) for step in (18_000, 21_999)] == pytest.approx([0.1, 0.1])
    assert [voc.rate_at(step) for step in (22_000, 23_999)] == pytest.approx([0.01, 0.01])


def test_fewer_steps_shrink_the_whole_schedule():
    short = PROTOCOLS["coco-c4-2x"].of_steps(1800)
    assert (short.steps, short.milestones, short.warm_up) == (1800, (1200, 1600), 10)
    assert PROTOCOLS["coco-c4-2x"].of_steps(90_000).milestones == PROTOCOLS["coco-c4-1x"].milestones
    assert PROTOCOLS["voc-c4"].of_steps(1).rate_at(0) == 1  # no step is left to rise in


def test_masks_and_necks_are_as_their_names_say():
    for name, row in PROTOCOLS.items():
        assert row.neck in name.split("-")
        assert row.masks == (name == "scenes-fpn" or (name.startswith("coco-") and "boxes" not in name))
