"""Serving: what a data set may be indexed by, what its samples may be, which step gets what of them."""

from __future__ import annotations

from functools import partial

import numpy as np
import PIL.Image
import pytest
import torch
from scipy import stats
from torch.utils.data import BatchSampler, DataLoader, SequentialSampler, Subset, default_collate
from torchvision import transforms as v1
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from jointaug import (
    Address,
    AddressedDataset,
    AddressedSampler,
    JointBlur,
    JointCrop,
    MultiView,
    PerView,
    Shared,
    Views,
    fuse,
    views_at,
)
from jointaug.loading import AddressedIndex
from jointaug.neighbors import NeighborDataset

from .cases import Numbers, Together

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")  # a machine may have one core

IMAGES = torch.rand(12, 3, 24, 24, generator=torch.Generator().manual_seed(0))
CROP = JointCrop(12)


class Labeled:
    """Images with labels; a transform of its own, as in ``ImageFolder``, if one is given."""

    def __init__(self, transform=None):
        self.transform = transform

    def __len__(self):
        return len(IMAGES)

    def __getitem__(self, index):
        return (IMAGES[index] if self.transform is None else self.transform(IMAGES[index])), index


class Noisy:
    """A data set that draws: its samples are repeated by a seed alone."""

    def __len__(self):
        return 12

    def __getitem__(self, index):
        return torch.rand(3, 24, 24) + index, torch.rand(())


def equal(first, second):
    return len(first) == len(second) and all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


DATA = {
    "addressed": lambda: AddressedDataset(Labeled(), CROP),
    "neighbors": lambda: NeighborDataset(Labeled(), CROP),
}


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("index", [np.int64(3), np.uint8(3), torch.tensor(3), np.array(3), -9, np.int8(-9)], ids=repr)
def test_an_index_is_one_integer_of_any_make(kind, index):
    data = DATA[kind]()
    assert equal(data[index][0], data[3][0])
    assert data[index][-1] == 3


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize(
    "index", [[1, 2], (1, 2), slice(0, 2), True, np.True_, 1.0, None, "1", torch.arange(2), torch.tensor([1])], ids=repr
)
def test_several_indices_are_refused_with_a_remedy(kind, index):
    with pytest.raises(TypeError, match=r"index must be one integer, got .*write \[data\[i\] for i in indices\]"):
        DATA[kind]()[index]


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("index", [12, -13, 10**20])
def test_an_index_outside_is_named(kind, index):
    with pytest.raises(IndexError, match=rf"index must be in \[0, 12\), got {index}; -1 is the last one"):
        DATA[kind]()[index]


def test_it_ends_as_lists_do():
    """Python's protocol of sequences, without ``__iter__``: by IndexError."""
    assert len(list(AddressedDataset(Labeled(), CROP))) == 12


def test_parts_and_loaders_serve_the_same_views():
    data = AddressedDataset(Labeled(), CROP, seed=1)
    assert equal(Subset(data, [7, 3])[1][0], data[3][0])
    (first, _), labels = next(iter(DataLoader(data, batch_sampler=BatchSampler(SequentialSampler(data), 5, False))))
    assert torch.equal(first[4], data[4][0][0])
    assert labels.tolist() == list(range(5))


def test_neighbors_fetch_at_an_address():
    """The data set's own draws repeat, and the image is the one that AddressedDataset fetches."""
    data = NeighborDataset(Noisy(), CROP, seed=1)
    plain = AddressedDataset(Noisy(), CROP, seed=1)
    for epoch in (0, 2):
        data.set_epoch(epoch)
        plain.set_epoch(epoch)
        torch.manual_seed(3)
        first, second, _ = data[4]
        torch.manual_seed(4)
        assert equal(first, data[4][0])
        assert equal(second, data[4][1])
        assert equal(first, plain[4][0])
    assert not equal(first, second)


