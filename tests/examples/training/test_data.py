"""Where images come from, what is wrong with them, and that both ways of augmenting give the same views."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from PIL import Image
from pretrain import main
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F
from trainer.evaluation.images import open_images
from trainer.inputs import data as where
from trainer.inputs.data import open_data
from trainer.inputs.feed import Augment, Request, feed, together
from trainer.inputs.order import order_of
from trainer.inputs.rendered import render
from trainer.inputs.settings import Settings
from trainer.inputs.sources import Images, Pixels, in_memory
from trainer.inputs.views import pipeline, whole_view
from trainer.training.logs import rows_of

from jointaug import Addresses
from jointaug.testing import assert_independent

CPU = torch.device("cpu")


def test_a_folder_with_train_and_test(toys):
    data = open_data(str(toys))
    assert (len(data.train), len(data.test)) == (27, 9)
    assert len(data.classes) == 9
    assert list(data.classes) == sorted(data.classes)
    for source in (data.train, data.test):
        for k, name in enumerate(source.names):
            assert data.classes[source.labels[k]] == name.split("/")[-2]


def test_a_folder_without_a_test_set_is_given_one(toys):
    assert open_data(str(toys / "train")).test is None
    assert len(open_data(str(toys / "train"), str(toys / "test")).test) == 9


def test_a_flat_folder_has_no_labels(toys, tmp_path):
    for k, file in enumerate(sorted(toys.rglob("*.png"))[:3]):
        (tmp_path / f"{k}.png").write_bytes(file.read_bytes())
    data = open_data(str(tmp_path))
    assert (len(data.train), data.train.labels, data.test, data.classes) == (3, None, None, ())


def test_rendered_pictures_are_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(where, "RENDERED_TEST", 9)
    first = open_data("rendered:18", size=32)
    monkeypatch.setattr("trainer.inputs.rendered._render_all", None)  # not rendered again
    second = open_data("rendered:18", size=32)
    assert (len(first.train), len(first.test)) == (18, 9)
    assert torch.equal(first.train.images, second.train.images)
    assert first.train.labels.tolist() == [k % 9 for k in range(18)]


def test_the_same_toys_are_held_out_whatever_the_training_count(tmp_path, monkeypatch):
    """Of another set than those to train on, drawn one by one."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert where.RENDERED_TEST == 9000
    monkeypatch.setattr(where, "RENDERED_TEST", 9)
    few, more = open_data("rendered:18", size=32), open_data("rendered:27", size=32)
    drawn = [torch.from_numpy(render(index, seed=1, size=32).pixels).permute(2, 0, 1) for index in range(9)]
    assert torch.equal(few.test.images, torch.stack(drawn))
    assert torch.equal(few.test.images, more.test.images)
    assert few.test.labels.tolist() == list(range(9))


def test_rendered_pictures_are_kept_by_their_number_and_size(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(where, "RENDERED_TEST", 9)
    for count, size in ((18, 32), (18, 48), (27, 32)):
        assert open_data(f"rendered:{count}", size=size).train.images.shape == (count, 3, size, size)


@pytest.mark.parametrize("held_out", ["test", "val"])
def test_a_folder_beside_train_is_held_out(held_out, tmp_path):
    for part, count in (("train", 3), (held_out, 2)):
        (tmp_path / part / "cat").mkdir(parents=True)
        for k in range(count):
            Image.new("RGB", (8, 8)).save(tmp_path / part / "cat" / f"{k}.png")
    data = open_data(str(tmp_path))
    assert (len(data.train), len(data.test)) == (3, 2)


def test_prepared_images_keep_their_names_and_labels(toys):
    source = open_data(str(toys)).train
    prepared = source.prepared(v2.Resize((7, 9)))
    assert prepared.names == source.names
    assert torch.equal(prepared.labels, source.labels)
    assert torch.equal(prepared[5], v2.Resize((7, 9))(source[5]))
    assert torch.equal(in_memory(prepared).labels, source.labels)


def cifar10(root) -> np.ndarray:
    """Two images in each of torchvision's files of CIFAR-10, as they lie on a disk."""
    pixels = np.random.default_rng(0).integers(0, 256, (12, 3072), dtype=np.uint8)
    folder = root / "cifar-10-batches-py"
    folder.mkdir()
    for k, name in enumerate([*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]):
        with (folder / name).open("wb") as file:
            pickle.dump({"data": pixels[2 * k : 2 * k + 2], "labels": [k, k + 1]}, file)
    with (folder / "batches.meta").open("wb") as file:
        pickle.dump({"label_names": list("abcdefghij")}, file)
    return pixels


def test_torchvisions_cifar10(tmp_path, monkeypatch):
    pixels = cifar10(tmp_path)
    monkeypatch.setattr("torchvision.datasets.CIFAR10._check_integrity", lambda self: True)
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *arguments: True)
    data = open_data(f"cifar10:{tmp_path}")
    assert (len(data.train), len(data.test)) == (10, 2)
    assert data.classes == tuple("abcdefghij")
    assert data.train.labels.tolist() == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5]
    assert torch.equal(in_memory(data.train).images, torch.from_numpy(pixels[:10].reshape(10, 3, 32, 32)))


