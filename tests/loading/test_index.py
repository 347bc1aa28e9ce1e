"""An index that carries its epoch is the plain integer to everything else."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset, StackDataset

from jointaug.loading import AddressedIndex
from jointaug.loading._index import as_integer, carrying

INDEX = AddressedIndex(3, epoch=7, draw=2)


def told(index):
    return int(index), index.epoch, index.draw


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_it_pickles_and_copies(protocol):
    for made in (pickle.loads(pickle.dumps(INDEX, protocol)), copy.copy(INDEX), copy.deepcopy([INDEX])[0]):
        assert type(made) is AddressedIndex
        assert told(made) == (3, 7, 2)


def test_it_indexes_whatever_an_integer_does():
    letters = list("abcdef")
    assert letters[INDEX] == "d"
    assert np.arange(9)[INDEX] == torch.arange(9)[INDEX] == range(9)[INDEX] == 3
    assert {3: "d"}[INDEX] == "d"
    assert ConcatDataset([letters[:2], letters[2:]])[INDEX] == "d"
    assert StackDataset(letters, letters)[INDEX] == ("d", "d")
    assert f"{INDEX}.png" == "3.png"
    assert str(INDEX) == repr(INDEX) == "3"
    assert INDEX == 3
    assert hash(INDEX) == hash(3)


def test_arithmetic_gives_plain_integers():
    """So what offsets an index (ConcatDataset) or looks it up (Subset) drops the epoch, and the data set can tell."""
    assert type(INDEX + 0) is type(INDEX % 9) is int


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"index": -1, "epoch": 0}, ValueError, r"index must be an integer in \[0, 2\*\*63\), got -1"),
        ({"index": 0, "epoch": 2**32}, ValueError, r"epoch must be an integer in \[0, 2\*\*32\), got 4294967296"),
        ({"index": 0, "epoch": 0, "draw": -1}, ValueError, "draw must be an integer"),
        ({"index": "a", "epoch": 0}, TypeError, "index must be an integer .* got 'a' of type str"),
        ({"index": 0.0, "epoch": 0}, TypeError, "index must be an integer .* got 0.0"),
    ],
)
def test_wrong_values_are_named(arguments, error, words):
    with pytest.raises(error, match=words):
        AddressedIndex(**arguments)


def test_numpys_integers_are_taken_as_pythons():
    made = AddressedIndex(np.int64(3), epoch=np.int32(7), draw=np.uint8(2))
    assert told(made) == told(carrying(3, 7, 2))
    assert {type(made.epoch), type(made.draw)} == {int}


INTEGERS = [3, np.int16(3), torch.tensor(3), np.array(3), INDEX]
OTHERS = [True, np.True_, torch.tensor(True), 3.0, "3", None, [3], torch.tensor([3])]


@pytest.mark.parametrize(("value", "expected"), [*((v, 3) for v in INTEGERS), *((v, None) for v in OTHERS)], ids=repr)
def test_what_is_one_integer(value, expected):
    assert as_integer(value) == expected
    assert type(as_integer(value)) is type(expected)
