"""Backbones, heads, momentum, batch statistics in parts: closed forms, torchvision and slow loops."""

from __future__ import annotations

import copy
import sys

import pytest
import torch
import torchvision
from torch import nn
from trainer.inputs.settings import Settings
from trainer.methods import MoCo
from trainer.networks import (
    Backbone,
    Encoder,
    SplitBatchNorm,
    cosine_to_one,
    encode_shuffled,
    follow,
    mlp,
    momentum_copy,
    split_batch_norm,
    start_branches,
    sync_batch_norm,
)
from trainer.training.loop import started

from jointaug import Addresses
from jointaug.chance import named_step


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "shufflenet_v2_x0_5"])
def test_state_is_that_of_torchvision_without_the_classifier(name):
    """Both directions, strictly; and the features are what torchvision's last linear layer gets."""
    net = Backbone(name).eval()
    model = torchvision.models.get_model(name).eval()
    path, last = [(p, m) for p, m in model.named_modules() if isinstance(m, nn.Linear)][-1]
    model.set_submodule(path, nn.Identity())
    model.load_state_dict(net.state_dict(), strict=True)
    net.load_state_dict(model.state_dict(), strict=True)
    x = torch.randn(2, 3, 64, 64)
    assert net.width == last.in_features
    with torch.no_grad():
        assert torch.equal(net(x), model(x))


def test_state_of_a_backbone_inside_an_encoder(resnet):
    f = Encoder(resnet(), mlp(512, 8))
    assert "backbone.conv1.weight" in f.state_dict()
    other = Encoder(resnet(), mlp(512, 8))
    other.load_state_dict(f.state_dict(), strict=True)
    assert all(torch.equal(a, b) for a, b in zip(f.parameters(), other.parameters(), strict=True))
    with pytest.raises(RuntimeError, match=r"conv1\.weight"):
        other.load_state_dict({k: v for k, v in f.state_dict().items() if "conv1" not in k})


def test_small_stem_keeps_the_resolution():
    """32 px: 4 x 4 at the end instead of 1 x 1."""
    x = torch.zeros(1, 3, 32, 32)
    assert Backbone("resnet18", "small").eval().feature_map(x).shape == (1, 512, 4, 4)
    assert Backbone("resnet18").eval().feature_map(x).shape == (1, 512, 1, 1)


def test_feature_map_is_what_is_pooled():
    net, x = Backbone("resnet18", "small").eval(), torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(net.feature_map(x).mean((2, 3)), net(x))


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_branches_that_start_at_zero_are_torchvisions(name):
    """``zero_init_residual`` of the same seed, weight for weight; at 1 its default."""
    for gamma in (0.0, 1.0):
        torch.manual_seed(3)
        net = started(Settings(backbone=name, last_gamma=gamma))
        torch.manual_seed(3)
        model = torchvision.models.get_model(name, zero_init_residual=gamma == 0)
        model.fc = nn.Identity()
        assert all(torch.equal(value, model.state_dict()[key]) for key, value in net.state_dict().items())


def test_a_branch_at_zero_leaves_its_block_the_identity():
    """Of what is not negative, as a ReLU follows; also in a momentum encoder with a batch in parts."""
    method = MoCo(lambda: started(Settings(last_gamma=0.0)), dim=4, K=8, bn_splits=2)
    x = torch.rand(4, 64, 5, 5)
    for network in (method.f_q, method.f_k):
        for block in network.backbone.network.layer1:
            assert torch.equal(block(x), x)
    start_branches(method.f_q, 1.0)
    assert not torch.equal(method.f_q.backbone.network.layer1[0](x), x)


def ends(net):
    """Where the branches of basic blocks start."""
    return {value.mean().item() for key, value in net.state_dict().items() if key.endswith("bn2.weight")}


def test_where_branches_start_when_nothing_is_said():
    """As the network's own library has it; a network without such blocks stays as it is."""
    assert ends(started(Settings())) == {1.0}
    net = started(Settings(backbone="mobilenet_v3_small"))
    before = [p.clone() for p in net.parameters()]
    start_branches(net, 0.0)
    assert all(torch.equal(*pair) for pair in zip(before, net.parameters(), strict=True))


