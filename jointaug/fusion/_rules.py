"""How each transform is planned for a batch: the registry, and the rules of v2's transforms and ours.

Every rule draws a fixed number of uniforms, whatever they turn out to be, and follows the law of the transform's own
``make_params``, retries and fallbacks included.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import permutations
from typing import Any, Final, TypeVar

import PIL.Image
import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional as F

from .. import functional as K
from ..functional._crop import MODES
from ..transforms import (
    ContrastiveCrop,
    JointBlur,
    JointColor,
    JointCrop,
    JointTransform,
    MultiResolution,
    UncroppedView,
)
from ..transforms._arguments import interpolation_mode
from ..transforms._boxes import places
from ._plan import Draws, View

Rule = Callable[[Any, View, Any], View]
R = TypeVar("R", bound=Rule)

RULES: Final[dict[type, Rule]] = {}


def register(*types: type) -> Callable[[R], R]:
    """Teach `jointaug.fuse` a transform: a decorator of its rule.

    Args:
        types: of the transform, exactly (a subclass may act differently, so it needs a rule of its own).

    The rule takes ``(transform, view, draws)`` for a v2 transform: it draws with ``draws.row(n)`` (tensors ``[B]``)
    and returns the view with instructions added (``view.step``, ``view.cut``, ``view.call``). For a `JointTransform`
    it takes ``(transform, view, params)``, the view's own parameters, tensors ``[B]``, already drawn.

    Raises:
        TypeError: for what is no type.

    Example:
        >>> import torch
        >>> from torchvision.transforms import v2
        >>> from jointaug import fuse
        >>> class Dim(v2.Transform):
        ...     def make_params(self, flat_inputs):
        ...         return {"factor": 0.5 + 0.5 * torch.rand(()).item()}
        ...
        ...     def transform(self, inpt, params):
        ...         return inpt * params["factor"]
        >>> @fuse.register(Dim)
        ... def dim(transform, view, draws):
        ...     (u,) = draws.row(1)
        ...     return view.call(lambda images, u: images * (0.5 + 0.5 * u.float())[:, None, None, None], u)
        >>> fuse(Dim())(torch.ones(4, 3, 8, 8)).shape
        torch.Size([4, 3, 8, 8])
    """
    for kind in types:
        if not isinstance(kind, type):
            raise TypeError(f"register takes types of transforms, got {kind!r}; write @fuse.register(MyTransform)")

    def remember(rule: R) -> R:
        for kind in types:
            RULES[kind] = rule
        return rule

    return remember


def rule_of(transform: Any) -> Rule | None:
    """The rule of a transform, if one covers it as it is set up."""
    if type(transform) is v2.RandomErasing and transform.value is None:
        return None  # noise for every pixel is more than a row of uniforms
    if hasattr(transform, "interpolation") and interpolation_mode(transform.interpolation) not in MODES:
        return None  # Lanczos and Pillow's own filters
    return RULES.get(type(transform))


# ---- ours: the parameters of one view, already drawn ---------------------------------------------------------------


@register(JointCrop, ContrastiveCrop)
def _joint_crop(transform: JointCrop, view: View, params: dict[str, Any]) -> View:
    return view.cut(params["box"], transform.size, transform.interpolation, transform.antialias)


@register(MultiResolution)
def _multi_resolution(transform: MultiResolution, view: View, params: dict[str, Any]) -> View:
    return view.cut(params["box"], params["size"], transform.interpolation, transform.antialias)


@register(JointBlur)
def _joint_blur(transform: JointBlur, view: View, params: dict[str, Any]) -> View:
    where = _sometimes(params["applied"], transform.p)
    return view.step(K.gaussian_blur, params["sigma"], transform.kernel_size, transform.max_sigma, where=where)


@register(JointColor)
def _joint_color(transform: JointColor, view: View, params: dict[str, Any]) -> View:
    factors = [params[name] for name in ("brightness", "contrast", "saturation", "hue")]
    return view.step(K.color_jitter, *factors, params["order"], where=_sometimes(params["applied"], transform.p))


@register(UncroppedView)
def _uncropped(transform: UncroppedView, view: View, draws: Draws) -> View:  # noqa: ARG001
    return view.cut(view.whole, transform.size, transform.interpolation, transform.antialias)


def _sometimes(applied: Tensor, p: Sequence[float]) -> Tensor | None:
    return None if min(p) == 1.0 else applied


# ---- v2: geometry --------------------------------------------------------------------------------------------------


def _tries(
    scale: Sequence[float], ratio: Sequence[float], row: list[Tensor], view: View
) -> tuple[Tensor, Tensor, Tensor]:
    """Ten areas with ten aspect ratios (width over height): heights, widths ``[10, B]``, and the image's pixels.

    Raises:
        ValueError: for ranges from which v2 could not draw either.
    """
    for name, (low, high) in (("scale", scale), ("ratio", ratio)):
        if not low <= high or (name == "ratio" and low <= 0):
            raise ValueError(
                f"{name} must be (low, high) with low <= high{' and 0 < low' * (name == 'ratio')}, got "
                f"{(low, high)!r}; write {name}={(high, low)!r}"
            )
    height, width = (torch.as_tensor(side, device=view.device).double() for side in (view.height, view.width))
    areas, aspects = torch.stack(row[:10]), torch.stack(row[10:20])
    pixels = height * width * (scale[0] + areas * (scale[1] - scale[0]))
    low, high = math.log(ratio[0]), math.log(ratio[1])
    aspect = (low + aspects * (high - low)).exp()
    return (pixels / aspect).sqrt().round().long(), (pixels * aspect).sqrt().round().long(), pixels


def _first(fits: Tensor, sides: Tensor, otherwise: Tensor) -> Tensor:
    """Of ``sides [10, B]`` the first that fits, else ``otherwise [B]``."""
    first = fits.long().argmax(0, keepdim=True)
    return torch.where(fits.any(0), sides.gather(0, first)[0], otherwise)


@register(v2.RandomResizedCrop)
def _random_resized_crop(transform: v2.RandomResizedCrop, view: View, draws: Draws) -> View:
    """Ten tries, then the largest central crop with an allowed aspect ratio, as the transform does."""
    row = draws.row(22)
    height, width = (torch.as_tensor(side, device=view.device).expand(view.count) for side in (view.height, view.width))
    h, w, _ = _tries(transform.scale, transform.ratio, row, view)
    fits = (w > 0) & (w <= width) & (h > 0) & (h <= height)
    aspect = width.double() / height.double()
    central_h = torch.where(
        aspect < min(transform.ratio), (width.double() / min(transform.ratio)).round().long(), height
    )
    central_w = torch.where(
        aspect > max(transform.ratio), (height.double() * max(transform.ratio)).round().long(), width
    )
    h, w = _first(fits, h, central_h), _first(fits, w, central_w)
    fell_back = ~fits.any(0)
    top = torch.where(fell_back, (height - h) // 2, places(height - h, row[20]))
    left = torch.where(fell_back, (width - w) // 2, places(width - w, row[21]))
    boxes = torch.stack([top, left, h, w], -1)
    draws.record(transform, {"box": boxes})
    return view.cut(boxes, _pair(transform.size), transform.interpolation, transform.antialias)


@register(v2.Resize)
def _resize(transform: v2.Resize, view: View, draws: Draws) -> View:  # noqa: ARG001
    """In a list of images of different sizes each keeps its aspect ratio, unless two sides are given."""

    def resized(height: int, width: int) -> tuple[int, int]:
        image = torch.empty(1, height, width, device="meta")  # torchvision's arithmetic, without pixels
        try:
            sides = F.resize(image, transform.size, max_size=transform.max_size).shape[-2:]
        except RuntimeError as error:
            raise ValueError(
                f"{transform!r} must leave each side a pixel, got an image of {height} x {width}; enlarge max_size"
            ) from error
        return sides[0], sides[1]

    if isinstance(view.height, int) and isinstance(view.width, int):
        sizes = [resized(view.height, view.width)]
    else:
        height, width = (torch.as_tensor(side).expand(view.count).tolist() for side in (view.height, view.width))
        sizes = [resized(*sides) for sides in zip(height, width, strict=True)]
    if len(set(sizes)) == 1:
        return view.cut(view.whole, sizes[0], transform.interpolation, transform.antialias)
    return view.resize_each(sizes, transform.interpolation, transform.antialias)


@register(v2.CenterCrop)
def _center_crop(transform: v2.CenterCrop, view: View, draws: Draws) -> View:  # noqa: ARG001
    height, width = _pair(transform.size)
    if isinstance(view.height, int) and isinstance(view.width, int):
        if height <= view.height and width <= view.width:
            # the offset rounds half to even, as torchvision's does
            top, left = round((view.height - height) / 2.0), round((view.width - width) / 2.0)
            boxes = torch.tensor([top, left, height, width], device=view.device).expand(view.count, 4)
            return view.cut(boxes, (height, width), InterpolationMode.NEAREST)
        return view.call(partial(F.center_crop, output_size=[height, width]), size=(height, width))
    if any((torch.as_tensor(side) < n).any() for side, n in ((view.height, height), (view.width, width))):
        return view.call(partial(F.center_crop, output_size=[height, width]), size=(height, width))
    sides = (torch.as_tensor(side, device=view.device) for side in (view.height, view.width))
    y, x = (((side - n) / 2.0).round().long() for side, n in zip(sides, (height, width), strict=True))
    one = torch.ones_like(y)
    return view.cut(torch.stack([y, x, one * height, one * width], -1), (height, width), InterpolationMode.NEAREST)


@register(v2.RandomCrop)
def _random_crop(transform: v2.RandomCrop, view: View, draws: Draws) -> View:
    row = draws.row(2)
    height, width = _pair(transform.size)
    view = _padded(transform, view, height, width)
    free = [
        torch.as_tensor(side, device=view.device).expand(view.count) - n
        for side, n in ((view.height, height), (view.width, width))
    ]
    if (
        not isinstance(view.height, int)
        or not isinstance(view.width, int)
        or min(view.height - height, view.width - width) < 0
    ):
        _check_room(transform, view, *free)
    n = torch.ones_like(free[0])
    boxes = torch.stack([places(free[0], row[0]), places(free[1], row[1]), n * height, n * width], -1)
    draws.record(transform, {"box": boxes})
    return view.cut(boxes, (height, width), InterpolationMode.NEAREST)


def _check_room(transform: v2.RandomCrop, view: View, rows: Tensor, columns: Tensor) -> None:
    """Each image must hold the crop: no negative number of free ``rows`` or ``columns``."""
    short = ((rows < 0) | (columns < 0)).nonzero()
    if len(short):
        i = int(short[0])
        height, width = (torch.as_tensor(side).expand(view.count)[i].item() for side in (view.height, view.width))
        padded = " once padded" if transform.padding is not None else ""
        raise ValueError(
            f"{transform!r} needs images of at least {' x '.join(map(str, _pair(transform.size)))}{padded}, got "
            f"{height} x {width} (image {i}); resize them, or set pad_if_needed=True"
        )


def _padded(transform: v2.RandomCrop, view: View, height: int, width: int) -> View:
    """The images with the transform's padding, and with what is missing to the crop where it says so."""
    left, right, top, bottom = transform.padding or (0, 0, 0, 0)  # as v2 keeps them
    fill = view.of_kind(transform._fill, transform)  # noqa: SLF001
    pad = partial(_pad, fill=fill, mode=transform.padding_mode)
    if isinstance(view.height, int) and isinstance(view.width, int):
        y, x = (
            max(n - side, 0) if transform.pad_if_needed else 0
            for n, side in ((height, view.height + top + bottom), (width, view.width + left + right))
        )
        sides = (left + x, top + y, right + x, bottom + y)
        size = (view.height + sides[1] + sides[3], view.width + sides[0] + sides[2])
        return view.call(partial(pad, sides=sides), size=size) if any(sides) else view
    rows, columns = (torch.as_tensor(side, device=view.device).expand(view.count) for side in (view.height, view.width))
    missing = [
        (n - side).clamp(min=0) * transform.pad_if_needed
        for n, side in ((width, columns + left + right), (height, rows + top + bottom))
    ]
    each = torch.stack([side + missing[i % 2] for i, side in enumerate((left, top, right, bottom))], -1)
    if not each.any():
        return view
    return view.call(pad, each, size=(rows + each[:, 1] + each[:, 3], columns + each[:, 0] + each[:, 2]))


