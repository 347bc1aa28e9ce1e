"""What several tests of this folder share: images, policies, networks."""

from __future__ import annotations

import numpy as np
import torch
from torchvision.transforms import v2

from jointaug import JointBlur, JointCrop, MultiView, PerView
from jointaug.difficulty import ScoreNetwork

GENERATOR = torch.Generator().manual_seed(0)
COLORS = torch.rand(12, 3, 20, 24, generator=GENERATOR)


def mean_color(views):
    return views.double().mean((2, 3))


# A linear ramp, from 0 to slope * 7 radians, in gray. A crop of a quarter of 8 x 8 pixels starts in one of 5 columns,
# each as likely as another, and its mean says which; the encoder puts it on a circle, as an angle.
SIDE, STARTS = 8, 5
QUARTER = JointCrop(SIDE // 2, scale=(0.25, 0.25), ratio=(1.0, 1.0))


def ramps(slopes):
    """[N, 1, 8, 8]"""
    return (slopes[:, None] * torch.arange(SIDE))[:, None, None, :].expand(-1, -1, SIDE, -1).float()


def on_a_circle(views):
    angle = views.double().mean((1, 2, 3))
    return torch.stack([angle.cos(), angle.sin()], 1)


def expected_cosine(slope):
    """E cos(slope (i - j)) for independent i, j uniform on 0, ..., 4: the squared length of E exp(1j slope i)."""
    return np.abs(np.exp(1j * np.multiply.outer(slope, np.arange(STARTS))).mean(-1)) ** 2


POLICIES = {
    "joint": v2.Compose([JointCrop(8, beta=2.0), PerView(v2.RandomHorizontalFlip())]),
    "blurred": v2.Compose([JointCrop(8, beta=-2.0), JointBlur(), PerView(v2.RandomGrayscale(0.3))]),
    "classic": MultiView(v2.RandomResizedCrop(8, scale=(0.1, 0.3)), v2.RandomResizedCrop(8, scale=(0.5, 1.0))),
}


PLAIN = JointCrop(8)


def pictures(n=24, size=8):
    """uint8 images of few colors for a score network of 8 pixels."""
    generator = torch.Generator().manual_seed(3)
    coarse = torch.randint(0, 256, (n, 3, size // 4, size // 4), generator=generator, dtype=torch.uint8)
    return coarse.repeat_interleave(4, 2).repeat_interleave(4, 3)


def fresh(conditional=False, **options):
    """A score network of 8 pixels, always the same."""
    torch.manual_seed(0)
    return ScoreNetwork(8, conditional=conditional, **options)