def test_torchvisions_cifar100(tmp_path, monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 3072), dtype=np.uint8)
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    for name, rows in (("train", slice(0, 3)), ("test", slice(3, 5))):
        with (folder / name).open("wb") as file:
            pickle.dump({"data": pixels[rows], "fine_labels": [7, 99, 0][: rows.stop - rows.start]}, file)
    with (folder / "meta").open("wb") as file:
        pickle.dump({"fine_label_names": [f"kind {k}" for k in range(100)]}, file)
    monkeypatch.setattr("torchvision.datasets.CIFAR10._check_integrity", lambda self: True)
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *arguments: True)
    data = open_data(f"cifar100:{tmp_path}")
    assert (len(data.classes), data.train.labels.tolist(), data.test.labels.tolist()) == (100, [7, 99, 0], [7, 99])
    assert torch.equal(in_memory(data.test).images, torch.from_numpy(pixels[3:].reshape(2, 3, 32, 32)))


def stl10(root) -> np.ndarray:
    """STL-10's files, column after column as they lie on a disk: 18 images without labels, 8 with, 4 to test on."""
    pixels = np.random.default_rng(0).integers(0, 256, (30, 3, 96, 96), dtype=np.uint8)
    folder = root / "stl10_binary"
    folder.mkdir()
    for name, rows in (("unlabeled", slice(0, 18)), ("train", slice(18, 26)), ("test", slice(26, 30))):
        pixels[rows].transpose(0, 1, 3, 2).tofile(folder / f"{name}_X.bin")
        if name != "unlabeled":
            (np.arange(len(pixels[rows]), dtype=np.uint8) % 2 + 1).tofile(folder / f"{name}_y.bin")
    (folder / "class_names.txt").write_text("".join(f"kind {k}\n" for k in range(10)))
    return pixels


def test_torchvisions_stl10_is_trained_on_without_labels(tmp_path, monkeypatch):
    """Its labelled images are the bank of the monitor, and what is probed."""
    pixels = stl10(tmp_path)
    monkeypatch.setattr("torchvision.datasets.STL10._check_integrity", lambda self: True)
    data = open_data(f"stl10:{tmp_path}")
    assert (len(data.train), len(data.bank), len(data.test), len(data.classes)) == (18, 8, 4, 10)
    assert (data.train.labels, data.bank.labels.tolist(), data.test.labels.tolist()) == (None, [0, 1] * 4, [0, 1] * 2)
    assert torch.equal(in_memory(data.train).images, torch.from_numpy(pixels[:18]))
    assert torch.equal(in_memory(data.bank).images, torch.from_numpy(pixels[18:26]))
    probed, tested = open_images(f"stl10:{tmp_path}", 96)
    assert (probed.labels.tolist(), tested.labels.tolist()) == (data.bank.labels.tolist(), data.test.labels.tolist())

    out = tmp_path / "run"
    words = ["simclr-rendered", "--data", f"stl10:{tmp_path}", "--out", str(out), "--epochs", "1", "--batch", "9"]
    assert main([*words, "--warmup", "0", "--device", "cpu", "--threads", "1"]) == 0
    assert [row.knn is not None for row in rows_of(out)] == [True, True]


