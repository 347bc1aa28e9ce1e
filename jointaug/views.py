"""Views of a sample, and the three ways in which a random step couples them.

=============  ============================  ===============================
coupling       written                       law of the views' parameters
=============  ============================  ===============================
independent    ``PerView(t)``                product of the marginals
identical      ``Shared(t)``                 one draw for all views
joint          ``JointCrop(...)``, ...       a joint law (see ``transforms``)
=============  ============================  ===============================

A view maker (`MultiView`, or a joint transform) turns a sample into `Views`; the couplings take them apart and put
them together again. A sample is whatever ``torchvision.transforms.v2`` takes: an image, or several arguments or a
nesting with an image in it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, overload

import numpy as np
import PIL.Image
import torch
from torch import Tensor
from torch.utils._pytree import register_pytree_node, tree_flatten, tree_unflatten
from torchvision import tv_tensors
from torchvision.transforms import v2

from .chance import FRESH, Chance
from .pipeline import Addressable, Part, replay, run, several_outputs, views_made

if TYPE_CHECKING:
    from typing_extensions import Self

IMAGES = (tv_tensors.Image, tv_tensors.Video, PIL.Image.Image)


class Views(tuple[Any, ...]):
    """The views of one sample: a tuple that no plain v2 transform can take for a sample.

    A v2 transform draws once for all that it is given, so on a tuple of views it would couple them in silence.
    `Views` raises there and says what to write instead. Slices and sums of `Views` are `Views`. ``default_collate``
    turns a batch of them into a plain list of batches (the field's convention), and there this guarantee ends.

    Args:
        views: one iterable of samples.

    Raises:
        TypeError: if ``views`` is a single sample (a tensor, a PIL image, a dict or a string) or no iterable.
    """

    __slots__ = ()

    def __new__(cls, views: Iterable[Any] = ()) -> Self:  # noqa: D102
        one = isinstance(views, (Tensor, PIL.Image.Image, dict, str, bytes, np.ndarray))
        if one or not isinstance(views, Iterable):
            raise TypeError(
                f"views must be an iterable of samples, got one {type(views).__name__}; write Views([first, second])"
            )
        return super().__new__(cls, views)

    def __getitem__(self, index: Any) -> Any:
        item = super().__getitem__(index)
        return Views(item) if isinstance(index, slice) else item

    def __add__(self, other: Any) -> Views:
        return Views(super().__add__(Views(other)))

    def __repr__(self) -> str:
        return f"Views({super().__repr__()})"


def _refuse_flattening(views: Views) -> NoReturn:
    """Stop a v2 transform (all of them flatten their input first) and name it, as found on the stack."""
    name, frame = "transform", sys._getframe(1)  # noqa: SLF001
    while frame is not None:
        caller = frame.f_locals.get("self")
        if isinstance(caller, v2.Transform):
            name = repr(caller)
            break
        frame = frame.f_back  # type: ignore[assignment]
    raise TypeError(
        f"a transform of one sample must not be called on {len(views)} views: it would draw once for all of them. "
        f"Write PerView({name}) for a draw of each view's own, or Shared({name}) for one draw that all views share"
    )


def _never_unflattened(leaves: Iterable[Any], context: Any) -> NoReturn:
    raise TypeError(f"Views are never unflattened by torch's pytree (got {leaves!r}, {context!r}); call Views(...)")


register_pytree_node(Views, _refuse_flattening, _never_unflattened, serialized_type_name="jointaug.Views")


def has_views(inputs: tuple[Any, ...]) -> bool:
    """Whether the arguments of a call hold views already."""
    return any(isinstance(argument, Views) for argument in inputs)


def take_apart(inputs: tuple[Any, ...], taker: object) -> list[tuple[Any, ...]]:
    """The arguments of each view: view ``k`` of every `Views`, and all else as it is.

    Raises:
        TypeError: if no argument is `Views`, or a view holds two explicit images.
        ValueError: if there are none, or two arguments differ in their number.
    """
    counts = {len(argument) for argument in inputs if isinstance(argument, Views)}
    name = type(taker).__name__
    if not counts:
        raise TypeError(
            f"{name} takes views, got {_kinds(inputs)}; put a view maker before it: JointCrop(...), or MultiView(t, t)"
        )
    if len(counts) > 1 or 0 in counts:
        raise ValueError(
            f"{name} needs the same number of views (at least one) in all arguments, got {sorted(counts)}; make all of "
            "them by one view maker, of one sample"
        )
    samples = [tuple(a[k] if isinstance(a, Views) else a for a in inputs) for k in range(counts.pop())]
    for sample in samples:
        explicit_image(tree_flatten(sample)[0])
    return samples


def put_together(outputs: Sequence[Any], carried: Sequence[bool]) -> Any:
    """The outputs of each view as the outputs of one call.

    Args:
        outputs: what each view's call returned: one value, or a tuple when there were several arguments.
        carried: for each argument, whether it becomes `Views` (else the first view's stands for all).
    """
    if len(carried) == 1:
        return Views(outputs)
    return tuple(Views(output[i] for output in outputs) if views else outputs[0][i] for i, views in enumerate(carried))


def check_one_image(flat: Sequence[Any], taker: object) -> None:
    """Refuse a second image in a sample: v2 would blend a PIL mask, and let a plain tensor pass uncropped.

    Where an image is explicit (`tv_tensors.Image`, `PIL.Image.Image`, ...) plain tensors pass, as in v2.

    Args:
        flat: the leaves of a sample.
        taker: what was called on it.

    Raises:
        TypeError: for two explicit images.
        ValueError: for a second plain tensor ``[..., C, H, W]``, or one of the image's height and width.
    """
    explicit = explicit_image(flat)
    bare = [leaf for leaf in flat if is_bare(leaf)]
    if not bare or explicit is not None:
        return
    if bare[0].ndim < 2:
        raise ValueError(
            f"an image must be a tensor [..., C, H, W], got a tensor of shape {tuple(bare[0].shape)}; "
            "a label must come after the image"
        )
    for other in bare[1:] if bare[0].ndim > 2 else ():
        if other.ndim > 2 or (other.ndim == 2 and other.shape == bare[0].shape[-2:]):
            raise ValueError(
                f"{type(taker).__name__} takes one image, got plain tensors of shape {tuple(bare[0].shape)} and "
                f"{tuple(other.shape)} in one sample; two images are two samples: call it on each. A mask goes along "
                "as tv_tensors.Mask, and what is to pass untouched beside a tv_tensors.Image"
            )


def explicit_image(flat: Sequence[Any]) -> Any:
    """The image of a sample's leaves, where it is one by its type; or None.

    Raises:
        TypeError: for two.
    """
    found = [leaf for leaf in flat if isinstance(leaf, IMAGES)]
    if len(found) > 1:
        raise TypeError(several_images("a sample", found))
    return found[0] if found else None


def several_images(name: str, images: Sequence[Any]) -> str:
    """The error of a sample with several images; ``name`` is the sample's."""
    return (
        f"{name} must hold one image, got {len(images)}: {', '.join(map(told, images))}; two images are two samples (a "
        "list of them is a batch), and two views of one are made by MultiView(first, second). What is to pass "
        "untouched goes beside a tv_tensors.Image, a mask as tv_tensors.Mask"
    )


def told(leaf: Any) -> str:
    """What a leaf of a sample is, for messages."""
    if isinstance(leaf, Tensor):
        kind = type(leaf).__name__
        return f"a {'tensor' if kind == 'Tensor' else kind} of shape {tuple(leaf.shape)}"
    if isinstance(leaf, np.ndarray):
        return f"an array of shape {leaf.shape}"
    return "a PIL image" if isinstance(leaf, PIL.Image.Image) else f"{type(leaf).__name__} {leaf!r:.30}"


def apart(outputs: list[Any], inputs: tuple[Any, ...], carried: Sequence[bool]) -> list[Any]:
    """The views of a sample, each with memory of its own: a step in place on one changes no other, nor the sample.

    Tensors, PIL images and arrays are copied where they are the sample's or an earlier view's; all others stay.

    Args:
        outputs: as of `put_together`.
        inputs: the sample.
        carried: as of `put_together`.
    """
    used = memories(*inputs)
    for k, output in enumerate(outputs):
        if len(inputs) == 1:
            outputs[k] = output = unshared(output, used)
        else:
            output = tuple(unshared(o, used) if c else o for o, c in zip(output, carried, strict=True))
            outputs[k] = output
        if k < len(outputs) - 1:
            used |= memories(output)
    return outputs


def unshared(view: Any, used: set[int]) -> Any:
    """What ``view`` holds, with copies of tensors, PIL images and arrays whose memory is among the `memories` used."""
    leaves = _leaves(view)
    if used.isdisjoint(map(memory, leaves)):
        return view
    copies = [
        leaf if memory(leaf) not in used else leaf.clone() if isinstance(leaf, Tensor) else leaf.copy()
        for leaf in leaves
    ]
    return tree_unflatten(copies, tree_flatten(view)[1])


def memories(*values: Any) -> set[int]:
    """Where the tensors, PIL images and arrays in ``values`` lie."""
    return {memory(leaf) for value in values for leaf in _leaves(value)} - {0}


def _leaves(sample: Any) -> list[Any]:
    return [sample] if isinstance(sample, (Tensor, PIL.Image.Image)) else tree_flatten(sample)[0]


def memory(leaf: Any) -> int:
    """Where an image's, tensor's or array's numbers lie, the same for all that share them; 0 for anything else."""
    if isinstance(leaf, Tensor) and leaf.layout is torch.strided:
        return leaf.untyped_storage().data_ptr()
    return id(leaf) if isinstance(leaf, (Tensor, PIL.Image.Image, np.ndarray)) else 0


def viewable(inputs: tuple[Any, ...], flat: Sequence[Any], taker: object) -> list[bool]:
    """Which arguments of one sample become `Views`: containers, images and tv_tensors; labels and the like pass once.

    A bare tensor is the image if it is the first one and no other image is in the sample, as in v2.

    Args:
        inputs: the arguments.
        flat: their leaves.
        taker: what was called on them.

    Raises:
        TypeError: if there is no image in the sample.
    """
    explicit = any(isinstance(leaf, IMAGES) for leaf in flat)
    bare = None if explicit else next((leaf for leaf in flat if is_bare(leaf)), None)
    if not explicit and bare is None:
        raise TypeError(
            f"{type(taker).__name__} takes a sample with an image (PIL image, tv_tensors.Image or Video, tensor "
            f"[..., C, H, W]), got {_kinds(flat) or 'nothing'}; {how_to_give_an_image(flat)}"
        )
    return [
        (bare is not None and argument is bare)
        or isinstance(argument, (tuple, list, dict, *IMAGES))
        or (isinstance(argument, tv_tensors.TVTensor) and not getattr(argument, "passes_once", False))
        for argument in inputs
    ]


def how_to_give_an_image(
    given: Sequence[Any], otherwise: str = "give the image first, what belongs to it after it"
) -> str:
    """The remedy of an error, for one who gave these and no image."""
    if any(isinstance(leaf, (str, Path)) for leaf in given):
        return "open files with PIL.Image.open first"
    return "convert arrays with v2.ToImage() first" if any(isinstance(a, np.ndarray) for a in given) else otherwise


def is_bare(leaf: Any) -> bool:
    """Whether ``leaf`` is a plain tensor (in v2's words, a pure tensor)."""
    return isinstance(leaf, Tensor) and not isinstance(leaf, tv_tensors.TVTensor)


def _kinds(values: Iterable[Any]) -> str:
    return ", ".join(type(value).__name__ for value in values)


class ViewTransform(v2.Transform, Addressable):
    """What makes views or takes them, as a v2 transform: joint transforms and couplings."""

    if TYPE_CHECKING:

        @overload
        def __call__(self, image: Tensor | PIL.Image.Image | Views, /) -> Views: ...
        @overload
        def __call__(self, *inputs: Any) -> Any: ...
        def __call__(self, *inputs: Any) -> Any:
            """As `forward`."""

    def forward(self, *inputs: Any) -> Any:
        """The views; torch's generator drives every draw."""
        return self.run(inputs, FRESH)


class _Coupling(ViewTransform):
    """What `MultiView`, `PerView` and `Shared` have in common: they run other transforms, and print them."""

    def __init__(self, *transforms: Callable[..., Any]) -> None:
        super().__init__()
        name = type(self).__name__
        if not transforms:
            raise ValueError(f"{name} needs at least one transform, got none; write {name}(transform)")
        for i, transform in enumerate(transforms):
            if isinstance(transform, type):
                raise TypeError(f"argument {i} of {name} must be a transform, got the class {transform!r}; call it")
            if not callable(transform):
                hint = "; pass transforms one by one, not in a list" if isinstance(transform, (list, tuple)) else ""
                raise TypeError(f"argument {i} of {name} must be a transform (a callable), got {transform!r}{hint}")
        self.transforms = transforms

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:  # noqa: ARG002
        """A coupling draws nothing: its transforms do, each when it is called.

        Raises:
            TypeError: always; v2's empty answer would read as "no chance".
        """
        raise self._no_draw("make_params")

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:  # noqa: ARG002
        """A coupling transforms whole samples, by a call.

        Raises:
            TypeError: always.
        """
        raise self._no_draw("transform")

    def _no_draw(self, method: str) -> TypeError:
        return TypeError(
            f"{type(self).__name__}.{method} has nothing to do, since it draws nothing: ask a transform inside, as in "
            "crop.make_params([image]), or fuse(pipeline).make_params(images) for the plan of a whole pipeline"
        )

    def extra_repr(self) -> str:
        return "\n".join(repr(transform) for transform in self.transforms)


class MultiView(_Coupling):
    """Several views of one sample: what each branch gives, one after the other.

    A branch that gives `Views` (a joint transform) adds them all; any other adds one view. Each view has memory of
    its own. So this is the classic pair, the original with two crops (LeOCLR), and multi-crop:

    >>> import torch
    >>> from torchvision.transforms import v2
    >>> from jointaug import JointCrop, MultiView, UncroppedView
    >>> image = torch.zeros(3, 64, 48, dtype=torch.uint8)
    >>> crop = v2.RandomResizedCrop(32)
    >>> len(MultiView(crop, crop)(image))
    2
    >>> len(MultiView(UncroppedView(32), crop, crop)(image))
    3
    >>> len(MultiView(JointCrop(32), *[JointCrop(16, scale=(0.05, 0.4))] * 3)(image))
    8

    Args:
        branches: transforms of a sample, each with a draw of its own.

    Raises:
        TypeError: if called on views, or on a sample without an image or with two; if a branch drops an argument.
        ValueError: if a second plain tensor of the sample could be an image: two images are two samples.
    """

    def run(self, inputs: tuple[Any, ...], chance: Chance) -> Any:
        """The views of a sample, every draw from ``chance``."""
        if has_views(inputs):
            raise TypeError(
                "MultiView takes one sample and makes its views, got views; to transform each view write PerView(...), "
                "to branch put everything into one MultiView"
            )
        flat = tree_flatten(inputs)[0]
        carried = viewable(inputs, flat, self)
        check_one_image(flat, self)
        outputs: list[Any] = []
        for part in self.parts(None):
            answer = _answer(run(part.transform, inputs, part.of(chance)), inputs, part.transform)
            made = take_apart(answer, self) if has_views(answer) else [answer]
            outputs += made if len(inputs) > 1 else [view for (view,) in made]
        return put_together(apart(outputs, inputs, carried), carried)

    def parts(self, views: int | None) -> list[Part]:  # noqa: ARG002
        """The branches, a step each."""
        return [Part(branch, step=i) for i, branch in enumerate(self.transforms)]

    def views_made(self, views: int | None) -> int:  # noqa: ARG002
        """What all branches give together."""
        return sum(views_made(branch, None) or 1 for branch in self.transforms)


class PerView(_Coupling):
    """Independent coupling: each view is transformed with a draw of its own.

    Args:
        transforms: one transform for all views, or one for each view. Several steps are a ``v2.Compose``.

    Raises:
        TypeError: if called on a sample that is not views yet, or if a transform makes views of a view or drops an
            argument.
        ValueError: if there are several transforms, and not as many as views.

    Example:
        BYOL blurs its first view always and its second seldom:

        >>> import torch
        >>> from torchvision.transforms import v2
        >>> from jointaug import JointCrop, PerView
        >>> always, seldom = v2.GaussianBlur(23), v2.RandomApply([v2.GaussianBlur(23)], p=0.1)
        >>> byol = v2.Compose([JointCrop(32), PerView(always, seldom), PerView(v2.RandomHorizontalFlip())])
        >>> [tuple(view.shape) for view in byol(torch.zeros(3, 64, 48))]
        [(3, 32, 32), (3, 32, 32)]
    """

    def run(self, inputs: tuple[Any, ...], chance: Chance) -> Any:
        """The transformed views, every draw from ``chance``."""
        samples = take_apart(inputs, self)
        inside = self.parts(len(samples))
        outputs = [run(p.transform, sample, p.of(chance)) for p, sample in zip(inside, samples, strict=True)]
        return _put_together(outputs, inputs, [part.transform for part in inside], self)

    def parts(self, views: int | None) -> list[Part]:
        """The transforms, one for each view."""
        own = self.transforms * (views or 1) if len(self.transforms) == 1 else self.transforms
        if views is not None and len(own) != views:
            raise ValueError(
                f"PerView needs one transform, or one for each view, got {len(own)} transforms for {views} views; add "
                "or drop transforms, or put a Compose into one"
            )
        return [Part(transform, view=k) for k, transform in enumerate(own)]


class Shared(_Coupling):
    """Identical coupling: one draw, and every view is transformed with it.

    Torch's random state is replayed for every view.

    Args:
        transform: of one view.

    Raises:
        TypeError: if there is more than one transform; if called on a sample that is not views yet, or if the transform
            makes views of a view or drops an argument.
        ValueError: if the views consumed different amounts of chance (views of different shapes), since their draws
            would not be the same.

    Example:
        >>> import torch
        >>> from torchvision.transforms import v2
        >>> from jointaug import MultiResolution, Shared
        >>> clim = v2.Compose([MultiResolution((32, 24)), Shared(v2.RandomHorizontalFlip())])
        >>> [tuple(view.shape) for view in clim(torch.zeros(3, 64, 48))]
        [(3, 32, 32), (3, 24, 24)]
    """

    def __init__(self, transform: Callable[..., Any], *more: Callable[..., Any]) -> None:
        if more:
            raise TypeError(
                f"Shared takes one transform for all views, got {1 + len(more)}; write Shared(v2.Compose([...])), or "
                "PerView(first, second) for one of each view's own"
            )
        super().__init__(transform)

    def run(self, inputs: tuple[Any, ...], chance: Chance) -> Any:
        """The transformed views, the one draw from ``chance``."""
        outputs = replay(self.transforms[0], take_apart(inputs, self), chance)
        return _put_together(outputs, inputs, self.transforms * len(outputs), self)

    def parts(self, views: int | None) -> list[Part]:
        """The one transform for every view, all at the position of this coupling."""
        return [Part(self.transforms[0])] * (views or 1)


def _put_together(outputs: list[Any], inputs: tuple[Any, ...], transforms: Sequence[Any], taker: object) -> Any:
    """`put_together` of what each view's transform made of it, if that is one view with all its arguments."""
    for output, transform in zip(outputs, transforms, strict=True):
        if has_views(_answer(output, inputs, transform)):
            name = type(taker).__name__
            raise TypeError(
                f"{name} must get one sample from each view, but a transform in it made views of one "
                f"({_kinds([output])}); a joint transform stands outside of {name}, and all views are made before: "
                "MultiView(first, second)"
            )
    return put_together(outputs, [isinstance(argument, Views) for argument in inputs])


def _answer(output: Any, inputs: tuple[Any, ...], transform: Any) -> tuple[Any, ...]:
    """What a transform made of the arguments that it was given: as many."""
    return several_outputs(output, transform, len(inputs)) if len(inputs) > 1 else (output,)
