"""Average precision by brute force, machines against their optimum, and the choice of a cost against a slow loop."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from sklearn.metrics import average_precision_score, precision_recall_curve
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import LinearSVC
from torchvision.transforms import v2
from trainer.evaluation import svm
from trainer.evaluation.images import Images
from trainer.inputs.objects import ABSENT, SHOWN, UNSURE
from trainer.inputs.sources import Pixels

from jointaug import Addresses


def tables(*labels, classes):
    """Images without pixels for each table of what they show."""
    return [
        Images(Pixels(torch.zeros(len(of), 3, 1, 1, dtype=torch.uint8), None), torch.arange(len(of)), of, classes)
        for of in labels
    ]


def brute_force(scores, right):
    """The mean over images that are right: the best precision of all thresholds that find as many of them or more."""
    found = []
    for k in range(1, right.sum() + 1):
        precisions = [right[scores >= t].mean() for t in set(scores) if right[scores >= t].sum() >= k]
        found.append(max(precisions))
    return np.mean(found)


@pytest.mark.parametrize("levels", [4, 1000], ids=["many equal", "few equal"])
@pytest.mark.parametrize("seed", range(10))
def test_average_precision_is_that_of_brute_force(levels, seed):
    chance = np.random.default_rng(seed)
    right = chance.random(40) < 0.3
    scores = np.floor(levels * (chance.random(40) + 0.3 * right)) / levels
    assert svm.average_precision(scores, right) == pytest.approx(brute_force(scores, right), abs=1e-12)


def test_average_precision_is_scikit_learns_curve_interpolated():
    chance = np.random.default_rng(0)
    right = chance.random(500) < 0.2
    scores = chance.normal(right)
    precision, recall, _ = precision_recall_curve(right, scores)
    best = np.maximum.accumulate(precision)  # its recall falls
    assert svm.average_precision(scores, right) == pytest.approx(-(np.diff(recall) * best[:-1]).sum(), abs=1e-12)
    assert svm.average_precision(scores, right) > average_precision_score(right, scores)  # which does not interpolate


def test_average_precision_where_the_answer_is_known():
    """What is right first: 1; last: precision rises up to p / (n + p), which then holds at every recall."""
    right = np.arange(10) < 3
    assert svm.average_precision(-np.arange(10.0), right) == 1
    assert svm.average_precision(np.arange(10.0), right) == pytest.approx(0.3)
    assert svm.average_precision(np.zeros(10), right) == pytest.approx(0.3)


def test_average_precision_does_not_depend_on_the_order_of_images():
    chance = np.random.default_rng(0)
    scores, right = chance.integers(0, 5, 60).astype(float), chance.random(60) < 0.4
    order = chance.permutation(60)
    assert svm.average_precision(scores, right) == svm.average_precision(scores[order], right[order])


def test_features_are_over_their_length_and_a_little():
    features = torch.tensor([[3.0, 4.0], [0.0, 0.0], [3e-5, 4e-5]])
    np.testing.assert_allclose(
        svm.unit(features), [[3 / 5.00001, 4 / 5.00001], [0, 0], [3e-5 / 6e-5, 4e-5 / 6e-5]], rtol=1e-6
    )


def objects(n=60, d=5, classes=3, spread=1.0, seed=0):
    """Features and what they show: of each class a direction, and now and then it is unsure."""
    chance = np.random.default_rng(seed)
    shows = torch.from_numpy(chance.choice([SHOWN, ABSENT, UNSURE], (n, classes), p=[0.3, 0.6, 0.1]).astype(np.int8))
    features = 2 * (shows.numpy() == SHOWN) @ np.eye(classes, d) + spread * chance.normal(size=(n, d))
    return svm.unit(torch.from_numpy(features)), shows


def test_a_machine_is_at_the_optimum_of_its_problem():
    """Half the square of weights and bias, and the cost of squared hinges, twice where the class is shown."""
    x, shows = objects()
    y = np.where(shows[:, 0] == SHOWN, 1.0, -1.0)
    z = np.concatenate([x, np.ones((len(x), 1))], 1)

    def problem(w, cost):
        hinge = np.maximum(1 - y * (z @ w), 0)
        per_image = cost * np.where(y > 0, 2, 1)
        return w @ w / 2 + (per_image * hinge**2).sum(), w - 2 * z.T @ (per_image * hinge * y)

    costs = (0.5**4, 1.0, 10.0)
    found = svm.Machines(x, shows[:, 0].numpy(), costs)
    for column, cost in enumerate(costs):
        best = minimize(problem, np.zeros(6), cost, jac=True, method="BFGS", options={"gtol": 1e-8}).x
        ours = np.append(found.weights[:, column], found.biases[column])
        np.testing.assert_allclose(ours, best, rtol=0, atol=2e-3 * np.linalg.norm(best))  # liblinear stops at 1e-4


def test_the_settings_are_the_benchmarks():
    wanted = {"C": 0.5, "penalty": "l2", "loss": "squared_hinge", "dual": True, "tol": 1e-4, "max_iter": 2000}
    wanted |= {"class_weight": {1: 2, -1: 1}, "intercept_scaling": 1, "fit_intercept": True}
    settings = svm.machine(0.5).get_params()
    assert {key: settings[key] for key in wanted} == wanted
    assert sorted(svm.COSTS) == sorted([1.0, 10.0, 100.0] + [2.0**-k for k in range(4, 20)])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("seed", range(3))
def test_the_cost_is_the_one_of_a_slow_loop(seed):
    """Three folds in the order of images; what is unsure is not shown."""
    x, shows = objects(45, spread=2.0, seed=seed)
    learned, costs = shows[:, 1].numpy(), (100.0, 0.1, 1e-5)
    y = np.array([1 if value == SHOWN else -1 for value in learned])
    means = []
    for cost in costs:
        found = []
        for rows, others in StratifiedKFold(3).split(x, y):
            made = LinearSVC(C=cost, class_weight={1: 2, -1: 1}, max_iter=2000, random_state=0, dual=True)
            made.fit(x[rows], y[rows])
            found.append(average_precision_score(y[others] == 1, made.decision_function(x[others])))
        means.append(np.mean(found))
    assert len(set(means)) == 3
    assert svm.chosen_cost(x, learned, costs) == costs[int(np.argmax(means))]


def test_of_equal_costs_the_first_is_taken():
    x, shows = objects(30, spread=0.0)
    assert svm.chosen_cost(x, np.where(shows[:, 0] == SHOWN, SHOWN, ABSENT), (10.0, 100.0, 1.0)) == 10.0


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_is_separable_is_found_whole(jobs):
    """Class and feature are one; unsure images of the test, wherever they lie, count neither way."""
    x, shows = objects(40, spread=0.0)
    shows[shows == UNSURE] = ABSENT
    tested = shows.clone()
    tested[:4] = UNSURE
    q = x.copy()
    q[:4] = -q[:4]
    train, test = tables(shows, tested, classes=("a", "b", "c"))
    first, *each = svm.results(x, train, q, test, jobs=jobs)
    assert (first.metric, first.value) == ("mAP, %", 100)
    assert [(result.metric, result.value) for result in each] == [(f"AP of {name}, %", 100) for name in "abc"]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_results_are_those_of_each_class_alone():
    """With a cost chosen as above; unsure images are left out of the test and are not shown in training."""
    (x, shows), (q, asked) = objects(), objects(50, seed=1)
    train, test = tables(shows, asked, classes=("a", "b", "c"))
    first, *each = svm.results(x, train, q, test)
    for label, result in enumerate(each):
        y = np.where(shows[:, label] == SHOWN, 1, -1)
        cost = svm.chosen_cost(x, shows[:, label].numpy())
        assert result.how == f"cost {cost:.3g}"
        made = LinearSVC(C=cost, class_weight={1: 2, -1: 1}, max_iter=2000, random_state=0, dual=True).fit(x, y)
        sure = (asked[:, label] != UNSURE).numpy()
        scores = made.decision_function(q)[sure]
        assert result.value == pytest.approx(100 * brute_force(scores, asked[:, label].numpy()[sure] == SHOWN))
    assert first.value == pytest.approx(np.mean([result.value for result in each]))


def test_whole_images_are_shown(seeing):
    """The shorter side 256 for 224, then a square of all of it: as v2 does it, at 8 px by way of 9."""
    pixels = torch.randint(256, (3, 20, 44), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    encoder = replace(seeing, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    steps = [v2.ToDtype(torch.float32, scale=True), v2.Resize(9), v2.Resize((8, 8))]
    found = encoder.embed([pixels], svm.shown(encoder), Addresses(0, 0, torch.arange(1)))
    torch.testing.assert_close(found, v2.Compose(steps)(pixels).flatten()[None], rtol=0, atol=2e-3)


@pytest.mark.parametrize(
    ("part", "value", "keep", "words"),
    [
        (0, SHOWN, 2, "at least 3 images to train on that surely show it, got fewer of b"),
        (0, ABSENT, 2, "at least 3 images to train on that surely do not, got fewer of b"),
        (1, SHOWN, 0, "at least 1 images to test on that surely show it, got fewer of b"),
    ],
)
def test_classes_that_cannot_be_learned_or_tested_are_named(part, value, keep, words):
    """Unsure images help nobody."""
    labels = [objects(seed=seed)[1] for seed in range(2)]
    rows = (labels[part][:, 1] == value).nonzero()[keep:, 0]
    svm.check(*tables(*labels, classes=("a", "b", "c")))
    labels[part][rows, 1] = UNSURE
    with pytest.raises(ValueError, match=words):
        svm.check(*tables(*labels, classes=("a", "b", "c")))
