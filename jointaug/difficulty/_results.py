"""What `sdf` finds: the similarity of a policy's pairs, of those in bins, and the differences of policies."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .._json import read_json, written
from .._validate import integer
from ._as_json import VERSION, columns_of, numbers_of, of_columns, of_estimate
from ._estimates import Estimate


class Bin(NamedTuple):
    """The pairs of which a quantity lies in [low, high), the last bin's upper end included.

    Attributes:
        low: end of the bin.
        high: end of the bin.
        pairs: how many lie in it.
        estimate: mean similarity of these pairs; its ``images`` are those that have a pair here.
    """

    low: float
    high: float
    pairs: int
    estimate: Estimate


@dataclass(frozen=True, eq=False, repr=False)
class PolicySDF(Estimate):
    """The SDF of one policy: an `Estimate`, and the single pairs.

    Attributes:
        pairs: columns ``[images * draws]``, image by image: ``similarity``; ``index`` of the image and number of the
            ``draw``; of the crops as realized what `box_measures` says (``area1``, ``log_ratio``, ``iou``, ...); and
            what each transform drew, under its type's name: ``JointCrop.area1``, ``JointBlur.sigma2``,
            ``JointBlur.applied2``, ``ColorJitter.hue1``. A second transform of a type is ``JointBlur#2``. A draw counts
            whether or not the transform was ``applied`` then. Empty if pairs were not kept.
    """

    pairs: Mapping[str, Tensor] = field(default_factory=dict)

    def by(self, quantity: str | Tensor, bins: int | Sequence[float] = 5) -> list[Bin]:
        """Mean similarity of the pairs in bins of a quantity, each with an interval of the same target and level.

        Args:
            quantity: the name of a column, or a tensor made of columns, one number a pair; nan leaves a pair out.
            bins: how many, of about as many pairs each; or their edges, ascending.

        Returns:
            The bins that hold pairs. The interval takes the mean for what it is, a ratio of two random sums
            (linearized, pairs of one image together); it is good for bins of some thirty images and more.

        Raises:
            ValueError: if pairs were not kept; for an unknown column or another shape; unless edges ascend.

        Example:
            >>> from jointaug import JointCrop
            >>> from jointaug.difficulty import sdf
            >>> images = torch.rand(16, 3, 32, 32)
            >>> pairs = sdf(lambda views: views.mean((2, 3)), images, JointCrop(16), draws=4)
            >>> [bin.pairs for bin in pairs.by("iou", bins=2)]
            [32, 32]
        """
        if not self.pairs:
            raise ValueError(
                "pairs must have been kept to be binned, got keep_pairs=False; call sdf with keep_pairs=True"
            )
        if isinstance(quantity, str) and quantity not in self.pairs:
            raise ValueError(f"quantity must be one of {', '.join(self.pairs)}, got {quantity!r}")
        values = (self.pairs[quantity] if isinstance(quantity, str) else quantity).double()
        similarity = self.pairs["similarity"]
        if values.shape != similarity.shape:
            raise ValueError(f"quantity must have shape {tuple(similarity.shape)}, got {tuple(values.shape)}")
        edges = _edges(values, bins)
        found = []
        for low, high in itertools.pairwise(edges):
            inside = (values >= low) & ((values <= high) if high == edges[-1] else (values < high))
            if bool(inside.any()):
                found.append(Bin(low, high, int(inside.sum()), self._within(inside)))
        return found

    def to_json(self, *, pairs: bool = True) -> str:
        """All of it as JSON, exactly: `from_json` gives the same numbers, bit for bit.

        Args:
            pairs: whether with the single pairs, if they were kept.
        """
        return written("sdf", VERSION, self.content(pairs=pairs))

    @classmethod
    def from_json(cls, text: str) -> PolicySDF:
        """The result that `to_json` wrote.

        Raises:
            ValueError: for anything else, another version's JSON included.
        """
        return read_json("sdf", VERSION, text, cls.of_content)

    def content(self, *, pairs: bool) -> dict[str, Any]:
        """What `to_json` writes."""
        return {**of_estimate(self), "pairs": of_columns(self.pairs) if pairs else {}}

    @classmethod
    def of_content(cls, data: Mapping[str, Any]) -> PolicySDF:
        """What `from_json` reads."""
        return cls(**numbers_of(data), pairs=columns_of(data["pairs"]))

    def _within(self, inside: Tensor) -> Estimate:
        similarity = self.pairs["similarity"]
        mean = float(similarity[inside].mean())
        residual = torch.where(inside, similarity - mean, 0.0).view(self.images, self.draws)
        images = int(inside.view(self.images, self.draws).any(1).sum())
        if self.target == "dataset":
            centered = residual - residual.mean(1, keepdim=True)
            variance = float(centered.square().sum()) * self.draws / max(self.draws - 1, 1)
        else:
            variance = float(residual.sum(1).square().sum()) * images / max(images - 1, 1)
        error = math.sqrt(variance) / int(inside.sum())
        return Estimate(mean, self.level, self.target, images, self.draws, error, images - 1)


class Comparison(Mapping[str, PolicySDF]):
    """The SDFs of several policies on the same images and addresses, by name, and their differences."""

    def __init__(self, policies: Mapping[str, PolicySDF], differences: Mapping[tuple[str, str], Estimate]) -> None:
        self._policies, self._differences = dict(policies), dict(differences)

    def __getitem__(self, name: str) -> PolicySDF:
        return self._policies[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._policies)

    def __len__(self) -> int:
        return len(self._policies)

    def difference(self, first: str, second: str) -> Estimate:
        """SDF of ``first`` minus SDF of ``second``, paired by address: the two share images and random numbers.

        Args:
            first: name of a policy.
            second: of another one.

        Raises:
            ValueError: for names that are not two of the policies.
        """
        if (first, second) in self._differences:
            return self._differences[first, second]
        if (second, first) in self._differences:
            difference = self._differences[second, first]
            return replace(difference, mean=-difference.mean)
        raise ValueError(
            f"first and second must be two different ones of {list(self._policies)}, got {first!r} and {second!r}"
        )

    def differences(self) -> dict[tuple[str, str], Estimate]:
        """All pairs of policies, the easier one first, with intervals that hold *together*.

        With the probability of ``level`` none of the intervals misses (a union bound: each has its share of the errors,
        ``(1 - level) / pairs``), so those that exclude 0 tell their policies apart, however many were compared.
        `difference` is about one pair that was chosen beforehand, and narrower.

        Returns:
            ``(easier, harder)`` to the SDF of the one minus that of the other: policies in the order of their means.

        Example:
            >>> from jointaug import JointCrop
            >>> from jointaug.difficulty import sdf
            >>> images, policies = torch.rand(16, 3, 32, 32), {f"beta {b}": JointCrop(16, beta=b) for b in (-2, 0, 2)}
            >>> results = sdf(lambda views: views.mean((2, 3)), images, policies, draws=8)
            >>> [pair for pair, difference in results.differences().items() if difference.mean < 0]
            []
        """
        pairs = list(itertools.combinations(self._by_mean(), 2))
        found = {pair: self.difference(*pair) for pair in pairs}
        return {pair: replace(one, level=1 - (1 - one.level) / len(pairs)) for pair, one in found.items()}

    def table(self) -> str:
        """Policies from the easiest to the hardest, and all their `differences`, as text."""
        rows = [("policy", "SDF", self._interval_named())]
        rows += [(name, f"{self[name].mean:.5f}", _interval(self[name])) for name in self._by_mean()]
        differences = self.differences()
        if differences:
            rows += [("", "", ""), ("easier - harder", "difference", f"{self._interval_named()} of all together")]
        for (first, second), one in differences.items():
            apart = one.has_interval and one.interval[0] > 0
            rows.append((f"{first} - {second}", f"{one.mean:.5f}", _interval(one) + "  told apart" * apart))
        widths = [max(len(row[k]) for row in rows) for k in range(2)]
        return "\n".join(f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c}".rstrip() for a, b, c in rows)

    def to_json(self, *, pairs: bool = True) -> str:
        """All of it as JSON, exactly: `from_json` gives the same numbers, bit for bit.

        Args:
            pairs: whether with the single pairs, if they were kept.
        """
        content = {
            "policies": {name: policy.content(pairs=pairs) for name, policy in self._policies.items()},
            "differences": [[*names, of_estimate(one)] for names, one in self._differences.items()],
        }
        return written("comparison", VERSION, content)

    @classmethod
    def from_json(cls, text: str) -> Comparison:
        """The comparison that `to_json` wrote.

        Raises:
            ValueError: for anything else, another version's JSON included.
        """

        def made(data: Mapping[str, Any]) -> Comparison:
            return cls(
                {name: PolicySDF.of_content(policy) for name, policy in data["policies"].items()},
                {(first, second): Estimate(**numbers_of(one)) for first, second, one in data["differences"]},
            )

        return read_json("comparison", VERSION, text, made)

    def _by_mean(self) -> list[str]:
        return sorted(self._policies, key=lambda name: -self._policies[name].mean)

    def _interval_named(self) -> str:
        return f"{100 * next(iter(self._policies.values())).level:g} % interval"

    def __repr__(self) -> str:
        width = max(map(len, self._policies))
        return "\n".join(f"{name:<{width}}  {result!r}" for name, result in self._policies.items())


def _interval(estimate: Estimate) -> str:
    if not estimate.has_interval:
        return "none: one image says nothing of others"
    low, high = estimate.interval
    return f"[{low:.5f}, {high:.5f}]"


def _edges(values: Tensor, bins: int | Sequence[float]) -> list[float]:
    """Ascending edges of bins; quantiles for a number of them."""
    if isinstance(bins, Sequence):
        edges = [float(edge) for edge in bins]
        if len(edges) < 2 or any(a >= b for a, b in itertools.pairwise(edges)):
            raise ValueError(f"bins must be a number of bins or at least two ascending edges, got {bins!r}")
        return edges
    count = integer("bins", bins, low=1, rule="a positive number of bins, or their edges")
    present = values[~values.isnan()].sort().values
    if len(present) == 0:
        raise ValueError("quantity must have values to be binned, got nan for every pair")
    places = [round(k * len(present) / count) for k in range(count)]
    edges = sorted({float(present[min(place, len(present) - 1)]) for place in places} | {float(present[-1])})
    return edges if len(edges) > 1 else [edges[0], edges[0]]
