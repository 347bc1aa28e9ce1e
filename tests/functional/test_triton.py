"""The kernels in Triton without a GPU: by the interpreter against torch, and compiled ahead of time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ..versions import INTERPRETER, SPILLS

pytest.importorskip("triton")

ROOT = Path(__file__).parents[2]
INTERPRETED = """
import os
os.environ["TRITON_INTERPRET"] = "1"
import torch
from torchvision.transforms import InterpolationMode
from jointaug import functional as K
from jointaug.functional import Step, _chain, _crop, _packed, _program
from jointaug.functional._batch import Target

g = torch.Generator().manual_seed(0)
for n, v, H, W, h, w, kernel in ((3, 2, 40, 52, 32, 32, 3), (3, 2, 40, 52, 32, 32, None), (2, 2, 60, 50, 33, 40, 9)):
    images = torch.randint(0, 256, (n, 3, H, W), dtype=torch.uint8, generator=g)
    u = torch.rand(n, v, 12, generator=g)
    height, width = (torch.randint(1, side + 1, (n, v), generator=g) for side in (H, W))
    height[0, 0], width[0, 0], height[1, 0], width[1, 0] = H, W, 1, 1
    top, left = ((H - height + 1) * u[..., 0]).long(), ((W - width + 1) * u[..., 1]).long()
    boxes = torch.stack([top, left, height, width], -1)
    factors = [0.6 + 0.8 * u[..., 2], 0.6 + 0.8 * u[..., 3], 0.6 + 0.8 * u[..., 4], 0.2 * u[..., 5] - 0.1]
    order = torch.stack([torch.randperm(4, generator=g) for _ in range(n * v)]).view(n, v, 4)
    steps = [
        Step(K.color_jitter, (*factors, order), u[..., 6] < 0.8),
        Step(K.rgb_to_grayscale, (), u[..., 7] < 0.3),
        Step(K.gaussian_blur, (0.1 + 1.9 * u[..., 8], kernel), u[..., 9] < 0.5),
        Step(K.horizontal_flip, (), u[..., 10] < 0.5),
    ]
    flat, _, crop, outer = _crop.checked_crop(
        images, boxes, (h, w), u[..., 11] < 0.5, InterpolationMode.BILINEAR, True, None
    )
    ops = _chain.checked_steps(steps, Target(outer, images.device, 3))
    expected = _program.run(flat, crop, ops, torch.float32)
    for order_in_memory in (torch.contiguous_format, torch.channels_last):
        found = _packed.run(flat, crop, ops, torch.float32, order_in_memory)
        assert found.is_contiguous(memory_format=order_in_memory)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    half = _packed.run(flat, crop, ops, torch.float16, torch.contiguous_format)
    torch.testing.assert_close(half.float(), expected, rtol=0, atol=5e-4)  # half a unit in the last place below 1
"""

SPECIAL = """
import registers
from jointaug.functional import _triton as pixels
from registers import ALONE, Case

first, sums = {"CROP": True, "WHOLE": False}, {"sums": None}
for kernel, fixed in (
    (pixels.begin_kernel, ALONE | first | {"h": 1}),
    (pixels.begin_kernel, ALONE | first | sums | {"w": 1, "WHOLE": True, "channel": 1}),
    (pixels.begin_kernel, ALONE | first | dict.fromkeys(("images", "views", "slots", "first", "source_channel"), 1)),
    (pixels.contrast_kernel, ALONE | dict.fromkeys(("images", "views", "slots", "start", "end", "h"), 1)),
    (pixels.blur_x_kernel, {"T": pixels.TILE, "channel": 1, "w": 1}),
    (pixels.blur_y_kernel, ALONE | sums | {"WHOLE": True, "h": 1, "radius": 1}),
):
    registers.usage(Case("", kernel, fixed), 90)
"""


def run(*words):
    path = os.pathsep.join(map(str, (ROOT, ROOT / "examples", ROOT / "benchmarks")))  # they may not be installed
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run([sys.executable, *words], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@INTERPRETER.mark
def test_is_torchs_result_by_the_interpreter():
    run("-c", INTERPRETED)


@pytest.mark.skipif(torch.version.cuda is None, reason="torch was built without CUDA, and its Triton without ptxas")
@SPILLS.mark
def test_compiles_without_spills():
    """A spill ends the script. If the page is wrong: ``python benchmarks/registers.py --write``."""
    made = run(str(ROOT / "benchmarks" / "registers.py"))
    assert made.count(" B") == 7 * 3
    if torch.__version__.startswith("2.14.1"):
        assert made.strip() in (ROOT / "docs" / "explanation" / "speed.md").read_text(encoding="utf-8")


@pytest.mark.skipif(torch.version.cuda is None, reason="torch was built without CUDA, and its Triton without ptxas")
def test_compiles_where_a_number_is_one():
    """Triton makes a constant of an argument that is 1; the interpreter does not."""
    run("-c", SPECIAL)
