"""Networks that methods are made of: a backbone by name, heads, momentum copies, batch normalization in parts."""

from __future__ import annotations

import copy
import difflib
import math
import sys
from itertools import pairwise
from typing import Any, TypeVar

import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import get_ema_multi_avg_fn

from jointaug import Addresses
from jointaug.chance import named_step
from jointaug.losses import gather

N = TypeVar("N", bound=nn.Module)


class Backbone(nn.Module):
    """A classifier of torchvision's or timm's, without its last linear layer, freshly initialized.

    Shape: images ``[B, 3, h, w]`` -> pooled features ``[B, width]``.

    The keys of its `state_dict` are those of torchvision's (or timm's) model of that name, so that model loads it with
    its own last layer taken off (``model.fc = nn.Identity()``, or ``num_classes=0`` in timm), strictly.

    Args:
        name: torchvision's name of a classifier (``"resnet50"``), or ``"timm:NAME"``.
        stem: of a ResNet. ``"imagenet"`` is the 7x7 convolution of stride 2 and pooling; ``"small"`` a 3x3 convolution
            of stride 1 and no pooling, for images of 32 px.

    Attributes:
        width: of the features.
        network: the model itself.

    Raises:
        ValueError: for an unknown name (the nearest are shown), an unknown stem, or a small stem on another network
            than a ResNet.
        ImportError: for a name of timm's where timm is not installed.
    """

    def __init__(self, name: str = "resnet18", stem: str = "imagenet") -> None:
        super().__init__()
        if stem not in ("imagenet", "small"):
            raise ValueError(f'stem must be "imagenet" or "small" (3x3, for images of 32 px), got {stem!r}; pick one')
        self.network: nn.Module
        self.width: int
        if name.startswith("timm:"):
            self.network, self.width = _timm(name.removeprefix("timm:"))
        else:
            self.network, self.width = _torchvision(name)
        if stem == "small":
            if not isinstance(self.network, torchvision.models.ResNet):
                raise ValueError(
                    f'stem must be "imagenet" for a network that is no ResNet of torchvision\'s, got "small" for '
                    f"{name}; take a resnet, or a network that is made for small images"
                )
            self.network.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
            nn.init.kaiming_normal_(self.network.conv1.weight, mode="fan_out", nonlinearity="relu")
            self.network.maxpool = nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        """Features ``[B, width]``."""
        features: Tensor = self.network(images)
        return features

    def feature_map(self, images: Tensor) -> Tensor:
        """The last feature map ``[B, C, h, w]``, before it is pooled.

        Raises:
            TypeError: for a network without a layer ``avgpool`` or ``global_pool`` that a map goes into.
        """
        layers = (getattr(self.network, name, None) for name in ("avgpool", "global_pool"))  # torchvision's, timm's
        pool = next((layer for layer in layers if isinstance(layer, nn.Module)), None)
        if pool is None:
            raise TypeError(
                "a network must pool its last feature map, in a layer avgpool or global_pool, for the boxes of "
                f"ContrastiveCrop, got a {type(self.network).__name__}; take a resnet"
            )
        maps: list[Tensor] = []
        handle = pool.register_forward_pre_hook(lambda _, inputs: maps.append(inputs[0]))
        try:
            self.network(images)
        finally:
            handle.remove()
        return maps[0]

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """The model's own: ``conv1.weight``, not ``network.conv1.weight``."""
        return self.network.state_dict(*args, **kwargs)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        for key in [key for key in state_dict if key.startswith(prefix)]:
            state_dict[f"{prefix}network.{key.removeprefix(prefix)}"] = state_dict.pop(key)
        super()._load_from_state_dict(state_dict, prefix, *args)


@torch.no_grad()
def check_input(backbone: nn.Module, side: int, *, heat: bool = False) -> None:
    """A backbone takes images of ``side`` pixels, and has a feature map if ``heat`` is asked for.

    Raises:
        ValueError: with what the network says, if not.
    """
    images, training = next(backbone.parameters()).new_zeros(1, 3, side, side), backbone.training
    backbone.eval()
    try:
        _ = backbone.feature_map(images) if heat else backbone(images)  # type: ignore[operator]
    except TypeError as error:
        raise ValueError(str(error)) from error
    except (AssertionError, RuntimeError) as error:
        raise ValueError(
            f"backbone must take images of {side} px, which this one does not ({str(error).splitlines()[0]}); choose "
            "another --size, or another backbone"
        ) from error
    finally:
        backbone.train(training)


