"""How hard is a pair of views? Measures of pairs and of the policies that make them.

* `geometry`: what a crop policy realises, from its parameters alone;
* `sdf`: how similar an encoder finds the pairs of a policy, and of which pairs that holds;
* ``score``: score matching, and how far apart the scores of two views are (ScoreCL's weights);
* ``measures``: the rivals of that weight: random, pixels, saliency, LPIPS.
"""

from ._geometry import CropGeometry, Distance, Measured, box_measures, geometry
from ._measures import LPIPSWeight, PairWeight, PixelWeight, RandomWeight, SaliencyWeight, spectral_residual
from ._score import (
    ScoreNetwork,
    ScoreWeight,
    checked_scales,
    dsm_errors,
    dsm_loss,
    noise_scales,
    train_score,
)
from ._sdf import Bin, Comparison, Estimate, PolicySDF, sdf

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
