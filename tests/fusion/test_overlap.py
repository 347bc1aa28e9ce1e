"""What two views share, against a slow obvious loop: points of the source, and cells one by one."""

import math
from dataclasses import replace

import pytest
import torch
from torchvision.transforms import v2

from jointaug import Addresses, JointCrop, MultiView, PerView, fuse
from jointaug.fusion._overlap import boxes_of, grid, overlap
from jointaug.rules import Drawn, View, maps_of
from jointaug.rules._places import affine

HEIGHT, WIDTH = 30, 40
SIZES = torch.tensor([[HEIGHT, WIDTH]])


def crop(top, left, height, width, size=(12, 16), *, flip=False, angle=0.0):
    """The map of a view, and its size."""
    view = View(0, HEIGHT, WIDTH, 3, torch.float32, torch.device("cpu"), 1, alone=True)
    box = {"top": top, "left": left, "height": height, "width": width}
    steps = [(v2.RandomRotation(90), {"angle": angle})] if angle else []
    steps += [(v2.RandomResizedCrop(size), box), (v2.RandomHorizontalFlip(), {"applied": flip})]
    history = tuple(Drawn(transform, 0, 0, params) for transform, params in steps)
    maps = maps_of([replace(view, history=history)], [(HEIGHT, WIDTH)])
    return maps, torch.tensor([size])


PAIRS = {
    "crops": (crop(3, 5, 20, 16), crop(10, 0, 15, 30)),
    "one in the other": (crop(0, 0, 30, 40), crop(10, 5, 8, 9, (5, 7))),
    "flipped": (crop(3, 5, 20, 16, flip=True), crop(10, 0, 15, 30)),
    "both flipped": (crop(3, 5, 20, 16, flip=True), crop(10, 0, 15, 30, flip=True)),
    "the same": (crop(3, 5, 20, 16), crop(3, 5, 20, 16)),
    "turned": (crop(3, 5, 20, 26, angle=20.0), crop(10, 3, 15, 30)),
    "both turned": (crop(3, 5, 20, 26, angle=20.0), crop(2, 3, 25, 30, angle=-35.0, flip=True)),
    "beyond the image": (crop(0, 0, 30, 40, angle=45.0), crop(0, 0, 30, 40)),
    "a quarter turn": (crop(0, 5, 30, 30, angle=90.0), crop(3, 4, 20, 25)),
}


def shown(maps, size, points):
    """Which points of the source a view shows, and where."""
    at = torch.cat([points, torch.ones(len(points), 1)], 1).double() @ maps[0].inverse().T
    at = at[:, :2] / at[:, 2:]
    end = size.flip(-1) - 0.5
    return ((at >= -0.5) & (at <= end)).all(1), at


@pytest.mark.parametrize("name", PAIRS)
def test_iou_and_boxes_are_those_of_points_of_the_source(name):
    """A lattice of points, 0.1 pixel apart: the IoU by counting, the boxes to a pixel of the view's scale."""
    (first, first_size), (second, second_size) = PAIRS[name]
    step = 0.1
    rows, columns = (torch.arange(-0.5 + step / 2, side - 0.5, step) for side in (HEIGHT, WIDTH))
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    points = torch.stack([x.flatten(), y.flatten()], 1)
    (in_first, at_first), (in_second, at_second) = shown(first, first_size, points), shown(second, second_size, points)
    both = in_first & in_second
    counted = both.sum() / (in_first | in_second).sum()
    found = overlap(first, second, SIZES, (first_size, second_size))
    assert abs(found.iou[0] - counted) < 0.01
    for box, at in ((found.first, at_first), (found.second, at_second)):
        top, left, height, width = box[0].tolist()
        low, high = at[both].amin(0), at[both].amax(0)
        near = torch.tensor([left - 0.5, top - 0.5, left + width - 0.5, top + height - 0.5])
        assert (near - torch.cat([low, high])).abs().max() < 0.15


def test_closed_forms():
    """Rectangles, by hand; and polygons on the same rectangles."""
    (first, size), (second, _) = crop(0, 0, 10, 20, (10, 20)), crop(5, 10, 10, 20, (10, 20))
    found = overlap(first, second, SIZES, (size, size))
    assert found.iou.item() == 50 / 350
    assert found.first.tolist() == [[5, 10, 5, 10]]
    assert found.second.tolist() == [[0, 0, 5, 10]]
    tiny = torch.tensor(affine(1e-9, (0, 0), 1.0, (0, 0), (0, 0))).double().view(1, 3, 3)  # turned, so by polygons
    turned = overlap(first @ tiny, second, SIZES, (size, size))
    torch.testing.assert_close(turned.iou, found.iou, atol=1e-6, rtol=0)
    torch.testing.assert_close(turned.first, found.first, atol=1e-6, rtol=0)
    torch.testing.assert_close(turned.second, found.second, atol=1e-6, rtol=0)


