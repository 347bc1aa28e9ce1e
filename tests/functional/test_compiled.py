"""Jobs for the compiled kernels: forks, threads, workers, gradients, tracing, structures."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from jointaug import functional as K
from jointaug._native import _library as _native
from jointaug.functional import Step, _compiled

needs_library = pytest.mark.skipif(_native.library is None, reason="installed without a compiler, or JOINTAUG_NATIVE=0")


@needs_library
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # Python 3.12: there may be other threads
def test_a_child_forked_after_a_call_with_threads_works(monkeypatch):
    """OpenMP's pool would hang here: threads that end with their call leave nothing to hang on."""
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    monkeypatch.setattr(_compiled, "GRAIN", 1)
    images = torch.rand(8, 3, 64, 64)
    before = K.gaussian_blur(images, 1.5)
    child = os.fork()
    if child == 0:
        os._exit(7 if torch.equal(K.gaussian_blur(images, 1.5), before) else 1)
    deadline = time.monotonic() + 30
    while (status := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < deadline:
        time.sleep(0.01)
    if status == (0, 0):
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status[1]) == 7


class Blurred(Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, i):
        assert torch.get_num_threads() == 1
        return K.finish(torch.full((3, 40, 40), i / 8), [Step(K.gaussian_blur, (1.0,))])


@needs_library
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_workers_of_a_loader(monkeypatch):
    monkeypatch.setattr(_compiled, "GRAIN", 1)
    torch.set_num_threads(2)
    K.gaussian_blur(torch.rand(8, 3, 64, 64), 1.5)
    batches = list(DataLoader(Blurred(), 4, num_workers=2, multiprocessing_context="fork", timeout=60))
    torch.testing.assert_close(torch.cat(batches)[:, 0, 0, 0], torch.arange(8) / 8)


@needs_library
def test_threads_give_the_same_bits(monkeypatch):
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(9, 3, 50, 60, generator=generator)
    steps = [Step(K.color_jitter, (0.7, 1.2, 0.6, 0.1)), Step(K.gaussian_blur, (torch.rand(9, generator=generator),))]
    monkeypatch.setattr(_compiled, "GRAIN", 1)
    results = []
    for threads in (1, 2, 3, 16):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        results.append(K.finish(images, steps))
    assert all(torch.equal(result, results[0]) for result in results)


@pytest.mark.parametrize("kernel", [K.gaussian_blur, K.adjust_hue, K.adjust_contrast, K.posterize])
def test_gradients_flow_through_torch(kernel):
    images = torch.rand(2, 3, 6, 6, requires_grad=True)
    result = kernel(images, 4 if kernel is K.posterize else 0.4)
    assert result.requires_grad
    factor = torch.tensor([0.5, 1.5], requires_grad=True)
    K.adjust_brightness(images.detach(), factor).sum().backward()
    assert factor.grad is not None
    with torch.no_grad():
        torch.testing.assert_close(
            kernel(images, 4 if kernel is K.posterize else 0.4), result.detach(), rtol=0, atol=1e-5
        )


def test_compiles_without_a_graph_break():
    images = torch.randint(0, 256, (3, 3, 20, 24), dtype=torch.uint8)
    boxes = torch.tensor([[0, 0, 20, 24], [3, 4, 10, 10], [5, 5, 15, 19]])
    sigma, mask = torch.tensor([0.5, 1.0, 2.0]), torch.tensor([True, False, True])
    order = torch.tensor([[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 1, 3]])

    def views(images, boxes, sigma, mask, order):
        steps = [
            Step(K.color_jitter, (sigma, sigma, sigma, sigma / 4, order)),
            Step(K.rgb_to_grayscale, (), mask),
            Step(K.gaussian_blur, (sigma, None, 2.0)),
            Step(K.solarize, (0.5,), mask),
            Step(K.horizontal_flip, (), mask),
            Step(K.normalize, ((0.4, 0.5, 0.6), 0.2)),
        ]
        return K.crop_and_finish(images, boxes, 12, steps[:3], flip=mask, dtype=torch.float32), K.finish(
            images, steps[4:], dtype=torch.float32
        )

    compiled = torch.compile(views, fullgraph=True, backend="eager")
    arguments = images, boxes, sigma, mask, order
    for result, oracle in zip(compiled(*arguments), views(*arguments), strict=True):
        torch.testing.assert_close(result, oracle, rtol=0, atol=3e-5)


def test_tv_tensors_and_parameters_come_back_as_plain_tensors():
    from torchvision import tv_tensors

    image = tv_tensors.Image(torch.rand(3, 8, 8))
    assert type(K.adjust_brightness(image, 0.5)) is torch.Tensor
    assert type(K.resized_crop([image], [[0, 0, 4, 4]], 4)) is torch.Tensor


@needs_library
@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_the_structures_have_the_sizes_that_c_gives_them(tmp_path):
    source = Path(_native.__file__).parent / "csrc"
    program = tmp_path / "sizes.c"
    program.write_text(
        '#include <stdio.h>\n#include "jointaug.h"\nint main(void) {'
        'printf("%zu %zu %zu %zu", sizeof(ja_job), sizeof(ja_op), sizeof(ja_column), sizeof(ja_image)); }'
    )
    subprocess.run(["cc", "-I", str(source), str(program), "-o", str(tmp_path / "sizes")], check=True)
    sizes = subprocess.run([tmp_path / "sizes"], capture_output=True, text=True, check=True).stdout
    packed = [structure.size for structure in (_compiled.JOB, _compiled.OP, _compiled.COLUMN, _compiled.IMAGE)]
    assert [int(size) for size in sizes.split()] == packed