def _pad(images: Tensor, sides: Any, *, fill: Any, mode: str) -> Tensor:
    """A batch padded on the left, top, right and bottom; of a batch of one, ``sides`` may be its row ``[1, 4]``."""
    listed = sides[0].tolist() if isinstance(sides, Tensor) else list(sides)
    padded: Tensor = F.pad(images, listed, fill=fill, padding_mode=mode)
    return padded


@register(v2.RandomHorizontalFlip)
def _horizontal(transform: v2.RandomHorizontalFlip, view: View, draws: Draws) -> View:
    return view.step(K.horizontal_flip, where=_where(transform, draws))


@register(v2.RandomVerticalFlip)
def _vertical(transform: v2.RandomVerticalFlip, view: View, draws: Draws) -> View:
    return view.step(K.vertical_flip, where=_where(transform, draws))


def _where(transform: Any, draws: Draws) -> Tensor:
    (u,) = draws.row(1)
    where: Tensor = u < transform.p
    draws.record(transform, {"applied": where})
    return where


def _pair(size: Any) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[-1])


# ---- v2: colors ----------------------------------------------------------------------------------------------------

_ORDERS: Final = tuple(permutations(range(4)))


@register(v2.ColorJitter)
def _color_jitter(transform: v2.ColorJitter, view: View, draws: Draws) -> View:
    row = draws.row(5)
    order = torch.tensor(_ORDERS, device=view.device)[(row[4] * len(_ORDERS)).long()]
    neutral = {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.0}
    factors: dict[str, Tensor | float] = {}
    for (name, nothing), u in zip(neutral.items(), row[:4], strict=True):
        between = getattr(transform, name)
        factors[name] = nothing if between is None else between[0] + u * (between[1] - between[0])
    draws.record(transform, {**factors, "order": order})
    if all(getattr(transform, name) is None for name in neutral):
        return view
    return view.step(K.color_jitter, *factors.values(), order)


