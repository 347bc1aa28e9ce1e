"""How hard is a pair of views? Measures of pairs and of the policies that make them.

* `geometry`: what a crop policy realizes, from its parameters alone;
* `sdf`: how similar an encoder finds the pairs of a policy, and of which pairs that holds;
* `ScoreNetwork`, `train_score`: score matching, and `ScoreWeight`, how far apart the scores of two views are (ScoreCL);
* the rivals of that weight: `RandomWeight`, `PixelWeight`, `SaliencyWeight`, `LPIPSWeight`.
"""

from .._exports import claim as _claim
from ._boxes import box_measures
from ._estimates import Distance, Estimate, Measured
from ._geometry import CropGeometry, geometry
from ._lpips import LPIPSWeight
from ._matching import checked_scales, dsm_errors, dsm_loss, noise_scales
from ._network import ScoreNetwork
from ._results import Bin, Comparison, PolicySDF
from ._saliency import SaliencyWeight, spectral_residual
from ._score_weight import ScoreWeight
from ._sdf import sdf
from ._training import train_score
from ._weights import PairWeight, PixelWeight, RandomWeight

__all__ = [
    "Bin",
    "Comparison",
    "CropGeometry",
    "Distance",
    "Estimate",
    "LPIPSWeight",
    "Measured",
    "PairWeight",
    "PixelWeight",
    "PolicySDF",
    "RandomWeight",
    "SaliencyWeight",
    "ScoreNetwork",
    "ScoreWeight",
    "box_measures",
    "checked_scales",
    "dsm_errors",
    "dsm_loss",
    "geometry",
    "noise_scales",
    "sdf",
    "spectral_residual",
    "train_score",
]

_claim(__name__, globals())
