"""What check_transform returns: a mapping that prints as a table."""

from __future__ import annotations

import dataclasses

import pytest

from jointaug.testing import Contract, Promise

FOUND = {
    "inputs": Promise(True, 0.0, "no value changes"),
    "executors": Promise(False, 0.5, "views differ", "say the same"),
    "size": Promise(None, None, "not asked"),
}


def test_it_is_a_mapping_of_promises():
    contract = Contract(FOUND)
    assert dict(contract) == FOUND
    assert len(contract) == 3
    assert contract["executors"].measured == 0.5
    assert contract.broken == ["executors"]


def test_it_prints_as_a_table():
    assert repr(Contract(FOUND)).splitlines() == [
        "inputs     kept    no value changes",
        "executors  broken  views differ",
        "size       -       not asked",
    ]
    assert repr(Contract({})) == ""


def test_a_promise_stays_as_it_was_found():
    with pytest.raises(dataclasses.FrozenInstanceError):
        FOUND["inputs"].held = False