@register(v2.RandomGrayscale)
def _random_grayscale(transform: v2.RandomGrayscale, view: View, draws: Draws) -> View:
    where = _where(transform, draws)
    return view if view.channels == 1 else view.step(K.rgb_to_grayscale, where=where)


@register(v2.Grayscale)
def _grayscale(transform: v2.Grayscale, view: View, draws: Draws) -> View:  # noqa: ARG001
    channels = transform.num_output_channels
    if channels != view.channels:
        return replace(view.call(partial(K.rgb_to_grayscale, num_output_channels=channels)), channels=channels)
    return view if channels == 1 else view.step(K.rgb_to_grayscale)


@register(v2.GaussianBlur)
def _gaussian_blur(transform: v2.GaussianBlur, view: View, draws: Draws) -> View:
    (u,) = draws.row(1)
    low, high = transform.sigma
    sigma = low + u * (high - low)
    draws.record(transform, {"sigma": sigma})
    return view.step(K.gaussian_blur, sigma, list(transform.kernel_size), float(high))


@register(v2.RandomSolarize)
def _solarize(transform: v2.RandomSolarize, view: View, draws: Draws) -> View:
    white = 255.0 if view.dtype == torch.uint8 else 1.0
    if transform.threshold > white:
        raise TypeError(
            f"threshold must be at most {white:g} for images of {view.dtype}, got {transform!r}; "
            "divide it as the images were"
        )
    threshold = transform.threshold / white
    return view.step(K.solarize, threshold, where=_where(transform, draws))


