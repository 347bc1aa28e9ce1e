"""Samples as data sets serve them, drawn by hypothesis."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from torchvision import tv_tensors
from torchvision.transforms import v2

from ._images import images as all_images


def samples(images: st.SearchStrategy[Any] | None = None) -> st.SearchStrategy[Any]:
    """Samples as data sets serve them: an image alone, with a label, or with boxes, masks and key points.

    An image; ``(image, label)``; ``(image, target)`` with a detection target; a dictionary with image, target and
    label. Targets hold ``tv_tensors``: boxes in any of the three upright formats (or none at all), a mask, key points.
    A pipeline takes a tuple as several arguments: ``pipeline(*sample) if isinstance(sample, tuple) else
    pipeline(sample)``.

    Args:
        images: of which kinds; by default all.

    Returns:
        A strategy of samples.

    Example:
        >>> from hypothesis import given, settings
        >>> from jointaug import JointCrop
        >>> from jointaug.testing import images
        >>> @settings(max_examples=5)
        ... @given(samples(images(kinds=["PIL"], modes=["RGB", "L"])))
        ... def test_any_sample_will_do(sample):
        ...     crops = JointCrop(8)
        ...     crops(*sample) if isinstance(sample, tuple) else crops(sample)
        >>> test_any_sample_will_do()
    """
    label = st.one_of(st.integers(0, 9), st.integers(0, 9).map(torch.tensor), st.just("tench"))
    return st.builds(
        _sample,
        all_images() if images is None else images,
        st.sampled_from(("image", "image and label", "image and target", "dictionary")),
        label,
        st.integers(0, 3),
        st.sampled_from(("XYXY", "XYWH", "CXCYWH")),
        st.integers(0, 2**32 - 1),
    )


def _sample(image: Any, form: str, label: Any, objects: int, box_format: str, seed: int) -> Any:
    if form == "image":
        return image
    if form == "image and label":
        return image, label
    height, width = v2.functional.get_size(image)
    target = _target((height, width), objects, box_format, seed)
    return (image, target) if form == "image and target" else {"image": image, "label": label, **target}


def _target(size: tuple[int, int], objects: int, box_format: str, seed: int) -> dict[str, Any]:
    height, width = size
    rng = np.random.default_rng(seed)
    corners = np.sort(rng.random((objects, 2, 2)), axis=1) * [width, height]  # object, corner, (x, y)
    boxes = tv_tensors.BoundingBoxes(
        torch.from_numpy(corners.reshape(objects, 4)).float(), format="XYXY", canvas_size=size
    )
    return {
        "boxes": v2.functional.convert_bounding_box_format(boxes, new_format=tv_tensors.BoundingBoxFormat[box_format]),
        "mask": tv_tensors.Mask(torch.from_numpy(rng.integers(0, 2, size))),
        "keypoints": tv_tensors.KeyPoints(torch.from_numpy(corners[:, 0]).float(), canvas_size=size),
        "labels": torch.from_numpy(rng.integers(0, 10, objects)),
    }
