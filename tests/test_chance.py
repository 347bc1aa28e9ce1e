"""Rows of uniforms: the hash against its published answers, its uniforms against statistics, its walk against v2."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torchvision.transforms import v2

from jointaug import Address, AddressedDataset, Addresses, chance
from jointaug._native import _library as _native
from jointaug.chance import FRESH, child_step, named_step, philox

FAILURE_RATE = 1e-6  # of each statistical test below; seeds are fixed


def ks_bound(n: int) -> float:
    """DKW inequality (Massart 1990)."""
    return math.sqrt(math.log(2 / FAILURE_RATE) / (2 * n))


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [  # known answers of Philox4x32-10, published with the Random123 library
        ((0, 0, 0, 0), (0, 0), "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_philox_gives_the_published_words(counter, key, words):
    expected = [int(word, 16) for word in words.split()]
    assert list(philox(counter, key)) == expected
    tensors = philox([torch.tensor([word]) for word in counter], tuple(torch.tensor([word]) for word in key))
    assert [word.item() for word in tensors] == expected


@pytest.mark.parametrize("seed", [0, 7, 2**64 - 1])
def test_a_batch_has_the_bits_of_its_images(seed):
    index = torch.tensor([0, 1, 2**31, 2**40 + 3, 2**63 - 1])
    draw = torch.tensor([0, 1, 2, 3, 2**32 - 1])
    rows = Addresses(seed, 5, index, draw).rows(7, step=child_step(3, 1), view=2)
    for i in range(len(index)):
        address = Address(seed, 5, int(index[i]), int(draw[i]))._moved(step=child_step(3, 1), view=2, ledger=None)
        assert [row[i].item() for row in rows] == address.row(7)


needs_library = pytest.mark.skipif(_native.library is None, reason="installed without a compiler, or JOINTAUG_NATIVE=0")


@needs_library
@pytest.mark.parametrize(
    ("index", "draw", "seed", "epoch", "words"),
    [  # the published words again: the image's own are its key and its salt, which a step of the same bits turns to 0
        (0, 0, 0, 0, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        (-1, 2**32 - 1, 2**64 - 1, 2**32 - 1, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            0x243F6A88 - (0x100000000 - 0x85A308D3 << 32),
            0x03707344,
            0x299F31D0A4093822,
            0x13198A2E,
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_the_native_hash_gives_the_published_words(index, draw, seed, epoch, words):
    k0, k1, s0, s1 = (int(word, 16) for word in words.split())
    counter = (0xFFFFFFFF, 0x01234567, 7, 1)
    step = (counter[1] ^ s1) << 32 | counter[0] ^ s0
    (_, row) = _native.row(index, draw, seed, epoch, [(3, 1, 0), (8, step, 7)])
    assert [int(u * 2**32) for u in row[4:]] == list(philox(counter, (k0, k1)))
    _, several = _native.rows(torch.tensor([0, index]), torch.tensor([1, draw]), seed, epoch, [(3, 1, 0), (8, step, 7)])
    assert [u[1].item() for u in several] == row


@needs_library
@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 300])
def test_the_native_hash_gives_pythons_bits(count, monkeypatch):
    generator = torch.Generator().manual_seed(count)
    for n in (0, 1, 4, 7, 23):
        index = torch.randint(2**63 - 1, (2 * count,), generator=generator)[::2]
        draws = [0, 2**32 - 1, torch.randint(2**32, (count,), generator=generator)]
        seed, epoch = int(torch.randint(2**63 - 1, (1,), generator=generator)) * 2 + 1, 2**32 - 1 - count
        step, view = child_step(n, count), 2**31 + n
        for draw in draws:
            with monkeypatch.context() as only:
                only.setattr(chance, "philox", None)
                rows = Addresses(seed, epoch, index, draw).rows(n, step=step, view=view)
            with monkeypatch.context() as without:
                without.setattr(_native, "library", None)
                expected = Addresses(seed, epoch, index, draw).rows(n, step=step, view=view)
            assert len(rows) == n
            assert all(torch.equal(a, b) for a, b in zip(rows, expected, strict=True))


@needs_library
def test_one_images_native_row_has_pythons_bits(monkeypatch):
    for index, n in ((0, 1), (2**63 - 1, 9), (12345, 0)):
        address = Address(2**64 - 1, 3, index, 2**32 - 1).step(2).view(5)
        row = address.row(n)
        with monkeypatch.context() as without:
            without.setattr(_native, "library", None)
            assert address.row(n) == row


@pytest.mark.parametrize("native", [False, pytest.param(True, marks=needs_library)])
def test_several_positions_at_once_are_those_of_each_image(native, monkeypatch):
    if not native:
        monkeypatch.setattr(_native, "library", None)
    positions = [(5, child_step(0, 3), 0), (0, 7, 1), (4, 2**64 - 1, 2**32 - 1), (1, 0, 2), (9, child_step(0, 3), 1)]
    index, draw = torch.tensor([0, 2**63 - 1, 99]), torch.tensor([4, 0, 2**32 - 1])
    rows = Addresses(2**64 - 1, 6, index, draw).rows_at(positions)
    assert [len(row) for row in rows] == [n for n, _, _ in positions]
    for i, (one, of) in enumerate(zip(index.tolist(), draw.tolist(), strict=True)):
        expected = Address(2**64 - 1, 6, one, of).rows_at(positions)
        assert [[u[i].item() for u in row] for row in rows] == expected
    assert Addresses(0, 0, index).rows_at([(0, 3, 1)]) == [[]]


@pytest.mark.parametrize("native", [False, pytest.param(True, marks=needs_library)])
def test_addresses_compile(native, monkeypatch):
    """Made outside of the graph (with the library's hash or without) or inside: the same bits."""
    if not native:
        monkeypatch.setattr(_native, "library", None)
    index = torch.tensor([3, 2**40])
    addresses = Addresses(1, 2, index)
    outside = torch.compile(lambda: torch.stack(addresses.rows(5, step=9)), fullgraph=True, backend="eager")
    inside = torch.compile(
        lambda index: torch.stack(Addresses(1, 2, index).rows(5, step=9)), fullgraph=True, backend="eager"
    )
    expected = torch.stack(addresses.rows(5, step=9))
    assert torch.equal(outside(), expected)
    assert torch.equal(inside(index), expected)


@pytest.mark.parametrize(
    ("index", "draw", "message"),
    [
        ([0, -1], 0, r"index must be an integer in \[0, 2\*\*63\), got -1"),
        ([0, 1], [0, 2**32], r"draw must be an integer in \[0, 2\*\*32\), got 4294967296"),
        ([0, 1], [0, -3], r"draw must be an integer in \[0, 2\*\*32\), got -3"),
        ([0, 1, 2], [0, 1], "draw must be an integer or one for each of the 3 images, got 2"),
        ([0], [0, 1], "draw must be an integer or one for each of the 1 images, got 2"),
    ],
)
def test_coordinates_out_of_range_are_refused_in_tensors_too(index, draw, message):
    """Bits beyond a word would be read one way in tensors and another in one image's integers."""
    with pytest.raises(ValueError, match=message):
        Addresses(0, 0, torch.tensor(index), torch.tensor(draw) if isinstance(draw, list) else draw)


def test_addresses_go_to_a_device_with_all_their_coordinates():
    """An integer draw and one for each image; the row is that of `Address`."""
    index = torch.tensor([3, 2**40])
    for draw in (5, torch.tensor([6, 2**32 - 1])):
        moved = Addresses(7, 8, index, draw).to("cpu").rows(3)
        draws = [draw] * 2 if isinstance(draw, int) else draw.tolist()
        for i, one in enumerate(draws):
            assert [u[i].item() for u in moved] == Address(7, 8, int(index[i]), one).row(3)
        assert len(Addresses(7, 8, index, draw).to("meta")) == 2


@pytest.mark.parametrize("moves", [("step", "view"), ("view", "step"), ("view", "view"), ("step", "step")])
def test_a_position_keeps_what_it_was_when_it_moves_on(moves):
    """Steps inside of views and views inside of steps: a row of its own for each of 20 x 20 positions."""
    rows = {}
    for i in range(20):
        for j in range(20):
            rows[i, j] = tuple(getattr(getattr(Address(0, 0, 0), moves[0])(i), moves[1])(j).row(2))
    assert len(set(rows.values())) == (20 if moves == ("view", "view") else 400)  # a view in a view is that view
    swapped = moves[::-1]
    if moves[0] != moves[1]:
        assert all(
            getattr(getattr(Address(0, 0, 0), swapped[0])(j), swapped[1])(i).row(2) == list(row)
            for (i, j), row in rows.items()
        )


def test_a_longer_row_begins_with_the_shorter_one():
    address = Address(1, 2, 3)
    assert address.row(11)[:3] == address.row(3)


@pytest.mark.parametrize("source", ["fresh", "address"])
def test_uniforms_are_uniform_and_never_0_or_1(source):
    torch.manual_seed(0)
    n = 100_000
    if source == "fresh":
        u = np.array(FRESH.row(n))
    else:
        u = torch.cat(Addresses(0, 0, torch.arange(n // 4)).rows(4)).numpy()
    assert u.min() > 0
    assert u.max() < 1
    assert stats.kstest(u, "uniform").statistic < ks_bound(n)


AXES = {
    "seed": lambda i: Address(i, 0, 0),
    "epoch": lambda i: Address(0, i, 0),
    "index": lambda i: Address(0, 0, i),
    "draw": lambda i: Address(0, 0, 0, i),
    "step": lambda i: Address(0, 0, 0).step(i),
    "view": lambda i: Address(0, 0, 0).view(i),
}


@pytest.mark.parametrize("axis", AXES)
def test_neighbours_along_each_coordinate_are_independent(axis):
    """Pairs (u_i, u_i+1) fill a 16 x 16 grid evenly, and bits have no serial correlation. Chi-square of the grid."""
    u = np.array([AXES[axis](i).row(2) for i in range(8000)])
    for first, second in ((u[:-1, 0], u[1:, 0]), (u[:, 0], u[:, 1])):
        counts = np.histogram2d(first[::2], second[::2], bins=8, range=[[0, 1], [0, 1]])[0].ravel()
        assert stats.chisquare(counts).pvalue > FAILURE_RATE


@pytest.mark.parametrize("axis", AXES)
def test_one_bit_of_a_coordinate_turns_half_the_bits(axis):
    """Avalanche: 32 flips x 4 words x 32 bits, each bit turned with probability 1/2."""
    bits = 31 if axis == "epoch" else 32
    turned = 0
    for bit in range(bits):
        words = [[int(u * 2**32) for u in AXES[axis](5 ^ flip).row(4)] for flip in (0, 1 << bit)]
        turned += sum((a ^ b).bit_count() for a, b in zip(*words, strict=True))
    assert stats.binomtest(turned, bits * 128).pvalue > FAILURE_RATE


def test_no_two_coordinates_share_a_row():
    rows = {tuple(make(i).row(2)) for make in AXES.values() for i in range(1, 200)}
    assert len(rows) == len(AXES) * 199


def test_steps_are_paths():
    assert child_step(child_step(0, 1), 2) != child_step(child_step(0, 2), 1)
    assert len({child_step(child_step(0, i), j) for i in range(30) for j in range(30)}) == 900
    assert named_step("negatives") != named_step("positives")


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Address(-1, 0, 0), ValueError, "seed must be an integer in"),
        (lambda: Address(0, 2**32, 0), ValueError, "epoch"),
        (lambda: Address(0, 0, 1.0), TypeError, "index"),
        (lambda: Address(0, 0, True), TypeError, "index"),
        (lambda: Address(0, 0, 0, 2**32), ValueError, "draw"),
        (lambda: Addresses(0, 0, 3), TypeError, "or Address for one image"),
        (lambda: Addresses(0, 0, torch.zeros(3)), ValueError, "int64"),
        (lambda: Addresses(0, 0, torch.zeros(3, 1, dtype=torch.int64)), ValueError, r"\(3, 1\)"),
    ],
)
def test_wrong_addresses_are_named(make, error, words):
    with pytest.raises(error, match=words):
        make()


class Flipping:
    """A data set with a random transform of its own."""

    flip = v2.RandomHorizontalFlip()

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.flip(torch.arange(12.0).view(1, 3, 4) + index)

    def __len__(self) -> int:
        return 40


def test_a_random_transform_of_the_data_set_is_addressed_too():
    data = AddressedDataset(Flipping(), v2.Identity(), seed=3)
    first = torch.stack([data[index] for index in range(40)])
    torch.manual_seed(5)
    assert torch.equal(first, torch.stack([data[index] for index in range(40)]))
    flipped = first[:, 0, 0, 0] > first[:, 0, 0, 1]
    assert 8 < flipped.sum() < 32  # both happen; outside with probability 1e-4
    data.set_epoch(1)
    assert not torch.equal(first, torch.stack([data[index] for index in range(40)]))
