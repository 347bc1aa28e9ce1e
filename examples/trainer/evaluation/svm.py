"""Linear support vector machines on images that show several objects, as VOC07's benchmark has them.

Fair comparison asks for its details (Goyal et al. 2019, https://arxiv.org/abs/1905.01235, and its code, which InterCLR
uses): features of unit length; a machine a class, positive images weighing twice; what is unsure counts as absent in
training and not at all in the test.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.transforms import v2

from ..inputs.objects import ABSENT, SHOWN, UNSURE
from ..record.progress import tqdm
from .encoder import Encoder
from .images import Images
from .metrics import MAP
from .results import Result

if TYPE_CHECKING:
    from sklearn.svm import LinearSVC

COSTS = (1.0, 10.0, 100.0, *(0.5**k for k in range(4, 20)))
FOLDS = 3  # that choose a cost
SMALL = 1e-5  # added to the length of a feature

Array = NDArray[Any]


def check(train: Images, test: Images) -> None:
    """Every class can be learned in each of the folds, and tested.

    Raises:
        ValueError: naming a class of which there are too few images.
    """
    for images, part, least in ((train, "train", FOLDS), (test, "test", 1)):
        for what, words in ((SHOWN, "show it"), (ABSENT, "do not")):
            counts = (images.labels == what).sum(0)
            few = [name for name, count in zip(images.classes, counts.tolist(), strict=True) if count < least]
            if few and not (part == "test" and what == ABSENT):
                raise ValueError(
                    f"every class must have at least {least} images to {part} on that surely {words}, got fewer of "
                    f"{', '.join(few[:5])}; add images, or take these objects out of the annotations"
                )


def shown(encoder: Encoder) -> nn.Module:
    """The benchmark's view: the shorter side 256 pixels for 224, then the whole image, its aspect ratio not kept."""
    return encoder.views(v2.Resize(round(encoder.size * 256 / 224)), v2.Resize([encoder.size, encoder.size]))


def unit(features: Tensor) -> Array:
    """Features ``[N, d]`` over their length and `SMALL`, in float64."""
    x = features.double().cpu()
    return np.ascontiguousarray((x / (x.norm(dim=1, keepdim=True) + SMALL)).numpy())


def machine(cost: float) -> LinearSVC:
    """The benchmark's: squared hinge loss in the dual, positive images weigh twice, at most 2000 iterations."""
    from sklearn.svm import LinearSVC  # an extra

    return LinearSVC(C=cost, class_weight={1: 2, -1: 1}, dual=True, tol=1e-4, max_iter=2000, random_state=0)


def average_precision(scores: Array, right: Array) -> float:
    """Area under the interpolated curve of precision over recall, as VOC has it since 2010.

    At each recall the precision is the greatest at this recall or more; images of equal scores come together.

    Args:
        scores: ``[N]``, the greatest for what is surely right.
        right: bool ``[N]``, at least one True.
    """
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.diff(scores[order]) != 0, True)  # of each group of equal scores
    hits = right[order].cumsum()[last]
    precision = hits / (last.nonzero()[0] + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(hits, prepend=0) * best).sum() / hits[-1])


def results(x: Array, train: Images, q: Array, test: Images, *, jobs: int = 1) -> Iterator[Result]:
    """The mean over classes of the average precision on the test images, and that of each class.

    Args:
        x: unit features of the training images ``[N, d]``.
        train: what they show.
        q: unit features of the test images.
        test: what they show.
        jobs: processes, over classes.
    """
    from joblib import Parallel, delayed

    columns = zip(train.labels.T.numpy(), test.labels.T.numpy(), strict=True)
    parallel = Parallel(jobs, return_as="generator")
    tasks = (delayed(_of_class)(x, learned, q, tested) for learned, tested in columns)
    found = list(tqdm(parallel(tasks), desc="SVMs", total=len(train.classes), unit="class", leave=False))
    how = f"costs the best of {len(COSTS)} in {FOLDS} folds"
    yield Result("svm", MAP, 100 * float(np.mean([precision for precision, _ in found])), f"{how}, a class each")
    for name, (precision, cost) in zip(train.classes, found, strict=True):
        yield Result("svm", f"AP of {name}, %", 100 * precision, f"cost {cost:.3g}")


def _of_class(x: Array, learned: Array, q: Array, tested: Array) -> tuple[float, float]:
    """Average precision, and the cost."""
    cost, sure = chosen_cost(x, learned), tested != UNSURE
    return average_precision(Machines(x, learned, (cost,)).scores(q)[sure, 0], tested[sure] == SHOWN), cost


def chosen_cost(x: Array, learned: Array, costs: Sequence[float] = COSTS) -> float:
    """The cost whose average precision on `FOLDS` parts of the training images is the greatest; the first of equals."""
    from sklearn.model_selection import cross_val_score

    y = np.where(learned == SHOWN, 1, -1)
    with _no_warning():
        means = [cross_val_score(machine(cost), x, y, cv=FOLDS, scoring="average_precision").mean() for cost in costs]
    return costs[int(np.argmax(means))]


class Machines:
    """A class's machine at each cost.

    Args:
        x: unit features ``[N, d]``.
        learned: int8 ``[N]``, which images show the class; all others count as those that do not.
        costs: of the machines.
    """

    def __init__(self, x: Array, learned: Array, costs: Sequence[float]) -> None:
        y = np.where(learned == SHOWN, 1, -1)
        with _no_warning():
            fitted = [machine(cost).fit(x, y) for cost in costs]
        self.weights = np.stack([one.coef_[0] for one in fitted], 1)
        self.biases = np.stack([one.intercept_[0] for one in fitted])

    def scores(self, q: Array) -> Array:
        """Of images of these features ``[N, d]``, by each machine: ``[N, costs]``."""
        found: Array = q @ self.weights + self.biases
        return found


@contextmanager
def _no_warning() -> Iterator[None]:
    """That a machine has not converged after the benchmark's iterations is the benchmark's."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield
