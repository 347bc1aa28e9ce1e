"""For tests of samplers and pipelines, yours as ours: checks with a stated false-alarm rate, hypothesis strategies.

A statistical check fails now and then on a correct sampler. Each check here says how often at most: in a share
``failure_rate`` of runs, one in a million by default, for every number of samples (no asymptotics). Fix the seed too,
and a test that passed once passes always.

==================== ======================================================== ==========================================
check                question                                                 bound
==================== ======================================================== ==========================================
`assert_follows`     do samples follow this law?                              Kolmogorov-Smirnov distance; Massart 1990
`assert_same_law`    do two samplers follow one law?                          the same, for each of the two
`assert_rate`        does it happen as often as ``p`` says?                   exact binomial tails
`assert_independent` does knowing x tell anything about y?                    exact hypergeometric tails of rank splits
==================== ======================================================== ==========================================

Each returns what it measured (`Fit`, `Rate`, `Independence`): how much of what was allowed was ``used``.

`check_transform` asks a whole transform or pipeline fifteen questions, and returns what it measured.

The strategies (`images`, `samples`, `laws`, `joint_policies`) are for hypothesis; this module needs the extra
``jointaug[testing]``.
"""

from __future__ import annotations

from .._exports import claim as _claim

try:
    import hypothesis  # noqa: F401
except ModuleNotFoundError as error:  # pragma: no cover
    raise ModuleNotFoundError(
        "jointaug.testing needs hypothesis, which is not installed; pip install 'jointaug[testing]'", name="hypothesis"
    ) from error

from ._contract import Contract, Promise
from ._distance import assert_follows, assert_same_law
from ._findings import Fit, Independence, Rate
from ._images import COLOR_DTYPES, COLOR_MODES, DTYPES, KINDS, PIL_MODES, images
from ._independence import assert_independent
from ._laws import betas, laws, log_ratio_laws, pair_laws
from ._policies import joint_policies
from ._rate import assert_rate
from ._samples import samples
from ._transform import check_transform

__all__ = [
    "COLOR_DTYPES",
    "COLOR_MODES",
    "DTYPES",
    "KINDS",
    "PIL_MODES",
    "Contract",
    "Fit",
    "Independence",
    "Promise",
    "Rate",
    "assert_follows",
    "assert_independent",
    "assert_rate",
    "assert_same_law",
    "betas",
    "check_transform",
    "images",
    "joint_policies",
    "laws",
    "log_ratio_laws",
    "pair_laws",
    "samples",
]

_claim(__name__, globals())
