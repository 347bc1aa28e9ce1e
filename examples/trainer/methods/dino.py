"""DINO: Caron et al. 2021, https://arxiv.org/abs/2104.14294, Algorithm 1."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jointaug.losses import Center, LossParts, dino, unit

from ..networks import Backbone, Encoder, cosine_to_one, follow, momentum_copy, require_widths
from .batch import Batch
from .checks import count, fraction, positive
from .method import MakeBackbone, Method


class Head(nn.Module):
    """DINO's projection head: three layers, then a linear map between unit vectors.

    The last layer's rows have length 1, which the released code reaches by a weight normalization with a fixed gain.
    The shorter the weights behind them, the further a step turns the rows: they start as torch's linear layers do, of
    lengths about ``3 ** -0.5``, and the others with a deviation of .02, as in that code.

    Args:
        width: of the backbone's features.
        hidden: width of the hidden layers.
        bottleneck: width of what the last layer sees.
        outputs: number of outputs.
        norm: batch normalization before each GELU, the released code's ``use_bn_in_head``.
    """

    def __init__(self, width: int, hidden: int, bottleneck: int, outputs: int, *, norm: bool = False) -> None:
        super().__init__()
        require_widths(width, hidden, bottleneck, outputs)
        layers: list[nn.Module] = []
        for inside in (width, hidden):
            layers += [nn.Linear(inside, hidden), *([nn.BatchNorm1d(hidden)] if norm else []), nn.GELU()]
        self.mlp = nn.Sequential(*layers, nn.Linear(hidden, bottleneck))
        self.last = nn.Linear(bottleneck, outputs, bias=False)
        for layer in self.mlp:
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Outputs ``[B, outputs]``: cosines, to be divided by a temperature."""
        return F.linear(unit(self.mlp(features)), unit(self.last.weight))


class DINO(Method):
    """The student, on all crops, predicts the teacher's sharpened and centered outputs on the large ones.

    Views: two large crops, then any number of smaller ones.

    Args:
        backbone: makes a backbone.
        outputs: of the head, 65,536 in the paper; 2,048 do for small data.
        hidden: width of the head's hidden layers.
        bottleneck: width before the last layer.
        head_bn: batch normalization in the head; the paper's has none.
        tau_s: the student's temperature.
        tau_t: the teacher's temperature.
        m: momentum of the teacher at the start, in [0, 1]; by a cosine to 1.
        center_m: momentum of the center, in [0, 1].
        freeze: epochs in which the last layer does not learn.
    """

    def __init__(
        self,
        backbone: MakeBackbone,
        *,
        outputs: int = 65536,
        hidden: int = 2048,
        bottleneck: int = 256,
        head_bn: bool = False,
        tau_s: float = 0.1,
        tau_t: float = 0.04,
        m: float = 0.996,
        center_m: float = 0.9,
        freeze: int = 1,
    ) -> None:
        super().__init__()
        net = backbone()
        self.student = Encoder(net, Head(net.width, hidden, bottleneck, outputs, norm=head_bn))
        self.teacher = momentum_copy(self.student)
        self.center = Center(outputs, momentum=center_m)
        self.tau_s, self.tau_t = positive("tau_s", tau_s), positive("tau_t", tau_t)
        self.m, self.freeze = fraction("m", m), count("freeze", freeze, 0)

    @property
    def encoder(self) -> Backbone:
        """The teacher's backbone, as in the paper's evaluation."""
        return self.teacher.backbone

    def forward(self, batch: Batch) -> LossParts:
        """The batch's loss; the teacher's outputs move the center."""
        globals_, locals_ = batch.views[:2], batch.views[2:]
        s = [*self.student(torch.cat(globals_)).chunk(2)]
        if locals_:
            s += self.student(torch.cat(locals_)).chunk(len(locals_))
        with torch.no_grad():
            t = self.teacher(torch.cat(globals_)).chunk(2)
        return dino(s, t, self.center(t), tau_s=self.tau_s, tau_t=self.tau_t)  # with the center before this batch

    def before_update(self, batch: Batch) -> None:
        """No gradient for the last layer in the first epochs."""
        if batch.epoch < self.freeze:
            for parameter in self.student.head.get_submodule("last").parameters():
                parameter.grad = None

    def after_update(self, batch: Batch) -> None:
        """``teacher <- m teacher + (1 - m) student``."""
        follow(self.teacher, self.student, cosine_to_one(self.m, batch.progress))
