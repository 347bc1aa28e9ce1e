"""What does a loss cost, beside lightly's of the same name? Forward and backward on one CPU core; memory of NT-Xent.

    python benchmarks/losses.py --write

needs lightly beside jointaug (``pip install --no-deps lightly`` suffices). B = 256, D = 128, K = 65,536 keys or
outputs; DINO, whose rows are 65,536 outputs long, at B = 64. Every round times every case, ours and lightly's in turn;
times are of the processor (one thread, so that other work on the machine counts little), medians over the rounds;
ratios (ours to lightly's) are medians with quartiles. Peak memory is what a fresh
process holds at most during one forward and backward pass, above what it held before.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from interleaved import one_core, ratio, save
from torch import Tensor

from jointaug import losses

B, D, K, W = 256, 128, 65536, 256
DINO_B = 64

Loss = Callable[[Tensor, Tensor], Tensor]


def cases() -> dict[str, tuple[tuple[int, int], Loss, Loss]]:
    """Name, shape of a view's embeddings, ours, lightly's."""
    import lightly.loss as peer

    queue, center = losses.Queue(K, D), losses.Center(K)
    bank, nt_xent, cosine = peer.NTXentLoss(0.2, (K, D)), peer.NTXentLoss(0.5), peer.NegativeCosineSimilarity()
    dino, vicreg, wmse = peer.DINOLoss(K), peer.VICRegLoss(), peer.WMSELoss(embedding_dim=D, w_size=W)

    def total(parts: losses.LossParts) -> Tensor:
        return losses.reduce(parts)

    return {
        "info_nce + Queue | NTXentLoss + bank": (
            (B, D),
            lambda x, y: total(losses.info_nce(x, y.detach(), queue(y), tau=0.2)),
            lambda x, y: bank(x, y.detach()),
        ),
        "nt_xent | NTXentLoss": ((B, D), lambda x, y: total(losses.nt_xent(x, y, tau=0.5)), nt_xent),
        "nt_xent | NTXentLoss, B 1,024": ((4 * B, D), lambda x, y: total(losses.nt_xent(x, y, tau=0.5)), nt_xent),
        "simsiam | NegativeCosineSimilarity": (
            (B, D),
            lambda x, y: total(losses.simsiam(x, y, x.detach(), y.detach())),
            lambda x, y: 0.5 * (cosine(x, y.detach()) + cosine(y, x.detach())),
        ),
        "byol | NegativeCosineSimilarity": (
            (B, D),
            lambda x, y: total(losses.byol(x, y, x.detach(), y.detach())),
            lambda x, y: 0.5 * (cosine(x, y.detach()) + cosine(y, x.detach())),
        ),
        "dino + Center | DINOLoss": (
            (DINO_B, K),
            lambda x, y: total(losses.dino([x, y], [y.detach(), x.detach()], center([y.detach(), x.detach()]))),
            lambda x, y: dino([y.detach(), x.detach()], [x, y]),
        ),
        "vicreg | VICRegLoss": ((B, D), lambda x, y: total(losses.vicreg(x, y)), vicreg),
        "vicreg | VICRegLoss, D 2,048": ((B, 2048), lambda x, y: total(losses.vicreg(x, y)), vicreg),
        "wmse | WMSELoss": (
            (B, D),
            lambda x, y: total(losses.wmse([x, y], W, torch.randperm(B))),
            lambda x, y: wmse(torch.cat([x, y])),
        ),
    }


def seconds(loss: Loss, shape: tuple[int, int], repeats: int) -> float:
    """Mean of ``repeats`` forward and backward passes on fresh embeddings."""
    total = 0.0
    for _ in range(repeats):
        x, y = (torch.randn(shape, requires_grad=True) for _ in range(2))
        start = time.process_time()
        loss(x, y).backward()
        total += time.process_time() - start
    return total / repeats


def time_cases(rounds: int) -> dict[str, dict[str, Any]]:
    """Medians in milliseconds and the ratio's quartiles, ours and lightly's in turn."""
    table = cases()
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in table}
    for turn in range(rounds + 1):
        for name, (shape, ours, theirs) in table.items():
            repeats = 20 if shape[0] * shape[1] <= B * D else 1
            order = [ours, theirs] if turn % 2 else [theirs, ours]
            measured = {id(loss): seconds(loss, shape, repeats) for loss in order}
            if turn:  # the first round warms up
                times[name].append((measured[id(ours)], measured[id(theirs)]))
    result = {}
    for name, pairs in times.items():
        ours, theirs = (list(column) for column in zip(*pairs, strict=True))
        medians = {f"{who}_ms": 1e3 * statistics.median(each) for who, each in (("ours", ours), ("lightly", theirs))}
        result[name] = {**medians, "ratio": ratio(ours, theirs)}
    return result


def peak_of_nt_xent(which: str, batch: int) -> float:
    """MiB above the state before the loss, forward and backward; to be run in a process of its own."""
    if which == "lightly":
        import lightly.loss as peer

        loss: Loss = peer.NTXentLoss(0.5)
    else:

        def loss(x: Tensor, y: Tensor) -> Tensor:
            return losses.reduce(losses.nt_xent(x, y, tau=0.5))

    seconds(loss, (8, D), 1)  # loads what is loaded late
    before = high_water()
    seconds(loss, (batch, D), 1)
    return high_water() - before


def high_water() -> float:
    """Greatest resident memory of this process, MiB (not getrusage's, which a process inherits from its parent)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def main() -> None:
    """Measure, print, and with --write save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--write", action="store_true", help="save to results/losses.json")
    parser.add_argument("--peak", choices=["jointaug", "lightly"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    one_core()
    torch.manual_seed(0)
    if arguments.peak:
        print(peak_of_nt_xent(arguments.peak, 4096))
        return
    table = time_cases(arguments.rounds)
    for name, row in table.items():
        print(
            f"{name:40s} {row['ours_ms']:9.2f} ms {row['lightly_ms']:9.2f} ms   "
            f"ratio {row['ratio']['median']:.2f} "
            f"({row['ratio']['quartile_1']:.2f} to {row['ratio']['quartile_3']:.2f})"
        )
    peaks = {
        which: float(subprocess.check_output([sys.executable, __file__, "--peak", which], text=True))
        for which in ("jointaug", "lightly")
    }
    print("peak memory of NT-Xent, B 4,096, D 128, MiB:", {k: round(v) for k, v in peaks.items()})
    if arguments.write:
        about = {"question": (__doc__ or "").split("\n")[0], "time": "of the processor", "rounds": arguments.rounds}
        save("losses", {**about, "cases": table, "nt_xent_4096_peak_mib": peaks})


if __name__ == "__main__":
    main()
