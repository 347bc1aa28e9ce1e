"""Whole pipelines beside the peers': two views of the MoCo v2 list, image by image on one core, and batched.

    benchmarks/peers.sh && .venv-peers/bin/python benchmarks/pipelines.py [--images DIR] [--write]

Per image means both views, decoding excluded. Image by image: 500 x 375 to 224, what a DataLoader's worker does, one
core. Batched, all cores: every image with its own draw, per view;
kornia and torchaug as their documentation says, torchaug with
``num_chunks=-1`` (otherwise images share their draws). Every round gives each case its turn; the first call is not
measured. Peers that are not installed are left out and named.
"""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch
from interleaved import interleaved, machine, ratio, save, summary
from joint_crop import moco, picture
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from jointaug import JointBlur, JointCrop, MultiView, PerView, fuse
from jointaug.image_files import image_files

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
BATCHES = ((256, 32), (64, 96), (64, 224))


def photos(folder: str | None) -> list[PIL.Image.Image]:
    """Eight images of 500 x 375."""
    if folder is None:
        return [picture(None)] * 8
    return [picture(str(path)) for path in image_files(folder, deep=False)[:8]]


def per_image(images: list[PIL.Image.Image]) -> dict[str, Callable[[], Any]]:
    """Both views of each image, one after the other."""
    tensors = [F.pil_to_tensor(image) for image in images]
    arrays = [np.asarray(image) for image in images]
    crop = v2.RandomResizedCrop(224, (0.2, 1.0))
    blur = PerView(v2.RandomApply([v2.GaussianBlur(23, (0.1, 2.0))], p=0.5))
    classic = moco(blur, MultiView(crop, crop))
    joint = moco(JointBlur(), JointCrop(224))
    fused, fused_classic = fuse(joint), fuse(classic)

    def every(pipeline: Callable[[Any], Any], inputs: list[Any]) -> Callable[[], Any]:
        return lambda: [pipeline(image) for image in inputs]

    cases = {
        "jointaug, fuse on the list": lambda: fused(tensors),
        "jointaug, fuse of the v2 list": lambda: fused_classic(tensors),
        "jointaug, image by image": every(joint, tensors),
        "torchvision v2, tensors": every(classic, tensors),
        "torchvision v2, PIL": every(_with_pil_blur(crop), images),
    }
    try:
        from lightly.transforms import MoCoV2Transform

        cases["lightly"] = every(MoCoV2Transform(input_size=224), images)
    except ImportError as error:
        print(f"not measured: lightly ({error})")
    try:
        cases["albumentations"] = every(_albumentations(), arrays)
    except ImportError as error:
        print(f"not measured: albumentations ({error})")
    return cases


def _with_pil_blur(crop: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """MoCo's own list: Pillow's blur with radius = sigma."""
    from PIL import ImageFilter

    def blur(image: PIL.Image.Image) -> PIL.Image.Image:
        return image.filter(ImageFilter.GaussianBlur(0.1 + 1.9 * torch.rand(()).item()))

    to_tensor = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)])
    one = v2.Compose(
        [
            crop,
            v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
            v2.RandomGrayscale(0.2),
            v2.RandomApply([v2.Lambda(blur, PIL.Image.Image)], p=0.5),
            v2.RandomHorizontalFlip(),
            to_tensor,
        ]
    )
    return lambda image: (one(image), one(image))


def _albumentations() -> Callable[[Any], Any]:
    import albumentations as A
    from albumentations.pytorch import ToTensorV2

    one = A.Compose(
        [
            A.RandomResizedCrop(size=(224, 224), scale=(0.2, 1.0)),
            A.ColorJitter((0.6, 1.4), (0.6, 1.4), (0.6, 1.4), (-0.1, 0.1), p=0.8),
            A.ToGray(p=0.2),
            A.GaussianBlur(blur_limit=0, sigma_limit=(0.1, 2.0), p=0.5),
            A.HorizontalFlip(p=0.5),
            A.Normalize(MEAN, STD),
            ToTensorV2(),
        ]
    )
    return lambda image: (one(image=image)["image"], one(image=image)["image"])


