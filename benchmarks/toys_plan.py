"""What the comparisons on the toys could show: two looks, their bounds, and the power, by simulation.

    python benchmarks/toys_plan.py --write      # a minute of one core; results/toys/power.json, which PLAN.md cites

Two arms of unpaired normal values are looked at after 8 and after 16 seeds each; a look stops the comparison when
Welch's t, as a normal quantile of the same tail, passes its bound. The bounds are O'Brien and Fleming's (1979,
"A multiple testing procedure for clinical trials") for two equal looks: c sqrt(2) and c, with c such that together they
raise 5 % of false alarms.
"""

from __future__ import annotations

import argparse
import json
import math
from typing import Any

import numpy as np
from interleaved import RESULTS
from scipy import optimize, stats

LOOKS = (8, 16)  # seeds of an arm
ALPHA = 0.05
DEVIATIONS, EFFECTS = (2.0, 3.0, 5.0), (0.0, 2.0, 3.0, 5.0)  # over seeds; of an arm, in points
TRIALS = 20_000


def false_alarms(c: float) -> float:
    """Of two looks at bounds ``c sqrt(2)`` and ``c``: the second statistic holds half of its data in the first."""
    first, last = c * math.sqrt(2), c
    both = stats.multivariate_normal([0, 0], [[1, math.sqrt(0.5)], [math.sqrt(0.5), 1]])
    inside = both.cdf([first, last], lower_limit=[-first, -last])
    return float(1 - inside)


def bounds(alpha: float = ALPHA) -> tuple[float, float]:
    """Of the normal statistic at the two looks."""
    c = float(optimize.brentq(lambda c: false_alarms(c) - alpha, 1.5, 3.0, xtol=1e-6))
    return c * math.sqrt(2), c


def power(deviation: float, effect: float, *, trials: int = TRIALS, seed: int = 0) -> dict[str, float]:
    """How often a difference is found, at the first look and at all."""
    chance = np.random.default_rng(seed)
    a = chance.normal(0.0, deviation, (trials, LOOKS[-1]))
    b = chance.normal(effect, deviation, (trials, LOOKS[-1]))
    found = []
    for seeds, bound in zip(LOOKS, bounds(), strict=True):
        tail = stats.ttest_ind(a[:, :seeds], b[:, :seeds], axis=1, equal_var=False).pvalue
        found.append(tail < 2 * stats.norm.sf(bound))
    return {"first look": float(found[0].mean()), "either": float((found[0] | found[1]).mean())}


def main() -> None:
    """Simulate, print, and with --write save."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    cells: list[dict[str, Any]] = [
        {"deviation": deviation, "effect": effect, **power(deviation, effect)}
        for deviation in DEVIATIONS
        for effect in EFFECTS
    ]
    result = {"looks": LOOKS, "alpha": ALPHA, "bounds": bounds(), "trials": TRIALS, "power": cells}
    print(json.dumps(result, indent=1))
    if arguments.write:
        (RESULTS / "toys").mkdir(parents=True, exist_ok=True)
        (RESULTS / "toys" / "power.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
