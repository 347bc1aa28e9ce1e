"""A small labelled set of pictures, rendered from a seed: toys with four parts, on textured grounds.

Each toy has a body, a head, something underneath and something on top, and each of these comes in three shapes. Nine of
the 81 combinations are the classes. They are the words of the ternary tetracode, in which two words differ in three of
their four letters; so

* one part alone leaves three classes open, whichever part it is,
* any two parts settle the class,
* colors, ground, place, size, tilt and the side that the toy faces are drawn without regard to the class.

So a crop that shows a wheel is a hint, and one that shows two parts is an answer. The paints of one workshop differ by
about as much as a color jitter changes them, and the grounds are quiet: a network that tells pictures apart under
augmentation has to look at parts.

The pictures are the same to the last bit on every machine: they take numpy's raw Philox stream and use no operation on
floats but those that IEEE 754 rounds correctly (+, -, *, /, square root, comparisons, floor).
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch.utils.data import Dataset

from .shapes import Array, Box, Color, Ellipse, Point, Polygon, Ring, Shape, Stroke, box_of, lay, ramp

PARTS = {
    "body": ("oval", "block", "hull"),
    "head": ("ears", "beak", "feelers"),
    "under": ("legs", "wheels", "skid"),
    "top": ("sail", "spikes", "handle"),
}
#: The letters of each class: which shape of body, head, under and top it has. (a, b, a + b, a + 2 b) modulo 3.
CODE = tuple((a, b, (a + b) % 3, (a + 2 * b) % 3) for a in range(3) for b in range(3))
#: Names of the classes, such as ``oval-ears-legs-sail``.
CLASSES = tuple("-".join(shapes[letter] for shapes, letter in zip(PARTS.values(), word, strict=True)) for word in CODE)

#: Hue of each part's paint, as a fraction of the color circle: red, yellow, blue, green.
PAINTS = {"body": 0.02, "head": 0.13, "under": 0.6, "top": 0.36}
WHITE, BLACK = (0.97, 0.97, 0.95), (0.05, 0.05, 0.08)


@dataclass(frozen=True)
class Picture:
    """One rendered picture and what it shows.

    Attributes:
        pixels: uint8 ``[size, size, 3]``.
        label: index into `CLASSES`.
        parts: box of each part, by the names of `PARTS`.
    """

    pixels: NDArray[np.uint8]
    label: int
    parts: dict[str, Box]

    @property
    def box(self) -> Box:
        """Box of the whole toy."""
        first, *rest = self.parts.values()
        for box in rest:
            first = first.union(box)
        return first


class Draws:
    """Uniform numbers in [0, 1) for picture ``index`` of the set ``seed``, from a raw stream that numpy promises.

    Other streams are for other kinds of pictures.
    """

    def __init__(self, seed: int, index: int, count: int = 256, *, stream: int = 0) -> None:
        philox = np.random.Philox(key=np.array([seed, index], dtype=np.uint64), counter=stream << 128)
        self._left: Iterator[float] = iter(((philox.random_raw(count) >> np.uint64(11)) * 2.0**-53).tolist())

    def between(self, low: float, high: float) -> float:
        """A number in [low, high)."""
        return low + (high - low) * next(self._left)

    def below(self, n: int) -> int:
        """A whole number in 0, ..., n - 1."""
        return int(n * next(self._left))

    def grid(self, side: int) -> Array:
        """``[side, side]`` numbers in [0, 1)."""
        return np.array([next(self._left) for _ in range(side * side)]).reshape(side, side)


@dataclass(frozen=True)
class Frame:
    """Where the toy stands: from its own coordinates (x forward, y up, about two units long) to pixels."""

    center: Point
    unit: float  # pixels
    facing: float  # 1: to the right, -1: to the left
    tilt: Point  # cosine and sine

    def point(self, x: float, y: float) -> Point:
        """Where a point of the toy lies in the picture."""
        c, s = self.tilt
        return (
            self.center[0] + self.unit * self.facing * (c * x - s * y),
            self.center[1] - self.unit * (s * x + c * y),
        )

    def ellipse(self, x: float, y: float, a: float, b: float) -> Ellipse:
        """An ellipse around a point of the toy, of two radii."""
        c, s = self.tilt
        return Ellipse(self.point(x, y), (self.unit * a, self.unit * b), (self.facing * c, -s))

    def stroke(self, x0: float, y0: float, x1: float, y1: float, radius: float) -> Stroke:
        """All within a radius of a line of the toy."""
        return Stroke(self.point(x0, y0), self.point(x1, y1), self.unit * radius)

    def polygon(self, *corners: Point) -> Polygon:
        """The polygon of these points of the toy."""
        return Polygon(tuple(self.point(x, y) for x, y in corners))

    def ring(self, x: float, y: float, radius: float, half_width: float) -> Ring:
        """A circle's line around a point of the toy."""
        return Ring(self.point(x, y), self.unit * radius, self.unit * half_width)


