"""Every method and every option learns: DESIGN, "A smoke test of training"."""

from __future__ import annotations

import time
from typing import Any

import methods.method
import pytest
import torch
from methods import METHODS

from jointaug import *

H: dict[str, Any] = {"dim": 32, "hidden": 64}
Q = {**H, "K": 32, "bn_splits": 2}
BANK = {"images": 48, "clusters": 4, "min_cluster": 2}
CASES = {
    "simclr": ("simclr", {**H, "tau": 0.5}, None),
    "moco v1": ("moco", {"head": "linear", "dim": 32, "K": 32, "bn_splits": 2, "tau": 0.07}, None),
    "moco": ("moco", Q, None),
    "moco sym": ("moco", {**Q, "symmetric": True}, None),
    "mocov3": ("mocov3", H, None),
    "byol": ("byol", H, None),
    "simsiam": ("simsiam", {**H, "bottleneck": 16}, None),
    "dino": ("dino", {"outputs": 64, "hidden": 64, "bottleneck": 32, "freeze": 0}, None),
    "vicreg": ("vicreg", H, None),
    "wmse": ("wmse", {"dim": 4, "hidden": 64, "w_size": 8}, None),
    "npid": ("npid", {"images": 48, "dim": 32, "K": 32}, None),
    "npid2": ("npid", {"images": 48, **H, "K": 32, "head": "mlp", "tau": 0.1}, None),
    "leoclr": ("leoclr", Q, None),
    "leoclr all": ("leoclr", {**Q, "attract": "all"}, None),
    "leoclr e2e": ("leoclr", {**H, "framework": "simclr", "tau": 0.5}, None),
    "interclr npid": ("interclr", {**BANK, **H, "on": "npid", "K": 32, "K_inter": 8, "pool": 0.5}, None),
    "interclr moco": ("interclr", {**BANK, **Q, "on": "moco", "K_inter": 8, "pool": 0.5}, None),
    "interclr byol": ("interclr", {**BANK, **H, "on": "byol", "K_inter": 8, "pool": 0.5}, None),
    "clim": ("clim", {**Q, "images": 48, "clusters": 4, "k": 10, "n_pos": 5, "warmup_epochs": 0}, None),
}


@pytest.mark.parametrize("name", CASES)
def test_x(name, make_batch, embed, resnet):
    key, settings, maker = CASES[name]
    m = METHODS[key](resnet, **settings)
    batch = make_batch(maker, views=m.views)
    m.before_epoch(0, embed)
    with torch.no_grad():
        for net, enq in [(getattr(getattr(m, "base", m), "f_k", None), getattr(getattr(m, "base", m), "queue", None))]:
            if enq is not None:
                enq.enqueue(embed(net)[16:48])
    base = getattr(m, "base", m)
    m.train()
    for s in ("queue", "center", "bank"):
        if hasattr(base, s):
            getattr(base, s).eval()
    if hasattr(base, "bank"):
        if key == "npid":
            base.bank.fill(embed(base.f))
        base.bank.update = lambda *a: None
    if key == "dino":
        base.center.center.copy_(torch.cat([embed(base.teacher)]).mean(0))
    o = torch.optim.SGD([p for p in m.parameters() if p.requires_grad], 0.02, 0.9)
    L = []
    t = time.process_time()
    for _ in range(30):
        p = m(batch)
        l = methods.method.torch.mean(p[0]) + p[1]
        o.zero_grad()
        l.backward()
        m.before_update(batch)
        o.step()
        m.after_update(batch)
        L.append(l.item())
    m.eval()
    f = torch.nn.functional.normalize(embed(m.encoder), dim=1)
    print(
        f"\n{name:15} {L[0]:.3f} {L[9]:.3f} {L[19]:.3f} {L[29]:.3f} std*sqrt(d) {f.std(0).norm():.4f}  {time.process_time() - t:.1f}s"
    )
