"""A sampler whose indices carry their epoch: passes, wrapped samplers, shares of processes, resumes."""

from __future__ import annotations

import json
from collections import Counter
from itertools import islice

import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    Subset,
    WeightedRandomSampler,
)

from jointaug import AddressedDataset, AddressedSampler
from jointaug.loading import AddressedIndex
from jointaug.loading._order import shuffled

from .cases import Numbers, Told, columns, drawn

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")  # a machine may have one core


def passed(sampler):
    return [(int(index), index.epoch, index.draw) for index in sampler]


def epochs(loader, passes=3):
    """The epochs that each pass served, and how many samples."""
    rows = [columns(loader) for _ in range(passes)]
    return [({epoch for _, epoch, _ in row}, len(row)) for row in rows]


# ---- passes --------------------------------------------------------------------------------------------------------


def test_each_pass_is_an_epoch():
    sampler = AddressedSampler(range(3))
    assert len(sampler) == 3
    for epoch in range(3):
        assert sampler.next_epoch == epoch
        assert passed(sampler) == [(0, epoch, 0), (1, epoch, 0), (2, epoch, 0)]
        assert sampler.epoch == epoch
    assert all(type(index) is AddressedIndex for index in sampler)


def test_an_epoch_that_is_set_wins():
    sampler = AddressedSampler(range(2))
    assert passed(sampler)[0][1] == 0
    for epoch in (7, 7, 3, 0):
        sampler.set_epoch(epoch)
        assert (sampler.epoch, sampler.next_epoch) == (epoch, epoch)
        assert passed(sampler) == [(0, epoch, 0), (1, epoch, 0)]
    assert passed(sampler)[0][1] == 1


def test_a_pass_begins_with_its_first_index_and_counts_if_it_is_broken_off():
    """DataLoader's workers make ask for an iterator twice, and use the second."""
    sampler = AddressedSampler(range(3))
    unused, used = iter(sampler), iter(sampler)
    assert next(used).epoch == 0
    assert next(iter(sampler)).epoch == 1
    assert next(used).epoch == 0, "a pass keeps its epoch"
    assert next(unused).epoch == 2, "and has it when it begins"


def test_an_epoch_that_comes_in_the_middle_of_a_pass_is_warned_of_once():
    """As Lightning sets it, where it resumes: after it has made the loader's iterator."""
    sampler = AddressedSampler(range(4))
    running = iter(sampler)
    next(running)
    sampler.set_epoch(5)
    with pytest.warns(UserWarning, match=r"set_epoch\(5\) came after this pass had begun as epoch 0, and counts from"):
        assert next(running).epoch == 0
    assert [index.epoch for index in running] == [0, 0]  # a second warning would be an error
    assert passed(sampler)[0] == (0, 5, 0)


@pytest.mark.filterwarnings("error")
def test_an_epoch_after_a_pass_that_was_broken_off_is_not_warned_of():
    sampler = AddressedSampler(range(4))
    for epoch in range(3):
        sampler.set_epoch(epoch)
        running = iter(sampler)
        next(running)
        sampler.set_epoch(epoch)  # the same again
        assert next(running).epoch == epoch
    assert passed(sampler)[0] == (0, 2, 0)


@pytest.mark.parametrize(("method", "batch_size"), [(None, 5), (None, None), ("fork", 5), ("fork", None), ("spawn", 5)])
def test_running_workers_get_the_epoch_with_the_index(method, batch_size):
    workers = (
        {"num_workers": 1 + (method == "fork"), "persistent_workers": True, "multiprocessing_context": method}
        if method
        else {}
    )
    loader = DataLoader(Told(), batch_size, sampler=AddressedSampler(Told(), shuffle=True), **workers)
    rows = [columns(loader) if batch_size else [tuple(row.tolist()) for row in loader] for _ in range(3)]
    expected = [[(i, epoch, 0) for i in shuffled(24, seed=0, epoch=epoch).tolist()] for epoch in range(3)]
    assert rows == expected


def test_a_framework_that_knows_samplers_alone_sets_the_epoch():
    """What Lightning does before each epoch: ``set_epoch`` of the loader's sampler and of its batch sampler's."""
    data = AddressedDataset(Numbers(), drawn, seed=1)
    loader = DataLoader(data, 4, sampler=AddressedSampler(data, shuffle=True))
    for epoch in (0, 1, 5):
        for sampler in (loader.sampler, loader.batch_sampler.sampler):
            sampler.set_epoch(epoch)
        assert sorted(columns(loader)) == [tuple(data.views(i, epoch=epoch).tolist()) for i in range(24)]
    batched = DataLoader(data, batch_sampler=BatchSampler(AddressedSampler(data), 4, False))
    batched.batch_sampler.sampler.set_epoch(7)
    assert columns(batched) == [tuple(data.views(i, epoch=7).tolist()) for i in range(24)]


