"""What a loader delivers on one core: JPEG files to two float views of 224 px, and 32 px from memory.

    make frameworks && .venv-frameworks/bin/python benchmarks/loader.py [--images DIR] [--write]

Everyone makes two views of the MoCo v2 list and collates batches of 16. The v1 code and lightly have Pillow's blur,
as their authors do, others one with a kernel of 23 where nothing else is said; at 32 px there is none.

Seconds are those on the core (``cpu_seconds``): what else runs on the machine does not count. ``DIR`` holds
photographs, of which those of 500 x 375 are taken as they are on disk; without it, pictures of that size are made here.
Every round gives each case its turn; a worker, where there is one, has the same core as the rest. Peers that are not
installed are left out and named. With THP_MEM_ALLOC_ENABLE=1 in the environment torch asks the system for large pages
in all that is measured here; that result is kept beside the other.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import PIL.Image
import PIL.ImageFilter
import torch
from interleaved import beside_large_pages, cpu_seconds, interleaved, machine, one_core, ratio, save, summary
from joint_crop import picture
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms as v1
from torchvision.datasets import ImageFolder
from torchvision.io import ImageReadMode, decode_jpeg, read_file
from torchvision.transforms import v2

from jointaug import AddressedDataset, AddressedSampler, JointCrop, MultiView, PerView, fuse
from jointaug.image_files import image_files

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
BATCH: Final = 16
FILES: Final = 16
SMALL: Final = 256  # images of 32 px
BARS: Final = {
    "ImageFolder(root, fuse(p)) to the v1 code": (1 / 3, "v1 code", "fuse"),
    "ImageFolder(root, fuse(p)) to the v1 code with torchvision's blur": (1 / 3, "v1 code, torchvision's blur", "fuse"),
    "ImageFolder(root, fuse(p)) to fuse in collate, one worker each": (
        1.15,
        "fuse in collate, one worker",
        "fuse, one worker",
    ),
    "fuse, torchvision's decoder, to albumentations with cv2": (
        1 / 1.2,
        "albumentations",
        "fuse, torchvision's decoder",
    ),
    "addressed to plain, one by one": (1.05, "fuse", "addressed, one by one"),
    "addressed to plain, one by one, torchvision's decoder": (
        1.05,
        "fuse, torchvision's decoder",
        "addressed, one by one, torchvision's decoder",
    ),
    "addressed to plain, whole batches": (1.05, "fuse in collate", "fuse(p).loader"),
    "addressed to plain, whole batches, torchvision's decoder": (
        1.05,
        "fuse in collate, torchvision's decoder",
        "fuse(p).loader, torchvision's decoder",
    ),
}
"""The most that the time of the last case may be of the one before it."""

BARS_32: Final = {
    "addressed to plain, one by one": (1.15, "fuse", "addressed, one by one"),
    "addressed to plain, whole batches": (1.15, "fuse in collate", "fuse(p).loader"),
}


class TwoCrops:
    """The class that scripts have: one chain of transforms, twice."""

    def __init__(self, transform: Callable[[Any], Any]) -> None:
        self.transform = transform

    def __call__(self, image: Any) -> list[Any]:
        """Two views."""
        return [self.transform(image), self.transform(image)]


class Blur:
    """MoCo's own: Pillow's blur, whose radius is sigma."""

    def __call__(self, image: PIL.Image.Image) -> PIL.Image.Image:
        """The blurred image."""
        return image.filter(PIL.ImageFilter.GaussianBlur(random.uniform(0.1, 2.0)))


class OneByOne(Dataset[Any]):
    """A data set whose batches are fetched sample by sample."""

    def __init__(self, data: Any) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> Any:
        return self.data[index]


def classic(side: int, blurred: Callable[..., Any] | None = None) -> v1.Compose:
    """The list with ``torchvision.transforms``, as scripts have it: with Pillow's blur, or with ``blurred``."""
    blur = [v1.RandomApply([blurred or Blur()], p=0.5)] if side > 32 else []
    return v1.Compose(
        [
            v1.RandomResizedCrop(side, scale=(0.2, 1.0)),
            v1.RandomApply([v1.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
            v1.RandomGrayscale(p=0.2),
            *blur,
            v1.RandomHorizontalFlip(),
            v1.ToTensor(),
            v1.Normalize(MEAN, STD),
        ]
    )


def tail(side: int) -> list[Any]:
    """What follows the crop, with ``v2``."""
    blur = [v2.RandomApply([v2.GaussianBlur(23, (0.1, 2.0))], p=0.5)] if side > 32 else []
    return [
        v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
        v2.RandomGrayscale(0.2),
        *blur,
        v2.RandomHorizontalFlip(),
        v2.ToImage(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(MEAN, STD),
    ]


def rewritten(side: int) -> v2.Compose:
    """The list with ``v2``: one view."""
    return v2.Compose([v2.RandomResizedCrop(side, scale=(0.2, 1.0)), *tail(side)])


def joint(side: int) -> v2.Compose:
    """The list with JointCrop, v2 behind it."""
    return v2.Compose([JointCrop(side, scale=(0.2, 1.0), beta=0), PerView(v2.Compose(tail(side)))])


def albumentations(side: int) -> Callable[[Any], Any]:
    """The list with albumentations, two views of an array ``[H, W, 3]``."""
    import albumentations as A
    from albumentations.pytorch import ToTensorV2

    blur = [A.GaussianBlur(blur_limit=(23, 23), sigma_limit=(0.1, 2.0), p=0.5)] if side > 32 else []
    one = A.Compose(
        [
            A.RandomResizedCrop(size=(side, side), scale=(0.2, 1.0)),
            A.ColorJitter((0.6, 1.4), (0.6, 1.4), (0.6, 1.4), (-0.1, 0.1), p=0.8),
            A.ToGray(p=0.2),
            *blur,
            A.HorizontalFlip(p=0.5),
            A.Normalize(MEAN, STD),
            ToTensorV2(),
        ]
    )
    return lambda image: [one(image=image)["image"], one(image=image)["image"]]


def by_torchvision(path: str) -> Tensor:
    """A JPEG file as uint8 ``[3, H, W]``."""
    return decode_jpeg(read_file(path), mode=ImageReadMode.RGB)


def by_cv2(path: str) -> np.ndarray[Any, Any]:
    """A JPEG file as uint8 ``[H, W, 3]``."""
    import cv2

    return cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)


def absent(build: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What is built, or nothing where a peer is not installed."""
    try:
        return build()
    except ImportError as error:
        print(f"not measured: {error.name} ({error})")
        return {}


def loaders(root: str) -> dict[str, Iterable[Any]]:
    """Each case's loader over a folder of JPEG files."""
    p = joint(224)
    v1_tail = v1.Compose(classic(224).transforms[1:])
    by_pillow = [
        v2.RandomApply([Blur()], p=0.5) if "Blur" in repr(step) else step for step in rewritten(224).transforms
    ]
    fused = fuse(p)

    def of(data: Any, **options: Any) -> Iterable[Any]:
        return DataLoader(data, BATCH, **options)

    def by(loader: Callable[[str], Any], transform: Any = None) -> ImageFolder:
        return ImageFolder(root, transform, loader=loader)

    worker: dict[str, Any] = {"num_workers": 1, "persistent_workers": True}
    plain, decoded = ImageFolder(root), by(by_torchvision)
    addressed, addressed_decoded = AddressedDataset(plain, fused, seed=0), AddressedDataset(decoded, fused, seed=0)
    cases: dict[str, Iterable[Any]] = {
        "v1 code": of(ImageFolder(root, TwoCrops(classic(224)))),
        "v1 code, torchvision's blur": of(ImageFolder(root, TwoCrops(classic(224, v1.GaussianBlur(23, (0.1, 2.0)))))),
        "v2 code": of(ImageFolder(root, TwoCrops(rewritten(224)))),
        "v2 code, Pillow's blur": of(ImageFolder(root, TwoCrops(v2.Compose(by_pillow)))),
        "JointCrop, v1 behind it": of(ImageFolder(root, v2.Compose([joint(224).transforms[0], PerView(v1_tail)]))),
        "JointCrop, v2 behind it": of(ImageFolder(root, p)),
        "fuse": of(ImageFolder(root, fused)),
        "fuse of the v2 code": of(ImageFolder(root, fuse(MultiView(rewritten(224), rewritten(224))))),
        "fuse in collate": of(plain, collate_fn=fused.collate),
        "fuse, torchvision's decoder": of(by(by_torchvision, fused)),
        "fuse in collate, torchvision's decoder": of(decoded, collate_fn=fused.collate),
        "fuse, one worker": of(ImageFolder(root, fused), **worker),
        "fuse in collate, one worker": of(plain, collate_fn=fused.collate, **worker),
        "addressed": of(addressed, sampler=AddressedSampler(addressed)),
        "addressed, one by one": of(OneByOne(addressed), sampler=AddressedSampler(addressed)),
        "addressed, one by one, torchvision's decoder": of(
            OneByOne(addressed_decoded), sampler=AddressedSampler(addressed_decoded)
        ),
        "fuse(p).loader": fused.loader(plain, BATCH),
        "fuse(p).loader, torchvision's decoder": fused.loader(decoded, BATCH),
        "decoding alone, PIL": of(plain, collate_fn=len),
        "decoding alone, torchvision": of(decoded, collate_fn=len),
    }
    cases |= absent(lambda: {"albumentations": of(by(by_cv2, albumentations(224)))})
    return cases | absent(lambda: {"lightly": of(ImageFolder(root, _lightly(224)))})


def _lightly(side: int) -> Any:
    from lightly.transforms import MoCoV2Transform

    return MoCoV2Transform(input_size=side, gaussian_blur=0.5 if side > 32 else 0.0)


def from_memory() -> dict[str, Iterable[Any]]:
    """Each case's loader over images of 32 px, in the form that suits it: tensors, arrays, PIL images made of these."""
    numbers = torch.Generator().manual_seed(0)
    tensors = torch.randint(0, 256, (SMALL, 3, 32, 32), dtype=torch.uint8, generator=numbers)
    arrays = np.ascontiguousarray(tensors.permute(0, 2, 3, 1).numpy())
    fused = fuse(joint(32))
    pairs = [(image, n % 10) for n, image in enumerate(tensors)]

    def of(made: Callable[[int], Any]) -> Iterable[Any]:
        return DataLoader(Made(made), BATCH)

    def of_pil(transform: Callable[[Any], Any]) -> Iterable[Any]:
        return of(lambda k: transform(PIL.Image.fromarray(arrays[k])))

    addressed = AddressedDataset(pairs, fused, seed=0)
    two, crops = TwoCrops(classic(32)), TwoCrops(rewritten(32))
    cases: dict[str, Iterable[Any]] = {
        "v1 code": of_pil(two),
        "v2 code, PIL": of_pil(crops),
        "v2 code, tensors": of(lambda k: crops(tensors[k])),
        "fuse": of(lambda k: fused(tensors[k])),
        "fuse, PIL": of_pil(fused),
        "fuse in collate": DataLoader(pairs, BATCH, collate_fn=fused.collate),
        "fuse of the whole batch": Batches(tensors, fused),
        "addressed": DataLoader(addressed, BATCH, sampler=AddressedSampler(addressed)),
        "addressed, one by one": DataLoader(OneByOne(addressed), BATCH, sampler=AddressedSampler(addressed)),
        "fuse(p).loader": fused.loader(pairs, BATCH),
    }

    def peer() -> dict[str, Any]:
        transform = albumentations(32)
        return {"albumentations": of(lambda k: transform(arrays[k]))}

    return cases | absent(peer) | absent(lambda: {"lightly": of_pil(_lightly(32))})


class Made(Dataset[Any]):
    """Samples (views, label) made by a function of the index."""

    def __init__(self, made: Callable[[int], Any]) -> None:
        self.made = made

    def __len__(self) -> int:
        return SMALL

    def __getitem__(self, index: int) -> Any:
        return self.made(index), index % 10


class Batches:
    """Views of slices of a tensor: what is left where no sample is touched by itself."""

    def __init__(self, images: Tensor, fused: Callable[[Any], Any]) -> None:
        self.images, self.fused = images, fused

    def __iter__(self) -> Any:
        return (self.fused(batch) for batch in self.images.split(BATCH))


def whole_pass(loader: Iterable[Any]) -> Callable[[], None]:
    """One pass over a loader."""

    def run() -> None:
        for _ in loader:
            pass

    return run


def report(
    title: str, cases: Mapping[str, Iterable[Any]], images: int, bars: Mapping[str, Any], arguments: argparse.Namespace
) -> dict[str, Any]:
    """Time the cases; print and return images a second, times the v1 code's, and what the bars say."""
    passes = {name: whole_pass(loader) for name, loader in cases.items()}
    seconds = interleaved(passes, rounds=arguments.rounds, budget=arguments.budget, clock=cpu_seconds)
    rounds = len(next(iter(seconds.values())))
    print(f"\n{title}, {rounds} rounds")
    table = {}
    for name, values in seconds.items():
        speed, gain = summary([images / s for s in values]), ratio(seconds["v1 code"], values)
        table[name] = {"images_per_second": speed, "times_the_v1_code": gain}
        print(
            f"  {name:48s} {speed['median']:8.0f} [{speed['quartile_1']:.0f}, {speed['quartile_3']:.0f}] images/s"
            f"  x {gain['median']:.2f} [{gain['quartile_1']:.2f}, {gain['quartile_3']:.2f}]"
        )
    held = {}
    for name, (most, peer, ours) in bars.items():
        if peer in seconds and ours in seconds:
            found = ratio(seconds[ours], seconds[peer])
            held[name] = {"time_ratio": found, "bar": most, "holds": found["median"] <= most}
            print(
                f"  {name}: time x {found['median']:.3f} [{found['quartile_1']:.3f}, {found['quartile_3']:.3f}], "
                f"bar {most:.3f}: {'holds' if held[name]['holds'] else 'MISSED'}"
            )
    return {"rounds": rounds, "cases": table, "bars": held}


def markdown(result: Mapping[str, Any]) -> str:
    """The tables for a page of the documentation, with the machine they come from."""
    about = machine()
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    lines = [
        f"Measured on one core of {about['processor']}, {about['date']}, commit {about['commit']}, with {versions}.",
        "",
    ]
    for title, part in result.items():
        lines += [f"**{title}** ({part['rounds']} rounds)", "", "| loader | images a second | times the v1 code |"]
        lines.append("| --- | --- | --- |")
        for name, row in part["cases"].items():
            speed, gain = row["images_per_second"], row["times_the_v1_code"]
            lines.append(
                f"| {name} | {speed['median']:.0f} ({speed['quartile_1']:.0f} to {speed['quartile_3']:.0f}) | "
                f"{gain['median']:.2f} ({gain['quartile_1']:.2f} to {gain['quartile_3']:.2f}) |"
            )
        lines += ["", "| time of | ratio | bar | |", "| --- | --- | --- | --- |"]
        for name, row in part["bars"].items():
            found = row["time_ratio"]
            lines.append(
                f"| {name} | {found['median']:.3f} ({found['quartile_1']:.3f} to {found['quartile_3']:.3f}) | "
                f"{row['bar']:.3f} | {'holds' if row['holds'] else '**missed**'} |"
            )
        lines.append("")
    return "\n".join(lines)


def files(folder: str | None, root: Path) -> int:
    """Lay JPEG files of 500 x 375 into a class folder; how many there are."""
    (root / "class").mkdir()
    if folder is None:
        base = picture(None)
        for k in range(FILES):
            base.rotate(k).save(root / "class" / f"{k:03d}.jpg", quality=90)
        return FILES
    found = [path for path in image_files(folder, deep=False) if PIL.Image.open(path).size == (500, 375)][:FILES]
    for path in found:
        (root / "class" / f"{path.stem}.jpg").symlink_to(path.resolve())
    if not found:
        raise ValueError(
            f"--images must hold JPEG files of 500 x 375, got none in {folder}; leave it out for made ones"
        )
    return len(found)


def main() -> None:
    """Time, print, and write with ``--write``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", help="a folder of photographs; noise over a gradient by default")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--budget", type=float, default=240.0, help="seconds after which a table begins no new round")
    parser.add_argument("--write", action="store_true", help="keep the result in benchmarks/results")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
    one_core()
    torch.manual_seed(0)
    absent(_one_thread_for_cv2)
    print(machine()["processor"], machine()["commit"])
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        count = files(arguments.images, Path(folder))
        title = "two views of the MoCo v2 list, JPEG of 500 x 375 to 224"
        result[title] = report(title, loaders(folder), count, BARS, arguments)
    title = "two views of the MoCo v2 list without blur, 32 px from memory"
    result[title] = report(title, from_memory(), SMALL, BARS_32, arguments)
    if arguments.write:
        shown = "photographs" if arguments.images else "noise over a gradient"
        path = save(
            beside_large_pages(Path(__file__).stem),
            {"images of the first table": shown, "batch": BATCH, "tables": result},
        )
        path.with_suffix(".md").write_text(markdown(result))
        print(f"wrote {path} and its table as Markdown")


def _one_thread_for_cv2() -> dict[str, Any]:
    import cv2

    cv2.setNumThreads(0)
    return {}


if __name__ == "__main__":
    main()
