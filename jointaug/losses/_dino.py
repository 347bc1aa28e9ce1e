"""DINO: a student that predicts its teacher's centered and sharpened outputs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .._processes import global_row_mean, together
from .._validate import integer
from ._embeddings import check_embeddings, fraction, full_precision, temperature
from ._parts import LossParts, checked_weight
from ._state import SizedState


@full_precision
def dino(
    student: Sequence[Tensor],
    teacher: Sequence[Tensor],
    center: Tensor,
    *,
    tau_s: float = 0.1,
    tau_t: float = 0.04,
    pair_weights: Tensor | None = None,
) -> LossParts:
    r"""DINO (Caron et al. 2021, https://arxiv.org/abs/2104.14294, eq. 3).

    Cross-entropy between :math:`\mathrm{softmax}((t - c) / \tau_t)` of a teacher's global crop and
    :math:`\mathrm{softmax}(s / \tau_s)` of another crop of the student, averaged over all such pairs. It is lightly's
    ``DINOLoss``, value and gradient, with the center outside.

    Args:
        student: outputs ``[B, O]`` of all crops; the first ``len(teacher)`` are the teacher's crops in the same order,
            local crops follow.
        teacher: outputs ``[B, O]`` of the global crops; held constant.
        center: ``[O]``, as it was before this step: `Center` called with the teacher's outputs.
        tau_s: the student's temperature, above 0.
        tau_t: the teacher's temperature, above 0.
        pair_weights: ``[B, pairs]``, weights of the pairs before they are averaged: teacher's crop 0 with every other
            crop of the student in order, then teacher's crop 1, and so on.

    Returns:
        ``per_sample`` ``[B]``, at least 0; ``shared`` 0.

    Raises:
        ValueError: if shapes disagree, there is no pair of different crops, a temperature is not above 0 or
            ``pair_weights`` break their rule.
    """
    with together(pair_weights is not None):
        tau_s, tau_t = temperature("tau_s", tau_s), temperature("tau_t", tau_t)
        pairs = len(teacher) * (len(student) - 1)
        if not 0 < len(teacher) <= len(student) or not pairs:
            raise ValueError(
                "student and teacher must be sequences of crops [B, O], the teacher's first in both, at least two of "
                f"the student, got {len(student)} and {len(teacher)}; pass [s1, s2, *locals] and [t1, t2]"
            )
        check_embeddings(
            **{f"student[{i}]": x for i, x in enumerate(student)}, **{f"teacher[{i}]": x for i, x in enumerate(teacher)}
        )
        (B, O), T, S = student[0].shape, len(teacher), len(student)  # noqa: E741  # the number of outputs
        check_center(center, O)
    targets = [((t.detach() - center) / tau_t).softmax(1) for t in teacher]
    if pair_weights is not None:
        pair_weights = checked_weight("pair_weights", pair_weights, (B, pairs), student[0])
    total, everyone = student[0].new_zeros(B), None
    for j, s in enumerate(student):
        # the cross-entropies of a student's crop with several targets are one cross-entropy with the targets' sum
        others = [i for i in range(T) if i != j]
        if not others:
            continue  # the only global crop has no other target
        if pair_weights is not None:
            columns = [i * (S - 1) + j - (j > i) for i in others]
            target = _sum([pair_weights[:, c, None] * targets[i] for i, c in zip(others, columns, strict=True)])
        elif j < T:
            target = _sum([targets[i] for i in others])
        else:
            target = everyone = _sum(targets) if everyone is None else everyone
        total = total - (target * (s / tau_s).log_softmax(1)).sum(1)
    return LossParts(total / pairs, total.new_zeros(()))


class Center(SizedState):
    """DINO's center: an exponential mean of the teacher's outputs, ``[O]`` (https://arxiv.org/abs/2104.14294, eq. 4).

    Called with the teacher's outputs it returns the center *as it was before* and then moves, as in the paper's
    Algorithm 1; in ``eval()`` it only returns. The batch's mean is over crops, images and processes::

        loss = reduce(dino(student, teacher, center(teacher)))

    Args:
        width: O, the number of outputs; the paper has 65,536.
        momentum: the share of the old center, in [0, 1].

    Raises:
        ValueError: if an argument breaks its rule, or outputs are of another width.
    """

    center: Tensor
    _remedy = "build Center with the number of outputs of the checkpoint's head"

    def __init__(self, width: int, *, momentum: float = 0.9) -> None:
        super().__init__()
        self.momentum = fraction("momentum", momentum, "it is the share of the old center, the authors use 0.9")
        width = integer("width", width, low=1, rule="an integer of at least 1", remedy="it is the number of outputs")
        self.register_buffer("center", torch.zeros(width))

    @torch.no_grad()
    def forward(self, teacher: Sequence[Tensor] | Tensor) -> Tensor:
        """A copy of the center before these outputs ``[B, O]`` of the teacher's crops; in training it then moves."""
        before = self.center.clone()
        if self.training:
            crops = [teacher] if isinstance(teacher, Tensor) else list(teacher)
            with together():
                check_embeddings(**{f"teacher[{i}]": t for i, t in enumerate(crops)})
                check_center(self.center, crops[0].shape[1])
            mean = global_row_mean(torch.stack([t.to(self.center) for t in crops], 1)).mean(0)
            self.center.mul_(self.momentum).add_(mean, alpha=1 - self.momentum)
        return before

    def extra_repr(self) -> str:
        """``width`` and ``momentum``."""
        return f"width={len(self.center)}, momentum={self.momentum}"


def check_center(center: Tensor, width: int) -> None:
    """``[O]`` for outputs of this width."""
    if tuple(center.shape) != (width,):
        raise ValueError(f"center must have shape [O] = ({width},), got {tuple(center.shape)}; build Center({width})")


def _sum(terms: list[Tensor]) -> Tensor:
    return sum(terms[1:], start=terms[0])
