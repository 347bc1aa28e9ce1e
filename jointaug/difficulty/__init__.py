"""How hard is a pair of views? Measures of pairs and of the policies that make them.

* `geometry`: what a crop policy realises, from its parameters alone;
* `sdf`: how similar an encoder finds the pairs of a policy, and of which pairs that holds.
"""

from .geometry import CropGeometry, Distance, Measured, box_measures, geometry
from .sdf import Bin, Comparison, Estimate, PolicySDF, sdf

__all__ = [
    "Bin",
    "Comparison",
    "CropGeometry",
    "Distance",
    "Estimate",
    "Measured",
    "PolicySDF",
    "box_measures",
    "geometry",
    "sdf",
]
