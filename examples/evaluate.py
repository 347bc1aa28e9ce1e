"""What is a pre-trained encoder worth? Frozen features, by the protocols of the field.

    python examples/evaluate.py RUN --data DIR                          # what needs no training
    python examples/evaluate.py RUN --data DIR knn linear:moco crops    # by name
    python examples/evaluate.py backbone.pt --backbone resnet50 --data DIR
    python examples/evaluate.py resnet18 --data DIR --size 32           # as initialized: what a run must beat

RUN is a folder that pretrain.py wrote. DIR has train/<class>/ and val/<class>/ (or test/), or <class>/ alone, of which
one image in five is held out; or it is cifar10:DIR, rendered, ... as pretrain.py takes it. Nothing is ever downloaded.
Protocols:

* knn: weighted cosine k-NN (the run's k, or 200, at most half the smallest class; tau = 0.1) and majority Euclidean
  k-NN (k = 5);
* ridge: a ridge regression on the classes, in closed form, and the effective rank of the training images' features;
* similarity: mean cosine within a class, of the test images;
* retrieval: the ten nearest training images of each test image, with a picture;
* tsne: a picture of the test images in two dimensions;
* linear:NAME: a linear probe by the protocol of a method; ``linear`` alone is ``linear:moco``;
* crops:NAME: that probe's classifier on center and on random crops;
* finetune:NAME: encoder and classifier trained, on all labels, ``--fraction .01`` of them, or those of ``--list FILE``;
* svm, low-shot: mean average precision of linear SVMs on voc07:DIR or coco:DIR, on all images or on few of each class.

Written into the run's folder, or ``--out``: evaluation.json, .csv and .md, retrieval.png, tsne.png.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import cached_property, partial
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn
from trainer.evaluation import (
    crops,
    finetune,
    knn,
    linear,
    low_shot,
    metrics,
    rank,
    retrieval,
    ridge,
    similarity,
    svm,
    tsne,
)  # fmt: skip
from trainer.evaluation.arguments import ALL, add_encoder, fraction, positive, rate, seed, stage
from trainer.evaluation.encoder import Encoder, open_encoder
from trainer.evaluation.frozen import Frozen
from trainer.evaluation.images import Images, open_images, rank_in_class
from trainer.evaluation.probe import mean_per_class, percent
from trainer.evaluation.protocols import FINE_TUNING, PROTOCOLS, FineTuning, Protocol, asked
from trainer.evaluation.results import Result, by_stage, read, write
from trainer.evaluation.subset import of_fraction, of_list
from trainer.inputs.named import PER_CLASS
from trainer.training.distributed import device_of

from jointaug import Addresses
from jointaug.chance import named_step

MAJORITY_K = 5
POINTS, POINT_CLASSES = 1000, 10  # of the t-SNE picture
TRAINED: dict[str, Mapping[str, Protocol | FineTuning]] = {
    "linear": PROTOCOLS,
    "crops": PROTOCOLS,
    "finetune": FINE_TUNING,
}
MACHINES = ("svm", "low-shot")  # learn from images that show several objects
FREE = ("knn", "ridge", "similarity", "retrieval", "tsne")  # protocols that train nothing


class Evaluation:
    """An encoder on labelled images. Features are computed once, when they are asked for, and shared.

    Every protocol is a method that yields its results; ``options`` are those of the command line.
    """

    def __init__(self, encoder: Encoder, train: Images, test: Images, options: argparse.Namespace) -> None:
        self.encoder, self.train, self.test, self.options = encoder, train, test, options
        self.train_labels, self.labels = train.labels.to(encoder.device), test.labels.to(encoder.device)
        self.frozen = Frozen(encoder, train, test, options.seed)
        self.heads: dict[str, tuple[Encoder, nn.Module]] = {}

    def run(self, protocol: str) -> Iterator[Result]:
        """The results of ``"knn"``, ``"linear:moco"``, ..."""
        kind, _, name = protocol.partition(":")
        kinds: dict[str, Callable[..., Iterator[Result]]] = {
            "knn": self.knn,
            "ridge": self.ridge,
            "similarity": self.similarity,
            "retrieval": self.retrieval,
            "tsne": self.tsne,
            "linear": self.linear,
            "crops": self.crops,
            "finetune": self.finetune,
            "svm": self.svm,
            "low-shot": self.low_shot,
        }
        return kinds[kind](name) if name else kinds[kind]()

    @property
    def train_features(self) -> Tensor:
        """Of center crops."""
        return self.frozen.features("train", "center")

    @property
    def features(self) -> Tensor:
        """Of center crops of the test images."""
        return self.frozen.features("test", "center")

    def knn(self) -> Iterator[Result]:
        """Both rules, at every ``k`` asked for; the majority's mean per class where papers report that."""
        bank, tau = (self.train_features, self.train_labels, self.features), self.options.tau
        for k in self.options.k or [knn.fair_k(self.train.labels, self.encoder.k)]:
            right = knn.weighted(*bank, k, tau) == self.labels
            yield Result("knn", metrics.WEIGHTED, percent(right), f"cosine, k {k}, tau {tau:g}")
        for k in self.options.k or [knn.fair_k(self.train.labels, MAJORITY_K)]:
            right = knn.majority(*bank, k) == self.labels
            yield Result("knn", metrics.MAJORITY, percent(right), f"Euclidean, k {k}")
            if self.per_class:
                mean = mean_per_class(right, self.labels)
                yield Result("knn", metrics.MAJORITY_PER_CLASS, mean, f"Euclidean, k {k}")

    def ridge(self) -> Iterator[Result]:
        """The trainer's monitor has both as well."""
        right = ridge.ridge(self.train_features, self.train_labels, self.features) == self.labels
        yield Result("ridge", metrics.TOP_1, percent(right), f"alpha {ridge.ALPHA:g}, standardized features")
        value = rank.effective_rank(self.train_features)
        yield Result("ridge", "effective rank", value, f"{len(self.train)} training images")

    def similarity(self) -> Iterator[Result]:
        """Within classes, and of all images whatever their class: a collapsed encoder has 1 in both."""
        how = f"{len(self.test)} test images"
        for metric, y in ((metrics.WITHIN_CLASS, self.labels), (metrics.OF_ALL_PAIRS, torch.zeros_like(self.labels))):
            yield Result("similarity", metric, similarity.intra_class_similarity(self.features, y), how)

    def retrieval(self) -> Iterator[Result]:
        """With ``retrieval.png``."""
        found = retrieval.retrieve(self.train_features, self.train_labels, self.features, self.labels)
        figure = retrieval.picture(found, self.train, self.test, seed=self.options.seed)
        figure.savefig(self.options.out / "retrieval.png", dpi=110)
        for metric, value in found.measures().items():
            yield Result("retrieval", metric, value, f"cosine, among {len(self.train)} training images")

    def tsne(self) -> Iterator[Result]:
        """With ``tsne.png`` of at most `POINTS` images of `POINT_CLASSES` classes, both chosen by address."""
        seed, labels = self.options.seed, self.test.labels
        (uniform,) = Addresses(seed, 0, torch.arange(len(self.test.classes))).rows(1, step=named_step("tsne classes"))
        chosen = uniform.argsort()[:POINT_CLASSES]
        few = rank_in_class(labels, seed, "tsne images") < POINTS // len(chosen)
        rows = (torch.isin(labels, chosen) & few).nonzero()[:, 0]
        points = tsne.embed(self.features[rows.to(self.encoder.device)])
        tsne.picture(points, labels[rows], self.test.classes).savefig(self.options.out / "tsne.png", dpi=110)
        value = tsne.agreement(points, labels[rows])
        yield Result("tsne", "nearest point of the same class, %", value, f"{len(rows)} test images")

    @property
    def per_class(self) -> bool:
        """Whether papers report the mean of the classes' accuracies on these data."""
        return self.options.data.partition(":")[0] in PER_CLASS

    def linear(self, name: str = "moco") -> Iterator[Result]:
        """A probe, on each stage where the protocol says so; the best classifier is kept for `crops`."""
        protocol = asked(PROTOCOLS[name], self.options.lr, per_class=self.per_class)
        if self.options.precomputed:
            protocol = replace(protocol, crop=None)
        frozen = self.frozen
        if protocol.stages:
            frozen = replace(frozen, encoder=self.encoder.of_stages(self.options.stages or None))
        epochs, batch = self.options.epochs or protocol.epochs, self.options.batch or protocol.batch
        results, head = linear.probed(frozen, protocol, name=name, epochs=epochs, batch=batch)
        self.heads[name] = frozen.encoder, head
        yield from results

    def crops(self, name: str = "moco") -> Iterator[Result]:
        """The probe of that name, trained if it was not, on center and on random crops."""
        if name not in self.heads:
            yield from self.linear(name)
        found = crops.crop_accuracies(*self.heads[name], self.test, seed=self.options.seed)
        for crop, values in found.items():
            how = f"classifier of linear:{name}"
            if len(values) > 1:
                how += f"; mean of {len(values)} draws, standard deviation {statistics.stdev(values):.2f}"
            yield Result(f"crops:{name}", metrics.of_crop(crop), statistics.fmean(values), how)

    def finetune(self, name: str) -> Iterator[Result]:
        """Encoder and classifier trained on all labels, or on ``options.labelled`` of them."""
        images, part = self.options.labelled or (self.train, "all labels")
        protocol = FINE_TUNING[name].at(len(images) / len(self.train))
        protocol = asked(protocol, self.options.lr, per_class=self.per_class)
        if self.options.epochs:
            protocol = replace(protocol, epochs=self.options.epochs, steps=None)
        protocol = replace(protocol, batch=self.options.batch or protocol.batch)
        yield from finetune.results(
            self.encoder, images, self.test, protocol, name=name, part=part, seed=self.options.seed
        )

    @cached_property
    def unit_features(self) -> dict[int, tuple[svm.Array, svm.Array]]:
        """Of each stage asked for, or of the last: of the training images and of the test images."""
        chosen = self.encoder.of_stages().stages[-1:] if self.options.stages is None else self.options.stages
        encoder = self.encoder.of_stages(chosen or None)
        parts = [encoder.features(images, svm.shown(encoder)) for images in (self.train, self.test)]
        split = [[svm.unit(stage) for stage in part.split(encoder.widths, 1)] for part in parts]
        return dict(zip(encoder.stages, zip(*split, strict=True), strict=True))

    def svm(self) -> Iterator[Result]:
        """VOC07's machines, on all training images."""
        of = partial(svm.results, train=self.train, test=self.test, jobs=self.options.threads)
        yield from by_stage({number: list(of(x, q=q)) for number, (x, q) in self.unit_features.items()})

    def low_shot(self) -> Iterator[Result]:
        """VOC07's machines, on few of them."""
        of = partial(low_shot.results, train=self.train, test=self.test, shots=self.options.shots)
        of = partial(of, seed=self.options.seed, jobs=self.options.threads)
        yield from by_stage({number: list(of(x, q=q)) for number, (x, q) in self.unit_features.items()})


