"""Two gloo processes with half the batch each are one process with the whole batch: loss, gradient, state."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from ..processes import in_two, loaded

SCRIPT = Path(__file__).with_name("two_processes.py")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return in_two(SCRIPT, tmp_path_factory.mktemp("gloo"))


@pytest.fixture(scope="module")
def alone():
    return loaded(SCRIPT).steps(0, 1)


def test_every_step_is_the_single_processs(found, alone):
    assert set(alone) < set(found[0])
    for rank in range(2):
        for name, tensors in alone.items():
            for one, two in zip(tensors, found[rank][name], strict=True):
                torch.testing.assert_close(two, one, rtol=1e-9, atol=1e-12, msg=lambda text, n=name: f"{n}: {text}")


def test_weights_are_judged_over_all_processes(found):
    losses, means = zip(*(f["weights of rank 0 are all 0"] for f in found), strict=True)
    assert [x.item() for x in losses] == [0, 1]
    assert [x.tolist() for x in means] == [[0, 0], [2, 2]]
    for f in found:
        assert "got 0 for all" in f["weights are all 0"][0]


FINE = {  # what may go on: a mean needs no equal lengths, keys and weights no gradient, and they have one dtype
    *("rows: reduce", "rows: batch_mean", "rows: center", "rows: dino, weighted"),
    *("width: batch_mean", "width: reduce", "gradient: score_distances", "gradient: queue", "gradient: center"),
    *("gradient: moco_v3", "gradient: reduce", "gradient: batch_mean", "gradient: dino, weighted"),
    *("dtype: queue", "dtype: center", "dtype: reduce", "dtype: batch_mean", "dtype: dino, weighted"),
    *(f"weight: {name}" for name in ("nt_xent", "moco_v3", "leoclr_end_to_end", "vicreg", "gather")),
    *(f"weight: {name}" for name in ("score_distances", "queue", "center")),
}


def test_parts_that_do_not_fit_are_refused_by_every_process(found):
    """Each with one rank's part broken; the process that waits for the other would be ended by the time limit."""
    first, second = (f["uneven"][0] for f in found)
    for name in first:
        if name in FINE:
            assert (first[name], second[name]) == ("", ""), name
            continue
        assert first[name], name
        assert second[name], name
        if first[name] == second[name]:
            assert re.search(r"must have .*, got \[.* in the order of ranks; ", first[name]), name
        else:  # one names its own fault, the other whose it is
            own, other = sorted((first[name], second[name]), key=lambda text: "but one refused it" in text)
            assert re.search(r" must .*, got .*; ", own, re.DOTALL), name
            assert own in other, name
            assert re.search(r"process [01]: ", other), name


def test_means_weigh_every_image_alike(found):
    for f in found:
        assert [x.item() for x in f["means of unequal parts"]] == pytest.approx([38 / 8] * 2)
