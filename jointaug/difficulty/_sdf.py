"""How similar an encoder finds the pairs of a policy: the statistical difficulty factor, with intervals.

SDF is the expected cosine similarity of the two views' embeddings, over a data set and over the policy's chance (Zhang
et al. 2025, https://arxiv.org/abs/2412.16522, eq. 2). **Larger is easier.** It is a property of policy, data *and*
encoder: numbers of different encoders do not compare.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, TypedDict, get_args, overload

import torch
from scipy.special import stdtrit
from torch import Tensor, nn
from torch.utils.data import DataLoader

from .._validate import integer
from ..chance import Address, Addresses
from ..fusion import Fused, Plan, fuse
from ..pipeline import Position, parts, views_made
from ..views import MultiView
from ._geometry import box_measures, checked_level, pair_boxes, require_two_views
from ._images import Images, Pictures
from ._passes import bar_of, evaluating

if TYPE_CHECKING:
    from typing_extensions import Unpack

Encoder: TypeAlias = "Callable[[Tensor], Tensor]"
Target: TypeAlias = Literal["dataset", "population"]

_BLOCK = 1024  # images whose statistics are added up at a time, whatever the batch


class Options(TypedDict, total=False):
    """The keywords of `sdf`."""

    seed: int
    draws: int
    target: Target
    level: float
    batch_size: int
    device: torch.device | str | None
    autocast: torch.dtype | None
    workers: int
    keep_pairs: bool
    progress: bool


@dataclass(frozen=True, eq=False, repr=False)
class Estimate:
    """A mean over images and draws, with the error that its target implies.

    Attributes:
        mean: over all images and draws.
        level: of the interval.
        target: what the interval is about: this ``"dataset"``, or the ``"population"`` that its images are from.
        images: how many.
        draws: of each image.
    """

    mean: float
    level: float
    target: Target
    images: int
    draws: int
    _error: float
    _freedom: float

    @property
    def standard_error(self) -> float:
        """Standard error of the mean.

        Raises:
            ValueError: if one pair is all there is: nothing says how much another one would differ.
        """
        self._require_error()
        return self._error

    @property
    def interval(self) -> tuple[float, float]:
        """Student's confidence interval of the expectation.

        Raises:
            ValueError: as `standard_error`.
        """
        self._require_error()
        half = -float(stdtrit(self._freedom, (1 - self.level) / 2)) * self._error
        return self.mean - half, self.mean + half

    @property
    def has_interval(self) -> bool:
        """Whether there is enough data for a standard error: two images, or for this data set two draws of each."""
        return self._freedom > 0

    def _require_error(self) -> None:
        if not self.has_interval:
            raise ValueError(
                f"an interval about the population takes at least two images, got {self.images} (draws={self.draws}); "
                "give more images, or with draws=2 or more ask for target='dataset'"
            )

    def __repr__(self) -> str:
        about = f"target={self.target!r}, {self.images} images, {self.draws} draws"
        if not self.has_interval:
            return f"{self.mean:.5f}, no interval: one image says nothing of others ({about})"
        low, high = self.interval
        return f"{self.mean:.5f} [{low:.5f}, {high:.5f}] ({100 * self.level:g} % interval, {about})"


class Bin(NamedTuple):
    """The pairs of which a quantity lies in [low, high), the last bin's upper end included."""

    low: float
    high: float
    pairs: int
    estimate: Estimate
    """Mean similarity of these pairs; its ``images`` are those that have a pair here."""


