"""What is a pre-trained backbone worth to a detector? Faster and Mask R-CNN, all layers trained, by MoCo's protocols.

    python examples/detect.py RUN voc-c4 --data voc0712:DIR            # 24,000 steps, for a GPU
    python examples/detect.py RUN coco-fpn-1x --data coco:DIR
    python examples/detect.py RUN scenes-c4 --data voc07:DIR           # scenes of rendered.py, minutes on two cores
    python examples/detect.py resnet8 scenes-c4 --data voc07:DIR       # as initialized: what a run must beat

RUN is a folder that pretrain.py wrote, a file with a state dict, or an architecture as initialized, as evaluate.py
takes it: a ResNet or the trainer's resnet8. DIR is a tree as VOC or COCO distribute it; nothing is ever downloaded.
Detectors are torchvision's, with MoCo's batch normalization; COCO's average precision is measured by torchmetrics
and pycocotools (``pip install 'jointaug[detection]'``). LVIS is not trained on here: export.py --detectron2 has its
settings.

Written into ``--out`` (default: detect-PROTOCOL in the run's folder): evaluation.json, .csv and .md, and
detections.pt, what was found in each test image.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import torch
from trainer.detection.boxes import Boxed, open_boxes
from trainer.detection.metrics import average_precisions, detections
from trainer.detection.models import detector, stages_of
from trainer.detection.protocols import PROTOCOLS, Protocol
from trainer.detection.train import train
from trainer.evaluation.arguments import add_encoder, positive, rate, seed
from trainer.evaluation.encoder import Encoder, open_encoder
from trainer.evaluation.results import Result, read, write
from trainer.networks import resnet8
from trainer.record.files import save
from trainer.training.distributed import device_of

NEEDED = ("torchmetrics", "pycocotools")


def arguments_of(arguments: Sequence[str] | None) -> tuple[argparse.Namespace, argparse.ArgumentParser]:
    """The options, and the parser that complains about them."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n\n")[0],
        epilog="; ".join(f"{name} ({row.source})" for name, row in PROTOCOLS.items()),
    )
    add_encoder(parser)
    parser.add_argument("protocol", choices=PROTOCOLS, metavar="protocol", help=", ".join(PROTOCOLS))
    parser.add_argument("--data", required=True, help="voc07:DIR, voc0712:DIR or coco:DIR")
    parser.add_argument("--out", type=Path, help="default: detect-PROTOCOL in the run's folder, or here")
    parser.add_argument("--steps", type=positive, help="instead of the protocol's, whose schedule shrinks with them")
    parser.add_argument("--batch", type=positive, help="instead of the protocol's; the rate scales with it")
    parser.add_argument("--lr", type=rate, help="instead of the protocol's, at its batch")
    parser.add_argument("--seed", type=seed, default=0, help="of all chance (%(default)s)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="(%(default)s)")
    parser.add_argument("--threads", type=positive, default=2, help="that decode images (%(default)s)")
    options = parser.parse_args(arguments)
    if lacking := [name for name in NEEDED if find_spec(name) is None]:
        parser.error(f"detect.py needs {' and '.join(lacking)}: pip install 'jointaug[detection]'")
    if options.out is None:
        given = Path(options.encoder)
        folder = given if given.is_dir() else given.parent if given.is_file() else Path()
        options.out = folder / f"detect-{options.protocol}"
    if options.out.exists() and not options.out.is_dir():
        parser.error(f"--out must be a folder, got {str(options.out)!r}, which is a file; choose another")
    return options, parser


def protocol_of(options: argparse.Namespace) -> Protocol:
    """The row that is asked for, with what the command line changes in it."""
    protocol = PROTOCOLS[options.protocol].of_steps(options.steps or PROTOCOLS[options.protocol].steps)
    batch = options.batch or protocol.batch
    full = protocol.rate if options.lr is None else options.lr
    return replace(protocol, batch=batch, rate=full * batch / protocol.batch)


def opened(options: argparse.Namespace) -> Encoder:
    """The backbone, where detectors are trained.

    Raises:
        ValueError: with the remedy, if there is none of that name, its weights are another architecture's, or no
            detector can be made of it.
    """
    side = {"size": resnet8.SIDES[-1]} if resnet8.NAME in (options.encoder, options.backbone) else {}
    encoder = open_encoder(
        options.encoder, backbone=options.backbone, stem=options.stem, prefix=options.prefix, seed=options.seed,
        device=str(device_of(options.device)), threads=options.threads, **side,
    )  # fmt: skip
    stages_of(encoder.network)
    return encoder


def detect(
    encoder: Encoder, protocol: Protocol, data: tuple[Boxed, Boxed], *, name: str, seed: int, out: Path
) -> list[Result]:
    """Train a detector and test it; ``detections.pt`` is written."""
    classes = len(data[0].images.classes)
    model = detector(encoder.network, classes, protocol, mean=encoder.mean, std=encoder.std, seed=seed)
    model.to(encoder.device)
    start = time.perf_counter()
    loss = train(model, data[0], protocol, seed=seed, threads=encoder.threads)
    seconds = time.perf_counter() - start
    pairs = detections(model, data[1], batch=protocol.batch, threads=encoder.threads)
    values, found = average_precisions(pairs, masks=protocol.masks)
    save(out / "detections.pt", found)
    how = f"{protocol.source}; {protocol.steps} steps, batch {protocol.batch}, rate {protocol.rate:g}"
    results = [Result(f"detect:{name}", f"{metric}, %", value, how) for metric, value in values.items()]
    return [*results, Result(f"detect:{name}", "training loss", loss, f"{how}; {seconds:.0f} seconds")]


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and test a detector; the exit status."""
    options, parser = arguments_of(arguments)
    try:
        read(options.out)  # results that cannot be added to are told before, not after, hours of work
        encoder, protocol = opened(options), protocol_of(options)
        data = open_boxes(options.data, masks=protocol.masks)
        options.out.mkdir(parents=True, exist_ok=True)
        subject = {
            "encoder": encoder.origin,
            "weights": encoder.digest,
            "data": f"{options.data}: {len(data[0])} images to train on, {len(data[1])} to test on, "
            f"{len(data[0].images.classes)} classes",
            "seed": options.seed,
        }
        print("\n".join(f"{name:8} {value}" for name, value in subject.items()))
        results = detect(encoder, protocol, data, name=options.protocol, seed=options.seed, out=options.out)
        write(options.out, subject, results)
        for result in results:
            print(f"{result.protocol:20} {result.metric:16} {result.value:8.4g}  {result.how}")
    except (ValueError, ImportError, OSError, FloatingPointError) as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        print("\ninterrupted; nothing was written", file=sys.stderr)
        return 130
    print(f"\n{options.out / 'evaluation.md'}, .csv and .json hold these results")
    return 0


if __name__ == "__main__":
    sys.exit(main())