@register(v2.RandomPosterize)
def _posterize(transform: v2.RandomPosterize, view: View, draws: Draws) -> View:
    return view.step(K.posterize, transform.bits, where=_where(transform, draws))


@register(v2.RandomInvert)
def _invert(transform: v2.RandomInvert, view: View, draws: Draws) -> View:
    return view.step(K.invert, where=_where(transform, draws))


@register(v2.RandomEqualize)
def _equalize(transform: v2.RandomEqualize, view: View, draws: Draws) -> View:
    return view.call(F.equalize, where=_where(transform, draws))


@register(v2.Normalize)
def _normalize(transform: v2.Normalize, view: View, draws: Draws) -> View:  # noqa: ARG001
    if view.kind is PIL.Image.Image or not view.dtype.is_floating_point:
        got = "PIL images" if view.kind is PIL.Image.Image else str(view.dtype)
        image = "v2.ToImage() and " if view.kind is PIL.Image.Image else ""
        raise TypeError(
            f"{transform!r} needs floating point images, got {got}; put {image}v2.ToDtype(torch.float32, scale=True) "
            "before"
        )
    mean, std = (list(v) * view.channels if len(v) == 1 else list(v) for v in (transform.mean, transform.std))
    return view.step(K.normalize, mean, std)


@register(v2.ToDtype, v2.ConvertImageDtype)
def _to_dtype(transform: Any, view: View, draws: Draws) -> View:  # noqa: ARG001
    if view.kind is PIL.Image.Image:
        raise TypeError(f"{transform!r} leaves PIL images as they are; put v2.ToImage() before")
    dtype, scale = transform.dtype, getattr(transform, "scale", True)
    if isinstance(dtype, dict):
        if view.kind is not None and view.kind not in dtype and "others" not in dtype:
            named = ", ".join(getattr(key, "__name__", repr(key)) for key in dtype)
            raise ValueError(
                f"dtype must name the type of the images, {view.kind.__name__}, got ToDtype of {named}; add it, or "
                "'others'"
            )
        dtype = view.of_kind(dtype, transform)
    if dtype is None or dtype == view.dtype:
        return view
    if dtype is not torch.uint8 and not dtype.is_floating_point:  # no kernel takes it: by v2's own function
        return view.call(partial(F.to_dtype, dtype=dtype, scale=scale)).cast(dtype)
    return view.cast(dtype) if scale else view.call(partial(Tensor.to, dtype=dtype)).cast(dtype)


