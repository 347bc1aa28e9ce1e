"""Every refusal names the argument, the rule, the value and the remedy."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import torch

from jointaug import losses as L

B, D, K = 8, 4, 16
nan, inf = float("nan"), float("inf")
x, narrow, short, queue = torch.randn(B, D), torch.randn(B, D - 1), torch.randn(B - 1, D), torch.randn(D, K)
pos, neg = torch.zeros(B), torch.zeros(B, K)
perm, ones = torch.randperm(B), torch.ones(B)
square = torch.ones(2 * B, 2 * B)
parts = L.LossParts(ones, torch.zeros(()))
crops = [x, x]


def changed(like: torch.Tensor, value: float, at: int = 3) -> torch.Tensor:
    result = like.clone()
    result.view(-1)[at] = value
    return result


CASES: list[tuple[str, Callable[[], object], type[Exception], str]] = [
    # embeddings of two widths, two batches, no embeddings
    ("info_nce widths", lambda: L.info_nce(x, narrow, queue), ValueError, r"k must .*q, \(B, D\) = \(8, 4\).*\(8, 3\)"),
    ("info_nce batches", lambda: L.info_nce(x, short, queue), ValueError, r"k must .*\(7, 4\)"),
    ("info_nce queue", lambda: L.info_nce(x, x, queue.T), ValueError, r"queue must .*D = 4, got \(16, 4\)"),
    ("info_nce queue type", lambda: L.info_nce(x, x, L.Queue(K, D)), TypeError, r"queue must .*got a Queue; .*keys"),
    ("info_nce list", lambda: L.info_nce([1.0], x, queue), TypeError, r"q must be a floating tensor .*got a list"),
    ("nt_xent widths", lambda: L.nt_xent(x, narrow), ValueError, r"z2 must .*\(8, 3\)"),
    ("nt_xent integers", lambda: L.nt_xent(x.long(), x), TypeError, r"z1 must be a floating tensor .*int64"),
    ("nt_xent maps", lambda: L.nt_xent(x[..., None], x), ValueError, r"z1 must have shape \[B, D\].*\(8, 4, 1\)"),
    ("nt_xent empty", lambda: L.nt_xent(x[:0], x[:0]), ValueError, r"at least one row, got \(0, 4\)"),
    ("moco_v3 widths", lambda: L.moco_v3(x, x, x, narrow), ValueError, r"k2 must .*\(8, 3\)"),
    ("npid widths", lambda: L.npid(x, x, torch.randn(B, K, 3)), ValueError, r"negatives must .*\(8, 16, 3\)"),
    ("npid batches", lambda: L.npid(x, x, torch.randn(7, K, D)), ValueError, r"negatives must .*\(7, 16, 4\)"),
    ("margin_nce lengths", lambda: L.margin_nce(pos[1:], neg), ValueError, r"pos must .*B = 8, got \(7,\)"),
    ("leoclr widths", lambda: L.leoclr(x, x, narrow, queue), ValueError, r"v2 must .*\(8, 3\)"),
    ("clim widths", lambda: L.clim(x, narrow, x, 0.5, queue), ValueError, r"k_i must .*\(8, 3\)"),
    ("byol widths", lambda: L.byol(x, x, narrow, x), ValueError, r"z1 must .*\(8, 3\)"),
    ("simsiam widths", lambda: L.simsiam(x, narrow, x, x), ValueError, r"p2 must .*\(8, 3\)"),
    ("vicreg widths", lambda: L.vicreg(x, narrow), ValueError, r"z2 must .*\(8, 3\)"),
    ("wmse widths", lambda: L.wmse([x, narrow], 8, perm), ValueError, r"views\[1\] must .*\(8, 3\)"),
    ("dino widths", lambda: L.dino([x, narrow], crops, pos[:D]), ValueError, r"student\[1\] must .*\(8, 3\)"),
    # temperatures and other numbers
    ("tau 0", lambda: L.info_nce(x, x, queue, tau=0), ValueError, r"tau must be a finite number above 0, got 0;"),
    ("tau negative", lambda: L.nt_xent(x, x, tau=-0.5), ValueError, r"tau must .*got -0.5;"),
    ("tau nan", lambda: L.moco_v3(x, x, x, x, tau=nan), ValueError, r"tau must .*got nan"),
    ("tau beyond float32", lambda: L.nt_xent(x, x, tau=1e-45), ValueError, r"tau must be at least 1e-30.*got 1e-45;"),
    ("tau a string", lambda: L.npid(x, x, queue.T, tau="0.1"), TypeError, r"tau must .*got '0.1'"),
    ("tau, margin", lambda: L.margin_nce(pos, neg, m=0, tau=0), ValueError, r"tau must .*got 0;"),
    ("tau, leoclr", lambda: L.leoclr(x, x, x, queue, tau=-1), ValueError, r"tau must .*got -1;"),
    ("tau, end to end", lambda: L.leoclr_end_to_end(x, x, x, tau=-1), ValueError, r"tau must .*got -1;"),
    ("tau, clim", lambda: L.clim(x, x, x, 0.5, queue, tau=0.0), ValueError, r"tau must .*got 0.0;"),
    ("tau, score_nce", lambda: L.score_nce(pos, neg, ones, neg + 1, tau=0.0), ValueError, r"tau must .*got 0.0;"),
    ("tau_s", lambda: L.dino(crops, crops, pos[:D], tau_s=0.0), ValueError, r"tau_s must .*got 0.0;"),
    ("tau_t", lambda: L.dino(crops, crops, pos[:D], tau_s=0.1, tau_t=-0.04), ValueError, r"tau_t must .*got -0.04;"),
    ("m infinite", lambda: L.margin_nce(pos, neg, m=inf), ValueError, r"m must be a finite number, got inf"),
    ("vicreg coefficient", lambda: L.vicreg(x, x, mu=-1), ValueError, r"mu must be a number of at least 0, got -1"),
    ("vicreg form", lambda: L.vicreg(x, x, form="official"), ValueError, r"form must .*got 'official';"),
    ("vicreg one image", lambda: L.vicreg(x[:1], x[:1]), ValueError, r"z1 must have at least 2 rows .*\(1, 4\)"),
    ("reduction", lambda: L.leoclr(x, x, x, queue, reduction="max"), ValueError, r"reduction must .*got 'max';"),
    # mixing
    ("lam above", lambda: L.clim(x, x, x, 1.5, queue), ValueError, r"lam must .*\[0, 1\], got 1.5"),
    ("lam nan", lambda: L.clim(x, x, x, changed(ones, nan), queue), ValueError, r"lam must .*\[0, 1\], got nan;"),
    ("lam below", lambda: L.clim(x, x, x, changed(ones, -0.5), queue), ValueError, r"lam must .*got -0.5;"),
    ("lam length", lambda: L.clim(x, x, x, ones[1:], queue), ValueError, r"lam must .*\(8,\), got \(7,\)"),
    ("lam, interclr", lambda: L.interclr(parts, parts, lam=-0.1), ValueError, r"lam must .*got -0.1"),
    (
        "resolutions",
        lambda: L.clim_multi_resolution([x, x], [x], [x, x], 0.5, queue),
        ValueError,
        r"q_mix, k_i, k_j .*got 2, 1, 2 and 2;",
    ),
    ("no resolution", lambda: L.clim_multi_resolution([], [], [], 0.5, queue), ValueError, r"at least one, got 0"),
    # weights
    (
        "weight negative",
        lambda: L.reduce(parts, changed(ones, -2)),
        ValueError,
        r"weight must .*got -2.0 at flat index 3",
    ),
    ("parts a tensor", lambda: L.reduce(x), TypeError, "parts must be the two parts of a loss, .* got a Tensor"),
    ("weight nan", lambda: L.reduce(parts, changed(ones, nan)), ValueError, r"weight must .*got nan at flat index 3"),
    ("weight infinite", lambda: L.reduce(parts, changed(ones, inf)), ValueError, r"weight must .*got inf at .* 3"),
    ("weight length", lambda: L.reduce(parts, ones[1:]), ValueError, r"weight must have shape \(8,\).*got \(7,\)"),
    ("weight of pairs", lambda: L.reduce(parts, ones[:, None]), ValueError, r"weight must have shape .*got \(8, 1\)"),
    ("weights all 0", lambda: L.reduce(parts, 0 * ones), ValueError, r"weight must be above 0 .*got 0 for all"),
    ("weight a number", lambda: L.reduce(parts, 2.0), TypeError, r"weight must be a tensor .*got float;"),
    ("weight of one view", lambda: L.reduce(L.npid(x, x, queue.T), ones), TypeError, r"weight must be None .*NPID.*;"),
    ("batch_mean all 0", lambda: L.batch_mean(0 * ones), ValueError, r"weight must be above 0 .*got 0 for all"),
    ("batch_mean negative", lambda: L.batch_mean(-ones), ValueError, r"weight must .*got -1.0 at flat index 0"),
    ("identical views", lambda: L.score_weight(x, x), ValueError, r"got 0 for all; are both views .*same picture"),
    (
        "pair weights",
        lambda: L.wmse([x, x, x], 8, perm, pair_weights=torch.ones(B, 2)),
        ValueError,
        r"pair_weights must have shape \(8, 3\).*got \(8, 2\)",
    ),
    (
        "pair weights negative",
        lambda: L.leoclr(x, x, x, queue, pair_weights=-torch.ones(B, 2)),
        ValueError,
        r"pair_weights must .*got -1.0",
    ),
    (
        "pair weights, dino",
        lambda: L.dino(crops, crops, pos[:D], pair_weights=ones),
        ValueError,
        r"pair_weights must have shape \(8, 2\).*got \(8,\)",
    ),
    # score distances
    ("d shape", lambda: L.nt_xent(x, x, tau=0.5, d=square[1:]), ValueError, r"d must .*\(16, 16\).*got \(15, 16\)"),
    ("d negative", lambda: L.nt_xent(x, x, tau=0.5, d=changed(square, -1)), ValueError, r"d must .*got -1.0;"),
    (
        "d of a positive 0",
        lambda: L.nt_xent(x, x, tau=0.5, d=changed(square, 0, B)),
        ValueError,
        r"positive pairs, got 0.0;",
    ),
    ("d missing", lambda: L.nt_xent(x, x, positive_in_denominator=False), ValueError, r"got False; pass d"),
    ("score_nce shapes", lambda: L.score_nce(pos, neg, ones[1:], neg), ValueError, r"d_pos and d_neg must .*\(7,\)"),
    ("score_nce 0", lambda: L.score_nce(pos, neg, 0 * ones, neg), ValueError, r"d must .*positive pairs, got 0.0;"),
    ("views of two sizes", lambda: L.score_weight(x, narrow), ValueError, r"s1 and s2 must .*\(8, 4\) and \(8, 3\);"),
    ("kind", lambda: L.score_weight(x, x, kind="gap"), ValueError, r"kind must .*got 'gap';"),
    ("p", lambda: L.score_distances(x, x, p=3), ValueError, r"p must be 1 or 2, got 3;"),
    ("normalize", lambda: L.score_weight(x, -x, normalize="mean"), ValueError, r"normalize must .*got 'mean';"),
    ("statistics momentum", lambda: L.ScoreStatistics(momentum=1.0), ValueError, r"momentum must .*\[0, 1\), got 1.0;"),
    ("statistics unseen", lambda: L.ScoreStatistics().eval()(ones), ValueError, r"ScoreStatistics must .*got none;"),
    # whitening
    ("sub-batch too small", lambda: L.wmse(crops, 7, perm), ValueError, r"w_size must .*2 \* D = 8 .*got 7"),
    ("sub-batch a float", lambda: L.wmse(crops, 8.0, perm), TypeError, r"w_size must be an integer.*got 8.0"),
    (
        "sub-batches not whole",
        lambda: L.wmse([torch.randn(20, D)] * 2, 8, torch.randperm(20)),
        ValueError,
        r"w_size must divide .*20 .*got 8;",
    ),
    ("one view", lambda: L.wmse([x], 8, perm), ValueError, r"views must be at least two .*got 1;"),
    ("perm repeats", lambda: L.wmse(crops, 8, perm * 0), ValueError, r"perm must hold each index .*randperm\(8\)"),
    ("perm short", lambda: L.wmse(crops, 8, perm[1:]), ValueError, r"perm must .*\(7,\); use"),
    ("perm floats", lambda: L.wmse(crops, 8, perm.float()), TypeError, r"perm must be an int64 tensor.*; use"),
    ("collapsed", lambda: L.wmse([x, 0 * x], 8, perm), ValueError, r"h must .*singular .*; the embeddings collapsed"),
    ("eps", lambda: L.wmse(crops, 8, perm, eps=1), ValueError, r"eps must be a number in \[0, 1\), got 1.0;"),
    # DINO
    ("one crop", lambda: L.dino([x], [x], pos[:D]), ValueError, r"student and teacher must .*got 1 and 1;"),
    ("more teachers", lambda: L.dino(crops, [x] * 3, pos[:D]), ValueError, r"student and teacher must .*got 2 and 3;"),
    ("center", lambda: L.dino(crops, crops, pos), ValueError, r"center must have shape \[O\] = \(4,\), got \(8,\);"),
    ("center's width", lambda: L.Center(3)([x]), ValueError, r"center must .*\(4,\), got \(3,\); build Center\(4\)"),
    ("center's momentum", lambda: L.Center(3, momentum=1.1), ValueError, r"momentum must .*got 1.1"),
    ("center without width", lambda: L.Center(0), ValueError, r"width must be an integer of at least 1.*got 0"),
    # queue
    ("batch no divisor", lambda: L.Queue(15, D)(x), ValueError, r"multiple of the batch.* K = 15 .*batch of 8; drop"),
    ("batch above K", lambda: L.Queue(4, D)(x), ValueError, r"multiple of the batch.* K = 4 .*batch of 8"),
    ("keys' width", lambda: L.Queue(K, 5)(x), ValueError, r"k must have the queue's width D = 5, got \(8, 4\); build"),
    ("queue's size", lambda: L.Queue(-1, D), ValueError, r"size must be an integer of at least 0.*got -1"),
    ("queue's width", lambda: L.Queue(K, 4.0), TypeError, r"width must be an integer.*got 4.0"),
]


@pytest.mark.parametrize(("call", "error", "pattern"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_it_is_refused_with_rule_value_and_remedy(call, error, pattern):
    with pytest.raises(error, match=re.compile(pattern, re.DOTALL)) as caught:
        call()
    assert " must " in str(caught.value)
    assert ", got " in str(caught.value)
    assert "; " in str(caught.value)
