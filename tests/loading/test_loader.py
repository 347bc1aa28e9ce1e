"""A loader with a state: the oracle of a resume is the run that was not stopped, of a share the run of one process."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader, default_collate

from jointaug import AddressedDataset, AddressedSampler, JointCrop, fuse
from jointaug.loading import Loader
from jointaug.loading._order import shuffled

from ..processes import in_two, loaded
from .cases import Numbers, Together, columns, drawn

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")  # a machine may have one core

SCRIPT = Path(__file__).with_name("two_processes.py")
IMAGES = torch.rand(10, 3, 24, 24, generator=torch.Generator().manual_seed(0))


def loader(batch_size=4, *, n=22, pipeline=drawn, **options):
    return Loader(Numbers(n), pipeline, batch_size, seed=3, **options)


def whole(epoch, *, n=22):
    """An epoch's views in the order of the indices, by hand."""
    data = AddressedDataset(Numbers(n), drawn, seed=3)
    return [tuple(data.views(i, epoch=epoch).tolist()) for i in range(n)]


# ---- epochs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("shuffle", [False, True])
def test_each_pass_is_an_epoch_of_the_two_in_a_dataloader(workers, shuffle):
    """The oracle: AddressedDataset and AddressedSampler in torch's DataLoader."""
    ours = loader(shuffle=shuffle, num_workers=workers, persistent_workers=workers > 0)
    data = AddressedDataset(Numbers(22), drawn, seed=3)
    theirs = DataLoader(data, 4, sampler=AddressedSampler(data, shuffle=shuffle, seed=3))
    assert len(ours) == 6
    for epoch in range(3):
        batches = list(ours)
        assert [len(batch) for batch in batches] == [4] * 5 + [2]
        assert columns(batches) == columns(theirs)
        assert sorted(columns(batches)) == whole(epoch)
        assert ours.epoch == epoch
    assert [row[0] for row in columns(batches)] == (
        shuffled(22, seed=3, epoch=2).tolist() if shuffle else list(range(22))
    )


def test_an_epoch_that_is_set_wins_and_a_sampler_is_there_to_set_it():
    ours = loader()
    for setter in (ours, ours.sampler):
        setter.set_epoch(7)
        assert ours.epoch == 7
        assert columns(ours) == whole(7)
    assert columns(ours) == whole(8)
    next(iter(ours))
    assert columns(ours) == whole(10), "a pass that was broken off counts"


def test_views_and_labels_are_collated():
    ours = Loader([(image, label) for label, image in enumerate(IMAGES)], JointCrop(16), 4, seed=1)
    (first, second), labels = next(iter(ours))
    assert first.shape == second.shape == (4, 3, 16, 16)
    assert labels.tolist() == [0, 1, 2, 3]
    (expected, _), _ = ours.data.views(2, epoch=0)
    assert torch.equal(first[2], expected)


def test_a_pipeline_of_batches_runs_once_on_each():
    ours, one_by_one = loader(pipeline=Together()), AddressedDataset(Numbers(22), Together(), seed=3)
    batches = list(ours)
    assert ours.data.pipeline.calls == 6
    expected = [
        default_collate([one_by_one.views(i, epoch=0) for i in range(k, min(k + 4, 22))]) for k in range(0, 22, 4)
    ]
    assert all(torch.equal(batch, other) for batch, other in zip(batches, expected, strict=True))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_record_comes_beside_each_batch(workers):
    ours = loader(pipeline=Together(), record=True, num_workers=workers)
    ours.set_epoch(5)
    plain = loader(pipeline=Together())
    plain.set_epoch(5)
    for (batch, record), expected in zip(ours, plain, strict=True):
        assert torch.equal(batch, expected)
        assert record == "record of epoch 5"


def test_the_last_samples_may_be_dropped():
    ours = loader(drop_last=True)
    assert len(ours) == 5
    assert columns(ours) == whole(0)[:20]
    assert columns(ours) == whole(1)[:20]


# ---- processes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_processes_share_each_step_of_one(count, drop_last):
    """In step k all have together what one process has with a batch as large as theirs together."""
    options = {"shuffle": True, "drop_last": drop_last}
    ranks = [loader(2, num_replicas=count, rank=rank, **options) for rank in range(count)]
    one = loader(2 * count, num_replicas=1, rank=0, **options)
    assert {len(ours) for ours in ranks} == {len(one)}
    for _ in range(2):
        steps = list(zip(*ranks, strict=True))
        for parts, batch in zip(steps, one, strict=True):
            assert len({len(part) for part in parts}) == 1
            together = set(columns(parts))
            assert set(columns([batch])) <= together
            again = together - set(columns([batch]))
            assert len(again) == (-22 % count if parts is steps[-1] and not drop_last else 0)
            assert all(row not in whole(one.epoch) for row in again), "what comes again has another draw"


def test_the_world_is_asked_for_when_a_pass_begins(monkeypatch):
    """A loader that was made before ``init_process_group`` would serve every process everything."""
    ours = loader(2)
    assert len(ours) == 11
    monkeypatch.setattr("jointaug.loading._loader.world", lambda: (1, 2))
    assert len(ours) == 6
    assert columns(ours) == whole(0)[1::2]


