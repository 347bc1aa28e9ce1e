"""InterCLR's Figs. 10 and 11, of runs of pretrain.py; Fig. 12 is ``evaluate.py RUN retrieval``.

    python examples/figures/interclr.py runs/A runs/B --data imagenet:FOLDER      # both, Fig. 10 with a panel a run
    python examples/figures/interclr.py runs/A --data imagenet:FOLDER --only 11

It writes into figures/ (``--out``) a picture and the numbers (CSV) for each of

* ``interclr-10``: t-SNE of several augmentations of some images: a color a class, a number an image, as in the paper;
  the numbers are mean cosines within an image, within a class and between classes;
* ``interclr-11``: negatives of some images by each strategy, those of the image's class in a red frame; the numbers are
  the share of such false negatives, and the mean cosine, over all queries.

(Xie et al. 2022, https://arxiv.org/abs/2008.11702.) The paper's runs are ``interclr-npid2-imagenet`` and the same with
``--lam 1`` (within images alone) and ``--lam 0`` (between images alone); a RUN is whatever evaluate.py takes. Features
are the backbone's, of training images. Fig. 11's clusters are made of them by k-means, ten a class, and a strategy
draws as many negatives of the images of other clusters as the paper does, 16,384 of 1.28 million.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from torch import Tensor
from torchvision.transforms import v2
from trainer.evaluation import tsne
from trainer.evaluation.arguments import positive
from trainer.evaluation.encoder import Encoder, open_encoder
from trainer.evaluation.images import Images, open_images, rank_in_class
from trainer.evaluation.retrieval import SIDE
from trainer.training.distributed import device_of

from jointaug import Addresses
from jointaug.chance import named_step
from jointaug.losses import unit
from jointaug.neighbors import kmeans, sample_negatives
from jointaug.plotting import plot_neighbors

CLASSES, OF_CLASS, AUGMENTATIONS = 5, 4, 10  # of Fig. 10
SHOWN = 5  # negatives of a strategy in the picture, as in the paper
SHARE, POOL = 16384 / 1281167, 0.1  # negatives of all images; of the semi strategies, see `sample_negatives`
CLUSTERS = 10  # of each class
ORDER: tuple[Literal["hard", "semi-hard", "random", "semi-easy"], ...] = ("hard", "semi-hard", "random", "semi-easy")
QUERIES = 1000  # of which Fig. 11's numbers are, at most

Rows = list[list[Any]]


def shuffled(rows: Tensor, name: str) -> Tensor:
    """The rows ``[n]``, on the CPU, in a random order that is always the same under this name."""
    rows = rows.cpu()
    (uniform,) = Addresses(0, 0, rows).rows(1, step=named_step(name))
    return rows[uniform.argsort()]


# Fig. 10. -------------------------------------------------------------------------------------------------------------
def augmented(encoder: Encoder, images: Images) -> Tensor:
    """Features of augmentations of images, unit rows ``[N * AUGMENTATIONS, width]``, image by image."""
    color = v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], 0.8)
    crop = v2.RandomResizedCrop(encoder.size, (0.2, 1.0))
    views = encoder.views(crop, v2.RandomHorizontalFlip(), color, v2.RandomGrayscale(0.2))
    drawn = [encoder.features(images, views, draw=draw).cpu() for draw in range(AUGMENTATIONS)]
    return unit(torch.stack(drawn, 1).flatten(0, 1))


def cosines(features: Tensor, image: Tensor, label: Tensor) -> list[float]:
    """Mean cosines of two augmentations of an image, of two images of a class, and of two of different classes."""
    of_pairs = features @ features.T
    same = image[:, None] == image
    apart = ~torch.eye(len(image), dtype=torch.bool)
    alike = label[:, None] == label
    return [float(of_pairs[pairs].mean()) for pairs in (same & apart, alike & ~same, ~alike)]


def figure10(encoders: dict[str, Encoder], images: Images) -> tuple[Figure, Rows]:
    """A panel a run."""
    classes = shuffled(torch.arange(len(images.classes)), "figure 10, classes")[:CLASSES]
    few = rank_in_class(images.labels, 0, "figure 10, images") < OF_CLASS
    shown = images.subset((torch.isin(images.labels, classes) & few).nonzero()[:, 0])
    number = rank_in_class(shown.labels, 0, "figure 10, numbers").repeat_interleave(AUGMENTATIONS)
    image = torch.arange(len(shown)).repeat_interleave(AUGMENTATIONS)
    label = shown.labels.repeat_interleave(AUGMENTATIONS)
    figure = Figure((5.2 * len(encoders), 5.6), layout="constrained")
    rows: Rows = [["run", "within an image", "within a class", "between classes"]]
    names = sorted(set(label.tolist()))
    for ax, (run, encoder) in zip(figure.subplots(1, len(encoders), squeeze=False)[0], encoders.items(), strict=True):
        features = augmented(encoder, shown)
        points = tsne.embed(features)
        (left, down), (right, up) = (points.min(0).values - 1).tolist(), (points.max(0).values + 1).tolist()
        ax.set(xticks=[], yticks=[], title=run, xlim=(left, right), ylim=(down, up))
        for (x, y), k, one in zip(points.tolist(), number.tolist(), label.tolist(), strict=True):
            color = colormaps["tab10"](names.index(one))
            ax.text(x, y, str(k), color=color, fontsize=7, ha="center", va="center")
        found = cosines(features, image, label)
        ax.set_xlabel("mean cosine within an image {:.2f}, a class {:.2f}, between {:.2f}".format(*found), fontsize=8)
        rows.append([run, *found])
    handles = [Patch(color=colormaps["tab10"](k), label=shown.classes[one]) for k, one in enumerate(names)]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(names), fontsize=8, frameon=False)
    return figure, rows


# Fig. 11. -------------------------------------------------------------------------------------------------------------
class Small:
    """Images as a gallery shows them."""

    def __init__(self, images: Images) -> None:
        self.images, self.fit = images, v2.Compose([v2.Resize(SIDE), v2.CenterCrop(SIDE)])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        shown: Tensor = self.fit(self.images[index])
        return shown


def figure11(encoder: Encoder, images: Images, pictured: int) -> tuple[Figure, Rows]:
    """A block an image: its cluster, and its negatives by strategy.

    Args:
        encoder: whose features.
        images: the training images.
        pictured: how many images are in the picture.

    Raises:
        ValueError: for too few images to draw the negatives from.
    """
    features = unit(encoder.features(images, encoder.center()))
    clusters = min(CLUSTERS * len(images.classes), len(images) // 2)
    labels = kmeans(features, clusters).labels
    count = max(SHOWN, round(SHARE * len(images)))
    queries = shuffled(torch.arange(len(images)), "figure 11")[:QUERIES].to(features.device)
    drawn = {
        strategy: sample_negatives(features[queries], queries, features, labels, count, strategy=strategy, pool=POOL)
        for strategy in ORDER
    }
    classes = images.labels.to(features.device)
    rows: Rows = [["strategy", "false negatives", "mean cosine", "queries", "negatives of each"]]
    for strategy, found in drawn.items():
        false = (classes[found] == classes[queries][:, None]).double().mean()
        cosine = (features[found] * features[queries][:, None]).sum(-1).double().mean()
        rows.append([strategy, float(false), float(cosine), len(queries), count])
    figure = Figure((8.6, 5.4 * pictured), layout="constrained")
    dataset, blocks = Small(images), figure.subfigures(pictured, 1, squeeze=False)[:, 0]
    for place, block in enumerate(blocks):
        query = int(queries[place])
        mates = shuffled((labels == labels[query]).nonzero()[:, 0], f"positives of {query}")
        negatives: dict[str, Tensor] = {
            kind: shuffled(found[place], f"{kind} negatives of {query}") for kind, found in drawn.items()
        }
        plot_neighbors(
            dataset, query, mates[mates != query], negatives, classes=images.labels, columns=SHOWN, figure=block
        )
    return figure, rows


# The whole. -----------------------------------------------------------------------------------------------------------
def main(arguments: Sequence[str] | None = None) -> int:
    """Draw; the exit status."""
    parser = argparse.ArgumentParser(
        description="Draw InterCLR's Figs. 10 and 11.", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help="as evaluate.py takes it; Fig. 11 is of the first")
    parser.add_argument("--data", required=True, help="as evaluate.py takes it; training images are shown")
    parser.add_argument("--only", choices=("10", "11"), help="one of the figures")
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for pictures and numbers")
    parser.add_argument("--images", type=positive, default=2, help="in the picture of Fig. 11")
    parser.add_argument("--size", type=positive, help="side of a view, where a RUN does not say it")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="that computes")
    options = parser.parse_args(arguments)
    how = {"device": str(device_of(options.device))} | ({"size": options.size} if options.size else {})
    try:
        encoders = {Path(run).name: open_encoder(run, **how) for run in options.runs}
        if len(encoders) < len(options.runs):
            raise ValueError(f"RUNs must have names of their own, got {' '.join(options.runs)}; rename one")
        first = next(iter(encoders.values()))
        images, _ = open_images(options.data, first.size)
        options.out.mkdir(parents=True, exist_ok=True)
        figures = {"10": lambda: figure10(encoders, images), "11": lambda: figure11(first, images, options.images)}
        for name in [options.only] if options.only else figures:
            figure, rows = figures[name]()
            stem = options.out / f"interclr-{name}"
            figure.savefig(stem.with_suffix(".png"), dpi=110)
            with stem.with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows(rows)
            print(f"wrote {stem.with_suffix('.png')} and {stem.with_suffix('.csv')}")
    except (ValueError, OSError, ImportError) as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
