"""Weights in files, and into networks: a backbone is found among them, whoever saved it, or it is said what differs."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path

import torch
from torch import Tensor, nn

WRAPPERS = ("state_dict", "model")  # keys under which trainers put a state dict
#: How torchvision and timm call what a backbone is without.
CLASSIFIERS = ("fc", "classifier", "head", "heads", "head_dist", "aux_head", "last_linear")


def read_weights(path: Path) -> dict[str, Tensor]:
    """The state dict in a file, taken out of what a trainer wraps it in.

    Raises:
        ValueError: if the file is not there, is cut short, holds pickled objects, or holds no state dict.
    """
    if not path.is_file():
        raise ValueError(f"there is no file {path}; a run writes backbone.pt at its end")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a broken file leads the reader to whatever
        first = str(error).splitlines()[0]
        raise ValueError(
            f"{path} cannot be read as a state dict ({type(error).__name__}: {first}): it is cut short, or holds more "
            "than tensors; write it again with torch.save(model.state_dict(), path)"
        ) from None
    for key in WRAPPERS:
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        got = f"a dict of {', '.join(map(repr, list(state)[:5]))}" if isinstance(state, dict) else type(state).__name__
        raise ValueError(f"{path} must hold a state dict, name to tensor, got {got}; save model.state_dict()")
    return state


def digest_of(state: Mapping[str, Tensor]) -> str:
    """One word for weights: it tells some from others."""
    word = blake2b(digest_size=8)
    for value in state.values():
        word.update(value.cpu().contiguous().numpy().tobytes())
    return word.hexdigest()


def load_weights(
    network: nn.Module, state: Mapping[str, Tensor], prefix: str | None, name: str, *, option: str = "--prefix"
) -> None:
    """Put a state dict into a network without a classifier; all but a classifier must fit exactly.

    Args:
        network: without its classifier.
        state: of that network, perhaps under a prefix (``module.encoder_q.``) among others.
        prefix: to take; None for the one under which all that is wanted is found.
        name: of the network, for the error.
        option: that names a prefix, likewise.

    Raises:
        ValueError: if keys are missing or too many, shapes differ, or several prefixes fit.
    """
    wanted = {key: value for key, value in network.state_dict().items() if not key.endswith("num_batches_tracked")}
    if prefix is None:
        anchor = next(iter(wanted))
        starts = sorted({key.removesuffix(anchor) for key in state if key.endswith(anchor)})
        fit = [start for start in starts if all(start + key in state for key in wanted)]
        if len(fit) > 1:
            raise ValueError(f"the state dict holds {name} under {', '.join(map(repr, fit))}; choose one with {option}")
        prefix = fit[0] if fit else ""
    own = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    own = {key: value for key, value in own.items() if key in wanted or key.split(".")[0] not in CLASSIFIERS}
    missing = [key for key in wanted if key not in own]
    spare = [key for key in own if key not in network.state_dict()]
    unlike = [
        f"{key} is {tuple(own[key].shape)}, not {tuple(value.shape)}"
        for key, value in wanted.items()
        if key in own and own[key].shape != value.shape
    ]
    if missing or spare or unlike:
        faults = [
            f"{len(keys)} {what} ({', '.join(keys[:3])}{', ...' * (len(keys) > 3)})"
            for keys, what in ((missing, "missing"), (spare, "too many"), (unlike, "of another shape"))
            if keys
        ]
        raise ValueError(
            f"the weights are not those of {name}: {'; '.join(faults)}; name their architecture with --backbone, "
            f"--stem and, where the keys have one, {option}"
        )
    network.load_state_dict(own, strict=False)  # strict but for num_batches_tracked, which old files lack
