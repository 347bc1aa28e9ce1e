"""What does the trainer itself cost, beside augmentation, forward, backward and the optimizer?

    taskset -c 0 python benchmarks/training_step.py --write                   # a CPU core, the ImageNet stem
    python benchmarks/training_step.py --device cuda --write                  # a GPU: 3x3 stem, batch 512, bf16

SimCLR with ResNet-18 on random images of 32 px, in the device's memory. Epochs of the trainer's own loop (progress bar,
look at the loss, table) take turns with epochs of the bare step: forward, backward and optimizer on a batch that is
augmented already. Reported, as medians over the rounds with quartiles:

* ``own``: the share of the loop's time that is neither augmentation nor the bare step's calls; on a CPU, where a call
  ends when its work does. The bound is 3 %.
* ``step_ratio``: a step of the loop, augmentation included, over the bare step. The bound on a GPU is 1.15.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from interleaved import one_core, save, summary
from trainer.inputs.feed import Request
from trainer.inputs.settings import Settings
from trainer.inputs.sources import Data, Pixels
from trainer.methods.batch import Batch
from trainer.training.distributed import Processes
from trainer.training.logs import Log
from trainer.training.loop import Run

from jointaug.losses import reduce

OWN = {"dim": 128, "hidden": 2048, "layers": 2, "head_bn": True, "tau": 0.5}


class Clock:
    """Processor time of some calls, added up: with one thread, other work on the machine counts little."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def timed(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """``call``, its time added here."""

        def timed(*arguments: Any, **keywords: Any) -> Any:
            start = time.process_time()
            result = call(*arguments, **keywords)
            self.seconds += time.process_time() - start
            return result

        return timed


def run_of(device: torch.device, batch: int, steps: int, rounds: int, out: Path) -> Run:
    """A run of as many epochs as there are rounds, and one to warm up."""
    gpu = device.type == "cuda"
    settings = Settings(
        stem="small" if gpu else "imagenet",
        precision="bfloat16" if gpu else "float32",
        batch=batch,
        epochs=rounds + 1,
        size=32,
        knn_every=0,
        checkpoint_every=rounds + 1.0,
    )
    pixels = Pixels(torch.randint(0, 256, (batch * steps, 3, 32, 32), dtype=torch.uint8), None)
    return Run(settings, OWN, Data(pixels, None), out, processes=Processes(device=device))


def own_share(run: Run, rounds: int) -> list[float]:
    """Of each epoch's time, the share that is neither augmentation nor forward, backward or the optimizer."""
    clock, learner, augment = Clock(), run.learner, run.feed.augment  # type: ignore[attr-defined]
    augment.fused.forward = clock.timed(augment.fused.forward)
    learner.model.forward = clock.timed(learner.model.forward)
    learner.optimizer.step = clock.timed(learner.optimizer.step)  # type: ignore[method-assign]
    torch.Tensor.backward = clock.timed(torch.Tensor.backward)  # type: ignore[method-assign]
    shares = []
    with Log(run.out, run.steps, 0) as log:
        for _ in range(rounds + 1):
            clock.seconds, start = 0.0, time.process_time()
            run.epoch(log, [])
            shares.append(1 - clock.seconds / (time.process_time() - start))
    return shares[1:]


def step_ratio(run: Run, rounds: int) -> dict[str, list[float]]:
    """Seconds of a step of the loop and of the bare step, and their ratio, round by round."""
    learner, steps = run.learner, run.per_epoch
    (served,) = run.feed([Request(0, torch.arange(run.settings.batch))])
    views = [view.contiguous(memory_format=torch.channels_last) for view in served.views]
    batch = Batch(views, served.index, seed=0, epoch=0, step=0, steps=1)

    def bare() -> None:
        for _ in range(steps):
            with learner.autocast():
                parts = learner.method(batch)
            reduce(parts).backward()  # type: ignore[no-untyped-call]
            learner.optimizer.step()
            learner.optimizer.zero_grad()

    found: dict[str, list[float]] = {"step": [], "bare_step": [], "step_ratio": []}
    with Log(run.out, run.steps, 0) as log:
        for _ in range(rounds + 1):
            loop, alone = (seconds(call) / steps for call in (lambda: run.epoch(log, []), bare))
            for name, value in (("step", loop), ("bare_step", alone), ("step_ratio", loop / alone)):
                found[name].append(value)
    return {name: values[1:] for name, values in found.items()}


def seconds(call: Callable[[], Any]) -> float:
    """Of a call, its work on a GPU included."""
    start = time.perf_counter()
    call()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def main() -> None:
    """Measure and print; with ``--write`` keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, help="default: 64 on a CPU, 512 on a GPU")
    parser.add_argument("--steps", type=int, default=20, help="of an epoch")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--write", action="store_true", help="keep the result in results/")
    options = parser.parse_args()
    device = torch.device(options.device)
    batch = options.batch or (512 if device.type == "cuda" else 64)
    if device.type == "cpu":
        one_core()
    result: dict[str, Any] = {"device": device.type, "batch": batch, "steps": options.steps, "rounds": options.rounds}
    if device.type == "cuda":
        result["gpu"] = torch.cuda.get_device_name(device)
    with tempfile.TemporaryDirectory() as folder:
        sizes = (device, batch, options.steps, options.rounds)
        ratios = step_ratio(run_of(*sizes, Path(folder) / "ratio"), options.rounds)
        result |= {name: summary(values) for name, values in ratios.items()}
        if device.type == "cpu":
            result["own"] = summary(own_share(run_of(*sizes, Path(folder) / "own"), options.rounds))
    for name, value in result.items():
        print(name, value)
    if options.write:
        print(save(f"trainer_{device.type}", result))


if __name__ == "__main__":
    main()
