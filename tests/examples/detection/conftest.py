"""Scenes as VOC and COCO lie on a disk, written once for all tests of detectors."""

from __future__ import annotations

from pathlib import Path

import pytest
from trainer.inputs.scenes import Scenes, write_coco, write_voc

TRAIN, TEST = Scenes(24, size=48), Scenes(12, seed=1, size=48)


@pytest.fixture(scope="session")
def scene_trees(tmp_path_factory) -> tuple[Path, Scenes, Scenes]:
    """A folder with ``voc`` and ``coco``, and the scenes in them."""
    root = tmp_path_factory.mktemp("trees")
    write_voc(root / "voc", TRAIN, TEST)
    write_coco(root / "coco", TRAIN, TEST)
    return root, TRAIN, TEST
