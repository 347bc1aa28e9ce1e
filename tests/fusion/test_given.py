"""What `Fused` may be called on, and what comes back: the pipeline's own results, collated where a batch was given."""

import pickle

import numpy as np
import PIL.Image
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, default_collate
from torchvision import tv_tensors
from torchvision.datasets import ImageFolder, VisionDataset
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from jointaug import (
    Address,
    Addresses,
    ContrastiveCrop,
    CropBox,
    JointCrop,
    MultiView,
    PerView,
    UncroppedView,
    Views,
    fuse,
    views_at,
)

GENERATOR = torch.Generator().manual_seed(0)
LEVELS = torch.randint(0, 256, (4, 3, 20, 28), dtype=torch.uint8, generator=GENERATOR)
TAIL = v2.Compose([v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], 0.8), v2.RandomHorizontalFlip()])
FINISH = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
PIPELINE = v2.Compose([JointCrop(8), PerView(TAIL), PerView(FINISH)])
SINGLE = v2.Compose([v2.RandomResizedCrop(8), TAIL, FINISH])
FUSED = fuse(PIPELINE)
PLAIN = [*LEVELS[:2].unbind(), torch.rand(1, 9, 12, generator=GENERATOR), torch.rand(4, 9, 12, generator=GENERATOR)]


def address(i=0):
    return Address(3, 1, i)


def batch(n=4):
    return Addresses(3, 1, torch.arange(n))


def close(ours, theirs, atol=1e-5):
    """The same nesting, and the same numbers as far as uint8 steps allow."""
    if isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            close(a, b, atol)
    elif isinstance(theirs, dict):
        assert ours.keys() == theirs.keys()
        for name, value in theirs.items():
            close(ours[name], value, atol)
    elif isinstance(theirs, Tensor):
        torch.testing.assert_close(ours.as_subclass(Tensor), theirs.as_subclass(Tensor), atol=atol, rtol=0)
    else:
        assert ours == theirs


# ---- one image, one sample -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "image",
    [LEVELS[0], tv_tensors.Image(LEVELS[0]), F.to_pil_image(LEVELS[0]), F.to_pil_image(LEVELS[0][:1]), PLAIN[2]],
    ids=["tensor", "image", "pil", "gray pil", "one channel"],
)
def test_one_image_gives_views_of_tensors_those_of_the_batch(image):
    pipeline = v2.Compose([JointCrop(8), PerView(v2.Compose([v2.RandomHorizontalFlip(), FINISH]))])
    views = views_at(fuse(pipeline), address(2), image)
    assert type(views) is Views
    assert [type(view) for view in views] == [Tensor, Tensor]
    of_batch = fuse(pipeline)([image], addresses=Addresses(3, 1, torch.tensor([2])))
    assert all(torch.equal(one, many[0]) for one, many in zip(views, of_batch, strict=True))
    shown = F.to_image(image) if isinstance(image, PIL.Image.Image) else image
    close(views, views_at(pipeline, address(2), shown), 1.01 / 255)


def test_one_image_of_a_pipeline_without_views_is_one_image():
    image = fuse(SINGLE)(LEVELS[0], addresses=address())
    assert image.shape == (3, 8, 8)
    assert torch.equal(image, fuse(SINGLE)(LEVELS[:1], addresses=batch(1))[0])


FLOATS = LEVELS / 255
SAMPLES = {
    "image, label": (FLOATS[0], 3),
    "tuple": ((FLOATS[0], 3),),
    "dict": ({"image": FLOATS[0], "label": 3, "path": "a.jpg"},),
    "image, dict": (FLOATS[0], {"label": torch.tensor([1, 2])}),
    "image with tensors beside it": (tv_tensors.Image(FLOATS[0]), torch.arange(6.0).view(1, 2, 3)),
    "named": ({"a": {"b": [FLOATS[0], "text"]}},),
}


@pytest.mark.parametrize(
    "pipeline", [PIPELINE, SINGLE, MultiView(UncroppedView(8), JointCrop(8))], ids=["pair", "one", "three"]
)
@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_comes_back_as_from_the_pipeline(name, pipeline):
    sample = SAMPLES[name]
    close(views_at(fuse(pipeline), address(), *sample), views_at(pipeline, address(), *sample))


