"""A linear probe by a protocol: trained on a frozen encoder's features, or on those of each stage, and tested."""

from __future__ import annotations

import torch
from torch import nn

from .frozen import Frozen
from .images import held_out_rows
from .probe import VALIDATION, measured, measures, train
from .protocols import Protocol
from .results import Result, by_stage

VIEWS = {"center": "center crops", "whole": "whole images"}  # of a test


def probed(frozen: Frozen, protocol: Protocol, *, name: str, epochs: int, batch: int) -> tuple[list[Result], nn.Module]:
    """Train at each of the protocol's rates, on each part of the features, and test the best rate of each part.

    Args:
        frozen: encoder and images; its encoder's features are of stages where the protocol is.
        protocol: what `PROTOCOLS` says, as a user may have changed it.
        name: of the protocol, for the results.
        epochs: to train.
        batch: images of a step.

    Returns:
        The results, and the classifier that is best on the test images, of all the encoder's features.
    """
    labels, test_labels = (images.labels.to(frozen.encoder.device) for images in (frozen.train, frozen.test))
    rows, validation, rates = torch.arange(len(labels)), None, len(protocol.rates)
    if rates > 1:
        held_out = held_out_rows(frozen.train.labels, VALIDATION, frozen.seed)
        rows, validation = rows[~held_out], rows[held_out]
    probe = train(
        frozen.batches(rows, batch, protocol), frozen.encoder.widths, len(frozen.train.classes), protocol,
        epochs=epochs, batch=batch, seed=frozen.seed, device=frozen.encoder.device,
    )  # fmt: skip
    best = list(range(0, len(probe.heads), rates))  # of each part
    if validation is not None:
        logits = frozen.logits(probe.heads, "train", protocol.test, validation)
        scores = [measured(protocol.metrics[0], of_head, labels[validation]) for of_head in logits]
        best = [max(range(first, first + rates), key=scores.__getitem__) for first in best]
    found = []
    for k, logits_of_k in zip(best, frozen.logits([probe.heads[k] for k in best], "test", protocol.test), strict=True):
        how = f"{protocol.source}; rate {protocol.rates[k % rates]:g}, {epochs} epochs, batch {batch}"
        if protocol.crop is None:
            how += f", on features of {VIEWS[protocol.test]}"
        values = {**measures(protocol.metrics, logits_of_k, test_labels), "training loss": probe.losses[k]}
        found.append([Result(f"linear:{name}", metric, value, how) for metric, value in values.items()])
    top = max(zip(found, best, strict=True), key=lambda pair: pair[0][0].value)[1]
    stages = frozen.encoder.stages
    return list(by_stage(dict(zip(stages, found, strict=True)))) if stages else found[0], probe.heads[top]
