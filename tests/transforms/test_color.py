"""Joint color: which factors are joint, their laws, the order of operations, torchvision's pixels."""

from __future__ import annotations

import math

import numpy as np
import PIL.Image
import pytest
import torch
from scipy import stats
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from jointaug import JointBlur, JointColor
from jointaug.distributions import IndependentLogRatio, JointLogRatio, JointPair
from jointaug.testing import assert_independent

N = 100_000
KS_BOUND = math.sqrt(math.log(2e6) / (2 * N))  # DKW inequality, failure rate 1e-6
IMAGE = torch.rand(3, 20, 30, generator=torch.Generator().manual_seed(0))
ADJUST = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
NAMES = ("brightness", "contrast", "saturation", "hue")


def params(color, n=N):
    rows = torch.rand(color.row_width, n, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return color.params_from_uniform(list(rows), [(1, 1)] * 2)


def follows(values, law):
    return stats.kstest(values.numpy(), lambda x: law.cdf(torch.as_tensor(x)).numpy()).statistic < KS_BOUND


@pytest.mark.parametrize("joint", [("brightness", "contrast"), ("brightness", "contrast", "saturation"), ()])
def test_the_named_factors_are_joint_and_the_others_independent(joint):
    drawn = params(JointColor(0.4, 0.4, 0.4, 0.1, beta=0.0, joint=joint))
    for name in NAMES[:3]:
        first, second = drawn[name]
        law = JointLogRatio(0.0, 0.6, 1.4) if name in joint else IndependentLogRatio(0.6, 1.4)
        assert follows((second / first).log(), law)
    for shift in drawn["hue"]:
        assert stats.kstest(shift.numpy(), stats.uniform(-0.1, 0.2).cdf).statistic < KS_BOUND
    assert abs(np.corrcoef(*drawn["hue"])[0, 1]) < 5 / math.sqrt(N)


def test_factors_of_different_operations_are_independent():
    drawn = params(JointColor())
    ratios = [(drawn[name][1] / drawn[name][0]).log().numpy() for name in NAMES[:3]]
    for i in range(3):
        for j in range(i):
            assert abs(stats.spearmanr(ratios[i], ratios[j]).statistic) < 5 / math.sqrt(N)


def test_whatever_a_view_draws_tells_nothing_of_the_rest():
    """Factors, shift, order, application, two by two, across the views too; but not an operation's own two."""
    drawn = params(JointColor(0.4, 0.4, 0.4, 0.1, p=(0.7, 0.4)))
    columns = [(name, k, drawn[name][k]) for name in (*NAMES, "applied") for k in (0, 1)]
    columns += [("order", k, drawn["order"][k] @ torch.tensor([64, 16, 4, 1])) for k in (0, 1)]
    for i, (name, k, first) in enumerate(columns):
        for other, _, second in columns[:i]:
            if name != other:
                assert_independent(first, second, 1e-6 / 66)
        if name == "applied":
            assert stats.binomtest(int(first.sum()), N, (0.7, 0.4)[k]).pvalue > 1e-6


def test_every_order_is_equally_likely_and_the_views_orders_are_independent():
    first, second = (
        np.unique(order.numpy(), axis=0, return_inverse=True)[1].ravel() for order in params(JointColor())["order"]
    )
    assert stats.chisquare(np.bincount(first, minlength=24)).pvalue > 1e-6
    assert stats.chisquare(np.bincount(first * 24 + second, minlength=576)).pvalue > 1e-6


def test_one_image_gets_the_parameters_of_its_batch():
    color = JointColor(0.8, (0.5, 2.0), 1.0, 0.2, beta=-1.0, p=(0.8, 0.3))
    rows = torch.rand(color.row_width, 200, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    batch = color.params_from_uniform(list(rows), [(1, 1)] * 2)
    for i in range(200):
        one = color.params_from_uniform(rows[:, i].tolist(), [(1, 1)] * 2)
        for name in NAMES:
            assert one[name] == pytest.approx([value[i].item() for value in batch[name]], rel=1e-12)
        assert [list(order) for order in one["order"]] == [order[i].tolist() for order in batch["order"]]
        assert list(one["applied"]) == [bool(applied[i]) for applied in batch["applied"]]


@pytest.mark.parametrize("kind", ["float", "uint8", "PIL"])
def test_pixels_are_torchvisions_in_the_drawn_order(kind):
    image = {
        "float": IMAGE,
        "uint8": (IMAGE * 255).byte(),
        "PIL": PIL.Image.fromarray((IMAGE * 255).byte().permute(1, 2, 0).numpy()),
    }[kind]
    color = JointColor(p=1.0)
    torch.manual_seed(0)
    for _ in range(20):
        drawn = color.make_params([image])
        for k, view in enumerate(color.transform(image, drawn)):
            expected = image if kind == "PIL" else IMAGE if kind == "float" else image / 255
            for operation in drawn["order"][k]:
                expected = ADJUST[operation](expected, drawn[NAMES[operation]][k])
            a = F.to_image(view).as_subclass(torch.Tensor).double()
            b = F.to_image(expected).as_subclass(torch.Tensor).double() * (255 if kind == "uint8" else 1)
            # a uint8 chain is computed in float and rounded once: within a level of v2's float chain
            assert (a - b).abs().max() <= {"float": 1e-5, "uint8": 1.0, "PIL": 0.0}[kind]


def test_a_view_that_is_not_jittered_is_untouched():
    assert all(torch.equal(view, IMAGE) for view in JointColor(p=0.0)(IMAGE))


def test_zero_strength_leaves_an_operation_out():
    drawn = params(JointColor(0.4, 0.4, 0.0, 0.0, joint=("brightness", "contrast")), 10)
    assert (drawn["saturation"][0] == 1).all()
    assert (drawn["hue"][1] == 0).all()


def test_masks_and_boxes_are_left_alone():
    mask = tv_tensors.Mask(torch.eye(20, 30))
    for view in JointColor(p=1.0)({"image": tv_tensors.Image(IMAGE), "mask": mask}):
        assert torch.equal(view["mask"], mask)


def test_laws_may_be_given_by_name():
    law = JointPair(-1.0, 0.5, 2.0)
    color = JointColor(law={"contrast": law})
    assert follows((params(color)["contrast"][1] / params(color)["contrast"][0]).log(), law.log_ratio)
    assert follows(
        (params(color)["brightness"][1] / params(color)["brightness"][0]).log(), JointLogRatio(0.0, 0.6, 1.4)
    )


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: JointColor(1.0), ValueError, "brightness must leave its lower factor above 0.*strength below 1"),
        (lambda: JointColor(0.4, 1.5), ValueError, "contrast must leave its lower factor above 0"),
        (lambda: JointColor(0.4, 0.4, 1.0, joint=("saturation",)), ValueError, "saturation must leave"),
        (lambda: JointColor(-0.1), ValueError, "brightness"),
        (lambda: JointColor((1.4, 0.6)), ValueError, "brightness must satisfy 0 <= low <= high"),
        (lambda: JointColor(hue=0.6), ValueError, r"hue must satisfy -0.5 <= low <= high <= 0.5"),
        (lambda: JointColor(joint=("hue",)), ValueError, "hue has no ratio.*got 'hue'"),
        (lambda: JointColor(joint="brightness"), ValueError, r"write joint=\('brightness', 'contrast'\)"),
        (lambda: JointColor(law={"sharpness": JointPair(0, 0.5, 2)}), ValueError, "got 'sharpness'"),
        (lambda: JointColor(beta=0, law={"contrast": JointPair(0, 0.5, 2)}), ValueError, "law says what beta says"),
        (lambda: JointColor(law={"contrast": 3}), TypeError, "the law of contrast must be a PairLaw"),
        (lambda: JointColor(beta="x"), (TypeError, ValueError), "beta"),
        (lambda: JointColor(p=(0.5,)), ValueError, "p must be one probability"),
    ],
)
def test_wrong_arguments_are_named(make, error, words):
    with pytest.raises(error, match=words):
        make()


@pytest.mark.parametrize("dtype", [torch.int16, torch.uint16, torch.int32, torch.int64], ids=str)
@pytest.mark.parametrize(
    "transform", [JointColor(p=1.0), JointBlur(p=1.0), JointBlur(5, p=1.0)], ids=["color", "blur", "blur 5"]
)
def test_images_of_other_integers_work_where_torchvision_works(transform, dtype):
    """One and three channels, against v2's transform of the same kind: works alike, or fails alike."""
    alike = {JointColor: v2.ColorJitter(0.4, 0.4, 0.4, 0.1), JointBlur: v2.GaussianBlur(5)}[type(transform)]
    for channels in (1, 3):
        image = (IMAGE[:channels] * 20000).to(dtype)
        try:
            alike(image)
        except (RuntimeError, TypeError, NotImplementedError):
            continue
        for view in transform(image):
            assert view.dtype == dtype
            assert view.shape == image.shape
