"""The documentation's table of linear protocols is the code's."""

from __future__ import annotations

from pathlib import Path

import pytest
from trainer.evaluation.protocols import FINE_TUNING, PROTOCOLS, asked

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "evaluate.md"
LINES = [line.split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.count(" | ") == 5]
ROWS = {line[0].strip("| `"): [cell.strip(" |") for cell in line[2:]] for line in LINES[2:]}


def test_every_protocol_has_a_row():
    assert list(ROWS) == list(PROTOCOLS)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_the_row_says_what_the_code_does(name):
    of = PROTOCOLS[name]
    epochs, batch, rate, schedule = ROWS[name]
    rates, _, per = rate.partition(" for ")
    assert (int(epochs), int(batch)) == (of.epochs, of.batch)
    assert tuple(map(float, rates.split(", "))) == of.rates
    assert (int(per) if per else None) == of.rate_batch
    factors = [of.rate(epoch, of.epochs) for epoch in range(of.epochs + 1)]
    if schedule == "cosine":
        assert (factors[0], factors[of.epochs // 2]) == (1, pytest.approx(0.5))
        assert factors[-1] == pytest.approx(0)
    elif schedule.startswith("exponential to "):
        assert of.rates[0] * factors[-1] == pytest.approx(float(schedule.split()[-1]))
        assert factors[1] / factors[0] == pytest.approx(factors[-1] / factors[-2])
    else:
        falls = [e for e in range(1, of.epochs + 1) if factors[e] == pytest.approx(0.1 * factors[e - 1])]
        shares = schedule.removeprefix("a tenth at ").replace(" %", "").split(", ")
        assert falls == [pytest.approx(of.epochs * float(share) / 100, abs=0.51) for share in shares]


def test_rates_stand_as_they_are_asked_for_and_the_mean_of_the_classes_chooses_where_it_is_told():
    mocov3, scorecl = PROTOCOLS["mocov3"], PROTOCOLS["scorecl"]
    assert asked(mocov3) is mocov3
    assert asked(mocov3, [], per_class=True) == mocov3
    rates = asked(mocov3, [3.0, 1.0])
    assert (rates.rates, rates.rate_batch) == ((3.0, 1.0), None)
    assert scorecl.metrics == ("top-1", "top-5", "mean per class")
    assert asked(scorecl, per_class=True).metrics == ("mean per class", "top-1", "top-5")
    assert asked(FINE_TUNING["simclr-transfer"], per_class=True).metrics == ("mean per class", "top-1")
