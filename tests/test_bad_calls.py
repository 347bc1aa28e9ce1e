"""Bad calls of what makes and serves views: each is refused here, with the argument's name and a remedy."""

from __future__ import annotations

import traceback
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision import tv_tensors
from torchvision.transforms import v2

import jointaug
from jointaug import (
    Address,
    AddressedDataset,
    Addresses,
    ContrastiveCrop,
    CropBox,
    JointColor,
    JointCrop,
    JointTransform,
    MultiResolution,
    MultiView,
    PerView,
    Shared,
    UncroppedView,
    Views,
    views_at,
)
from jointaug.distributions import IndependentPair, JointLogRatio, JointPair
from jointaug.neighbors import NeighborDataset

IMAGE = torch.rand(3, 24, 24, generator=torch.Generator().manual_seed(0))
FLIP = v2.RandomHorizontalFlip()
CROP = JointCrop(8)
PAIR = Views([IMAGE, IMAGE])
MASK = tv_tensors.Mask(torch.zeros(4, 4))
LAW = JointPair(0, 0.6, 1.4)
ARRAY = np.zeros((4, 4, 3), dtype=np.uint8)
PARAMS = JointCrop(8).make_params([IMAGE])

CALLS = {
    # wrong type
    "Address(None)": (lambda: Address(None, 0, 0), "seed must be an integer"),
    "Address of a tensor": (lambda: Address(0, 0, torch.tensor(3)), "index must be an integer"),
    "Address.step": (lambda: Address(0, 0, 0).step(None), "child must be an integer of at least 0, got None"),
    "Address.view": (lambda: Address(0, 0, 0).view("a"), "view must be an integer of at least 0, got 'a'"),
    "Addresses of a list": (lambda: Addresses(0, 0, [1, 2]), "index must be an int64 tensor"),
    "views_at: pipeline": (lambda: views_at(3, Address(0, 0, 0), IMAGE), "pipeline must be a callable .*, got 3"),
    "views_at: class": (lambda: views_at(JointCrop, Address(0, 0, 0), IMAGE), r"call it: JointCrop\("),
    "views_at: address": (lambda: views_at(FLIP, 3, IMAGE), r"write Address\(seed, epoch, index\)"),
    "views_at: inputs": (lambda: views_at(FLIP, Address(0, 0, 0)), "inputs must be a sample, got none"),
    "Views(3)": (lambda: Views(3), r"views must be an iterable of samples, got one int; write Views\("),
    "Views(None)": (lambda: Views(None), "got one NoneType"),
    "Views(bytes)": (lambda: Views(b"abc"), "got one bytes"),
    "Views + 3": (lambda: PAIR + 3, "got one int; write Views"),
    "Views + image": (lambda: PAIR + IMAGE, "got one Tensor; write Views"),
    "MultiView(list)": (lambda: MultiView([FLIP]), "pass transforms one by one"),
    "MultiView(class)": (lambda: MultiView(JointCrop), "got the class .*; call it"),
    "MultiView of a path": (lambda: MultiView(FLIP)("a.png"), r"PIL.Image.open first"),
    "fused of a path": (lambda: jointaug.fuse(FLIP)("a.png"), "got str; open files with PIL.Image.open first"),
    "fused of an array": (lambda: jointaug.fuse(FLIP)(ARRAY), "got ndarray; convert arrays with v2.ToImage"),
    "fused of a path and a label": (
        lambda: jointaug.fuse(FLIP)("a.png", 3),
        "got str 'a.png', int 3; open files with PIL",
    ),
    "fused of an array and a label": (
        lambda: jointaug.fuse(FLIP)(ARRAY, 3),
        r"got an array of shape \(4, 4, 3\), .*ToImage",
    ),
    "fused of arrays": (
        lambda: jointaug.fuse(FLIP)([ARRAY]),
        r"batch\[0\] must .* ndarray of shape \(4, 4, 3\); convert arr",
    ),
    "MultiView of nothing": (lambda: MultiView(FLIP)(), "got nothing"),
    "MultiView.transform": (lambda: MultiView(FLIP).transform(IMAGE, {}), r"fuse\(pipeline\).make_params\(images\)"),
    "PerView.make_params": (lambda: PerView(FLIP).make_params([IMAGE]), r"ask a transform inside, as in crop.make_p"),
    "PerView of a list": (lambda: PerView(FLIP)([IMAGE, IMAGE]), "takes views, got list; put a view maker before"),
    "step of none": (lambda: PerView(lambda: 3)(PAIR), "a step must take the 1 arguments of a sample"),
    "step of two": (lambda: PerView(lambda a, b: a)(PAIR), "missing 1 required positional argument: 'b'"),
    "Shared of two": (lambda: Shared(FLIP, FLIP), r"Shared takes one transform for all views, got 2; write Shared\(v2"),
    "JointCrop('a')": (lambda: JointCrop("a"), "size must be a positive integer"),
    "JointCrop(tensor)": (lambda: JointCrop(torch.tensor(8)), "size must be a positive integer"),
    "interpolation=None": (lambda: JointCrop(8, interpolation=None), "write interpolation='bilinear'"),
    "interpolation=2.0": (lambda: JointCrop(8, interpolation=2.0), "its name or Pillow's number, got 2.0"),
    "interpolation=True": (lambda: UncroppedView(8, interpolation=True), "its name or Pillow's number, got True"),
    "interpolation=[]": (lambda: MultiResolution((8,), interpolation=[]), r"its name or Pillow's number, got \[\]"),
    "law=3": (lambda: JointCrop(8, law=3), "must be a PairLaw"),
    "law=ratio": (lambda: JointCrop(8, law=JointLogRatio(0, 0.2, 1)), "must be a PairLaw"),
    "law=class": (lambda: JointCrop(8, law=IndependentPair), "must be a PairLaw"),
    "make_params(None)": (lambda: CROP.make_params(None), r"write make_params\(\[image\]\)"),
    "make_params(image)": (lambda: CROP.make_params(IMAGE), r"got Tensor; write make_params\(\[image\]\)"),
    "make_params(views)": (lambda: CROP.make_params(PAIR), r"got Views; write make_params\(\[image\]\)"),
    "params={}": (lambda: CROP.transform(IMAGE, {}), r"params must hold 'box', got \[\]; take them from make_params"),
    "params=None": (lambda: CROP.transform(IMAGE, None), "must hold 2 values of each parameter, got None"),
    "params of one": (lambda: CROP.transform(IMAGE, {"box": [(0, 0, 4, 4)]}), "must hold 2 values of each"),
    "joint=3": (lambda: JointColor(joint=3), r"joint must be names of operations, got 3; write joint="),
    "joint=None": (lambda: JointColor(joint=None), "joint must be names of operations, got None"),
    "color law=3": (lambda: JointColor(law=3), "law must be a dict of laws by operation, got 3"),
    "color law=law": (lambda: JointColor(law=LAW), "law must be a dict of laws by operation"),
    "laws=None": (lambda: JointTransform(None), "laws must be a dict of a law for each parameter's name, got None"),
    "laws=[1]": (lambda: JointTransform([1]), r"laws must be a dict .*, got \[1\]"),
    "alpha=None": (lambda: ContrastiveCrop(8, alpha=None), "alpha must be a positive number, got None"),
    "CropBox(None)": (lambda: CropBox(None), r"four numbers \(left, top, right, bottom\), got None"),
    "CropBox(strings)": (lambda: CropBox(["a", "b", "c", "d"]), "four numbers"),
    "data=3": (lambda: AddressedDataset(3, FLIP), "dataset must be map-style"),
    "swapped": (
        lambda: AddressedDataset(v2.Compose([CROP]), [IMAGE]),
        r"got Compose; data set first, then pipeline: AddressedDataset\(images, pipeline\)",
    ),
    "swapped, with a length": (
        lambda: AddressedDataset(torch.nn.Sequential(CROP), [IMAGE]),
        "got Sequential; data set first, then pipeline",
    ),
    "not swapped": (lambda: jointaug.fuse(CROP).loader(FLIP, 2), "got RandomHorizontalFlip; an iterable one"),
    "data=bytes": (lambda: AddressedDataset(b"ab", FLIP), "dataset must be map-style"),
    "data=text": (lambda: NeighborDataset("ab", FLIP), "dataset must be map-style"),
    "pipeline=None": (lambda: NeighborDataset([IMAGE], None), "pipeline must be a callable of a sample, got None"),
    "pipeline=class": (lambda: AddressedDataset([IMAGE], JointCrop), r"call it: JointCrop\(\.\.\.\)"),
    "data of nothing": (lambda: AddressedDataset([()], CROP)[0], "inputs must be a sample, got none"),
    "pairs of nothing": (lambda: NeighborDataset([()], CROP)[0], "inputs must be a sample, got none"),
    "data of None": (lambda: AddressedDataset([None], CROP)[0], "takes a sample with an image"),
    "positive('a')": (lambda: NeighborDataset([IMAGE], FLIP).positive("a"), "index must be one integer, got 'a'"),
    "views(epoch='a')": (lambda: AddressedDataset([IMAGE], FLIP).views(0, epoch="a"), "epoch must be an integer"),
    # wrong number
    "state={}": (lambda: NeighborDataset([IMAGE], FLIP).load_state_dict({}), r"pass what state_dict\(\) returned"),
    "state=None": (
        lambda: NeighborDataset([IMAGE], FLIP).load_state_dict(None),
        "must have epoch and positives, got N",
    ),
    "three for two": (lambda: CROP.transform(Views([IMAGE] * 3), PARAMS), "2 views that share the parameters, got 3"),
    "three views": (lambda: CROP(Views([IMAGE] * 3)), "couples every 2 consecutive views, got 3"),
    "no views": (lambda: CROP(Views([])), "at least one"),
    "uneven views": (lambda: CROP(PAIR, Views([IMAGE])), r"same number of views .*got \[1, 2\]"),
    "draw=-1": (lambda: AddressedDataset([IMAGE], FLIP).views(0, draw=-1), "draw must be an integer in"),
    # wrong dtype, shape, container
    "sparse": (lambda: CROP(IMAGE.to_sparse()), r"must be a dense tensor, .*image.to_dense\(\)"),
    "label first": (lambda: MultiView(FLIP)(torch.tensor(3), IMAGE), "a label must come after the image"),
    "label alone": (lambda: MultiView(FLIP)(torch.zeros(3)), r"got a tensor of shape \(3,\)"),
    "no pixels": (lambda: UncroppedView(8)(torch.zeros(3, 0, 4)), r"at least one pixel, got shape \(3, 0, 4\)"),
    "a line": (lambda: UncroppedView(8)(torch.zeros(4)), r"got shape \(4,\); a grayscale image is \[1, H, W\]"),
    "four channels": (lambda: JointColor(p=0.0)(torch.rand(4, 4, 4)), r"leave out an alpha channel: image\[:3\]"),
    "two channels": (lambda: JointColor(p=1.0)(torch.rand(2, 4, 4)), "one channel or three"),
    "mask alone": (lambda: CROP(MASK), "takes a sample with an image"),
    "texts": (lambda: CROP(Views(["a", "b"])), "a view must hold an image"),
    "array": (lambda: CROP(np.zeros((4, 4, 3), np.uint8)), r"convert arrays with v2.ToImage\(\)"),
}


@pytest.mark.parametrize("name", CALLS)
def test_bad_calls_are_refused_here_with_a_remedy(name):
    """The last frame is ours and raises, the error is one for arguments, and its words are the right ones."""
    call, words = CALLS[name]
    with pytest.raises((TypeError, ValueError), match=words) as caught:
        call()
    frame = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert Path(frame.filename).is_relative_to(Path(jointaug.__file__).parent)
    assert "raise" in (frame.line or "")
    assert "; " in str(caught.value) or ": " in str(caught.value), "the rule, then the remedy"


def test_errors_inside_a_step_are_its_own():
    """Only the call itself is worded anew: what goes wrong inside a user's step stays as it is."""

    def step(image):
        return image + None

    with pytest.raises(TypeError, match="unsupported operand"):
        PerView(step)(PAIR)
