"""What a record says is what was done: read off the views, off the draws, and off its own text."""

import json
import math
import pickle

import numpy as np
import PIL.Image
import pytest
import torch
from torchvision import tv_tensors
from torchvision.transforms import v2

from jointaug import (
    Address,
    Addresses,
    JointBlur,
    JointColor,
    JointCrop,
    MultiView,
    PerView,
    Record,
    Shared,
    UncroppedView,
    fuse,
)

GENERATOR = torch.Generator().manual_seed(0)
IMAGES = torch.randint(0, 256, (6, 3, 40, 56), dtype=torch.uint8, generator=GENERATOR)
LIST = [torch.randint(0, 256, (3, h, w), dtype=torch.uint8, generator=GENERATOR) for h, w in ((40, 56), (33, 90))]
TAIL = [
    v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
    v2.RandomGrayscale(0.3),
    v2.RandomOrder([v2.GaussianBlur(3), v2.RandomHorizontalFlip()]),
    v2.RandomChoice([v2.RandomVerticalFlip(), v2.RandomSolarize(100.0)]),
]
PIPELINE = v2.Compose([JointCrop(24), PerView(v2.Compose(TAIL)), JointBlur(), JointColor()])
ADDRESSES = Addresses(3, 1, torch.arange(6))


def recorded(pipeline=PIPELINE, images=IMAGES, addresses=ADDRESSES):
    return fuse(pipeline)(images, addresses=addresses, record=True)


