"""``fuse(pipeline)``: the same pipeline for a whole batch, a separate draw for every image."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypedDict, cast, overload

import torch
from torch import Tensor

from .._validate import memory_order
from ..chance import Address, Addresses, Chance
from ..loading import Indexed, Loader
from ..pipeline import ROOT, Addressable, Part, places, views_made
from ..rules import RULES, register, rule_of
from ..views import Views
from ._along import moved
from ._given import (
    Sample,
    check_channels,
    collated,
    crop_boxes_of,
    each,
    has_no_image,
    is_given_whole,
    is_image,
    sample_of,
    split_batch,
)
from ._images import Source, signature_of, source_of, sources_of
from ._plan import Plan
from ._planner import Planner
from ._record import Record, sides_of
from ._replay import Again, Apart
from ._rows import PlanRows, no_rows

if TYPE_CHECKING:
    from typing_extensions import Unpack

    class _Keywords(TypedDict, total=False):
        """Of a call."""

        generator: torch.Generator | None
        addresses: Addresses | Address | None
        crop_boxes: Tensor | None


class _How(NamedTuple):
    """How views are drawn: the keywords of a call.

    Attributes:
        noted: whether it matters what one sample's transforms drew. (Of a batch it is noted in any case.)
    """

    generator: torch.Generator | None = None
    addresses: Addresses | Address | None = None
    crop_boxes: Tensor | None = None
    noted: bool = False

    def at_box(self, box: Tensor | None) -> _How:
        """With the boxes that came with the samples, if they did."""
        return self if box is None else self._replace(crop_boxes=box)


class _Made(NamedTuple):
    """What a call gave, the plan of it, and whether that was of one sample."""

    result: Any
    plan: Plan
    one: bool


class Fused(Planner, Addressable):
    """A pipeline for batches and for single samples; made by `fuse`.

    Args:
        pipeline: as `fuse`.
        memory_format: as `fuse`.
    """

    def __init__(
        self, pipeline: Callable[..., Any], memory_format: torch.memory_format = torch.contiguous_format
    ) -> None:
        super().__init__(pipeline, memory_format)
        views_made(pipeline, None)
        slow = [place for place in places(pipeline) if rule_of(place.transform) is None]
        if slow:
            named = ", ".join(sorted({_named(place.transform) for place in slow}))
            warnings.warn(
                f"fuse has no rule for {named} and runs it image by image, at "
                f"{', '.join(place.path for place in slow)}; write one with "
                "@jointaug.rules.register, or say which v2 transform it stands for with @jointaug.rules.adapt (of a "
                "class that makes views by itself: write MultiView(t, t))",
                stacklevel=3,
            )

    if TYPE_CHECKING:

        @overload
        def __call__(self, *inputs: Any, record: Literal[True], **how: Unpack[_Keywords]) -> tuple[Any, Record]: ...
        @overload
        def __call__(self, *inputs: Any, record: bool = ..., **how: Unpack[_Keywords]) -> Any: ...
        def __call__(self, *inputs: Any, record: bool = False, **how: Unpack[_Keywords]) -> Any:
            """As `forward`."""

    def forward(
        self,
        *inputs: Any,
        generator: torch.Generator | None = None,
        addresses: Addresses | Address | None = None,
        crop_boxes: Tensor | None = None,
        record: bool = False,
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

                Images are uint8, or floating point on [0, 1]. Masks, boxes and key points of a sample go along; of a
                list of samples, boxes and key points stay lists, one entry for each.
            generator: of torch, on the images' device, for all draws; torch's global one by default.
            addresses: one for each image (an `Address` for one): then each image's views are those of its address,
                whatever the batch.
            crop_boxes: where `ContrastiveCrop` puts each image's crops, if a sample has no `CropBox` of its own: float
                ``[B, 4]`` (one image: ``[4]``), left, top, right, bottom as fractions of the sides.
            record: whether to say what was done, too.

        Returns:
            See the table. Without views in the pipeline a batch ``[B, C, h, w]`` (one image: ``[C, h, w]``) stands for
            the list of batches (`Views`). With ``record``, that and a `jointaug.Record`, of one image or of the batch.

        Raises:
            TypeError: for two images in one sample, a sample without one, masks beside a batch.
            ValueError: for tensors of three dimensions that are no image.
        """
        made = self._made(inputs, _How(generator, addresses, crop_boxes, record))
        return (made.result, self._recorded(made)) if record else made.result

    def _made(self, inputs: tuple[Any, ...], how: _How | Again) -> _Made:
        """What a call gives."""
        if not inputs:
            raise TypeError("fuse(pipeline) must be given images, got nothing; write fused(images)")
        first = inputs[0]
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
            made = self._batch(batch, how)
            return made._replace(result=with_batch(made.result))
        if isinstance(item, list):
            sources_of(item)
        return self._sample(inputs, how)

    @overload
    def collate(self, samples: Sequence[Any], *, record: Literal[True]) -> tuple[Any, Record]: ...
    @overload
    def collate(self, samples: Sequence[Any], *, record: bool = ...) -> Any: ...
    def collate(self, samples: Sequence[Any], *, record: bool = False) -> Any:
        """A ``collate_fn`` for a ``DataLoader``: the views of a list of samples, all else as ``default_collate`` does.

        Args:
            samples: images, tuples ``(image, label)``, dicts; with masks, boxes or key points, which go along.
            record: as `forward`; ``functools.partial(fused.collate, record=True)`` gives the loader both.
        """
        return self(list(samples), record=record)

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
        record: bool = False,
    ) -> Any:
        """For each of the samples what a call on it alone gives, all in one go; views lie in the batch's memory.

        Args:
            samples: images, tuples of a pipeline's arguments, dicts.
            generator: as `forward`.
            addresses: as `forward`.
            record: as `forward`.

        Returns:
            A list; with ``record``, that and the `jointaug.Record` of the batch.
        """
        made = self._samples(samples, _How(generator, addresses))
        return (made.result, self._recorded(made)) if record else made.result

    def run(self, inputs: tuple[Any, ...], chance: Chance) -> Any:
        """The views of a sample, every draw from ``chance``."""
        if not isinstance(chance, Address):
            return self(*inputs)
        how = _How(None, chance)
        one = len(inputs) == 1 and is_image(inputs[0])
        return (self._one(inputs[0], how) if one else self._sample(inputs, how)).result

    def parts(self, views: int | None) -> list[Part]:  # noqa: ARG002
        """The pipeline, at the position of this module."""
        return [Part(self.pipeline)]

    def views_made(self, views: int | None) -> int | None:
        """As many as the pipeline makes."""
        return views_made(self.pipeline, views)

    # ---- what is given, step by step -----------------------------------------------------------------------------

    def _one(self, image: Any, how: _How | Again) -> _Made:
        """`Views` of one image, or one image."""
        plan, results = self._alone(image, how)
        return _Made(Views(results) if plan.made else results[0], plan, one=True)

    def _sample(self, inputs: tuple[Any, ...], how: _How | Again) -> _Made:
        sample = sample_of(inputs, "a sample")
        plan, results = self._alone(sample.image, how, sample.crop_box, noted=bool(sample.along))
        views = [
            {sample.place: result, **moved(sample, view.history, 0, alone=view.alone)}
            for result, view in zip(results, plan.views, strict=True)
        ]
        return _Made(sample.put_together(views, made=plan.made), plan, one=True)

    def _listed(self, items: list[Any], how: _How | Again) -> _Made:
        """A list of images, or of samples."""
        if not any(isinstance(item, (tuple, dict)) for item in items):
            return self._batch(items, how)
        laid_out = [sample_of(item, f"batch[{n}]") for n, item in enumerate(items)]
        plan, views, along = self._many(laid_out, how)
        return _Made(collated(laid_out, views, along, made=plan.made), plan, one=False)

    def _samples(self, items: Sequence[Any], how: _How | Again) -> _Made:
        """A list of the samples' results."""
        laid_out = [sample_of(item, f"samples[{n}]") for n, item in enumerate(items)]
        plan, views, along = self._many(laid_out, how)
        return _Made(each(laid_out, views, along, made=plan.made), plan, one=False)

    def _columns(self, columns: dict[str, Any], how: _How | Again) -> _Made:
        """A dict of lists, one entry for each sample."""
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"a dict of lists must hold as many entries in each, got {lengths}; give one per sample")
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        made = self._samples(rows, how)
        answers: dict[str, list[Any]] = {}
        for name, column in columns.items():
            answers[name] = [
                _of_views(result, name, original) for result, original in zip(made.result, column, strict=True)
            ]
        return made._replace(result=answers)

    def _batch(self, batch: Any, how: _How | Again) -> _Made:
        """A list of views' batches, or a batch."""
        plan = self._planned(batch, how)
        return _Made(self.transform(batch, plan), plan, one=False)

    def _many(self, samples: list[Sample], how: _How | Again) -> tuple[Plan, list[Any], list[list[dict[int, Any]]]]:
        """The plan; for each view its batch, and for each sample what went along."""
        images = [sample.image for sample in samples]
        plan = self._planned(images, how.at_box(crop_boxes_of(samples)) if isinstance(how, _How) else how)
        results = self.transform(images, plan)
        along = [
            [moved(sample, view.history, n, alone=False) for n, sample in enumerate(samples)] for view in plan.views
        ]
        return plan, results if plan.made else [results], along

    def _planned(self, batch: Any, how: _How | Again) -> Plan:
        """The plan of a batch."""
        if isinstance(how, _How):
            addresses: Any = how.addresses  # one Address is refused there
            # Each by its name: Dynamo of torch 2.8 does not trace `_asdict`.
            return self.make_params(batch, generator=how.generator, addresses=addresses, crop_boxes=how.crop_boxes)
        sources, given_views = sources_of(batch)
        return self._repeated(sources, how, made=given_views)

    def _alone(
        self, image: Any, how: _How | Again, crop_box: Tensor | None = None, *, noted: bool = False
    ) -> tuple[Plan, list[Tensor]]:
        """The plan of one image, in numbers, and what it gives; what is drawn is in it if someone asks for it."""
        check_channels(image, "an image")
        source = source_of(image)
        if isinstance(how, Again):
            plan = self._repeated([source], how, made=False)
        else:
            box = how.crop_boxes if crop_box is None else crop_box
            plan = self.plan_alone(source, how.generator, how.addresses, box, noted=noted or how.noted)
        return plan, [result[0] for result in self.results([source], plan, made=False)]

    # ---- records -------------------------------------------------------------------------------------------------

    def _recorded(self, made: _Made) -> Record:
        record = self.record(made.plan)
        return record[0] if made.one and not made.plan.alone else record

    def replay(self, record: Record, *inputs: Any) -> Any:
        """The same views of another sample, of the same size: what the record says, and no chance.

        Masks, boxes and key points are moved as their image was, and skip what changes colors alone; depth goes as
        ``torchvision.tv_tensors.Mask``. They may come without an image.

        Args:
            record: of one image or of a batch, made by a pipeline of the same structure and settings.
            inputs: as `forward`: of as many images as the record.

        Returns:
            As `forward`.

        Raises:
            TypeError: for what is no record.
            ValueError: for a record of another pipeline, another number of images, or images of another size.

        Example:
            >>> import torch
            >>> from torchvision import tv_tensors
            >>> from torchvision.transforms import v2
            >>> from jointaug import JointCrop, PerView, fuse
            >>> fused = fuse(v2.Compose([JointCrop(32), PerView(v2.RandomHorizontalFlip())]))
            >>> views, record = fused(torch.rand(3, 60, 80), record=True)
            >>> first, second = fused.replay(record, tv_tensors.Mask(torch.zeros(60, 80, dtype=torch.int64)))
            >>> first.shape
            torch.Size([32, 32])
        """
        if not isinstance(record, Record):
            raise TypeError(
                f"record must be a Record, got {type(record).__name__}; take it from fused(images, record=True) or "
                "Record.from_json(text)"
            )
        origin = self.origin(ROOT)
        if record.pipeline != origin.fingerprint:
            raise ValueError(
                f"record must be of this pipeline ({origin.fingerprint}), got one of another ({record.pipeline}): "
                "structure and settings must be the same; fuse the pipeline that made it"
            )
        how = Again(record, origin)
        if has_no_image(inputs):
            return how.along(inputs)
        try:
            return self._made(inputs, how).result
        except Apart:
            (batch,) = inputs
            return how.put_together([self.replay(record[i], image) for i, image in enumerate(batch)])

    def _repeated(self, sources: Sequence[Source], how: Again, *, made: bool) -> Plan:
        """The plan of a record, for other images."""
        alone = how.record.count is None
        how.check([sides_of(signature_of(source)) for source in sources], len(sources[0].images), made=made)
        device = sources[0].images[0].device
        if alone and device.type != "cpu":
            raise ValueError(
                f"one image must be on the CPU to have its views made again, got one on {device}; give a batch with "
                "the record of a batch, or image.cpu()"
            )
        views = how.views(sources, self._known)
        signature = tuple(map(signature_of, sources))
        return Plan(views, how.record.made, signature, [], PlanRows(no_rows), alone=alone, again=how)


