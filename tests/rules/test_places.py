"""Where pixels come from: read off images of their own coordinates, and against torchvision's functions."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torchvision.transforms import InterpolationMode, v2

from jointaug import Address, Addresses, JointCrop, MultiResolution, UncroppedView, fuse
from jointaug._draws import DRAWS
from jointaug.rules import RULES, STILL, Drawn, View, maps_of, register
from jointaug.rules._places import _MOVES, STAYS, affine, operation_map

HEIGHT, WIDTH = 45, 60
INTERIOR, BORDER = 1e-3, 0.51  # pixels: of bilinear in float32; half a pixel where the filter is cut off at an edge


def coordinates(height=HEIGHT, width=WIDTH):
    """x, y, and ones, which tell what comes from outside."""
    y, x = torch.meshgrid(torch.arange(float(height)), torch.arange(float(width)), indexing="ij")
    return torch.stack([x, y, torch.ones_like(x)]).double()


def check(made, matrix, *, interior=INTERIOR, border=BORDER, height=HEIGHT, width=WIDTH):
    """Each pixel of an image of coordinates holds the place that its map names."""
    h, w = made.shape[-2:]
    at = coordinates(h, w)
    named = torch.einsum("ij,jhw->ihw", matrix, at)
    named = named[:2] / named[2]
    error = (made[:2] - named).abs().amax(0)
    end = torch.tensor([width, height])[:, None, None] - 1
    seen = ((named >= -0.5) & (named <= end + 0.5)).all(0) & (made[2] > 1 - 1e-9)
    inside = seen & ((named >= 1) & (named <= end - 1)).all(0)
    rim = math.ceil(float(torch.linalg.det(matrix).abs()) ** -0.5)  # of the view, where a crop's own edge cuts it off
    inside[:rim], inside[:, :rim], inside[-rim:], inside[:, -rim:] = False, False, False, False
    assert inside.sum() > 50
    assert error[inside].max() <= interior
    assert error[seen].max() <= border


def one_view(**changes):
    given = {"channels": 3, "dtype": torch.float64, "device": torch.device("cpu"), "count": 1, "alone": True}
    return View(0, HEIGHT, WIDTH, **{**given, **changes})


def maps_after(view, history, height=HEIGHT, width=WIDTH):
    return maps_of([replace(view, history=tuple(history))], [(height, width)])


def found(*steps, height=HEIGHT, width=WIDTH):
    """The map of ``(transform, params)`` in turn."""
    return maps_after(one_view(), [Drawn(transform, 0, 0, params) for transform, params in steps], height, width)[0]


BILINEAR = InterpolationMode.BILINEAR
CROP = v2.RandomResizedCrop((24, 30), antialias=False)
CASES = {
    "resized crop": (CROP, {"top": 3, "left": 11, "height": 31, "width": 42}),
    "magnified crop": (CROP, {"top": 3, "left": 11, "height": 9, "width": 20}),
    "joint crop": (JointCrop((24, 30), antialias=False), {"box": (3, 11, 31, 42), "area": 0.5}),
    "resolution": (MultiResolution(((24, 30),), antialias=False), {"box": (3, 11, 31, 42), "size": (24, 30)}),
    "whole": (UncroppedView((24, 30), antialias=False), {}),
    "resize": (v2.Resize((30, 24), antialias=False), {}),
    "resize shorter": (v2.Resize(30, antialias=False), {}),
    "central": (v2.CenterCrop((20, 31)), {}),
    "central, padded": (v2.CenterCrop((52, 31)), {}),
    "central, odd": (v2.CenterCrop((50, 67)), {}),
    "scaled": (v2.ScaleJitter((50, 50), antialias=False), {"size": (31, 44)}),
    "shortest": (v2.RandomShortestSize(31, antialias=False), {"size": (31, 41)}),
    "random size": (v2.RandomResize(20, 40, antialias=False), {"size": [31]}),
    "flip": (v2.RandomHorizontalFlip(), {"applied": True}),
    "flip up": (v2.RandomVerticalFlip(), {"applied": True}),
    "no flip": (v2.RandomVerticalFlip(), {"applied": False}),
    "crop": (
        v2.RandomCrop(24),
        {"needs_crop": True, "top": 5, "left": 9, "height": 24, "width": 24, "needs_pad": False, "padding": [0] * 4},
    ),
    "padded crop": (
        v2.RandomCrop(44, padding=(3, 4, 5, 6)),
        {
            "needs_crop": True,
            "top": 8,
            "left": 1,
            "height": 44,
            "width": 44,
            "needs_pad": True,
            "padding": [3, 4, 5, 6],
        },
    ),
    "pad": (v2.Pad((3, 5)), {}),
    "pad all": (v2.Pad(4), {}),
    "zoom out": (v2.RandomZoomOut(), {"padding": [3, 4, 5, 6]}),
    "affine": (
        v2.RandomAffine(30, interpolation=BILINEAR),
        {"angle": 31.0, "translate": (10, -7), "scale": 1.2, "shear": (5.0, 3.0)},
    ),
    "affine about a center": (
        v2.RandomAffine(30, interpolation=BILINEAR, center=[10, 20]),
        {"angle": -17.0, "translate": (2, 5), "scale": 0.8, "shear": (-8.0, 0.0)},
    ),
    "rotation": (v2.RandomRotation(30, interpolation=BILINEAR), {"angle": 23.0}),
    "rotation, expanded": (v2.RandomRotation(30, interpolation=BILINEAR, expand=True), {"angle": 23.0}),
    "quarter turn, expanded": (v2.RandomRotation(90, interpolation=BILINEAR, expand=True), {"angle": 90.0}),
    "half turn": (v2.RandomRotation(180, interpolation=BILINEAR), {"angle": 180.0}),
    "rotation about a center": (v2.RandomRotation(30, interpolation=BILINEAR, center=[10, 20]), {"angle": 23.0}),
}


def made(transform, params):
    """By torchvision, or by the joint transform itself."""
    image = coordinates()
    if isinstance(transform, UncroppedView):
        return transform(image)
    if isinstance(transform, (JointCrop, MultiResolution)):
        return transform.transform_view(image, params)
    params = dict(params)
    return transform.transform(image, params) if params.pop("applied", True) else image


@pytest.mark.parametrize("name", CASES)
def test_a_step_is_where_torchvision_puts_it(name):
    transform, params = CASES[name]
    check(made(transform, params), found((transform, params)))


def test_perspective_is_where_torchvision_puts_it():
    """Its coefficients are float32."""
    transform = v2.RandomPerspective(p=1.0)
    for seed in range(5):
        torch.manual_seed(seed)
        params = transform.make_params([coordinates()])
        check(made(transform, params), found((transform, params)))


@pytest.mark.parametrize("seed", range(4))
def test_steps_are_composed(seed):
    """Pairs of steps that keep one kernel's interior: a rotation of what was cropped, a crop of what was rotated."""
    torch.manual_seed(seed)
    turn = v2.RandomAffine(20, (0.1, 0.1), (0.9, 1.1), 5, interpolation=BILINEAR)
    flip, back = (v2.RandomHorizontalFlip(1.0), {"applied": True}), (v2.RandomVerticalFlip(1.0), {"applied": True})
    crop = CASES["resized crop"]
    image, steps = coordinates(), []
    for step in (flip, turn, crop, back) if seed % 2 else (crop, turn, back, flip):
        transform, params = step if isinstance(step, tuple) else (step, step.make_params([image]))
        steps.append((transform, params))
        image = transform.transform(image, {k: v for k, v in params.items() if k != "applied"})
    check(image, found(*steps))


