"""Serving views by address, from a data set to a loader: none of it can forget the epoch.

`AddressedDataset` makes the views of an index, `AddressedSampler` gives indices that carry their epoch and draw,
`Loader` is both in one, with a state, and `AddressedStream` does it for samples that have a key and no index.
"""

from .._exports import claim as _claim
from ._dataset import AddressedDataset, Indexed, OfBatches
from ._index import AddressedIndex
from ._loader import Loader
from ._sampler import AddressedSampler, Pass
from ._stream import AddressedStream

__all__ = [
    "AddressedDataset",
    "AddressedIndex",
    "AddressedSampler",
    "AddressedStream",
    "Indexed",
    "Loader",
    "OfBatches",
    "Pass",
]

_claim(__name__, globals())
