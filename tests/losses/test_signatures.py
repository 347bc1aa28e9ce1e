"""One order of arguments in losses and neighbors: operands first, options by keyword, the same names in one order."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from itertools import combinations

import pytest

from jointaug import losses, neighbors


def public_calls() -> Iterator[tuple[str, Callable[..., object]]]:
    for module in (losses, neighbors):
        for name in module.__all__:
            value = getattr(module, name)
            if not callable(value) or (inspect.isclass(value) and issubclass(value, tuple)):
                continue  # results are tuples, whose fields are data
            yield f"{module.__name__.split('.')[-1]}.{name}", value
            if inspect.isclass(value):
                methods = inspect.getmembers(value, inspect.isfunction)
                own = [(n, m) for n, m in methods if m.__module__.startswith("jointaug") and not n.startswith("_")]
                yield from ((f"{value.__name__}.{method}", call) for method, call in own)


CALLS = dict(public_calls())


@pytest.mark.parametrize("name", CALLS)
def test_what_is_optional_goes_by_keyword(name):
    """But for an operand: one last tensor (or a dictionary of them) that may be left out, `reduce`'s weight say."""
    parameters = inspect.signature(CALLS[name]).parameters.values()
    free = [p for p in parameters if p.default is not p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    assert len(free) <= 1
    for parameter in free:
        assert "Tensor" in str(parameter.annotation), f"{parameter.name} could be taken for another number"


def test_a_name_that_two_share_stands_in_one_order():
    order: dict[tuple[str, str], str] = {}
    for name, call in CALLS.items():
        options = [p.name for p in inspect.signature(call).parameters.values() if p.kind is p.KEYWORD_ONLY]
        for pair in combinations(options, 2):
            assert pair[::-1] not in order, f"{name} has {pair}, {order[pair[::-1]]} the other way round"
            order.setdefault(pair, name)
    assert order["tau", "m"], "the pair that was swapped"


def test_the_walk_sees_losses_samplers_and_methods():
    assert {"losses.margin_nce", "neighbors.knn", "MemoryBank.negatives", "Queue.enqueue"} < set(CALLS)
