"""The queue: its order, its arithmetic, its checkpoints."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from jointaug import losses as L

from .cases import keys


class TestQueue:
    def test_starts_as_unit_columns_from_its_generator(self):
        first, again = (L.Queue(12, 4, generator=torch.Generator().manual_seed(3)) for _ in range(2))
        assert torch.equal(first.keys, again.keys)
        torch.testing.assert_close(first.keys.norm(dim=0), torch.ones(12))
        assert not torch.equal(first.keys, L.Queue(12, 4, generator=torch.Generator().manual_seed(4)).keys)

    def test_gives_the_negatives_as_they_were_before_these_keys(self):
        queue = L.Queue(12, 4)
        before, k = queue.keys.clone(), keys(6)
        assert torch.equal(queue(k), before)
        torch.testing.assert_close(queue.keys[:, :6], F.normalize(k, dim=1).T)
        assert torch.equal(queue.keys[:, 6:], before[:, 6:])

    def test_a_step_of_moco_has_no_positive_among_its_negatives(self):
        """With the keys let in first, every image would meet its own key as a negative: the loss is log 2 or more."""
        queue, k = L.Queue(16, 64), keys(8, 64)
        assert L.reduce(L.info_nce(k, k, queue(k), tau=0.02)).item() < 0.01

    def test_what_it_gave_does_not_change_afterwards(self):
        queue = L.Queue(6, 4)
        given = queue(keys(6))
        copy = given.clone()
        queue(keys(6, seed=1))
        assert torch.equal(given, copy)

    @pytest.mark.parametrize("batches", [[4] * 3, [2, 4, 6], [12], [6, 4, 2], [4, 4, 3, 1], [8 // 2, 12]])
    def test_first_in_first_out(self, batches):
        """After K keys every initial column is gone; the oldest is overwritten first, over the end too."""
        queue, seen = L.Queue(12, 4), []
        for i, n in enumerate(batches):
            queue(keys(n, seed=i))
            seen += list(F.normalize(keys(n, seed=i), dim=1))
        expected = {tuple(k.tolist()) for k in seen[-12:]}
        assert len(expected) == 12
        assert {tuple(c.tolist()) for c in queue.keys.T} == expected
        assert queue.queue_ptr.tolist() == [sum(batches) % 12]

    def test_stands_still_in_eval_and_enqueues_without_being_called(self):
        queue = L.Queue(12, 4).eval()
        before = queue(keys(6))
        assert torch.equal(queue.keys, before)
        queue.enqueue(keys(6))
        assert not torch.equal(queue.keys, before)

    def test_empty(self):
        queue = L.Queue(0, 4)
        assert queue(keys(3)).shape == (4, 0)

    def test_keeps_no_graph(self):
        queue = L.Queue(6, 4)
        queue(keys(6).requires_grad_())
        assert not queue.keys.requires_grad

    def test_state_goes_on_where_it_stopped(self):
        one, two = L.Queue(12, 4), L.Queue(12, 4)
        one(keys(6))
        two.load_state_dict(one.state_dict())
        assert set(one.state_dict()) == {"queue", "queue_ptr"}, "the names in MoCo's released checkpoints"
        for queue in (one, two):
            queue(keys(3, seed=1))
        assert torch.equal(one.keys, two.keys)

    @pytest.mark.parametrize("other", [(24, 4), (12, 5)])
    def test_a_state_of_another_size(self, other):
        model = torch.nn.ModuleDict({"queue": L.Queue(12, 4)})
        before = model["queue"].keys.clone()
        with pytest.raises(
            RuntimeError, match=r"queue\.queue must have the shape of this Queue, \(4, 12\), got .*; build Queue"
        ):
            model.load_state_dict({f"queue.{k}": v for k, v in L.Queue(*other).state_dict().items()})
        assert torch.equal(model["queue"].keys, before)

    def test_representation(self):
        assert repr(L.Queue(12, 4)) == "Queue(size=12, width=4)"