# Parts: what each letter looks like, in the toy's own coordinates. ----------------------------------------------------


@dataclass(frozen=True)
class Build:
    """The proportions of one toy; they vary within a class."""

    length: float  # half of the body's length
    height: float  # half of the body's height
    head: float  # radius of the head
    reach: float  # how far the part underneath goes down
    rise: float  # how far the part on top goes up


def _body(letter: int, frame: Frame, build: Build) -> list[Shape]:
    a, b = build.length, build.height
    if letter == 0:
        return [frame.ellipse(0, 0, a, b)]
    if letter == 1:
        return [frame.polygon((-a, -b), (a, -b), (a, b), (-a, b))]
    return [frame.polygon((-0.55 * a, -b), (0.55 * a, -b), (1.1 * a, b), (-1.1 * a, b))]


def _face(build: Build) -> tuple[float, float, float]:
    """Center and radius of the head's disc."""
    return build.length + 0.45 * build.head, build.height + 0.35 * build.head, build.head


def _head(letter: int, frame: Frame, build: Build) -> list[Shape]:
    x, y, r = _face(build)
    face = frame.ellipse(x, y, r, r)
    if letter == 0:
        ears = [
            frame.polygon(
                (x + k * r - 0.42 * r, y + 0.55 * r),
                (x + k * r + 0.42 * r, y + 0.55 * r),
                (x + 1.5 * k * r, y + 1.9 * r),
            )
            for k in (-0.5, 0.5)
        ]
        return [*ears, face]
    if letter == 1:
        return [
            frame.polygon((x + 0.6 * r, y + 0.6 * r), (x + 0.6 * r, y - 0.6 * r), (x + 2.3 * r, y - 0.35 * r)),
            face,
        ]
    feelers: list[Shape] = []
    for k in (-0.55, 0.75):
        feelers.append(frame.stroke(x + 0.3 * k * r, y + 0.6 * r, x + k * r, y + 1.8 * r, 0.14 * r))
        feelers.append(frame.ellipse(x + k * r, y + 1.9 * r, 0.32 * r, 0.32 * r))
    return [*feelers, face]


def _under(letter: int, frame: Frame, build: Build) -> list[Shape]:
    a, foot = build.length, -build.height - build.reach
    start = -0.5 * build.height
    if letter == 0:
        return [frame.stroke(k * a, start, (k + 0.06) * a, foot + 0.07, 0.07) for k in (-0.62, -0.28, 0.28, 0.62)]
    if letter == 1:
        r = 0.62 * build.reach + 0.06
        return [frame.ellipse(k * a, foot + r, r, r) for k in (-0.58, 0.58)]
    struts = [frame.stroke(k * a, start, k * a, foot + 0.07, 0.05) for k in (-0.45, 0.45)]
    return [*struts, frame.stroke(-0.95 * a, foot + 0.07, 1.05 * a, foot + 0.07, 0.07)]


def _top(letter: int, frame: Frame, build: Build) -> list[Shape]:
    a, deck, rise = build.length, 0.7 * build.height, build.height + build.rise
    if letter == 0:
        return [frame.polygon((-0.75 * a, deck), (0.35 * a, deck), (-0.15 * a, rise))]
    if letter == 1:
        return [
            frame.polygon((k * a - 0.2 * a, deck), (k * a + 0.2 * a, deck), (k * a, deck + 0.75 * (rise - deck)))
            for k in (-0.62, -0.2, 0.22)
        ]
    r = 0.5 * (rise - 0.2 * deck)
    return [frame.ring(-0.2 * a, rise - r, r - 0.06, 0.06)]


def _toy(word: Sequence[int], frame: Frame, build: Build) -> dict[str, list[Shape]]:
    """The shapes of each part of the toy with these four letters."""
    body, head, under, top = word
    return {
        "body": _body(body, frame, build),
        "head": _head(head, frame, build),
        "under": _under(under, frame, build),
        "top": _top(top, frame, build),
    }


def _hue(h: float) -> Color:
    """The fully saturated color of hue ``h`` in [0, 1)."""
    r, g, b = abs(6 * h - 3) - 1, 2 - abs(6 * h - 2), 2 - abs(6 * h - 4)
    return min(max(r, 0.0), 1.0), min(max(g, 0.0), 1.0), min(max(b, 0.0), 1.0)


