"""The weight by LPIPS: the distances of both views from their original, by the user's network."""

from __future__ import annotations

import sys

import pytest
import torch
from torch import nn

from jointaug.difficulty import LPIPSWeight

from ..stand_in_lpips import install, made

X, V1, V2 = torch.rand(3, 6, 3, 16, 16, generator=torch.Generator().manual_seed(0)).unbind()


def perceived(a, b):
    """A stand-in for LPIPS: images on [-1, 1] to [B, 1, 1, 1]."""
    assert a.min() < -0.5
    return (a - b).square().mean((1, 2, 3), keepdim=True)


def test_lpips_compares_the_distances_from_the_original():
    weight = LPIPSWeight(perceived, normalize=None)(V1, V2, original=X)
    scaled = [2 * image - 1 for image in (X, V1, V2)]
    for k in range(6):
        d1, d2 = ((scaled[0][k] - view[k]).square().mean() for view in scaled[1:])
        assert weight[k].item() == pytest.approx(abs(d1 - d2).item(), rel=1e-4)


@pytest.fixture
def package(monkeypatch):
    install(monkeypatch)


def test_weights_come_from_the_user_s_file(package, tmp_path):
    metric = made()
    torch.save(metric.state_dict(), tmp_path / "lpips.pt")
    weigh = LPIPSWeight(tmp_path / "lpips.pt")
    assert torch.equal(weigh(V1, V2, original=X), LPIPSWeight(metric)(V1, V2, original=X))
    assert not weigh.metric.training
    with pytest.raises(ValueError, match=r"the whole state of an lpips.LPIPS\(net='vgg'\)"):
        LPIPSWeight(tmp_path / "lpips.pt", trunk="vgg")
    (tmp_path / "short.pt").write_bytes((tmp_path / "lpips.pt").read_bytes()[:200])
    with pytest.raises(ValueError, match=r"the whole state of an lpips\.LPIPS"):
        LPIPSWeight(tmp_path / "short.pt")


@pytest.mark.filterwarnings("ignore:The parameter .pretrained.:UserWarning")  # of the package
@pytest.mark.filterwarnings("ignore:Arguments other than a weight enum:UserWarning")
def test_the_package_itself_takes_such_a_file(tmp_path):
    lpips = pytest.importorskip("lpips")
    metric = lpips.LPIPS(net="squeeze", pretrained=False, pnet_rand=True, verbose=False)
    torch.save(metric.state_dict(), tmp_path / "lpips.pt")
    weigh = LPIPSWeight(tmp_path / "lpips.pt", trunk="squeeze")
    images = [nn.functional.interpolate(image, scale_factor=4.0) for image in (X, V1, V2)]
    torch.testing.assert_close(
        weigh(*images[1:], original=images[0]), LPIPSWeight(metric)(*images[1:], original=images[0])
    )


def test_a_missing_package_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "lpips", None)
    torch.save({}, tmp_path / "lpips.pt")
    with pytest.raises(ModuleNotFoundError, match=r"pip install jointaug\[lpips\]"):
        LPIPSWeight(tmp_path / "lpips.pt")


BAD = {
    "no original": (lambda: LPIPSWeight(perceived)(V1, V2), ValueError, "original must be given for LPIPS"),
    "an original of another size": (
        lambda: LPIPSWeight(perceived)(V1, V2, original=X[..., :8]),
        ValueError,
        "original must have the shape of v1",
    ),
    "a reduced metric": (
        lambda: LPIPSWeight(lambda a, b: (a - b).mean())(V1, V2, original=X),
        ValueError,
        "a distance for each of 6 images",
    ),
    "no file": (lambda: LPIPSWeight("nowhere.pt"), FileNotFoundError, "nothing is downloaded"),
    "a trunk": (lambda: LPIPSWeight("nowhere.pt", trunk="resnet"), ValueError, "trunk must be"),
    "no metric": (lambda: LPIPSWeight(None), TypeError, "metric must be a path"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments_are_named(name):
    call, kind, message = BAD[name]
    with pytest.raises(kind, match=message):
        call()
