"""Hashes in Triton, each an operator of its own, of which `torch.compile` and fake tensors know.

That of `jointaug.chance`, and that which orders the rows of a memory bank (`jointaug.neighbors`).
"""

import triton
import triton.language as tl
from torch import Tensor
from torch.library import triton_op, wrap_triton

BLOCK = 128
"""Images of a program."""
KEYS = 1024
"""Keys of a program."""
_WORDS = ["seed", "seed_high", "epoch", "same", "step", "step_high", "view"]


@triton.jit
def _word(value):
    return value.to(tl.uint32, bitcast=True)


@triton.jit
def _uniform(word):
    """The middle of the cell that a word names, as in chance.py."""
    return (word.to(tl.float64) + 0.5) * 2.3283064365386963e-10  # 2**-32


@triton.jit(do_not_specialize=["n", "count", *_WORDS])
def uniforms_kernel(
    index, draws, out, n, count, seed, seed_high, epoch, same, step, step_high, view, B: tl.constexpr
):  # fmt: skip
    i = tl.program_id(0) * B + tl.arange(0, B)
    inside = i < count
    number = tl.load(index + i, inside, 0)
    zero = tl.zeros((B,), tl.uint32)
    if draws is None:
        draw = zero + _word(same)
    else:
        draw = tl.load(draws + i, inside, 0).to(tl.uint32)
    a, b, c, d = tl.philox_impl(
        number.to(tl.uint32), (number >> 32).to(tl.uint32), zero + _word(epoch), draw,
        zero + _word(seed), zero + _word(seed_high),
    )  # fmt: skip
    block, own = tl.program_id(1), tl.program_id(2)
    v, w, x, y = tl.philox_impl(
        c ^ _word(step), d ^ _word(step_high), zero + _word(view) + own.to(tl.uint32), zero + block.to(tl.uint32), a, b
    )
    k = 4 * block
    at = out + (own * n + k).to(tl.int64) * count + i
    tl.store(at, _uniform(v), inside)
    tl.store(at + count, _uniform(w), inside & (k + 1 < n))
    tl.store(at + 2 * count, _uniform(x), inside & (k + 2 < n))
    tl.store(at + 3 * count, _uniform(y), inside & (k + 3 < n))


@triton_op(
    "jointaug::uniforms",
    mutates_args={"out"},
    schema="(Tensor index, Tensor? draws, Tensor(a!) out, int[] words) -> ()",
)
def uniforms(index: Tensor, draws: Tensor | None, out: Tensor, words: list[int]) -> None:
    """Rows of consecutive views at one step.

    Args:
        index: of images, int64 ``[B]``.
        draws: int64 ``[B]``, or None: the one among ``words``.
        out: float64 ``[V, n, B]``.
        words: of 32 bits, signed: seed, its upper half, epoch, draw, step, its upper half, the first view.
    """
    views, n, count = out.shape
    wrap_triton(uniforms_kernel)[(triton.cdiv(count, BLOCK), triton.cdiv(n, 4), views)](
        index, draws, out, n, count, *words, B=BLOCK
    )


@triton.jit
def _mixed(key, word):
    """A word, then the steps of MurmurHash3's finalizer."""
    key = key ^ word
    key = (key ^ (key >> 16)) * 0x85EBCA6B
    key = (key ^ (key >> 13)) * 0xC2B2AE35
    return key ^ (key >> 16)


@triton.jit
def keys_kernel(words, rows, out, width, stride, B: tl.constexpr):
    blocks = tl.cdiv(width, B)
    line = (tl.program_id(0) // blocks).to(tl.int64)
    column = tl.program_id(0) % blocks * B + tl.arange(0, B)
    inside = column < width
    key = tl.load(rows + line * stride + column, inside, 0).to(tl.uint32)
    key = _mixed(key, tl.load(words + 2 * line).to(tl.uint32))
    key = _mixed(key, tl.load(words + 2 * line + 1).to(tl.uint32))
    tl.store(out + line * width + column, key.to(tl.int64), inside)


@triton_op("jointaug::order_keys", mutates_args={"out"}, schema="(Tensor words, Tensor rows, Tensor(a!) out) -> ()")
def order_keys(words: Tensor, rows: Tensor, out: Tensor) -> None:
    """The place of rows in a random order for each line.

    Args:
        words: of the orders, int64 ``[b, 2]``, each of 32 bits.
        rows: int64 in [0, 2**32), ``[n]`` for all lines, or ``[b, n]``.
        out: int64 ``[b, n]``.
    """
    lines, width = out.shape
    wrap_triton(keys_kernel)[(lines * triton.cdiv(width, KEYS),)](
        words, rows, out, width, width if rows.ndim == 2 else 0, B=KEYS
    )
