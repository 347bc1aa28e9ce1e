"""What do common addresses gain when two policies are compared, and what would scrambled Sobol rows gain?

    python benchmarks/common_addresses.py --data FOLDER --work DIR --write

The variance of a difference of two SDFs, with a draw of its own for each policy, over its variance with common
addresses: how many times fewer draws the comparison takes. For ``target="dataset"`` (these images; only draws are
random) and ``target="population"`` (both kinds share the images). On the demo's rendered set, and on a folder of
class folders (Imagenette, say). The encoder is the demo's, pre-trained on the same images; it is kept in ``DIR``.

Sobol rows (Owen-scrambled, scipy): the same number of pairs, the uniforms of the pipeline's whole row taken from a
low-discrepancy sequence; *across* the data set (one sequence for all images and draws), or *within* each image (a
sequence of its draws). Variance of plain rows over variance of Sobol rows, the latter over independent scramblings.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from interleaved import save
from scipy.stats import f, qmc
from torch import Tensor
from torchvision.transforms import v2
from trainer.inputs.thumbnails import STORED_SIDE, open_thumbnails, spread
from trainer.training.small import (
    FIGURE_STEPS,
    IMAGES,
    SCALE,
    VIEW,
    embedding,
    independent_crops,
    read_encoder,
    save_encoder,
    trained_encoder,
)

from jointaug import JointBlur, JointCrop, fuse
from jointaug.difficulty import sdf
from jointaug.distributions import IndependentPair, JointPair

POLICIES = {
    "beta 2": v2.Compose([JointCrop(VIEW, law=JointPair(2.0, *SCALE))]),
    "beta 0": v2.Compose([JointCrop(VIEW, law=JointPair(0.0, *SCALE))]),
    "beta -2": v2.Compose([JointCrop(VIEW, law=JointPair(-2.0, *SCALE))]),
    "beta 0, then blur": v2.Compose([JointCrop(VIEW, law=JointPair(0.0, *SCALE)), JointBlur()]),
    "independent areas": v2.Compose([JointCrop(VIEW, law=IndependentPair(*SCALE))]),
    "two RandomResizedCrops": v2.Compose([independent_crops()]),
}
COMPARISONS = (
    ("beta 2", "beta -2"),
    ("beta 0", "beta 0, then blur"),
    ("beta 0", "independent areas"),
    ("beta 0", "two RandomResizedCrops"),
)
RESAMPLES = 2000  # of the images, for intervals
SOBOL_DIMENSIONS = 16  # the longest pipeline here takes 8 + 4 uniforms

Encode = Callable[[Tensor], Tensor]


# Common addresses. ----------------------------------------------------------------------------------------------------
def gains(first: Tensor, second: Tensor, generator: np.random.Generator) -> dict[str, Any]:
    """Variance ratios of the difference of two SDFs, from similarities ``[images, draws]`` on common addresses."""
    apart = (first.var(1) + second.var(1)).numpy()  # what independent draws would have, image by image
    paired = (first - second).var(1).numpy()
    draws = first.shape[1]
    means = (first - second).mean(1).numpy()

    def ratios(chosen: Any) -> tuple[float, float]:
        within = apart[chosen].mean() / paired[chosen].mean()
        between = means[chosen].var(ddof=1)
        return within, 1 + (apart[chosen] - paired[chosen]).mean() / draws / between

    n = len(means)
    resampled = np.array([ratios(generator.integers(n, size=n)) for _ in range(RESAMPLES)])
    low, high = np.quantile(resampled, [0.025, 0.975], axis=0)
    return {
        target: {"variance_ratio": value, "low": low[k], "high": high[k]}
        for k, (target, value) in enumerate(zip(("dataset", "population"), ratios(np.arange(n)), strict=True))
    }


def common_addresses(encode: Encode, images: Any, draws: int) -> dict[str, Any]:
    """Of all comparisons: the difference with its interval, and what pairing gains."""
    results = sdf(encode, images, POLICIES, draws=draws, progress=True)
    generator = np.random.default_rng(0)
    found: dict[str, Any] = {}
    for first, second in COMPARISONS:
        a, b = (results[name].pairs["similarity"].view(-1, draws) for name in (first, second))
        gap = results.difference(first, second)
        found[f"{first} against {second}"] = {
            "difference": [gap.mean, *gap.interval],
            **gains(a, b, generator),
        }
    return {"sdf": {name: [r.mean, *r.interval] for name, r in results.items()}, "comparisons": found}


# Sobol rows. ----------------------------------------------------------------------------------------------------------
class PointRows:
    """Rows of uniforms from points: each position of the pipeline takes the next coordinates.

    Stands in for `jointaug.Addresses` in a fused pipeline.
    """

    def __init__(self, points: Any) -> None:
        self._points = torch.from_numpy(np.clip(points, 2.0**-33, 1 - 2.0**-33))
        self._starts: dict[tuple[int, int], int] = {}
        self._used = 0
        self.index = torch.arange(len(points))

    def __len__(self) -> int:
        return len(self.index)

    def rows(self, n: int, *, step: int = 0, view: int = 0) -> list[Tensor]:
        """``n`` columns."""
        start = self._starts.setdefault((step, view), self._used)
        self._used = max(self._used, start + n)
        if self._used > self._points.shape[1]:
            raise ValueError(f"points must have {self._used} coordinates, got {self._points.shape[1]}; draw more")
        return list(self._points[:, start : start + n].unbind(1))


def similarities(encode: Encode, policy: Any, images: Tensor, points: Any) -> Tensor:
    """Cosine similarity of the pair that each image makes at its point."""
    with torch.no_grad():
        first, second = fuse(policy)(images, addresses=PointRows(points))
        z1, z2 = encode(torch.cat([first, second])).double().chunk(2)
    return torch.cosine_similarity(z1, z2)


def sobol(count: int, seed: int) -> Any:
    """``count`` (a power of two) scrambled Sobol points."""
    return qmc.Sobol(SOBOL_DIMENSIONS, scramble=True, rng=np.random.default_rng(seed)).random(count)


def sobol_rows(encode: Encode, images: Tensor, replicates: int) -> dict[str, Any]:
    """What Sobol rows gain for an SDF and for a difference, across images (2 draws each) and within (16 each)."""
    names = ("beta 2", "beta -2")
    found: dict[str, Any] = {}
    for layout, count, draws in (("across images", 64, 2), ("within images", 8, 16)):
        chosen = images[:count].repeat_interleave(draws, 0)
        means: dict[str, list[list[float]]] = {"plain": [], "sobol": []}
        for replicate in range(replicates):
            if layout == "across images":
                points = sobol(count * draws, replicate)
            else:
                points = np.concatenate([sobol(draws, replicate * count + image) for image in range(count)])
            plain = np.random.default_rng(10**6 + replicate).random(points.shape)
            for kind, rows in (("plain", plain), ("sobol", points)):
                a, b = (similarities(encode, POLICIES[name], chosen, rows) for name in names)
                means[kind].append([float(a.mean()), float((a - b).mean())])
        of_plain, of_sobol = np.array(means["plain"]), np.array(means["sobol"])
        for k, quantity in enumerate(("SDF of beta 2", "beta 2 against beta -2")):
            found[f"{layout}, {draws} draws: {quantity}"] = f_ratio(of_plain[:, k], of_sobol[:, k])
    return found


def f_ratio(plain: Any, other: Any) -> dict[str, float]:
    """Ratio of two sample variances with the interval that the F law gives it."""
    ratio = float(plain.var(ddof=1) / other.var(ddof=1))
    quantiles = f.ppf([0.975, 0.025], len(plain) - 1, len(other) - 1)
    return {"variance_ratio": ratio, "low": ratio / float(quantiles[0]), "high": ratio / float(quantiles[1])}


# The whole. -----------------------------------------------------------------------------------------------------------
def squares(images: Any) -> Tensor:
    """The middle of each image as uint8 ``[N, 3, 96, 96]``."""
    return torch.stack(
        [v2.functional.center_crop(torch.from_numpy(i).permute(2, 0, 1), [STORED_SIDE, STORED_SIDE]) for i in images]
    )


def main() -> None:
    """Measure and print; with ``--write`` keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a folder of class folders, beside the rendered set")
    parser.add_argument("--work", type=Path, default=Path("figures"), help="where encoders are kept")
    parser.add_argument("--images", type=int, default=IMAGES, help="to pre-train on")
    parser.add_argument("--measured", type=int, default=300, help="images on which variances are measured")
    parser.add_argument("--draws", type=int, default=4)
    parser.add_argument("--steps", type=int, default=FIGURE_STEPS, help="of the encoders' pre-training")
    parser.add_argument("--replicates", type=int, default=128, help="scramblings")
    parser.add_argument("--write", action="store_true", help="write results/common_addresses.json")
    arguments = parser.parse_args()
    sets = {"rendered": None} | ({arguments.data.name: arguments.data} if arguments.data else {})
    result: dict[str, Any] = {"images": arguments.measured, "draws": arguments.draws}
    for name, folder in sets.items():
        images = open_thumbnails(folder, arguments.images)
        kept = arguments.work / name / "encoder.pt"
        kept.parent.mkdir(parents=True, exist_ok=True)
        if not kept.exists():
            save_encoder(kept, *trained_encoder(images, arguments.steps))
        encoder, words = read_encoder(kept)
        encode = embedding(encoder)
        measured = squares(spread(images.train, arguments.measured).images)
        result[name] = {
            "encoder": words.split(", read from")[0],
            "common_addresses": common_addresses(encode, measured, arguments.draws),
            "sobol_rows": sobol_rows(encode, measured, arguments.replicates),
        }
        show(name, result[name])
        if arguments.write:
            print(f"wrote {save(Path(__file__).stem, result)}")


def show(name: str, found: dict[str, Any]) -> None:
    """Print a set's ratios."""
    print(f"{name}: {found['encoder']}")
    for comparison, of in found["common_addresses"]["comparisons"].items():
        mean, low, high = of["difference"]
        print(f"  {comparison}: {mean:+.4f} [{low:+.4f}, {high:+.4f}]")
        for target in ("dataset", "population"):
            r = of[target]
            print(f"    {target}: common addresses {r['variance_ratio']:.2f} [{r['low']:.2f}, {r['high']:.2f}]")
    for question, r in found["sobol_rows"].items():
        print(f"  Sobol rows {question}: {r['variance_ratio']:.2f} [{r['low']:.2f}, {r['high']:.2f}]")


if __name__ == "__main__":
    main()
