"""InfoMin: Tian et al. 2020, https://arxiv.org/abs/2005.10243: MoCo with PIRL's jigsaw beside it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from jointaug.chance import named_step, places
from jointaug.losses import LossParts, info_nce

from ..networks import mlp
from .batch import Batch
from .checks import count, fraction
from .method import MakeBackbone, mean_of
from .moco import MoCo

GRID = 3  # cells along each side of the jigsaw
CELLS = GRID * GRID


class InfoMin(MoCo):
    """A query, and the nine pieces of a further crop in any order, find the same key in one queue.

    Views: the query's, the key's, then a further crop (`locals`), which is cut into pieces; of several crops the
    terms of an image are averaged.

    Args:
        backbone: makes a backbone.
        jigsaw: weight of the pieces' term in [0, 1]; the query's own has the rest.
        patch: side of a piece, in pixels, of a cell of a third of the crop's side.
        dim: width of a key, and of what the head makes of each piece.
        hidden: width of the hidden layer, of the query's head and of the pieces'.
        K: keys in the queue, a multiple of the batch.
        m: momentum of the keys' encoder, in [0, 1].
        tau: temperature, of both terms.
        bn_splits: parts of a batch with batch statistics of their own, see `trainer.methods.MoCo`.
    """

    crops = 1
    pair = None  # no pair of views says how difficult pieces are

    def __init__(
        self,
        backbone: MakeBackbone,
        *,
        jigsaw: float = 0.5,
        patch: int = 64,
        dim: int = 128,
        hidden: int = 2048,
        K: int = 65536,
        m: float = 0.999,
        tau: float = 0.15,
        bn_splits: int = 1,
    ) -> None:
        super().__init__(backbone, dim=dim, hidden=hidden, K=K, m=m, tau=tau, bn_splits=bn_splits)
        self.of_piece, self.of_all = mlp(self.encoder.width, hidden, dim), nn.Linear(CELLS * dim, dim)
        self.jigsaw, self.patch = fraction("jigsaw", jigsaw), count("patch", patch)

    def query(self, crop: Tensor, place: int, batch: Batch) -> Tensor:
        """The embedding ``[B, dim]`` of the pieces of a further crop, each of them through the backbone by itself."""
        cut = pieces(crop, self.patch, batch.addresses.rows(3 * CELLS, step=named_step("jigsaw"), view=place))
        found: Tensor = self.of_all(self.of_piece(self.encoder(cut.flatten(0, 1))).view(len(crop), -1))
        return found

    def forward(self, batch: Batch) -> LossParts:
        """The batch's loss; its keys enter the queue."""
        x1, x2, *crops = batch.views
        k = self.key(x2, batch)
        queue = self.queue(k)  # as it was before these keys
        queries = [self.f_q(x1), *(self.query(x, place, batch) for place, x in enumerate(crops))]
        whole, *cut = (info_nce(q, k, queue, tau=self.tau) for q in queries)
        return (1 - self.jigsaw) * whole + self.jigsaw * mean_of(cut)


def pieces(crops: Tensor, side: int, rows: Sequence[Tensor]) -> Tensor:
    """A piece of each cell of a 3 x 3 grid, at any place in it, the cells in any order.

    Args:
        crops: square, ``[B, C, h, h]``; up to two rows and columns at the end are in no cell.
        side: of a piece, in pixels.
        rows: 27 uniforms for each crop, ``[B]`` each: the cells are put in the order of the first nine, and then each
            piece's place has its distance from the upper end of its cell, and from the left one.

    Returns:
        ``[B, 9, C, side, side]``.

    Raises:
        ValueError: for pieces that are larger than a cell.
    """
    cell = crops.shape[-1] // GRID
    if side > cell:
        raise ValueError(
            f"patch must be at most a third of the further crop's side, {cell} of {crops.shape[-1]} pixels, got "
            f"{side}; take --patch {cell} or less, or a larger --local_size"
        )
    order, down, right = torch.stack(list(rows), 1).unflatten(1, (3, CELLS)).unbind(1)
    which, pixels = order.argsort(1), torch.arange(side, device=crops.device)
    top = which // GRID * cell + places(cell - side, down)
    left = which % GRID * cell + places(cell - side, right)
    image = torch.arange(len(crops), device=crops.device)[:, None, None, None]
    y, x = top[:, :, None, None] + pixels[:, None], left[:, :, None, None] + pixels
    return crops.permute(0, 2, 3, 1)[image, y, x].permute(0, 1, 4, 2, 3)