def test_the_data_sets_own_chance_is_not_the_pipelines():
    """Both seed torch's generator from the address: of 396 pairs of numbers none agree, nor do their ranks."""

    class Draws(Noisy):
        def __getitem__(self, index):
            return torch.rand(())

    data, pairs = AddressedDataset(Draws(), lambda number: (number.item(), torch.rand(()).item()), seed=1), []
    for epoch in range(33):
        data.set_epoch(epoch)
        pairs += [data[i] for i in range(12)]
    assert all(fetched != drawn for fetched, drawn in pairs)
    assert stats.spearmanr(*zip(*pairs, strict=True)).pvalue > 1e-6


def test_each_draw_of_an_epoch_has_views_of_its_own():
    """The data set's own draw, and any other by `views`: those of `Address` with that draw."""
    data = AddressedDataset(IMAGES, CROP, seed=1, draw=3)
    data.set_epoch(2)
    for draw, views in ((3, data[5]), (3, data.views(5)), (0, data.views(5, draw=0)), (9, data.views(5, draw=9))):
        assert equal(views, views_at(CROP, Address(1, 2, 5, draw), IMAGES[5]))
    assert equal(data.views(5, epoch=7), views_at(CROP, Address(1, 7, 5, 3), IMAGES[5]))
    assert not equal(data.views(5, draw=0), data[5])


def test_neighbors_and_addresses_serve_alike():
    data = NeighborDataset(Labeled(), CROP, seed=7)
    assert (data.seed, data.pipeline, len(data)) == (7, CROP, 12)
    assert isinstance(data.dataset, Labeled)


SAMPLES_OF_VIEWS = {
    "views": lambda: [Views([IMAGES[0], IMAGES[1]])] * 3,
    "views, label": lambda: Labeled(JointCrop(16)),
    "multi": lambda: Labeled(MultiView(v2.RandomResizedCrop(16), v2.RandomResizedCrop(16))),
    "list": lambda: [[Views([IMAGES[0], IMAGES[1]]), 1]] * 3,
    "dict": lambda: [{"image": Views([IMAGES[0], IMAGES[1]]), "label": 1}] * 3,
}


@pytest.mark.parametrize("kind", SAMPLES_OF_VIEWS)
@pytest.mark.parametrize("serving", [AddressedDataset, NeighborDataset])
def test_crops_are_not_cropped_again(serving, kind):
    data = serving(SAMPLES_OF_VIEWS[kind](), CROP)
    with pytest.raises(TypeError, match=r"no views yet, got Views in sample 2: .*leave that transform out"):
        data[2]


class Twice(torch.nn.Module):
    def forward(self, image):
        return image * 2


class Call:
    __hash__ = None

    def __call__(self, image):
        return image * 2

    def method(self, image, scale=2):
        return image * scale

    @staticmethod
    def bare(image):
        return image * 2


def with_option(image, *, scale=2):
    return image * scale


ONE_ARGUMENT = {
    "lambda": lambda image: image * 2,
    "function": with_option,
    "partial": partial(with_option, scale=2),
    "built-in": partial(torch.mul, other=2),
    "module": Twice(),
    "object": Call(),
    "method": partial(Call().method, scale=2),
    "static method": Call.bare,
    "v1": v1.Lambda(lambda image: image * 2),
    "v1 chain": v1.Compose([v1.Lambda(lambda image: image * 2)]),
    "v2 chain": v2.Compose([v2.Identity(), lambda image: image * 2]),
    "chain in chain": v2.Compose([v2.Compose([Twice()]), v1.RandomHorizontalFlip(0.0)]),
    "maybe": v2.RandomApply([lambda image: image * 2], p=1.0),
}


@pytest.mark.parametrize("kind", ONE_ARGUMENT)
@pytest.mark.parametrize("coupling", [PerView, Shared])
def test_a_step_of_one_argument_gets_the_image(coupling, kind):
    """As in ``ImageFolder(root, pipeline)``: the oracle is the pipeline on the image alone."""
    pipeline = v2.Compose([CROP, coupling(ONE_ARGUMENT[kind])])
    views, label = AddressedDataset(Labeled(), pipeline, seed=1)[5]
    assert label == 5
    expected = AddressedDataset(IMAGES, pipeline, seed=1)[5]
    assert equal(views, expected)
    assert equal(expected, [view * 2 for view in AddressedDataset(IMAGES, v2.Compose([CROP]), seed=1)[5]])
    if kind != "maybe":  # v2's RandomApply calls its parts itself, when torch's generator drives
        torch.manual_seed(0)
        views, label = v2.Compose([CROP, coupling(ONE_ARGUMENT[kind])])(IMAGES[5], 5)
        torch.manual_seed(0)
        assert equal(views, pipeline(IMAGES[5]))
        assert label == 5


