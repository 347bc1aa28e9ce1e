"""Draws stay: what was drawn at fixed addresses in an earlier version is drawn now, and gives the same views.

Parameters and boxes are held exactly, crops of uint8 images exactly, views in float to 1e-5 (instruction sets and
compilers differ by 3e-6). The stored values change only with a law, which the changelog then says:

    python tests/test_stored_draws.py
"""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.transforms import v2

import jointaug
from jointaug import (
    Address,
    Addresses,
    ContrastiveCrop,
    CropBox,
    JointBlur,
    JointColor,
    JointCrop,
    MultiResolution,
    MultiView,
    Shared,
    UncroppedView,
    fuse,
    views_at,
)
from jointaug.distributions import FixedRatioPair, IndependentPair, JointPair

STORED = Path(__file__).parent / "stored_draws"
LEVELS = torch.randint(0, 256, (2, 3, 23, 31), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
SMALL = LEVELS[..., :12, :14]
SEED, EPOCH = 5, 2

CASES = {
    "crop": JointCrop(8),
    "crop, beta 1": JointCrop((6, 9), (0.1, 0.9), (0.5, 2.0), beta=1.0),
    "crop, bicubic": JointCrop(8, interpolation="bicubic"),
    "crop, nearest": JointCrop(8, interpolation="nearest"),
    "crop, reference": JointCrop(8, geometry="reference"),
    "crop, alpha .6": JointCrop(8, alpha=0.6),
    "crop, independent": JointCrop(8, law=IndependentPair(0.2, 1.0)),
    "crop, decoupled": JointCrop(8, law=JointPair(0.0, 0.2, 1.0).decoupled()),
    "crop, fixed ratio": JointCrop(8, law=FixedRatioPair(1.0, 0.2, 1.0)),
    "contrastive crop": ContrastiveCrop(8),
    "resolutions": MultiResolution((8, (5, 6))),
    "blur": v2.Compose([JointCrop(8), JointBlur(p=(1.0, 0.5))]),
    "blur, kernel": v2.Compose([JointCrop(8), JointBlur(5, p=1.0)]),
    "color": v2.Compose([JointCrop(8), JointColor(p=(1.0, 0.5))]),
    "color, all joint": v2.Compose(
        [JointCrop(8), JointColor(joint=("brightness", "contrast", "saturation"), p=1.0)]
    ),
    "original": MultiView(UncroppedView(8), JointCrop(8)),
    "multi-crop": MultiView(JointCrop(8), *[JointCrop(4, scale=(0.05, 0.4))] * 2),
    "apply": v2.Compose([JointCrop(8), v2.RandomApply([JointBlur(p=1.0), JointColor(p=1.0)], 0.5)]),
    "choice": v2.RandomChoice([JointCrop(8, beta=2.0), v2.Compose([JointCrop(8), JointBlur(p=1.0)])], p=[0.3, 0.7]),
    "order": v2.Compose([JointCrop(8), v2.RandomOrder([JointBlur(p=1.0), JointColor(p=1.0)])]),
    "shared": v2.Compose([MultiResolution((8, 6)), Shared(v2.RandomHorizontalFlip())]),
}  # fmt: skip
FUSED = {
    "v2 resized crop": v2.RandomResizedCrop(8, (0.2, 1.0)),
    "v2 narrow crop": v2.RandomResizedCrop((8, 6), (0.9, 1.0), (0.2, 0.5)),
    "v2 crop": v2.RandomCrop(12, padding=(1, 2, 3, 4), fill=7),
    "v2 flips": v2.Compose([v2.RandomHorizontalFlip(), v2.RandomVerticalFlip(0.3)]),
    "v2 jitter": v2.ColorJitter(0.4, 0.4, 0.4, 0.1),
    "v2 gray, blur": v2.Compose([v2.RandomGrayscale(0.4), v2.GaussianBlur(5, (0.1, 2.0))]),
    "v2 thresholds": v2.Compose([v2.RandomSolarize(0.5), v2.RandomPosterize(3), v2.RandomInvert()]),
    "v2 erasing": v2.RandomErasing(0.7, ratio=(0.2, 0.4)),
    "v2 augment": v2.RandAugment(2),
    "v2 choice": v2.RandomChoice([v2.RandomGrayscale(1.0), v2.Identity()], p=[0.3, 0.7]),
    "v2 order": v2.RandomOrder([v2.ColorJitter(0.4), v2.RandomInvert(0.5)]),
    "v2 apply": v2.RandomApply([v2.ColorJitter(0.4), v2.RandomHorizontalFlip()], 0.6),
}
VIEWED = [*CASES, *(name for name in FUSED if name != "v2 augment")]  # which has thresholds, where compilers may differ


def drawn(name):
    """Parameters of a fused plan at fixed addresses, as plain data."""
    pipeline = {**CASES, **FUSED}[name]
    images = SMALL / 255 if name in FUSED else LEVELS
    plan = fuse(pipeline).make_params(images, addresses=Addresses(SEED, EPOCH, torch.arange(len(images))))
    return [
        {"transform": type(d.transform).__name__, "step": d.step, "view": d.view, "params": plain(d.params)}
        for d in plan.drawn
    ]


def plain(value):
    if isinstance(value, torch.Tensor):
        return value.tolist()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def assert_same(found, stored, place="drawn"):
    """The same data; real numbers to 4 ulp, since torch takes logarithms from another library on another processor."""
    assert type(found) is type(stored), place
    if isinstance(stored, (dict, list)):
        assert len(found) == len(stored), place
        for key in stored if isinstance(stored, dict) else range(len(stored)):
            assert_same(found[key], stored[key], f"{place}[{key!r}]")
    elif isinstance(stored, float):
        assert abs(found - stored) <= 4 * np.spacing(abs(stored)), f"{place}: {found!r}, stored {stored!r}"
    else:
        assert found == stored, place


def views(name):
    """Views image by image and fused, in float; of a crop alone in uint8 too."""
    pipeline, images = {**CASES, **FUSED}[name], (SMALL if name in FUSED else LEVELS) / 255
    addresses = Addresses(SEED, EPOCH, torch.arange(len(images)))
    arrays = {}
    fused = fuse(pipeline)(images, addresses=addresses)
    for k, view in enumerate(fused if isinstance(fused, list) else [fused]):
        arrays[f"{name}/fused{k}"] = view.numpy()
    if name in CASES:
        alone = [views_at(pipeline, Address(SEED, EPOCH, i), image) for i, image in enumerate(images)]
        for k in range(len(alone[0])):
            arrays[f"{name}/alone{k}"] = torch.stack([of_image[k] for of_image in alone]).numpy()
    if isinstance(pipeline, (JointCrop, MultiResolution)):
        for k, view in enumerate(fuse(pipeline)(LEVELS, addresses=addresses)):
            arrays[f"{name}/uint8{k}"] = view.numpy()
    return arrays


@pytest.fixture(scope="module")
def stored():
    return json.loads((STORED / "params.json").read_text()), np.load(STORED / "views.npz")


@pytest.mark.parametrize("name", [*CASES, *FUSED])
def test_parameters_are_those_of_before(name, stored):
    assert_same(drawn(name), stored[0][name])


@pytest.mark.parametrize("name", VIEWED)
def test_views_are_those_of_before(name, stored):
    for key, array in views(name).items():
        if array.dtype == np.uint8:
            np.testing.assert_array_equal(array, stored[1][key])
        else:
            np.testing.assert_allclose(array, stored[1][key], atol=1e-5, rtol=0)


def test_a_box_of_ones_own_moves_the_crops_as_before(stored):
    sample = (LEVELS[0] / 255, CropBox([0.5, 0.0, 1.0, 0.5]))
    (first, second), _ = views_at(ContrastiveCrop(8), Address(SEED, EPOCH, 0), *sample)
    np.testing.assert_allclose(torch.stack([first, second]), stored[1]["box"], atol=1e-5, rtol=0)


def test_every_transform_is_stored():
    """A new joint transform without a case here fails."""
    names = {type(leaf).__name__ for case in CASES.values() for leaf in jointaug.fusion.leaves(case)}
    ours = {name for name in jointaug.transforms.__all__ if isinstance(getattr(jointaug.transforms, name), type)}
    assert ours - names == {"CropBox", "JointTransform"}


def store():
    """Write what is drawn now."""
    STORED.mkdir(exist_ok=True)
    params = {name: drawn(name) for name in [*CASES, *FUSED]}
    (STORED / "params.json").write_text(json.dumps(params, indent=0).replace("\n", "") + "\n")
    arrays = {key: array for name in VIEWED for key, array in views(name).items()}
    sample = (LEVELS[0] / 255, CropBox([0.5, 0.0, 1.0, 0.5]))
    made, _ = views_at(ContrastiveCrop(8), Address(SEED, EPOCH, 0), *sample)
    np.savez_compressed(STORED / "views.npz", box=torch.stack(list(made)).numpy(), **arrays)


if __name__ == "__main__":
    store()