def _mix(first: Color, second: Color, share: float) -> Color:
    a, b, c = (p + (q - p) * share for p, q in zip(first, second, strict=True))
    return a, b, c


def _paint(part: str, draws: Draws) -> Color:
    """A color from around the part's paint: by up to 0.06 in hue, a quarter in lightness and a third in saturation."""
    pure = _hue((PAINTS[part] + draws.between(-0.06, 0.06)) % 1.0)
    red, green, blue = _mix((1.0, 1.0, 1.0), pure, draws.between(0.45, 0.8))
    light = draws.between(0.75, 1.0)
    return red * light, green * light, blue * light


# The ground. ----------------------------------------------------------------------------------------------------------


def _wave(t: Array) -> Array:
    """A triangle wave of period one, in [0, 1]."""
    phase = t - np.floor(t)
    return 1 - np.abs(2 * phase - 1)


def _noise(draws: Draws, size: int, cells: int) -> Array:
    """Values in [0, 1) on a lattice of ``cells`` squares a side, smoothed in between; ``[size, size]``."""
    lattice = draws.grid(cells + 1)
    at = (np.arange(size) + 0.5) * (cells / size)
    low = np.minimum(np.floor(at).astype(np.int64), cells - 1)
    t = at - low
    t = t * t * (3 - 2 * t)
    rows = lattice[low] * (1 - t)[:, None] + lattice[low + 1] * t[:, None]
    return np.asarray(rows[:, low] * (1 - t) + rows[:, low + 1] * t)


def ground(draws: Draws, size: int) -> Array:
    """A texture in two quiet colors, unevenly lit; ``[size, size, 3]`` in [0, 1]."""
    level = draws.between(0.5, 0.75)
    base = np.array(_mix((1.0, 1.0, 1.0), _hue(draws.between(0.05, 0.2)), draws.between(0.05, 0.25))) * level
    contrast = draws.between(0.1, 0.2)
    t = draws.between(-1, 1)
    c, s = (1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)  # any direction in half a turn
    x, y = (np.arange(size) + 0.5)[None, :] / size, (np.arange(size) + 0.5)[:, None] / size
    count = draws.between(5, 11)  # repeats a side
    u, v = _wave(count * (c * x + s * y)) - 0.5, _wave(count * (c * y - s * x)) - 0.5
    kind = draws.below(4)
    if kind == 0:
        pattern = ramp(0.5 + 3 * u)  # stripes
    elif kind == 1:
        pattern = ramp(0.5 + 16 * u * v)  # checks
    elif kind == 2:
        pattern = ramp(3 - 9 * np.sqrt(u * u + v * v))  # dots
    else:
        pattern = _noise(draws, size, 8)  # clouds
    return np.asarray(base * (1 + contrast * (1.5 * pattern + _noise(draws, size, 3) - 1.2))[:, :, None])


# A picture. -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Placed:
    """A toy where it stands in a picture.

    Attributes:
        label: index into `CLASSES`.
        frame: from its own coordinates to pixels.
        build: its proportions.
        parts: shapes of each part, by the names of `PARTS`.
    """

    label: int
    frame: Frame
    build: Build
    parts: dict[str, list[Shape]]

    @property
    def shapes(self) -> list[Shape]:
        """Of all parts."""
        return [shape for shapes in self.parts.values() for shape in shapes]


def place(draws: Draws, label: int, room: Box) -> Placed:
    """A toy of that class somewhere in a room, of 70 to 100 % of the size that would fill it; its colors come later."""
    build = Build(
        length=draws.between(0.56, 0.7),
        height=draws.between(0.25, 0.33),
        head=draws.between(0.24, 0.31),
        reach=draws.between(0.34, 0.44),
        rise=draws.between(0.42, 0.56),
    )
    facing = 1.0 if draws.below(2) else -1.0
    t = draws.between(-0.08, 0.08)  # the tangent of half the tilt: 9 degrees to either side
    tilt = ((1 - t * t) / (1 + t * t), 2 * t / (1 + t * t))
    share = draws.between(0.7, 1.0)  # of the room's side, that the toy's side takes

    # Once at unit size around the origin: the box says where a toy of that share can stand.
    unit_toy = _toy(CODE[label], Frame((0.0, 0.0), 1.0, facing, tilt), build)
    box = box_of([shape for shapes in unit_toy.values() for shape in shapes])
    width, height = box.right - box.left, box.bottom - box.top
    across, down = room.right - room.left, room.bottom - room.top
    unit = min(share * across / width, share * down / height)
    center = (
        room.left + draws.between(0, 1) * (across - unit * width) - unit * box.left,
        room.top + draws.between(0, 1) * (down - unit * height) - unit * box.top,
    )
    frame = Frame(center, unit, facing, tilt)
    return Placed(label, frame, build, _toy(CODE[label], frame, build))