def test_a_data_set_takes_a_fused_pipeline_as_its_transform(tmp_path):
    for label in "ab":
        (tmp_path / label).mkdir()
        F.to_pil_image(LEVELS[0]).save(tmp_path / label / "0.png")
    views, label = ImageFolder(tmp_path, FUSED)[1]
    assert label == 1
    assert [view.shape for view in views] == [(3, 8, 8)] * 2
    (first, second), labels = next(iter(DataLoader(ImageFolder(tmp_path, FUSED), 2)))
    assert first.shape == second.shape == (2, 3, 8, 8)
    assert labels.tolist() == [0, 1]
    both = VisionDataset(tmp_path, transforms=FUSED).transforms  # of image and target, where a data set has it
    assert [both(LEVELS[0], 7)[1], len(both(LEVELS[0], 7)[0])] == [7, 2]


def test_one_images_numbers_are_torchs():
    """From torch's generator: seeded alike, the same views; and others than before."""
    torch.manual_seed(0)
    first = FUSED(LEVELS[0])
    second = FUSED(LEVELS[0])
    torch.manual_seed(0)
    close(FUSED(LEVELS[0]), first, 0)
    assert not torch.equal(first[0], second[0])
    again = [fuse(PIPELINE)(LEVELS[0], generator=torch.Generator().manual_seed(1)) for _ in range(2)]
    close(again[0], again[1], 0)


# ---- batches -------------------------------------------------------------------------------------------------------


def test_what_stands_beside_a_batch_passes():
    labels = torch.arange(4)
    views = FUSED(LEVELS, addresses=batch())
    for given, expected in [
        (([LEVELS, labels],), [views, labels]),
        ((LEVELS, labels), (views, labels)),
        (((LEVELS, labels),), (views, labels)),
        (({"image": LEVELS, "label": labels},), {"image": views, "label": labels}),
        (([LEVELS, LEVELS],), None),
    ]:
        got = (
            FUSED(*given, addresses=batch()) if expected is not None else fuse(PerView(TAIL))(*given, addresses=batch())
        )
        if expected is not None:
            assert type(got) is type(expected)
            close(got, expected, 0)
        else:
            assert len(got) == 2
    collated = fuse(PerView(TAIL))([[LEVELS, LEVELS], labels], addresses=batch())
    assert [len(collated), len(collated[0])] == [2, 2]


@pytest.mark.parametrize("pipeline", [PIPELINE, SINGLE], ids=["pair", "one"])
@pytest.mark.parametrize("name", SAMPLES)
def test_a_list_of_samples_is_what_default_collate_makes_of_their_results(name, pipeline):
    arguments = SAMPLES[name]
    items = [tuple(replaced(part, i) for part in arguments) for i in range(4)]
    samples = [item if len(item) > 1 else item[0] for item in items]
    fused = fuse(pipeline)
    if name == "tuple":  # of one argument that is a tuple: a list cannot say so
        return
    expected = [views_at(pipeline, address(i), *item) for i, item in enumerate(items)]
    close(fused(samples, addresses=batch()), default_collate(expected))
    close(fused.samples(samples, addresses=batch()), expected)


def replaced(part, i):
    """A sample's part with image ``i`` in the place of the first."""
    if isinstance(part, Tensor) and part.shape == FLOATS[0].shape:
        return tv_tensors.Image(FLOATS[i]) if isinstance(part, tv_tensors.Image) else FLOATS[i]
    if isinstance(part, dict):
        return {name: replaced(value, i) for name, value in part.items()}
    return [replaced(value, i) for value in part] if isinstance(part, list) else part