@pytest.mark.parametrize(
    "pipeline",
    [
        v2.Compose([Twice(), CROP]),
        v2.Compose([MultiView(CROP, Twice())]),
        v2.RandomOrder([Twice(), v2.Compose([CROP])]),
    ],
    ids=lambda p: type(p).__name__,
)
def test_so_it_does_anywhere_in_a_pipeline(pipeline):
    views, label = AddressedDataset(Labeled(), pipeline, seed=1)[5]
    assert label == 5
    assert equal(views, AddressedDataset(IMAGES, pipeline, seed=1)[5])


def test_a_step_of_several_arguments_gets_all():
    """It may change the label; defaults and ``*args`` count as arguments."""
    for step in (lambda image, label: (image, label + 1), lambda image, label=0: (image, label + 1), Plus()):
        views, label = AddressedDataset(Labeled(), v2.Compose([CROP, PerView(step)]), seed=1)[5]
        assert label == 6
        assert equal(views, AddressedDataset(IMAGES, v2.Compose([CROP]), seed=1)[5])


class Plus(torch.nn.Module):
    def forward(self, *inputs):
        return (inputs[0], inputs[1] + 1)


def test_the_last_step_may_return_what_it_likes():
    pipeline = v2.Compose([CROP, lambda views, label: {"views": views, "label": label}])
    assert AddressedDataset(Labeled(), pipeline)[5]["label"] == 5


BOXES = tv_tensors.BoundingBoxes([[0, 0, 8, 9]], format="XYXY", canvas_size=(24, 24))
WRONG_STEPS = {
    "box left behind": (
        [(tv_tensors.Image(IMAGES[0]), {"boxes": BOXES})],
        PerView(v1.Lambda(lambda image: image.flip(-1))),
        r"one argument must not be given a sample with BoundingBoxes .*callable of 2 arguments that returns 2",
    ),
    "mask left behind": (
        [(tv_tensors.Image(IMAGES[0]), tv_tensors.Mask(torch.zeros(1, 24, 24)))],
        Shared(lambda image: image.flip(-1)),
        "a sample with Mask beside the image",
    ),
    "label dropped": (Labeled(), PerView(lambda image, label: image), r"given 2 arguments must return as many"),
    "label for an option": (Labeled(), PerView(Call().method), "got Tensor from .*take the image alone"),
    "label dropped, shared": (Labeled(), Shared(lambda image, *_: (image,)), "got tuple of 1 from"),
    "label dropped in a chain": (
        Labeled(),
        v2.Compose([PerView(v2.Compose([lambda image, _: image, Plus()]))]),
        "many",
    ),
}


@pytest.mark.parametrize("case", WRONG_STEPS)
def test_steps_that_lose_something_are_refused(case):
    data, step, words = WRONG_STEPS[case]
    with pytest.raises(TypeError, match=words):
        AddressedDataset(data, v2.Compose([CROP, step]))[0]


def test_branches_that_lose_something_are_refused():
    with pytest.raises(TypeError, match="given 2 arguments must return as many, got Tensor"):
        MultiView(v2.Identity(), lambda image, label: image)(IMAGES[0], 3)


class Mine(v2.Compose):
    """A chain that runs its parts in a way of its own."""

    def forward(self, *inputs):
        return tuple(x + 1 for x in inputs) if len(inputs) > 1 else inputs[0] + 1


def test_a_container_of_your_own_runs_as_you_wrote_it():
    """By address as by torch's generator: not as the class that it comes from."""
    data = AddressedDataset(IMAGES, Mine([v2.GaussianBlur(3)]))
    assert torch.equal(data[2], IMAGES[2] + 1)