def batched(count: int, side: int) -> dict[str, Callable[[], Any]]:
    """One view of a batch of uint8 images."""
    images = torch.randint(
        0, 256, (count, 3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    kernel = max(3, side // 10 // 2 * 2 + 1)
    one = v2.Compose(
        [
            v2.RandomResizedCrop(side, (0.2, 1.0)),
            v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
            v2.RandomGrayscale(0.2),
            v2.RandomApply([v2.GaussianBlur(kernel, (0.1, 2.0))], p=0.5),
            v2.RandomHorizontalFlip(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(MEAN, STD),
        ]
    )
    fused = fuse(one)
    cases: dict[str, Callable[[], Any]] = {
        "jointaug": lambda: fused(images),
        "jointaug, draws alone": lambda: fused.make_params(images),
    }
    try:
        import kornia.augmentation as K

        chain = torch.nn.Sequential(
            K.RandomResizedCrop((side, side), scale=(0.2, 1.0)),
            K.ColorJitter(0.4, 0.4, 0.4, 0.1, p=0.8),
            K.RandomGrayscale(p=0.2),
            K.RandomGaussianBlur((kernel, kernel), (0.1, 2.0), p=0.5),
            K.RandomHorizontalFlip(p=0.5),
            K.Normalize(torch.tensor(MEAN), torch.tensor(STD)),
        )
        cases["kornia"] = lambda: chain(images.float() / 255)
    except ImportError as error:
        print(f"not measured: kornia ({error})")
    try:
        import torchaug.transforms as ta

        own = ta.SequentialTransform(
            [
                ta.RandomResizedCrop(side, (0.2, 1.0), num_chunks=-1, batch_transform=True),
                ta.RandomColorJitter(0.4, 0.4, 0.4, 0.1, p=0.8, num_chunks=-1, batch_transform=True),
                ta.RandomGrayscale(0.2, batch_transform=True),
                ta.RandomGaussianBlur(kernel, (0.1, 2.0), p=0.5, batch_transform=True),
                ta.RandomHorizontalFlip(0.5, batch_transform=True),
                ta.Normalize(MEAN, STD),
            ]
        )
        cases["torchaug"] = lambda: own(images.float() / 255)
    except ImportError as error:
        print(f"not measured: torchaug ({error})")
    return cases


def report(title: str, cases: dict[str, Callable[[], Any]], per: int, rounds: int) -> dict[str, Any]:
    """Time the cases and print a table, ours first."""
    seconds = interleaved(cases, rounds=rounds)
    ours = next(iter(cases))
    print(f"\n{title}")
    table = {}
    for name, values in seconds.items():
        to_ours = ratio(values, seconds[ours])
        table[name] = {"ms": summary([1e3 * v / per for v in values]), "times_ours": to_ours}
        ms = table[name]["ms"]
        print(
            f"  {name:32s} {ms['median']:8.4f} ms [{ms['quartile_1']:.4f}, {ms['quartile_3']:.4f}]"
            f"  x {to_ours['median']:.2f} [{to_ours['quartile_1']:.2f}, {to_ours['quartile_3']:.2f}]"
        )
    return table


def markdown(result: dict[str, Any]) -> str:
    """The tables for a page of the documentation, with the machine they come from."""
    about = machine()
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    lines = [f"Measured on {about['processor']}, {about['date']}, commit {about['commit']}, with {versions}.", ""]
    for title, table in result.items():
        lines += [
            f"**{title}**",
            "",
            "| library | median | quartiles | times ours (quartiles) |",
            "| --- | --- | --- | --- |",
        ]
        for name, row in table.items():
            ms, times = row["ms"], row["times_ours"]
            lines.append(
                f"| {name} | {ms['median']:.3f} | {ms['quartile_1']:.3f} to {ms['quartile_3']:.3f} | "
                f"{times['median']:.2f} ({times['quartile_1']:.2f} to {times['quartile_3']:.2f}) |"
            )
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Time, print, and write with ``--write``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", help="a folder of photographs; noise over a gradient by default")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--write", action="store_true", help="keep the result in benchmarks/results")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    cores = os.sched_getaffinity(0)
    print(machine()["processor"])
    result: dict[str, Any] = {}
    images = photos(arguments.images)
    os.sched_setaffinity(0, {min(cores)})
    torch.set_num_threads(1)
    title = "two views of the MoCo v2 list, 500 x 375 to 224, one core, ms an image"
    result[title] = report(title, per_image(images), len(images), arguments.rounds)
    os.sched_setaffinity(0, cores)
    torch.set_num_threads(len(cores))
    for count, side in BATCHES:
        title = f"batch of {count} x 3 x {side} x {side}, {len(cores)} cores, ms an image and view"
        result[title] = report(title, batched(count, side), count, arguments.rounds)
    if arguments.write:
        shown = "photographs" if arguments.images else "noise over a gradient"
        path = save(Path(__file__).stem, {"images of the first table": shown, "tables": result})
        path.with_suffix(".md").write_text(markdown(result))
        print(f"wrote {path} and its table as Markdown")


if __name__ == "__main__":
    main()
