"""Joint blur: the sigmas' law, each view's rate, torchvision's pixels."""

from __future__ import annotations

import PIL.Image
import pytest
import torch
from scipy import stats
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F

from jointaug import JointBlur, Views
from jointaug.distributions import IndependentPair, JointLogRatio, JointPair

IMAGE = torch.rand(3, 40, 50, generator=torch.Generator().manual_seed(0))
KS_BOUND = 0.00852  # DKW inequality at failure rate 1e-6, n = 100,000


@pytest.mark.parametrize("beta", [-2.0, 0.0, 2.0])
def test_sigmas_follow_their_law(beta):
    blur = JointBlur(beta=beta)
    rows = torch.rand(blur.row_width, 100_000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    first, second = blur.params_from_uniform(list(rows), [(1, 1)] * 2)["sigma"]
    law = JointLogRatio(beta, 0.1, 2.0)
    u = (second / first).log().numpy()
    assert stats.kstest(u, lambda x: law.cdf(torch.as_tensor(x)).numpy()).statistic < KS_BOUND
    assert torch.minimum(first, second).min() >= 0.1
    assert torch.maximum(first, second).max() <= 2.0


def test_byol_blurs_its_first_view_always_and_its_second_seldom():
    blur = JointBlur(sigma=(0.5, 2.0), p=(1.0, 0.1))
    torch.manual_seed(0)
    blurred = torch.tensor([[not torch.equal(v, IMAGE) for v in blur(IMAGE)] for _ in range(1000)]).sum(0)
    assert blurred[0] == 1000
    assert stats.binomtest(int(blurred[1]), 1000, 0.1).pvalue > 1e-6


@pytest.mark.parametrize("kernel_size", [None, 5, 23])
def test_pixels_are_those_of_the_drawn_sigma(kernel_size):
    """An explicit kernel gives torchvision's result; one as wide as sigma asks is off by its cut tail."""
    blur = JointBlur(kernel_size, p=1.0)
    torch.manual_seed(0)
    for _ in range(10):
        params = blur.make_params([IMAGE])
        for view, sigma in zip(blur.transform(IMAGE, params), params["sigma"], strict=True):
            expected = F.gaussian_blur(IMAGE, [kernel_size or 31] * 2, [sigma] * 2)
            assert (view - expected).abs().max() < (1e-5 if kernel_size else 1e-3)


def test_it_blurs_every_kind_of_image_and_nothing_else():
    blur = JointBlur(sigma=(1.0, 2.0), p=1.0)
    pil = PIL.Image.fromarray((IMAGE * 255).byte().permute(1, 2, 0).numpy())
    for image in (pil, pil.convert("L"), pil.convert("RGBA"), (IMAGE * 255).byte(), tv_tensors.Video(IMAGE[None])):
        for view in blur(image):
            assert type(view) is type(image)
            if isinstance(image, PIL.Image.Image):
                assert view.mode == image.mode
            else:
                assert view.dtype == image.dtype
    mask = tv_tensors.Mask(torch.eye(40, 50))
    for view in blur({"image": tv_tensors.Image(IMAGE), "mask": mask}):
        assert torch.equal(view["mask"], mask)
        assert not torch.equal(view["image"], IMAGE)


def test_it_takes_views():
    views = JointBlur(law=IndependentPair(0.5, 1.0), p=(1.0, 0.0))(Views([IMAGE, IMAGE]))
    assert not torch.equal(views[0], IMAGE)
    assert torch.equal(views[1], IMAGE)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (
            lambda: JointBlur(sigma=(0.0, 2.0)),
            ValueError,
            r"sigma must satisfy 0 < low <= high.*log ratio must be finite",
        ),
        (lambda: JointBlur(sigma=(2.0, 0.1)), ValueError, "sigma"),
        (lambda: JointBlur(sigma=1.0), TypeError, "sigma must be two numbers"),
        (lambda: JointBlur(4), ValueError, "odd integer or None, got 4; write 5"),
        (lambda: JointBlur(0), ValueError, "kernel_size"),
        (lambda: JointBlur(2.5), TypeError, "kernel_size"),
        (lambda: JointBlur(beta=float("nan")), ValueError, "beta"),
        (lambda: JointBlur(sigma=(0.1, 1.0), law=JointPair(0, 0.1, 1.0)), ValueError, "law says what sigma says"),
        (lambda: JointBlur(p=2), ValueError, "p must be a probability"),
        (lambda: JointBlur(generator=None), TypeError, "no argument 'generator'"),
    ],
)
def test_wrong_arguments_are_named(make, error, words):
    with pytest.raises(error, match=words):
        make()
