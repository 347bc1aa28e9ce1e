"""How residual branches start."""

from __future__ import annotations

from torch import nn

LAST = ("bn3", "bn2")  # the batch normalization that ends a branch: of a bottleneck, of a basic block


def start_branches(network: nn.Module, gamma: float) -> None:
    """Set the scale of the batch normalization that ends each residual branch, before the branch is added.

    At 0 every block starts as the identity, or its downsampling (Goyal et al. 2017, https://arxiv.org/abs/1706.02677,
    sec. 5.1); at 1 a branch starts as strong as what it is added to.

    Args:
        network: whose blocks are torchvision's or timm's of ResNets (``bn2`` or ``bn3``, beside a ``downsample``); a
            network without such blocks stays as it is.
        gamma: the scale.
    """
    for block in network.modules():
        if hasattr(block, "downsample"):
            ends = [end for end in (getattr(block, name, None) for name in LAST) if isinstance(end, nn.Module)]
            if ends:
                nn.init.constant_(ends[0].weight, gamma)  # type: ignore[arg-type]
