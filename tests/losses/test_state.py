"""Queue, Center and ScoreStatistics: their order, their arithmetic, their checkpoints."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from jointaug import losses as L


def keys(n: int, width: int = 4, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed))


class TestQueue:
    def test_starts_as_unit_columns_from_its_generator(self):
        first, again = (L.Queue(4, 12, generator=torch.Generator().manual_seed(3)) for _ in range(2))
        assert torch.equal(first.keys, again.keys)
        torch.testing.assert_close(first.keys.norm(dim=0), torch.ones(12))
        assert not torch.equal(first.keys, L.Queue(4, 12, generator=torch.Generator().manual_seed(4)).keys)

    def test_gives_the_negatives_as_they_were_before_these_keys(self):
        queue = L.Queue(4, 12)
        before, k = queue.keys.clone(), keys(6)
        assert torch.equal(queue(k), before)
        torch.testing.assert_close(queue.keys[:, :6], F.normalize(k, dim=1).T)
        assert torch.equal(queue.keys[:, 6:], before[:, 6:])

    def test_a_step_of_moco_has_no_positive_among_its_negatives(self):
        """With the keys let in first, every image would meet its own key as a negative: the loss is log 2 or more."""
        queue, k = L.Queue(64, 16), keys(8, 64)
        assert L.reduce(L.info_nce(k, k, queue(k), tau=0.02)).item() < 0.01

    def test_what_it_gave_does_not_change_afterwards(self):
        queue = L.Queue(4, 6)
        given = queue(keys(6))
        copy = given.clone()
        queue(keys(6, seed=1))
        assert torch.equal(given, copy)

    @pytest.mark.parametrize("batches", [[4] * 3, [2, 4, 6], [12], [6, 4, 2], [4, 4, 3, 1], [8 // 2, 12]])
    def test_first_in_first_out(self, batches):
        """After K keys every initial column is gone; the oldest is overwritten first, over the end too."""
        queue, seen = L.Queue(4, 12), []
        for i, n in enumerate(batches):
            queue(keys(n, seed=i))
            seen += list(F.normalize(keys(n, seed=i), dim=1))
        expected = {tuple(k.tolist()) for k in seen[-12:]}
        assert len(expected) == 12
        assert {tuple(c.tolist()) for c in queue.keys.T} == expected
        assert queue.queue_ptr.tolist() == [sum(batches) % 12]

    def test_stands_still_in_eval_and_enqueues_without_being_called(self):
        queue = L.Queue(4, 12).eval()
        before = queue(keys(6))
        assert torch.equal(queue.keys, before)
        queue.enqueue(keys(6))
        assert not torch.equal(queue.keys, before)

    def test_empty(self):
        queue = L.Queue(4, 0)
        assert queue(keys(3)).shape == (4, 0)

    def test_keeps_no_graph(self):
        queue = L.Queue(4, 6)
        queue(keys(6).requires_grad_())
        assert not queue.keys.requires_grad

    def test_state_goes_on_where_it_stopped(self):
        one, two = L.Queue(4, 12), L.Queue(4, 12)
        one(keys(6))
        two.load_state_dict(one.state_dict())
        assert set(one.state_dict()) == {"queue", "queue_ptr"}, "the names in MoCo's released checkpoints"
        for queue in (one, two):
            queue(keys(3, seed=1))
        assert torch.equal(one.keys, two.keys)

    @pytest.mark.parametrize("other", [(4, 24), (5, 12)])
    def test_a_state_of_another_size(self, other):
        model = torch.nn.ModuleDict({"queue": L.Queue(4, 12)})
        before = model["queue"].keys.clone()
        with pytest.raises(
            RuntimeError, match=r"queue\.queue must have the shape of this Queue, \(4, 12\), got .*; build Queue"
        ):
            model.load_state_dict({f"queue.{k}": v for k, v in L.Queue(*other).state_dict().items()})
        assert torch.equal(model["queue"].keys, before)

    def test_representation(self):
        assert repr(L.Queue(4, 12)) == "Queue(width=4, size=12)"


class TestCenter:
    def test_moves_after_it_was_used(self):
        center = L.Center(3)
        t1, t2 = keys(5, 3), keys(5, 3, seed=1)
        assert not center([t1, t2]).any(), "the first batch meets the centre 0"
        torch.testing.assert_close(center.center, 0.1 * torch.cat([t1, t2]).mean(0))
        second = center(t1)
        torch.testing.assert_close(second, 0.1 * torch.cat([t1, t2]).mean(0))
        torch.testing.assert_close(center.center, 0.9 * second + 0.1 * t1.mean(0))

    def test_subtracting_it_takes_away_what_all_images_share(self):
        """A constant in every output moves a target without a centre, and none with the centre that has learnt it."""
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


class TestScoreStatistics:
    def test_without_momentum_it_is_the_batch_mean(self):
        statistics = L.ScoreStatistics(momentum=0.0)
        for seed in range(3):
            d = keys(6, seed=seed)[:, 0].abs()
            torch.testing.assert_close(statistics(d), L.batch_mean(d))

    def test_the_mean_is_bias_corrected(self):
        """The slow way: weights (1 - m) m^age, divided by their sum."""
        statistics, m = L.ScoreStatistics(momentum=0.9), 0.9
        batches = [keys(6, seed=seed)[:, 0].abs() for seed in range(4)]
        for n, d in enumerate(batches):
            ages = torch.tensor([m ** (n - i) for i in range(n + 1)])
            mean = (ages * torch.stack([b.mean() for b in batches[: n + 1]])).sum() / ages.sum()
            torch.testing.assert_close(statistics(d), d / mean)

    def test_eval_and_state(self):
        one, two, d = L.ScoreStatistics(momentum=0.5), L.ScoreStatistics(momentum=0.5).eval(), torch.tensor([1.0, 3.0])
        one(d)
        two.load_state_dict(one.state_dict())
        torch.testing.assert_close(two(torch.tensor([2.0, 8.0])), torch.tensor([1.0, 4.0]))
        torch.testing.assert_close(two(torch.tensor([2.0, 8.0])), torch.tensor([1.0, 4.0]))
        with pytest.raises(RuntimeError, match="mean must have the shape of this ScoreStatistics"):
            two.load_state_dict({"mean": torch.zeros(2), "share": torch.zeros(())})
        assert repr(one) == "ScoreStatistics(momentum=0.5)"
