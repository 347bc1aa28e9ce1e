"""The data set of pairs: addresses, running workers, checkpoints."""

from __future__ import annotations

import pytest
import torch
from torch.utils.data import DataLoader
from torchvision.transforms import v2

from jointaug import AddressedDataset, JointCrop, MultiView, PerView, Views
from jointaug.neighbors import NeighborDataset, draw_positives, random_positives

IMAGES = torch.rand(20, 3, 24, 24, generator=torch.Generator().manual_seed(0))
PIPELINE = v2.Compose([JointCrop(12), PerView(v2.RandomHorizontalFlip())])
TABLE = random_positives(20, count=5)


def equal(first, second):
    return len(first) == len(second) and all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_an_item_is_two_samples_and_an_index():
    views_i, views_j, index = NeighborDataset(IMAGES, PIPELINE, TABLE)[7]
    assert index == 7
    assert isinstance(views_i, Views)
    assert [tuple(view.shape) for view in (*views_i, *views_j)] == [(3, 12, 12)] * 4
    assert not torch.equal(views_i[0], views_j[0])


def test_the_positive_is_the_one_that_the_batch_draws():
    data = NeighborDataset(torch.arange(20.0), lambda image: image, TABLE, seed=4)
    for epoch in (0, 3):
        data.set_epoch(epoch)
        expected = draw_positives(TABLE, torch.arange(20), seed=4, epoch=epoch)
        assert [data.positive(i) for i in range(20)] == expected.tolist()
        assert [int(data[i][1]) for i in range(20)] == expected.tolist()
        assert [int(data[i][0]) for i in range(20)] == list(range(20))


def test_each_image_runs_through_the_pipeline_by_itself():
    """The image's views are those it has without neighbors; its positive's are drawn anew for this pair."""
    data, plain = NeighborDataset(IMAGES, PIPELINE, TABLE, seed=4), AddressedDataset(IMAGES, PIPELINE, seed=4)
    for epoch in (0, 2):
        data.set_epoch(epoch)
        plain.set_epoch(epoch)
        for i in range(20):
            views_i, views_j, _ = data[i]
            assert equal(views_i, plain[i])
            assert not equal(views_j, plain[data.positive(i)])
            assert equal(views_j, data[i][1]), "and the same when asked again"
    # An image that is its own positive gives two different draws.
    own = NeighborDataset(IMAGES, PIPELINE, seed=4)
    assert own.positive(3) == 3
    assert not equal(*own[3][:2])


def test_labels_are_not_needed_and_not_served():
    labeled = [(image, 5) for image in IMAGES]
    assert equal(NeighborDataset(labeled, PIPELINE, TABLE)[2][1], NeighborDataset(IMAGES, PIPELINE, TABLE)[2][1])


def test_an_image_without_positives_is_its_own():
    table = torch.full((20, 3), -1)
    table[0] = torch.tensor([4, 9, -1])
    data = NeighborDataset(IMAGES, PIPELINE, table)
    drawn = set()
    for epoch in range(20):
        data.set_epoch(epoch)
        drawn.add(data.positive(0))
        assert data.positive(6) == 6
    assert drawn == {4, 9}


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_running_workers_see_a_new_epoch_and_a_new_table():
    data = NeighborDataset(IMAGES, MultiView(v2.Identity(), PIPELINE.transforms[0]), TABLE)
    loader = DataLoader(data, batch_size=20, num_workers=1, persistent_workers=True)
    for epoch, table in ((0, TABLE), (1, TABLE), (2, random_positives(20, count=4, epoch=1))):
        data.set_epoch(epoch)
        data.set_positives(table)
        ((originals_i, _, _), (originals_j, first_j, _), index) = next(iter(loader))
        assert torch.equal(index, torch.arange(20))
        assert torch.equal(originals_i, IMAGES)
        assert torch.equal(originals_j, IMAGES[draw_positives(table, index, epoch=epoch)])
        assert torch.equal(first_j[3], data[3][1][1]), "a worker's views are this process's"


def test_a_checkpoint_goes_on():
    data = NeighborDataset(IMAGES, PIPELINE, TABLE)
    data.set_epoch(6)
    data.set_positives(random_positives(20, count=3, epoch=6))
    saved = data.state_dict()
    data.set_positives(TABLE)
    other = NeighborDataset(IMAGES, PIPELINE, torch.full((20, 5), -1))
    other.load_state_dict(saved)
    assert other.epoch == 6
    assert torch.equal(other.positives[:, :3], random_positives(20, count=3, epoch=6))
    assert other.positives[:, 3:].eq(-1).all()
    with pytest.raises(ValueError, match=r"table must be a matrix \[19, count\], one line for each image"):
        NeighborDataset(IMAGES[:19], PIPELINE).load_state_dict(saved)
    with pytest.raises(ValueError, match="positives must have at most the 1 columns"):
        NeighborDataset(IMAGES, PIPELINE).load_state_dict(saved)


def test_it_leaves_torchs_generator_alone():
    data = NeighborDataset(IMAGES, PIPELINE, TABLE)
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    data[1]
    assert torch.equal(torch.rand(2), expected)
