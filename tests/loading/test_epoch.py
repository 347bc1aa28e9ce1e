"""An epoch that processes share."""

from __future__ import annotations

import multiprocessing
import warnings

import pytest

from jointaug.loading._epoch import SharedEpoch


def set_to(epoch, value):
    assert epoch.epoch == 3
    epoch.set(value)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        epoch.warn_once("in the other process")
    assert len(said) == 1


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_share_the_epoch_and_what_was_said(method):
    epoch = SharedEpoch(3)
    assert not epoch.told
    other = multiprocessing.get_context(method).Process(target=set_to, args=(epoch, 8))
    other.start()
    other.join()
    assert other.exitcode == 0
    assert (epoch.epoch, epoch.told) == (8, True)
    epoch.warn_once("in this one")  # warnings are errors in tests: it is silent


def test_a_warning_comes_once():
    epoch = SharedEpoch()
    with pytest.warns(UserWarning, match="the words"):
        epoch.warn_once("the words")
    epoch.warn_once("the words")


@pytest.mark.parametrize(
    ("value", "error"), [(-1, ValueError), (2**32, ValueError), (0.5, TypeError), ("a", TypeError)]
)
def test_it_is_an_address_epoch(value, error):
    epoch = SharedEpoch(3)
    with pytest.raises(error, match="epoch must be an integer"):
        epoch.set(value)
    assert (epoch.epoch, epoch.told) == (3, False)
