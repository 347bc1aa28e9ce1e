"""The hashes in Triton, by the interpreter, against the library's (and Python's)."""

import subprocess
import sys

import pytest

from ..versions import INTERPRETER

pytest.importorskip("triton")

INTERPRETED = """
import os
os.environ["TRITON_INTERPRET"] = "1"
import torch
from jointaug import Addresses
from jointaug._native import _cuda

index = torch.cat([torch.arange(140), torch.tensor([2**31 + 5, 2**40 + 7, 2**63 - 1])])
draws = torch.cat([torch.arange(140) % 3, torch.tensor([2**31 + 1, 2**32 - 1, 0])])
far = 2**63 + 12345678901
positions = [(7, 0, 0), (1, far, 1), (22, 2**31 + 9, 3), (1, far, 0), (4, 17, 2**32 - 1), (22, 2**31 + 9, 5)]
for draw, seed, epoch in ((draws, 0, 0), (0, 2**64 - 1, 2**32 - 1), (2**32 - 1, 2**31 + 3, 5)):
    found = _cuda.rows(index, draw, seed, epoch, positions)
    expected = Addresses(seed, epoch, index, draw).rows_at(positions)
    for a, b in zip(found, expected, strict=True):
        assert len(a) == len(b)
        assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
"""
ORDERED = """
import os
os.environ["TRITON_INTERPRET"] = "1"
import torch
from jointaug._native import _cuda
from jointaug.neighbors._chance import order_keys, order_words

words = torch.cat([order_words("negatives", torch.arange(3), seed=5), torch.tensor([[0, 2**32 - 1]])])
some = torch.arange(2100).repeat(4, 1) * 7919 + torch.arange(4)[:, None]
far = torch.tensor([2**31 + 3, 2**32 - 1, 0])
for rows in (torch.arange(2100), far, some, some[:, :1], some.flip(1)[:, ::2]):
    assert torch.equal(_cuda.order_keys(words, rows), order_keys(words[:, None], rows))
"""


@INTERPRETER.mark
@pytest.mark.parametrize("code", [INTERPRETED, ORDERED], ids=["of addresses", "of a bank's rows"])
def test_the_hash_has_the_same_bits(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
