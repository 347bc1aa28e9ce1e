"""Two processes do what one does with the same global batch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pretrain
import pytest
import torch
from trainer.training import loop
from trainer.training.distributed import Processes
from trainer.training.logs import rows_of

HERE = Path(__file__).parent
BANK = ["--clusters", "3", "--min_cluster", "2", "--K", "16"]
RUNS = {
    "simclr": ["simclr-rendered", "--dim", "16", "--warmup", "0", "--head_bn", "false", "--accumulate", "2"],
    "moco": ["moco2-rendered", "--dim", "16", "--warmup", "0", "--K", "16", "--bn_splits", "1"],
    "leoclr": [
        "leoclr-rendered",
        "--dim",
        "16",
        "--warmup",
        "0",
        "--K",
        "16",
        "--bn_splits",
        "1",
        "--weight",
        "random",
    ],
    "interclr": ["interclr-npid2-rendered", "--warmup", "0", *BANK, "--K_inter", "4", "--pool", "0.5"],
    "clim": [
        *("clim-rendered", "--warmup", "0", "--K", "16", "--bn_splits", "1", "--clusters", "3", "--k", "8"),
        *("--n_pos", "4", "--every", "1", "--warmup_epochs", "1"),
    ],
    "dino": [
        *("dino-rendered", "--warmup", "0", "--outputs", "32", "--bottleneck", "8", "--head_bn", "false"),
        *("--workers", "1"),
    ],
}
COMMON = [
    *("--optimizer", "sgd", "--lr", "0.2", "--lr_batch", "none"),  # Adam makes steps of gradients that are rounding
    *("--batch", "8", "--epochs", "2", "--hidden", "32", "--threads", "1", "--device", "cpu"),
]


TORCHRUN = """
import sys, warnings
import pretrain
from plain import Plain
from test_distributed import COMMON, RUNS
from trainer.training import loop
from torch import nn
from trainer.training.distributed import joined
loop.Backbone = Plain
warnings.simplefilter("error")
data, out = sys.argv[1:]
with joined("cpu") as processes:
    network = nn.BatchNorm1d(2)
    network.running_mean += processes.rank
    processes.share_buffers(network)
    assert not network.running_mean.any()
    for name, words in RUNS.items():
        pretrain.run(*pretrain.parsed([*words, *COMMON, "--data", data, "--out", f"{out}/{name}"]), processes)
"""


@pytest.fixture(scope="module")
def two(toys, tmp_path_factory) -> Path:
    """Folders of the runs of two processes, as torchrun starts them."""
    out = tmp_path_factory.mktemp("two")
    script = out / "script.py"
    script.write_text(TORCHRUN)
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
    done = subprocess.run([*start, str(script), str(toys), str(out)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out


@pytest.mark.parametrize("name", RUNS)
def test_two_processes_train_as_one(name, two, toys, tmp_path, plain):
    """Same images, views, negatives and queue; the sums of the gradients are rounded in another order."""
    assert pretrain.main([*RUNS[name], *COMMON, "--data", str(toys), "--out", str(tmp_path)]) == 0
    one, other = (torch.load(folder / "checkpoint.pt", weights_only=True) for folder in (tmp_path, two / name))
    for key, value in one["learner"]["method"].items():
        torch.testing.assert_close(other["learner"]["method"][key], value, rtol=1e-4, atol=1e-5, msg=key)
    rows, others = rows_of(tmp_path), rows_of(two / name)
    assert [row.knn for row in rows] == [row.knn for row in others]
    assert [row.loss for row in rows[1:]] == pytest.approx([row.loss for row in others[1:]], rel=1e-4)


def test_a_batch_that_processes_cannot_share_is_refused(toys, tmp_path):
    with pytest.raises(
        ValueError, match="batch must be a multiple of processes times accumulated passes, got batch=8 for 3"
    ):
        loop.check_batch(loop.Settings(batch=8), 27, 3)


def test_the_parts_of_the_processes_are_the_batch():
    rows = torch.arange(12)
    assert torch.equal(torch.cat([Processes(rank, 3).part(rows) for rank in range(3)]), rows)
