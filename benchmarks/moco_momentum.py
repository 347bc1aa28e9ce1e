"""Why does MoCo v2 go to chance with the momentum .99 on the toys: batch statistics, or the queue?

    python benchmarks/moco_momentum.py --write      # about three minutes of one core

The recipe `moco2-rendered` for its first epochs, warm-up included, with parts of the batch normalization (`bn_splits`)
and the momentum as a grid; then, at .99, with other negatives: the queue as long as one batch, and the other keys of
the same batch, which are as old as the positive. Beside the loss, as a share of its value for embeddings that are all
alike (ln(K + 1), or ln B), cosines at the end of the last epoch: of different queries, of a query with its key, with
the other keys of its batch and with those of the queue, which the encoder made some steps ago.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import torch
from interleaved import save
from torch.nn import functional as F
from trainer.inputs.data import open_data
from trainer.inputs.feed import Request, Served, feed
from trainer.inputs.order import order_of
from trainer.inputs.settings import divided
from trainer.inputs.sources import in_memory
from trainer.inputs.views import pipeline
from trainer.methods.batch import Batch
from trainer.methods.method import Step
from trainer.methods.moco import MoCo
from trainer.networks import Backbone
from trainer.papers import RECIPES
from trainer.training.distributed import Processes
from trainer.training.step import Learner

from jointaug.losses import LossParts, unit

EPOCHS = 4


@dataclass(frozen=True)
class Case:
    """A run: what differs from the recipe."""

    m: float
    bn_splits: int = 4
    K: int = 512
    same_age: bool = False


CASES = {
    **{f"bn_splits {splits}, m {m:g}": Case(m, splits) for splits in (1, 2, 4) for m in (0.99, 0.999)},
    "m .99, a queue of one batch": Case(0.99, K=64),
    "m .99, the other keys of the batch": Case(0.99, same_age=True),
}


class Watched(MoCo):
    """MoCo that keeps its last embeddings; with ``same_age`` its negatives are the other keys of the batch."""

    same_age = False

    def step(self, batch: Batch) -> Step:
        """The batch's loss."""
        self.before = self.queue.keys.clone()
        if not self.same_age:
            step = super().step(batch)
        else:
            x1, x2 = batch.views
            q, k = self.f_q(x1), self.key(x2, batch)
            loss = F.cross_entropy(unit(q) @ unit(k).T / self.tau, torch.arange(len(q)), reduction="none")
            step = Step(LossParts(loss, loss.new_zeros(())), [q], k)
        self.q, self.k = unit(step.v[0].detach()), unit(step.memory)
        return step

    def cosines(self) -> dict[str, float]:
        """Means over the last batch."""
        others, alike = ~torch.eye(len(self.q), dtype=torch.bool), self.q @ self.k.T
        return {
            "different queries": float((self.q @ self.q.T)[others].mean()),
            "own key": float(alike.diag().mean()),
            "other keys of the batch": float(alike[others].mean()),
            "keys of the queue": float((self.q @ self.before).mean()),
        }


def run(case: Case, epochs: int = EPOCHS) -> dict[str, Any]:
    """The loss of each epoch as a share of the uninformative one, and the cosines at the end."""
    changed = {"m": case.m, "bn_splits": case.bn_splits, "K": case.K}
    settings, own = divided({**RECIPES["moco2-rendered"].values, **changed})
    torch.manual_seed(settings.seed)
    method = Watched(partial(Backbone, settings.backbone, settings.stem), **own)
    method.same_age = case.same_age
    images = in_memory(open_data("rendered").train)
    steps = len(images) // settings.batch
    learner = Learner(method, settings, Processes(), steps)
    views = feed(images, pipeline(settings, method.views), settings.seed, torch.device("cpu"), workers=0)
    chance = math.log(settings.batch if case.same_age else case.K + 1)
    losses = []
    for epoch in range(epochs):
        served = views([Request(epoch, index) for index in order_of(len(images), settings, epoch)])
        losses.append(mean_loss(learner, served, epoch * steps, steps) / chance)
    return {
        "loss": [round(loss, 4) for loss in losses],
        "cosine": {k: round(v, 4) for k, v in method.cosines().items()},
    }


def mean_loss(learner: Learner, served: Iterator[Served], first: int, steps: int) -> float:
    """Over an epoch's steps."""
    return sum(float(learner.step(served, step)) for step in range(first, first + steps)) / steps


def main() -> None:
    """Run all cases, print, and with --write save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--cases", type=int, default=len(CASES), help="only the first ones")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    result = {}
    for name, case in islice(CASES.items(), arguments.cases):
        result[name] = run(case)
        print(name, result[name], flush=True)
        if arguments.write:
            save("moco_momentum", {"epochs": EPOCHS, "recipe": "moco2-rendered", "cases": result})


if __name__ == "__main__":
    main()
