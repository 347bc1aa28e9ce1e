"""The base of all joint transforms: it makes or takes views, draws, applies, and prints itself."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import PIL.Image
import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F

from .._validate import number
from ..chance import FRESH, Chance, Row
from ..distributions import JointPair, PairLaw
from ..views import (
    Views,
    ViewTransform,
    apart,
    check_one_image,
    has_views,
    is_bare,
    put_together,
    take_apart,
    viewable,
)
from ._arguments import two_probabilities

if TYPE_CHECKING:
    from typing_extensions import Self

_SIZED = (
    tv_tensors.Image,
    tv_tensors.Video,
    tv_tensors.Mask,
    tv_tensors.BoundingBoxes,
    tv_tensors.KeyPoints,
    PIL.Image.Image,
)


class JointTransform(ViewTransform):
    """A transform of a pair of views whose parameters follow a *joint* law. Subclass it for your own.

    Called on one sample it makes two views, each with memory of its own; called on `Views` it transforms them,
    coupling consecutive pairs. Each pair takes one row of `row_width` numbers in (0, 1), a fixed width, and
    `params_from_uniform` maps it to parameters: a pure function, for one pair (floats) and for a batch of pairs
    (tensors ``[B]``) alike.

    A subclass says which laws, and what one view's parameters do to it.

    Args:
        laws: for each parameter's name, the `PairLaw` of its values in the two views. Parameters are independent of
            each other.
        p: probability that a view is transformed: one number, or one for each view of a pair. The two views decide
            independently.

    Raises:
        TypeError: if a law is no `PairLaw`; on a call, if there is no image in the sample, or two that say so (PIL,
            ``tv_tensors.Image``).
        ValueError: if a probability is outside [0, 1] or there are not one or two; on a call, if the number of views
            is odd, the image is empty, the images of one sample differ in size, or a second plain tensor could be an
            image: two images are two samples.

    Example:
        >>> import torch
        >>> from torchvision.transforms.v2 import functional as F
        >>> from jointaug import JointTransform
        >>> from jointaug.distributions import JointPair
        >>> class JointSolarize(JointTransform):
        ...     '''Solarize both views; the log ratio of their thresholds is drawn first.'''
        ...
        ...     def __init__(self, threshold=(0.25, 1.0), *, beta=0.0, p=0.5):
        ...         super().__init__({"threshold": JointPair(beta, *threshold)}, p=p)
        ...
        ...     def transform_view(self, inpt, params):
        ...         return self._call_kernel(F.solarize, inpt, threshold=params["threshold"])
        >>> first, second = JointSolarize(p=1.0)(torch.rand(3, 8, 8))
    """

    def __new__(cls, *_: Any, **keywords: Any) -> Self:
        """Refuse unknown keywords with a remedy (``generator=`` above all: a worker could not honor it)."""
        known = inspect.signature(cls.__init__).parameters
        unknown = (
            [] if any(k.kind is k.VAR_KEYWORD for k in known.values()) else [k for k in keywords if k not in known]
        )
        if unknown:
            hint = (
                "draws come from torch's generator (torch.manual_seed), or from addresses (AddressedDataset)"
                if "generator" in unknown
                else f"known are {', '.join(list(known)[1:])}"
            )
            raise TypeError(
                f"{cls.__name__} has no argument {unknown[0]!r}, got {unknown[0]}={keywords[unknown[0]]!r}; {hint}"
            )
        instance: Self = super().__new__(cls)
        return instance

    def __init__(self, laws: Mapping[str, PairLaw], *, p: float | Sequence[float] = 1.0) -> None:
        super().__init__()
        if not isinstance(laws, Mapping):
            raise TypeError(f"laws must be a dict of a law for each parameter's name, got {laws!r}; write {{'x': law}}")
        for name, law in laws.items():
            if not isinstance(law, PairLaw):
                raise TypeError(
                    f"the law of {name} must be a PairLaw (JointPair, IndependentPair, ...), got {law!r}; write "
                    "law=IndependentPair(low, high)"
                )
            if law.batch_shape:
                raise ValueError(
                    f"the law of {name} must be one law, got a batch of shape {tuple(law.batch_shape)}; "
                    "use numbers, not tensors"
                )
        self.laws = dict(laws)
        self.p = two_probabilities(p)

    @property
    def views(self) -> int:
        """How many views share one row: two, a pair."""
        return 2

    @property
    def row_width(self) -> int:
        """How many uniforms one pair takes, which is the width of its row."""
        return sum(law.row_width for law in self.laws.values()) + 2

    def query(self, flat_inputs: list[Any]) -> tuple[Any, ...]:
        """What a draw must know of a view: by default its ``(height, width)`` in pixels.

        Raises:
            ValueError: if images differ in size or are empty, or a bare tensor is no image.
        """
        return query_size(flat_inputs)

    def params_from_uniform(self, row: Row, queries: Sequence[tuple[Any, ...]]) -> dict[str, Any]:  # noqa: ARG002
        """The parameters of a pair, as a pure function.

        Args:
            row: `row_width` numbers in (0, 1), or as many tensors ``[B]``.
            queries: for each of the two views what `query` says of it (numbers, or tensors ``[B]``).

        Returns:
            For each parameter its values in the first and in the second view. ``"applied"``, where present, says
            whether the view is transformed at all.
        """
        params: dict[str, Any] = {}
        start = 0
        for name, law in self.laws.items():
            params[name] = law.from_uniform(*row[start : start + law.row_width])
            start += law.row_width
        params["applied"] = (row[start] < self.p[0], row[start + 1] < self.p[1])
        return params

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The parameters of the two views that a call would make of one sample, drawn from torch's generator.

        Args:
            flat_inputs: the images (and masks, boxes, ...) of the sample.

        Returns:
            As `params_from_uniform`.
        """
        if not isinstance(flat_inputs, (list, tuple)) or isinstance(flat_inputs, Views):
            raise TypeError(
                f"flat_inputs must be a list of one sample's images, got {type(flat_inputs).__name__}; "
                "write make_params([image])"
            )
        query = self.query(list(flat_inputs))
        return self.params_from_uniform(FRESH.row(self.row_width), [query] * self.views)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Views:
        """The two views of one image (mask, box, ...) with given parameters: a function, without chance.

        Args:
            inpt: one image, or `Views` of as many as share a row.
            params: from `make_params`.

        Raises:
            TypeError: for parameters that are not those of so many views.
            ValueError: for another number of views.
        """
        inputs = inpt if isinstance(inpt, Views) else [inpt] * self.views
        if len(inputs) != self.views:
            raise ValueError(
                f"inpt must be one image, or {self.views} views that share the parameters, got {len(inputs)} views; "
                "call transform on each group"
            )
        if not isinstance(params, Mapping) or any(len(values) != self.views for values in params.values()):
            raise TypeError(
                f"params must hold {self.views} values of each parameter, got {params!r}; take them from make_params"
            )
        try:
            views = [self._where_applied(view, _of_view(params, k)) for k, view in enumerate(inputs)]
        except KeyError as error:
            raise TypeError(f"params must hold {error}, got {sorted(params)}; take them from make_params") from error
        return Views(views if isinstance(inpt, Views) else apart(views, (inpt,), [True]))

    def transform_view(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One view's image (mask, box, ...) transformed by its parameters; subclasses write this."""
        raise NotImplementedError(f"{type(self).__name__} must define transform_view(inpt, params)")

    def _where_applied(self, inpt: Any, params: dict[str, Any]) -> Any:
        """`transform_view`, or ``inpt`` where the draw says that the view is left alone."""
        return self.transform_view(inpt, params) if params.get("applied", True) else inpt

    def views_made(self, views: int | None) -> int:
        """Its own number from one sample; of views, as many as it is given."""
        return self.views if views is None else views

    def run(self, inputs: tuple[Any, ...], chance: Chance) -> Any:
        """The views, every draw from ``chance``."""
        if has_views(inputs):
            carried = [isinstance(argument, Views) for argument in inputs]
            samples = take_apart(inputs, self)
            if len(samples) % self.views:
                raise ValueError(
                    f"{type(self).__name__} couples every {self.views} consecutive views, got {len(samples)} views; "
                    "to treat some apart, branch before: MultiView(Compose([crop, this]), other)"
                )
            flats = [_Flat(sample, self) for sample in samples]
        else:
            carried = viewable(inputs, tree_flatten(inputs)[0], self)
            flats = [_Flat(inputs, self)] * self.views
        outputs = []
        for group in range(len(flats) // self.views):
            coupled = flats[group * self.views : (group + 1) * self.views]
            row = chance.view(group).row(self.row_width)
            params = self.params_from_uniform(row, [flat.query for flat in coupled])
            outputs += [flat.mapped(_of_view(params, k)) for k, flat in enumerate(coupled)]
        for k, output in enumerate(outputs if chance.addressed else ()):
            chance.view(k).saw(output)
        return put_together(outputs if has_views(inputs) else apart(outputs, inputs, carried), carried)

    def extra_repr(self) -> str:
        settings = {**self.laws, "p": self.p}
        return ", ".join(f"{name}={value}" for name, value in settings.items())


class _Flat:
    """A sample with its leaves laid out, as v2 does it; which of them a transform touches is v2's rule."""

    __slots__ = ("_leaves", "_spec", "_touched", "_transform", "query")

    def __init__(self, sample: tuple[Any, ...], transform: JointTransform) -> None:
        self._transform = transform
        self._leaves, self._spec = tree_flatten(sample if len(sample) > 1 else sample[0])
        transform.check_inputs(self._leaves)
        check_one_image(self._leaves, transform)
        self._touched = transform._needs_transform_list(self._leaves)  # noqa: SLF001
        self.query = transform.query(
            [leaf for leaf, touched in zip(self._leaves, self._touched, strict=True) if touched]
        )

    def mapped(self, params: dict[str, Any]) -> Any:
        transform = self._transform._where_applied  # noqa: SLF001
        leaves = [
            transform(leaf, params) if touched else leaf
            for leaf, touched in zip(self._leaves, self._touched, strict=True)
        ]
        return tree_unflatten(leaves, self._spec)


def pair_law(
    name: str, range_: tuple[float, float], beta: float | None, law: PairLaw | None, *, given: bool
) -> PairLaw:
    """The law of a parameter: ``law``, or JC(beta) on a range.

    Args:
        name: of the range's argument, for messages.
        range_: least and greatest value.
        beta: of JC(beta); ``None`` is 0, the paper's method.
        law: the long form.
        given: whether the user named the range.

    Raises:
        ValueError: if ``law`` comes with ``beta`` or with a range.
    """
    if law is None:
        return JointPair(0.0 if beta is None else number("beta", beta, remedy="beta=0 is the paper's method"), *range_)
    if beta is not None or given:
        other, value = ("beta", beta) if beta is not None else (name, range_)
        raise ValueError(f"law says what {other} says, give one of them, got law={law!r} and {other}={value!r}")
    return law


def query_size(flat_inputs: list[Any]) -> tuple[int, int]:
    """Height and width in pixels of the images, masks, boxes and key points of one sample.

    Raises:
        TypeError: if there is no image among them, or one that is not dense.
        ValueError: if they differ or are empty, or if a bare tensor is no image.
    """
    sizes = set()
    for leaf in flat_inputs:
        if is_bare(leaf) and leaf.ndim < 3:
            raise ValueError(
                f"an image must be a tensor [..., C, H, W], got a tensor of shape {tuple(leaf.shape)}; "
                "a grayscale image is [1, H, W], and a label must come after the image"
            )
        if isinstance(leaf, Tensor) and leaf.layout is not torch.strided:
            raise TypeError(
                f"an image must be a dense tensor, got one of layout {leaf.layout}; convert it first: image.to_dense()"
            )
        if isinstance(leaf, (*_SIZED, Tensor)) and (is_bare(leaf) or isinstance(leaf, _SIZED)):
            sizes.add(tuple(F.get_size(leaf)))
    if not sizes:
        raise TypeError(
            "a view must hold an image (PIL image, tv_tensors.Image or Video, tensor [..., C, H, W]), got none; "
            "make views of a sample that has one"
        )
    if len(sizes) > 1:
        raise ValueError(
            f"all images, masks and boxes of one sample must have one size, got (height, width) {sorted(sizes)}; "
            "two images are two samples: transform each by itself"
        )
    (size,) = sizes
    if 0 in size:
        raise ValueError(f"an image must have pixels, got height, width {size}; drop empty images first")
    return size


def _of_view(params: dict[str, Any], view: int) -> dict[str, Any]:
    return {name: pair[view] for name, pair in params.items()}