@pytest.mark.parametrize("mode", [InterpolationMode.NEAREST, InterpolationMode.NEAREST_EXACT])
@pytest.mark.parametrize("antialias", [False, True])
def test_the_map_of_a_crop_does_not_depend_on_its_filter(mode, antialias):
    """Analytic: torchvision's nearest pixel is up to a step of the sampling away, nearest-exact half a pixel."""
    params = {"top": 0, "left": 0, "height": 45, "width": 60}
    plain = found((v2.RandomResizedCrop((5, 6), antialias=False), params))
    filtered = v2.RandomResizedCrop((5, 6), interpolation=mode, antialias=antialias)
    assert torch.equal(found((filtered, params)), plain)
    assert plain.tolist() == [[10.0, 0.0, 4.5], [0.0, 9.0, 4.0], [0.0, 0.0, 1.0]]


def test_an_antialiased_view_of_a_slope_is_where_its_map_says():
    """A symmetric filter keeps a linear image where it is not cut off."""
    crop = v2.RandomResizedCrop((9, 12), antialias=True)
    params = {"top": 0, "left": 0, "height": 45, "width": 60}
    picture, matrix = crop.transform(coordinates(), params), found((crop, params))
    at = torch.einsum("ij,jhw->ihw", matrix, coordinates(9, 12))
    assert (picture - at)[:2, 1:-1, 1:-1].abs().max() < INTERIOR


