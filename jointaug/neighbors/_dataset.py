"""A data set that serves an image together with its positive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..chance import Address
from ..loading import AddressedDataset, Indexed
from ._chance import named_draw
from ._positives import DRAW, positives_table


class NeighborDataset(Dataset[Any]):
    """Serves ``(views_i, views_j, index)``: an image's views and those of a positive drawn for it in this epoch.

    Two images are two samples: each runs through the pipeline by itself, at an address of its own, and mixing happens
    on the batch (`NeighborCutMix`). The positive, both images' views and the mixing depend on (seed, epoch, index) and
    on nothing else. ``views_i`` are those that ``AddressedDataset`` serves under the same seed, epoch and index; it
    is the one that fetches and serves here too.

    Epoch and table lie in shared memory, so that workers that live on (``persistent_workers=True``) see a new one. An
    index that carries its epoch and draw (`jointaug.AddressedSampler`) is served those; for the draws after the first
    the positive is another one too.

    Args:
        dataset: map-style; of a sample that is a tuple ``(image, ...)`` the image alone is taken.
        pipeline: any pipeline of this library and of ``torchvision.transforms.v2``.
        positives: int64 ``[n, count]``, as of `center_positives` and its rivals, or None: every image is its own
            positive, for epochs before there are features to select from.
        seed: of the experiment, in [0, 2**64).

    Raises:
        TypeError: if ``dataset`` has no length or no items, ``pipeline`` is no callable, or the table no int64 tensor.
        ValueError: if the table has another number of rows than the data set, or entries that are no rows of it.
        IndexError: on a call, as ``AddressedDataset``, which refuses the same data sets and samples.

    Example:
        >>> import torch
        >>> from jointaug import JointCrop
        >>> from jointaug.neighbors import NeighborDataset, knn_positives
        >>> images, features = torch.rand(12, 3, 32, 32), torch.randn(12, 4)
        >>> data = NeighborDataset(images, JointCrop(16), knn_positives(features, count=3))
        >>> data.set_epoch(5)
        >>> views_i, views_j, index = data[7]
        >>> len(views_i), len(views_j), index
        (2, 2, 7)
    """

    def __init__(
        self, dataset: Indexed, pipeline: Callable[..., Any], positives: Tensor | None = None, *, seed: int = 0
    ) -> None:
        self._served = AddressedDataset(dataset, pipeline, seed)
        if positives is None:
            positives = torch.arange(len(dataset))[:, None]
        table = positives_table(positives, len(dataset)).cpu().clone()
        self._positives: Tensor = table.share_memory_()

    @property
    def dataset(self) -> Indexed:
        """The data set that is served."""
        return self._served.dataset

    @property
    def pipeline(self) -> Callable[..., Any]:
        """What makes the views."""
        return self._served.pipeline

    @property
    def seed(self) -> int:
        """Of the experiment."""
        return self._served.seed

    @property
    def epoch(self) -> int:
        """The epoch that is served."""
        return self._served.epoch

    def set_epoch(self, epoch: int) -> None:
        """Serve ``epoch`` (in [0, 2**32)) from now on, in running workers too."""
        self._served.set_epoch(epoch)

    @property
    def positives(self) -> Tensor:
        """The table in use, int64 ``[n, count]`` in shared memory: save it with a checkpoint."""
        return self._positives

    def set_positives(self, positives: Tensor) -> None:
        """Use another table from now on, in running workers too; between two epochs.

        Args:
            positives: int64 ``[n, c]`` with ``c`` at most the present table's count, so that it fits its memory.

        Raises:
            TypeError: if it is no int64 tensor.
            ValueError: if it has other rows, more columns, or entries that are no rows.
        """
        table = positives_table(positives, len(self.dataset))
        if table.shape[1] > self._positives.shape[1]:
            raise ValueError(
                f"positives must have at most the {self._positives.shape[1]} columns of the table before (running "
                f"workers share its memory), got {table.shape[1]}; build the data set with a table of that many"
            )
        self._positives.fill_(-1)
        self._positives[:, : table.shape[1]] = table

    def state_dict(self) -> dict[str, Any]:
        """Epoch and table, for a checkpoint."""
        return {"epoch": self.epoch, "positives": self._positives.clone()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with a saved epoch and table.

        Raises:
            ValueError: if the state is none of `state_dict`, or the table is of another data set's size.
        """
        if not isinstance(state, dict) or not {"epoch", "positives"} <= state.keys():
            raise ValueError(f"state must have epoch and positives, got {state!r}; pass what state_dict() returned")
        self.set_positives(state["positives"])
        self.set_epoch(state["epoch"])

    def __len__(self) -> int:
        return len(self._served)

    def positive(self, index: int) -> int:
        """The positive drawn for an image in this epoch: the draw that `draw_positives` makes."""
        address = self._served.address(index)
        line = self._positives[address.index]
        size = int((line >= 0).sum())
        (u,) = _beside(address, DRAW).row(1)
        return int(line[int(u * size)]) if size else address.index

    def __getitem__(self, index: int) -> tuple[Any, Any, int]:
        self._served.check(index)
        return self._pair(index)

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[Any, Any, int]]:
        """The pairs of several indices, one after the other; a loader asks for a batch in this way."""
        for index in indices:
            self._served.check(index, by_loader=True)
        return [self._pair(index) for index in indices]

    def _pair(self, index: int) -> tuple[Any, Any, int]:
        first = self._served.address(index)
        second = _beside(first, "views of a positive")
        return (
            self._served.views_at(first.index, first, image_alone=True),
            self._served.views_at(self.positive(index), second, image_alone=True),
            first.index,
        )


def _beside(address: Address, name: str) -> Address:
    """The address of what is drawn beside an image's views; each of the image's own draws has another."""
    again = f" {address.draw}" if address.draw else ""
    return Address(address.seed, address.epoch, address.index, named_draw(name + again))
