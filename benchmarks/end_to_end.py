"""What is pre-training on images of several objects worth? The small network on rendered scenes, end to end.

    PYTHONPATH=examples python benchmarks/end_to_end.py     # results/end_to_end.json and .md

Its parts, timed one by one, add up to eight minutes of one core (AMD, family 26, model 2).

SimCLR trains ResNet-8 on scenes without labels. It and the same network as initialized are then asked for support
vector machines, machines on few images, fine-tuning on a tenth of the labels of single toys, and a detector.
Differences are pre-trained minus untrained on the same test images. Their intervals hold 95 % of a bootstrap over
these, so they say nothing of other seeds.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pretrain
import torch
from interleaved import RESULTS, save
from torch import Tensor
from torchvision.ops import box_iou
from trainer.detection.boxes import Target, open_boxes
from trainer.detection.metrics import detections
from trainer.detection.models import detector
from trainer.detection.protocols import PROTOCOLS
from trainer.detection.train import train
from trainer.evaluation import finetune, low_shot, svm
from trainer.evaluation.encoder import Encoder, open_encoder
from trainer.evaluation.images import Images, open_images
from trainer.evaluation.protocols import FINE_TUNING
from trainer.evaluation.subset import of_fraction
from trainer.inputs.objects import SHOWN, UNSURE
from trainer.inputs.scenes import Scenes, write_voc
from trainer.record.intervals import Interval

RECIPE = "simclr-rendered"
SIDE = 64  # of a whole scene, as the frozen network sees it: the most that it takes
COST = 1.0  # of machines on few images, where none is chosen
TUNING = replace(FINE_TUNING["small"], norm="own")  # what is not trained has no running statistics to keep
OVERLAP = 0.5  # of a box that is right
RECALLS = torch.linspace(0, 1, 101, dtype=torch.float64)
AT_ONCE = 100  # draws of the bootstrap
Measure = Callable[[Tensor], Tensor]
"""How often each test image counts, ``[draws, N]``, to a value each, in percent."""


@dataclass(frozen=True)
class Size:
    """How much is done.

    Attributes:
        learned: scenes that are learned from.
        tested: scenes, and toys, that are tested on.
        fitted: scenes that the support vector machines learn from.
    """

    learned: int = 1600
    tested: int = 2000
    fitted: int = 600
    epochs: int = 60
    shots: tuple[int, ...] = (1, 2, 4, 8)
    costs: tuple[float, ...] = svm.COSTS
    steps: int = 320
    tuning: int = 30
    toys: int = 1800
    draws: int = 1000


SMOKE = Size(learned=64, tested=40, fitted=64, epochs=1, shots=(1,), costs=(1.0,), steps=2, tuning=1, toys=90, draws=50)


@dataclass(frozen=True)
class Ranking:
    """One class's answers, from the surest on.

    Attributes:
        images: int64 ``[D]``, the test image of each answer.
        right: float64 ``[D]``, 1 or 0.
        wanted: float64 ``[N]``, right answers that each image has.
    """

    images: Tensor
    right: Tensor
    wanted: Tensor


def precision(ranking: Ranking, counts: Tensor, *, recalls: Tensor | None = None) -> Tensor:
    """Average precision ``[draws]`` where images count so often, ``[draws, N]``: as if they were there as often.

    The area under the interpolated curve, as VOC has it; or its mean at these recalls, as COCO has it.
    """
    weights = counts[:, ranking.images]
    hits, answers = (weights * ranking.right).cumsum(1), weights.cumsum(1)
    best = (hits / answers.clamp(min=1)).flip(1).cummax(1).values.flip(1)
    all_hits = counts @ ranking.wanted
    if recalls is None:
        return (weights * ranking.right * best).sum(1) / all_hits
    first = torch.searchsorted(hits / all_hits[:, None], recalls.expand(len(counts), -1).contiguous())
    return torch.cat([best, best.new_zeros(len(best), 1)], 1).gather(1, first).mean(1)


def mean_precision(rankings: Sequence[Ranking], recalls: Tensor | None = None) -> Measure:
    """In percent, of all of them; a class that no image shows in a draw does not count there."""
    return lambda counts: 100 * torch.stack([precision(one, counts, recalls=recalls) for one in rankings]).nanmean(0)


def ranking(scores: np.ndarray, labels: np.ndarray) -> Ranking:
    """Of images by their scores; unsure ones are no answers."""
    order = np.argsort(-scores, kind="stable")
    order = order[labels[order] != UNSURE]
    right = torch.from_numpy(labels == SHOWN).double()
    return Ranking(torch.from_numpy(order), right[torch.from_numpy(order)], right)


def box_rankings(pairs: Sequence[tuple[dict[str, Tensor], Target]], classes: int) -> list[Ranking]:
    """Of boxes, class by class: right is the first to reach `OVERLAP` with an object.

    What meets an unsure object alone is no answer.
    """
    wanted = torch.zeros(classes, len(pairs), dtype=torch.float64)
    answers: list[list[tuple[float, int, float]]] = [[] for _ in range(classes)]
    for image, (found, there) in enumerate(pairs):
        for label in range(classes):
            mine, own = found["labels"] == label + 1, there.labels == label + 1
            boxes, unsure = there.boxes[own], there.unsure[own]
            wanted[label, image] = float((~unsure).sum())
            order = found["scores"][mine].argsort(descending=True, stable=True)
            told, scores = found["boxes"][mine][order], found["scores"][mine][order]
            taken = torch.zeros(len(boxes), dtype=torch.bool)
            overlaps = box_iou(told, boxes)
            inside = (
                overlaps * (area(told)[:, None] + area(boxes)) / (1 + overlaps) / area(told)[:, None]
            )  # of the told
            for score, whole, part in zip(scores.tolist(), overlaps, inside, strict=True):
                sure = whole.masked_fill(unsure | taken, -1)
                if len(boxes) and float(sure.max()) >= OVERLAP:
                    taken[sure.argmax()] = True
                    answers[label].append((-score, image, 1.0))
                elif not bool((part[unsure] >= OVERLAP).any()):
                    answers[label].append((-score, image, 0.0))
    found_rankings = []
    for one, asked in zip(answers, wanted, strict=True):
        ordered = sorted(one, key=lambda answer: answer[0])
        images = torch.tensor([image for _, image, _ in ordered], dtype=torch.int64)
        found_rankings.append(Ranking(images, torch.tensor([r for *_, r in ordered], dtype=torch.float64), asked))
    return found_rankings


def area(boxes: Tensor) -> Tensor:
    """Of each ``[n, 4]``."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def measures(encoder: Encoder, tree: Path, size: Size) -> Iterator[tuple[str, Measure]]:
    """All that an encoder is asked for, by name, one after the other."""
    learned, tested = open_images(f"voc07:{tree}", SIDE)
    fitted = learned.subset(torch.arange(size.fitted))
    whole = replace(encoder.of_stages(encoder.of_stages().stages[-1:]), size=SIDE)
    x, q = (svm.unit(whole.features(images, svm.shown(whole))) for images in (fitted, tested))
    columns = list(zip(fitted.labels.T.numpy(), tested.labels.T.numpy(), strict=True))
    rankings = []
    for fits, asked in columns:
        machines = svm.Machines(x, fits, (svm.chosen_cost(x, fits, size.costs),))
        rankings.append(ranking(machines.scores(q)[:, 0], asked))
    yield "SVM, mAP", mean_precision(rankings)
    few = [
        ranking(svm.Machines(x[rows], fits[rows], (COST,)).scores(q)[:, 0], asked)
        for label, (fits, asked) in enumerate(columns)
        for k in size.shots
        for number in range(low_shot.SAMPLES)
        for rows in [low_shot.sample(fitted.labels, label, k, number).numpy()]
    ]
    yield f"low-shot, mAP of k = {', '.join(map(str, size.shots))}", mean_precision(few)
    yield "fine-tuning on 10 % of the toys, top-1", tuned(encoder, size)
    boxed = open_boxes(f"voc07:{tree}")
    protocol, classes = PROTOCOLS["scenes-c4"].of_steps(size.steps), len(learned.classes)
    model = detector(encoder.network, classes, protocol, mean=encoder.mean, std=encoder.std)
    train(model, boxed[0], protocol, threads=encoder.threads)
    pairs = list(detections(model, boxed[1], batch=protocol.batch, threads=encoder.threads))
    yield "detection, box AP50", mean_precision(box_rankings(pairs, classes), RECALLS)


