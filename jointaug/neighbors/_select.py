"""The largest scores of each row: the inner loops of k-means, k-NN and the negative samplers.

On a CPU numpy's vectorized partition and argmax do it (torch's topk and max cost more than the matrix product that
made the scores), elsewhere torch.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
import torch
from torch import Tensor

_FOLD: Final = 16  # columns that share a block maximum


def by_numpy(scores: Tensor) -> bool:
    """Whether numpy does the work."""
    return scores.device.type == "cpu"


def best(scores: Tensor) -> tuple[Tensor, Tensor]:
    """The greatest score of each row and the first column that has it: ``[r, m]`` -> ``[r]``, ``[r]``."""
    if not by_numpy(scores):
        values, columns = scores.max(1)
        return values, columns
    columns = torch.from_numpy(scores.numpy().argmax(1))  # on one thread: to start another costs more
    return scores.gather(1, columns[:, None])[:, 0], columns


def largest(scores: Tensor, k: int) -> Tensor:
    """Columns of the ``k`` largest scores of each row, in no order: ``[r, m]`` -> ``[r, k]``.

    Long rows are folded into blocks: the k largest scores lie in the k blocks with the largest maxima. The columns of
    a block lie m / 16 apart, so that the maxima are taken of whole vectors.
    """
    rows, width = scores.shape
    if width % _FOLD or width <= 2 * _FOLD * k:
        if not by_numpy(scores):
            return scores.topk(k, dim=1, sorted=False).indices
        return torch.from_numpy(
            np.ascontiguousarray(np.argpartition(scores.numpy(), width - k, axis=1)[:, width - k :])
        )
    blocks = width // _FOLD
    chosen = largest(scores.view(rows, _FOLD, blocks).amax(1), k)
    columns = (chosen[:, None] + torch.arange(0, width, blocks, device=scores.device)[:, None]).flatten(1)
    return columns.gather(1, largest(scores.gather(1, columns), k))


def foldable(width: int) -> int:
    """The next width that `largest` can fold twice."""
    return -(-width // _FOLD**2) * _FOLD**2


def in_threads(work: Callable[[int, int], None], rows: int, *, least: int = 1) -> None:
    """``work(start, stop)`` over all rows, split among as many threads as torch may use (numpy lets go of the GIL)."""
    parts = min(torch.get_num_threads(), max(1, rows // least))
    if parts == 1:
        work(0, rows)
        return
    bounds = [rows * part // parts for part in range(parts + 1)]
    with ThreadPoolExecutor(parts) as pool:
        list(pool.map(work, bounds[:-1], bounds[1:]))
