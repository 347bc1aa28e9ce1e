"""What the page on beta moves: JointCrop's law and its pairs at fixed addresses, for every stop of the slider.

Written as a script, since a page that is opened from a file may not fetch.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import torch
from drawing import toy
from PIL import Image

from jointaug import Address, JointCrop
from jointaug.distributions import JointLogRatio

BETAS = [k / 2 for k in range(-8, 9)]
TOYS = (4, 29, 23)
SIZE, LOW, HIGH = 320, 0.2, 1.0


def data() -> dict[str, Any]:
    """Densities at 101 log ratios, tails, and boxes (left, top, width, height) of each toy's pair, for every beta."""
    u = (
        torch.linspace(-1, 1, 101, dtype=torch.float64)
        * math.log(HIGH / LOW)
        * (1 - 1e-9)
    )
    stops = []
    for beta in BETAS:
        law, crop = (
            JointLogRatio(beta, LOW, HIGH),
            JointCrop(128, scale=(LOW, HIGH), beta=beta),
        )
        pairs = []
        for index in TOYS:
            row = Address(seed=2, epoch=0, index=index).row(crop.row_width)
            boxes = crop.params_from_uniform(row, [(SIZE, SIZE)] * 2)["box"]
            pairs.append(
                [[left, top, width, height] for top, left, height, width in boxes]
            )
        density = [round(float(p), 4) for p in law.log_prob(u).exp()]
        stops.append(
            {
                "beta": beta,
                "density": density,
                "tail": round(float(law.tail(2.0)), 4),
                "pairs": pairs,
            }
        )
    return {
        "u": [round(float(x), 4) for x in u],
        "size": SIZE,
        "toys": [f"beta-{k}.png" for k in TOYS],
        "stops": stops,
    }


def write(folder: Path) -> None:
    """Write ``beta.js`` and the toys that it cuts from."""
    for index in TOYS:
        Image.fromarray(toy(index, SIZE).permute(1, 2, 0).numpy()).save(
            folder / f"beta-{index}.png"
        )
    (folder / "beta.js").write_text(
        f"const BETA = {json.dumps(data())};\n", encoding="utf-8"
    )