# --- memory ---------------------------------------------------------------------------------------------------


def sample_of(kind):
    image = (IMAGES[0] * 255).byte()
    if kind == "PIL":
        return F.to_pil_image(image)
    if kind == "inner":
        return {"inner": [F.to_pil_image(image)]}
    explicit = {
        "image": tv_tensors.Image(image),
        "mask": tv_tensors.Mask(image[:1].clone()),
        "boxes": tv_tensors.BoundingBoxes([[0, 0, 8, 9]], format="XYXY", canvas_size=(24, 24)),
        "points": tv_tensors.KeyPoints([[1.0, 2.0]], canvas_size=(24, 24)),
        "scores": torch.ones(2),
        "array": np.ones(3),
        "inner": [np.ones(2)],
    }
    return {"tensor": image, "slice": image[:, 2:, 3:], "expanded": image[:1].expand(3, -1, -1), "dict": explicit}[kind]


IDENTITIES = {
    "multi": MultiView(v2.Identity(), v2.Identity()),
    "blur": JointBlur(p=0.0),
    "crop": JointCrop(24, scale=(1.0, 1.0), interpolation="nearest"),
    "slices": MultiView(v2.CenterCrop(20), v2.CenterCrop(18), v2.Identity()),
    "resize": MultiView(v2.Resize(24), v2.Resize(24)),
    "branches": MultiView(JointBlur(p=0.0), JointBlur(p=0.0)),
    "chain": v2.Compose([MultiView(v2.Identity(), v2.Identity()), PerView(v2.Identity()), JointBlur(p=0.0)]),
}


def numbers(view):
    """All numbers of a sample, in one list of arrays."""
    leaves = torch.utils._pytree.tree_leaves(view)
    return [np.asarray(leaf).copy() for leaf in leaves if isinstance(leaf, (torch.Tensor, np.ndarray, PIL.Image.Image))]


def overwrite(view):
    """A step in place."""
    for leaf in torch.utils._pytree.tree_leaves(view):
        if isinstance(leaf, torch.Tensor):
            leaf.as_subclass(torch.Tensor).zero_()
        elif isinstance(leaf, PIL.Image.Image):
            leaf.paste((0, 0, 0), (0, 0, 24, 24))
        elif isinstance(leaf, np.ndarray):
            leaf[...] = 0


@pytest.mark.parametrize("kind", ["tensor", "slice", "expanded", "PIL", "inner", "dict"])
@pytest.mark.parametrize("name", IDENTITIES)
@pytest.mark.parametrize("label", [False, True])
def test_a_step_in_place_changes_one_view_alone(name, kind, label):
    sample = sample_of(kind)
    before = numbers(sample)
    views = IDENTITIES[name](sample, 3)[0] if label else IDENTITIES[name](sample)
    kept = [numbers(view) for view in views]
    assert all(numbers(view) for view in views)
    for k, view in enumerate(views):
        overwrite(view)
        for after, expected in zip([sample, *views[k + 1 :]], [before, *kept[k + 1 :]], strict=True):
            assert all(np.array_equal(a, b) for a, b in zip(numbers(after), expected, strict=True))


def test_views_that_own_their_memory_are_not_copied():
    made = []

    class Remembers(v2.Transform):
        def transform(self, inpt, params):
            made.append(inpt + 1)
            return made[-1]

    views = MultiView(Remembers(), Remembers())(IMAGES[0])
    assert [view.data_ptr() for view in views] == [tensor.data_ptr() for tensor in made]


def test_two_branches_that_give_one_tensor_give_two():
    cached = torch.zeros(3, 4, 4)
    first, second = MultiView(lambda _: cached, lambda _: cached)(IMAGES[0])
    assert first.data_ptr() != second.data_ptr()


# --- two images are two samples ----------------------------------------------------------------------------------