OPERATIONS = {"ShearX": 0.3, "ShearY": -0.3, "TranslateX": 7.9, "TranslateY": -7.9, "Rotate": -25.0, "Invert": 0.0}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_of_randaugment_are_where_torchvision_puts_them(name):
    augment = v2.RandAugment(interpolation=BILINEAR)
    matrix = torch.tensor(operation_map(name, OPERATIONS[name], HEIGHT, WIDTH), dtype=torch.float64).view(3, 3)
    if name == "Invert":
        assert torch.equal(matrix, torch.eye(3).double())
        return
    made = augment._apply_image_or_video_transform(
        coordinates(), name, OPERATIONS[name], interpolation=BILINEAR, fill=augment._fill
    )
    check(made, matrix)


def test_randaugment_composes_what_it_drew_alone_and_in_a_batch():
    """Each image of a batch has the map that it has alone."""
    augment = v2.RandAugment(3, 5)
    operations = torch.randint(len(augment._AUGMENTATION_SPACE), (20, 3), generator=torch.Generator().manual_seed(0))
    negative = torch.rand(20, 3, generator=torch.Generator().manual_seed(1)) < 0.5
    batch = one_view(count=20, alone=False)
    maps = maps_after(batch, [Drawn(augment, 0, 0, {"operation": operations, "negative": negative})])[:, 0]
    for i in range(20):
        params = {"operation": operations[i].tolist(), "negative": negative[i].tolist()}
        assert torch.equal(maps[i], found((augment, params)))
    assert len({str(m.tolist()) for m in maps}) > 10


def test_what_randaugment_drew_is_where_its_own_operations_put_it():
    """Signs and magnitudes are those that moved the pixels."""
    augment = v2.RandAugment(3, 9, interpolation=BILINEAR)
    names = list(augment._AUGMENTATION_SPACE)
    for negative in ([True, False, True], [False, True, False]):
        params = {"operation": [names.index(n) for n in ("ShearX", "TranslateY", "Rotate")], "negative": negative}
        image = coordinates()
        for k in range(3):
            one = {name: values[k : k + 1] for name, values in params.items()}
            check(DRAWS[v2.RandAugment].act(augment, image, one), found((augment, one)))
        check(DRAWS[v2.RandAugment].act(augment, image, params), found((augment, params)))


@pytest.mark.parametrize("kind", [v2.RandAugment, v2.TrivialAugmentWide, v2.AutoAugment])
def test_automatic_augmentations_have_maps_of_what_they_drew(kind):
    """Each image of a batch, and of a list of images of several sizes, has the map that it has alone."""
    fused = fuse(v2.Compose([kind(), v2.RandomResizedCrop(9)]))
    images = torch.randint(0, 256, (30, 3, HEIGHT, WIDTH), dtype=torch.uint8)
    for given in (images, [image[:, : HEIGHT - i % 3] for i, image in enumerate(images)]):
        _, record = fused(given, addresses=Addresses(0, 0, torch.arange(30)), record=True)
        for i, image in enumerate(given):
            _, alone = fused(image, addresses=Address(0, 0, i), record=True)
            torch.testing.assert_close(record[i].maps, alone.maps, atol=1e-12, rtol=0)
        turned = (record.maps[:, 0, [0, 1], [1, 0]] != 0).any(1)
        assert 3 <= int(turned.sum()) <= 29  # shears and rotations


def test_random_sizes_of_images_of_several_sizes():
    heights, widths = torch.tensor([45, 33]), torch.tensor([60, 20])
    params = {"size": [torch.tensor([31, 17])]}
    maps = maps_after(one_view(count=2, alone=False), [Drawn(v2.RandomResize(9, 40), 0, 0, params)], heights, widths)
    for i in range(2):
        alone = found(
            (v2.RandomResize(9, 40), {"size": [int(params["size"][0][i])]}),
            height=int(heights[i]),
            width=int(widths[i]),
        )
        assert torch.equal(maps[i, 0], alone)


