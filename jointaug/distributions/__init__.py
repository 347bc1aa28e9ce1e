"""Laws of the parameters of two views: of their log ratio, and of the pair.

Every law keeps torch.distributions' contract, and maps a fixed number of uniforms to a draw (``from_uniform``), so that
any generator on any device can drive it.
"""

from .._exports import claim as _claim
from ._law import Law
from ._log_ratio import IndependentLogRatio, JointLogRatio, LogRatioLaw
from ._pairs import DecoupledPair, FixedRatioPair, IndependentPair, JointPair, PairLaw

__all__ = [
    "DecoupledPair",
    "FixedRatioPair",
    "IndependentLogRatio",
    "IndependentPair",
    "JointLogRatio",
    "JointPair",
    "Law",
    "LogRatioLaw",
    "PairLaw",
]

_claim(__name__, globals())
