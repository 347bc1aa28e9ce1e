"""Shapes with a signed distance, and how they are laid on a picture with smooth edges.

No operation on floats but those that IEEE 754 rounds correctly: the same to the last bit on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Point = tuple[float, float]
Color = tuple[float, float, float]


@dataclass(frozen=True)
class Box:
    """Left, top, right and bottom, in pixels; right and bottom are outside."""

    left: float
    top: float
    right: float
    bottom: float

    def union(self, other: Box) -> Box:
        """The smallest box around both."""
        return Box(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )


class Shape(Protocol):
    """What can be laid on a picture."""

    def bounds(self) -> Box:
        """The smallest upright box around the shape, in pixels."""

    def distance(self, x: Array, y: Array) -> Array:
        """Signed distance of each point to the edge, in pixels; negative inside."""


@dataclass(frozen=True)
class Ellipse:
    """An ellipse; ``axis`` is the direction of the first radius."""

    center: Point
    radii: Point
    axis: Point = (1.0, 0.0)

    def bounds(self) -> Box:
        """As of every `Shape`."""
        (x, y), (a, b), (c, s) = self.center, self.radii, self.axis
        width, height = math.sqrt(a * a * c * c + b * b * s * s), math.sqrt(a * a * s * s + b * b * c * c)
        return Box(x - width, y - height, x + width, y + height)

    def distance(self, x: Array, y: Array) -> Array:
        """As of every `Shape`."""
        (a, b), (c, s) = self.radii, self.axis
        dx, dy = x - self.center[0], y - self.center[1]
        u, v = (dx * c + dy * s) / a, (dy * c - dx * s) / b
        norm = np.sqrt(u * u + v * v)
        slope = np.sqrt((u / a) * (u / a) + (v / b) * (v / b))
        return np.asarray(
            norm * (norm - 1) / np.maximum(slope, 1e-9)
        )  # first order in the distance, exact for a circle


@dataclass(frozen=True)
class Stroke:
    """All points within ``radius`` of the segment between two points."""

    start: Point
    end: Point
    radius: float

    def bounds(self) -> Box:
        """As of every `Shape`."""
        (x0, y0), (x1, y1), r = self.start, self.end, self.radius
        return Box(min(x0, x1) - r, min(y0, y1) - r, max(x0, x1) + r, max(y0, y1) + r)

    def distance(self, x: Array, y: Array) -> Array:
        """As of every `Shape`."""
        (x0, y0), (x1, y1) = self.start, self.end
        along = ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / ((x1 - x0) * (x1 - x0) + (y1 - y0) * (y1 - y0))
        along = np.minimum(np.maximum(along, 0), 1)
        dx, dy = x - (x0 + along * (x1 - x0)), y - (y0 + along * (y1 - y0))
        return np.sqrt(dx * dx + dy * dy) - self.radius


@dataclass(frozen=True)
class Polygon:
    """A convex polygon, its corners in either sense of rotation."""

    corners: tuple[Point, ...]

    def bounds(self) -> Box:
        """As of every `Shape`."""
        xs, ys = zip(*self.corners, strict=True)
        return Box(min(xs), min(ys), max(xs), max(ys))

    def distance(self, x: Array, y: Array) -> Array:
        """As of every `Shape`."""
        edges = list(zip(self.corners, self.corners[1:] + self.corners[:1], strict=True))
        turn = sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in edges)  # twice the area, with the sense's sign
        sense = 1.0 if turn > 0 else -1.0
        result = np.full(np.broadcast_shapes(x.shape, y.shape), -np.inf)
        for (x0, y0), (x1, y1) in edges:
            length = math.sqrt((x1 - x0) * (x1 - x0) + (y1 - y0) * (y1 - y0))
            nx, ny = sense * (y1 - y0) / length, sense * (x0 - x1) / length
            result = np.maximum(result, (x - x0) * nx + (y - y0) * ny)
        return result


@dataclass(frozen=True)
class Ring:
    """A circle's line of width ``2 * half_width``."""

    center: Point
    radius: float
    half_width: float

    def bounds(self) -> Box:
        """As of every `Shape`."""
        (x, y), r = self.center, self.radius + self.half_width
        return Box(x - r, y - r, x + r, y + r)

    def distance(self, x: Array, y: Array) -> Array:
        """As of every `Shape`."""
        dx, dy = x - self.center[0], y - self.center[1]
        return np.abs(np.sqrt(dx * dx + dy * dy) - self.radius) - self.half_width


def box_of(shapes: Sequence[Shape]) -> Box:
    """The smallest upright box around all of the shapes."""
    first, *rest = (shape.bounds() for shape in shapes)
    for box in rest:
        first = first.union(box)
    return first


def ramp(values: Array) -> Array:
    """``values``, those below 0 as 0 and those above 1 as 1."""
    return np.asarray(np.minimum(np.maximum(values, 0), 1))


def lay(canvas: Array, shapes: Sequence[Shape], color: Color, outline: float = 0.0, opacity: float = 1.0) -> None:
    """Draw shapes one over another, each with a dark line of ``outline`` pixels inside its edge."""
    size = canvas.shape[0]
    for shape in shapes:
        box = shape.bounds()
        left, right = max(math.floor(box.left) - 1, 0), min(math.ceil(box.right) + 1, size)
        top, bottom = max(math.floor(box.top) - 1, 0), min(math.ceil(box.bottom) + 1, size)
        x, y = np.arange(left, right)[None, :] + 0.5, np.arange(top, bottom)[:, None] + 0.5
        depth = -shape.distance(x, y)
        covered = ramp(depth + 0.5)[:, :, None]  # a pixel's share of the edge that it straddles
        light = 0.25 + 0.75 * ramp(depth - outline + 0.5)[:, :, None]
        patch = canvas[top:bottom, left:right]
        patch += (light * np.array(color) - patch) * (opacity * covered)
