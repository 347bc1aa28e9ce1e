"""Checkpoints: whole or not at all, and of this run or refused."""

from __future__ import annotations

import resource

import pytest
import torch
from trainer.training import checkpoint

CPU = torch.device("cpu")
RUN = {"recipe": "a", "lr": 0.1, "threads": 1}


def saved(folder, step: int, size: int = 10) -> None:
    checkpoint.save(folder, {"run": RUN, "step": step, "weights": torch.arange(size)})


def test_what_is_saved_is_loaded(tmp_path):
    assert checkpoint.load(tmp_path, CPU) is None
    saved(tmp_path, 3)
    state = checkpoint.load(tmp_path, CPU)
    assert state is not None
    assert state["step"] == 3
    assert torch.equal(state["weights"], torch.arange(10))
    assert [file.name for file in tmp_path.iterdir()] == [checkpoint.NAME]


def test_a_full_disk_leaves_the_last_one_whole(tmp_path):
    """No file may grow beyond 64 kB: the kernel refuses the rest of a write, as it does on a full disk."""
    saved(tmp_path, 1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            saved(tmp_path, 2, size=100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    state = checkpoint.load(tmp_path, CPU)
    assert state is not None
    assert state["step"] == 1
    assert [file.name for file in tmp_path.iterdir()] == [checkpoint.NAME]  # nothing half-written is left


@pytest.mark.parametrize("kept", [0, 1, 100, -1])
def test_a_truncated_one_is_refused(tmp_path, kept):
    saved(tmp_path, 1)
    file = tmp_path / checkpoint.NAME
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"is no whole checkpoint of this trainer .*; delete it to start anew"):
        checkpoint.load(tmp_path, CPU)


def test_code_in_a_file_is_not_run(tmp_path):
    """weights_only: a pickled object is refused."""
    torch.save({"run": RUN, "object": pytest.approx(1)}, tmp_path / checkpoint.NAME)
    with pytest.raises(ValueError, match="is no whole checkpoint"):
        checkpoint.load(tmp_path, CPU)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"recipe": "b"}, "recipe was 'a' and is now 'b'"),
        ({"threads": 2}, "threads was 1 and is now 2"),
        ({"lr": 0.2}, "lr was 0.1 and is now 0.2"),
        ({"m": 1}, "m was None and is now 1"),
    ],
)
def test_another_run_is_refused_with_what_differs(tmp_path, other, told):
    with pytest.raises(ValueError, match="holds another run") as caught:
        checkpoint.require_same(tmp_path, RUN, {**RUN, **other})
    assert told in str(caught.value)
    assert "choose another --out" in str(caught.value)


def test_what_is_free_may_differ(tmp_path):
    checkpoint.require_same(tmp_path, RUN, {**RUN, "lr": 0.2, "m": 1}, free=("lr", "m"))
    with pytest.raises(ValueError, match=r"holds another run: threads was 1 and is now 2\. A run"):
        checkpoint.require_same(tmp_path, RUN, {**RUN, "lr": 0.2, "threads": 2}, free=("lr",))
