"""Streams: a sample's views are its key's, whatever brought it."""

from __future__ import annotations

import random
from hashlib import blake2b

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info
from torchvision import tv_tensors

from jointaug import Address, AddressedDataset, AddressedStream, JointCrop, Views, fuse, views_at

from .cases import Numbers, drawn

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")  # a machine may have one core

KEYS = [f"shard-{k // 5}/{k:02}" for k in range(20)]


def number(sample):
    return sample["__key__"], torch.rand((), dtype=torch.float64).item()


class Shards:
    """A stream as WebDataset's: each worker reads shards of its own, in an order of the pass's own."""

    def __init__(self, keys=KEYS, order=None):
        self.keys = keys
        self.order = order

    def __iter__(self):
        worker = get_worker_info()
        first, step = (worker.id, worker.num_workers) if worker else (0, 1)
        keys = list(self.keys)[first::step]
        if self.order is not None:
            random.Random(self.order).shuffle(keys)
        return ({"__key__": key} for key in keys)


def stream(iterable=None, **options):
    return AddressedStream(
        Shards() if iterable is None else iterable, number, **{"key": "__key__", "seed": 3, **options}
    )


def by_hand(epoch, keys=KEYS):
    """The definition: the address's index is 63 bits of the key's BLAKE2b hash."""

    def index(key):
        return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "little") // 2

    return {key: views_at(number, Address(3, epoch, index(key)), {"__key__": key})[1] for key in keys}


def test_views_are_those_of_the_keys_address():
    assert dict(stream()) == by_hand(0)
    assert dict(stream(epoch=4)) == by_hand(4)
    assert by_hand(0) != by_hand(4)


@pytest.mark.parametrize("order", [None, 1, 2])
@pytest.mark.parametrize("workers", [0, 1, 3])
def test_neither_order_nor_workers_change_a_view(order, workers):
    assert dict(DataLoader(stream(Shards(order=order)), None, num_workers=workers)) == by_hand(0)


def test_views_stay():
    """No version of Python, and no process's hash seed, changes the number of a key."""
    assert stream().index({"__key__": "n01440764/10026"}) == 9039553776173492107
    assert stream().index({"__key__": ""}) == 6510301506637419378


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_running_workers_see_the_next_epoch(method):
    served = stream()
    workers = {"num_workers": 1 + (method == "fork"), "multiprocessing_context": method}
    loader = DataLoader(served, None, persistent_workers=True, **workers)
    for epoch in (0, 1, 5):
        served.set_epoch(epoch)
        assert served.epoch == epoch
        assert dict(loader) == by_hand(epoch)


def test_a_streams_own_epoch_is_set_too():
    """Hugging Face's streams shuffle by it; in a worker it is set again, for streams that share no memory."""

    class Shuffles(Shards):
        heard = ()

        def set_epoch(self, epoch):
            self.heard = (*self.heard, epoch)

    inner = Shuffles()
    served = stream(inner)
    served.set_epoch(6)
    assert inner.heard == (6,)
    next(iter(served))
    assert inner.heard == (6, 6)


@pytest.mark.parametrize("key", [0, 7, 2**63 - 1, np.int64(7), np.uint64(2**63 - 1), torch.tensor(7)], ids=repr)
def test_integers_are_their_own_index(key):
    assert stream().index({"__key__": key}) == int(key)
    served = AddressedStream([{"id": 5, "x": 1.0}], lambda sample: torch.rand(()), key="id", seed=3)
    assert next(iter(served)) == views_at(lambda _: torch.rand(()), Address(3, 0, 5), None)
    assert served.address({"id": key}, epoch=2, draw=1).index == int(key)