def test_collate_is_picklable_and_takes_what_cannot_be_one_tensor():
    collate = pickle.loads(pickle.dumps(FUSED.collate))
    samples = [(F.to_pil_image(image), i, None, f"{i}.jpg") for i, image in enumerate(LEVELS)]
    (first, second), labels, nothing, paths = collate(samples)
    assert first.shape == second.shape == (4, 3, 8, 8)
    assert labels.tolist() == [0, 1, 2, 3]
    assert (nothing, paths) == ([None] * 4, ["0.jpg", "1.jpg", "2.jpg", "3.jpg"])
    loader = DataLoader(samples, 2, collate_fn=FUSED.collate, num_workers=1, multiprocessing_context="fork")
    assert [batch[1].tolist() for batch in loader] == [[0, 1], [2, 3]]


def test_a_dict_of_lists_stays_one():
    """As `datasets`' ``set_transform`` calls it, with one entry or many."""
    images = [F.to_pil_image(image) for image in LEVELS]
    rows = FUSED({"image": images, "label": [3, 1, 4, 1]}, addresses=batch())
    assert rows["label"] == [3, 1, 4, 1]
    expected = FUSED(images, addresses=batch())
    for i, views in enumerate(rows["image"]):
        assert type(views) is Views
        close(list(views), [view[i] for view in expected], 0)
    assert [image.shape for image in fuse(SINGLE)({"image": images[:1]})["image"]] == [(3, 8, 8)]


# ---- what is refused -----------------------------------------------------------------------------------------------

PAIR = Views([LEVELS[0], LEVELS[1]])
MASK = tv_tensors.Mask(torch.zeros(1, 20, 28, dtype=torch.uint8))


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ((LEVELS[0], LEVELS[1]), TypeError, r"must hold one image, got 2: .*MultiView\(first, second\).*tv_tensors."),
        (((LEVELS[0], LEVELS[1]),), TypeError, r"must hold one image, got 2"),
        ((F.to_pil_image(LEVELS[0]), F.to_pil_image(LEVELS[1])), TypeError, "got 2: a PIL image, a PIL image"),
        ((LEVELS[0].permute(1, 2, 0),), ValueError, r"1, 3 or 4 channels \[C, H, W\], got shape \(20, 28, 3\); perm"),
        ((torch.rand(7, 20, 28),), ValueError, r"1, 3 or 4 channels \[C, H, W\], got shape \(7, 20, 28\)"),
        ((3, 4), TypeError, "a sample must hold an image .*, got int 3, int 4; give the image first"),
        (({"label": 3},), TypeError, "a sample must hold an image .*, got int 3"),
        ((LEVELS, MASK), TypeError, r"Mask must not stand beside a batch.* give a list of samples"),
        (([LEVELS, 1, LEVELS],), TypeError, r"must hold one tensor of images \[B, C, H, W\], got 2"),
        (([(LEVELS[0], 1), (2, 3)],), TypeError, r"batch\[1\] must hold an image .*, got int 2, int 3"),
        (([LEVELS[0], 3],), TypeError, r"batch\[1\] must be an image"),
        (({"image": [LEVELS[0]], "label": [1, 2]},), ValueError, r"as many entries in each, got .*'label': 2"),
        ((np.zeros((20, 28, 3), np.uint8),), TypeError, "got ndarray; convert arrays with v2.ToImage"),
        ((np.zeros((2, 3, 20, 28), np.uint8),), TypeError, "got ndarray; write torch.from_numpy"),
        ((), TypeError, "must be given images, got nothing"),
        (([Views([LEVELS[0]])],), TypeError, r"batch\[0\] must be no views yet, got Views: .*; leave one of the two o"),
        (([PAIR],), TypeError, r"batch\[0\] must be no views yet"),
        (([(LEVELS[0], 3), (PAIR, 3)],), TypeError, r"batch\[1\] must be no views yet, got Views"),
        (([{"image": PAIR}],), TypeError, r"batch\[0\] must be no views yet, got Views"),
    ],
)  # fmt: skip
def test_what_is_no_image_is_named(given, error, message):
    with pytest.raises(error, match=message):
        FUSED(*given)


def test_an_address_is_of_one_image_and_addresses_of_a_batch():
    with pytest.raises(TypeError, match="addresses of a batch must be Addresses, got Address"):
        FUSED(LEVELS, addresses=address())
    with pytest.raises(ValueError, match="give a generator or an address, not both"):
        FUSED(LEVELS[0], addresses=address(), generator=torch.Generator())