class _Fuse(ABC):
    """What `fuse` is to type checkers: a function that one can teach."""

    register = staticmethod(register)

    @abstractmethod
    def __call__(self, pipeline: Callable[..., Any], *, memory_format: torch.memory_format | None = ...) -> Fused:
        """The fused pipeline."""


def _teachable(function: Callable[..., Fused]) -> _Fuse:
    function.register = register  # type: ignore[attr-defined]
    return cast("_Fuse", function)


@_teachable
def fuse(pipeline: Callable[..., Any], *, memory_format: torch.memory_format | None = None) -> Fused:
    """The same pipeline for whole batches, with a separate draw for every image, in few passes over memory.

    With equal draws both give the same picture: every step agrees with v2's tensor kernel to 1e-5 (one grey level for
    uint8), and a chain agrees with the v2 pipeline run in float. (v2's uint8 chain truncates after every step; a
    fused one computes in float and rounds once.) Rules exist for this library's transforms and for those of torchvision
    that contrastive recipes use, v1's too; a transform without one runs image by image, with one warning that says
    where it stands. ``fuse.register`` is `jointaug.rules.register`: it teaches a rule for one.

    Args:
        pipeline: a ``v2.Compose`` or any transform or coupling of this library or of ``torchvision.transforms``, of its
            v2 or v1.
        memory_format: of the views: ``torch.channels_last`` puts the channels of a pixel beside each other, which
            convolutions on a GPU prefer. The kernels on CUDA write views so; elsewhere each is copied at the end.
            ``torch.contiguous_format`` by default; what is fused already keeps its own.

    Returns:
        A module: ``fused(batch)``, ``fused(batch, generator=g)``, ``fused(batch, addresses=Addresses(seed, epoch,
        index))``; ``params = fused.make_params(batch)`` and ``fused.transform(batch, params)`` separate chance from
        work.

    Raises:
        TypeError: for what is no transform.
        ValueError: for a pipeline whose number of views is random, or another memory format.

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
    if isinstance(pipeline, Fused):
        if memory_format in (None, pipeline.memory_format):
            return pipeline
        pipeline = pipeline.pipeline
    return Fused(pipeline, torch.contiguous_format if memory_format is None else memory_order(memory_format))


def _named(transform: Any) -> str:
    """A transform without a rule, for messages; one whose type has a rule is told as it is set up."""
    return repr(transform) if type(transform) in RULES else type(transform).__name__


def _of_views(result: Any, name: str, original: Any) -> Any:
    """One entry of a sample's result: of each view, or as it was."""
    if not isinstance(result, Views):
        return result[name]
    entries = [view[name] for view in result]
    return original if all(entry is original for entry in entries) else Views(entries)