def paint(canvas: Array, toy: Placed, draws: Draws) -> None:
    """Draw a toy and its shadow, in colors of its own."""
    frame, build = toy.frame, toy.build
    lay(canvas, [frame.ellipse(0.05, -build.height - build.reach, 1.1 * build.length, 0.09)], BLACK, opacity=0.3)
    for part in ("top", "under", "body", "head"):  # the rearmost first
        lay(canvas, toy.parts[part], _paint(part, draws), outline=0.035 * frame.unit)
        if part == "under":
            wheels = [shape for shape in toy.parts[part] if isinstance(shape, Ellipse)]
            lay(
                canvas,
                [Ellipse(wheel.center, (0.35 * wheel.radii[0], 0.35 * wheel.radii[1])) for wheel in wheels],
                WHITE,
            )
    x, y, r = _face(build)
    lay(canvas, [frame.ellipse(x + 0.3 * r, y + 0.15 * r, 0.32 * r, 0.32 * r)], WHITE)
    lay(canvas, [frame.ellipse(x + 0.38 * r, y + 0.12 * r, 0.16 * r, 0.16 * r)], BLACK)


def check_picture(index: int, seed: int, size: int) -> None:
    """A picture can be drawn.

    Raises:
        ValueError: for a negative index or seed, or a side under 16 pixels.
    """
    if min(index, seed) < 0:
        raise ValueError(f"index and seed must be 0 or more, got index={index!r}, seed={seed!r}; count from 0")
    if size < 16:
        raise ValueError(
            f"size must be at least 16 pixels, got {size!r}: smaller parts vanish; render larger and shrink"
        )


def to_pixels(canvas: Array) -> NDArray[np.uint8]:
    """The nearest of 256 levels; what is beyond them, the last."""
    return np.floor(ramp(canvas) * 255 + 0.5).astype(np.uint8)


def render(index: int, *, seed: int = 0, size: int = 96) -> Picture:
    """Picture ``index`` of the set ``seed``; its class is ``index % 9``.

    Args:
        index: which picture; 0 or more.
        seed: which set; 0 or more.
        size: side of the square picture, in pixels; 16 or more.

    Raises:
        ValueError: for a negative index or seed, or a side under 16 pixels.
    """
    check_picture(index, seed, size)
    draws = Draws(seed, index)
    toy = place(draws, index % len(CODE), Box(0.0, 0.0, float(size), float(size)))
    canvas = ground(draws, size)
    paint(canvas, toy, draws)
    return Picture(to_pixels(canvas), toy.label, {part: box_of(shapes) for part, shapes in toy.parts.items()})


class RenderedToys(Dataset[tuple[Image.Image, int]]):
    """Pictures ``start``, ..., ``start + count - 1`` of the set ``seed`` as ``(PIL image, label)``, kept in memory.

    Args:
        count: how many pictures; the classes take turns, so a multiple of nine is balanced exactly.
        seed: which set.
        size: side of the pictures, in pixels.
        start: first picture, so that a held-out set can go on where the training set ends.
        processes: how many render at the same time; by default one a core.
    """

    classes = CLASSES

    def __init__(
        self, count: int, *, seed: int = 0, size: int = 96, start: int = 0, processes: int | None = None
    ) -> None:
        if count < 1:
            raise ValueError(f"count must be at least 1, got {count!r}; nine pictures show each class once")
        drawn = _render_all(range(start, start + count), seed, size, processes or os.cpu_count() or 1)
        self.images = np.stack([picture.pixels for picture in drawn])
        self.labels = [picture.label for picture in drawn]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Image.Image, int]:
        return Image.fromarray(self.images[index]), self.labels[index]


def _render_all(indices: range, seed: int, size: int, processes: int) -> list[Picture]:
    one = partial(render, seed=seed, size=size)
    if processes == 1 or len(indices) < 200:  # starting processes takes longer than that
        return [one(index) for index in indices]
    with ProcessPoolExecutor(processes, initializer=_leave_interrupts_to_the_parent) as pool:
        return list(pool.map(one, indices, chunksize=64))


def _leave_interrupts_to_the_parent() -> None:
    """Ctrl-C reaches every process of a terminal; only the first shall answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
