"""Paths say where a step stands; a fingerprint is that of structure and settings, in every process."""

import subprocess
import sys
from functools import partial

import pytest
import torch
from torch import nn
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from jointaug import JointBlur, JointCrop, MultiView, PerView, Shared, fuse
from jointaug.distributions import IndependentPair, JointPair
from jointaug.fusion._origin import Origin

CODE = """
from torchvision.transforms import v2
from jointaug import JointCrop, JointBlur, PerView
tail = v2.Compose([v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8), v2.RandomCrop(8, fill={"others": 3})])
pipeline = v2.Compose([JointCrop(32, beta=1.0), PerView(tail), JointBlur(), v2.Lambda(len)])
pipeline.names = {"a", "b", "c", "d", "e"}
"""


def test_paths():
    jitter = v2.RandomApply([v2.ColorJitter(0.4)], p=0.8)
    pipeline = v2.Compose(
        [
            MultiView(JointCrop(8), v2.Compose([v2.Resize(40), JointCrop(8)])),
            PerView(v2.Compose([v2.Identity(), v2.RandomGrayscale(), jitter])),
            PerView(jitter, jitter, v2.RandomOrder([v2.GaussianBlur(3)]), v2.Identity()),
            Shared(nn.Sequential(v2.RandomInvert())),
            v2.RandomChoice([v2.Compose([JointBlur()]), JointBlur()]),
        ]
    )
    assert list(Origin(pipeline).by_path) == [
        *("0.MultiView.0.JointCrop", "0.MultiView.1.0.Resize", "0.MultiView.1.1.JointCrop"),
        *("1.PerView.0.Identity", "1.PerView.1.RandomGrayscale", "1.PerView.2.RandomApply.0.ColorJitter"),
        *("2.PerView[0].RandomApply.0.ColorJitter", "2.PerView[1].RandomApply.0.ColorJitter"),
        *("2.PerView[2].RandomOrder.0.GaussianBlur", "2.PerView[3].Identity", "3.Shared.0.RandomInvert"),
        *("4.RandomChoice.0.0.JointBlur", "4.RandomChoice.1.JointBlur"),
    ]
    assert list(Origin(JointCrop(8)).by_path) == ["JointCrop"]
    _, record = fuse(pipeline)(torch.rand(2, 3, 50, 50), record=True)
    assert [view[-1].path.rpartition("]")[0] for view in record.history] == [""] * 4
    assert record.history[1][2].path == "1.PerView.1.RandomGrayscale"
    assert record.history[1][4].path == "2.PerView[1].RandomApply.0.ColorJitter"  # the same object stands there twice


def test_the_fingerprint_is_the_same_in_another_process_with_another_hash_seed():
    found = {}
    exec(CODE, found)
    code = f"{CODE}\nfrom jointaug.fusion._origin import Origin\nprint(Origin(pipeline).fingerprint)"
    outputs = [
        subprocess.run(
            [sys.executable, "-c", code], env={**_environment(), "PYTHONHASHSEED": seed}, capture_output=True, text=True
        )
        for seed in ("1", "2")
    ]
    assert all(out.returncode == 0 for out in outputs), outputs[0].stderr
    assert {out.stdout.strip() for out in outputs} == {Origin(found["pipeline"]).fingerprint}


def _environment():
    import os

    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


class Kept(v2.Transform):
    def __init__(self, value):
        super().__init__()
        self.value = value


def halved(images):
    return images / 2


DIFFERENT = {
    "crop": JointCrop(32),
    "size": JointCrop(33),
    "beta": JointCrop(32, beta=1.0),
    "law": JointCrop(32, law=IndependentPair(0.2, 1.0)),
    "decoupled": JointCrop(32, law=JointPair(0.0, 0.2, 1.0).decoupled()),
    "range": JointCrop(32, scale=(0.2, 0.9)),
    "interpolation": JointCrop(32, interpolation="bicubic"),
    "in a list": v2.Compose([JointCrop(32)]),
    "order": v2.Compose([JointCrop(32), PerView(v2.Identity()), PerView(v2.RandomInvert())]),
    "the other order": v2.Compose([JointCrop(32), PerView(v2.RandomInvert()), PerView(v2.Identity())]),
    "p": v2.RandomHorizontalFlip(0.4),
    "another p": v2.RandomHorizontalFlip(0.5),
    "another type": v2.RandomVerticalFlip(0.5),
    "fill": v2.RandomCrop(8, fill={tv_tensors.Image: 3, "others": 0}),
    "another fill": v2.RandomCrop(8, fill={tv_tensors.Mask: 3, "others": 0}),
    "dtype": v2.ToDtype(torch.float32),
    "another dtype": v2.ToDtype(torch.float64),
    "function": v2.Lambda(halved),
    "another function": v2.Lambda(F.invert),
    "arguments": v2.Lambda(partial(F.rotate, angle=3)),
    "other arguments": v2.Lambda(partial(F.rotate, angle=4)),
    "tensor": Kept(torch.tensor([1.0, 2.0])),
    "another tensor": Kept(torch.tensor([1.0, 2.5])),
    "module": Kept(nn.Linear(1, 1)),
    "set": Kept({"a", "b", "c"}),
    "another set": Kept({"a", "b", "d"}),
    "text": Kept("1"),
    "yes": Kept(True),
    "nothing": Kept(None),
}


def test_whatever_differs_has_another_fingerprint():
    found = {name: Origin(transform).fingerprint for name, transform in DIFFERENT.items()}
    assert len(set(found.values())) == len(found)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (JointCrop(32, scale=(0.25, 1)), JointCrop((32, 32), scale=(0.25, 1.0))),
        (v2.Normalize([0.5], [1]), v2.Normalize((0.5,), (1.0,))),
        (Kept(1), Kept(1.0)),
        (Kept({"a", "b", "c"}), Kept({"c", "b", "a"})),
        (JointCrop(32), JointCrop(32, beta=0)),
    ],
)
def test_what_is_the_same_has_the_same(one, other):
    assert Origin(one).fingerprint == Origin(other).fingerprint


def test_use_changes_no_fingerprint():
    pipeline = v2.Compose([JointCrop(8, law=JointPair(0.5, 0.2, 1.0)), JointBlur(), PerView(v2.RandAugment())])
    before = Origin(pipeline).fingerprint
    images = torch.randint(0, 256, (2, 3, 20, 20), dtype=torch.uint8)
    fuse(pipeline)(images)
    pipeline(images[0])
    pipeline.eval()
    assert pipeline.transforms[0].laws["area"].mean is not None
    assert Origin(pipeline).fingerprint == before


def test_what_holds_itself_has_a_fingerprint():
    kept = Kept([])
    kept.value.append(kept.value)
    assert len(Origin(kept).fingerprint) == 32