def on_stages(protocol: str) -> bool:
    """Whether a protocol is on a network's stages."""
    kind, _, name = protocol.partition(":")
    return kind in MACHINES or (kind in ("linear", "crops") and PROTOCOLS[name].stages)


def protocol_name(text: str) -> str:
    """A protocol as `Evaluation.run` takes it.

    Raises:
        argparse.ArgumentTypeError: with the nearest names, if there is none.
    """
    text = {"linear": "linear:moco", "crops": "crops:moco"}.get(text, text)
    names = [*FREE, *MACHINES, *(f"{kind}:{name}" for kind, rows in TRAINED.items() for name in rows)]
    if text not in names:
        rows = "; ".join(f"{kind}:NAME with {', '.join(rows)}" for kind, rows in TRAINED.items())
        raise argparse.ArgumentTypeError(
            f"there is no protocol {text!r}; nearest: {', '.join(get_close_matches(text, names, 3, 0.0))}; all: "
            f"{', '.join([*FREE, *MACHINES])}; {rows}"
        )
    return text


def arguments_of(arguments: Sequence[str] | None) -> tuple[argparse.Namespace, argparse.ArgumentParser]:
    """The options, and the parser that complains about them."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n\n")[0],
        epilog=" ".join(
            f"{kind}: {'; '.join(f'{name} ({row.source})' for name, row in TRAINED[kind].items())}."
            for kind in ("linear", "finetune")
        ),
    )
    add_encoder(parser)
    parser.add_argument("protocols", nargs="*", type=protocol_name, help=f"default: {' '.join(FREE)}")
    parser.add_argument("--data", required=True, help="as pretrain.py takes it; labelled")
    parser.add_argument("--out", type=Path, help="default: the run's folder, or evaluation")
    parser.add_argument("--size", type=positive, help="side of a view in pixels (default: the run's, or 224)")
    parser.add_argument("--images", type=positive, help="at most so many of each class, to train on and to test on")
    parser.add_argument(
        "--k", type=positive, nargs="+", help="neighbors, of both k-NN rules (default: the run's, or 200, and 5)"
    )
    parser.add_argument("--tau", type=float, default=0.1, help="temperature of the weighted rule (%(default)s)")
    parser.add_argument("--epochs", type=positive, help="of probes and fine-tuning, instead of the protocol's")
    parser.add_argument("--batch", type=positive, help="of probes and fine-tuning, instead of the protocol's")
    parser.add_argument(
        "--lr", type=rate, nargs="+", help="of probes, or of the encoder, as it stands; the best of several counts"
    )
    labels = parser.add_mutually_exclusive_group()
    labels.add_argument("--fraction", type=fraction, help="of each class's labels, by address, to fine-tune on")
    labels.add_argument("--list", type=Path, help="file of the names of the images to fine-tune on, one a line")
    parser.add_argument("--precomputed", action="store_true", help="linear probes on features of center crops: faster")
    parser.add_argument(
        "--stages",
        type=stage,
        nargs="+",
        help="of a ResNet, from 1, or all (default: all in linear:interclr, the last for SVMs)",
    )
    parser.add_argument(
        "--shots", type=positive, nargs="+", default=low_shot.SHOTS, help="images of a class in low-shot (%(default)s)"
    )
    parser.add_argument("--seed", type=seed, default=0, help="of all chance (%(default)s)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="(%(default)s)")
    parser.add_argument(
        "--threads", type=positive, default=2, help="that decode images; processes for SVMs (%(default)s)"
    )
    options = parser.parse_intermixed_args(arguments)
    options.protocols = list(dict.fromkeys(options.protocols or FREE))
    options.shots = sorted(set(options.shots))
    options.stages = [] if options.stages and ALL in options.stages else options.stages
    learned = [name for name in options.protocols if name in ("tsne", *MACHINES)]
    if learned and find_spec("sklearn") is None:
        parser.error(f"{learned[0]} needs scikit-learn: pip install scikit-learn, or name the other protocols")
    if options.stages is not None and not any(map(on_stages, options.protocols)):
        parser.error("--stages is of svm, low-shot, linear:interclr and interclr-places, got none; name one")
    if (options.fraction or options.list) and not any(name.startswith("finetune:") for name in options.protocols):
        parser.error("--fraction and --list are of fine-tuning, got none; name a protocol, such as finetune:leoclr")
    if options.out is None:
        given = Path(options.encoder)
        options.out = given if given.is_dir() else given.parent if given.is_file() else Path("evaluation")
    if options.out.exists() and not options.out.is_dir():
        parser.error(f"--out must be a folder, got {str(options.out)!r}, which is a file; choose another")
    return options, parser


def opened(options: argparse.Namespace) -> Evaluation:
    """Encoder and images.

    Raises:
        ValueError: with the remedy, if either cannot be had, or ``--k`` is more than a class can fill.
    """
    how = {"size": options.size} if options.size else {}
    encoder = open_encoder(
        options.encoder, backbone=options.backbone, stem=options.stem, prefix=options.prefix, seed=options.seed,
        device=str(device_of(options.device)), threads=options.threads, **how,
    )  # fmt: skip
    train_images, test_images = open_images(options.data, encoder.size)
    if any(map(on_stages, options.protocols)):
        encoder.of_stages(options.stages or None)
    several = train_images.labels.ndim > 1
    wrong = [name for name in options.protocols if (name in MACHINES) != several]
    if wrong:
        what, remedy = (
            ("one class an image", "another") if several
            else ("images that show several objects", "voc07:FOLDER or coco:FOLDER")
        )  # fmt: skip
        raise ValueError(f"--data must have {what} for {', '.join(wrong)}, got {options.data}; take {remedy}")
    options.labelled = None
    if several:
        if options.images:
            raise ValueError(
                f"--images is of images of one class, got {options.images} with {options.data}; leave it out"
            )
        svm.check(train_images, test_images)
        if "low-shot" in options.protocols:
            low_shot.check(train_images, options.shots)
        return Evaluation(encoder, train_images, test_images, options)
    if options.images:
        train_images, test_images = (
            images.subset(rank_in_class(images.labels, options.seed, "images") < options.images)
            for images in (train_images, test_images)
        )
    if options.fraction:
        part = f"{options.fraction:.4g} of each class's labels, by address: not SimCLR's list"
        options.labelled = of_fraction(train_images, options.fraction, options.seed), part
    if options.list:
        options.labelled = of_list(train_images, options.list), f"the labels of {options.list}"
    smallest = int(train_images.labels.bincount().min())
    if options.k and max(options.k) > smallest:
        raise ValueError(
            f"--k must be at most {smallest}, the images of the smallest class to train on, got {max(options.k)}: a "
            "class with fewer images than neighbors vote is outvoted; lower it"
        )
    return Evaluation(encoder, train_images, test_images, options)


def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluate; the exit status."""
    options, parser = arguments_of(arguments)
    try:
        read(options.out)  # results that cannot be added to are told before, not after, hours of work
        evaluation = opened(options)
        options.out.mkdir(parents=True, exist_ok=True)
        subject = {
            "encoder": evaluation.encoder.origin,
            "weights": evaluation.encoder.digest,
            "view": f"{evaluation.encoder.size} pixels",
            "data": f"{options.data}: {len(evaluation.train)} images to train on, {len(evaluation.test)} to test on, "
            f"{len(evaluation.train.classes)} classes",
            "seed": options.seed,
        }
        print("\n".join(f"{name:8} {value}" for name, value in subject.items()))
        for protocol in options.protocols:
            start = time.perf_counter()
            results = list(evaluation.run(protocol))
            write(options.out, subject, results)
            for result in results:
                print(f"{result.protocol:20} {result.metric:36} {result.value:8.4g}  {result.how}")
            print(f"{'':20} {time.perf_counter() - start:.0f} seconds")
    except (ValueError, ImportError, OSError, FloatingPointError) as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        print(f"\ninterrupted; what was finished is in {options.out}", file=sys.stderr)
        return 130
    print(f"\n{options.out / 'evaluation.md'}, .csv and .json hold these results")
    return 0


if __name__ == "__main__":
    sys.exit(main())
