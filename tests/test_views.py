"""Views and their couplings: what is drawn together, what plain v2 may not touch, what a loader makes of it."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import PIL.Image
import pytest
import torch
from scipy import stats
from torch.utils._pytree import tree_flatten
from torch.utils.data import DataLoader, default_collate
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from jointaug import (
    Address,
    AddressedDataset,
    JointBlur,
    JointCrop,
    MultiView,
    PerView,
    Shared,
    Views,
    fuse,
    views_at,
)

FLIP = v2.RandomHorizontalFlip()
CROP = v2.RandomResizedCrop(16)


def image(height=40, width=30):
    return torch.arange(3 * height * width).remainder(251).to(torch.uint8).reshape(3, height, width)


def detection(height=40, width=30):
    """An image with every kind of target that v2 knows."""
    size = (height, width)
    return {
        "image": tv_tensors.Image(image(height, width)),
        "boxes": tv_tensors.BoundingBoxes([[2, 3, 20, 25]], format="XYXY", canvas_size=size),
        "mask": tv_tensors.Mask(torch.ones(1, height, width, dtype=torch.uint8)),
        "points": tv_tensors.KeyPoints([[5.0, 6.0]], canvas_size=size),
        "label": 7,
        "name": "owl",
        "nothing": None,
        "scores": torch.tensor([0.5]),
    }


SAMPLES = {
    "tensor uint8": image,
    "tensor float": lambda: image() / 255,
    "tensor batch": lambda: image().expand(2, 3, 40, 30),
    "grayscale": lambda: image()[:1],
    "one pixel": lambda: image(1, 1),
    "tv image": lambda: tv_tensors.Image(image()),
    "video": lambda: tv_tensors.Video(image().expand(4, 3, 40, 30)),
    "PIL RGB": lambda: PIL.Image.fromarray(image().permute(1, 2, 0).numpy()),
    "PIL L": lambda: PIL.Image.fromarray(image()[0].numpy()),
    "PIL RGBA": lambda: PIL.Image.fromarray(image().permute(1, 2, 0).numpy()).convert("RGBA"),
    "PIL I;16": lambda: PIL.Image.fromarray(image()[0].numpy().astype(np.uint16)),
    "dict": detection,
    "nested": lambda: [detection(), ("text", 3.5)],
}


@pytest.mark.parametrize("kind", SAMPLES)
@pytest.mark.parametrize("maker", [JointCrop(16), MultiView(CROP, CROP)], ids=["joint", "classic"])
def test_a_view_maker_gives_whole_samples_of_the_same_make(kind, maker):
    sample = SAMPLES[kind]()
    if kind == "PIL I;16":
        try:
            CROP(sample)
        except ValueError:
            pytest.skip("this Pillow does not resize 16-bit images, so torchvision does not either")
    views = maker(sample)
    assert type(views) is Views
    assert len(views) == 2
    before, structure = tree_flatten(sample)
    for view in views:
        after, same = tree_flatten(view)
        assert same == structure
        for old, new in zip(before, after, strict=True):
            assert type(old) is type(new)
            if isinstance(old, torch.Tensor):
                assert old.dtype == new.dtype
            if isinstance(old, PIL.Image.Image):
                assert old.mode == new.mode


def test_each_view_crops_its_own_target():
    """A box around the whole image stays one, and the mask goes with the image, pixel for pixel."""
    size = (64, 48)
    ramp = torch.arange(64.0)[:, None].expand(1, 64, 48).contiguous()
    sample = {
        "image": tv_tensors.Image(ramp),
        "mask": tv_tensors.Mask(ramp),
        "boxes": tv_tensors.BoundingBoxes([[0, 0, 48, 64]], format="XYXY", canvas_size=size),
    }
    torch.manual_seed(0)
    views = JointCrop(32, interpolation=v2.InterpolationMode.NEAREST)(sample)
    for view in views:
        torch.testing.assert_close(view["image"].as_subclass(torch.Tensor), view["mask"].as_subclass(torch.Tensor))
        assert view["boxes"].tolist() == [[0.0, 0.0, 32.0, 32.0]]
    assert not torch.equal(views[0]["mask"], views[1]["mask"])


@pytest.mark.parametrize("target", [3, "owl", None, 2.5, torch.tensor(3), torch.tensor([0, 1])], ids=repr)
def test_labels_pass_once(target):
    pipeline = v2.Compose([JointCrop(16), PerView(FLIP), JointBlur(), MultiViewFree(), Shared(FLIP)])
    views, label = pipeline(image(), target)
    assert type(views) is Views
    assert label is target


class MultiViewFree(torch.nn.Module):
    """A user's own callable on several arguments."""

    def forward(self, *inputs):
        return inputs