def test_branches_of_timms_resnets():
    """Which start at zero there if nothing is said."""
    pytest.importorskip("timm")
    for gamma, wanted in ((None, 0.0), (0.0, 0.0), (1.0, 1.0)):
        net = started(Settings(backbone="timm:resnet10t", last_gamma=gamma))
        assert ends(net) == {wanted}


@pytest.mark.parametrize(
    ("name", "stem", "error", "words"),
    [
        ("resnet17", "imagenet", ValueError, "resnet18"),
        ("resnet18", "tiny", ValueError, "stem must be"),
        ("mobilenet_v3_small", "small", ValueError, "no ResNet"),
        ("timm:vit_tiny_patch16_224", "imagenet", ImportError, "pip install timm"),
    ],
)
def test_bad_backbones(name, stem, error, words, monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(error, match=words):
        Backbone(name, stem)


@pytest.mark.parametrize(("name", "side"), [("resnet10t", 32), ("mobilenetv3_small_050", 32), ("vgg11", 224)])
def test_timm_gives_a_model_without_a_classifier(name, side):
    """Also where what goes into the classifier is wider than the last feature map."""
    timm = pytest.importorskip("timm")
    net = Backbone(f"timm:{name}").eval()
    assert net(torch.zeros(1, 3, side, side)).shape == (1, net.width)
    assert net.state_dict().keys() == timm.create_model(name, num_classes=0).state_dict().keys()


def test_an_unknown_name_of_timms():
    pytest.importorskip("timm")
    with pytest.raises(ValueError, match="got 'timm:resnet19'; the nearest: timm:resnet18"):
        Backbone("timm:resnet19")


def test_layers_that_normalize_and_activate():
    """Split, they would lose the activation: refused. Over processes they keep it."""
    pytest.importorskip("timm")
    net, x = Backbone("timm:mobilenetv3_small_050").eval(), torch.randn(2, 3, 32, 32)
    with pytest.raises(ValueError, match=r"bn_splits must be 1 .* got 2 and BatchNormAct2d; take a resnet"):
        split_batch_norm(net, 2)
    before = net(x)
    torch.testing.assert_close(sync_batch_norm(net).eval()(x), before)
    assert any(isinstance(layer, nn.SyncBatchNorm) for layer in net.modules())


def test_feature_map_needs_a_pooled_map(monkeypatch):
    net = Backbone("shufflenet_v2_x0_5")
    with pytest.raises(TypeError, match="avgpool"):
        net.feature_map(torch.zeros(1, 3, 8, 8))


@pytest.mark.parametrize(
    ("head", "millions"),
    [
        (lambda: [mlp(2048, 2048, 2048, 128)], 32.163),  # SimCLR, three linear layers without normalization
        (
            lambda: [
                mlp(2048, 2048, 2048, 2048, norm=True, bias=True, last_norm=True),
                mlp(2048, 512, 2048, norm=True, bias=True),
            ],
            38.210,
        ),  # SimSiam, biases everywhere and an affine last normalization
    ],
)
def test_heads_have_the_parameters_of_scorecl_table_9(head, millions):
    """SPEC 4.2: ResNet-50 with ScoreCL's heads (23.508 M without the classifier), to three decimals."""
    with torch.device("meta"):
        parts = [Backbone("resnet50"), *head()]
    count = sum(p.numel() for part in parts for p in part.parameters())
    assert round(count / 1e6, 3) == millions


def test_linear_layers_have_a_bias_where_no_normalization_follows():
    hidden, _, _, last = mlp(2, 3, 4, norm=True)
    assert hidden.bias is None
    assert last.bias is not None
    assert mlp(2, 3, last_norm=True, last_affine=False)[1].weight is None


@pytest.mark.parametrize("m", [0.0, 0.3, 1.0])
def test_momentum_follows_parameters_only(m):
    online = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    momentum = momentum_copy(online)
    assert not any(p.requires_grad for p in momentum.parameters())
    assert all(p.requires_grad for p in online.parameters())
    old = [p.clone() for p in momentum.parameters()]
    for p in online.parameters():
        p.data.normal_()
    online[1].running_mean.fill_(7.0)
    follow(momentum, online, m)
    for was, new, now in zip(old, online.parameters(), momentum.parameters(), strict=True):
        if m in (0.0, 1.0):  # exact: a frozen and a copied network
            assert torch.equal(now, was if m else new)
        torch.testing.assert_close(now, m * was + (1 - m) * new)
    assert momentum[1].running_mean.abs().max() == 0


def test_byols_momentum_schedule():
    """SPEC 8, and both ends."""
    assert cosine_to_one(0.99, 0.25) == pytest.approx(0.991464, abs=5e-7)
    assert cosine_to_one(0.99, 0.0) == pytest.approx(0.99)
    assert cosine_to_one(0.99, 1.0) == 1.0


@pytest.mark.parametrize("shape", [(12, 3), (12, 3, 4, 4)])
@pytest.mark.parametrize("splits", [2, 3])
def test_split_batch_norm_is_a_norm_for_each_part(shape, splits):
    """A slow loop over copies; running statistics are the mean of theirs."""
    plain = nn.BatchNorm1d(3) if len(shape) == 2 else nn.BatchNorm2d(3)
    plain.weight.data.normal_()
    plain.running_mean.normal_()
    split = split_batch_norm(nn.Sequential(copy.deepcopy(plain)), splits)[0]
    assert isinstance(split, SplitBatchNorm)
    copies = [copy.deepcopy(plain) for _ in range(splits)]
    for _ in range(3):
        x = torch.randn(shape)
        expected = torch.cat([net(part) for net, part in zip(copies, x.chunk(splits), strict=True)])
        torch.testing.assert_close(split(x), expected)
        for name in ("running_mean", "running_var"):
            mean = torch.stack([getattr(net, name) for net in copies]).mean(0)
            torch.testing.assert_close(getattr(split, name), mean)
            for net in copies:
                getattr(net, name).copy_(mean)
    assert int(split.num_batches_tracked) == 3
    plain.load_state_dict(split.state_dict())
    assert torch.equal(split.eval()(x), plain.eval()(x))


def test_split_batch_norm_reaches_every_layer_and_errors(resnet):
    f = split_batch_norm(Encoder(resnet(), mlp(512, 4, 2, norm=True)), 4)
    assert not [m for m in f.modules() if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d))]
    with pytest.raises(ValueError, match=r"multiple of bn_splits = 4, got 6"):
        f(torch.zeros(6, 3, 32, 32))
    with pytest.raises(ValueError, match="bn_splits must be at least 1"):
        split_batch_norm(f, 0)
    plain = mlp(512, 4, 2, norm=True)
    assert split_batch_norm(plain, 1) is plain


