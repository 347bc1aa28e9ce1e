"""Pictures of pairs, laws, neighbors and clusters; they need the extra ``jointaug[plot]`` (matplotlib).

Every function draws on what it is given, ``ax=`` if it fills one panel and ``figure=`` if it makes several, or on a new
figure that belongs to nobody (no pyplot, no window, no change of matplotlib's settings), and returns what it drew on:
``plot_pairs(...).savefig("pairs.png")``, ``plot_joint_density(law).figure.savefig("law.png")``.
"""

from .._exports import claim as _claim
from ._difficulty import plot_sdf
from ._figures import COLORS
from ._laws import plot_joint_density, plot_log_ratio_densities, plot_log_ratio_histogram
from ._neighbors import plot_cluster_sizes, plot_neighbors
from ._pairs import plot_pairs

__all__ = [
    "COLORS",
    "plot_cluster_sizes",
    "plot_joint_density",
    "plot_log_ratio_densities",
    "plot_log_ratio_histogram",
    "plot_neighbors",
    "plot_pairs",
    "plot_sdf",
]

_claim(__name__, globals())