def test_numbers_and_tensors_say_the_same():
    """A batch with parameters for each image, and sizes of their own."""
    affine_params = {
        "angle": torch.tensor([3.0, -40.0], dtype=torch.float64),
        "translate": torch.tensor([[1, 2], [-3, 4]]),
        "scale": torch.tensor([0.8, 1.3], dtype=torch.float64),
        "shear": torch.tensor([[5.0, 0.0], [0.0, -7.0]], dtype=torch.float64),
    }
    padding = [torch.tensor([1, 2]), torch.tensor([0, 4]), torch.tensor([3, 0]), torch.tensor([2, 2])]
    crop_params = {
        "top": torch.tensor([1, 3]),
        "left": torch.tensor([2, 0]),
        "height": 20,
        "width": 20,
        "needs_crop": True,
        "needs_pad": True,
        "padding": padding,
    }
    coefficients = torch.tensor([[1, 0, 2, 0, 1, 3, 1e-3, 0], [1, 1, 0, 0, 0, 0, 0, 0]], dtype=torch.float64)
    steps = [
        (v2.RandomAffine(30), affine_params),
        (v2.RandomRotation(30, expand=True), {"angle": torch.tensor([10.0, 33.0], dtype=torch.float64)}),
        (v2.CenterCrop((30, 70)), {}),
        (v2.RandomPerspective(), {"coefficients": coefficients, "applied": torch.tensor([True, False])}),
        (v2.RandomCrop(20, padding=1), crop_params),
        (v2.RandomHorizontalFlip(), {"applied": torch.tensor([False, True])}),
        (v2.RandomResizedCrop(12), {"top": torch.tensor([1, 2]), "left": 2, "height": 9, "width": 8}),
    ]
    heights, widths = torch.tensor([45, 50]), torch.tensor([60, 31])
    history = [Drawn(transform, 0, 0, params) for transform, params in steps]
    maps = maps_after(one_view(count=2, alone=False), history, heights, widths)[:, 0]
    for i in range(2):
        own = [(transform, of_one(params, i)) for transform, params in steps]
        alone = found(*own, height=int(heights[i]), width=int(widths[i]))
        torch.testing.assert_close(maps[i], alone, atol=1e-12, rtol=1e-12)


def of_one(params, i):
    def pick(value):
        if isinstance(value, list):
            return [pick(v) for v in value]
        return value[i].tolist() if isinstance(value, torch.Tensor) else value

    return {name: pick(value) for name, value in params.items()}


def test_what_is_not_known_says_so_for_those_images_alone():
    where = torch.tensor([True, False])
    box = {name: torch.tensor([v, v]) for name, v in CASES["resized crop"][1].items()}
    history = [Drawn(v2.ElasticTransform(), 0, 0, {}, where), Drawn(CROP, 0, 0, box)]
    maps = maps_after(one_view(count=2, alone=False), history)[:, 0]
    assert maps[0].isnan().all()
    assert torch.equal(maps[1], found(CASES["resized crop"]))
    assert found((v2.ElasticTransform(), {}), CASES["resized crop"]).isnan().all()
    assert found((v2.Lambda(torch.flip), {"seed": 0})).isnan().all()


def test_a_rule_says_where_its_functions_pixels_come_from():
    class Turned(v2.Transform):
        pass

    class Dimmed(v2.Transform):
        pass

    class Secret(v2.Transform):
        pass

    for kind, entries in {Turned: (0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0), Dimmed: STILL, Secret: None}.items():

        @register(kind, width=0, params=lambda *_: {})
        def rule(transform, view, params, entries=entries):
            size = (view.width, view.height) if type(transform) is Turned else None
            return view.call(lambda images: images, size=size, map=entries)

    try:
        turned, flip = found((Turned(), {}), (v2.RandomHorizontalFlip(), {"applied": True})), HEIGHT - 1
        assert turned.tolist() == [[0, 1, 0], [-1, 0, flip], [0, 0, 1]]  # the turned image's width is HEIGHT
        assert torch.equal(found((Dimmed(), {})), torch.eye(3).double())
        assert found((Secret(), {})).isnan().all()
    finally:
        for kind in (Turned, Dimmed, Secret):
            RULES.pop(kind)
            DRAWS.pop(kind)
    with pytest.raises(ValueError, match=r"map must be the nine entries of a 3 x 3 matrix, got \(1.0,\); write"):
        one_view().call(torch.neg, map=(1.0,))


def test_what_stays_where_it_is_and_what_moves_are_apart():
    assert not STAYS & set(_MOVES)
    everything = {getattr(v2, name) for name in dir(v2) if isinstance(getattr(v2, name), type)}
    assert set(_MOVES) | {kind for kind in STAYS if kind.__module__.startswith("torchvision")} <= everything


def test_affine_is_the_inverse_of_its_steps():
    """Closed form: rotation and scaling alone."""
    a, b, x, c, d, y, *_ = affine(90.0, (0.0, 0.0), 2.0, (0.0, 0.0), (5.0, 7.0))
    expected = (0.0, 0.5, 5 - 3.5, -0.5, 0.0, 7 + 2.5)
    assert all(math.isclose(p, q, abs_tol=1e-12) for p, q in zip((a, b, x, c, d, y), expected, strict=True))
