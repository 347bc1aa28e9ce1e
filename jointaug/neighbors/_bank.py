"""The memory bank with pseudo-labels that follow it: InterCLR's state."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch import distributed as dist

from .._directions import unit
from .._processes import gather_uneven, together, world
from .._validate import ABOVE_0, integer, looked_at, number
from ._chance import row_of
from ._checks import choice, feature_matrix, row_numbers
from ._kmeans import kmeans, means_by_label, nearest
from ._negatives import negatives_of_unit_rows
from ._positives import same_label_positives
from ._repair import repaired

_ROWS = 2**14  # rows whose start is drawn at a time


class MemoryBank(nn.Module):
    """A unit feature and a pseudo-label for every image, both updated in the training loop.

    One step (Xie et al. 2022, https://arxiv.org/abs/2008.11702, and its released code): draw `positives` and
    `negatives` **with the labels so far**, take the loss, then `update`:

    1. rows of the batch: ``v <- normalize((1 - omega) v + omega v_new)`` (eq. 2);
    2. their labels: the nearest center (eq. 3);
    3. every ``interval`` updates all centers: the mean of the rows with their label, not normalized again;
    4. clusters with fewer than ``min_cluster`` rows: see `repair_small`.

    Before the first step `fill` the bank with embeddings of all images (it starts as normalized Gaussians) and call
    `cluster`. With ``online=False``, the offline rival, `update` does its first part only, and labels change when
    `cluster` is called, every epoch say.

    With several processes (``torch.distributed`` initialized) the bank is **replicated**: `update` gathers the batches
    of all processes, in the order of their ranks, and every process makes the same update; `cluster` takes the first
    process's result. Every process must make the same calls. Do not wrap the bank in DistributedDataParallel.

    On an accelerator a step's values are not looked at, and the host waits once in `update`, for whether a cluster has
    become too small, and once in `negatives` (see `sample_negatives`); not at all with ``online=False`` and no
    negatives. A feature that is zero then leaves its row as it was.

    Everything is a buffer: ``state_dict`` holds features, labels, centers and the count of updates, and the module
    moves with ``.to(device)``. For 1.28 M rows of width 128 that is 670 MB.

    Args:
        size: number of images N.
        width: of a feature, D.
        clusters: number of centers, at most ``size``; the paper has 10,000 on ImageNet.
        omega: weight of the new feature in (0, 1]: 1 replaces (with a momentum encoder), the paper's NPID takes 0.5.
        online: whether `update` changes labels and centers.
        metric: of eq. 3: ``"euclidean"`` as printed, ``"dot"`` as in the released code (it favors tight clusters).
        interval: updates between two updates of the centers; 10 in the released code, 1 in the paper.
        min_cluster: least size of a cluster that is left as it is; 0 or 1 repairs empty ones at most. At most
            ``size / clusters``, or no labels could satisfy it.
        seed: of all draws, in [0, 2**64).

    Raises:
        TypeError: for numbers of the wrong kind.
        ValueError: out of these ranges, or for an unknown metric.

    Example:
        >>> bank = MemoryBank(size=100, width=8, clusters=4, min_cluster=5)
        >>> bank.fill(torch.randn(100, 8, generator=torch.Generator().manual_seed(0)))
        >>> bank.cluster()
        >>> index = torch.tensor([3, 14, 15])
        >>> features = bank.features[index]
        >>> negatives = bank.negatives(features, index, count=5)  # rows of the bank
        >>> bool((bank.labels[negatives] == bank.labels[index][:, None]).any())
        False
        >>> bank.update(features, index)
    """

    features: Tensor
    labels: Tensor
    centers: Tensor
    updates: Tensor
    clustered: Tensor

    def __init__(
        self,
        size: int,
        width: int,
        clusters: int,
        *,
        omega: float = 1.0,
        online: bool = True,
        metric: Literal["euclidean", "dot"] = "euclidean",
        interval: int = 10,
        min_cluster: int = 20,
        seed: int = 0,
    ) -> None:
        super().__init__()
        size = integer("size", size, low=1, rule="an integer >= 1")
        width = integer("width", width, low=1, rule="an integer >= 1")
        clusters = integer("clusters", clusters, low=1, rule="an integer >= 1")
        if clusters > size:
            raise ValueError(f"clusters must be at most the size of the bank, {size}, got {clusters}; ask for fewer")
        remedy = "1 replaces a row by its new feature"
        self.omega = number("omega", omega, rule="a number in (0, 1]", low=ABOVE_0, high=1.0, remedy=remedy)
        self.interval = integer("interval", interval, low=1, rule="an integer >= 1")
        self.min_cluster = integer("min_cluster", min_cluster, low=0, rule="an integer >= 0")
        if self.min_cluster * clusters > size:
            raise ValueError(
                f"min_cluster must be at most size / clusters, {size} / {clusters}, got {min_cluster}; take fewer "
                "clusters or a smaller min_cluster"
            )
        choice("metric", metric, ("euclidean", "dot"))
        self.metric: Literal["euclidean", "dot"] = metric
        self.online = online
        self.seed = seed
        self._read: dict[str, tuple[int, int]] = {}  # numbers in buffers, each with the buffer's version
        start = torch.empty(size, width)
        for first in range(0, size, _ROWS):
            rows = torch.arange(first, min(first + _ROWS, size))
            start[rows] = torch.special.ndtri(torch.stack(row_of("bank start", width, rows, seed=seed), 1)).float()
        self.register_buffer("features", unit(start))
        self.register_buffer("labels", torch.zeros(size, dtype=torch.int64))
        self.register_buffer("centers", torch.zeros(clusters, width))
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))
        self.register_buffer("clustered", torch.zeros((), dtype=torch.bool))

    def extra_repr(self) -> str:
        """The settings, for ``print``."""
        return (
            f"size={len(self.features)}, width={self.features.shape[1]}, clusters={len(self.centers)}, "
            f"omega={self.omega}, online={self.online}, metric={self.metric!r}, interval={self.interval}, "
            f"min_cluster={self.min_cluster}, seed={self.seed}"
        )

    @torch.no_grad()
    def fill(self, features: Tensor) -> None:
        """Replace all rows by the directions of ``features [N, D]``; labels stay as they are until `cluster`.

        Raises:
            TypeError: if they are no floating-point tensor.
            ValueError: if they are of another shape or device, not finite, or a row is zero.
        """
        x = feature_matrix("features", features, width=self.features.shape[1], device=self.features.device)
        if len(x) != len(self.features):
            raise ValueError(
                f"features must have one row for each of the bank's {len(self.features)}, got {len(x)}; embed the "
                "whole data set, in the order of its indices"
            )
        _refuse_zeros("features", x)
        self.features.copy_(unit(x))

    @torch.no_grad()
    def cluster(self, *, rounds: int = 20, epoch: int = 0, chunk: int | None = None) -> None:
        """Label all rows anew by Euclidean k-means: before the first step, and every epoch for offline labels.

        Args:
            rounds: see `kmeans`.
            epoch: for another start, in [0, 2**32).
            chunk: see `kmeans`.
        """
        labels, centers, _ = kmeans(
            self.features, len(self.centers), rounds=rounds, seed=self.seed, epoch=epoch, chunk=chunk
        )
        self.labels.copy_(labels)
        self.centers.copy_(centers)
        self._write("clustered", 1)
        self._repair()
        if world()[1] > 1:
            dist.broadcast(self.labels, 0)
            dist.broadcast(self.centers, 0)

    @torch.no_grad()
    def update(self, features: Tensor, index: Tensor) -> None:
        """Write a batch into the bank, and let labels and centers follow: see the class.

        Args:
            features: ``[B, D]``, of any length other than 0; with several processes each gives its own, B may differ.
            index: int64 ``[B]``, their rows. Where a row comes twice, the last one counts, with a warning (on a CPU).

        Raises:
            TypeError: for tensors of the wrong kind.
            ValueError: for another width, device or length, features that are not finite (the row is named) or zero.
            IndexError: for an index outside the bank. (Values on an accelerator are not looked at.)
        """
        with together():
            width, device = self.features.shape[1], self.features.device
            x = feature_matrix("features", features, width=width, device=device, of_step=True)
            index = row_numbers("index", index, len(self.features), device=self.features.device)
            if len(index) != len(x):
                raise ValueError(
                    f"index must have one entry for each of the {len(x)} features, got {len(index)}; pass as many"
                )
            if looked_at(x):
                _refuse_zeros("features", x)
            x = unit(x)
        x, index = gather_uneven(x, index)
        rows, order = index.sort(stable=True)
        last = torch.searchsorted(rows, rows, right=True) - 1  # of the entries with the same row
        if looked_at(rows) and (twice := int((rows[1:] == rows[:-1]).sum())):
            warnings.warn(
                f"index holds {twice} of {len(index)} rows twice; the last feature of each counts", stacklevel=2
            )
        x, old = x[order[last]], self.features[rows]
        mixed = (1 - self.omega) * old + self.omega * x
        alone = x if looked_at(x) else torch.where(x.any(1, keepdim=True), x, old)
        self.features[rows] = torch.where(mixed.any(1, keepdim=True), unit(mixed), alone)  # opposite rows cancel
        count = self._number("updates") + 1
        self._write("updates", count)
        if not self.online or not self._number("clustered"):
            return
        self.labels[rows] = nearest(self.features[rows], self.centers, metric=self.metric)
        if count % self.interval == 0:
            self.centers.copy_(means_by_label(self.features, self.labels, self.centers))
        self._repair()

    def _repair(self) -> None:
        labels, centers = repaired(
            *(self.features, self.labels, self.centers, self.min_cluster, self.metric, self.seed),
            self._number("updates"),
        )
        self.labels.copy_(labels)
        self.centers.copy_(centers)

    @torch.no_grad()
    def positives(self, index: Tensor, *, epoch: int = 0) -> Tensor:
        """A row of the same label for each, uniform among the others; the row itself if it is alone.

        Args:
            index: int64 ``[B]``.
            epoch: of the draw, in [0, 2**32); within an epoch a row's draw changes only with its cluster.

        Returns:
            int64 ``[B]``.

        Raises:
            TypeError: if ``index`` is no int64 tensor.
            IndexError: for an index outside the bank.
            RuntimeError: before `cluster`.
        """
        self._need_labels()
        index = row_numbers("index", index, len(self.features), device=self.features.device)
        return same_label_positives(index, self.labels, seed=self.seed, epoch=epoch)

    @torch.no_grad()
    def negatives(
        self,
        features: Tensor,
        index: Tensor,
        count: int,
        *,
        strategy: Literal["semi-hard", "random", "semi-easy", "hard"] = "semi-hard",
        pool: float = 0.1,
        epoch: int = 0,
        chunk: int | None = None,
    ) -> Tensor:
        """Rows of other labels for each feature: `sample_negatives` on this bank, without checking the bank again.

        Raises:
            RuntimeError: before `cluster`.
            TypeError: as `sample_negatives`.
            ValueError: as `sample_negatives`.
            IndexError: as `sample_negatives`.
        """
        self._need_labels()
        return negatives_of_unit_rows(
            features,
            index,
            self.features,
            self.labels,
            count,
            strategy=strategy,
            pool=pool,
            seed=self.seed,
            epoch=epoch,
            chunk=chunk,
        )

    def _number(self, name: str) -> int:
        """What a buffer of one number holds: an accelerator's is read once, and again if something else wrote it."""
        buffer = self.get_buffer(name)
        if looked_at(buffer):
            return int(buffer)
        if name not in self._read or self._read[name][0] != buffer._version:  # noqa: SLF001
            self._know(name, int(buffer))
        return self._read[name][1]

    def _know(self, name: str, value: int) -> None:
        self._read[name] = self.get_buffer(name)._version, value  # noqa: SLF001 (told in torch's notes on autograd)

    def _write(self, name: str, value: int) -> None:
        if not looked_at(self.get_buffer(name).fill_(value)):
            self._know(name, value)

    def _need_labels(self) -> None:
        if not self._number("clustered"):
            raise RuntimeError(
                "the bank must have labels before pairs are drawn; call fill(features) and cluster() first"
            )

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *args: Any) -> None:
        for name, buffer in self.named_buffers():
            saved = state_dict.get(prefix + name)
            if isinstance(saved, Tensor) and saved.shape != buffer.shape:
                raise ValueError(
                    f"state_dict must be of a bank of this size, but its {prefix + name} has shape "
                    f"{tuple(saved.shape)}, not {tuple(buffer.shape)}; build the bank with the saved size, width and "
                    "number of clusters"
                )
        self._read.clear()
        super()._load_from_state_dict(state_dict, prefix, *args)

    def _apply(self, *args: Any, **kwargs: Any) -> Any:
        self._read.clear()
        return super()._apply(*args, **kwargs)  # type: ignore[no-untyped-call]


def _refuse_zeros(name: str, x: Tensor) -> None:
    zero = ~x.any(1)
    if bool(zero.any()):
        row = int(zero.int().argmax())
        raise ValueError(f"{name} must have a direction, but row {row} is zero; the bank holds unit rows")