def test_containers_become_views_whatever_they_hold():
    for target in ({"id": 3}, [], (), tv_tensors.Mask(torch.zeros(1, 40, 30))):
        views, targets = v2.Compose([JointCrop(16), PerView(FLIP)])(tv_tensors.Image(image()), target)
        assert type(targets) is Views
        assert len(views) == len(targets) == 2


def test_detection_targets_go_through_a_compose():
    boxes = tv_tensors.BoundingBoxes([[0, 0, 30, 40]], format="XYXY", canvas_size=(40, 30))
    pipeline = v2.Compose([JointCrop(16), PerView(v2.RandomHorizontalFlip(1.0)), JointBlur(p=1.0)])
    views, targets = pipeline(tv_tensors.Image(image()), {"boxes": boxes, "id": 5})
    assert [t["boxes"].canvas_size for t in targets] == [(16, 16)] * 2
    assert [t["id"] for t in targets] == [5, 5]
    assert all(isinstance(view, tv_tensors.Image) for view in views)


V2 = [
    v2.RandomHorizontalFlip(),
    v2.RandomHorizontalFlip(0.0),
    v2.ColorJitter(0.4),
    v2.RandomGrayscale(),
    v2.GaussianBlur(3),
    v2.RandomResizedCrop(8),
    v2.ToDtype(torch.float32, scale=True),
    v2.Normalize([0.5], [0.5]),
    v2.RandomErasing(),
    v2.RandAugment(),
    v2.ToImage(),
    v2.Identity(),
    v2.Resize(8),
]


@pytest.mark.parametrize("transform", V2, ids=lambda t: type(t).__name__)
def test_a_plain_v2_transform_on_views_is_refused_by_name(transform):
    name = type(transform).__name__
    with pytest.raises(TypeError, match=rf"PerView\({name}.*Shared\({name}"):
        v2.Compose([JointCrop(16), transform])(image())
    with pytest.raises(TypeError, match=r"PerView\("):
        v2.Compose([JointCrop(16), transform])(image(), 3)


@pytest.mark.parametrize(
    "pipeline",
    [
        v2.RandomOrder([PerView(FLIP), PerView(v2.ColorJitter(0.1))]),
        v2.Compose([v2.RandomApply([JointCrop(16)], p=0.0), PerView(FLIP)]),
        Shared(FLIP),
        PerView(FLIP),
    ],
)
def test_a_coupling_without_views_is_refused(pipeline):
    with pytest.raises(TypeError, match="takes views, got Tensor; put a view maker before it"):
        pipeline(image())


def test_views_are_a_tuple_that_stays_views():
    views = Views([1, 2, 3])
    assert type(views[:2]) is Views
    assert type(views + (4,)) is Views  # noqa: RUF005
    assert views + Views([4]) == (1, 2, 3, 4)
    assert views[1] == 2
    assert repr(Views([1])) == "Views((1,))"
    for copied in (pickle.loads(pickle.dumps(views)), copy.deepcopy(views)):
        assert type(copied) is Views
        assert copied == views


@pytest.mark.parametrize("sample", [image(), {"image": image()}, "image", np.zeros(3)], ids=lambda s: type(s).__name__)
def test_one_sample_is_not_an_iterable_of_views(sample):
    with pytest.raises(TypeError, match=r"write Views\(\[first, second\]\)"):
        Views(sample)


def test_per_view_draws_for_each_view_and_shared_once():
    twice = MultiView(v2.Identity(), v2.Identity())
    torch.manual_seed(0)
    n = 400
    independent = [v2.Compose([twice, PerView(FLIP)])(image()) for _ in range(n)]
    identical = [v2.Compose([twice, Shared(FLIP)])(image()) for _ in range(n)]
    differ = sum(not torch.equal(a, b) for a, b in independent)
    assert abs(differ - n / 2) < 4.9 * (n / 4) ** 0.5  # normal approximation of the binomial: failure rate 1e-6
    assert all(torch.equal(a, b) for a, b in identical)
    flipped = sum(not torch.equal(a, image()) for a, _ in identical)
    assert abs(flipped - n / 2) < 4.9 * (n / 4) ** 0.5


