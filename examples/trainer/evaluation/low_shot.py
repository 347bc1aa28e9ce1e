"""VOC07's machines on few images: k that show a class, and (classes - 1) k that do not.

Each k has several samples (Goyal et al. 2019, https://arxiv.org/abs/1905.01235, and its code), drawn by address: not
the five that its authors drew. Published is, for each k, the mean over classes and samples at the cost that is best *on
the test images*. Beside it stands the same at the cost that is best on the training images that are not in the sample.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
import torch
from torch import Tensor

from jointaug import Addresses
from jointaug.chance import named_step

from ..inputs.objects import ABSENT, SHOWN, UNSURE
from ..record.progress import tqdm
from .images import Images
from .metrics import MAP, at_shots
from .results import Result
from .svm import COSTS, Array, Machines, average_precision

SHOTS = (1, 2, 4, 8, 16, 32, 64, 96)
SAMPLES = 5


def check(train: Images, shots: Sequence[int]) -> None:
    """There are images enough.

    Raises:
        ValueError: naming the class that has too few images which show it, or which do not.
    """
    others = len(train.classes) - 1
    shown, absent = ((train.labels == what).sum(0) for what in (SHOWN, ABSENT))
    enough = torch.minimum(shown, absent // others)
    least, k = int(enough.argmin()), max(shots)
    most = min(int(enough[least]), int(shown.max()) - 1)  # one is left to choose a cost on
    if k > most:
        raise ValueError(
            f"--shots must be at most {most} here, got {k}: {train.classes[least]} is in {int(shown[least])} images to "
            f"train on and surely not in {int(absent[least])}, of which a sample takes {others} a shot; lower it, or "
            "take more images"
        )


def sample(shows: Tensor, label: int, shots: int, number: int, seed: int = 0) -> Tensor:
    """Rows ``[classes * shots]`` of the ``number``-th sample of a class: first those that show it."""
    place = Addresses(seed, number, torch.arange(len(shows)), label)
    (uniform,) = place.rows(1, step=named_step(f"{shots} shots"))
    counts = {SHOWN: shots, ABSENT: shots * (shows.shape[1] - 1)}
    order = uniform.argsort()
    return torch.cat([order[shows[order, label] == what][:count] for what, count in counts.items()])


def results(
    x: Array,
    train: Images,
    q: Array,
    test: Images,
    *,
    shots: Sequence[int] = SHOTS,
    costs: Sequence[float] = COSTS,
    seed: int = 0,
    jobs: int = 1,
) -> Iterator[Result]:
    """For each number of shots, and the mean over them, by both ways to choose a cost.

    Args:
        x: unit features of the training images ``[N, d]``.
        train: what they show.
        q: unit features of the test images.
        test: what they show.
        shots: numbers of images that show a class.
        costs: to choose from, one for each number of shots.
        seed: of the samples.
        jobs: processes, over classes.
    """
    from joblib import Parallel, delayed

    parallel = Parallel(jobs, return_as="generator")
    tasks = (
        delayed(_of_class)(x, train.labels, q, test.labels[:, label].numpy(), label, shots, costs, seed)
        for label in range(len(train.classes))
    )
    found = list(tqdm(parallel(tasks), desc="low-shot", total=len(train.classes), unit="class", leave=False))
    on_rest, on_test = (100 * np.nanmean(np.stack(parts), 0) for parts in zip(*found, strict=True))
    ways = {"": (on_test, "the test images, as published"), "leak-free ": (on_rest, "the other training images")}
    for way, (chooses, where) in ways.items():
        best = chooses.mean(0).argmax(1)  # of each number of shots
        picked = np.take_along_axis(on_test, best[None, :, None], 2)[..., 0]  # [samples, shots]
        how = f"{SAMPLES} samples by address; costs the best on {where}"
        yield Result("low-shot", f"{way}{MAP}", float(picked.mean()), f"{how}; mean of k {', '.join(map(str, shots))}")
        for k, cost, values in zip(shots, best, picked.T, strict=True):
            spread = f"cost {costs[cost]:.3g}, standard deviation {values.std(ddof=1):.2f}"
            yield Result("low-shot", f"{way}{at_shots(k)}", float(values.mean()), f"{how}: {spread}")


def _of_class(
    x: Array,
    shows: Tensor,
    q: Array,
    tested: Array,
    label: int,
    shots: Sequence[int],
    costs: Sequence[float],
    seed: int,
) -> tuple[Array, Array]:
    """Average precisions ``[samples, shots, costs]`` on the other training images, and on the test images."""
    learned, sure = shows[:, label].numpy(), tested != UNSURE
    on_rest, on_test = (np.full((SAMPLES, len(shots), len(costs)), np.nan) for _ in range(2))
    for number, (column, k) in product(range(SAMPLES), enumerate(shots)):
        rows = sample(shows, label, k, number, seed).numpy()
        machines, rest = Machines(x[rows], learned[rows], costs), learned != UNSURE
        rest[rows] = False
        on_test[number, column] = _precisions(machines.scores(q)[sure], tested[sure] == SHOWN)
        if (learned[rest] == SHOWN).any():
            on_rest[number, column] = _precisions(machines.scores(x)[rest], learned[rest] == SHOWN)
    return on_rest, on_test


def _precisions(scores: Array, right: Array) -> list[float]:
    return [average_precision(of_cost, right) for of_cost in scores.T]
