"""Operations of RandAugment and its kin, each image its own magnitude, against torchvision's, one image at a time."""

from __future__ import annotations

import math

import pytest
import torch
from torchvision.transforms import v2
from torchvision.transforms.v2.functional import _geometry

from jointaug import Addresses, fuse
from jointaug._draws import augmented
from jointaug.rules._operations import MOVING, Round, matrix_of, rounds

from .cases import mode

TRIVIAL, RAND = v2.TrivialAugmentWide(), v2.RandAugment(2, 9)


def photographs(count, *shape, dtype=torch.uint8):
    """Noise with an edge, so that every operation does something."""
    images = torch.randint(0, 200, (count, *shape), generator=torch.Generator().manual_seed(0))
    images[..., : shape[-1] // 3] //= 3
    return images.to(torch.uint8) if dtype is torch.uint8 else images.to(dtype) / 255


def everything(transform):
    """Each operation at each level with each sign: three vectors."""
    kinds, bins = len(transform._AUGMENTATION_SPACE), transform.num_magnitude_bins
    return torch.cartesian_prod(torch.arange(kinds), torch.arange(bins), torch.arange(2)).unbind(1)


def one_by_one(transform, images, drawn, levels, negative, bins, fill=None):
    """torchvision's own operations; a number of -1 is none."""
    names = list(transform._AUGMENTATION_SPACE)
    after = [
        image
        if number < 0
        else augmented(
            transform, image, names[number], level=level, bins=bins, negative=bool(sign), fill={"others": fill}
        )
        for image, number, level, sign in zip(images, drawn, levels, negative, strict=True)
    ]
    return torch.stack(after)


def check(found, expected):
    assert found.dtype == expected.dtype
    if found.dtype is torch.uint8:
        apart = (found.int() - expected.int()).abs()
        assert apart.max() <= 1
        assert (apart > 0).float().mean() < 0.005, "a level by rounding, and seldom"
    else:
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("shape", [(3, 15, 22), (1, 13, 13), (3, 2, 2)])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_every_operation_at_every_level(shape, dtype):
    drawn, level, negative = everything(TRIVIAL)
    images = photographs(len(drawn), *shape, dtype=dtype)
    params = {"operation": drawn, "level": level, "negative": negative.bool()}
    found = rounds(TRIVIAL, images, params, None)
    check(found, one_by_one(TRIVIAL, images, drawn.tolist(), level.tolist(), negative.tolist(), 31))


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("fill", [9.0, [3.0, 50.0, 200.0]])
def test_what_is_moved_is_filled_and_interpolated(interpolation, fill):
    transform = v2.TrivialAugmentWide(num_magnitude_bins=7, interpolation=mode(interpolation))
    drawn, level, negative = everything(transform)
    images = photographs(len(drawn), 3, 15, 22)
    params = {"operation": drawn, "level": level, "negative": negative.bool()}
    found = rounds(transform, images, params, fill)
    check(found, one_by_one(transform, images, drawn.tolist(), level.tolist(), negative.tolist(), 7, fill))


def test_both_rounds_of_randaugment():
    kinds = len(RAND._AUGMENTATION_SPACE)
    drawn = torch.cartesian_prod(torch.arange(kinds), torch.arange(kinds))
    negative = (torch.arange(len(drawn))[:, None] // torch.tensor([1, 2])) % 2 == 0
    images = photographs(len(drawn), 3, 16, 20)
    found = rounds(RAND, images, {"operation": drawn, "negative": negative}, None)
    for k in range(2):
        expected = one_by_one(RAND, images, drawn[:, k].tolist(), [9] * len(drawn), negative[:, k].tolist(), 31)
        images = rounds(
            v2.RandAugment(1, 9), images, {"operation": drawn[:, k, None], "negative": negative[:, k, None]}, None
        )
        check(images, expected)
    assert torch.equal(found, images)


@pytest.mark.parametrize("policy", list(v2.AutoAugmentPolicy))
def test_every_policy_of_autoaugment(policy):
    transform = v2.AutoAugment(policy)
    policies, names = transform._policies, list(transform._AUGMENTATION_SPACE)
    number, acts = torch.cartesian_prod(torch.arange(len(policies)), torch.arange(4)).unbind(1)
    acts = torch.stack([acts % 2 == 0, acts // 2 == 0], 1)
    negative = torch.arange(len(number))[:, None] % torch.tensor([3, 5]) == 0
    images = photographs(len(number), 3, 16, 20)
    params = {"policy": number, "acts": acts, "negative": negative}
    found = rounds(transform, images, params, None)
    first = rounds(transform, images, {**params, "acts": acts & torch.tensor([True, False])}, None)
    for before, after, k in ((images, first, 0), (first, found, 1)):
        pairs = [policies[i][k] for i in number.tolist()]
        drawn = [names.index(name) if a else -1 for (name, _, _), a in zip(pairs, acts[:, k].tolist(), strict=True)]
        levels = [level for _, _, level in pairs]
        check(after, one_by_one(transform, before, drawn, levels, negative[:, k].tolist(), 10))


@pytest.mark.parametrize("sides", [(15, 22), (96, 33), (224, 224)])
def test_the_matrices_are_torchvisions_to_the_last_bit(sides):
    drawn, level, negative = everything(TRIVIAL)
    moving = drawn < 6
    drawn, level, negative = drawn[moving], level[moving], negative[moving].bool()
    images = torch.empty(len(drawn), 1, *sides)
    found = torch.stack(matrix_of(Round(TRIVIAL, images, MOVING, drawn, negative, range(31), level, 31)), 1)
    height, width = sides
    shear_center = [-0.5 * width, -0.5 * height]
    for row, number, at, sign in zip(found.tolist(), drawn.tolist(), level.tolist(), negative.tolist(), strict=True):
        name = list(TRIVIAL._AUGMENTATION_SPACE)[number]
        if name not in MOVING:
            assert row == [1, 0, 0, 0, 1, 0]
            continue
        magnitude = float(TRIVIAL._AUGMENTATION_SPACE[name][0](31, height, width)[at]) * (-1 if sign else 1)
        shear, center, shift, angle = [0.0, 0.0], [0.0, 0.0], [0.0, 0.0], 0.0
        if name.startswith("Shear"):
            shear[name == "ShearY"], center = math.degrees(math.atan(magnitude)), shear_center
        elif name.startswith("Translate"):
            shift[name == "TranslateY"] = float(int(magnitude))
        else:
            angle = -magnitude
        assert row == _geometry._get_inverse_affine_matrix(center, angle, shift, 1.0, shear), (name, magnitude)


def test_what_torchvision_cannot_sample_is_refused():
    transform = v2.RandAugment(interpolation=mode("bicubic"))
    params = {"operation": torch.zeros(2, 2, dtype=torch.int64), "negative": torch.zeros(2, 2, dtype=torch.bool)}
    with pytest.raises(ValueError, match="bicubic"):
        rounds(transform, photographs(2, 3, 8, 8), params, None)


@pytest.mark.filterwarnings("ignore:Dynamo detected a call to a `functools.lru_cache`")  # of a pure function
@pytest.mark.parametrize("transform", [v2.RandAugment(1, 9, fill=7), TRIVIAL, v2.AutoAugment()], ids=repr)
def test_is_one_graph_also_of_a_last_shorter_batch(transform):
    torch._dynamo.reset()
    fused = fuse(v2.Compose([transform]))
    work = torch.compile(fused.transform, fullgraph=True, backend="eager")
    for count in (6, 4) if transform is TRIVIAL else (6,):
        images = photographs(count, 3, 12, 14)
        plan = fused.make_params(images, addresses=Addresses(count, 0, torch.arange(count)))
        check(work(images, plan), fused.transform(images, plan))
