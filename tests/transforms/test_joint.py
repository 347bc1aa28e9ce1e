"""The base: what a joint transform's author writes, and what the base does with it."""

from __future__ import annotations

import pickle

import PIL.Image
import pytest
import torch
from scipy import stats
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from jointaug import Address, JointCrop, JointTransform, MultiView, Views, views_at
from jointaug.distributions import JointPair
from jointaug.testing import assert_independent

FAILURE_RATE = 1e-6


class JointSolarize(JointTransform):
    """An author's transform, in ten lines."""

    def __init__(self, threshold=(0.25, 1.0), *, beta=0.0, p=0.5):
        super().__init__({"threshold": JointPair(beta, *threshold)}, p=p)

    def transform_view(self, inpt, params):
        return self._call_kernel(F.solarize, inpt, threshold=params["threshold"])


IMAGE = torch.rand(3, 20, 30, generator=torch.Generator().manual_seed(0))


def test_an_authors_transform_makes_views():
    solarize = JointSolarize(p=1.0)
    torch.manual_seed(0)
    views = solarize(IMAGE)
    torch.manual_seed(0)
    params = solarize.make_params([IMAGE])
    for k, view in enumerate(views):
        assert torch.equal(view, F.solarize(IMAGE, params["threshold"][k]))


def test_an_authors_transform_takes_views():
    views = v2.Compose([JointCrop(8), JointSolarize()])(IMAGE, 3)
    assert type(views[0]) is Views
    assert views[1] == 3


def test_its_parameters_follow_their_law_and_its_rates():
    solarize = JointSolarize((0.25, 1.0), beta=1.0, p=(0.3, 0.9))
    rows = torch.rand(solarize.row_width, 100_000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    params = solarize.params_from_uniform(list(rows), [(1, 1)] * 2)
    u = (params["threshold"][1] / params["threshold"][0]).log()
    law = JointPair(1.0, 0.25, 1.0).log_ratio
    assert stats.kstest(u.numpy(), lambda x: law.cdf(torch.as_tensor(x)).numpy()).statistic < 0.00852  # DKW at 1e-6
    for applied, p in zip(params["applied"], solarize.p, strict=True):
        assert stats.binomtest(int(applied.sum()), 100_000, p).pvalue > FAILURE_RATE
        for threshold in params["threshold"]:
            assert_independent(applied, threshold, FAILURE_RATE)
    both = (params["applied"][0] & params["applied"][1]).sum()
    assert stats.binomtest(int(both), 100_000, 0.3 * 0.9).pvalue > FAILURE_RATE


def test_p_says_which_view_is_transformed():
    first, second = v2.Compose([MultiView(v2.Identity(), v2.Identity()), JointSolarize((0.1, 0.2), p=(1.0, 0.0))])(
        IMAGE
    )
    assert not torch.equal(first, IMAGE)
    assert torch.equal(second, IMAGE)


def test_every_pair_has_its_own_row():
    four = Views([IMAGE] * 4)
    torch.manual_seed(0)
    for views in (JointSolarize(p=1.0)(four), views_at(JointSolarize(p=1.0), Address(0, 0, 0), four)):
        assert not torch.equal(views[0], views[2])


def test_params_are_a_pure_function():
    solarize, row = JointSolarize(), [0.3, 0.4, 0.5, 0.6]
    assert solarize.params_from_uniform(row, [(1, 1)] * 2) == solarize.params_from_uniform(row, [(9, 9)] * 2)
    assert pickle.loads(pickle.dumps(solarize)).params_from_uniform(row, [(1, 1)] * 2) == solarize.params_from_uniform(
        row, [(1, 1)] * 2
    )


def test_only_what_the_kernel_knows_is_touched():
    sample = {
        "image": tv_tensors.Image(IMAGE),
        "mask": tv_tensors.Mask(torch.ones(20, 30)),
        "pil": "text",
        "boxes": tv_tensors.BoundingBoxes([[0, 0, 3, 3]], format="XYXY", canvas_size=(20, 30)),
    }
    for view in JointSolarize((0.1, 0.2), p=1.0)(sample):
        assert not torch.equal(view["image"], sample["image"])
        assert torch.equal(view["mask"], sample["mask"])
        assert torch.equal(view["boxes"], sample["boxes"])


def test_it_prints_itself():
    assert repr(JointSolarize()).startswith("JointSolarize(threshold=JointPair(")
    assert "p=(0.5, 0.5)" in repr(JointSolarize())


def test_a_base_without_a_kernel_says_so():
    with pytest.raises(NotImplementedError, match=r"JointTransform must define transform_view\(inpt, params\)"):
        JointTransform({})(IMAGE)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: JointSolarize(p=1.1), ValueError, r"p must be a probability in \[0, 1\], got 1.1"),
        (lambda: JointSolarize(p=(0.1, -0.1)), ValueError, r"p\[1\] must be a probability"),
        (lambda: JointSolarize(p=(0.1, 0.2, 0.3)), ValueError, "one for each view of a pair, got 3"),
        (lambda: JointSolarize(p="half"), TypeError, "p must be a probability"),
        (lambda: JointSolarize(beta=None), (TypeError, ValueError), "beta"),
        (lambda: JointTransform({"t": 3}), TypeError, "the law of t must be a PairLaw"),
        (lambda: JointSolarize(treshold=(0.1, 1)), TypeError, "no argument 'treshold'.*known are threshold, beta, p"),
        (lambda: JointSolarize()(PIL.Image.new("RGB", (0, 4))), ValueError, "must have pixels"),
    ],
)
def test_wrong_arguments_are_named(make, error, words):
    with pytest.raises(error, match=words):
        make()
