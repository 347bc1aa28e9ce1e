"""DINO and its center: the slow loop, every scale, order and state."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from jointaug import losses as L

from .cases import draw, keys


@pytest.mark.parametrize(("n_student", "n_teacher"), [(2, 2), (6, 2), (3, 1), (3, 3)])
@pytest.mark.parametrize("weighted", [False, True])
def test_dino_is_the_mean_over_pairs_of_different_crops(n_student, n_teacher, weighted):
    B, width, tau_s, tau_t = 3, 11, 0.1, 0.04
    student, teacher, center = (
        draw(n_student, B, width),
        draw(n_teacher, B, width, seed=1) * 0.1,
        draw(width, seed=2) * 0.1,
    )
    pairs = [(i, j) for i in range(n_teacher) for j in range(n_student) if i != j]
    weights = draw(B, len(pairs), seed=3).abs() if weighted else None
    expected = torch.zeros(B, dtype=torch.float64)
    for column, (i, j) in enumerate(pairs):
        target = ((teacher[i] - center) / tau_t).softmax(1)
        term = F.cross_entropy(student[j] / tau_s, target, reduction="none")
        expected += term * (1 if weights is None else weights[:, column]) / len(pairs)
    got = L.dino(list(student), list(teacher), center, tau_s=tau_s, tau_t=tau_t, pair_weights=weights)
    torch.testing.assert_close(got.per_sample, expected)


@pytest.mark.parametrize("scale", [1e-30, 1e-10, 1.0, 1e10, 1e30])
def test_dino_at_any_scale(scale):
    student, teacher = ([(draw(6, 9, seed=s + i) * scale).float() for i in range(2)] for s in (0, 5))
    center = (draw(9, seed=9) * scale).float()
    exact = L.dino([s.double() for s in student], [t.double() for t in teacher], center.double())
    torch.testing.assert_close(
        L.dino(student, teacher, center).per_sample.double(), exact.per_sample, rtol=1e-5, atol=1e-6
    )


class TestCenter:
    def test_moves_after_it_was_used(self):
        center = L.Center(3)
        t1, t2 = keys(5, 3), keys(5, 3, seed=1)
        assert not center([t1, t2]).any(), "the first batch meets the center 0"
        torch.testing.assert_close(center.center, 0.1 * torch.cat([t1, t2]).mean(0))
        second = center(t1)
        torch.testing.assert_close(second, 0.1 * torch.cat([t1, t2]).mean(0))
        torch.testing.assert_close(center.center, 0.9 * second + 0.1 * t1.mean(0))

    def test_subtracting_it_takes_away_what_all_images_share(self):
        """A constant in every output moves a target without a center, and none with the center that has learnt it."""
        student, teacher, constant = (
            [keys(5, 3), keys(5, 3, seed=1)],
            [keys(5, 3, seed=2), keys(5, 3, seed=3)],
            keys(1, 3, seed=4),
        )
        plain = L.dino(student, teacher, torch.zeros(3)).per_sample
        shifted = L.dino(student, [t + constant for t in teacher], constant[0]).per_sample
        torch.testing.assert_close(shifted, plain, rtol=1e-4, atol=1e-5)

    def test_stands_still_in_eval(self):
        center = L.Center(3).eval()
        center(keys(5, 3))
        assert not center.center.any()

    def test_state(self):
        one, two = L.Center(3, momentum=0.5), L.Center(3, momentum=0.5)
        one(keys(5, 3))
        two.load_state_dict(one.state_dict())
        assert torch.equal(one.center, two.center)
        with pytest.raises(
            RuntimeError, match=r"center must have the shape of this Center, \(4,\), got \(3,\); build Center"
        ):
            L.Center(4).load_state_dict(one.state_dict())
        assert repr(one) == "Center(width=3, momentum=0.5)"
