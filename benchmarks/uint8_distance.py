"""How far is a fused chain on uint8 from v2's own uint8 chain, and from v2 run in float? In grey levels.

    python benchmarks/uint8_distance.py --images DIR [--write]

The MoCo v2 colors (jitter, grayscale, blur) with the draws of the fused plan, put through torchvision's functions image
by image: on uint8, where every step truncates, and on float32, rounded once at the end.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch
from interleaved import save
from joint_crop import picture
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from jointaug import Addresses, fuse
from jointaug.image_files import image_files

NAMES = ("brightness", "contrast", "saturation", "hue")


def main() -> None:
    """Compare, print, and write with ``--write``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", required=True, help="a folder of photographs")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    files = image_files(arguments.images, deep=False)[: arguments.count]
    batch = torch.stack([F.resize(F.pil_to_tensor(picture(str(path))), [224, 224]) for path in files])
    pipeline = v2.Compose(
        [v2.ColorJitter(0.4, 0.4, 0.4, 0.1), v2.RandomGrayscale(0.2), v2.GaussianBlur(23, (0.1, 2.0))]
    )
    fused = fuse(pipeline)
    plan = fused.make_params(batch, addresses=Addresses(0, 0, torch.arange(len(batch))))
    ours = fused.transform(batch, plan).int()
    jitter, gray, blur = (drawn.params for drawn in plan.drawn)

    def chain(image: torch.Tensor, i: int) -> torch.Tensor:
        for operation in jitter["order"][i].tolist():
            image = getattr(F, f"adjust_{NAMES[operation]}")(image, jitter[NAMES[operation]][i].item())
        image = F.rgb_to_grayscale(image, 3) if gray["applied"][i] else image
        return F.gaussian_blur(image, [23, 23], [blur["sigma"][i].item()] * 2)

    result: dict[str, Any] = {"images": len(batch)}
    for name, other in (
        ("v2 on uint8", torch.stack([chain(image, i) for i, image in enumerate(batch)])),
        ("v2 in float, rounded once", torch.stack([(chain(im / 255, i) * 255).round() for i, im in enumerate(batch)])),
    ):
        difference = ours - other.int()
        result[name] = {
            "greatest": difference.abs().max().item(),
            "mean": difference.double().mean().item(),
            "mean absolute": difference.abs().double().mean().item(),
            "share over one level": (difference.abs() > 1).double().mean().item(),
        }
        print(f"fused minus {name}: {result[name]}")
    if arguments.write:
        print(f"wrote {save(Path(__file__).stem, result)}")


if __name__ == "__main__":
    main()
