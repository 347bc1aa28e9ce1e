"""``fuse(pipeline)``: the same pipeline for a whole batch, a separate draw for every image."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..chance import Address, Addresses, Chance
from ..loading import Indexed, Loader
from ..pipeline import ROOT, Addressable, Part, Position, placed_leaves, views_made
from ..rules import RULES, Drawn, Draws, Each, Known, rule_of
from ..views import Views
from ._along import moved
from ._execute import Images, Surprise, execute
from ._given import (
    Sample,
    apart,
    check_channels,
    checked_crop_box,
    collated,
    crop_boxes_of,
    is_given_whole,
    is_image,
    sample_of,
    split_batch,
)
from ._images import Source, source_of, sources_of
from ._plan import Plan
from ._rows import Asked, Fetch, PlanRows, checked_fetch, for_one
from ._walk import State, walk


class _How(NamedTuple):
    """How views are drawn: the keywords of a call."""

    generator: torch.Generator | None = None
    addresses: Addresses | Address | None = None
    crop_boxes: Tensor | None = None

    def at_box(self, box: Tensor | None) -> _How:
        """With the boxes that came with the samples, if they did."""
        return self if box is None else self._replace(crop_boxes=box)


class Fused(nn.Module, Addressable):
    """A pipeline for batches and for single samples; made by `fuse`.

    Args:
        pipeline: as `fuse`.
    """

    def __init__(self, pipeline: Callable[..., Any]) -> None:
        super().__init__()
        self.pipeline = pipeline
        self._known: dict[Any, Known] = {}
        self._asked: dict[Any, tuple[Asked, ...]] = {}
        views_made(pipeline, None)
        slow = [(path, leaf) for path, leaf in placed_leaves(pipeline) if rule_of(leaf) is None]
        if slow:
            named = ", ".join(sorted({_named(leaf) for _, leaf in slow}))
            warnings.warn(
                f"fuse has no rule for {named} and runs it image by image, at {', '.join(path for path, _ in slow)}; "
                "write one with @jointaug.rules.register, or say which v2 transform it stands for with "
                "@jointaug.rules.adapt",
                stacklevel=3,
            )

    def forward(
        self,
        *inputs: Any,
        generator: torch.Generator | None = None,
        addresses: Addresses | Address | None = None,
        crop_boxes: Tensor | None = None,
    ) -> Any:
        """The views of an image, of a sample, or of a batch.

        Args:
            inputs: what is given, and what it means:

                =======================================================  ==========================================
                given                                                    meaning, and what comes back
                =======================================================  ==========================================
                a PIL image, a tensor ``[C, H, W]`` of 1, 3, 4 channels  one image; `Views` of tensors
                several arguments, a tuple or a dict with one image      one sample, as the pipeline takes it; its
                                                                         result, the rest passes
                a tensor ``[B, C, H, W]``                                a batch; a list of views' batches
                the same, in several arguments, a tuple, list or dict    a batch; the same with that list in it
                a list of images, of different sizes too                 a batch; a list of views' batches
                a list of tensors ``[B, C, H, W]``                       collated views; a list of batches
                a list of samples                                        a batch; what ``default_collate`` gives of
                                                                         the samples' results
                a dict of lists (``set_transform`` of HF ``datasets``)   a batch; a dict of lists
                =======================================================  ==========================================

                Images are uint8, or floating point on [0, 1]. Masks, boxes and key points of a sample go along.
            generator: of torch, on the images' device, for all draws; torch's global one by default.
            addresses: one for each image (an `Address` for one): then each image's views are those of its address,
                whatever the batch.
            crop_boxes: where `ContrastiveCrop` puts each image's crops, if a sample has no `CropBox` of its own: float
                ``[B, 4]`` (one image: ``[4]``), left, top, right, bottom as fractions of the sides.

        Returns:
            See the table. Without views in the pipeline a batch ``[B, C, h, w]`` (one image: ``[C, h, w]``) stands for
            the list of batches (`Views`).

        Raises:
            TypeError: for two images in one sample, a sample without one, masks beside a batch.
            ValueError: for tensors of three dimensions that are no image.
        """
        if not inputs:
            raise TypeError("fuse(pipeline) must be given images, got nothing; write fused(images)")
        first = inputs[0]
        how = _How(generator, addresses, crop_boxes)
        if len(inputs) == 1:
            if is_image(first):
                return self._one(first, how)
            if is_given_whole(first):
                return self._batch(first, how)
            if isinstance(first, list) and first and not any(map(is_given_whole, first)):
                return self._listed(first, how)
            if isinstance(first, dict) and first and all(isinstance(v, (list, tuple)) for v in first.values()):
                return self._columns(first, how)
        item = inputs if len(inputs) > 1 else first
        if not isinstance(item, (tuple, list, dict)):
            sources_of(item)  # says what is wrong
        split = split_batch(item)
        if split is not None:
            batch, with_batch = split
            return with_batch(self._batch(batch, how))
        if isinstance(item, list):
            sources_of(item)
        return self._sample(inputs, how)

    def collate(self, samples: Sequence[Any]) -> Any:
        """A ``collate_fn`` for a ``DataLoader``: the views of a list of samples, all else as ``default_collate`` does.

        Args:
            samples: images, tuples ``(image, label)``, dicts; with masks, boxes or key points, which go along.
        """
        return self(list(samples))

    def loader(
        self, dataset: Indexed, batch_size: int, *, seed: int = 0, shuffle: bool = False, **options: Any
    ) -> Loader:
        """Batches of the views of a data set's samples, epoch after epoch, every draw by its address.

        Args:
            dataset: map-style, without a view maker of its own.
            batch_size: samples of a batch, in each process.
            seed: of order and views, in [0, 2**64).
            shuffle: whether each epoch has a random order of its own.
            options: of `jointaug.loading.Loader`: ``record``, ``drop_last``, ``num_workers``, ...

        Example:
            >>> import torch
            >>> from jointaug import JointCrop, fuse
            >>> images = [(torch.zeros(3, 40, 40, dtype=torch.uint8), label) for label in range(6)]
            >>> for (first, second), labels in fuse(JointCrop(16)).loader(images, 4, shuffle=True):
            ...     print(tuple(first.shape), len(labels))
            (4, 3, 16, 16) 4
            (2, 3, 16, 16) 2
        """
        return Loader(dataset, self, batch_size, seed=seed, shuffle=shuffle, **options)

    def samples(
        self,
        samples: Sequence[Any],
        *,
        generator: torch.Generator | None = None,
        addresses: Addresses | None = None,
    ) -> list[Any]:
        """For each of the samples what a call on it alone gives, all in one go; views lie in the batch's memory.

        Args:
            samples: images, tuples of a pipeline's arguments, dicts.
            generator: as `forward`.
            addresses: as `forward`.
        """
        laid_out = [sample_of(item, f"samples[{n}]") for n, item in enumerate(samples)]
        made, views, along = self._many(laid_out, _How(generator, addresses))
        return apart(laid_out, views, along, made=made)

    def run(self, inputs: tuple[Any, ...], chance: Chance) -> Any:
        """The views of a sample, every draw from ``chance``."""
        if not isinstance(chance, Address):
            return self(*inputs)
        if len(inputs) == 1 and is_image(inputs[0]):
            return self._one(inputs[0], _How(None, chance))
        return self._sample(inputs, _How(None, chance))

    def parts(self, views: int | None) -> list[Part]:  # noqa: ARG002
        """The pipeline, at the position of this module."""
        return [Part(self.pipeline)]

    def views_made(self, views: int | None) -> int | None:
        """As many as the pipeline makes."""
        return views_made(self.pipeline, views)

    # ---- what is given, step by step -----------------------------------------------------------------------------

    def _one(self, image: Any, how: _How) -> Any:
        """`Views` of one image, or one image."""
        plan, results = self._alone(image, how)
        return Views(results) if plan.made else results[0]

    def _sample(self, inputs: tuple[Any, ...], how: _How) -> Any:
        sample = sample_of(inputs, "a sample")
        plan, results = self._alone(sample.image, how.at_box(sample.crop_box))
        views = [
            {sample.place: result, **moved(sample, view.history, 0, alone=view.alone)}
            for result, view in zip(results, plan.views, strict=True)
        ]
        return sample.put_together(views, made=plan.made)

    def _listed(self, items: list[Any], how: _How) -> Any:
        """A list of images, or of samples."""
        if not any(isinstance(item, (tuple, dict)) for item in items):
            return self._batch(items, how)
        laid_out = [sample_of(item, f"batch[{n}]") for n, item in enumerate(items)]
        made, views, along = self._many(laid_out, how)
        return collated(laid_out, views, along, made=made)

    def _columns(self, columns: dict[str, Any], how: _How) -> dict[str, list[Any]]:
        """A dict of lists, one entry for each sample."""
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"a dict of lists must hold as many entries in each, got {lengths}; give one per sample")
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        laid_out = [sample_of(row, f"row {n}") for n, row in enumerate(rows)]
        made, views, along = self._many(laid_out, how)
        results = apart(laid_out, views, along, made=made)
        answers: dict[str, list[Any]] = {}
        for name, column in columns.items():
            answers[name] = [
                _of_views(result, name, original) for result, original in zip(results, column, strict=True)
            ]
        return answers

    def _batch(self, batch: Any, how: _How) -> Any:
        """A list of views' batches, or a batch."""
        return self.transform(batch, self.make_params(batch, **how._asdict()))

    def _many(self, samples: list[Sample], how: _How) -> tuple[bool, list[Any], list[list[dict[int, Any]]]]:
        """Whether there are views; for each its batch, and for each sample what went along."""
        images = [sample.image for sample in samples]
        plan = self.make_params(images, **how.at_box(crop_boxes_of(samples))._asdict())
        results = self.transform(images, plan)
        along = [
            [moved(sample, view.history, n, alone=False) for n, sample in enumerate(samples)] for view in plan.views
        ]
        return plan.made, results if plan.made else [results], along

    def _alone(self, image: Any, how: _How) -> tuple[Plan, list[Tensor]]:
        """The plan of one image, in numbers, and what it gives."""
        check_channels(image, "an image")
        source = source_of(image)
        pixels = source.images[0]
        generator, addresses, crop_box = how
        if isinstance(addresses, Address):
            if generator is not None:
                raise ValueError("give a generator or an address, not both: an address says all that is drawn")
            at, alone = Position(*addresses.position), pixels.is_cpu
            fetch: Fetch = addresses.rows_at if alone else addresses.as_batch(pixels.device).rows_at
        else:
            at, alone = ROOT, pixels.is_cpu and addresses is None
            fetch = checked_fetch(1, pixels.device, generator, addresses)
            fetch = partial(for_one, generator) if alone else fetch
        rows = self._rows(fetch, (1, False, at), at_once=alone)
        box = checked_crop_box(crop_box if crop_box is None else crop_box[None], 1, pixels.device)
        box = tuple(float(side) for side in box) if box is not None and alone else box
        plan = self._plan([source], rows, self._known, made=False, at=at, alone=alone, crop_box=box)
        return plan, [result[0] for result in self._results([source], plan, made=False)]

    # ---- plan and work -------------------------------------------------------------------------------------------

    def make_params(
        self,
        batch: Any,
        *,
        generator: torch.Generator | None = None,
        addresses: Addresses | None = None,
        crop_boxes: Tensor | None = None,
    ) -> Plan:
        """All that `forward` would draw for this batch, as data; no pixel is touched.

        Args:
            batch: images ``[B, C, H, W]``, a list of images, or a list of batches (collated views).
            generator: as `forward`.
            addresses: as `forward`.
            crop_boxes: as `forward`.
        """
        if isinstance(addresses, Address):
            raise TypeError(
                f"addresses of a batch must be Addresses, got {addresses!r}; write Addresses(seed, epoch, index)"
            )
        sources, given_views = sources_of(batch)
        first = sources[0].images
        fetch = checked_fetch(len(first), first[0].device, generator, addresses)
        rows = self._rows(fetch, (len(sources), given_views, ROOT), at_once=addresses is not None)
        box = checked_crop_box(crop_boxes, len(first), first[0].device)
        return self._plan(sources, rows, self._known, made=given_views, crop_box=box)

    def _rows(self, fetch: Fetch, form: tuple[Any, ...], *, at_once: bool) -> PlanRows:
        """Rows for a plan: all that such a one asked for before in one go, if that gives what one by one does."""
        if not at_once:
            return PlanRows(fetch)
        expected = self._asked.get(form)
        return PlanRows(fetch, (), form) if expected is None else PlanRows(fetch, expected)

    def _plan(
        self,
        sources: Sequence[Source],
        rows: PlanRows,
        known: Mapping[Any, Known],
        *,
        made: bool,
        at: Position = ROOT,
        alone: bool = False,
        crop_box: tuple[Any, ...] | None = None,
    ) -> Plan:
        drawn: list[Drawn] = []
        state = State([source.view(k, alone=alone, crop_box=crop_box) for k, source in enumerate(sources)], made=made)
        state = walk(self.pipeline, state, Draws(rows, drawn, known, at))
        if rows.form is not None:
            self._asked[rows.form] = rows.asked
        signature = tuple(source.signature for source in sources)
        return Plan(state.views, state.made, signature, drawn, rows, at, alone, crop_box)

    def transform(self, batch: Any, params: Plan) -> Any:
        """The views of a batch with given draws: a function, without chance.

        Args:
            batch: as `make_params`, of the shape that ``params`` was made for.
            params: from `make_params`.
        """
        sources, given_views = sources_of(batch)
        if not isinstance(params, Plan):
            raise TypeError(f"params must come from make_params, got {type(params).__name__}; call make_params(batch)")
        signature = tuple(source.signature for source in sources)
        if signature != params.sources:
            raise ValueError(
                f"params were made for another batch: {_brief(params.sources)}, got {_brief(signature)}; call "
                "make_params(batch) for this one"
            )
        results = self._results(sources, params, made=given_views)
        return results if params.made else results[0]

    def _results(self, sources: Sequence[Source], params: Plan, *, made: bool) -> list[Tensor]:
        inputs = [source.images for source in sources]
        if any(isinstance(instruction, Each) for view in params.views for instruction in view.program):
            results = self._settled(sources, params, made=made)
        else:
            results = execute(inputs, params.views, {})
        for result in results:
            if not isinstance(result, Tensor):
                raise ValueError(
                    f"the pipeline leaves a list of images at sizes of their own, where a batch is wanted, got "
                    f"{[tuple(image.shape) for image in result][:3]}...; resize or crop them to one size"
                )
        return _apart(results, inputs)

    def _settled(self, sources: Sequence[Source], params: Plan, *, made: bool) -> list[Any]:
        """The results of a plan with transforms that have no rule: planned anew where one gave what none had seen."""
        known: dict[Any, Known] = {}
        done: dict[int, Any] = {}
        while True:
            try:
                results = execute([source.images for source in sources], params.views, done)
                break
            except Surprise as surprise:
                if surprise.place in known:  # it was asked on two parts of the batch
                    raise ValueError(
                        "a transform without a rule must give images of one size, dtype and number of channels on the "
                        f"whole batch, got {known[surprise.place]} and {surprise.seen}; convert in it"
                    ) from None
                known[surprise.place] = surprise.seen
            after = self._plan(
                sources,
                params.rows,
                {**self._known, **known},
                made=made,
                at=params.at,
                alone=params.alone,
                crop_box=params.crop_box,
            )
            params.views[:], params.drawn[:] = after.views, after.drawn
        self._known |= {place: seen for place, seen in known.items() if seen.stays}
        return results

    def extra_repr(self) -> str:
        return repr(self.pipeline)