def test_torchvisions_imagenet(tmp_path):
    """The folders of ImageNet beside torchvision's own file of its names, and among what systems leave there."""
    names = {"n01440764": ("tench", "Tinca tinca"), "n01443537": ("goldfish", "Carassius auratus")}
    torch.save((names, []), tmp_path / "meta.bin")
    for part in ("train", "val"):
        for k, wnid in enumerate(names):
            (tmp_path / part / wnid).mkdir(parents=True)
            Image.new("RGB", (40, 30), (100 * k, 0, 0)).save(tmp_path / part / wnid / f"{wnid}_{k}.JPEG")
            (tmp_path / part / wnid / f"._{wnid}_{k}.JPEG").write_text("no image")
        (tmp_path / part / ".ipynb_checkpoints").mkdir()
    data = open_data(f"imagenet:{tmp_path}")
    assert data.classes == ("tench", "goldfish")
    assert (data.train.labels.tolist(), data.test.labels.tolist()) == ([0, 1], [0, 1])
    assert (len(data.train), len(data.test)) == (2, 2)
    assert data.train[1].shape == (3, 30, 40)
    assert data.train[1].float().mean((1, 2)).round().tolist() == pytest.approx([100, 0, 0], abs=2)


@pytest.mark.parametrize("kind", ["cifar10", "cifar100", "stl10", "imagenet"])
def test_torchvisions_data_sets_are_not_downloaded(kind, tmp_path):
    with pytest.raises(FileNotFoundError, match=f"got '{kind}:.* here nothing is downloaded"):
        open_data(f"{kind}:{tmp_path}")


@pytest.mark.parametrize(
    ("files", "error", "told"),
    [
        (None, FileNotFoundError, "--data must name a folder of images, got"),
        ([], ValueError, "holds no image; wanted files in it or in its class folders, called *.bmp"),
        (["notes.txt"], ValueError, "holds no image"),
        (["a.png", "cats/b.png"], ValueError, "holds images both in class folders and beside them, such as a.png"),
    ],
)
def test_a_folder_that_is_no_data_set(files, error, told, tmp_path):
    root = tmp_path / "images"
    for name in files or []:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    if files == []:
        root.mkdir()
    with pytest.raises(error) as caught:
        open_data(str(root))
    assert told in str(caught.value)


def test_a_test_folder_of_other_classes_is_refused(toys, tmp_path):
    (tmp_path / "cats").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "cats" / "a.png")
    with pytest.raises(ValueError, match=r"cats.* in one alone; labels are"):
        open_data(str(toys), str(tmp_path))


def folder_of(root, sizes) -> Images:
    for k, size in enumerate(sizes):
        noise = np.random.default_rng(k).integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(noise).save(root / f"{k}.png")
    source = open_data(str(root)).train
    assert isinstance(source, Images)
    return source


def test_unreadable_files_are_named(tmp_path):
    folder_of(tmp_path, [(8, 8)] * 3)
    (tmp_path / "0.png").write_bytes((tmp_path / "0.png").read_bytes()[:100])
    (tmp_path / "1.png").write_text("no image")
    source = open_data(str(tmp_path)).train
    with pytest.raises(ValueError, match="2 of 3 files cannot be read") as caught:
        in_memory(source)
    for name in ("0.png", "1.png"):
        assert f"{name} cannot be read as an image: " in str(caught.value)
    assert "repair it, or take it out of the folder" in str(caught.value)


def test_an_unreadable_file_is_named_by_a_worker(tmp_path):
    folder_of(tmp_path, [(32, 32)] * 2)
    (tmp_path / "1.png").write_text("no image")
    source = open_data(str(tmp_path)).train
    served = feed(source, pipeline(Settings(size=16)), 0, CPU, workers=1)
    with pytest.raises(ValueError, match=r"1\.png cannot be read as an image"):
        list(served([Request(0, torch.arange(2))]))


def test_mixed_sizes_need_a_size_or_workers(tmp_path):
    source = folder_of(tmp_path, [(8, 8), (8, 10)])
    with pytest.raises(ValueError, match="images in memory must have one size, got") as caught:
        in_memory(source)
    assert "(--stored 160), or let workers decode (--workers 8)" in str(caught.value)