@pytest.mark.parametrize("maker", [CROP, MultiView(v2.RandomResizedCrop(8), v2.RandomResizedCrop(8)), JointBlur()])
@pytest.mark.parametrize(
    "second", [torch.zeros(3, 24, 24), torch.zeros(3, 9, 8), torch.zeros(5, 3, 24, 24), torch.zeros(24, 24)]
)
def test_a_second_plain_image_is_refused(maker, second):
    for arguments in ((IMAGES[0], second), ([IMAGES[0], 3, {"x": second}],)):
        with pytest.raises(
            ValueError, match=r"takes one image, got plain tensors of shape .*two images are two samples"
        ):
            maker(*arguments)


def test_a_second_plain_image_in_views_is_refused():
    with pytest.raises(ValueError, match="two images are two samples"):
        JointBlur(p=1.0)(Views([[IMAGES[0], IMAGES[1]]] * 2))


@pytest.mark.parametrize("label", [torch.tensor(3), torch.arange(4), torch.zeros(5, 4), torch.zeros(24, 4)])
def test_labels_may_be_plain_tensors(label):
    views, passed = CROP(IMAGES[0], label)
    assert passed is label
    assert len(views) == 2


def test_beside_an_explicit_image_plain_tensors_pass_as_in_v2():
    views = CROP([tv_tensors.Image(IMAGES[0]), IMAGES[1]])
    assert all(torch.equal(view[1], IMAGES[1]) for view in views)


# ---- indices that carry their epoch ------------------------------------------------------------------------------

SERVING = {"addressed": AddressedDataset, "neighbors": NeighborDataset}


@pytest.mark.parametrize("kind", SERVING)
def test_an_index_that_carries_its_epoch_wins(kind):
    data, set_by_hand = SERVING[kind](Labeled(), CROP, seed=1), SERVING[kind](Labeled(), CROP, seed=1)
    for epoch in (3, 0, 2**32 - 1):
        set_by_hand.set_epoch(epoch)
        carried, expected = data[AddressedIndex(5, epoch=epoch)], set_by_hand[5]
        assert equal(carried[0], expected[0])
        assert carried[-1] == 5
        if kind == "neighbors":
            assert equal(carried[1], expected[1])
    assert data.epoch == 0


def test_an_argument_wins_over_what_an_index_carries():
    data, index = AddressedDataset(IMAGES, CROP, seed=1, draw=3), AddressedIndex(5, epoch=2, draw=4)
    assert equal(data[index], views_at(CROP, Address(1, 2, 5, 7), IMAGES[5]))
    assert equal(data.views(index, epoch=6), views_at(CROP, Address(1, 6, 5, 7), IMAGES[5]))
    assert equal(data.views(index, draw=1), views_at(CROP, Address(1, 2, 5, 1), IMAGES[5]))
    address = data.address(index)
    assert (address.seed, address.epoch, address.index, address.draw) == (1, 2, 5, 7)


def test_each_draw_of_a_pair_has_views_and_a_positive_of_its_own():
    table = torch.tensor([[i for i in range(12) if i != k] for k in range(12)])
    data = NeighborDataset(Labeled(), CROP, table, seed=1)
    indices = [AddressedIndex(5, epoch=0, draw=draw) for draw in range(30)]
    assert len({data.positive(index) for index in indices}) > 3  # of 11: three at most happen once in 1e13
    (first, other, _), (again, another, _) = data[indices[0]], data[indices[1]]
    assert not equal(first, again)
    assert not equal(other, another)


@pytest.mark.parametrize("kind", SERVING)
def test_a_plain_integer_is_refused_where_others_carry_their_epoch(kind):
    data = SERVING[kind](Labeled(), CROP)
    data[3]
    data[AddressedIndex(3, epoch=1)]
    for ask in (
        lambda: data[3],
        lambda: data.__getitems__([AddressedIndex(3, epoch=1), 3]),
        lambda: Subset(data, [3])[0],
    ):
        with pytest.raises(
            TypeError, match=r"must carry its epoch, .* got the plain 3: Subset and .*Subset\(images, part"
        ):
            ask()
    if kind == "addressed":
        assert equal(data.views(3)[0], data.views(3, epoch=0)[0]), "for a look"


