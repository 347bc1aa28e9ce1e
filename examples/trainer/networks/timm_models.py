"""Models of timm's by their names, and its vision transformers at other sizes of images and patches."""

from __future__ import annotations

import difflib
import re
from typing import Any

from torch import nn

OTHER_SIZE = re.compile(r"(vit_\w+)_patch(\d+)_(\d+)")  # of patch and image, in pixels
MADE_FOR = "_patch16_224"  # end of the name of the model that is built at another size


def timm_model(name: str, **options: Any) -> nn.Module:
    """Timm's model of that name, freshly initialized.

    A name that timm has not, such as ``vit_small_patch4_32``, is its ``vit_small_patch16_224`` with ``img_size=32,
    patch_size=4``, as ScoreCL's Tab. 3 needs it.

    Args:
        name: timm's, or that of one of its vision transformers with another size.
        options: of ``timm.create_model``.

    Raises:
        ImportError: where timm is not installed.
        ValueError: for an unknown name (the nearest are shown), or patches that do not fill the image.
    """
    try:
        import timm  # type: ignore[import-not-found, unused-ignore]
    except ImportError as error:
        raise ImportError(f"backbone timm:{name} needs timm, which is not installed; pip install timm") from error
    other = None if timm.is_model(name) else OTHER_SIZE.fullmatch(name)
    if other is not None and timm.is_model(f"{other[1]}{MADE_FOR}"):
        patch, side = int(other[2]), int(other[3])
        if not patch or not side or side % patch:
            raise ValueError(f"patches must fill the image, got {patch} px for {side} px in timm:{name}; name others")
        name, options = f"{other[1]}{MADE_FOR}", {"img_size": side, "patch_size": patch, **options}
    if not timm.is_model(name):
        near = difflib.get_close_matches(name, timm.list_models(), cutoff=0.5) or ["resnet18"]
        raise ValueError(
            f"backbone must be a classifier of torchvision's or timm:NAME, got 'timm:{name}'; the nearest: "
            f"{', '.join(f'timm:{one}' for one in near)}"
        )
    made: nn.Module = timm.create_model(name, **options)
    return made