@register(v2.Identity)
def _as_is(transform: v2.Identity, view: View, draws: Draws) -> View:  # noqa: ARG001
    return view


@register(v2.ToImage)
def _to_image(transform: v2.ToImage, view: View, draws: Draws) -> View:  # noqa: ARG001
    return replace(view, kind=tv_tensors.Image)


@register(v2.ToPureTensor)
def _to_pure_tensor(transform: v2.ToPureTensor, view: View, draws: Draws) -> View:  # noqa: ARG001
    return replace(view, kind=Tensor) if view.kind is tv_tensors.Image else view


@register(v2.PILToTensor)
def _pil_to_tensor(transform: v2.PILToTensor, view: View, draws: Draws) -> View:  # noqa: ARG001
    return replace(view, kind=Tensor) if view.kind is PIL.Image.Image else view


@register(v2.ToTensor)
def _to_tensor(transform: v2.ToTensor, view: View, draws: Draws) -> View:  # noqa: ARG001
    return replace(view.cast(torch.float32), kind=Tensor) if view.kind is PIL.Image.Image else view


# ---- v2: erasing and RandAugment -----------------------------------------------------------------------------------


@register(v2.RandomErasing)
def _erase(transform: v2.RandomErasing, view: View, draws: Draws) -> View:
    """Ten tries for a box that leaves a rim, else nothing."""
    row = draws.row(23)
    if len(transform.value) not in (1, view.channels):
        raise ValueError(
            f"{transform!r} needs a value of one number or one for each of {view.channels} channels, got "
            f"{transform.value!r}"
        )
    # torchvision's aspect ratio here is height over width
    w, h, _ = _tries(transform.scale, transform.ratio, row[:20], view)
    fits = (h < view.height) & (w < view.width)
    zero = torch.zeros(view.count, dtype=torch.int64, device=view.device)
    h, w = _first(fits, h, zero), _first(fits, w, zero)
    top, left = places(view.height - h, row[20]), places(view.width - w, row[21])
    where = (row[22] < transform.p) & fits.any(0)
    draws.record(transform, {"box": torch.stack([top, left, h, w], -1), "applied": where})
    value = torch.tensor(transform.value, device=view.device)[None, :, None, None].expand(view.count, -1, 1, 1)
    return view.call(_erased, value, where, top, left, h, w)


