"""The kernels in Triton, for CUDA: each an operator of its own, of which `torch.compile` and fake tensors know.

A result is carried in float32 through its slots: steps of one kind and one value. Its row of parameters holds the box
(top, left, height, width), whether it is mirrored along x and along y, then a kind for each slot and a value for each.
Where it needs what other programs compute, the mean of its gray image or its neighbors' pixels, it waits in memory, and
the operator for that slot carries it on, alone with those that wait there.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.library import triton_op, wrap_triton

HEAD: tl.constexpr = tl.constexpr(6)
"""Parameters before the slots."""
TILE = 32
"""Side of the square of pixels that a program works on."""
WARPS = 8

# One more than in csrc/jointaug.h: a slot of kind 0 does nothing.
CONTRAST: tl.constexpr = tl.constexpr(2)
BLUR: tl.constexpr = tl.constexpr(11)
NEGLIGIBLE: tl.constexpr = tl.constexpr(2.0**-30)  # as _blur.py


# --- pixels: three [TILE, TILE] floats on [0, 1] ---------------------------------------------------------


@triton.jit
def _luma(r, g, b):
    return r * 0.2989 + g * 0.587 + b * 0.114


@triton.jit
def _blend(x, other, factor):
    return tl.minimum(tl.maximum(x * factor + other * (1 - factor), 0.0), 1.0)


@triton.jit
def _sixths(x):
    """Modulo 6."""
    return x - 6 * tl.floor(x / 6)


@triton.jit
def _channel(along, most, chroma):
    along = _sixths(along)
    return most - chroma * tl.minimum(tl.maximum(tl.minimum(along, 4 - along), 0.0), 1.0)


@triton.jit
def _turned(r, g, b, turns):
    most = tl.maximum(tl.maximum(r, g), b)
    chroma = most - tl.minimum(tl.minimum(r, g), b)
    divisor = tl.where(chroma == 0, 1.0, chroma)
    sector = tl.where(most == g, (b - r) / divisor + 2, (r - g) / divisor + 4)
    sector = _sixths(tl.where(most == r, (g - b) / divisor, sector) + 6 * turns)
    return _channel(sector + 5, most, chroma), _channel(sector + 3, most, chroma), _channel(sector + 1, most, chroma)


@triton.jit
def _posterized(x, levels):
    return tl.div_rn(tl.minimum(tl.maximum(tl.floor(x * levels), 0.0), levels - 1), levels)


@triton.jit
def _step(r, g, b, kind, value, mean, m0, m1, m2, s0, s1, s2):
    """One slot; all pixels of a program take the same branch."""
    if kind == 1:
        if value != 1:
            r, g, b = _blend(r, 0.0, value), _blend(g, 0.0, value), _blend(b, 0.0, value)
    elif kind == CONTRAST:
        if value != 1:
            r, g, b = _blend(r, mean, value), _blend(g, mean, value), _blend(b, mean, value)
    elif kind == 3:
        if value != 1:
            gray = _luma(r, g, b)
            r, g, b = _blend(r, gray, value), _blend(g, gray, value), _blend(b, gray, value)
    elif kind == 4:
        if value != 0:
            r, g, b = _turned(r, g, b, value)
    elif kind == 6:
        gray = _luma(r, g, b)
        r, g, b = gray, gray, gray
    elif kind == 7:
        r, g, b = tl.where(r >= value, 1 - r, r), tl.where(g >= value, 1 - g, g), tl.where(b >= value, 1 - b, b)
    elif kind == 8:
        r, g, b = _posterized(r, value), _posterized(g, value), _posterized(b, value)
    elif kind == 9:
        r, g, b = 1 - r, 1 - g, 1 - b
    elif kind == 10:
        r, g, b = (r - m0) / s0, (g - m1) / s1, (b - m2) / s2
    return r, g, b


# --- crop: torch's antialiased triangle, in torch's order of operations -----------------------------------


@triton.jit
def _taps(place, length, size):
    """First tap, end, center, support of each place; places and lengths are float32."""
    scale = tl.div_rn(length, tl.zeros_like(length) + size)  # where one pixel is wanted, Triton has a constant here
    support = tl.maximum(scale, 1.0)
    center = tl.fma(scale, place + 0.5, 0.0)  # rounded by itself: no later sum may take the product in
    first = tl.maximum((center - support + 0.5).to(tl.int32), 0)
    last = tl.minimum((center + support + 0.5).to(tl.int32), length.to(tl.int32))
    return first, last, center, support


@triton.jit
def _weight(k, first, last, center, support):
    distance = tl.abs((first + k).to(tl.float32) - center + 0.5) / support
    return tl.where(first + k < last, tl.maximum(1.0 - distance, 0.0), 0.0)


@triton.jit
def _cropped(image, p, y, x, h, w, channel, row, column):
    top, left = tl.load(p).to(tl.int32), tl.load(p + 1).to(tl.int32)
    height, width = tl.load(p + 2), tl.load(p + 3)
    first_y, last_y, center_y, support_y = _taps(y.to(tl.float32), height, h)
    first_x, last_x, center_x, support_x = _taps(x.to(tl.float32), width, w)
    many_y, many_x = tl.ceil(2 * support_y).to(tl.int32), tl.ceil(2 * support_x).to(tl.int32)
    total_y, total_x = tl.zeros_like(center_y), tl.zeros_like(center_x)
    for k in range(many_y):
        total_y += _weight(k, first_y, last_y, center_y, support_y)
    for k in range(many_x):
        total_x += _weight(k, first_x, last_x, center_x, support_x)
    r = tl.zeros((y.shape[0], x.shape[0]), tl.float32)
    g, b = r, r
    for i in range(many_x):
        weight_x = (_weight(i, first_x, last_x, center_x, support_x) / total_x)[None, :]
        along = (left + tl.minimum(first_x + i, width.to(tl.int32) - 1)) * column
        sum_r, sum_g, sum_b = tl.zeros_like(r), tl.zeros_like(r), tl.zeros_like(r)
        for k in range(many_y):
            weight_y = (_weight(k, first_y, last_y, center_y, support_y) / total_y)[:, None]
            at = image + ((top + tl.minimum(first_y + k, height.to(tl.int32) - 1)) * row)[:, None] + along[None, :]
            sum_r += weight_y * tl.load(at).to(tl.float32)
            sum_g += weight_y * tl.load(at + channel).to(tl.float32)
            sum_b += weight_y * tl.load(at + 2 * channel).to(tl.float32)
        r += weight_x * sum_r
        g += weight_x * sum_g
        b += weight_x * sum_b
    return r, g, b


# --- blur: Gaussians of each result's own width, the border reflected -------------------------------------


@triton.jit
def _reach(sigma, radius, n):
    """Sigma and radius along n pixels; a radius below 0 follows sigma (see _blur.py)."""
    edge = tl.minimum(radius, tl.ceil(6.45 * sigma).to(tl.int32))
    if radius < 0:
        sigma = tl.minimum(sigma, tl.where(n > 1, 2.0 * (n - 1), 0.1))
        edge = tl.maximum(tl.ceil(tl.fma(sigma, 4.5, 0.0) - 0.5), 0.0).to(tl.int32)
    return sigma, edge


@triton.jit
def _gauss(k, sigma):
    distance = k / sigma
    weight = tl.exp(-0.5 * distance * distance)
    return tl.where(weight > NEGLIGIBLE, weight, 0.0)


@triton.jit
def _around(i, k, n):
    """Positions k before and after i, reflected as often as it takes."""
    before, after, period = tl.abs(i - k), i + k, tl.maximum(2 * (n - 1), 1)
    if k >= n:
        before, after = before % period, after % period
    return tl.minimum(before, period - before), tl.minimum(after, tl.abs(period - after))


@triton.jit
def _load(source, channel, at, inside):
    return (
        tl.load(source + at, inside, 0.0),
        tl.load(source + channel + at, inside, 0.0),
        tl.load(source + 2 * channel + at, inside, 0.0),
    )


@triton.jit
def _blurred(source, sigma, radius, n, i, rest, step, channel, inside):
    """One pass over three planes: positions ``i * step + rest`` along n pixels."""
    sigma, edge = _reach(sigma, radius, n)
    r, g, b = _load(source, channel, i * step + rest, inside)
    total = tl.full((), 1.0, tl.float32)
    for k in range(1, edge + 1):
        weight = _gauss(k, sigma)
        before, after = _around(i, k, n)
        first_r, first_g, first_b = _load(source, channel, before * step + rest, inside)
        second_r, second_g, second_b = _load(source, channel, after * step + rest, inside)
        r += weight * (first_r + second_r)
        g += weight * (first_g + second_g)
        b += weight * (first_b + second_b)
        total += 2 * weight
    return r / total, g / total, b / total


# --- slots: where a result waits, and what is done until there --------------------------------------------


@triton.jit
def _row(rows, s, images, views, slots):
    """Parameters of result s: they lie image by image, results view by view."""
    return rows + ((s % images) * views + s // images) * (HEAD + 2 * slots)


@triton.jit
def _waits(p, slot, slots, WHOLE: tl.constexpr):
    """The kind of a slot at which a result waits, or 0; a program that has the whole image knows its mean."""
    kind, value = tl.load(p + HEAD + slot).to(tl.int32), tl.load(p + HEAD + slots + slot)
    return tl.where(((kind == BLUR) & (value > 0)) | ((kind == CONTRAST) & (value != 1) & (not WHOLE)), kind, 0)


@triton.jit
def _first_waiting(p, start, end, slots, WHOLE: tl.constexpr):
    """The first slot out of [start, end) at which a result waits, or end."""
    found = end
    for slot in range(start, end):
        found = tl.where((found == end) & (_waits(p, slot, slots, WHOLE) > 0), slot, found)
    return found


@triton.jit
def _stored(x, to: tl.constexpr):
    if to == tl.uint8:
        x = tl.minimum(tl.maximum(x * 255, 0.0), 255.0)
        x = (x + 12582912.0) - 12582912.0  # 1.5 * 2**23: rounds half to even, as torch does
    return x.to(to)


@triton.jit
def _store(target, channel, at, inside, r, g, b):
    to: tl.constexpr = target.dtype.element_ty
    tl.store(target + at, _stored(r, to), inside)
    tl.store(target + channel + at, _stored(g, to), inside)
    tl.store(target + 2 * channel + at, _stored(b, to), inside)


@triton.jit
def _place(tile, h, w, column, T: tl.constexpr):
    """Rows and columns of a tile, offsets of its pixels in a plane, and which are inside of the image."""
    across = tl.cdiv(w, T)
    y, x = tile // across * T + tl.arange(0, T), tile % across * T + tl.arange(0, T)
    return y, x, (y[:, None] * w + x[None, :]) * column, (y < h)[:, None] & (x < w)[None, :]


@triton.jit
def _carry(
    r, g, b, mean, start, after, p, slots, out, work, sums, one, h, w, channel, at, inside, m0, m1, m2, s0, s1, s2,
    WHOLE: tl.constexpr,
):  # fmt: skip
    """From slot ``start`` to where the result waits, from slot ``after`` on, or to its end; and store it."""
    mean += tl.zeros((), tl.float32)
    stop = _first_waiting(p, after, slots, slots, WHOLE)
    for slot in range(start, stop):
        kind, value = tl.load(p + HEAD + slot).to(tl.int32), tl.load(p + HEAD + slots + slot)
        if WHOLE:
            if kind == CONTRAST:
                mean = tl.sum(tl.where(inside, _luma(r, g, b), 0.0)) / (h * w)
        r, g, b = _step(r, g, b, kind, value, mean, m0, m1, m2, s0, s1, s2)
    if stop < slots:
        _store(_waiting(out, work, one, h, w), channel, at, inside, r, g, b)
        if sums is not None:
            if _waits(p, stop, slots, WHOLE) == CONTRAST:
                total = tl.sum(tl.where(inside, _luma(r, g, b), 0.0))
                tl.store(sums + (one * slots + stop) * tl.num_programs(1) + tl.program_id(1), total)
    else:
        _store(out + one * (3 * h * w), channel, at, inside, r, g, b)


@triton.jit
def _waiting(out, work, one, h, w):
    """Where a result waits: among the results where they are float32, else in memory of its own."""
    if work is None:
        return out + one * (3 * h * w)
    else:
        return work + one * (3 * h * w)


@triton.jit
def begin_kernel(
    source, rows, out, work, sums, first, images, views, slots, h, w, channel, column,
    stride, source_channel, source_row, source_column, unit, m0, m1, m2, s0, s1, s2,
    CROP: tl.constexpr, WHOLE: tl.constexpr, T: tl.constexpr,
):  # fmt: skip
    one = tl.program_id(0).to(tl.int64)
    p = _row(rows, first + one, images, views, slots)
    y, x, at, inside = _place(tl.program_id(1), h, w, column, T)
    image = source + ((first + one) % images) * stride
    # Programs reach beyond the image's end; what they read there is the last pixel, and nobody's.
    y, x = tl.minimum(y, h - 1), tl.minimum(x, w - 1)
    x = tl.where(tl.load(p + 4) != 0, w - 1 - x, x)
    y = tl.where(tl.load(p + 5) != 0, h - 1 - y, y)
    if CROP:
        r, g, b = _cropped(image, p, y, x, h, w, source_channel, source_row, source_column)
    else:
        pixel = image + (y * source_row)[:, None] + (x * source_column)[None, :]
        r, g = tl.load(pixel).to(tl.float32), tl.load(pixel + source_channel).to(tl.float32)
        b = tl.load(pixel + 2 * source_channel).to(tl.float32)
    _carry(
        r * unit, g * unit, b * unit, 0.0, 0, 0, p, slots, out, work, sums, one, h, w, channel, at, inside,
        m0, m1, m2, s0, s1, s2, WHOLE,
    )  # fmt: skip


@triton.jit
def contrast_kernel(
    out, work, sums, rows, start, end, first, images, views, slots, h, w, channel, column,
    m0, m1, m2, s0, s1, s2, T: tl.constexpr,
):  # fmt: skip
    one = tl.program_id(0).to(tl.int64)
    p = _row(rows, first + one, images, views, slots)
    slot = _first_waiting(p, start, end, slots, False)
    if slot < end:
        y, x, at, inside = _place(tl.program_id(1), h, w, column, T)
        r, g, b = _load(_waiting(out, work, one, h, w), channel, at, inside)
        tiles = tl.num_programs(1)
        totals, many = tl.zeros((64,), tl.float32), tl.arange(0, 64)
        for k in range(0, tiles, 64):
            totals += tl.load(sums + (one * slots + slot) * tiles + k + many, k + many < tiles, 0.0)
        _carry(
            r, g, b, tl.sum(totals) / (h * w), slot, slot + 1, p, slots, out, work, sums, one, h, w, channel, at,
            inside, m0, m1, m2, s0, s1, s2, False,
        )  # fmt: skip


@triton.jit
def blur_x_kernel(
    out, work, across, rows, slot, radius, first, images, views, slots, h, w, channel, column, T: tl.constexpr
):
    one = tl.program_id(0).to(tl.int64)
    p = _row(rows, first + one, images, views, slots)
    if _waits(p, slot, slots, False) == BLUR:
        y, x, at, inside = _place(tl.program_id(1), h, w, column, T)
        source = _waiting(out, work, one, h, w)
        sigma = tl.load(p + HEAD + slots + slot)
        rest = (y * w * column)[:, None]
        r, g, b = _blurred(source, sigma, radius, w, x[None, :], rest, column, channel, inside)
        _store(across + one * (3 * h * w), channel, at, inside, r, g, b)


@triton.jit
def blur_y_kernel(
    out, work, sums, across, rows, slot, radius, first, images, views, slots, h, w, channel, column,
    m0, m1, m2, s0, s1, s2, WHOLE: tl.constexpr, T: tl.constexpr,
):  # fmt: skip
    one = tl.program_id(0).to(tl.int64)
    p = _row(rows, first + one, images, views, slots)
    if _waits(p, slot, slots, False) == BLUR:
        y, x, at, inside = _place(tl.program_id(1), h, w, column, T)
        sigma = tl.load(p + HEAD + slots + slot)
        source, rest = across + one * (3 * h * w), (x * column)[None, :]
        r, g, b = _blurred(source, sigma, radius, h, y[:, None], rest, w * column, channel, inside)
        _carry(
            r, g, b, 0.0, slot + 1, slot + 1, p, slots, out, work, sums, one, h, w, channel, at, inside,
            m0, m1, m2, s0, s1, s2, WHOLE,
        )  # fmt: skip


# --- operators ------------------------------------------------------------------------------------------


def tiles_of(h: int, w: int) -> int:
    """Programs that an image takes."""
    return -(-h // TILE) * -(-w // TILE)


def _shape(out: Tensor) -> tuple[int, int, int, int]:
    """Height, width, and strides of channels and columns."""
    return out.shape[2], out.shape[3], out.stride(1), out.stride(3)


_SHAPE = "int first, int images, int views, int slots"


@triton_op(
    "jointaug::begin",
    mutates_args={"out", "work", "sums"},
    schema="(Tensor source, Tensor rows, Tensor(a!) out, Tensor(b!)? work, Tensor(c!)? sums, float[] stats, "
    f"{_SHAPE}, bool crop) -> ()",
)
def begin(
    source: Tensor,
    rows: Tensor,
    out: Tensor,
    work: Tensor | None,
    sums: Tensor | None,
    stats: list[float],
    first: int,
    images: int,
    views: int,
    slots: int,
    crop: bool,
) -> None:
    """Crop or load, mirror, and the slots that follow.

    Args:
        source: images ``[N, 3, H, W]``.
        rows: parameters ``[N * V, 6 + 2 * slots]``, image by image.
        out: n of the results ``[V * N, 3, h, w]``, view by view, contiguous in one of torch's two formats.
        work: ``[n, 3, h, w]`` float32, where they wait; None: in ``out``, which is float32 then.
        sums: ``[n, slots, tiles]`` float32, of gray in each tile of what waits for its mean.
        stats: means and deviations of the channels, for the slot that normalizes.
        first: of ``out`` among all results.
        images: N.
        views: V.
        slots: of a row.
        crop: whether rows have boxes.
    """
    h, w, channel, column = _shape(out)
    tiles = tiles_of(h, w)
    wrap_triton(begin_kernel)[(len(out), tiles)](
        source, rows, out, work, sums, first, images, views, slots, h, w, channel, column, *source.stride(),
        1 / 255 if source.dtype is torch.uint8 else 1.0, *stats,
        CROP=crop, WHOLE=tiles == 1, T=TILE, num_warps=WARPS,
    )  # fmt: skip


@triton_op(
    "jointaug::contrast",
    mutates_args={"out", "work", "sums"},
    schema="(Tensor rows, Tensor(a!) out, Tensor(b!)? work, Tensor(c!) sums, float[] stats, int start, int end, "
    f"{_SHAPE}) -> ()",
)
def contrast(
    rows: Tensor,
    out: Tensor,
    work: Tensor | None,
    sums: Tensor,
    stats: list[float],
    start: int,
    end: int,
    first: int,
    images: int,
    views: int,
    slots: int,
) -> None:
    """Contrast and what follows, of the results that wait for it in one of the slots [start, end)."""
    h, w, channel, column = _shape(out)
    wrap_triton(contrast_kernel)[(len(out), tiles_of(h, w))](
        out, work, sums, rows, start, end, first, images, views, slots, h, w, channel, column, *stats,
        T=TILE, num_warps=WARPS,
    )  # fmt: skip


@triton_op(
    "jointaug::blur_x",
    mutates_args={"across"},
    schema=f"(Tensor rows, Tensor out, Tensor? work, Tensor(a!) across, int radius, int slot, {_SHAPE}) -> ()",
)
def blur_x(
    rows: Tensor,
    out: Tensor,
    work: Tensor | None,
    across: Tensor,
    radius: int,
    slot: int,
    first: int,
    images: int,
    views: int,
    slots: int,
) -> None:
    """The results that wait for blur in a slot, blurred along x, to ``across`` ``[n, 3, h, w]``."""
    h, w, channel, column = _shape(out)
    wrap_triton(blur_x_kernel)[(len(out), tiles_of(h, w))](
        out, work, across, rows, slot, radius, first, images, views, slots, h, w, channel, column,
        T=TILE, num_warps=WARPS,
    )  # fmt: skip


@triton_op(
    "jointaug::blur_y",
    mutates_args={"out", "work", "sums"},
    schema="(Tensor rows, Tensor across, Tensor(a!) out, Tensor(b!)? work, Tensor(c!)? sums, float[] stats, "
    f"int radius, int slot, {_SHAPE}) -> ()",
)
def blur_y(
    rows: Tensor,
    across: Tensor,
    out: Tensor,
    work: Tensor | None,
    sums: Tensor | None,
    stats: list[float],
    radius: int,
    slot: int,
    first: int,
    images: int,
    views: int,
    slots: int,
) -> None:
    """``across`` blurred along y, and what follows."""
    h, w, channel, column = _shape(out)
    wrap_triton(blur_y_kernel)[(len(out), tiles_of(h, w))](
        out, work, sums, across, rows, slot, radius, first, images, views, slots, h, w, channel, column, *stats,
        WHOLE=tiles_of(h, w) == 1, T=TILE, num_warps=WARPS,
    )  # fmt: skip