def tuned(encoder: Encoder, size: Size) -> Measure:
    """Whether each toy is told after fine-tuning."""
    learned, tested = open_images(f"rendered:{size.toys}", encoder.size)
    tested = Images(tested.source, torch.arange(size.tested), tested.labels[: size.tested], tested.classes)
    protocol = replace(TUNING, epochs=size.tuning)
    part = of_fraction(learned, 0.1)
    model, _ = finetune.fine_tune(encoder, part, protocol, protocol.rates[0], protocol.decays[0])
    right = (finetune.logits_of(encoder, model, tested, protocol).argmax(1) == tested.labels).double()
    return lambda counts: 100 * (counts @ right) / counts.sum(1)


def difference(one: Measure, other: Measure, images: int, draws: int, *, seed: int = 0) -> Interval:
    """One minus the other, and the interval of 95 % of a bootstrap over the test images, the same draws for both."""
    generator = torch.Generator().manual_seed(seed)
    gaps = []
    for start in range(0, draws, AT_ONCE):
        rows = torch.randint(images, (min(AT_ONCE, draws - start), images), generator=generator)
        counts = torch.zeros(rows.shape, dtype=torch.float64).scatter_add_(
            1, rows, torch.ones(()).double().expand_as(rows)
        )
        gaps.append(one(counts) - other(counts))
    once = torch.ones(1, images, dtype=torch.float64)
    low, high = torch.cat(gaps).quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return Interval((one(once) - other(once)).item(), low, high)


