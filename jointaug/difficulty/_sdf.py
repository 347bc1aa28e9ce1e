"""How similar an encoder finds the pairs of a policy: the statistical difficulty factor, with intervals.

SDF is the expected cosine similarity of the two views' embeddings, over a data set and over the policy's chance (Zhang
et al. 2025, https://arxiv.org/abs/2412.16522, eq. 2). **Larger is easier.** It is a property of policy, data *and*
encoder: numbers of different encoders do not compare.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypedDict, get_args, overload

import torch
from torch import Tensor, nn

from .._validate import integer
from ..chance import Address, Addresses
from ..fusion import Fused, fuse
from ..loading import Indexed
from ..pipeline import ROOT
from ._estimates import Moments, Target, checked_level
from ._images import Batches
from ._pairs import drawn_columns, require_two_views, view_owners
from ._passes import bar_of, evaluating
from ._results import Comparison, PolicySDF

if TYPE_CHECKING:
    from typing_extensions import Unpack

Encoder: TypeAlias = "Callable[[Tensor], Tensor]"


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


@overload
def sdf(
    encoder: Encoder, images: Tensor | Indexed, policies: Mapping[str, Any], **options: Unpack[Options]
) -> Comparison: ...
@overload
def sdf(
    encoder: Encoder, images: Tensor | Indexed, policies: Callable[..., Any], **options: Unpack[Options]
) -> PolicySDF: ...
def sdf(
    encoder: Encoder,
    images: Tensor | Indexed,
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
            images, of tuples that begin with one, or of dictionaries that hold one: PIL images or tensors
            ``[C, H, W]``, of any sizes.
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
    named: Mapping[str, Any] = policies if isinstance(policies, Mapping) else {"policy": policies}
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
    source = Batches(images, batch_size, workers)
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
        for start, batch in source.on(place):
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
    """Results of one policy and batch, still on their way; for each pass tensors ``[draws in it, B]``.

    Attributes:
        policy: its name.
        start: index of the first image.
        similarity: nan where a vector was zero or not finite.
        largest: the largest absolute value in the vector of each view, ``[2, draws in it, B]``.
        drawn: what was drawn, by column.
    """

    policy: str
    start: int
    similarity: list[Tensor]
    largest: list[Tensor]
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
        self._owners = view_owners(policy, (0, 1), ROOT)
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
                drawn = drawn_columns(plan, self._owners, part.images)
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


def _joined(parts: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.cat([part[name] for part in parts]) for name in (parts[0] if parts else ())}


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