def coordinates(height, width, count=1):
    """x and y divided by the width, which stay in [0, 1]; the rest are ones."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return (torch.stack([x, y, torch.full_like(x, width)]) / width).double().expand(count, 3, height, width)


GEOMETRIC = {
    "joint": v2.Compose([JointCrop(24, antialias=False), PerView(v2.RandomHorizontalFlip())]),
    "two crops": MultiView(*[v2.RandomResizedCrop((20, 30), antialias=False)] * 2),
    "several sizes": MultiView(UncroppedView((20, 28), antialias=False), JointCrop(12, antialias=False)),
    "crop of a crop": v2.Compose(
        [
            JointCrop(48, antialias=False),
            PerView(v2.RandomHorizontalFlip()),
            PerView(v2.RandomResizedCrop(24, antialias=False)),
            PerView(v2.RandomVerticalFlip()),
        ]
    ),
    "padded": v2.Compose([JointCrop(32, antialias=False), PerView(v2.RandomCrop(32, padding=4))]),
    "turned": v2.Compose(
        [
            JointCrop(32, antialias=False),
            PerView(v2.RandomAffine(25, (0.1, 0.1), (0.8, 1.2), 8, interpolation=v2.InterpolationMode.BILINEAR)),
        ]
    ),
    "turned, with room": v2.Compose(
        [
            MultiView(v2.Identity(), v2.Identity()),
            PerView(v2.RandomRotation(40, interpolation=v2.InterpolationMode.BILINEAR, expand=True)),
            PerView(v2.RandomResizedCrop(24, (0.3, 0.6), antialias=False)),
        ]
    ),
    "chosen": v2.Compose(
        [
            JointCrop(32, antialias=False),
            PerView(v2.RandomChoice([v2.RandomHorizontalFlip(1.0), v2.RandomVerticalFlip(1.0), v2.Identity()])),
            Shared(v2.RandomApply([v2.RandomHorizontalFlip(1.0)], 0.5)),
        ]
    ),
    "ordered": v2.Compose(
        [
            JointCrop(32, antialias=False),
            PerView(v2.RandomOrder([v2.RandomVerticalFlip(), v2.RandomHorizontalFlip()])),
        ]
    ),
    "resized": v2.Compose([MultiView(*[v2.Compose([v2.Resize(30, antialias=False), v2.CenterCrop(24)])] * 2)]),
}


@pytest.mark.filterwarnings("ignore:fuse has no rule")
@pytest.mark.parametrize("kind", ["batch", "list", "alone"])
@pytest.mark.parametrize("name", GEOMETRIC)
def test_maps_are_where_the_pixels_came_from(name, kind):
    """Views of an image of its own coordinates: 1e-3 pixel in the interior, half a pixel where a filter is cut off."""
    sizes = [(40, 56)] * 6 if kind == "batch" else [(40, 56), (33, 90), (61, 37)]
    images = [coordinates(*size)[0] for size in sizes]
    fused = fuse(GEOMETRIC[name])
    if kind == "alone":
        each = [fused(image, addresses=Address(0, 0, i), record=True) for i, image in enumerate(images)]
    else:
        given = torch.stack(images) if kind == "batch" else images
        views, record = fused(given, addresses=Addresses(0, 0, torch.arange(len(images))), record=True)
        each = [([view[i] for view in views], record[i]) for i in range(len(images))]
    count = 0
    for (height, width), (views, record) in zip(sizes, each, strict=True):
        assert record.sizes.tolist() == [height, width]
        assert record.has_map.all()
        for view, matrix, size in zip(views, record.maps, record.view_sizes, strict=True):
            assert list(view.shape[-2:]) == size.tolist()
            named = torch.einsum("ij,jhw->ihw", matrix, coordinates_of_pixels(*size.tolist()))[:2]
            error = (view[:2] * width - named).abs().amax(0)
            end = torch.tensor([width, height])[:, None, None] - 1
            real = ((named >= -0.5) & (named <= end + 0.5)).all(0) & (view[2] > 1 - 1e-9)
            rim = math.ceil(float(torch.linalg.det(matrix).abs()) ** -0.5) + 2  # edges of one crop, and of another
            assert error[real].max() <= (0.51 if name != "crop of a crop" else 1.1)  # there two filters are cut off
            inner = torch.zeros_like(real)
            inner[rim:-rim, rim:-rim] = True
            inner &= real & ((named >= 1) & (named <= end - 1)).all(0)
            inner &= framed(real, rim)
            if inner.any():
                assert error[inner].max() <= 1e-3
            count += int(inner.sum())
    assert count > 100


def framed(real, rim):
    """Pixels with none that is not real within ``rim``."""
    unreal = torch.nn.functional.max_pool2d((~real).double()[None, None], 2 * rim + 1, 1, rim)[0, 0]
    return unreal == 0


def coordinates_of_pixels(height, width):
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([x, y, torch.ones_like(x)]).double()


def test_steps_have_paths_v2s_parameters_and_whether_they_acted():
    views, record = recorded()
    plan = fuse(PIPELINE).make_params(IMAGES, addresses=ADDRESSES)
    crop = plan.drawn[0].params
    assert len(record.steps) == 2
    for k, view in enumerate(record.steps):
        first, *_, blur, color = view
        assert (first.name, first.path) == ("JointCrop", "0.JointCrop")
        assert torch.equal(first.params["box"], crop["box"][k])
        assert first.acted.all()
        assert (blur.path, color.path) == ("2.JointBlur", "3.JointColor")
        jitter, gray = view[1:3]
        assert jitter.path == "1.PerView.0.RandomApply.0.ColorJitter"
        factors = (f"{name}_factor" for name in ("brightness", "contrast", "saturation", "hue"))
        assert set(jitter.params) == {"fn_idx", *factors}
        assert jitter.acted.dtype == gray.acted.dtype == torch.bool
        gray_views = (views[k][:, :1] == views[k]).flatten(1).all(1)
        assert gray.path == "1.PerView.1.RandomGrayscale"
        assert (gray_views <= gray.acted).all()  # later color steps keep gray views gray
    assert 0 < sum(int(view[2].acted.sum()) for view in record.steps) < 12


def test_a_row_says_what_was_done_to_its_image_alone():
    """As that image's record alone, numbers to 4 ulp (of laws: to 16). Containers' draws are which steps there are."""
    _, record = recorded()
    assert len(record) == 6
    orders = set()
    for i in range(6):
        _, alone = fuse(PIPELINE)(IMAGES[i], addresses=Address(3, 1, i), record=True)
        row = record[i]
        for of_row, of_alone in zip(row.steps, alone.steps, strict=True):
            assert [(s.path, s.acted) for s in of_row] == [(s.path, s.acted) for s in of_alone]
            for a, b in zip(of_row, of_alone, strict=True):
                for name in a.params | b.params:
                    np.testing.assert_array_max_ulp(
                        np.array(a.params[name], dtype=float),
                        np.array(b.params[name], dtype=float),
                        16 if a.name.startswith("Joint") else 4,
                    )
            orders.add(tuple(s.path for s in of_row))
        assert torch.equal(row.maps, alone.maps)
        assert torch.equal(row.view_sizes, alone.view_sizes)
        assert torch.equal(row.boxes, record.boxes[i])
    assert len(orders) > 4
    assert record[-1].maps.equal(record[5].maps)
    assert len(list(record)) == 6


def test_the_record_changes_no_view():
    views, _ = recorded()
    plain = fuse(PIPELINE)(IMAGES, addresses=ADDRESSES)
    assert all(torch.equal(a, b) for a, b in zip(views, plain, strict=True))
    torch.manual_seed(5)
    a, _ = fuse(PIPELINE)(IMAGES[0], record=True)
    torch.manual_seed(5)
    b = fuse(PIPELINE)(IMAGES[0])
    assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_whatever_is_given_has_its_record():
    fused = fuse(PIPELINE)
    boxes = tv_tensors.BoundingBoxes([[1, 2, 9, 9]], format="XYXY", canvas_size=(40, 56))
    (views, _), record = fused(IMAGES[0], 3, record=True)
    assert record.maps.shape == (2, 3, 3)
    assert len(views) == 2
    _, record = fused({"image": tv_tensors.Image(IMAGES[0]), "boxes": boxes}, record=True)
    assert record.count is None
    _, record = fused([(IMAGES[0], 1), (IMAGES[1], 0)], record=True)
    assert len(record) == 2
    _, record = fused.collate([(IMAGES[0], 1), (IMAGES[1], 0)], record=True)
    assert len(record) == 2
    results, record = fused.samples([IMAGES[0], IMAGES[1]], record=True)
    assert len(results) == len(record) == 2
    (_, labels), record = fused([IMAGES, torch.arange(6)], record=True)
    assert (len(labels), len(record)) == (6, 6)
    _, record = fused({"image": list(IMAGES[:2]), "label": [0, 1]}, record=True)
    assert len(record) == 2
    image = PIL.Image.fromarray(IMAGES[0].permute(1, 2, 0).numpy())
    _, record = fused(image, record=True)
    assert record.sizes.tolist() == [40, 56]
    _, record = fused(IMAGES[0], addresses=Addresses(0, 0, torch.tensor([4])), record=True)
    assert record.maps.shape == (2, 3, 3)
    view, record = fuse(v2.RandomResizedCrop(9))(IMAGES, record=True)
    assert view.shape[-1] == 9
    assert record.maps.shape == (6, 1, 3, 3)
    given = fuse(PerView(v2.RandomResizedCrop(9)))
    _, record = given([IMAGES, IMAGES[..., :30]], record=True)
    assert record.sizes[:, 1].tolist() == [[40, 30]] * 6
    assert record.boxes.shape == (6, 2, 4)
    with pytest.raises(ValueError, match="both were made of one image, got views that were given"):
        record.overlap(0, 1)


def test_a_plan_is_a_record_before_any_pixel():
    fused = fuse(PIPELINE)
    record = fused.record(fused.make_params(IMAGES, addresses=ADDRESSES))
    assert record.to_json() == recorded()[1].to_json()


@pytest.mark.filterwarnings("ignore:fuse has no rule")
def test_maps_that_are_not_known_say_so():
    pipeline = v2.Compose(
        [JointCrop(16), PerView(v2.RandomApply([v2.ElasticTransform(sigma=1.0)], 0.5), v2.RandomHorizontalFlip())]
    )
    _, record = recorded(pipeline)
    elastic = record.steps[0][1]
    assert 0 < elastic.acted.sum() < 6
    assert torch.equal(record.has_map[:, 0], ~elastic.acted)
    assert record.has_map[:, 1].all()
    assert torch.equal(record.boxes[..., 0].isnan(), ~record.has_map)


TEXTS = {
    "batch": lambda: recorded()[1],
    "row": lambda: recorded()[1][3],
    "alone": lambda: fuse(PIPELINE)(IMAGES[0], record=True)[1],
    "list": lambda: fuse(PIPELINE)(LIST, record=True)[1],
    "no views": lambda: fuse(v2.RandomResizedCrop(9))(IMAGES, record=True)[1],
    "erased": lambda: fuse(v2.RandomErasing(1.0))(IMAGES.float(), record=True)[1],
    "erased, a row": lambda: fuse(v2.RandomErasing(1.0))(IMAGES.float(), record=True)[1][2],
    "augmented": lambda: fuse(v2.RandAugment())(IMAGES, record=True)[1],
    "given": lambda: fuse(PerView(v2.RandomCrop(9)))([IMAGES, IMAGES], record=True)[1],
}


def plain(value):
    """Values of a history that `==` compares."""
    if isinstance(value, torch.Tensor):
        return str(value.dtype), value.tolist()
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


@pytest.mark.filterwarnings("ignore:fuse has no rule")
@pytest.mark.parametrize("through", [lambda r: Record.from_json(r.to_json()), lambda r: pickle.loads(pickle.dumps(r))])
@pytest.mark.parametrize("name", TEXTS)
def test_text_and_pickle_hold_all_of_it_exactly(name, through):
    record = TEXTS[name]()
    again = through(record)
    assert (again.count, again.made, again.pipeline) == (record.count, record.made, record.pipeline)
    for column in ("sizes", "view_sizes", "maps", "boxes", "has_map"):
        a, b = getattr(again, column), getattr(record, column)
        assert a.dtype == b.dtype
        assert torch.equal(a, b)
    assert plain(again.history) == plain(record.history)
    assert plain(again.steps) == plain(record.steps)
    assert again.to_json() == record.to_json()
    assert "nan" not in record.to_json().lower()


@pytest.mark.filterwarnings("ignore:fuse has no rule")
def test_unknown_maps_are_null_in_text():
    _, record = recorded(v2.Compose([JointCrop(16), PerView(v2.Identity(), v2.ElasticTransform(sigma=1.0))]))
    text = record.to_json()
    assert json.loads(text)["maps"][0][1] is None
    again = Record.from_json(text)
    assert torch.equal(again.has_map, record.has_map)
    assert Record.from_json(record[0].to_json()).maps[1].isnan().all()


def test_pickled_it_holds_neither_images_nor_transforms():
    _, record = recorded(images=IMAGES)
    assert len(pickle.dumps(record[0])) < 6000
    assert b"ColorJitter(" not in pickle.dumps(record)
    assert b"torchvision" not in pickle.dumps(record)


BAD = {
    "by a call": (lambda: Record(), TypeError, r"made by fused\(images, record=True\) or Record.from_json"),
    "no text": (lambda: Record.from_json("{"), ValueError, "text must be the JSON of one record, got '{'"),
    "no string": (lambda: Record.from_json(3), ValueError, "text must be the JSON of one record, got 3"),
    "other text": (lambda: Record.from_json("[]"), ValueError, r"text must be the JSON of one record, got '\[\]'"),
    "version": (
        lambda: Record.from_json(recorded()[1].to_json().replace('"jointaug_record": 1', '"jointaug_record": 2')),
        ValueError,
        "must be one record of version 1, got version 2",
    ),
    "broken": (lambda: Record.from_json('{"jointaug_record": 1}'), ValueError, "one that breaks off or was changed"),
    "length of one": (lambda: len(recorded()[1][0]), TypeError, "record of one image has no length"),
    "index": (lambda: recorded()[1][6], IndexError, r"index must be in \[-6, 6\), got 6"),
    "view": (lambda: recorded()[1].overlap(0, 2), ValueError, r"j must be number of a view, in \[0, 2\), got 2"),
    "negative view": (lambda: recorded()[1].overlap(-1, 0), ValueError, "i must be number of a view, from 0"),
    "no cells": (lambda: recorded()[1].grid(0, 1, 0), ValueError, "size must be at least one cell, got 0"),
    "three sides": (lambda: recorded()[1].grid(0, 1, (1, 2, 3)), ValueError, "one number, or rows and columns"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    call, error, words = BAD[name]
    with pytest.raises(error, match=words):
        call()


def test_a_parameter_that_is_no_data_is_named():
    _, record = recorded()
    record.history[0][0].params["odd"] = object()
    with pytest.raises(TypeError, match=r"got object at 0\.JointCrop, odd; draw numbers"):
        record.to_json()