class Statistics(nn.Module):
    """The mean of an image's part of the batch, and the image: what batch normalization would tell."""

    def __init__(self, splits):
        super().__init__()
        self.splits = splits

    def forward(self, x):
        means = [part.mean(0, keepdim=True).expand_as(part) for part in x.chunk(self.splits)]
        return torch.stack([torch.cat(means).mean((1, 2, 3)), x.mean((1, 2, 3))], 1)


def test_shuffled_encoding_is_undone_and_deals_parts_by_address():
    """Slow loop: images sorted by their uniform, the first half together, the second half together."""
    index = torch.tensor([5, 3, 8, 1, 9, 2])
    addresses = Addresses(0, 4, index)
    x = torch.randn(6, 3, 2, 2)
    seen = encode_shuffled(Statistics(2), x, addresses)
    value = x.mean((1, 2, 3))
    assert torch.equal(seen[:, 1], value)
    u = addresses.rows(1, step=named_step("shuffle"))[0].tolist()
    ranked = sorted(range(6), key=u.__getitem__)
    for half in (ranked[:3], ranked[3:]):
        for i in half:
            torch.testing.assert_close(seen[i, 0], value[half].mean())
    assert ranked[:3] != [0, 1, 2]


def test_shuffled_encoding_does_not_depend_on_the_order_of_the_batch():
    index = torch.arange(8)
    x, order = torch.randn(8, 3, 2, 2), torch.tensor([3, 1, 7, 0, 2, 6, 5, 4])
    one = encode_shuffled(Statistics(2), x, Addresses(0, 0, index))
    other = encode_shuffled(Statistics(2), x[order], Addresses(0, 0, index[order]))
    torch.testing.assert_close(one[order], other)