def _torchvision(name: str) -> tuple[nn.Module, int]:
    """Torchvision's model of that name with its last linear layer replaced by the identity, and that layer's width."""
    names = torchvision.models.list_models(module=torchvision.models)
    if name not in names:
        near = difflib.get_close_matches(name, names, cutoff=0.5) or names[:5]
        raise ValueError(
            f"backbone must be a classifier of torchvision's or timm:NAME, got {name!r}; the nearest: {', '.join(near)}"
        )
    network: nn.Module = torchvision.models.get_model(name)
    layers = [(path, layer) for path, layer in network.named_modules() if isinstance(layer, nn.Linear)]
    if not layers:
        raise ValueError(f"backbone must end in a linear layer, which {name} does not; take a resnet, say")
    path, last = layers[-1]
    network.set_submodule(path, nn.Identity())
    return network, last.in_features


def _timm(name: str) -> tuple[nn.Module, int]:
    """Timm's model of that name without a classifier, and the width of its features."""
    try:
        import timm  # type: ignore[import-not-found, unused-ignore]
    except ImportError as error:
        raise ImportError(f"backbone timm:{name} needs timm, which is not installed; pip install timm") from error
    if not timm.is_model(name):
        near = difflib.get_close_matches(name, timm.list_models(), cutoff=0.5) or ["resnet18"]
        raise ValueError(
            f"backbone must be a classifier of torchvision's or timm:NAME, got 'timm:{name}'; the nearest: "
            f"{', '.join(f'timm:{one}' for one in near)}"
        )
    network: nn.Module = timm.create_model(name, num_classes=0)
    return network, int(network.head_hidden_size)  # type: ignore[arg-type]


def require_widths(*widths: int) -> None:
    """Layers have outputs.

    Raises:
        ValueError: if one has none.
    """
    if min(widths) < 1:
        raise ValueError(
            f"layers of a head must be at least 1 wide, got {', '.join(map(str, widths))} from the backbone to the "
            "output; choose larger widths, such as the recipe's (--hidden, --dim, ...)"
        )


def mlp(
    *widths: int, norm: bool = False, bias: bool | None = None, last_norm: bool = False, last_affine: bool = True
) -> nn.Sequential:
    """Linear layers between ``widths``, a ReLU between two of them: the projectors and predictors of the papers.

    Args:
        widths: of the input, of the hidden layers, of the output.
        norm: batch normalization after each hidden layer.
        bias: of the linear layers; None: of those that no normalization follows, which would take it off again.
        last_norm: batch normalization of the output.
        last_affine: whether that one has a scale and a shift to learn.

    Raises:
        ValueError: for a width below 1.
    """
    require_widths(*widths)
    layers: list[nn.Module] = []
    last = len(widths) - 2
    for i, (inside, outside) in enumerate(pairwise(widths)):
        normalized = last_norm if i == last else norm
        layers.append(nn.Linear(inside, outside, bias=not normalized if bias is None else bias))
        if normalized:
            layers.append(nn.BatchNorm1d(outside, affine=i < last or last_affine))
        if i < last:
            layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


class Encoder(nn.Module):
    """A backbone and a head: the f of the papers, from images to embeddings.

    Args:
        backbone: from images to features.
        head: from features to embeddings, a projector.
    """

    def __init__(self, backbone: Backbone, head: nn.Module) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head

    def forward(self, images: Tensor) -> Tensor:
        """Embeddings ``[B, D]``."""
        embeddings: Tensor = self.head(self.backbone(images))
        return embeddings


def momentum_copy(network: N) -> N:
    """A copy that starts equal and takes no gradient; `follow` moves it."""
    return copy.deepcopy(network).requires_grad_(False)


@torch.no_grad()
def follow(momentum: nn.Module, online: nn.Module, m: float) -> None:
    """``momentum <- m * momentum + (1 - m) * online``, parameters only: batch statistics are each network's own."""
    move = get_ema_multi_avg_fn(m)  # type: ignore[no-untyped-call]
    move(list(momentum.parameters()), list(online.parameters()), None)


def cosine_to_one(m: float, progress: float) -> float:
    """BYOL's momentum: from ``m`` at progress 0 to 1 at progress 1 (Grill et al. 2020, sec. 3.3)."""
    return 1 - (1 - m) * (math.cos(math.pi * progress) + 1) / 2


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
