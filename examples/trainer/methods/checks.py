"""Checks of the methods' settings: what a run would stumble over after an hour is said before it starts."""

from __future__ import annotations


def fraction(name: str, value: float) -> float:
    """``value`` in [0, 1]."""
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be in [0, 1], got {value!r}; it is a share, 0 none and 1 all")
    return value


def positive(name: str, value: float) -> float:
    """``value`` above 0 and finite."""
    if not 0 < value < float("inf"):
        raise ValueError(f"{name} must be a finite number above 0, got {value!r}; the method's page has the paper's")
    return value


def count(name: str, value: int, least: int = 1) -> int:
    """A whole number of at least ``least``."""
    if value != int(value) or value < least:
        remedy = "raise it" if value == int(value) else "round it"
        raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}; {remedy}")
    return int(value)


def one_of(name: str, value: str, choices: tuple[str, ...]) -> str:
    """One of the ``choices``."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}; pick one of these")
    return value


def queue_fits(K: int, keys: int, images: int) -> None:
    """K is a multiple of the keys of a step and no longer than the data set.

    Raises:
        ValueError: with the nearest K that fits.
    """
    if K % keys or images < K:
        fits = max(min(K, images) // keys * keys, keys)
        raise ValueError(
            f"K must be a multiple of the {keys} keys of a step and at most the {images} images of the data set (a key "
            f"older than an epoch is a second key of its image), got {K}; K={fits} fits"
        )


def bank_fits(images: int, clusters: int, min_cluster: int) -> None:
    """As many clusters as images allow.

    Raises:
        ValueError: with a number of clusters that fits.
    """
    most = images // (2 * max(min_cluster, 1))
    if clusters > most:
        raise ValueError(
            f"clusters must be at most images / (2 * min_cluster) = {most}, so that clusters of at least "
            f"{max(min_cluster, 1)} leave room to move, got {clusters} for {images} images; "
            + (f"clusters={most} fits, and about 10 a class do" if most > 1 else "lower min_cluster")
        )