# ---- orders --------------------------------------------------------------------------------------------------------


def test_a_data_sets_order_is_its_own_or_a_function_of_seed_and_epoch():
    assert passed(AddressedSampler("abc")) == [(0, 0, 0), (1, 0, 0), (2, 0, 0)]
    one, other = AddressedSampler(Told(), shuffle=True, seed=3), AddressedSampler(Told(), shuffle=True, seed=3)
    passed(one)
    other.set_epoch(1)
    torch.manual_seed(9)
    assert passed(one) == passed(other)
    assert [i for i, *_ in passed(one)] == shuffled(24, seed=3, epoch=2).tolist()


def test_draws_are_occurrences():
    sampler = AddressedSampler(WeightedRandomSampler([1.0, 5.0, 1.0], 40))
    for _ in range(2):
        seen = Counter()
        for index in sampler:
            assert index.draw == seen[int(index)]
            seen[int(index)] += 1
        assert max(seen.values()) > 1


def test_a_sampler_inside_is_told_the_epoch():
    class Heard(Sampler):
        def __init__(self):
            self.heard = []

        def set_epoch(self, epoch):
            self.heard.append(epoch)

        def __len__(self):
            return 1

        def __iter__(self):
            yield self.heard[-1]

    inner = Heard()
    sampler = AddressedSampler(inner)
    assert passed(sampler) == [(0, 0, 0)]
    assert passed(sampler) == [(1, 1, 0)]
    sampler.set_epoch(6)
    assert inner.heard[-1] == 6, "at once"
    assert passed(sampler) == [(6, 6, 0)]


def test_shares_of_processes_are_the_samplers():
    """Two ranks, simulated: what each is given is what DistributedSampler gives it."""
    parts = []
    for rank in (0, 1):
        inner = DistributedSampler(Told(), 2, rank)
        sampler = AddressedSampler(inner)
        parts.append(passed(sampler) + passed(sampler))
        own = []
        for epoch in (0, 1):
            inner.set_epoch(epoch)
            own += [(i, epoch, 0) for i in inner]
        assert parts[-1] == own
    assert {(i, e) for i, e, _ in parts[0] + parts[1]} == {(i, e) for i in range(24) for e in (0, 1)}


@pytest.mark.parametrize("shuffle", [False, True])
def test_what_shards_after_it_finds_the_draws_counted(shuffle):
    """As Lightning and Accelerate do it: each process lists the sampler and takes its part."""
    samplers = [AddressedSampler(RandomSampler(range(5), replacement=True, num_samples=30)) for _ in range(2)]
    parts = []
    for rank, sampler in enumerate(samplers):
        torch.manual_seed(rank)  # processes whose own generators differ
        part = list(sampler)[rank::2]
        parts += [(int(i), i.draw) for i in part]
    assert len(set(parts)) == 30, "the processes had one order, and no view is made twice"


# ---- what is no sampler --------------------------------------------------------------------------------------------


class Endless(Sampler):
    def __iter__(self):
        return iter(range(3))


class Stream(IterableDataset):
    def __iter__(self):
        return iter([])