def table(rows: Sequence[tuple[str, float, float, Interval]], head: str) -> str:
    """As Markdown."""
    lines = [head, "", "| measure, % | untrained | pre-trained | difference (95 %) | |", f"|{' --- |' * 5}"]
    for name, before, after, gap in rows:
        verdict = "none is shown" if not gap.excludes(0) else "better" if gap.value > 0 else "worse"
        lines.append(f"| {name} | {before:.1f} | {after:.1f} | {gap.text('+.1f')} | {verdict} |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Do it all, print the table, and keep it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--smoke", action="store_true", help="as little as runs through")
    parser.add_argument("--epochs", type=int, help=f"of pre-training ({Size.epochs})")
    parser.add_argument("--threads", type=int, default=2, help="of torch (%(default)s)")
    options = parser.parse_args(arguments)
    size = SMOKE if options.smoke else Size()
    size = replace(size, epochs=options.epochs or size.epochs)
    torch.set_num_threads(options.threads)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        tree, run = Path(folder, "scenes"), Path(folder, "run")
        write_voc(tree, Scenes(size.learned), Scenes(size.tested, seed=1))
        before = time.perf_counter()
        words = ["--device", "cpu", "--epochs", str(size.epochs), "--warmup", str(min(2, size.epochs - 1))]
        words += ["--threads", str(options.threads), "--data", f"voc07:{tree}", "--out", str(run)]
        if pretrain.main([RECIPE, *words]):
            raise SystemExit("pre-training has failed")
        learning = time.perf_counter() - before
        encoders = [open_encoder(what, size=32, device="cpu") for what in ("resnet8", str(run))]
        encoders[0] = replace(encoders[0], mean=encoders[1].mean, std=encoders[1].std)
        rows = []
        for (name, untrained), (_, trained) in zip(*(measures(one, tree, size) for one in encoders), strict=True):
            once = torch.ones(1, size.tested, dtype=torch.float64)
            gap = difference(trained, untrained, size.tested, size.draws)
            rows.append((name, untrained(once).item(), trained(once).item(), gap))
    seconds = time.perf_counter() - start
    head = (
        f"{RECIPE} on {size.learned} scenes without labels, {size.epochs} epochs, {learning:.0f} s; tested on "
        f"{size.tested} images, {size.draws} draws; one seed; {seconds:.0f} s in all."
    )
    print(table(rows, head))
    if not options.smoke:
        save("end_to_end", {
            "head": head,
            "rows": [{"name": name, "untrained": before, "pre-trained": after, "difference": vars(gap)}
                     for name, before, after, gap in rows],
        })  # fmt: skip
        (RESULTS / "end_to_end.md").write_text(table(rows, head), encoding="utf-8")


if __name__ == "__main__":
    main()
