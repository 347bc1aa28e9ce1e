"""Draws of crops for many images at once, the images, and what they are held against."""

from __future__ import annotations

import math

import numpy as np
import PIL.Image
import torch
from scipy import stats

FAILURE_RATE = 1e-6  # of each statistical test; seeds are fixed


N = 100_000


SIZES = [(375, 500), (360, 640), (500, 375), (96, 96)]  # (height, width)


def ks_bound(n, failure_rate=FAILURE_RATE):
    """What a correct sampler exceeds with this probability (DKW inequality; Massart 1990)."""
    return math.sqrt(math.log(2 / failure_rate) / (2 * n))


def ks(values, cdf):
    return stats.kstest(np.asarray(values), cdf).statistic


def rows(crop, n=N, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return list(torch.rand(crop.row_width, n, dtype=torch.float64, generator=generator).clamp(min=1e-12))


def log_ratio(areas):
    return (areas[1] / areas[0]).log()


IMAGES = {
    "uint8": lambda: torch.randint(0, 256, (3, 50, 70), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)),
    "float": lambda: torch.rand(3, 50, 70, generator=torch.Generator().manual_seed(0)),
    "batch": lambda: torch.rand(2, 3, 50, 70, generator=torch.Generator().manual_seed(0)),
    "PIL": lambda: PIL.Image.fromarray(
        torch.randint(0, 256, (50, 70, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)).numpy()
    ),
}