def test_a_sample_is_a_dict_as_v2_takes_it():
    images = torch.rand(4, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    samples = [{"__key__": str(k), "jpg": tv_tensors.Image(image), "cls": k} for k, image in enumerate(images)]
    crop = JointCrop(12)
    served = AddressedStream(samples, crop, key="__key__", seed=3)
    for sample, views in zip(samples, served, strict=True):
        expected = views_at(crop, served.address(sample, epoch=0), sample)
        assert isinstance(views, Views)
        assert all(torch.equal(a["jpg"], b["jpg"]) for a, b in zip(views, expected, strict=True))
        assert [view["cls"] for view in views] == [sample["cls"]] * 2
    (first, second) = next(iter(DataLoader(AddressedStream(samples, crop, key="__key__", seed=3), 4)))
    assert first["jpg"].shape == second["jpg"].shape == (4, 3, 12, 12)
    assert first["cls"].tolist() == [0, 1, 2, 3]


def test_a_fused_pipeline_gives_what_the_pipeline_gives():
    images = torch.rand(3, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    samples = [{"__key__": str(k), "jpg": tv_tensors.Image(image), "cls": k} for k, image in enumerate(images)]
    crop = JointCrop(12)
    fused = AddressedStream(samples, fuse(crop), key="__key__", seed=3)
    for views, others in zip(fused, AddressedStream(samples, crop, key="__key__", seed=3), strict=True):
        for view, other in zip(views, others, strict=True):
            assert (view["__key__"], view["cls"]) == (other["__key__"], other["cls"])
            torch.testing.assert_close(torch.as_tensor(view["jpg"]), torch.as_tensor(other["jpg"]), rtol=0, atol=1e-6)


def test_what_comes_again_has_draws_of_its_own_if_that_is_said():
    served = stream(Shards(["a", "b", "a", "a"]), repeats=True)
    rows = list(served)
    assert len({u for _, u in rows}) == 4
    assert rows[0] == next(iter(stream(Shards(["a"]))))
    served.set_epoch(0)
    assert list(served) == rows, "counted from the start of each pass"
    address = served.address({"__key__": "a"}, epoch=0, draw=2)
    assert rows[3] == views_at(number, address, {"__key__": "a"})


def test_a_pass_without_its_epoch_is_told_once():
    served = stream()
    list(served)
    with pytest.warns(UserWarning, match=r"begun again in epoch 0, with the same views; call set_epoch") as said:
        list(served)
    assert len(said) == 1
    list(served)


def test_workers_that_read_again_are_told():
    served = stream()
    list(DataLoader(served, None, num_workers=2))
    with pytest.raises(UserWarning, match="begun again in epoch 0"):  # a warning is an error here
        list(DataLoader(served, None, num_workers=2))


def test_a_stream_that_every_worker_reads_as_a_whole_is_refused():
    whole = [{"__key__": key} for key in KEYS]
    loader = DataLoader(stream(whole), None, num_workers=2)
    with pytest.raises(ValueError, match=r"a part of the stream of its own, .*in two of 2.*get_worker_info"):
        list(loader)
    assert dict(DataLoader(stream(whole), None, num_workers=1)) == by_hand(0)


class Loose(IterableDataset):
    def __iter__(self):
        return iter([{"__key__": "a"}])


CROPS = {"__key__": "a", "jpg": Views([torch.zeros(3, 4, 4)] * 2)}
REFUSED = {
    "no dict": (lambda: list(stream([("a", 1)])), TypeError, "must be a dict with its key in '__key__', got tuple"),
    "no key": (lambda: list(stream([{"jpg": 1, "url": 2}])), ValueError, r"its key in '__key__', got \['jpg', 'url'\]"),
    "float": (lambda: list(stream([{"__key__": 1.0}])), TypeError, r"a string or an integer, got 1.0 .*write str\(key"),
    "bytes": (lambda: list(stream([{"__key__": b"a"}])), TypeError, "a string or an integer, got b'a' of type bytes"),
    "none": (lambda: list(stream([{"__key__": None}])), TypeError, "a string or an integer, got None"),
    "bool": (lambda: list(stream([{"__key__": True}])), TypeError, "a string or an integer, got True"),
    "negative": (lambda: list(stream([{"__key__": -1}])), ValueError, r"in \[0, 2\*\*63\), got -1"),
    "large": (lambda: list(stream([{"__key__": 2**63}])), ValueError, r"in \[0, 2\*\*63\), got 9223372036854775808"),
    "twice": (lambda: list(stream(Shards(["a", "b", "a"]))), ValueError, "must be unique, got 'a' twice in '__key__'"),
    "views": (lambda: list(stream([CROPS])), TypeError, "no views yet, got Views in the sample 'a'"),
    "key=3": (lambda: stream(key=3), TypeError, "key must be the name of an entry, got 3; write key='__key__'"),
    "iterator": (
        lambda: stream(iter([1])),
        TypeError,
        "each pass begins anew .*got list_iterator; for an iterator give",
    ),
    "text": (lambda: stream("ab"), TypeError, "each pass begins anew .*got str"),
    "number": (lambda: stream(3), TypeError, "each pass begins anew .*got int"),
    "again": (lambda: stream(stream()), TypeError, "without views, got AddressedStream; take what is in it"),
    "data set": (lambda: stream(AddressedDataset(Numbers(), drawn)), TypeError, "without views, got AddressedDataset"),
    "loader": (lambda: stream(DataLoader(Loose())), TypeError, "without views, got DataLoader"),
    "pipeline": (lambda: AddressedStream(Loose(), JointCrop, key="a"), TypeError, r"call it: JointCrop\(\.\.\.\)"),
    "seed": (lambda: stream(seed=-1), ValueError, "seed must be an integer"),
    "epoch": (lambda: stream(epoch=0.5), TypeError, "epoch must be an integer"),
    "set_epoch": (lambda: stream().set_epoch(-1), ValueError, "epoch must be an integer"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_no_address_is_named(case):
    make, error, words = REFUSED[case]
    with pytest.raises(error, match=words):
        make()


def test_a_key_is_asked_for():
    with pytest.raises(TypeError, match="key"):
        AddressedStream(Loose(), number)
