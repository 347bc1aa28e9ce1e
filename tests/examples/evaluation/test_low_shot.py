"""Samples of few images as they are said to be, and both ways to choose a cost against a slow loop."""

from __future__ import annotations

import re
from functools import partial

import numpy as np
import pytest
import torch
from scipy.stats import chi2
from sklearn.svm import LinearSVC
from trainer.evaluation import low_shot, svm
from trainer.evaluation.images import Images
from trainer.inputs.objects import ABSENT, SHOWN, UNSURE
from trainer.inputs.sources import Pixels


def objects(n, seed, spread=2.0):
    """Unit features of a direction a class, and what they show of three classes: the images as protocols take them."""
    chance = np.random.default_rng(seed)
    shows = chance.choice([SHOWN, ABSENT, UNSURE], (n, 3), p=[0.3, 0.6, 0.1]).astype(np.int8)
    features = 2 * (shows == SHOWN) @ np.eye(3, 5) + spread * chance.normal(size=(n, 5))
    source = Pixels(torch.zeros(n, 3, 1, 1, dtype=torch.uint8), None)
    return svm.unit(torch.from_numpy(features)), Images(
        source, torch.arange(n), torch.from_numpy(shows), ["a", "b", "c"]
    )


@pytest.mark.parametrize("k", [1, 3, 8])
def test_a_sample_has_k_images_that_show_its_class_and_for_each_other_class_k_that_do_not(k):
    _, images = objects(90, 0)
    for label in range(3):
        shown = images.labels[low_shot.sample(images.labels, label, k, 0), label]
        assert shown.tolist() == k * [SHOWN] + 2 * k * [ABSENT]
        rows = low_shot.sample(images.labels, label, k, 0)
        assert len(set(rows.tolist())) == 3 * k
        assert torch.equal(rows, low_shot.sample(images.labels, label, k, 0))


def test_samples_differ_by_number_class_size_and_seed():
    """Those of several sizes are drawn by themselves, as the benchmark's were: none holds the next smaller one."""
    _, images = objects(90, 0)
    images.labels[:, 1] = images.labels[:, 0]
    addresses = [(0, 8, 0, 0), (1, 8, 0, 0), (0, 8, 1, 0), (0, 8, 0, 1)]
    rows = [set(low_shot.sample(images.labels, *address).tolist()) for address in addresses]
    assert len(set(map(frozenset, rows))) == 4
    assert not set(low_shot.sample(images.labels, 0, 4, 0, 0).tolist()) <= rows[0]


def test_every_image_is_sampled_equally_often():
    """Of n images that show a class, 400 samples of 5 hold each 2000 / n times; chi-square's false alarm is 1e-6."""
    _, images = objects(60, 0)
    n, counts = int((images.labels[:, 0] == SHOWN).sum()), torch.zeros(60)
    for number in range(400):
        counts[low_shot.sample(images.labels, 0, 5, number)[:5]] += 1
    counts = counts[images.labels[:, 0] == SHOWN]
    assert counts.sum() == 2000
    variance = 400 * (5 / n) * (1 - 5 / n)  # of a count; their sum is fixed: n - 1 degrees of freedom
    statistic = ((counts - 2000 / n) ** 2).sum() / variance * (n - 1) / n
    assert statistic < chi2.isf(1e-6, n - 1)


COSTS = (1.0, 0.01, 100.0)


@pytest.fixture
def few(monkeypatch):
    """Two samples of each size, and three costs."""
    monkeypatch.setattr(low_shot, "SAMPLES", 2)
    return partial(low_shot.results, costs=COSTS)


def by_hand(shots, train, test, x, q):
    """Average precisions on the test images and on the rest, [shots][sample][cost][class]."""
    found = {}
    for k in shots:
        for number in range(2):
            for cost in COSTS:
                for label in range(3):
                    rows = low_shot.sample(train.labels, label, k, number).numpy()
                    y = np.where(train.labels[:, label] == SHOWN, 1, -1)
                    made = LinearSVC(C=cost, class_weight={1: 2, -1: 1}, max_iter=2000, random_state=0, dual=True)
                    made.fit(x[rows], y[rows])
                    rest = [i for i in range(len(x)) if train.labels[i, label] != UNSURE and i not in set(rows)]
                    sure = [i for i in range(len(q)) if test.labels[i, label] != UNSURE]
                    asked = (test.labels[:, label] == SHOWN).numpy()
                    left = (y[rest] == 1).any()
                    found[k, number, cost, label] = (
                        svm.average_precision(made.decision_function(q[sure]), asked[sure]),
                        svm.average_precision(made.decision_function(x[rest]), y[rest] == 1) if left else np.nan,
                    )
    return found


