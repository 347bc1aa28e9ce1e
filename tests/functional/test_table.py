"""The table of kernels: what it says is what C says, and no public kernel that a chain could take is left out."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
import torch

import jointaug
from jointaug import functional as K
from jointaug.functional import _table
from jointaug.functional._table import KERNELS

HEADER = next(Path(jointaug.__file__).parent.rglob("csrc/jointaug.h"))
NO_STEPS = {"own_parameters", "INTERPOLATIONS", "Step", "backend", "finish"}  # a chain is no step of one
RESIZES = {"views_of_one", "crop_and_finish", "resized_crop", "cutmix", "cutmix_boxes"}


def enumerators(header):
    """Names and numbers of ``enum ja_kind``."""
    body = re.search(r"enum ja_kind \{(.*?)\}", header, re.DOTALL)[1]
    names = re.findall(r"^\s*(JA_\w+)\s*,", re.sub(r"/\*.*?\*/", "", body), re.MULTILINE)
    assert "=" not in body
    return {name: number for number, name in enumerate(names)}


def test_kinds_are_those_of_the_header():
    rows = {f"JA{row.form.__name__.upper()}": row.kind for row in KERNELS.values()}
    assert rows == enumerators(HEADER.read_text())
    assert len(rows) == len(KERNELS)


def test_every_kernel_that_keeps_its_images_size_is_in_it():
    public = {getattr(K, name) for name in K.__all__ if name not in NO_STEPS | RESIZES}
    assert public == set(KERNELS)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.__name__)
def test_a_chain_takes_what_the_function_takes(kernel):
    """A check has the function's parameters: ``Step(kernel, parameters)`` is ``kernel(images, *parameters)``."""
    _, *own = inspect.signature(kernel).parameters.values()
    _, *checked = inspect.signature(KERNELS[kernel].check).parameters.values()
    names = [p.name for p in own if p.kind is not p.KEYWORD_ONLY and p.name != "num_output_channels"]
    assert [p.name for p in checked if p.kind is not p.VAR_POSITIONAL] == names
    assert [p.name for p in own if p.kind is p.KEYWORD_ONLY] == ["where"]


def test_a_row_is_all_that_a_kernel_needs(monkeypatch):
    """A kernel of a test's own, in torch: alone, where asked, and in a chain."""
    monkeypatch.setattr(_table, "KERNELS", table := dict(KERNELS))
    monkeypatch.setattr("jointaug.functional._chain.KERNELS", table)
    monkeypatch.setattr("jointaug._native._library.library", None)

    def half(x, values, grid):
        return x / 2

    @_table.kernel(99, _table.nothing, half)
    def halved(images, *, where=None):
        return _table.on_images(halved, images, where=where)

    images = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    first = torch.tensor([True, False])
    assert torch.equal(halved(images), images / 2)
    assert torch.equal(halved(images, where=first), torch.stack([images[0] / 2, images[1]]))
    assert torch.equal(K.finish(images, [K.Step(halved), K.Step(K.invert)]), 1 - images / 2)
