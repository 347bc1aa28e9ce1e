"""Train a score network for ScoreCL's weights and figures; a training that was cut off goes on with the same command.

    python examples/score.py cifar10:FOLDER --out score.pt
    python examples/score.py FOLDER --out score.pt --size 48 --steps 10000
    python examples/pretrain.py scorecl-simclr-cifar10 --data cifar10:FOLDER --out runs/S --score score.pt
    python examples/reproduce.py scorecl 2 --scale cifar10 --data cifar10:FOLDER --score score.pt
    python examples/figures/scorecl.py --data FOLDER --score score.pt

Data are what pretrain.py takes; all training images are learned from, held-out ones never. The network is
unconditional, as ScoreCL writes it; its size is that of the images it sees, and views of other sizes are resized to it.
Beside score.pt, score.json has the seconds that it took, which ScoreCL's Tab. 10 asks for.
Defaults are NCSN's (Song and Ermon 2019, https://arxiv.org/abs/1907.05600): 200,000 steps of 128 images by Adam, for
a GPU. On a CPU take fewer: 10,000 steps are our scaled-down number.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torchvision.transforms import v2
from trainer.evaluation.arguments import positive, seed
from trainer.inputs.data import open_data
from trainer.inputs.sources import Images, Source, in_memory
from trainer.record.seconds import add_seconds
from trainer.training.difficulty import told
from trainer.training.distributed import joined

from jointaug.difficulty import ScoreNetwork, train_score

INTERRUPTED = 130  # exit code of what Ctrl-C ended, as shells have it
STEPS, BATCH, RATE = 200_000, 128, 1e-3  # NCSN's
SIZE = 32  # side of the network's images, in pixels
AT_ONCE = 1024  # images that are resized together


def main(arguments: Sequence[str] | None = None) -> int:
    """Train as the command line says; the exit code."""
    options = parsed(arguments)
    try:
        print(trained(options))
    except KeyboardInterrupt:
        if options.out.exists():
            print(
                f"interrupted. Go on with the same command: {shlex.join([sys.executable, *sys.argv])}", file=sys.stderr
            )
        else:
            print("interrupted before there was anything to save", file=sys.stderr)
        return INTERRUPTED
    except (ValueError, OSError, ImportError, FloatingPointError) as error:
        print(f"score.py: {error}", file=sys.stderr)
        return 1
    return 0


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options of the command line; exits with a message for wrong ones."""
    parser = argparse.ArgumentParser(
        description="Train a score network on the training images of a data set.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        prog="score.py",
    )
    parser.add_argument("data", metavar="DATA", help="folder of images, cifar10:FOLDER, ..., or rendered")
    parser.add_argument("--out", type=Path, required=True, help="file of the network; a training that is there goes on")
    parser.add_argument("--size", type=positive, default=SIZE, help="side of the network's images, a multiple of 4")
    parser.add_argument("--steps", type=positive, default=STEPS, help="optimizer steps, those done before included")
    parser.add_argument("--batch", type=positive, default=BATCH, help="images of a step")
    parser.add_argument("--lr", type=float, default=RATE, help="of Adam")
    parser.add_argument("--seed", type=seed, default=0, help="of weights, order, flips and noise")
    parser.add_argument("--device", help="cpu, cuda, ...; none: a GPU where there is one")
    parser.add_argument("--threads", type=positive, help="of torch, on a CPU; none: as torch chooses")
    parser.add_argument(
        "--workers", type=int, default=0, help="processes that decode in every step; 0: all images in memory, resized"
    )
    parser.add_argument("--save-every", type=positive, default=1000, help="steps between checkpoints")
    return parser.parse_args(arguments)


def trained(options: argparse.Namespace) -> str:
    """Train to the end and write the file; what came of it, in words.

    Raises:
        ValueError: for options or images that do not do, or a file of another training.
        OSError: for data that is not there, or a file that cannot be written.
        FloatingPointError: if the loss is not finite.
    """
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    out: Path = options.out
    if out.is_dir() or not out.parent.is_dir():
        raise ValueError(f"--out must be a file in a folder that is there, got {str(out)!r}; name another")
    if out.exists() and (size := ScoreNetwork.load(out).size) != options.size:
        raise ValueError(f"--out must be a new file, or of this --size {options.size}, got {out} of {size} pixels")
    torch.manual_seed(options.seed)
    net = ScoreNetwork(options.size)
    with joined(options.device) as processes:
        if processes.count > 1:
            raise ValueError(f"score.py trains in one process, got {processes.count}; start it with python")
        source = open_data(options.data, size=options.size).train
        images = source if options.workers else resized(source, options.size)
        began = time.monotonic()
        try:
            losses = train_score(
                net.to(processes.device),
                images,
                steps=options.steps,
                batch_size=options.batch,
                learning_rate=options.lr,
                seed=options.seed,
                checkpoint=out,
                save_every=options.save_every,
                workers=options.workers,
                progress=True,
            )
        except KeyboardInterrupt:
            if out.exists():  # else the next call begins anew
                add_seconds(out, time.monotonic() - began)
            raise
        add_seconds(out, time.monotonic() - began)
    return f"{out}: {told(net, losses, min(options.batch, len(source)))}, on {len(source)} images"


def resized(source: Source, size: int) -> Tensor:
    """All images in memory, the shorter side resized, the center kept: uint8 ``[N, 3, size, size]``.

    Raises:
        ValueError: if files cannot be read.
    """
    fit = v2.Compose([v2.Resize(size), v2.CenterCrop(size)])
    if isinstance(source, Images):
        return in_memory(source.prepared(fit)).images
    return torch.cat([fit(part) for part in source.images.split(AT_ONCE)])


if __name__ == "__main__":
    sys.exit(main())