# ---- boxes that say where crops are ---------------------------------------------------------------------------------

CONTRASTIVE = v2.Compose([ContrastiveCrop(8), PerView(v2.RandomHorizontalFlip())])
BOXES = torch.tensor([[0.1, 0.2, 0.4, 0.5], [0.0, 0.0, 1.0, 1.0], [0.5, 0.5, 0.9, 1.0], [0.25, 0.0, 0.5, 0.125]])


def test_crops_are_put_at_each_images_box_as_image_by_image():
    items = [(FLOATS[i], CropBox(box)) for i, box in enumerate(BOXES)]
    expected = [views_at(CONTRASTIVE, address(i), *item) for i, item in enumerate(items)]
    fused = fuse(CONTRASTIVE)
    close(fused(FLOATS, addresses=batch(), crop_boxes=BOXES), default_collate([views for views, _ in expected]))
    for i, item in enumerate(items):
        close(views_at(fused, address(i), *item), expected[i])
        close(fused(FLOATS[i], addresses=address(i), crop_boxes=BOXES[i]), expected[i][0])
    close(fused.samples(items, addresses=batch()), expected)
    elsewhere = fused(FLOATS, addresses=batch())
    assert not torch.equal(elsewhere[0], fused(FLOATS, addresses=batch(), crop_boxes=BOXES)[0])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda f: f(FLOATS, crop_boxes=BOXES[:2]), ValueError, r"for each of 4 images, got shape \(2, 4\)"),
        (lambda f: f(FLOATS, crop_boxes=[0.1, 0.2, 0.3, 0.4]), TypeError, r"must be a float tensor \[B, 4\]"),
        (lambda f: f.samples([(FLOATS[0], CropBox(BOXES[0])), (FLOATS[1], 1)]), ValueError, "none in sample 1"),
        (lambda f: f(FLOATS[0], CropBox(BOXES[0]), CropBox(BOXES[1])), ValueError, "at most one CropBox, got 2"),
    ],
)  # fmt: skip
def test_boxes_that_are_none_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call(fuse(CONTRASTIVE))


def owned():
    """A sample with something of every kind beside its image, which only colors touch."""
    return tv_tensors.Image(LEVELS[0]), {
        "label": torch.tensor([1, 2]),
        "array": np.arange(3),
        "mask": tv_tensors.Mask(torch.zeros(20, 28)),
        "name": "a",
    }


KEPT = v2.Compose([MultiView(v2.Identity(), v2.RandomInvert(1.0)), PerView(v2.ColorJitter(0.4))])


def changed(value):
    """Write into all memory that a result holds."""
    if isinstance(value, Tensor):
        value.as_subclass(Tensor).fill_(7)
    elif isinstance(value, np.ndarray):
        value.fill(7)
    elif isinstance(value, (list, tuple, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            changed(part)


@pytest.mark.parametrize(
    "views",
    [
        lambda samples: zip(*fuse(KEPT)(*samples[0]), strict=True),
        lambda samples: fuse(KEPT)({"image": samples[0][0], **samples[0][1]}),
        lambda samples: zip(*fuse(KEPT)(samples), strict=True),
        lambda samples: fuse(KEPT)([{"image": image, **rest} for image, rest in samples]),
        lambda samples: zip(*fuse(KEPT).samples(samples)[1], strict=True),
        lambda samples: zip(*views_at(KEPT, address(), *samples[0]), strict=True),
    ],
    ids=["a sample", "a dict", "samples", "dicts", "one by one", "image by image"],
)
def test_what_stands_beside_the_image_is_each_views_own(views):
    """A step in place on one view changes neither the other nor the sample."""
    samples = [owned(), owned()]
    first, second = views(samples)
    there = pickle.dumps((samples, second))
    changed(first)
    assert pickle.dumps((samples, second)) == there
    there = pickle.dumps(samples)
    changed(second)
    assert pickle.dumps(samples) == there