# ---- resumes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("before", "after"), [(0, 0), (2, 0), (0, 1), (2, 1)])
def test_it_goes_on_after_any_batch_with_any_number_of_workers(before, after):
    """What was delivered counts, and not what workers loaded ahead."""
    ours = loader(shuffle=True, num_workers=before, **({"prefetch_factor": 4} if before else {}))
    again = loader(shuffle=True, num_workers=after)
    ours.set_epoch(5)
    expected = [columns(loader_at(epoch)) for epoch in (5, 6)]
    for delivered in range(7) if not after else (3,):
        ours.set_epoch(5)
        run = iter(ours)
        taken = columns(islice(run, delivered))
        state = json.loads(json.dumps(ours.state_dict()))
        assert (state["epoch"], state["delivered"]) == (5, min(4 * delivered, 22))
        again.load_state_dict(state)
        assert again.epoch == 5
        assert again.state_dict() == state, "until it is gone on with"
        assert taken + columns(again) == expected[0]
        assert again.state_dict()["epoch"] == 6
        assert columns(again) == expected[1]


def loader_at(epoch):
    made = loader(shuffle=True)
    made.set_epoch(epoch)
    return made


@pytest.mark.parametrize("rank", [0, 1])
def test_the_state_of_one_process_serves_all(rank):
    ranks = [loader(2, num_replicas=2, rank=r, shuffle=True) for r in (0, 1)]
    runs = [iter(ours) for ours in ranks]
    for _ in range(3):
        for run in runs:
            next(run)
    assert ranks[0].state_dict() == ranks[1].state_dict()
    assert ranks[0].state_dict()["delivered"] == 12
    again = loader(2, num_replicas=2, rank=rank, shuffle=True)
    again.load_state_dict(ranks[1 - rank].state_dict())
    assert columns(again) == columns(runs[rank])


@pytest.fixture(scope="module")
def in_processes(tmp_path_factory):
    return in_two(SCRIPT, tmp_path_factory.mktemp("gloo"))


def test_two_processes_under_torch_distributed_are_one_with_their_batches_together(in_processes):
    script = loaded(SCRIPT)
    one = script.new_loader(2 * script.BATCH, num_replicas=1, rank=0)
    for epoch in range(2):
        parts = zip(*(found["run"][epoch] for found in in_processes), strict=True)
        for both, ((first, second), indices) in zip(parts, one, strict=True):
            expected = {int(i): (x, y) for i, x, y in zip(indices, first, second, strict=True)}
            served = {int(i): (x, y) for (xs, ys), at in both for i, x, y in zip(at, xs, ys, strict=True)}
            assert expected.keys() <= served.keys()
            for i, views in expected.items():
                torch.testing.assert_close(served[i], views, rtol=0, atol=0)


@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_that_is_killed_goes_on_from_the_state_of_the_other(in_processes, rank):
    found = in_processes[rank]
    torch.testing.assert_close(found["killed"], found["run"], rtol=0, atol=0)


def test_the_views_of_two_processes_with_torchs_sampler_are_the_loaders(in_processes):
    """Another order, so another share for each process: compared are the views of each index in its epoch."""
    for epoch in range(2):
        of = [
            {
                int(i): x
                for found in in_processes
                for (xs, _), at in found[name][epoch]
                for i, x in zip(at, xs, strict=True)
            }
            for name in ("by sampler", "run")
        ]
        assert len(of[0]) == loaded(SCRIPT).N
        first = {int(i) for (_, at) in in_processes[0]["run"][epoch][:1] for i in at}  # may come again, as another draw
        for i in of[0].keys() - first:
            torch.testing.assert_close(of[0][i], of[1][i], rtol=0, atol=0)


def test_between_passes_the_state_is_the_next_epochs_start():
    ours = loader()
    assert (ours.state_dict()["epoch"], ours.state_dict()["delivered"]) == (0, 0)
    list(ours)
    assert (ours.state_dict()["epoch"], ours.state_dict()["delivered"]) == (1, 0)
    next(iter(ours))
    ours.set_epoch(8)
    assert (ours.state_dict()["epoch"], ours.state_dict()["delivered"]) == (8, 0)
    again = loader()
    again.load_state_dict(ours.state_dict())
    assert columns(again) == whole(8)


def test_a_loop_that_stops_in_mid_epoch_goes_on_there():
    """What a run does that is told to stop: break, save, and the same loop again."""

    def train(ours, until, stop_after):
        for _ in range(ours.epoch, until):
            for batch in ours:
                seen.append(columns([batch]))
                if len(seen) == stop_after:
                    return ours.state_dict()
        return None

    seen: list[list[tuple[float, ...]]] = []
    train(loader(shuffle=True), 3, -1)
    expected = list(seen)
    assert len(expected) == 18
    for stop_after in (1, 6, 7, 12):
        seen.clear()
        state = train(loader(shuffle=True), 3, stop_after)
        ours = loader(shuffle=True)
        ours.load_state_dict(state)
        train(ours, 3, -1)
        assert seen == expected