def test_per_view_draws_for_each_view_by_address_too():
    """Of 200 pairs of flips about half differ: exact binomial tail."""
    pair = v2.Compose([MultiView(v2.Identity(), v2.Identity()), PerView(FLIP)])
    views = [views_at(pair, Address(0, 0, i), image()) for i in range(200)]
    assert stats.binomtest(sum(not torch.equal(a, b) for a, b in views), 200, 0.5).pvalue > 1e-6


def test_per_view_takes_one_transform_a_view():
    first, second = v2.Compose([MultiView(CROP, CROP), PerView(v2.Identity(), lambda x: x * 0)])(image())
    assert first.any()
    assert not second.any()


def test_shared_notices_views_that_need_different_draws():
    uneven = v2.Compose([MultiView(v2.Identity(), v2.Resize((3, 60))), Shared(v2.RandomResizedCrop(8, (0.9, 1.0)))])
    torch.manual_seed(0)
    with pytest.raises(ValueError, match="different amounts of chance"):
        [uneven(image()) for _ in range(200)]


def test_shared_advances_the_generator_once():
    torch.manual_seed(0)
    v2.Compose([MultiView(v2.Identity(), v2.Identity()), Shared(FLIP)])(image())
    after = torch.rand(1)
    torch.manual_seed(0)
    FLIP(image())
    assert torch.equal(after, torch.rand(1))


def test_multi_view_concatenates_its_branches():
    multi_crop = MultiView(JointCrop(16), *[JointCrop(8)] * 3, v2.CenterCrop(4))
    assert [view.shape[-1] for view in multi_crop(image())] == [16] * 2 + [8] * 6 + [4]


def test_choice_of_two_pipelines():
    """App. F of the JointCrop paper: a joint crop or a joint blur, never both."""
    crop = v2.Compose([JointCrop(16), PerView(FLIP)])
    blur = v2.Compose([MultiView(CROP, CROP), JointBlur(p=1.0), PerView(FLIP)])
    assert all(len(v2.RandomChoice([crop, blur])(image())) == 2 for _ in range(8))


PIPELINE = v2.Compose([JointCrop(16), PerView(v2.Compose([FLIP, v2.ColorJitter(0.2)])), JointBlur()])


class Pairs(torch.utils.data.Dataset):
    def __len__(self):
        return 12

    def __getitem__(self, i):
        return image() // (i + 1), i


def test_default_collate_gives_a_list_of_batches():
    batch = default_collate([PIPELINE(image(), i) for i in range(3)])
    assert type(batch[0]) is list
    assert [view.shape for view in batch[0]] == [(3, 3, 16, 16)] * 2
    assert batch[1].tolist() == [0, 1, 2]


@pytest.mark.parametrize("method", [None, "fork", "spawn"])
def test_loaders_give_the_same_views_whatever_their_workers(method):
    data = AddressedDataset(Pairs(), PIPELINE, seed=3)
    alone = torch.stack([data[i][0][1] for i in range(12)])
    workers = {} if method is None else {"num_workers": 1 + (method == "fork"), "multiprocessing_context": method}
    for batch_size in (5, 12) if method != "spawn" else (5,):
        loader = DataLoader(data, batch_size, **workers)
        data.set_epoch(0)  # the same views again are meant
        assert torch.equal(torch.cat([views[1] for views, _ in loader]), alone)


def test_workers_that_live_on_see_the_next_epoch():
    data = AddressedDataset(Pairs(), PIPELINE, seed=3)
    loader = DataLoader(data, 4, num_workers=2, persistent_workers=True)
    for epoch in (0, 1, 2):
        data.set_epoch(epoch)
        expected = torch.stack([data.views(i, epoch=epoch)[0][0] for i in range(12)])
        assert torch.equal(torch.cat([views[0] for views, _ in loader]), expected)
    assert not torch.equal(expected, torch.stack([data.views(i, epoch=0)[0][0] for i in range(12)]))


def test_pipelines_pickle_and_copy():
    for copied in (pickle.loads(pickle.dumps(PIPELINE)), copy.deepcopy(PIPELINE)):
        torch.manual_seed(0)
        first = copied(image())
        torch.manual_seed(0)
        assert all(torch.equal(a, b) for a, b in zip(first, PIPELINE(image()), strict=True))
        assert repr(copied) == repr(PIPELINE)


