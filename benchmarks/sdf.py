"""What does `jointaug.difficulty.sdf` cost, beside bare augmentation and bare forward passes of the encoder?

    python benchmarks/sdf.py --write            # one CPU core, or the GPU where there is one

An encoder of ResNet-18's size at 96 pixels; every round times both in turn. The overhead is what sdf takes beyond
``encoder(torch.cat(fused(batch, addresses=...)))`` for the same images, draws and batches: comparing, keeping pairs and
what was drawn, statistics, and waiting.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch
from interleaved import interleaved, one_core, ratio, save, summary
from torch import Tensor, nn
from torchvision.models import resnet18
from torchvision.transforms import v2

from jointaug import Addresses, JointBlur, JointCrop, PerView, fuse
from jointaug.difficulty import sdf

SIDE, DRAWS = 96, 2
NORMALIZE = v2.Compose(
    [
        v2.RandomHorizontalFlip(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ]
)
POLICY = v2.Compose([JointCrop(SIDE), JointBlur(), PerView(NORMALIZE)])


def bare(encoder: nn.Module, images: Tensor, batch_size: int) -> None:
    """The same views and embeddings, and nothing of them kept."""
    fused = fuse(POLICY)
    with torch.no_grad():
        for start in range(0, len(images), batch_size):
            batch = images[start : start + batch_size]
            index = torch.arange(start, start + len(batch), device=images.device)
            for draw in range(DRAWS):
                encoder(torch.cat(fused(batch, addresses=Addresses(0, 0, index, draw))))
    if images.is_cuda:
        torch.cuda.synchronize()


def main() -> None:
    """Time and print; with ``--write`` keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--images", type=int, help="default: 64 on a CPU, 8192 on a GPU")
    parser.add_argument("--write", action="store_true", help="write results/sdf.json")
    arguments = parser.parse_args()
    gpu = torch.cuda.is_available()
    if not gpu:
        one_core()
    device = torch.device("cuda" if gpu else "cpu")
    count, batch_size = arguments.images or (8192 if gpu else 64), 512 if gpu else 32
    images = torch.randint(256, (count, 3, SIDE, SIDE), dtype=torch.uint8, device=device)
    encoder = resnet18()
    encoder.fc = nn.Identity()
    encoder = encoder.to(device).eval()
    result: dict[str, Any] = {"device": torch.cuda.get_device_name() if gpu else "cpu", "images": count, "draws": DRAWS}
    result["batch_size"] = batch_size
    seconds = interleaved(
        {
            "sdf": lambda: sdf(encoder, images, POLICY, draws=DRAWS, batch_size=batch_size),
            "sdf, pairs not kept": lambda: sdf(
                encoder, images, POLICY, draws=DRAWS, batch_size=batch_size, keep_pairs=False
            ),
            "bare": lambda: bare(encoder, images, batch_size),
        },
        rounds=arguments.rounds,
    )
    for name in ("sdf", "sdf, pairs not kept"):
        found = ratio(seconds[name], seconds["bare"])
        result[name] = {"seconds": summary(seconds[name]), "ratio_to_bare": found}
        print(
            f"{name}: {100 * (found['median'] - 1):+.1f} % over bare passes "
            f"[{100 * (found['quartile_1'] - 1):+.1f}, {100 * (found['quartile_3'] - 1):+.1f}]"
        )
    result["bare_seconds"] = summary(seconds["bare"])
    result["pairs_per_second"] = count * DRAWS / result["sdf"]["seconds"]["median"]
    if arguments.write:
        print(f"wrote {save(Path(__file__).stem, result)}")


if __name__ == "__main__":
    main()