SERVED = AddressedDataset(Numbers(), drawn)
REFUSED = {
    "twice": (lambda: AddressedSampler(AddressedSampler("ab")), TypeError, "addressed already, .*use it as it is"),
    "loader": (lambda: AddressedSampler(DataLoader(Told())), TypeError, "got DataLoader; take its data set"),
    "stream": (lambda: AddressedSampler(Stream()), TypeError, "got Stream; take AddressedStream"),
    "unsized sampler": (
        lambda: AddressedSampler(Endless()),
        TypeError,
        "with a length, got Endless; give it a __len__",
    ),
    "generator": (lambda: AddressedSampler(i for i in range(3)), TypeError, "with a length, got generator"),
    "number": (lambda: AddressedSampler(3), TypeError, "must be a data set or a sampler with a length, got int"),
    "shuffled": (
        lambda: AddressedSampler(SequentialSampler("ab"), shuffle=True),
        ValueError,
        "shuffle must be False around a sampler",
    ),
    "batches": (
        lambda: list(AddressedSampler(BatchSampler(SequentialSampler("abcd"), 2, False))),
        TypeError,
        r"must give integers, got \[0, 1\]",
    ),
    "seed": (lambda: AddressedSampler("ab", seed=-1), ValueError, "seed must be an integer"),
    "epoch": (lambda: AddressedSampler("ab").set_epoch(1.0), TypeError, "epoch must be an integer"),
    "part": (
        lambda: AddressedSampler(Subset(SERVED, [1, 2])),
        TypeError,
        r"must not be inside Subset, .*turn them round: AddressedDataset\(Subset\(",
    ),
    "part of a part": (lambda: AddressedSampler(Subset(Subset(SERVED, [1, 2]), [0])), TypeError, "inside Subset"),
    "chain": (lambda: AddressedSampler(ConcatDataset([SERVED, SERVED])), TypeError, "inside ConcatDataset"),
    "part, shared out": (
        lambda: AddressedSampler(DistributedSampler(Subset(SERVED, [1, 2]), 2, 0)),
        TypeError,
        "inside Subset",
    ),
    "part, at random": (lambda: AddressedSampler(RandomSampler(Subset(SERVED, [1, 2]))), TypeError, "inside Subset"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_lose_an_address_is_refused(case):
    make, error, words = REFUSED[case]
    with pytest.raises(error, match=words):
        make()


def test_parts_inside_an_addressed_data_set_are_as_they_should_be():
    part = AddressedDataset(Subset(Numbers(), [4, 9]), drawn)
    assert [row[0] for row in columns(DataLoader(part, 2, sampler=AddressedSampler(part)))] == [4, 9]
    assert len(AddressedSampler(ConcatDataset([part, Numbers()]).datasets[0])) == 2


# ---- resumes -------------------------------------------------------------------------------------------------------

SAMPLERS = {
    "shuffled": lambda: AddressedSampler(Told(), shuffle=True, seed=1),
    "in order": lambda: AddressedSampler(Told()),
    "random": lambda: AddressedSampler(RandomSampler(Told(), replacement=True, num_samples=24)),
    "distributed": lambda: AddressedSampler(DistributedSampler(range(48), 2, 1)),
}


@pytest.mark.parametrize("kind", SAMPLERS)
@pytest.mark.parametrize("position", [0, 1, 10, 24])
def test_a_pass_goes_on_where_it_was(kind, position):
    sampler = SAMPLERS[kind]()
    sampler.set_epoch(7)
    run = iter(sampler)
    taken = [next(run) for _ in range(position)]
    state = json.loads(json.dumps(run.state_dict()))
    rest = passed(run)
    again = SAMPLERS[kind]()
    other = iter(again)
    other.load_state_dict(state)
    assert passed(other) == rest
    assert len(taken) + len(rest) == 24
    assert passed(again) == passed(sampler)
    assert again.epoch == 8


def test_an_order_that_does_not_repeat_is_refused():
    def make():
        return AddressedSampler(RandomSampler(Told(), generator=torch.Generator().manual_seed(0)))

    sampler = make()
    passed(sampler)
    run = iter(sampler)
    next(run)
    with pytest.raises(ValueError, match=r"order of epoch 1 must be the one .* got .* from <.*RandomSampler"):
        iter(make()).load_state_dict(run.state_dict())
    run = iter(AddressedSampler(Told(), shuffle=True, seed=1))
    next(run)
    for other in (AddressedSampler(Told(), shuffle=True), AddressedSampler(Told()), AddressedSampler(Told(23))):
        with pytest.raises(ValueError, match="wrap the data set of then, with seed and shuffle"):
            iter(other).load_state_dict(run.state_dict())


@pytest.mark.parametrize("state", [None, {}, {"epoch": 1}, {"samples_yielded": 3}])
def test_what_is_no_state_is_named(state):
    with pytest.raises(ValueError, match=r"state must have epoch, position and order, got .*state_dict\(\) gave"):
        iter(AddressedSampler("ab")).load_state_dict(state)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning:torchdata")
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", SAMPLERS)
@pytest.mark.parametrize("batches", [0, 2, 5, 6])
def test_torchdatas_loader_goes_on_in_mid_epoch(kind, workers, batches):
    """The oracle is the run that was not stopped: the rest of its epoch, and the epoch after."""
    stateful = pytest.importorskip("torchdata.stateful_dataloader").StatefulDataLoader
    sampler = SAMPLERS[kind]()
    loader = stateful(Told(48), 4, sampler=sampler, num_workers=workers)
    sampler.set_epoch(7)
    run = iter(loader)
    taken = columns(islice(run, batches))
    state = loader.state_dict()
    rest, after = columns(run), columns(loader)
    assert {epoch for _, epoch, _ in after} == {8}
    again = stateful(Told(48), 4, sampler=SAMPLERS[kind](), num_workers=workers)
    again.load_state_dict(state)
    assert columns(again) == rest
    assert len(taken) + len(rest) == 24
    assert columns(again) == after
