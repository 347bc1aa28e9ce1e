"""CutMix: golden boxes, and the slow loop."""

import pytest
import torch

from jointaug.functional import cutmix, cutmix_boxes


@pytest.mark.parametrize(
    ("side", "lam", "cx", "cy", "box", "kept"),
    [
        (224, 0.5, 10, 200, (121, 0, 103, 89), 0.817303),
        (224, 0.5, 112, 112, (33, 33, 158, 158), 0.502471),
        (32, 0.75, 16, 16, (8, 8, 16, 16), 0.75),
        (224, 1.0, 3, 3, (3, 3, 0, 0), 1.0),
        (224, 0.0, 112, 112, (0, 0, 224, 224), 0.0),
    ],
)
def test_golden_boxes(side, lam, cx, cy, box, kept):
    boxes, fraction = cutmix_boxes(lam, cx, cy, side, side)
    assert tuple(boxes.tolist()) == box
    assert fraction.item() == pytest.approx(kept, abs=5e-7)


def test_boxes_follow_the_released_procedure():
    """The slow loop, over sizes that are no square, every center, and lam of every kind."""
    generator = torch.Generator().manual_seed(1)
    height, width, n = 37, 61, 2000
    lam = torch.rand(n, generator=generator, dtype=torch.float64)
    cx, cy = (torch.randint(0, side, (n,), generator=generator) for side in (width, height))
    boxes, kept = cutmix_boxes(lam, cx, cy, height, width)
    cx, cy = cx.tolist(), cy.tolist()
    for i in range(n):
        half_w, half_h = (int(side * (1 - lam[i].item()) ** 0.5) // 2 for side in (width, height))
        x1, x2 = max(0, cx[i] - half_w), min(width, cx[i] + half_w)
        y1, y2 = max(0, cy[i] - half_h), min(height, cy[i] + half_h)
        assert boxes[i].tolist() == [y1, x1, y2 - y1, x2 - x1]
        assert kept[i].item() == pytest.approx(1 - (y2 - y1) * (x2 - x1) / (height * width), abs=1e-12)


@pytest.mark.parametrize("side", [32, 224])
def test_the_ends_of_lambda(side):
    """Lambda 1 keeps all of the first image, 0 with a central box nothing; between, what is kept is never less."""
    first, second = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(3))
    for lam, expected in ((1.0, first), (0.0, second)):
        boxes, kept = cutmix_boxes(lam, side // 2, side // 2, side, side)
        assert kept.item() == lam
        assert torch.equal(cutmix(first, second, boxes), expected)
    lam, center = torch.linspace(0, 1, 1001, dtype=torch.float64), torch.arange(1001) % side
    assert (cutmix_boxes(lam, center, center.flip(0), side, side)[1] >= lam).all()


def test_arguments_broadcast():
    boxes, kept = cutmix_boxes(torch.tensor([[0.2], [0.7]]), torch.tensor([3, 5, 9]), 4, 20, 30)
    assert boxes.shape == (2, 3, 4)
    assert kept.shape == (2, 3)
    assert boxes[1, 2].tolist() == cutmix_boxes(torch.tensor(0.7), 9, 4, 20, 30)[0].tolist()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.bfloat16])
def test_the_patch_is_from_j_at_the_same_place(dtype):
    generator = torch.Generator().manual_seed(2)
    images_i, images_j = (torch.randint(0, 256, (6, 3, 9, 12), generator=generator).to(dtype) for _ in range(2))
    boxes, kept = cutmix_boxes(
        torch.rand(6, generator=generator), torch.randint(0, 12, (6,), generator=generator), 4, 9, 12
    )
    mixed = cutmix(images_i, images_j, boxes)
    for i, (top, left, height, width) in enumerate(boxes.tolist()):
        expected = images_i[i].clone()
        expected[:, top : top + height, left : left + width] = images_j[i, :, top : top + height, left : left + width]
        assert torch.equal(mixed[i], expected)
    of_i = cutmix(torch.ones(6, 1, 9, 12), torch.zeros(6, 1, 9, 12), boxes).mean((1, 2, 3))
    torch.testing.assert_close(of_i.double(), kept)
