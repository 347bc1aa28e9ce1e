"""Training losses of runs by step, each over a sliding window: JointCrop's Fig. 5 is SimSiam's for several beta.

    python examples/reproduce.py jointcrop 'Fig. 5' --scale tiny --data tiny-imagenet:FOLDER --out runs/fig5
    python examples/figures/losses.py runs/fig5/*seed=0 --out figures

Losses are those of TensorBoard's events in each run's folder (on a GPU one stands for ten steps). It writes
``losses.png`` and ``losses.csv`` into ``--out``.

(Zhang et al. 2025, https://arxiv.org/abs/2412.16522: a window of 20 steps; a smaller beta has a larger loss.)
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from trainer.evaluation.arguments import positive

WINDOW = 20  # steps, the paper's

Curve = list[tuple[int, float]]
"""Steps, and a loss at each."""


def losses_of(run: Path) -> Curve:
    """The losses of a run, step by step.

    Raises:
        ValueError: for a folder without any.
        ImportError: without TensorBoard.
    """
    from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-untyped, unused-ignore]
        SCALARS,
        EventAccumulator,
    )

    if not (run / "tensorboard").is_dir():
        raise ValueError(f"RUN must be the folder of a run with TensorBoard's events, got {str(run)!r}; name another")
    events = EventAccumulator(str(run / "tensorboard"), size_guidance={SCALARS: 0})
    events.Reload()
    if "step/loss" not in events.Tags()["scalars"]:
        raise ValueError(
            f"RUN must be the folder of a run with its losses in TensorBoard's events, got {str(run)!r}, which has "
            "none; train it with tensorboard installed"
        )
    return [(event.step, event.value) for event in events.Scalars("step/loss")]


def smoothed(curve: Curve, window: int) -> Curve:
    """At each step the mean over the window of steps that ends there; none before a window is full."""
    found, first, total = [], 0, 0.0
    for k, (step, loss) in enumerate(curve):
        total += loss
        while curve[first][0] <= step - window:
            total -= curve[first][1]
            first += 1
        if step >= window:
            found.append((step, total / (k - first + 1)))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw; the exit status."""
    parser = argparse.ArgumentParser(description="Draw the training losses of runs.")
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder of a run")
    parser.add_argument("--window", type=positive, default=WINDOW, help="steps (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        curves = {run.name: smoothed(losses_of(run), options.window) for run in options.runs}
        figure = Figure((8.0, 5.0), layout="constrained")
        ax = figure.subplots()
        for name, curve in curves.items():
            ax.plot(*zip(*curve, strict=True), label=name, linewidth=1.0)
        ax.set(xlabel="step", ylabel=f"training loss, mean of {options.window} steps")
        ax.legend(frameon=False, fontsize="small")
        options.out.mkdir(parents=True, exist_ok=True)
        figure.savefig(options.out / "losses.png", dpi=110)
        with (options.out / "losses.csv").open("w", newline="", encoding="utf-8") as file:
            lines = csv.writer(file)
            lines.writerow(["run", "step", "loss"])
            lines.writerows([name, *point] for name, curve in curves.items() for point in curve)
    except (ValueError, OSError, ImportError) as error:
        parser.error(str(error))
    print(f"wrote {options.out / 'losses.png'} and {options.out / 'losses.csv'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