def test_strict_refuses_it_from_the_start():
    data = AddressedDataset(IMAGES, CROP, strict=True)
    with pytest.raises(TypeError, match=r"must carry its epoch, .* got the plain 3"):
        data[3]
    assert equal(data[AddressedIndex(3, epoch=0)], data.views(3))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_part_of_an_addressed_data_set_is_refused_where_the_sampler_carries(workers):
    """`Subset` looks the index up in a list of its own."""
    data = AddressedDataset(IMAGES, CROP, strict=True)
    loader = DataLoader(Subset(data, range(6)), 3, sampler=AddressedSampler(range(6)), num_workers=workers)
    with pytest.raises(TypeError, match=r"got the plain 0: Subset and ConcatDataset"):
        next(iter(loader))


@pytest.mark.parametrize("kind", SERVING)
@pytest.mark.parametrize("around", [lambda data: data, lambda data: Subset(data, range(6))], ids=["whole", "Subset"])
def test_a_loader_that_forgets_the_epoch_is_told_once(kind, around):
    data = SERVING[kind](Labeled(), CROP)
    loader = DataLoader(around(data), 3)
    data[1], data[1], list(loader)  # looks by hand are no pass
    with pytest.warns(UserWarning, match=r"index 0 was served twice in epoch 0, .*sampler=AddressedSampler\(") as said:
        list(loader)
    assert len(said) == 1
    list(loader)


def test_a_worker_that_forgets_the_epoch_is_told():
    """Each loader's worker is another process: what was served lies in shared memory."""
    data = AddressedDataset(IMAGES, CROP)
    list(DataLoader(data, 6, num_workers=1))
    with pytest.raises(UserWarning, match="index 0 was served twice in epoch 0"):  # a warning is an error here
        list(DataLoader(data, 6, num_workers=1))
    list(DataLoader(data, 6, num_workers=1))


def test_replacement_without_draws_is_told():
    data = AddressedDataset(IMAGES, CROP)
    with pytest.warns(UserWarning, match="index 3 was served twice"):
        data.__getitems__([2, 3, 3])


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_that_sets_the_epoch_is_told_nothing(workers):
    data = AddressedDataset(IMAGES, CROP)
    loader = DataLoader(data, 4, num_workers=workers)
    for epoch in (0, 1, 1):
        data.set_epoch(epoch)
        assert torch.equal(torch.cat([first for first, _ in loader])[7], data.views(7)[0])


def test_an_epoch_set_on_the_data_set_while_indices_carry_theirs_is_told():
    data = AddressedDataset(IMAGES, CROP)
    sampler = AddressedSampler(data)
    loader = DataLoader(data, 6, sampler=sampler)
    data.set_epoch(0)
    list(loader)  # both say the same
    data.set_epoch(5)
    with pytest.warns(
        UserWarning, match=r"set_epoch\(5\) of the data set has no effect .* epoch 1; call set_epoch of t"
    ):
        list(loader)
    sampler.set_epoch(5)
    list(loader)


def test_only_the_first_indices_are_watched(monkeypatch):
    """A byte of shared memory each, and containers have little of it."""
    monkeypatch.setattr("jointaug.loading._dataset._WATCHED", 4)
    data = AddressedDataset(IMAGES, CROP)
    data.__getitems__([4, 11, 4, 11])
    with pytest.warns(UserWarning, match="index 3 was served twice"):
        data.__getitems__([3, 3])


# ---- batches -------------------------------------------------------------------------------------------------------


def test_a_pipeline_of_batches_runs_once_on_what_is_fetched_together():
    data, other = (AddressedDataset(Numbers(), Together(), seed=3, draw=1) for _ in range(2))
    keys = [AddressedIndex(index, epoch=4, draw=draw) for index, draw in ((5, 0), (2, 0), (5, 1), (23, 0))]
    rows = data.__getitems__(keys)
    assert data.pipeline.calls == 1
    assert all(torch.equal(row, other[key]) for row, key in zip(rows, keys, strict=True))
    assert other.pipeline.calls == 0
    assert [int(row[0]) for row in rows] == [5, 2, 5, 23]
    assert rows[0][1] != rows[2][1]
    assert data.__getitems__([]) == []


