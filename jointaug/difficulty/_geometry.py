"""What a crop policy realizes: areas, ratios, distances and overlaps of its pairs. From parameters; no pixel is made.

The law that a policy names and the law that it realizes can differ: a crop that does not fit is drawn again, clipped
or given up for the whole image, and all are rounded to pixels. `geometry` draws pairs of boxes with the policy itself,
torchvision's ``RandomResizedCrop`` included, and `CropGeometry` says what came of them, with intervals.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor
from torch.distributions import Distribution
from torchvision.transforms import v2

from .._validate import integer, number
from ..chance import Addresses
from ..distributions import IndependentPair, PairLaw
from ..fusion import Plan, Record, fuse
from ..transforms import JointCrop
from ._boxes import box_measures, pair_boxes
from ._estimates import Distance, Measured, checked_level, mean_of, share_of
from ._pairs import require_two_views

_CHUNK = 2**16  # pairs that are drawn at a time
_SIDE = 2**31  # greatest side of an image, in pixels
_PIXELS = 2**45  # of an image, so that those of a chunk can still be counted


def geometry(
    policy: Callable[..., Any] | Record,
    size: tuple[int, int] | Iterable[tuple[int, int]] | None = None,
    *,
    pairs: int = 100_000,
    seed: int = 0,
) -> CropGeometry:
    """What a policy's pairs of crops are like on images of given sizes.

    Pairs are drawn as ``fuse(policy)`` draws them, by addresses (seed, 0, number of the pair): two policies with one
    seed share their random numbers, and a second call gives the same pairs. ``v2.RandomResizedCrop`` follows
    torchvision's law, with its tries and its fallback.

    Args:
        policy: a pipeline that makes two views: ``JointCrop(224)``, ``MultiView(crop, crop)``, or more than the crop.
            Or a `jointaug.Record` of a batch's pairs, which says what was drawn and for what sizes.
        size: of the images, ``(height, width)`` in pixels; or several sizes (those of a data set, say), which take
            turns. Not with a record.
        pairs: how many are drawn, at least 2.
        seed: in [0, 2**64).

    Returns:
        The pairs' boxes, and what there is to say of them.

    Raises:
        TypeError: for a policy that is no pipeline, or sizes that are no integers; for a record with a size.
        ValueError: unless the policy makes two views, for a size without pixels, and if the boxes cannot be known
            because a step that pads or runs image by image comes before a crop; for a record of other than pairs, or of
            views that are no boxes of the image.

    Example:
        >>> from jointaug import JointCrop
        >>> pairs = geometry(JointCrop(224, beta=0), (375, 500), pairs=20_000)
        >>> print(f"{pairs.tail(2.0).value:.2f}")  # nominal: 0.57
        0.57
    """
    if isinstance(policy, Record):
        if size is not None:
            raise TypeError(
                f"size must be left out with a record, which knows it, got {size!r}; write geometry(record)"
            )
        return _of_record(policy)
    require_two_views(policy)
    sizes = _sizes(size)
    count = integer("pairs", pairs, low=2, rule="an integer of at least 2", remedy="an interval takes two pairs")
    fused = fuse(policy)
    of_pair = torch.tensor(sizes)[torch.arange(count) % len(sizes)]  # [n, 2]
    boxes = torch.empty(count, 2, 4, dtype=torch.float64)
    drawn: Tensor | None = torch.empty(count, 2, dtype=torch.float64)
    law: PairLaw | None = None
    for height, width in sorted(set(sizes)):
        members = ((of_pair[:, 0] == height) & (of_pair[:, 1] == width)).nonzero()[:, 0]
        for index in torch.split(members, _CHUNK):
            images = torch.zeros(1, 1, 1, 1).expand(len(index), 3, height, width)  # of no weight: nothing reads them
            plan = fused.make_params(images, addresses=Addresses(seed, 0, index))
            found = pair_boxes(plan, height, width)
            if found is None:
                raise ValueError(
                    f"policy must crop before it pads or runs a transform without a rule, got {policy!r}; put the crop "
                    "first"
                )
            boxes[index] = found
            law, areas = _nominal(plan)
            if areas is None:
                drawn = None
            elif drawn is not None:
                drawn[index] = areas
    return CropGeometry(boxes, of_pair, drawn, law)


def _of_record(record: Record) -> CropGeometry:
    """The pairs that were recorded."""
    if record.count is None or record.view_sizes.shape[1] != 2:
        raise ValueError(f"a record must be of a batch's pairs of views, got {record!r}; record fused(images)")
    upright = (record.maps[..., [0, 1, 2, 2], [1, 0, 0, 1]] == 0).all(-1)  # false where the map is nan
    if not bool(upright.all()):
        i, k = (~upright).nonzero()[0].tolist()
        raise ValueError(
            f"views must be boxes of their image, got view {k + 1} of image {i} turned, or moved in an unknown way; "
            "record the crops alone"
        )
    areas = [step.params["area"] for view in record.steps for step in view if "area" in step.params]
    drawn = torch.stack(areas, -1).double() if len(areas) == 2 and all(isinstance(a, Tensor) for a in areas) else None
    return CropGeometry(record.boxes, record.sizes, drawn, None)


def _nominal(plan: Plan) -> tuple[PairLaw | None, Tensor | None]:
    """The law of areas that the policy names, and the areas drawn from it ``[B, 2]``, where there is one crop step."""
    joint = [drawn for drawn in plan.drawn if isinstance(drawn.transform, JointCrop)]
    plain = [drawn.transform for drawn in plan.drawn if isinstance(drawn.transform, v2.RandomResizedCrop)]
    if len(joint) == 1 and not plain:
        return joint[0].transform.laws["area"], torch.stack(list(joint[0].params["area"]), -1).double()
    if len(plain) == 2 and not joint and len({tuple(crop.scale) for crop in plain}) == 1:
        low, high = plain[0].scale
        return IndependentPair(float(low), float(high)), None
    return None, None


def _sizes(size: Any) -> list[tuple[int, int]]:
    rule = "(height, width) in pixels, at least 1 each, or several such"
    listed = list(size) if isinstance(size, Iterable) and not isinstance(size, str) else [size]
    if len(listed) == 2 and not any(isinstance(item, Sequence) for item in listed):
        listed = [tuple(listed)]
    if not listed:
        raise ValueError(f"size must be {rule}, got none; write size=(375, 500)")
    for item in listed:
        if isinstance(item, str) or not isinstance(item, Sequence) or len(item) != 2:
            raise TypeError(f"size must be {rule}, got {size!r}; write size=(375, 500)")
    sides = [tuple(integer("size", side, low=1, rule=rule) for side in item) for item in listed]
    if max(max(item) for item in sides) >= _SIDE:
        raise ValueError(f"size must be {rule}, under {_SIDE}, got {size!r}")
    if max(height * width for height, width in sides) > _PIXELS:
        raise ValueError(f"size must be {rule}, of at most {_PIXELS} pixels, got {size!r}; divide both sides")
    return [(height, width) for height, width in sides]


@dataclass(frozen=True, eq=False)
class CropGeometry:
    """Pairs of crop boxes and what there is to say of them; `geometry` draws them.

    Attributes:
        boxes: float64 ``[n, 2, 4]``: of each view top, left, height and width, in pixels of the source image.
        size: int64 ``[n, 2]``: height and width of the source images, in pixels.
        drawn_area: float64 ``[n, 2]``: the areas that a joint crop drew, before they became boxes; ``None`` where the
            policy does not say (torchvision's crops do not).
        law: of the two areas as the policy names it: a joint crop's own, or two independent uniforms for a pair of
            ``RandomResizedCrop``; ``None`` for a policy of another kind.
    """

    boxes: Tensor
    size: Tensor
    drawn_area: Tensor | None = None
    law: PairLaw | None = None

    def __len__(self) -> int:
        return len(self.boxes)

    @cached_property
    def columns(self) -> dict[str, Tensor]:
        """`box_measures` of the pairs: columns ``[n]`` by name."""
        return box_measures(self.boxes, *self.size.unbind(-1))

    @property
    def area(self) -> Tensor:
        """Realized areas ``[n, 2]``, fractions of the image's."""
        return torch.stack([self.columns["area1"], self.columns["area2"]], -1)

    @property
    def log_ratio(self) -> Tensor:
        """Realized ``ln(area2 / area1)``, ``[n]``."""
        return self.columns["log_ratio"]

    @property
    def drawn_log_ratio(self) -> Tensor:
        """Drawn ``ln(area2 / area1)``, ``[n]``.

        Raises:
            ValueError: if the policy does not say what it drew.
        """
        return (self._drawn[:, 1] / self._drawn[:, 0]).log()

    @property
    def _drawn(self) -> Tensor:
        if self.drawn_area is None:
            raise ValueError(
                "drawn_area must be known, got None: only a joint crop says what it drew; compare log_ratio with the "
                "law by ks()"
            )
        return self.drawn_area

    @property
    def center_distance(self) -> Tensor:
        """Between the two centers, in units of the image's sides, ``[n]``."""
        return self.columns["center_distance"]

    @property
    def corner_distance(self) -> Tensor:
        """Between the two top left corners, in units of the image's sides, ``[n]`` (Zhang et al. 2025, Fig. 7)."""
        return self.columns["corner_distance"]

    @property
    def iou(self) -> Tensor:
        """Intersection over union of the two crops, ``[n]``."""
        return self.columns["iou"]

    @property
    def coverage(self) -> Tensor:
        """Fraction of the image that at least one of the two crops shows, ``[n]``."""
        return self.columns["coverage"]

    @property
    def whole(self) -> Tensor:
        """Which views show the whole image, bool ``[n, 2]``."""
        return (self.boxes[..., 2:] >= self.size[:, None].double() * (1 - 1e-12)).all(-1)

    @property
    def given_up(self) -> Tensor:
        """Which views show the whole image although an area was drawn that does not round to it, bool ``[n, 2]``.

        Raises:
            ValueError: if the policy does not say what it drew.
        """
        height, width = self.size[:, None].double().unbind(-1)
        return self.whole & (self._drawn < (1 - 0.5 / height) * (1 - 0.5 / width))

    def whole_image_rate(self, level: float = 0.95) -> Measured:
        """Share of pairs in which at least one view is the whole image: drawn, by rounding or by a fallback.

        Args:
            level: of the interval (Clopper and Pearson's), in (0, 1).
        """
        return self.measured(self.whole.any(1), level)

    def tail(self, ratio: float, level: float = 0.95) -> Measured:
        """Share of pairs whose areas differ by more than ``ratio`` to one, whichever view is the larger.

        Args:
            ratio: at least 1.
            level: of the interval (Clopper and Pearson's), in (0, 1).
        """
        least = number("ratio", ratio, rule="a number of at least 1", low=1.0)
        return self.measured(self.log_ratio.abs() > math.log(least), level)

    def measured(self, values: Tensor | str, level: float = 0.95) -> Measured:
        """Mean of a column, or of any function of the columns, with its interval.

        Args:
            values: the name of a column, or a tensor ``[n]`` made of them; booleans are counted, and their interval is
                Clopper and Pearson's, exact; that of numbers is Student's.
            level: of the interval, in (0, 1).

        Raises:
            ValueError: for an unknown column, another shape, values that are not finite, or a level out of range.

        Example:
            >>> from jointaug import JointCrop
            >>> pairs = geometry(JointCrop(224), (224, 224), pairs=1000)
            >>> mean, low, high = pairs.measured("iou")
            >>> low < mean < high
            True
        """
        level = checked_level(level)
        column = self.column(values) if isinstance(values, str) else values
        if column.shape != (len(self),):
            raise ValueError(f"values must have shape [{len(self)}], one of each pair, got {tuple(column.shape)}")
        if column.dtype == torch.bool:
            return share_of(column, level)
        column = column.double()
        if not bool(column.isfinite().all()):
            raise ValueError(
                f"values must be finite, got {int((~column.isfinite()).sum())} that are not; choose others"
            )
        return mean_of(column, level)

    def column(self, name: str) -> Tensor:
        """A column ``[n]`` by its name.

        Raises:
            ValueError: for an unknown one.
        """
        if name not in self.columns:
            raise ValueError(f"a column must be one of {', '.join(self.columns)}, got {name!r}")
        return self.columns[name]

    def ks(
        self,
        quantity: Literal["log_ratio", "area"] = "log_ratio",
        law: Distribution | Callable[[Tensor], Tensor] | None = None,
        *,
        level: float = 0.95,
    ) -> Distance:
        """Greatest distance between the realized distribution function and a law's.

        Args:
            quantity: the log ratio of the areas, or the areas themselves (of both views together).
            law: of the pair of areas, or of the quantity, or a distribution function of it (it takes tensors); by
                default the policy's own.
            level: probability that the bound holds, in (0, 1).

        Returns:
            The distance, and by how much at most the true one differs from it.

        Raises:
            ValueError: if the policy names no law and none is given; for an unknown quantity or a level out of range.
            NotImplementedError: for a law without a distribution function of the quantity (of the log ratio:
                `JointPair.decoupled`, `FixedRatioPair`).

        Example:
            The areas that torchvision draws are independent and uniform; those that it realizes are not:

            >>> from jointaug import MultiView
            >>> from torchvision.transforms import v2
            >>> crop = v2.RandomResizedCrop(224, scale=(0.2, 1.0))
            >>> geometry(MultiView(crop, crop), (333, 500), pairs=20_000).ks().interval[0] > 0.03
            True
        """
        level = checked_level(level)
        if quantity not in ("log_ratio", "area"):
            raise ValueError(f"quantity must be 'log_ratio' or 'area', got {quantity!r}")
        named = self.law if law is None else law
        if named is None:
            raise ValueError(
                "law must be given, got None, and the policy names none; pass JointPair(0.0, 0.2, 1.0), say"
            )
        cdf: Callable[[Tensor], Tensor]
        if not isinstance(named, PairLaw):
            cdf = named.cdf if isinstance(named, Distribution) else named
        elif quantity == "log_ratio":
            cdf = named.log_ratio.cdf
        else:
            cdf = named.marginal_cdf
        values = (self.log_ratio if quantity == "log_ratio" else self.area.flatten()).sort().values
        n = len(values)
        nominal = torch.cat([cdf(part) for part in torch.split(values, _CHUNK)]).double()  # some take quadratures
        steps = torch.arange(n, dtype=torch.float64)
        distance = torch.maximum((steps + 1) / n - nominal, nominal - steps / n).max()
        # The two views of a pair depend on each other; the distance of their mean is at most the greater of the two.
        sides = 2 if quantity == "log_ratio" else 4
        bound = math.sqrt(math.log(sides / (1 - level)) / (2 * len(self)))
        return Distance(float(distance), bound, len(self))

    def __repr__(self) -> str:
        lines = [f"{len(self)} pairs of crops, means and 95 % intervals:"]
        shown = {name: self.measured(name) for name in self.columns if name != "log_ratio"}
        shown["|log_ratio|"] = self.measured(self.log_ratio.abs())
        shown["areas beyond 2:1"] = self.tail(2.0)
        shown["a whole image"] = self.whole_image_rate()
        lines += [f"  {name:<16} {value:.4f} [{low:.4f}, {high:.4f}]" for name, (value, low, high) in shown.items()]
        return "\n".join(lines)
