"""Values of a command line, each checked when it is read."""

from __future__ import annotations

import argparse
import math

ALL = 0  # of stages


def add_encoder(parser: argparse.ArgumentParser) -> None:
    """The arguments that say which encoder, for `trainer.evaluation.encoder.open_encoder`."""
    parser.add_argument("encoder", help="a run's folder, a file with a state dict, or an architecture as initialized")
    parser.add_argument("--backbone", help="architecture of a state dict, if no settings.json beside it says it")
    parser.add_argument("--stem", choices=("imagenet", "small"), help="of a ResNet")
    parser.add_argument("--prefix", help="of the backbone's keys in a state dict, such as module.encoder_q.")


def positive(text: str) -> int:
    """An integer above zero."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"must be an integer of at least 1, got {text!r}")
    return int(text)


def stage(text: str) -> int:
    """A stage of a network, from 1; ``all`` is `ALL`."""
    return ALL if text == "all" else positive(text)


def rate(text: str) -> float:
    """A finite number of at least zero."""
    value = _number(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number of at least 0, got {text!r}; moco's is 30")
    return value


def fraction(text: str) -> float:
    """A number above zero and at most one."""
    value = _number(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"must be a number above 0 and at most 1, got {text!r}; 1 % is .01")
    return value


def seed(text: str) -> int:
    """An integer that torch and an address take."""
    if not text.isdecimal() or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"must be an integer in [0, 2**63), got {text!r}; take 0")
    return int(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
