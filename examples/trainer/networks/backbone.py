"""A backbone by its name."""

from __future__ import annotations

import difflib
from typing import Any

import torch
import torchvision
from torch import Tensor, nn

from . import resnet8
from .timm_models import timm_model


class Backbone(nn.Module):
    """A classifier of torchvision's, of timm's, or `ResNet8`, without its last linear layer, freshly initialized.

    Shape: images ``[B, 3, h, w]`` -> pooled features ``[B, width]``.

    The keys of its `state_dict` are those of torchvision's (or timm's) model of that name, so that model loads it with
    its own last layer taken off (``model.fc = nn.Identity()``, or ``num_classes=0`` in timm), strictly.

    Args:
        name: torchvision's name of a classifier (``"resnet50"``), ``"timm:NAME"`` (see `timm_model`), or ``"resnet8"``,
            which is made for 32 px.
        stem: of a ResNet of torchvision's. ``"imagenet"`` is the 7x7 convolution of stride 2 and pooling; ``"small"`` a
            3x3 convolution of stride 1 and no pooling, for images of 32 px. None is the network's own: a ResNet's is
            ImageNet's, ResNet-8's a 3x3 convolution of stride 2.

    Attributes:
        width: of the features.
        network: the model itself.

    Raises:
        ValueError: for an unknown name (the nearest are shown), an unknown stem, a small stem on another network than a
            ResNet of torchvision's, or any but its own on ResNet-8.
        ImportError: for a name of timm's where timm is not installed.
    """

    def __init__(self, name: str = "resnet18", stem: str | None = None) -> None:
        super().__init__()
        if stem not in (None, "imagenet", "small"):
            raise ValueError(
                f'stem must be "imagenet", "small" (3x3, for images of 32 px) or none (the network\'s own), got '
                f"{stem!r}; pick one"
            )
        if name == resnet8.NAME and stem is not None:
            raise ValueError(
                f"stem must be none for {name}, which has its own (3x3, stride 2), got {stem!r}; leave it out, or take "
                "--backbone resnet18"
            )
        self.network: nn.Module
        self.width: int
        if name == resnet8.NAME:
            self.network, self.width = resnet8.ResNet8(), resnet8.WIDTHS[-1]
            self.network.set_submodule("fc", nn.Identity())
        elif name.startswith("timm:"):
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
    names = [resnet8.NAME, *torchvision.models.list_models(module=torchvision.models)]
    if name not in names:
        near = difflib.get_close_matches(name, names, cutoff=0.5) or names[:5]
        raise ValueError(
            f"backbone must be resnet8, a classifier of torchvision's or timm:NAME, got {name!r}; the nearest: "
            f"{', '.join(near)}"
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
    network = timm_model(name, num_classes=0)
    return network, int(network.head_hidden_size)  # type: ignore[arg-type]