def test_a_framework_that_sets_the_epoch_of_a_state_does_not_undo_it():
    """Lightning loads a loader's state, and calls ``set_epoch`` when the epoch that it was in begins again."""
    ours = loader()
    next(iter(ours))
    again = loader()
    again.load_state_dict(ours.state_dict())
    again.sampler.set_epoch(0)
    assert columns(again) == whole(0)[4:]
    again.load_state_dict(ours.state_dict())
    again.set_epoch(2)
    assert columns(again) == whole(2), "another epoch begins at its start"


OTHERS = {
    "batch_size": ({"batch_size": 5}, "batch_size=4 for 5"),
    "num_replicas": ({"num_replicas": 2, "rank": 0}, "num_replicas=1 for 2"),
    "samples": ({"n": 21}, "samples=22 for 21"),
    "shuffle": ({"shuffle": True}, "shuffle=False for True"),
    "drop_last": ({"drop_last": True}, "drop_last=False for True"),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_a_state_of_another_setting_is_refused(kind):
    options, words = OTHERS[kind]
    ours = loader()
    next(iter(ours))
    other = loader(**options)
    with pytest.raises(
        ValueError, match=rf"a loader set up as this one, got {words}; go on with what the run began with"
    ):
        other.load_state_dict(ours.state_dict())
    assert other.epoch == 0


def test_a_state_of_another_seed_is_refused():
    with pytest.raises(ValueError, match="got seed=4 for 3"):
        loader().load_state_dict(Loader(Numbers(22), drawn, 4, seed=4).state_dict())


@pytest.mark.parametrize("state", [None, {}, {"epoch": 1, "delivered": 4}, [1]])
def test_what_is_no_state_is_named(state):
    with pytest.raises(ValueError, match=r"state must be one of state_dict\(\), got"):
        loader().load_state_dict(state)


@pytest.mark.parametrize(
    ("delivered", "error"), [(3, ValueError), (-4, ValueError), (24, ValueError), (4.0, TypeError)]
)
def test_a_count_that_no_batch_ends_at_is_refused(delivered, error):
    with pytest.raises(error, match="delivered must be"):
        loader().load_state_dict({**loader().state_dict(), "delivered": delivered})


# ---- arguments -------------------------------------------------------------------------------------------------------

REFUSED = {
    "batch_size=0": (lambda: loader(0), ValueError, "batch_size must be an integer of at least 1, got 0"),
    "batch_size=None": (lambda: loader(None), TypeError, "batch_size must be an integer of at least 1, got None"),
    "sampler": (
        lambda: loader(sampler=range(3), collate_fn=list),
        TypeError,
        "got collate_fn, sampler; write DataLoader",
    ),
    "unknown": (lambda: loader(workers=3), TypeError, "workers"),
    "record": (lambda: loader(record=True), ValueError, r"record must be False .*write fuse\("),
    "rank alone": (lambda: loader(rank=0), ValueError, "must be given together, got None and 0"),
    "rank": (lambda: loader(rank=2, num_replicas=2), ValueError, r"rank must be in \[0, 2\), got 2"),
    "rank < 0": (lambda: loader(rank=-1, num_replicas=2), ValueError, r"rank must be an integer in \[0, num_replicas"),
    "num_replicas": (
        lambda: loader(rank=0, num_replicas=0),
        ValueError,
        "num_replicas must be an integer of at least 1",
    ),
    "nothing left": (
        lambda: list(loader(12, num_replicas=2, rank=0, drop_last=True)),
        ValueError,
        "batch_size must leave a batch for each of 2 processes with drop_last, got 12 for 22 samples",
    ),
    "epoch": (lambda: loader().set_epoch(-1), ValueError, "epoch must be an integer"),
    "addressed": (
        lambda: Loader(AddressedDataset(Numbers(), drawn), drawn, 4),
        TypeError,
        "dataset must not be addressed already",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_wrong_arguments_are_named(case):
    make, error, words = REFUSED[case]
    with pytest.raises(error, match=words):
        make()


# ---- fused -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [0, 1])
def test_a_fused_pipeline_gives_what_a_dataloader_of_its_samples_gives(workers):
    """The oracle collates; this loader does not, where `fuse` returns the batch."""
    samples = [(torch.rand(3, 20 + k, 30), k) for k in range(10)]
    fused = fuse(JointCrop(16))
    ours = Loader(samples, fused, 4, seed=3, shuffle=True, num_workers=workers)
    data = AddressedDataset(samples, fused, seed=3)
    theirs = DataLoader(data, 4, sampler=AddressedSampler(data, shuffle=True, seed=3))
    for _ in range(2):
        for (views, labels), (others, their_labels) in zip(ours, theirs, strict=True):
            assert type(views) is list
            assert torch.equal(labels, their_labels)
            assert all(torch.equal(view, other) for view, other in zip(views, others, strict=True))