def test_epochs_in_one_batch_are_run_by_themselves():
    data = AddressedDataset(Numbers(), Together(), seed=3)
    keys = [AddressedIndex(k, epoch=k % 3) for k in range(9)]
    rows = data.__getitems__(keys)
    assert data.pipeline.calls == 3
    assert all(torch.equal(row, data.views(k, epoch=k % 3)) for k, row in enumerate(rows))
    with pytest.raises(ValueError, match=r"indices must be of one epoch, got \[0, 1, 2\]"):
        data.samples(keys)


def test_plain_integers_have_the_epoch_that_was_set_in_a_batch_too():
    data = AddressedDataset(Numbers(), Together(), seed=3)
    data.set_epoch(6)
    assert torch.equal(torch.stack(data.__getitems__([3, -1])), torch.stack([data.views(i, epoch=6) for i in (3, 23)]))


def test_samples_are_fetched_at_their_addresses():
    data = AddressedDataset(Noisy(), CROP, seed=1)
    samples, addresses = data.samples([AddressedIndex(4, epoch=2, draw=1), AddressedIndex(7, epoch=2)])
    assert (addresses.seed, addresses.epoch, addresses.index.tolist(), addresses.draw.tolist()) == (
        1,
        2,
        [4, 7],
        [1, 0],
    )
    again, _ = data.samples([AddressedIndex(7, epoch=2)])
    assert torch.equal(samples[1][0], again[0][0])
    assert equal(views_at(CROP, Address(1, 2, 7), samples[1][0]), data.views(7, epoch=2)[0])


def test_views_are_refused_in_a_batch_too():
    with pytest.raises(TypeError, match=r"no views yet, got Views in sample 2: .*leave that transform out"):
        AddressedDataset(SAMPLES_OF_VIEWS["views"](), Together()).__getitems__([2])


def test_an_addressed_data_set_is_not_addressed_again():
    with pytest.raises(TypeError, match=r"must not be addressed already, .*put both pipelines in one v2.Compose"):
        AddressedDataset(AddressedDataset(IMAGES, CROP), CROP)


FUSED = fuse(v2.Compose([CROP, PerView(v2.Compose([v2.RandomHorizontalFlip(), v2.ColorJitter(0.4, 0.4, 0.4, 0.1)]))]))
SIZES = [torch.rand(3, 20 + k, 30 - k, generator=torch.Generator().manual_seed(k)) for k in range(12)]
SAMPLES = {
    "image": SIZES,
    "image, label": [(image, k) for k, image in enumerate(SIZES)],
    "dict": [{"x": tv_tensors.Image(image), "y": k} for k, image in enumerate(SIZES)],
    "PIL": [(F.to_pil_image(image), k) for k, image in enumerate(SIZES)],
}


@pytest.mark.parametrize("kind", SAMPLES)
@pytest.mark.parametrize("workers", [0, 1])
def test_a_fused_pipeline_gives_a_loader_what_it_gives_one_by_one(kind, workers):
    data = AddressedDataset(SAMPLES[kind], FUSED, seed=3)
    loader = DataLoader(data, 5, sampler=AddressedSampler(data, shuffle=True), num_workers=workers)
    for epoch in range(2):
        order, _ = loader.sampler.order(epoch)
        for batch, part in zip(loader, order.split(5), strict=True):
            alone = default_collate([data.views(i, epoch=epoch) for i in part.tolist()])
            torch.testing.assert_close(batch, alone, rtol=0, atol=1e-6)


def test_a_fused_pipeline_runs_once_on_what_is_fetched_together(monkeypatch):
    sizes = []
    whole = type(FUSED).samples
    monkeypatch.setattr(
        type(FUSED), "samples", lambda *args, **given: sizes.append(len(args[1])) or whole(*args, **given)
    )
    list(DataLoader(AddressedDataset(SAMPLES["image, label"], FUSED), 5))
    assert sizes == [5, 5, 2]
