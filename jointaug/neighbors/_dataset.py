"""A data set that serves an image together with its positive."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from jointaug.chance import Address, views_at
from jointaug.neighbors._chance import draw_number
from jointaug.neighbors._positives import DRAW, positives_table

if TYPE_CHECKING:
    from jointaug.dataset import Indexed


class NeighborDataset(Dataset[Any]):
    """Serves ``(views_i, views_j, index)``: an image's views and those of a positive drawn for it in this epoch.

    Two images are two samples: each runs through the pipeline by itself, at an address of its own, and mixing happens
    on the batch (`NeighborCutMix`). The positive, both images' views and the mixing depend on (seed, epoch, index) and
    on nothing else. ``views_i`` are those that ``AddressedDataset`` serves under the same seed, epoch and index.

    Epoch and table lie in shared memory, so that workers that live on (``persistent_workers=True``) see a new one.

    Args:
        dataset: map-style; of a sample that is a tuple ``(image, ...)`` the image alone is taken.
        pipeline: any pipeline of this library and of ``torchvision.transforms.v2``.
        positives: int64 ``[n, count]``, as of `center_positives` and its rivals, or None: every image is its own
            positive, for epochs before there are features to select from.
        seed: of the experiment, in [0, 2**64).

    Raises:
        TypeError: if ``dataset`` has no length or no items, ``pipeline`` is no callable, or the table no int64 tensor.
        ValueError: if the table has another number of rows than the data set, or entries that are no rows of it.
        IndexError: on a call, for an index outside the data set.

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
        if not hasattr(dataset, "__getitem__") or not hasattr(dataset, "__len__"):
            raise TypeError(
                f"dataset must be map-style (with __getitem__ and __len__), got {type(dataset).__name__}; an iterable "
                "one has no index to look a positive up by"
            )
        if not callable(pipeline):
            raise TypeError(f"pipeline must be a callable of a sample, got {pipeline!r}; pass a v2.Compose")
        Address(seed, 0, 0)  # checks it
        self.dataset = dataset
        self.pipeline = pipeline
        self.seed = seed
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()  # type: ignore[no-untyped-call]
        if positives is None:
            positives = torch.arange(len(dataset))[:, None]
        table = positives_table(positives, len(dataset)).cpu().clone()
        self._positives: Tensor = table.share_memory_()  # type: ignore[no-untyped-call]

    @property
    def epoch(self) -> int:
        """The epoch that is served."""
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Serve ``epoch`` (in [0, 2**32)) from now on, in running workers too."""
        Address(self.seed, epoch, 0)  # checks it
        self._epoch.fill_(epoch)

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
            ValueError: if the table is of another data set's size.
        """
        self.set_positives(state["positives"])
        self.set_epoch(state["epoch"])

    def __len__(self) -> int:
        return len(self.dataset)

    def positive(self, index: int) -> int:
        """The positive drawn for an image in this epoch: the draw that `draw_positives` makes."""
        if not 0 <= index < len(self):
            raise IndexError(f"index must be in [0, {len(self)}), got {index}; count from 0")
        line = self._positives[index]
        size = int((line >= 0).sum())
        (u,) = Address(self.seed, self.epoch, index, draw_number(DRAW)).row(1)
        return int(line[int(u * size)]) if size else index

    def __getitem__(self, index: int) -> tuple[Any, Any, int]:
        partner = self.positive(index)
        first = Address(self.seed, self.epoch, index)
        second = Address(self.seed, self.epoch, index, draw_number("views of a positive"))
        return self._views(index, first), self._views(partner, second), index

    def _views(self, index: int, address: Address) -> Any:
        sample = self.dataset[index]
        return views_at(self.pipeline, address, sample[0] if isinstance(sample, tuple) else sample)