def _erased(images: Tensor, value: Tensor, where: Tensor, top: Tensor, left: Tensor, h: Tensor, w: Tensor) -> Tensor:
    y, x = (torch.arange(side, device=images.device) for side in images.shape[-2:])
    inside = (where[:, None] & _within(y, top, h))[:, None, :, None] & _within(x, left, w)[:, None, None, :]
    return torch.where(inside, value.to(images.dtype), images)


def _within(position: Tensor, start: Tensor, length: Tensor) -> Tensor:
    return (position >= start[:, None]) & (position < (start + length)[:, None])


@register(v2.RandAugment)
def _rand_augment(transform: v2.RandAugment, view: View, draws: Draws) -> View:
    """Each round, images that drew the same operation and sign go through it together."""
    names = list(transform._AUGMENTATION_SPACE)  # noqa: SLF001
    row = draws.row(2 * transform.num_ops)
    if not row:
        draws.record(transform, {})
        return view
    operations = torch.stack([(u * len(names)).long() for u in row[::2]], -1)
    negatives = torch.stack([u <= 0.5 for u in row[1::2]], -1)
    draws.record(transform, {"operation": operations, "negative": negatives})
    fill = view.of_kind(transform._fill, transform)  # noqa: SLF001
    return view.call(partial(_augmented, transform=transform, fill=fill), operations, negatives)


def _augmented(
    images: Tensor, operations: Tensor, negatives: Tensor, *, transform: v2.RandAugment, fill: Any
) -> Tensor:
    names = list(transform._AUGMENTATION_SPACE)  # noqa: SLF001
    images = images.clone()
    for operation, negative in zip(operations.unbind(1), negatives.unbind(1), strict=True):
        for code in set((operation * 2 + negative).tolist()):
            name, sign = names[code // 2], code % 2
            magnitudes, signed = transform._AUGMENTATION_SPACE[name]  # noqa: SLF001
            values = magnitudes(transform.num_magnitude_bins, *images.shape[-2:])
            magnitude = 0.0 if values is None else float(values[transform.magnitude])
            group = operation * 2 + negative == code
            images[group] = transform._apply_image_or_video_transform(  # noqa: SLF001
                images[group],
                name,
                -magnitude if sign and signed else magnitude,
                interpolation=transform.interpolation,
                fill={Tensor: fill},
            )
    return images


# ---- whatever has no rule ------------------------------------------------------------------------------------------


def by_image(transform: JointTransform, view: View, params: dict[str, Any], draws: Draws) -> View:
    """The rule of a joint transform without one: its ``transform_view``, image by image, with what was drawn."""
    columns = {name: _column(value, view.count) for name, value in params.items()}

    def one(image: Any, i: int) -> Any:
        return transform.transform_view(image, {name: column[i] for name, column in columns.items()})

    applied = params.get("applied")
    return view.each(transform, one, draws, applied if isinstance(applied, Tensor) else None)


def _column(value: Any, count: int) -> list[Any]:
    if not isinstance(value, Tensor):
        return [value] * count
    return value.tolist() if value.ndim else [value.item()] * count


def image_by_image(transform: Callable[[Any], Any], view: View, draws: Draws) -> View:
    """Seed torch's CPU generator for each image as `jointaug.Address.run` does, and call the transform on it."""
    (u,) = draws.row(1)
    seeds = (u * 2**32).long()
    draws.record(transform, {"seed": seeds})
    return view.each(transform, partial(_seeded, transform, seeds), draws)


def _seeded(transform: Callable[[Any], Any], seeds: Tensor, image: Any, i: int) -> Any:
    state = torch.get_rng_state()
    try:
        torch.default_generator.manual_seed(int(seeds[i]))
        return transform(image)
    finally:
        torch.set_rng_state(state)