@dataclass(frozen=True, eq=False, repr=False)
class PolicySDF(Estimate):
    """The SDF of one policy: an `Estimate`, and the single pairs.

    Attributes:
        pairs: columns ``[images * draws]``, image by image: ``similarity``; ``index`` of the image and number of the
            ``draw``; of the crops as realised what `box_measures` says (``area1``, ``log_ratio``, ``iou``, ...); and
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
            d = self._differences[second, first]
            return Estimate(-d.mean, d.level, d.target, d.images, d.draws, d._error, d._freedom)  # noqa: SLF001
        raise ValueError(
            f"first and second must be two different ones of {list(self._policies)}, got {first!r} and {second!r}"
        )

    def __repr__(self) -> str:
        width = max(map(len, self._policies))
        return "\n".join(f"{name:<{width}}  {result!r}" for name, result in self._policies.items())


@overload
def sdf(
    encoder: Encoder, images: Tensor | Images, policies: Mapping[str, Any], **options: Unpack[Options]
) -> Comparison: ...
@overload
def sdf(
    encoder: Encoder, images: Tensor | Images, policies: Callable[..., Any], **options: Unpack[Options]
) -> PolicySDF: ...
def sdf(
    encoder: Encoder,
    images: Tensor | Images,
    policies: Callable[..., Any] | Mapping[str, Any],
    *,
    seed: int = 0,
    draws: int = 2,
    target: Target = "dataset",
    level: float = 0.95,
    batch_size: int = 256,
    device: torch.device | str | None = None,
    autocast: torch.dtype | None = None,
    workers: int = 0,
    keep_pairs: bool = True,
    progress: bool = False,
) -> PolicySDF | Comparison:
    """Expected cosine similarity of the pairs that policies make, under an encoder. Larger is easier.

    All policies see the same images at the same addresses (seed, epoch 0, index, draw), so steps at the same position
    of two pipelines share their random numbers, and differences are paired (`Comparison.difference`). Pairs are made
    by ``fuse(policy)``, and a pair can be made again from its index and draw, by ``fuse(policy)(images[index][None],
    addresses=Addresses(seed, 0, torch.tensor([index]), draw))``. Fixed arguments give fixed views whatever the batch
    size; what an encoder's kernels make of the batch size is rounding.

    The images are read once, batch by batch; memory grows with the kept pairs alone. Views go to the encoder as the
    pipeline makes them: end it with ``PerView(v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize(...)]))``
    if the encoder wants that.

    Args:
        encoder: from views ``[N, C, h, w]`` to embeddings ``[N, D]``. A module is put into eval mode meanwhile. No
            gradient is kept.
        images: a tensor ``[N, C, H, W]`` (uint8, or floating point on [0, 1]), or a map-style data set or list of
            images, or of tuples that begin with one: PIL images or tensors ``[C, H, W]``, of any sizes.
        policies: a pipeline that makes two views, or several by name.
        seed: of the addresses, in [0, 2**64).
        draws: pairs of each image; at least 2 for ``target="dataset"``.
        target: what intervals are about. ``"dataset"``: these very images, only the draws are random, which makes for
            narrow intervals; the one for comparing policies on the data that you train on. ``"population"``: the images
            are a sample of others.
        level: of the intervals, in (0, 1).
        batch_size: pairs in a pass; the encoder gets twice as many views.
        device: where views are made and encoded; by default that of the encoder's parameters, else the images' own.
        autocast: run the encoder under ``torch.autocast`` in this dtype.
        workers: processes that read a data set.
        keep_pairs: whether the result holds the single pairs and what was drawn for them.
        progress: whether to show a bar (needs tqdm).

    Returns:
        The SDF of the policy, or of all by name.

    Raises:
        TypeError: for arguments of another kind, and images or encoders' results that are no tensors.
        ValueError: for no images or no policy; a policy that does not make two views; one draw for
            ``target="dataset"``; a level outside (0, 1); on the way, an encoder that returns another shape, or a
            vector that is zero or not finite (named with its image).

    Example:
        >>> from jointaug import JointCrop
        >>> images = torch.rand(8, 3, 32, 32)
        >>> mean_color = lambda views: views.mean((2, 3))
        >>> result = sdf(mean_color, images, {"easy": JointCrop(16, beta=2), "hard": JointCrop(16, beta=-2)}, draws=8)
        >>> result.difference("easy", "hard").standard_error < 0.01
        True
    """
    single = not isinstance(policies, Mapping)
    named: Mapping[str, Any] = {"policy": policies} if single else policies  # type: ignore[assignment]
    _check(encoder, named, target, autocast)
    draws = integer("draws", draws, low=1, rule="a positive integer")
    if target == "dataset" and draws < 2:
        raise ValueError(
            f"draws must be at least 2 for target='dataset', got {draws}: the interval rests on how the draws of an "
            "image differ; write draws=2, or target='population'"
        )
    level = checked_level(level)
    Address(seed, 0, 0)  # checks it
    batch_size = integer("batch_size", batch_size, low=1, rule="a positive integer")
    source = _Source(images, batch_size, workers)
    place = _place(encoder, images, device)
    contests = list(itertools.combinations(range(len(named)), 2))
    contrasts = torch.zeros(len(named), len(named) + len(contests), dtype=torch.float64)
    contrasts[:, : len(named)] = torch.eye(len(named), dtype=torch.float64)
    for k, (i, j) in enumerate(contests, start=len(named)):
        contrasts[i, k], contrasts[j, k] = 1.0, -1.0
    moments = Moments(draws)
    runs = [_Run(name, policy, encoder, keep_pairs) for name, policy in named.items()]
    kept: list[list[dict[str, Tensor]]] = [[] for _ in runs]
    pending: list[_Encoded] | None = None

    def settle(finished: list[_Encoded]) -> None:
        """Wait for a batch's results, check and keep them."""
        columns = [encoded.columns() for encoded in finished]
        similarity = torch.stack([c["similarity"].view(-1, draws) for c in columns], -1)  # [B, draws, policies]
        moments.add(similarity @ contrasts)
        if keep_pairs:
            for store, c in zip(kept, columns, strict=True):
                store.append(c)

    with evaluating(encoder), bar_of(progress, len(source)) as bar, torch.no_grad():
        for start, batch in source.batches(place):
            at_once = max(batch_size // len(batch), 1)
            parts = [
                _Part(seed, start, batch, range(first, min(first + at_once, draws)), place)
                for first in range(0, draws, at_once)
            ]
            launched = [run.encode(parts, autocast) for run in runs]
            if pending is not None:  # one batch behind, so that the device has work while the host waits
                settle(pending)
            pending = launched
            bar(len(batch))
        if pending is not None:
            settle(pending)
    estimates = moments.estimates(target, level)
    results = {
        run.name: PolicySDF(**vars(estimate), pairs=_joined(store))
        for run, estimate, store in zip(runs, estimates, kept, strict=False)
    }
    if single:
        return results["policy"]
    names = list(named)
    differences = {(names[i], names[j]): e for (i, j), e in zip(contests, estimates[len(names) :], strict=True)}
    return Comparison(results, differences)


class Moments:
    """What intervals need of values ``[images, draws, k]``, added up in blocks of a fixed size.

    So the sums do not depend on how the values came in, and no value is kept.

    Args:
        draws: of each image.
    """

    def __init__(self, draws: int) -> None:
        self._draws = draws
        self._waiting: list[Tensor] = []
        self._images = 0
        self._mean: Any = 0.0  # of the image means
        self._between: Any = 0.0  # sum of their squared deviations
        self._within: Any = 0.0  # sum over images of the variance of their mean over draws
        self._within_squares: Any = 0.0  # sum of its squares

    def add(self, values: Tensor) -> None:
        """Values ``[b, draws, k]`` of the next images, float64."""
        self._waiting.append(values)
        if sum(map(len, self._waiting)) >= _BLOCK:
            *full, rest = torch.split(torch.cat(self._waiting), _BLOCK)
            if len(rest) == _BLOCK:
                full, rest = [*full, rest], rest[:0]
            for block in full:
                self._add_block(block)
            self._waiting = [rest]

    def _add_block(self, values: Tensor) -> None:
        n, before = len(values), self._images
        if n == 0:
            return
        means = values.mean(1)
        mean = means.mean(0)
        shift = mean - self._mean
        self._images += n
        self._mean = self._mean + shift * n / self._images
        self._between = self._between + (means - mean).square().sum(0) + shift.square() * before * n / self._images
        if self._draws > 1:
            variances = values.var(1) / self._draws
            self._within = self._within + variances.sum(0)
            self._within_squares = self._within_squares + variances.square().sum(0)

    def estimates(self, target: Target, level: float) -> list[Estimate]:
        """An estimate for each of the k columns; no value may be added afterwards."""
        self._add_block(torch.cat(self._waiting))
        n, free = self._images, self._draws - 1
        found = []
        for k, mean in enumerate(self._mean.tolist()):
            if target == "population":
                error = math.sqrt(float(self._between[k]) / (n - 1) / n) if n > 1 else math.nan
                freedom = n - 1.0
            else:
                total, squares = float(self._within[k]), float(self._within_squares[k])
                error = math.sqrt(total) / n
                # Satterthwaite's: images differ in variance. (f + 2) undoes that squared variances are too large in
                # the mean, by a factor of 1 + 2 / f if values are normal.
                freedom = min(total**2 * (free + 2) / squares, n * free) if squares > 0 else n * free
            found.append(Estimate(mean, level, target, n, self._draws, error, freedom))
        return found


class _Part:
    """The images of a batch as often as fit into a pass, once for each of some draws."""

    def __init__(self, seed: int, start: int, batch: Any, draws: range, device: torch.device) -> None:
        self.start, self.count, self.draws, self.device = start, len(batch), len(draws), device
        if len(draws) == 1:
            self.images = batch
        else:
            self.images = batch.repeat(len(draws), 1, 1, 1) if isinstance(batch, Tensor) else batch * len(draws)
        index = torch.arange(start, start + len(batch), device=device).repeat(len(draws))
        draw = torch.arange(draws.start, draws.stop, device=device).repeat_interleave(len(batch))
        self.addresses = Addresses(seed, 0, index, draw)


class _Encoded(NamedTuple):
    """Results of one policy and batch, still on their way; for each pass tensors ``[draws in it, B]``."""

    policy: str
    start: int
    similarity: list[Tensor]
    """nan where a vector was zero or not finite."""
    largest: list[Tensor]
    """The largest absolute value in the vector of each view, ``[2, draws in it, B]``."""
    drawn: list[dict[str, Tensor]]

    def columns(self) -> dict[str, Tensor]:
        """All columns ``[B * draws]``, image by image, on the CPU."""
        similarity = torch.cat(self.similarity).T.cpu()  # [B, draws]
        if bool(similarity.isnan().any()):
            row, draw = similarity.isnan().nonzero()[0].tolist()
            values = torch.cat(self.largest, 1)[:, draw, row].tolist()
            view = next(k for k, value in enumerate(values) if value == 0 or not math.isfinite(value))
            kind = "a zero vector" if values[view] == 0 else "a vector that is not finite"
            raise ValueError(
                f"encoder must return finite vectors other than zero, got {kind} for view {view + 1} of image "
                f"{self.start + row} (draw {draw}, policy {self.policy!r}); look at that image and at the encoder's "
                "output for it"
            )
        count, draws = similarity.shape
        columns = {
            "similarity": similarity.double(),
            "index": torch.arange(self.start, self.start + count)[:, None].expand(-1, draws),
            "draw": torch.arange(draws).expand(count, -1),
        }
        for name in self.drawn[0] if self.drawn else ():
            columns[name] = torch.cat([drawn[name] for drawn in self.drawn]).T.cpu()
        return {name: column.flatten() for name, column in columns.items()}


class _Run:
    """One policy on its way through the data."""

    def __init__(self, name: str, policy: Any, encoder: Encoder, keep: bool) -> None:
        self.name = name
        self._fused: Fused = fuse(policy)
        self._owners = _owners(policy, (0, 1), Position())
        self._encoder = encoder
        self._keep = keep

    def encode(self, parts: Sequence[_Part], autocast: torch.dtype | None) -> _Encoded:
        """Make the pairs of a batch and compare them; nothing waits for the device."""
        result = _Encoded(self.name, parts[0].start, [], [], [])
        for part in parts:
            plan = self._fused.make_params(part.images, addresses=part.addresses)
            views = self._fused.transform(part.images, plan)
            with torch.autocast(part.device.type, autocast) if autocast else contextlib.nullcontext():
                z = self._embed(views)
            similarity, largest = _cosine(z, part.count * part.draws)
            result.similarity.append(similarity.view(part.draws, part.count))
            result.largest.append(largest.view(2, part.draws, part.count))
            if self._keep:
                drawn = _columns(plan, self._owners, part.images)
                result.drawn.append({name: column.view(part.draws, part.count) for name, column in drawn.items()})
        return result

    def _embed(self, views: Sequence[Tensor]) -> Tensor:
        """Embeddings of both views, one after the other, ``[2 B, D]``."""
        alike = views[0].shape == views[1].shape and views[0].dtype == views[1].dtype
        return torch.cat([self._checked(part) for part in ([torch.cat(list(views))] if alike else views)])

    def _checked(self, views: Tensor) -> Tensor:
        try:
            z = self._encoder(views)
        except (RuntimeError, TypeError) as error:
            if views.is_floating_point():
                raise
            raise TypeError(
                f"encoder failed on the views of policy {self.name!r}, which are {views.dtype}: {error}; if it needs "
                "floating point, end the pipeline with PerView(v2.ToDtype(torch.float32, scale=True))"
            ) from error
        if not isinstance(z, Tensor):
            raise TypeError(
                f"encoder must return a tensor [N, D], got {type(z).__name__}; pick the embedding out of it"
            )
        if z.ndim != 2 or len(z) != len(views) or z.shape[1] == 0 or not z.is_floating_point():
            raise ValueError(
                f"encoder must return floating point [N, D], one row for each of N = {len(views)} views, got {z.dtype} "
                f"of shape {tuple(z.shape)}; pool or flatten its output"
            )
        return z


def _cosine(z: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Cosines of rows ``i`` and ``count + i``, nan where a vector has no direction; and each row's largest value."""
    z = z.double()
    largest = z.abs().amax(1)
    scaled = z / largest[:, None]  # no norm overflows; zero and infinity become nan
    unit = scaled / scaled.norm(dim=1, keepdim=True)
    return (unit[:count] * unit[count:]).sum(1).clamp(-1.0, 1.0), largest


def _columns(plan: Plan, owners: Mapping[tuple[int, int], tuple[int, ...]], batch: Any) -> dict[str, Tensor]:
    """What was drawn for a batch, as columns ``[B]``."""
    height, width = _sides(batch)
    boxes = pair_boxes(plan, height, width)
    columns = {} if boxes is None else box_measures(boxes, height, width)
    repeats: dict[str, int] = {}
    seen: set[tuple[int, int, int]] = set()
    for drawn in plan.drawn:
        views = owners[drawn.step, drawn.view]
        key = (id(drawn.transform), drawn.step, drawn.view)
        if key in seen:  # Shared plans one draw for each view
            continue
        seen.add(key)
        kind = type(drawn.transform).__name__
        for name, value in drawn.params.items():
            per_view = list(value) if isinstance(value, tuple) else [value] * len(views)
            for view, of_view in zip(views, per_view, strict=False):
                if not isinstance(of_view, Tensor) or of_view.ndim != 1:
                    continue
                column = f"{name}{view + 1}"
                repeats[f"{kind}.{column}"] = nth = repeats.get(f"{kind}.{column}", 0) + 1
                columns[f"{kind}.{column}" if nth == 1 else f"{kind}#{nth}.{column}"] = of_view.double()
    return columns


def _owners(transform: Any, views: tuple[int, ...], place: Position) -> dict[tuple[int, int], tuple[int, ...]]:
    """Which of the final views what is drawn at a position (step, view) of the pipeline belongs to."""
    owners = {(place.at_step, place.at_view): views}
    first = 0
    for k, part in enumerate(parts(transform, len(views))):
        mine = views
        if isinstance(transform, MultiView):
            count = views_made(part.transform, None) or 1
            mine, first = views[first : first + count], first + count
        elif part.view is not None:
            mine = views[k : k + 1]
        owners |= _owners(part.transform, mine, part.of(place))
    return owners


class _Source:
    """Batches of images, from a tensor or a data set."""

    def __init__(self, images: Any, batch_size: int, workers: int) -> None:
        if isinstance(images, Tensor) and images.ndim != 4:
            raise ValueError(
                f"images must be a tensor [N, C, H, W] or a data set, got a tensor of shape {tuple(images.shape)}; "
                "write image[None] for one image"
            )
        if not hasattr(images, "__getitem__") or not hasattr(images, "__len__") or isinstance(images, (str, Mapping)):
            raise TypeError(
                "images must be a tensor [N, C, H, W], a list of images or a map-style data set (with __getitem__ and "
                f"__len__), got {type(images).__name__}; an iterable one has no index to address"
            )
        if len(images) == 0:
            raise ValueError(f"images must hold at least one, got an empty {type(images).__name__}; check its folder")
        self._images, self._batch_size = images, batch_size
        self._workers = integer("workers", workers, low=0, rule="an integer of at least 0")

    def __len__(self) -> int:
        return len(self._images)

    def batches(self, device: torch.device) -> Iterator[tuple[int, Any]]:
        """Index of the first image, and a tensor ``[B, C, H, W]`` or a list of tensors ``[C, H, W]``, on the device."""
        if isinstance(self._images, Tensor):
            for start, batch in zip(
                range(0, len(self), self._batch_size), torch.split(self._images, self._batch_size), strict=True
            ):
                yield start, batch.to(device, non_blocking=True)
            return
        loader = DataLoader(
            Pictures(self._images),
            self._batch_size,
            num_workers=self._workers,
            collate_fn=list,
            pin_memory=device.type == "cuda",
            generator=torch.Generator(),  # else the loader would take a number from the global one
        )
        start = 0
        for pictures in loader:
            if len({picture.shape for picture in pictures} | {picture.dtype for picture in pictures}) == 2:
                yield start, torch.stack(pictures).to(device, non_blocking=True)
            else:
                yield start, [picture.to(device, non_blocking=True) for picture in pictures]
            start += len(pictures)


def _sides(batch: Any) -> tuple[int | Tensor, int | Tensor]:
    """Height and width: numbers for a tensor, tensors ``[B]`` for a list."""
    if isinstance(batch, Tensor):
        return batch.shape[-2], batch.shape[-1]
    height, width = (torch.tensor([image.shape[i] for image in batch], device=batch[0].device) for i in (-2, -1))
    return height, width


def _joined(parts: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.cat([part[name] for part in parts]) for name in (parts[0] if parts else ())}


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


def _check(encoder: Any, policies: Mapping[str, Any], target: Any, autocast: Any) -> None:
    if not callable(encoder) or isinstance(encoder, type):
        raise TypeError(f"encoder must be a function or module from views [N, C, h, w] to [N, D], got {encoder!r}")
    if not policies:
        raise ValueError("policies must name at least one pipeline, got none; pass {'name': v2.Compose([...])}")
    for name, policy in policies.items():
        require_two_views(policy, "policies" if name == "policy" and len(policies) == 1 else f"policies[{name!r}]")
    if target not in get_args(Target):
        raise ValueError(f"target must be 'dataset' (these images) or 'population' (others like them), got {target!r}")
    if autocast is not None and not (isinstance(autocast, torch.dtype) and autocast.is_floating_point):
        raise TypeError(f"autocast must be a floating point dtype or None, got {autocast!r}; write torch.bfloat16")


def _place(encoder: Any, images: Any, device: torch.device | str | None) -> torch.device:
    if device is not None:
        return torch.device(device)
    if isinstance(encoder, nn.Module):
        first = next(itertools.chain(encoder.parameters(), encoder.buffers()), None)
        if first is not None:
            return first.device
    return images.device if isinstance(images, Tensor) else torch.device("cpu")