def test_pipelines_print_what_they_do():
    text = repr(PIPELINE)
    for word in ("JointCrop(size=(16, 16)", "beta=0", "PerView(", "RandomHorizontalFlip(p=0.5)", "JointBlur("):
        assert word in text


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: JointCrop(16)(3), TypeError, r"takes a sample with an image .* got int"),
        (lambda: JointCrop(16)(np.zeros((40, 30, 3), np.uint8)), TypeError, r"ndarray; convert arrays with v2.ToImage"),
        (lambda: JointCrop(16)({}), TypeError, "got nothing"),
        (lambda: JointCrop(16)(torch.tensor(3), image()), ValueError, "a label must come after the image"),
        (lambda: JointCrop(16)(torch.zeros(3, 0, 5)), ValueError, r"must have pixels, got height, width \(0, 5\)"),
        (
            lambda: JointCrop(16)(tv_tensors.Image(image()), tv_tensors.Mask(image(20, 20))),
            ValueError,
            r"must have one size, got \(height, width\) \[\(20, 20\), \(40, 30\)\]",
        ),
        (lambda: JointBlur()(Views([image()] * 3)), ValueError, "couples every 2 consecutive views, got 3 views"),
        (lambda: PerView(FLIP)(Views()), ValueError, r"at least one\) in all arguments, got \[0\]"),
        (lambda: PerView(FLIP)(Views([1, 2]), Views([1])), ValueError, r"same number of views .* got \[1, 2\]"),
        (lambda: PerView(FLIP, FLIP)(Views([image()] * 3)), ValueError, "got 2 transforms for 3 views"),
        (lambda: PerView(), ValueError, "PerView needs at least one transform"),
        (lambda: PerView([FLIP]), TypeError, "pass transforms one by one"),
        (lambda: MultiView(CROP, None), TypeError, "argument 1 of MultiView must be a transform"),
        (lambda: MultiView(CROP, CROP)(Views([image()])), TypeError, "takes one sample and makes its views"),
        (lambda: PerView(JointCrop(8))(Views([image()] * 2)), TypeError, "made views of one"),
        (lambda: Shared(JointCrop(8))(Views([image()] * 2)), TypeError, "made views of one"),
        (lambda: AddressedDataset(iter([1]), PIPELINE), TypeError, "must be map-style"),
        (lambda: AddressedDataset(Pairs(), "crop"), TypeError, "pipeline must be a callable"),
        (lambda: AddressedDataset(Pairs(), PIPELINE, seed=-1), ValueError, "seed"),
        (lambda: AddressedDataset(Pairs(), PIPELINE).set_epoch(0.5), TypeError, "epoch"),
        (lambda: AddressedDataset(Pairs(), PIPELINE)[12], IndexError, r"index must be in \[0, 12\), got 12"),
    ],
)
def test_wrong_input_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


PHOTO, PIL_MASK = F.to_pil_image(image()), F.to_pil_image(image()[:1])
LARGE = tv_tensors.Image(image())
CENTER = v2.CenterCrop(8)
TWO = {
    "a PIL mask": (PHOTO, PIL_MASK),
    "what a two-crops class gives": ([PHOTO, PHOTO],),
    "a dict": ({"image": PHOTO, "target": [{"mask": PIL_MASK}]},),
    "two of torchvision's type": (LARGE, LARGE),
    "both": (LARGE, PHOTO),
}


@pytest.mark.parametrize(
    "maker", [JointCrop(16), JointBlur(), MultiView(CENTER, CENTER)], ids=lambda m: type(m).__name__
)
@pytest.mark.parametrize("name", TWO)
def test_two_images_in_a_sample_are_refused_in_the_words_of_fuse(maker, name):
    """fuse is the oracle, letter by letter."""
    with pytest.raises(TypeError, match=r"got 2: .*MultiView\(first, second\).* a mask as tv_tensors.Mask") as ours:
        maker(*TWO[name])
    with pytest.raises(TypeError) as fused:
        views_at(fuse(maker), Address(0, 0, 0), *TWO[name])
    assert str(ours.value) == str(fused.value)


@pytest.mark.parametrize("coupling", [PerView(CENTER), Shared(CENTER), JointBlur()], ids=lambda c: type(c).__name__)
def test_a_view_of_two_images_is_refused(coupling):
    for views in ((Views([(PHOTO, PIL_MASK)] * 2),), (Views([PHOTO] * 2), Views([PIL_MASK] * 2))):
        with pytest.raises(TypeError, match="a sample must hold one image, got 2: a PIL image, a PIL image; "):
            coupling(*views)


@pytest.mark.parametrize("one", [(PHOTO, 3), ((PHOTO, 3),), ({"image": PHOTO, "label": 3},), (LARGE, image(8, 8))])
def test_one_image_and_what_is_none_pass(one):
    views = JointCrop(16)(*one)
    assert len(views if len(one) == 1 else views[0]) == 2
