"""The ridge probe against scikit-learn, and the normal equations one class at a time."""

from __future__ import annotations

import pytest
import torch
from trainer.evaluation.ridge import ridge


def clouds(n: int = 300, d: int = 12, classes: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    """Features of very different scales, and labels that they half tell."""
    labels = torch.arange(n) % classes
    x = torch.randn(n, d) + 0.7 * torch.randn(classes, d)[labels]
    return x * torch.logspace(-4, 3, d) + 5.0, labels


@pytest.mark.parametrize("alpha", [1e-3, 0.3])
def test_it_is_scikit_learns_ridge_on_standardized_features(alpha: float):
    linear, pre = pytest.importorskip("sklearn.linear_model"), pytest.importorskip("sklearn.preprocessing")
    torch.manual_seed(0)
    x, labels = clouds()
    known, asked = x[:200].double(), x[200:].double()
    scale = pre.StandardScaler().fit(known.numpy())
    model = linear.Ridge(alpha * 200).fit(scale.transform(known.numpy()), torch.eye(4)[labels[:200]].double().numpy())
    expected = model.predict(scale.transform(asked.numpy())).argmax(1).tolist()
    found = ridge(known, labels[:200], asked, alpha=alpha)
    assert found.tolist() == expected
    assert 0.3 < (found == labels[200:]).double().mean() < 0.99  # there is something to disagree on


def test_it_solves_the_normal_equations_class_by_class():
    torch.manual_seed(1)
    x, labels = clouds(90, 5, 3)
    x = x.double()
    scaled = (x - x.mean(0)) / x.std(0, unbiased=False)
    gram = scaled.T @ scaled + 0.1 * 90 * torch.eye(5, dtype=torch.float64)
    outputs = []
    for label in range(3):
        y = (labels == label).double()
        outputs.append(scaled @ (torch.linalg.inv(gram) @ scaled.T @ (y - y.mean())) + y.mean())
    assert torch.equal(ridge(x, labels, x, alpha=0.1), torch.stack(outputs, 1).argmax(1))


def test_it_sees_classes_in_a_direction_of_little_variance():
    """Where k-NN does not: a coordinate with a millionth of the variance tells the classes."""
    torch.manual_seed(2)
    labels = torch.arange(400) % 2
    x = torch.stack([1000 * torch.randn(400), 2.0 * labels - 1], 1)
    assert torch.equal(ridge(x[:200], labels[:200], x[200:]), labels[200:])


def test_constant_features_are_left_out():
    torch.manual_seed(3)
    x, labels = clouds()
    more = torch.cat([x, torch.full((300, 2), 7.0)], 1)
    assert torch.equal(ridge(more, labels, more), ridge(x, labels, x))
    alike = ridge(torch.ones(6, 3), torch.tensor([0, 1, 1, 1, 2, 2]), torch.ones(2, 3))
    assert alike.tolist() == [1, 1]  # the most frequent class


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"alpha": 0.0}, "alpha must be above 0, got 0.0"),
        ({"features": torch.zeros(2, 4)}, r"of one width d, got shapes \(2, 4\) and \(3, 2\)"),
        ({"train_labels": torch.tensor([0, 1])}, r"one for each of the 3 train_features, got shape \(2,\)"),
        ({"features": torch.full((2, 2), torch.nan)}, "features must be finite, got nan or infinity"),
    ],
)
def test_bad_input(changes, words):
    given = {"train_features": torch.eye(3, 2), "train_labels": torch.tensor([0, 1, 0]), "features": torch.ones(2, 2)}
    with pytest.raises(ValueError, match=words):
        ridge(**given | changes)