def whole(x, train):
    """Five images show the first class: a sample of k = 5 leaves none, and the others choose the cost."""
    train.labels[(train.labels[:, 0] == SHOWN).nonzero()[5:, 0], 0] = ABSENT
    return x, train


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("learned", "shots"),
    [
        (lambda: objects(80, 0), (1, 2, 5)),
        (lambda: objects(30, 1, 4.0), (1, 2, 3)),
        (lambda: objects(30, 3, 4.0), (1, 2, 3)),
        (lambda: whole(*objects(80, 0)), (5,)),
        (lambda: whole(*objects(60, 2)), (5,)),
    ],
    ids=["many", "few", "few others", "a class sampled whole", "likewise"],
)
def test_both_ways_are_those_of_a_slow_loop(few, learned, shots):
    (x, train), (q, test) = learned(), objects(70, 10)
    numbers = by_hand(shots, train, test, x, q)
    found = {result.metric: result for result in few(x, train, q, test, shots=shots)}
    for way, place in (("", 0), ("leak-free ", 1)):
        values = []
        for k in shots:
            mean = {
                cost: [np.nanmean([numbers[k, n, cost, c][i] for n in range(2) for c in range(3)]) for i in range(2)]
                for cost in COSTS
            }
            best = max(COSTS, key=lambda cost: mean[cost][place])
            values.append(100 * mean[best][0])
            samples = [100 * np.mean([numbers[k, n, best, c][0] for c in range(3)]) for n in range(2)]
            result = found[f"{way}mAP at k = {k}, %"]
            assert result.value == pytest.approx(values[-1])
            assert f"cost {best:.3g}, standard deviation {np.std(samples, ddof=1):.2f}" in result.how
        assert found[f"{way}mAP, %"].value == pytest.approx(np.mean(values))
    assert len(found) == 2 + 2 * len(shots)


@pytest.mark.parametrize("seed", range(3))
def test_a_cost_chosen_on_the_test_images_is_never_worse_there(few, seed):
    (x, train), (q, test) = objects(80, seed), objects(70, seed + 10)
    found = {result.metric: result.value for result in few(x, train, q, test, shots=(1, 4))}
    for metric in ("mAP, %", "mAP at k = 1, %", "mAP at k = 4, %"):
        assert found[metric] >= found[f"leak-free {metric}"]


def test_what_the_test_images_show_chooses_nothing_in_the_leak_free_way(few):
    """The costs are the same when the test is turned upside down; those that are published are not."""
    (x, train), (q, test) = objects(80, 0), objects(70, 1)
    upside_down = Images(test.source, test.rows, 1 - test.labels.clamp(min=0), test.classes)
    costs = [
        {result.metric: re.search("cost [^,]*,", result.how)[0] for result in found if "k =" in result.metric}
        for found in (few(x, train, q, images, shots=(1, 2, 5)) for images in (test, upside_down))
    ]
    free, published = ([{m: c for m, c in one.items() if ("leak-free" in m) == way} for one in costs] for way in (1, 0))
    assert free[0] == free[1]
    assert published[0] != published[1]


def test_processes_change_nothing():
    """At the costs and samples of the benchmark."""
    (x, train), (q, test) = objects(80, 0), objects(70, 1)
    one, two = (list(low_shot.results(x, train, q, test, shots=(1, 2), jobs=jobs)) for jobs in (1, 2))
    assert one == two


def test_what_is_separable_is_found_whole(few):
    """Each image shows one class, which is its feature."""
    labels = torch.arange(30) % 3
    shows = torch.nn.functional.one_hot(labels).to(torch.int8)
    x = svm.unit(torch.eye(3)[labels])
    images = Images(Pixels(torch.zeros(30, 3, 1, 1, dtype=torch.uint8), None), torch.arange(30), shows, ["a", "b", "c"])
    assert {result.value for result in few(x, images, x, images, shots=(1, 4))} == {100}


def test_too_few_images_are_told():
    _, train = objects(80, 0)
    low_shot.check(train, [1, 8])
    rows = (train.labels[:, 1] == SHOWN).nonzero()[7:, 0]
    train.labels[rows, 1] = UNSURE
    with pytest.raises(
        ValueError, match=r"--shots must be at most 7 here, got 8: b is in 7 images to train on and surely"
    ):
        low_shot.check(train, [1, 8])
    low_shot.check(train, [7])
    rows = (train.labels[:, 2] == ABSENT).nonzero()[9:, 0]
    train.labels[rows, 2] = UNSURE
    with pytest.raises(
        ValueError, match=r"--shots must be at most 4 here, got 5: c is in .* not in 9, of which a sample"
    ):
        low_shot.check(train, [5, 1])


def test_an_image_is_left_to_choose_a_cost_on():
    shows = torch.nn.functional.one_hot(torch.arange(12) % 3).to(torch.int8)
    images = Images(Pixels(torch.zeros(12, 3, 1, 1, dtype=torch.uint8), None), torch.arange(12), shows, ["a", "b", "c"])
    low_shot.check(images, [3])
    with pytest.raises(ValueError, match=r"--shots must be at most 3 here, got 4"):
        low_shot.check(images, [4])
