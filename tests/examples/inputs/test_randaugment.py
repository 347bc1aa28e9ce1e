"""InfoMin's RandAugment: its operations are Pillow's, its chance follows the released code's law."""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist

import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps
from torch import Tensor
from torchvision.transforms.v2 import functional as F
from trainer.inputs.randaugment import DRAWN, OPERATIONS, RandAugment, augmented, drawn

from jointaug import Address, Addresses, fuse, views_at

FILL = (124, 116, 104)
HEIGHT, WIDTH = 24, 32


def images(count: int) -> Tensor:
    """Smooth ones, with every level: uint8 ``[count, 3, 24, 32]``."""
    coarse = torch.rand(count, 3, 6, 8, generator=torch.Generator().manual_seed(0))
    return (F.resize(coarse, [HEIGHT, WIDTH]) * 255).round().to(torch.uint8)


def by_pillow(name: str, level: float, sign: int) -> Callable[[Image.Image], Image.Image]:
    """What the released code does with Pillow, for a magnitude of ten times the level."""
    affine = {
        "ShearX": (1, sign * 0.3 * level, 0, 0, 1, 0),
        "ShearY": (1, 0, 0, sign * 0.3 * level, 1, 0),
        "TranslateX": (1, 0, sign * 0.45 * level * WIDTH, 0, 1, 0),
        "TranslateY": (1, 0, 0, 0, 1, sign * 0.45 * level * HEIGHT),
    }
    how = {"fillcolor": FILL, "resample": Image.Resampling.BILINEAR}
    if name in affine:
        return lambda x: x.transform(x.size, Image.Transform.AFFINE, affine[name], **how)
    if hasattr(ImageEnhance, name):
        return lambda x: getattr(ImageEnhance, name)(x).enhance(0.1 + 1.8 * level)
    added = [min(v + int(110 * level), 255) if v < 128 else v for v in range(256)]
    return {
        "AutoContrast": ImageOps.autocontrast,
        "Equalize": ImageOps.equalize,
        "Invert": ImageOps.invert,
        "Rotate": lambda x: x.rotate(sign * 30 * level, **how),
        "Posterize": lambda x: ImageOps.posterize(x, int(4 * level)),
        "Solarize": lambda x: ImageOps.solarize(x, int(256 * level)),
        "SolarizeAdd": lambda x: x.point(added * 3),
    }[name]


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_are_pillows(name: str):
    """Each image by a level and a sign of its own; to a level of gray, by which the two round apart."""
    levels, signs = torch.tensor([0.31, 0.62, 0.93, 1.0]).double().repeat(2), torch.tensor([1.0, -1.0])
    signs, given = signs.repeat_interleave(4), images(8)
    found = OPERATIONS[name](given, levels, signs, FILL)
    for x, made, level, sign in zip(given, found, levels.tolist(), signs.tolist(), strict=True):
        wanted = F.pil_to_tensor(by_pillow(name, level, int(sign))(F.to_pil_image(x)))
        assert (made.int() - wanted.int()).abs().max() <= 1, (level, sign)


def test_what_is_drawn():
    """Of uniforms on a grid: fifteen operations alike, a half acts, half of the magnitudes are the greatest."""
    transform = RandAugment(2, 10, fill=FILL)
    u = (torch.arange(1500, dtype=torch.float64) + 0.5) / 1500
    found = drawn(transform, [u] * 8, None)
    assert {name: value.shape for name, value in found.items()} == dict.fromkeys(DRAWN, (1500, 2))
    assert found["operation"][:, 1].bincount().tolist() == [100] * 15
    assert found["acts"][:, 0].sum() == found["negative"][:, 1].sum() == 750
    wanted = [min(max(NormalDist(10, 0.5).inv_cdf(p), 0) / 10, 1) for p in u.tolist()]
    torch.testing.assert_close(found["level"][:, 0], torch.tensor(wanted), rtol=2e-7, atol=0)
    assert (found["level"] == 1).double().mean() == 0.5
    alone = [drawn(transform, [p] * 8, None) for p in u.tolist()[::100]]
    for name, value in found.items():
        assert [one[name] for one in alone] == value[::100].tolist()
    low = drawn(RandAugment(1, 0.1, fill=FILL), [u] * 4, None)["level"]
    assert low.min() == 0


def test_rounds_follow_one_another():
    """An operation that does not act leaves an image, and the second round takes what the first has made."""
    given, names = images(4), list(OPERATIONS)
    which = torch.tensor([[names.index("Invert"), names.index("Posterize")]]).expand(4, 2)
    acts = torch.tensor([[True, True], [True, False], [False, True], [False, False]])
    level, negative = torch.full((4, 2), 0.5).double(), torch.zeros(4, 2, dtype=torch.bool)
    found = augmented(given, which, acts, level, negative, fill=FILL)
    inverted = 255 - given
    wanted = [inverted[0] & 0xC0, inverted[1], given[2] & 0xC0, given[3]]  # two bits are left at half the magnitude
    assert all(map(torch.equal, found, wanted))


def test_image_by_image_it_is_the_same():
    transform, given = RandAugment(2, 10, fill=FILL), images(24)
    found = fuse(transform)(given, addresses=Addresses(3, 1, torch.arange(24)))
    for i, x in enumerate(given):
        assert torch.equal(found[i], views_at(transform, Address(3, 1, i), x))
        assert torch.equal(found[i], fuse(transform)(x, addresses=Address(3, 1, i)))
    changed = (found != given).any(-1).any(-1).any(-1).sum()
    assert 12 <= changed < 24  # a quarter is left alone, and operations may change nothing
    transform(given[0])  # and from torch's generator
