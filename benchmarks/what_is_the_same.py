"""Where v2's PIL and tensor kernels, its uint8 and its floats, and our two executors differ, and by how much.

    python benchmarks/what_is_the_same.py --images DIR [--write]

Every step has its parameters fixed, so that nothing is random and all forms do the same. Differences are in gray
levels, over all values of all images (results in float count 255 levels, and are not rounded).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch
from interleaved import RESULTS, save
from joint_crop import picture
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from jointaug import Address, Addresses, JointBlur, JointColor, JointCrop, PerView, fuse, views_at

COLORS = [v2.ColorJitter(**{name: (f, f)}) for name, f in (("brightness", 1.3), ("contrast", 0.7), ("saturation", 1.4))]
STEPS: dict[str, list[Any]] = {
    "resize, nearest": [v2.Resize((160, 200), "nearest")],
    "resize, bilinear": [v2.Resize((160, 200), "bilinear")],
    "resize, bicubic": [v2.Resize((160, 200), "bicubic")],
    "enlarge, bicubic": [v2.Resize((300, 280), "bicubic")],
    "brightness": COLORS[:1],
    "contrast": COLORS[1:2],
    "saturation": COLORS[2:],
    "hue": [v2.ColorJitter(hue=(0.08, 0.08))],
    "grayscale": [v2.Grayscale(3)],
    "Gaussian blur": [v2.GaussianBlur(23, (1.5, 1.5))],
    "invert": [v2.RandomInvert(1.0)],
    "posterize": [v2.RandomPosterize(4, 1.0)],
    "equalize": [v2.RandomEqualize(1.0)],
    "flip, crop": [v2.RandomHorizontalFlip(1.0), v2.CenterCrop(180)],
    "resize, three colors, blur": [v2.Resize((160, 200)), *COLORS, v2.GaussianBlur(23, (1.5, 1.5))],
    "resize, three colors, blur, bicubic": [v2.Resize((160, 200), "bicubic"), *COLORS, v2.GaussianBlur(23, (1.5, 1.5))],
}
OURS = {
    "JointCrop": JointCrop(160),
    "JointCrop, bicubic": JointCrop(160, interpolation="bicubic"),
    "JointBlur": v2.Compose([JointCrop(160), JointBlur(p=1.0)]),
    "JointColor": v2.Compose([JointCrop(160), JointColor(p=1.0)]),
    "JointCrop, v2 colors and blur": v2.Compose(
        [JointCrop(160), PerView(v2.Compose(STEPS["resize, three colors, blur"][1:]))]
    ),
}
TO_FLOAT = v2.ToDtype(torch.float32, scale=True)


def levels(images: Any) -> Tensor:
    """Gray levels of a batch, or of a list of images of any kind, as float64."""
    if isinstance(images, Tensor):
        return images.double() * (1 if images.dtype == torch.uint8 else 255)
    return torch.stack([levels(image if isinstance(image, Tensor) else F.pil_to_tensor(image)) for image in images])


def apart(first: Any, second: Any) -> dict[str, float]:
    """Greatest and mean absolute difference."""
    difference = (levels(first) - levels(second)).abs()
    return {"greatest": difference.max().item(), "mean": difference.mean().item()}


def of_steps(steps: list[Any], pils: list[Any]) -> dict[str, dict[str, float]]:
    """The forms of a pipeline of v2 compared."""
    pipeline, uint8 = v2.Compose(steps), torch.stack([F.pil_to_tensor(image) for image in pils])
    floats = TO_FLOAT(uint8)
    on_pil, on_uint8, on_float = ([pipeline(image) for image in kind] for kind in (pils, uint8, floats))
    fused = {name: fuse(pipeline)(batch) for name, batch in (("PIL", pils), ("uint8", uint8), ("float", floats))}
    return {
        "v2: PIL, uint8": apart(on_pil, on_uint8),
        "v2: uint8, float": apart(on_uint8, on_float),
        "fused, v2: uint8": apart(fused["uint8"], on_uint8),
        "fused, v2: float": apart(fused["float"], on_float),
        "fused, v2: PIL": apart(fused["PIL"], on_pil),
        "fused uint8, v2 float": apart(fused["uint8"], on_float),
    }


def of_ours(pipeline: Any, pils: list[Any]) -> dict[str, dict[str, float]]:
    """Both executors compared, at the same addresses."""
    uint8 = torch.stack([F.pil_to_tensor(image) for image in pils])
    result = {}
    for name, images in {"uint8": uint8, "float": TO_FLOAT(uint8), "PIL": pils}.items():
        views = fuse(pipeline)(images, addresses=Addresses(0, 0, torch.arange(len(pils))))
        alone = [views_at(pipeline, Address(0, 0, i), image) for i, image in enumerate(images)]
        each = [apart(view, [of_image[k] for of_image in alone]) for k, view in enumerate(views)]
        result[name] = {key: max(d[key] for d in each) for key in each[0]}
    return result


def markdown(result: dict[str, Any]) -> str:
    """Two tables: greatest difference, and in brackets the mean of its size."""
    lines = []
    for title, table in result["tables"].items():
        names = list(next(iter(table.values())))
        lines += [f"| {title} | " + " | ".join(names) + " |", "| --- |" + " --- |" * len(names)]
        for row, cells in table.items():
            told = [f"{cells[name]['greatest']:.1f} ({cells[name]['mean']:.2f})" for name in names]
            lines.append(f"| {row} | " + " | ".join(told) + " |")
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Compare, print, and write with ``--write``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", required=True, help="a folder of photographs")
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    files = sorted(p for p in Path(arguments.images).iterdir() if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
    pils = [picture(str(path)).resize((260, 200)) for path in files[: arguments.count]]
    tables = {
        "steps of v2": {name: of_steps(steps, pils) for name, steps in STEPS.items()},
        "our steps, fused and image by image": {name: of_ours(pipeline, pils) for name, pipeline in OURS.items()},
    }
    result = {"images": len(pils), "tables": tables}
    print(markdown(result))
    if arguments.write:
        print(f"wrote {save(Path(__file__).stem, result)}")
        (RESULTS / f"{Path(__file__).stem}.md").write_text(markdown(result))


if __name__ == "__main__":
    main()
