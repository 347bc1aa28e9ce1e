"""Lines of tables by the dozen: which are run, what they report, and what their differences are told from."""

from __future__ import annotations

import pytest
from trainer.detection.protocols import PROTOCOLS
from trainer.inputs.named import OBJECTS
from trainer.papers import TABLES
from trainer.papers.lines import OTHERS, SUPERVISED, detected, lines, run
from trainer.papers.recipe import Column, Row

RUNS = {
    "a": run("moco2", "moco2-imagenet-800"),
    "b": run("byol", protocol="linear:byol"),
    "c": Row("", missing=SUPERVISED),
}


def test_lines_are_those_of_the_runs_or_other_papers():
    """None is no value, the first line is not told against itself, and one that is not run against none."""
    values = {"a": (1.0, None), "b": (2.0, 3.0), "c": (4.0, 5.0), "d": (None, 6.0)}
    assert lines(("x", "y"), values, RUNS, "a") == (
        Row("a", {"x": 1.0}, "moco2", at={"imagenet": "moco2-imagenet-800"}),
        Row("b", {"x": 2.0, "y": 3.0}, "byol", against="a", protocol="linear:byol"),
        Row("c", {"x": 4.0, "y": 5.0}, missing=SUPERVISED),
        Row("d", {"y": 6.0}, missing=OTHERS),
    )


def test_a_line_has_a_value_or_none_in_each_column():
    with pytest.raises(ValueError, match="zip"):
        lines(("x", "y"), {"a": (1.0,)}, RUNS)


def test_recipes_at_a_scale():
    assert RUNS["a"].recipe_at("imagenet") == "moco2-imagenet-800"
    assert RUNS["a"].recipe_at("rendered") == "moco2-rendered"


def test_columns_of_detectors_are_of_protocols_that_there_are():
    """Boxes and masks by the columns' names; no row of theirs has a protocol of its own."""
    assert detected("imagenet", "coco-c4-1x", "coco", "bb AP50", "mk AP") == {
        "bb AP50": Column("imagenet", "detect:coco-c4-1x", "box AP50, %", data="coco"),
        "mk AP": Column("imagenet", "detect:coco-c4-1x", "mask AP, %", data="coco"),
    }
    tables = [
        table for table in TABLES.values() if any(c.protocol.startswith("detect:") for c in table.columns.values())
    ]
    assert {f"{table.paper} {table.number}" for table in tables} == {
        "leoclr 4", "leoclr 9", "jointcrop 3", "jointcrop 4", "clim 3", "clim 4", "interclr 3", "scorecl 5",
    }  # fmt: skip
    for table in tables:
        assert not any(row.protocol for row in table.rows)
        for column in table.columns.values():
            protocol = PROTOCOLS[column.protocol.removeprefix("detect:")]
            assert protocol.masks or not column.metric.startswith("mask")
            assert column.data in OBJECTS or column.scale == "coco"