@pytest.mark.parametrize("sizes", [[(40, 40)] * 6, [(40, 52), (33, 70), (64, 40), (40, 40), (90, 31), (48, 48)]])
def test_workers_serve_the_views_of_the_addresses(sizes, tmp_path):
    """Against one image at a time: neither the batch nor the worker matters, and the global generator stays put."""
    source = folder_of(tmp_path, sizes)
    steps = pipeline(Settings(size=16, blur_p=(1.0, 0.1), solarize=(0.0, 0.5)))
    state = torch.get_rng_state()
    whole = whole_view(Settings(size=16))
    served = feed(source, steps, 3, CPU, workers=2, original=whole)
    for epoch in (0, 1):  # the workers live on
        requests = [
            Request(epoch, index) for index in (torch.tensor([4, 1]), torch.tensor([0, 5, 2]), torch.tensor([3]))
        ]
        for request, got in zip(requests, served(requests), strict=True):
            assert torch.equal(got.index, request.index)
            for place, index in enumerate(request.index.tolist()):
                alone = feed(Pixels(source[index][None].repeat(6, 1, 1, 1), None), steps, 3, CPU, workers=0)
                (wanted,) = alone([Request(epoch, torch.tensor([index]))])
                for view, other in zip(got.views, wanted.views, strict=True):
                    torch.testing.assert_close(view[place], other[0], rtol=0, atol=1e-5)
                torch.testing.assert_close(got.originals[place], whole(source[index]), rtol=0, atol=0.02)
    assert torch.equal(torch.get_rng_state(), state)


def test_positives_have_views_at_addresses_of_their_own(tmp_path):
    """Those that `jointaug.neighbors.NeighborDataset` serves."""
    from jointaug.neighbors import NeighborDataset

    images = torch.stack([F.pil_to_tensor(Image.effect_noise((40, 40), 90).convert("RGB")) for _ in range(4)])
    steps = pipeline(Settings(size=16, crop="joint", jitter_p=0.0, gray=0.0, flip=0.0))
    table = torch.tensor([[1], [2], [3], [0]])
    (got,) = feed(Pixels(images, None), steps, 3, CPU, workers=0)([Request(5, torch.arange(4), table[:, 0])])
    data = NeighborDataset(images, steps, table, seed=3)
    data.set_epoch(5)
    for k in range(4):
        views, partners, _ = data[k]
        for view, other in zip([*got.views, *got.partners], [*views, *partners], strict=True):
            torch.testing.assert_close(view[k], other, rtol=0, atol=0.02)  # one level of uint8


def test_an_epoch_is_a_permutation_cut_to_whole_batches():
    settings = Settings(batch=8)
    first, again, other = (order_of(27, settings, epoch) for epoch in (0, 0, 1))
    assert first.shape == (3, 8)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert len(first.unique()) == 24
    larger = order_of(27, Settings(batch=24), 0)  # the order does not depend on the batch
    assert torch.equal(larger.flatten(), first.flatten())


def test_orders_of_seeds_and_epochs_are_independent_of_each_other_and_of_the_views():
    """Where an image stands tells nothing of where it stands elsewhere, nor of the first number that its views draw."""
    n, places = 20_000, []
    for seed, epoch in ((0, 0), (0, 1), (1, 0), (1, 1)):
        order = order_of(n, Settings(batch=1, seed=seed), epoch).flatten()
        assert torch.equal(order.sort().values, torch.arange(n))
        place = order.argsort()
        (drawn,) = Addresses(seed, epoch, torch.arange(n)).rows(1)
        assert_independent(place, drawn, 1e-6)
        for other in places:
            assert_independent(place, other, 1e-6)
        places.append(place)


def test_boxes_go_with_their_request_wherever_it_is_served():
    """In the device's memory, as in `Augment`; positives go along."""
    images = torch.randint(0, 256, (2, 3, 200, 200), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    steps = pipeline(Settings(size=16, crop="contrastive", scale=(0.01, 0.02), alpha=0.6))
    index = torch.arange(2)
    for boxes in (torch.tensor([[0.2, 0.2, 0.21, 0.21], [0.8, 0.3, 0.81, 0.31]]), None):
        request = Request(4, index, boxes=boxes)
        (got,) = feed(Pixels(images, None), steps, 3, CPU, workers=0)([request])
        wanted = Augment(Pixels(images, None), steps, 3)[request]
        assert all(map(torch.equal, got.views, wanted.views))
        (moved,) = together([Request(4, index, index.flip(0), boxes)], CPU)
        assert (moved.epoch, moved.index.tolist(), moved.partners.tolist()) == (4, [0, 1], [1, 0])
        assert moved.boxes is boxes or torch.equal(moved.boxes, boxes)