def fuse(pipeline: Callable[..., Any]) -> Fused:
    """The same pipeline for whole batches, with a separate draw for every image, in few passes over memory.

    With equal draws both give the same picture: every step agrees with v2's tensor kernel to 1e-5 (one grey level for
    uint8), and a chain agrees with the v2 pipeline run in float. (v2's uint8 chain truncates after every step; a
    fused one computes in float and rounds once.) Rules exist for this library's transforms and for those of torchvision
    that contrastive recipes use, v1's too; a transform without one runs image by image, with one warning that says
    where it stands.

    Args:
        pipeline: a ``v2.Compose`` or any transform or coupling of this library or of ``torchvision.transforms``, of its
            v2 or v1.

    Returns:
        A module: ``fused(batch)``, ``fused(batch, generator=g)``, ``fused(batch, addresses=Addresses(seed, epoch,
        index))``; ``params = fused.make_params(batch)`` and ``fused.transform(batch, params)`` separate chance from
        work.

    Raises:
        TypeError: for what is no transform.
        ValueError: for a pipeline whose number of views is random.

    Example:
        >>> import torch
        >>> from torchvision.transforms import v2
        >>> from jointaug import JointCrop, PerView, fuse
        >>> normalize = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.5] * 3, [0.25] * 3)])
        >>> fused = fuse(v2.Compose([JointCrop(32), PerView(v2.Compose([v2.RandomHorizontalFlip(), normalize]))]))
        >>> first, second = fused(torch.zeros(8, 3, 60, 80, dtype=torch.uint8))
        >>> first.shape
        torch.Size([8, 3, 32, 32])
    """
    if not callable(pipeline) or isinstance(pipeline, type):
        raise TypeError(f"pipeline must be a transform, got {pipeline!r}; pass v2.Compose([...])")
    return pipeline if isinstance(pipeline, Fused) else Fused(pipeline)


def _named(transform: Any) -> str:
    """A transform without a rule, for messages; one whose type has a rule is told as it is set up."""
    return repr(transform) if type(transform) in RULES else type(transform).__name__


def _of_views(result: Any, name: str, original: Any) -> Any:
    """One entry of a sample's result: of each view, or as it was."""
    if not isinstance(result, Views):
        return result[name]
    entries = [view[name] for view in result]
    return original if all(entry is original for entry in entries) else Views(entries)


def _apart(results: Sequence[Tensor], inputs: Sequence[Images]) -> list[Tensor]:
    """The views, each in memory of its own: what is done to one in place is done to nothing else."""
    held = [image for images in inputs for image in (images if isinstance(images, list) else [images])]
    views: list[Tensor] = []
    for result in results:
        shared = any(result is other or _same_memory(result, other) for other in [*held, *views])
        views.append(result.clone() if shared else result)
    return views


def _same_memory(first: Tensor, second: Tensor) -> bool:
    return not torch.compiler.is_compiling() and first.data_ptr() == second.data_ptr()


def _brief(signature: Any) -> str:
    text = str(signature)
    return text if len(text) < 120 else text[:117] + "..."
