"""The pictures of this documentation, drawn by the library itself from rendered toys.

    python docs/pictures.py             # all of them, into docs/_static/generated, as the documentation's build does
    python docs/pictures.py --readme    # and docs/_static/pairs.png, which the README shows and the repository keeps

A picture that carries the name of a transform stands in that transform's reference. Every draw comes from an address,
so a picture changes only when the library does. Each has a twin for dark pages.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import law_pictures as law
import matplotlib as mpl
import page_pictures as page
import transform_pictures as transform
from drawing import DOCS, GROUNDS, legible, themed
from matplotlib.figure import Figure
from PIL import Image

PICTURES: dict[str, Callable[[], Figure]] = {
    "JointCrop": transform.joint_crop,
    "JointBlur": transform.joint_blur,
    "JointColor": transform.joint_color,
    "UncroppedView": transform.uncropped_view,
    "MultiResolution": transform.multi_resolution,
    "ContrastiveCrop": transform.contrastive_crop,
    "MultiView": transform.multi_view,
    "PerView": transform.per_view,
    "Shared": transform.shared,
    "JointLogRatio": law.joint_log_ratio,
    "IndependentLogRatio": law.independent_log_ratio,
    "JointPair": law.joint_pair,
    "DecoupledPair": law.decoupled_pair,
    "IndependentPair": law.independent_pair,
    "FixedRatioPair": law.fixed_ratio_pair,
    "couplings": law.couplings,
    "laws": law.laws,
    "aspects": law.aspects,
    "common-uniforms": law.common_uniforms,
    "sdf-curves": law.sdf_curves,
    "scores": law.scores,
    "difficulty-benefit": law.difficulty_and_benefit,
    "pairs": page.readme,
    "cells": page.cells,
    "tutorial": page.tutorial,
    "batch": page.batch,
    "epochs": page.epochs,
    "targets": page.targets,
    "policies": page.policies,
    "solarize": page.solarize,
    "samplers": page.samplers,
    "weights": page.weights,
    "negatives": page.negatives,
    "run": page.run,
    **transform.gallery(),
}


def drawn(name: str, ending: str) -> Figure:
    """A picture as it is saved under its name with this ending, one of `GROUNDS`; save it in the same style."""
    with mpl.rc_context(themed(ending)):
        return legible(PICTURES[name]())


def draw(folder: Path, names: Sequence[str] = tuple(PICTURES)) -> None:
    """Write the named pictures into ``folder``, each for light and for dark pages."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        for ending in GROUNDS:
            with mpl.rc_context(themed(ending)):
                drawn(name, ending).savefig(folder / f"{name}{ending}.png")


def draw_readme(path: Path) -> None:
    """Write the README's picture, on white and with 256 colors: it lies in the repository."""
    buffer = io.BytesIO()
    with mpl.rc_context({**themed(""), "savefig.transparent": False}):
        page.readme().savefig(buffer)
    with Image.open(buffer) as picture:
        picture.convert("RGB").quantize(
            256, dither=Image.Dither.FLOYDSTEINBERG
        ).save(path, optimize=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description="Draw the pictures of the documentation."
    )
    parser.add_argument(
        "names", nargs="*", default=list(PICTURES), help="which (default: all)"
    )
    parser.add_argument(
        "--readme", action="store_true", help="draw the README's picture too"
    )
    arguments = parser.parse_args()
    draw(DOCS / "_static" / "generated", arguments.names)
    if arguments.readme:
        draw_readme(DOCS / "_static" / "pairs.png")
