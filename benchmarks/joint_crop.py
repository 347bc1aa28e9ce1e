"""What does a joint transform cost beside the torchvision transforms that it replaces? One core, one image.

    python benchmarks/joint_crop.py [--image FILE] [--write]

The image is 500 x 375 (by default one of noise over a gradient, made here). Every round gives each case its turn.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import PIL.Image
import torch
from interleaved import interleaved, machine, one_core, ratio, save, summary
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from jointaug import JointBlur, JointCrop, MultiView, PerView
from jointaug.image_files import read_image


def picture(path: str | None) -> PIL.Image.Image:
    """500 x 375 pixels."""
    if path is not None:
        return read_image(path).resize((500, 375))
    generator = torch.Generator().manual_seed(0)
    ramp = torch.linspace(0, 255, 500).expand(3, 375, 500) * torch.tensor([1.0, 0.7, 0.4])[:, None, None]
    noise = 20 * torch.randn(3, 375, 500, generator=generator)
    return F.to_pil_image((ramp + noise).clamp(0, 255).byte())


def moco(blur: object, maker: object) -> v2.Compose:
    """The MoCo v2 list with a blur of its own."""
    before = v2.Compose([v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8), v2.RandomGrayscale(0.2)])
    after = v2.Compose(
        [
            v2.RandomHorizontalFlip(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    return v2.Compose([maker, PerView(before), blur, PerView(after)])


def main() -> None:
    """Time, print, and write with ``--write``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", help="a picture file; noise over a gradient by default")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--write", action="store_true", help="keep the result in benchmarks/results")
    arguments = parser.parse_args()
    one_core()
    torch.manual_seed(0)
    pil = picture(arguments.image)
    planar = F.pil_to_tensor(pil).contiguous()
    channels_last = planar.contiguous().permute(1, 2, 0).contiguous().permute(2, 0, 1)
    crop, joint = v2.RandomResizedCrop(224, (0.2, 1.0)), JointCrop(224)
    blur = PerView(v2.RandomApply([v2.GaussianBlur(23, (0.1, 2.0))], p=0.5))
    questions = {}
    for name, image in {"uint8 tensor": planar, "uint8 channels-last": channels_last, "PIL": pil}.items():
        questions[f"two crops, {name}"] = (
            lambda image=image: joint(image),
            lambda image=image: (crop(image), crop(image)),
        )
    questions["parameters of a pair"] = (
        lambda: joint.make_params([planar]),
        lambda: (crop.make_params([planar]), crop.make_params([planar])),
    )
    ours = moco(JointBlur(), MultiView(crop, crop))
    theirs = moco(blur, MultiView(crop, crop))
    questions["two-view MoCo v2 list on tensors, JointBlur against v2.GaussianBlur(23)"] = (
        lambda: ours(planar),
        lambda: theirs(planar),
    )
    result = {}
    print(machine()["processor"])
    for name, (mine, peer) in questions.items():
        seconds = interleaved({"ours": mine, "torchvision": peer}, rounds=arguments.rounds)
        result[name] = {
            "ours_s": summary(seconds["ours"]),
            "torchvision_s": summary(seconds["torchvision"]),
            "ratio": ratio(seconds["ours"], seconds["torchvision"]),
        }
        r = result[name]["ratio"]
        print(
            f"{name}: ours {1e3 * result[name]['ours_s']['median']:.3f} ms, torchvision "
            f"{1e3 * result[name]['torchvision_s']['median']:.3f} ms, ratio {r['median']:.2f} "
            f"[{r['quartile_1']:.2f}, {r['quartile_3']:.2f}]"
        )
    if arguments.write:
        print(f"wrote {save(Path(__file__).stem, {'questions': result})}")


if __name__ == "__main__":
    main()
