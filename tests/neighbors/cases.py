"""Pools by a slow sort."""

from __future__ import annotations


def pools(queries, index, bank, labels, size, nearest=True):
    """For each query the ``size(rows of other labels)`` nearest (farthest) rows, in order: one float64 sort a query."""
    for query, i in zip(queries.double(), index, strict=True):
        others = (labels != labels[i]).nonzero()[:, 0]
        order = (bank[others].double() @ query).argsort(descending=nearest, stable=True)
        yield others[order][: size(len(others))].tolist()
