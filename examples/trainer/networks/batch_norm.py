"""Batch normalization in parts, over processes, and of images that were dealt out anew."""

from __future__ import annotations

import sys
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from jointaug import Addresses
from jointaug.chance import named_step
from jointaug.losses import gather

N = TypeVar("N", bound=nn.Module)


class SplitBatchNorm(_BatchNorm):
    """Batch normalization of parts of the batch, each by its own statistics, as on several devices.

    The parts are consecutive images, as the processes' parts of a global batch are. The running statistics move towards
    the mean of the parts' statistics. In eval mode it is plain batch normalization, and so are its parameters and
    buffers.

    Args:
        features: number of channels.
        splits: number of parts, at least 2; the batch is a multiple of it.
        affine: whether there are a scale and a shift.
    """

    def __init__(self, features: int, splits: int, *, affine: bool = True) -> None:
        super().__init__(features, affine=affine)
        self.splits = splits

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002
        if self.training and len(input) % self.splits:
            raise ValueError(
                f"batch must be a multiple of bn_splits = {self.splits}, got {len(input)} images in a process; "
                "choose another batch or other splits"
            )

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """Shape ``[B, C, ...]`` is kept."""
        self._check_input_dim(input)
        if not self.training:
            return super().forward(input)
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        parts = []
        for part, images in enumerate(input.chunk(self.splits)):
            # Rates at which all parts get the same weight, momentum / splits each, in what the statistics become.
            rate = self.momentum / (self.splits - (self.splits - 1 - part) * self.momentum)  # type: ignore[operator]
            parts.append(
                F.batch_norm(
                    images,
                    self.running_mean,
                    self.running_var,
                    self.weight,
                    self.bias,
                    True,
                    rate,
                    self.eps,
                )
            )
        return torch.cat(parts)


def split_batch_norm(network: N, splits: int) -> N:
    """``network`` with every batch normalization in ``splits`` parts (in place); unchanged for 1.

    Raises:
        ValueError: for ``splits`` under 1, or a network with layers that do more than batch normalization.
    """
    if splits < 1:
        raise ValueError(f"bn_splits must be at least 1 (1: the batch as a whole), got {splits!r}; MoCo's demo has 8")
    if splits > 1:
        for path, layer in list(network.named_modules()):
            if isinstance(layer, _BatchNorm):
                if type(layer) not in (nn.BatchNorm1d, nn.BatchNorm2d):
                    raise ValueError(
                        f"bn_splits must be 1 for a network whose layers do more than batch normalization, got "
                        f"{splits} and {type(layer).__name__}; take a resnet, or --bn_splits 1"
                    )
                split = SplitBatchNorm(layer.num_features, splits, affine=layer.affine)
                split.load_state_dict(layer.state_dict())
                network.set_submodule(path, split)
    return network


def sync_batch_norm(network: N) -> N:
    """``network`` with every batch normalization over all processes; timm's that activate as well keep doing so."""
    layers = sys.modules.get("timm.layers")
    convert = nn.SyncBatchNorm.convert_sync_batchnorm if layers is None else layers.convert_sync_batchnorm
    converted: N = convert(network)
    return converted


def encode_shuffled(network: nn.Module, images: Tensor, addresses: Addresses) -> Tensor:
    """``network(images)`` with the images of all processes dealt out anew, so that none shares its batch statistics.

    MoCo's shuffled batch normalization (He et al. 2020, https://arxiv.org/abs/1911.05722, sec. 3.3): a query and its
    key would tell each other by the statistics of their common batch. All processes sort the global batch by a uniform
    of each image's address, and each takes the next part of it. So several processes do what one does with as many
    parts of `SplitBatchNorm`.

    Args:
        network: the momentum encoder.
        images: ``[B, 3, h, w]``, of this process.
        addresses: of these images.

    Returns:
        ``[B, D]``, in the order of ``images``, without gradient through other processes' images.
    """
    (place,) = addresses.rows(1, step=named_step("shuffle"))
    rank, size = _process()
    order = gather(place).argsort()
    keys = gather(network(gather(images)[order.chunk(size)[rank]]))
    return keys[order.argsort().chunk(size)[rank]]  # back from places to images


def _process() -> tuple[int, int]:
    """``(rank, number of processes)``."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1