def test_nothing_in_common_and_nothing_known():
    (first, size), (second, _) = crop(0, 0, 5, 5, (4, 4)), crop(20, 20, 5, 5, (4, 4))
    unknown = torch.full_like(first, math.nan)
    for a, b in ((first, second), (first, crop(20, 20, 9, 9, (4, 4), angle=10.0)[0])):
        found = overlap(a, b, SIZES, (size, size))
        assert found.iou.tolist() == [0]
        assert found.first.tolist() == found.second.tolist() == [[0] * 4]
        assert not grid(a, b, SIZES, (size, size), (3, 3)).inside.any()
    for a, b in ((first, unknown), (unknown, second), (unknown, unknown)):
        found, cells = overlap(a, b, SIZES, (size, size)), grid(a, b, SIZES, (size, size), (3, 3))
        assert found.iou.isnan().all()
        assert found.second.isnan().all()
        assert cells.position.isnan().all()
        assert not cells.inside.any()


def is_in(place, side):
    """Of an image, its edges included."""
    return -0.5 - 1e-9 <= place <= side - 0.5 + 1e-9


@pytest.mark.parametrize("name", PAIRS)
def test_cells_are_where_a_loop_finds_them(name):
    (first, first_size), (second, second_size) = PAIRS[name]
    found = grid(first, second, SIZES, (first_size, second_size), (3, 5))
    assert found.position.shape == (1, 3, 5, 2)
    (height, width), (other_height, other_width) = first_size[0].tolist(), second_size[0].tolist()
    hits = 0
    for row in range(3):
        for column in range(5):
            middle = [(column + 0.5) * width / 5 - 0.5, (row + 0.5) * height / 3 - 0.5, 1.0]
            center = torch.tensor(middle, dtype=torch.float64)
            source = first[0] @ center
            x, y, w = torch.linalg.solve(second[0], source).tolist()
            torch.testing.assert_close(
                found.position[0, row, column], torch.tensor([x / w, y / w], dtype=torch.float64)
            )
            seen = is_in(x / w, other_width) and is_in(y / w, other_height)
            seen = seen and is_in(source[0], WIDTH) and is_in(source[1], HEIGHT)
            assert bool(found.inside[0, row, column]) == seen
            hits += seen
    assert hits


def test_what_is_behind_the_horizon_is_not_inside():
    """A map whose scale changes its sign within the view."""
    (second, size) = crop(0, 0, 30, 40, (12, 16))
    first = torch.tensor([[[1.0, 0, 0], [0, 1, 0], [-0.2, 0, 1]]]).double()  # w = 1 - x / 5
    found = grid(first, second, SIZES, (size, size), (12, 16))
    assert not found.inside[0, :, 6:].any()
    assert found.inside[0, 1, 1]
    iou = overlap(first, second, SIZES, (size, size)).iou.item()
    assert 0 < iou <= 1


def test_boxes_of_views_are_within_their_source():
    maps, size = crop(3, 5, 20, 16)
    assert boxes_of(maps, SIZES, size).tolist() == [[3, 5, 20, 16]]
    turned, size = crop(0, 0, 30, 40, angle=45.0)
    assert boxes_of(turned, SIZES, size).tolist() == [[0, 0, 30, 40]]


def test_a_batch_is_its_images_one_by_one():
    augmented = v2.Compose([v2.RandAugment(magnitude=20), v2.RandomResizedCrop((8, 9))])
    fused = fuse(v2.Compose([MultiView(JointCrop(12), augmented), PerView(v2.RandomHorizontalFlip())]))
    _, record = fused(torch.rand(6, 3, 30, 40), addresses=Addresses(0, 0, torch.arange(6)), record=True)
    for i, j in ((0, 1), (0, 2), (2, 1), (2, 2)):
        both, cells = record.overlap(i, j), record.grid(i, j, (3, 4))
        for n in range(6):
            for one, many in ((record[n].overlap(i, j), both), (record[n].grid(i, j, (3, 4)), cells)):
                for a, b in zip(one, many, strict=True):
                    assert torch.equal(a, b[n])
