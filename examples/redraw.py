"""Draw views of a run again, from their addresses, and look at them.

    python examples/redraw.py runs/photos --data photos                          # where its loss was not finite
    python examples/redraw.py runs/photos --data photos --epoch 3 --index 17 42  # of any images, in any epoch

A line an image, a column a view; in CLIM's runs, the views of the images' partners after them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional as F
from torchvision.utils import save_image
from trainer.inputs.data import open_data
from trainer.inputs.feed import Augment, Request, Served, placed
from trainer.inputs.settings import Settings, divided, keywords_of
from trainer.inputs.views import pipeline
from trainer.methods import METHODS
from trainer.networks import Backbone
from trainer.record.settings import read_settings
from trainer.training.loop import NOT_FINITE

SHOWN, LEAST_SIDE = 8, 96  # images in the picture, and pixels of a view there


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw as the command line says; the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("run", type=Path, help="folder of a run")
    parser.add_argument("--data", required=True, help="as pretrain.py had it")
    parser.add_argument("--epoch", type=int, help="by default that of the loss that was not finite")
    parser.add_argument("--index", type=int, nargs="+", help="rows of images; by default those of that step")
    parser.add_argument("--out", type=Path, help="picture to write (default: RUN/views.png)")
    options = parser.parse_args(arguments)
    if (options.epoch is None) != (options.index is None):
        parser.error("--epoch and --index must come together: an address is both")
    if options.epoch is not None and not 0 <= options.epoch < 2**32:
        parser.error(f"--epoch must be in [0, 2**32), got {options.epoch}; the first is 0")
    out = options.out or options.run / "views.png"
    if options.out and not (out.parent.is_dir() and out.suffix.lower() in Image.registered_extensions()):
        parser.error(
            f"--out must be a picture in a folder that is there, got {str(out)!r}; name another, such as a.png"
        )
    try:
        address = vars(options) if options.index else not_finite(options.run)
        settings, served = redrawn(options.run, options.data, address)
        save(settings, served, out)
    except (ValueError, OSError) as error:
        print(f"redraw.py: {error}", file=sys.stderr)
        return 1
    print(f"{out}: {len(served.index)} images drawn, {min(SHOWN, len(served.index))} shown")
    return 0


def not_finite(run: Path) -> dict[str, Any]:
    """The addresses at which a run's loss was not finite.

    Raises:
        ValueError: if it always was.
    """
    file = run / NOT_FINITE
    if not file.exists():
        raise ValueError(f"there is no {file}: the loss was finite so far; say which views with --epoch and --index")
    address: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return address


def redrawn(run: Path, data: str, address: Mapping[str, Any]) -> tuple[Settings, Served]:
    """A run's settings, and the views that it made, or would make, of images.

    Args:
        run: its folder.
        data: as pretrain.py had it.
        address: ``epoch`` and ``index``; ``partners`` and ``boxes`` if the run has them, as not_finite.json says.

    Raises:
        ValueError: for a folder without settings, or rows that are not there.
    """
    stored = read_settings(run)
    if not stored:
        raise ValueError(f"{run} must be the folder of a run, got one without settings.json; name another")
    settings, own = divided(stored)
    source = placed(open_data(data, size=settings.size).train, settings, torch.device("cpu"))
    index = torch.tensor(address["index"])
    if not 0 <= int(index.min()) <= int(index.max()) < len(source):
        raise ValueError(f"--index must be rows of the {len(source)} images, got {index.tolist()}; count from 0")
    kind = METHODS[settings.method]
    method = kind(Backbone, **keywords_of(kind, settings, own, len(source)))
    partners, boxes = (
        None if address.get(name) is None else torch.tensor(address[name]) for name in ("partners", "boxes")
    )
    augment = Augment(source, pipeline(settings, method.views), settings.seed)
    return settings, augment[Request(int(address["epoch"]), index, partners, boxes)]


def save(settings: Settings, served: Served, out: Path) -> None:
    """The picture of the first images' views, in the colors that they had before they were normalized."""
    mean, std = (torch.tensor(values)[:, None, None] for values in (settings.mean, settings.std))
    columns: list[Tensor] = [view[:SHOWN].float() * std + mean for view in [*served.views, *served.partners]]
    side = max(LEAST_SIDE, *(column.shape[-1] for column in columns))
    cells = [F.resize(column, [side, side], F.InterpolationMode.NEAREST) for column in columns]
    save_image(torch.stack(cells, 1).flatten(0, 1).clamp(0, 1), out, nrow=len(cells), padding=2)


if __name__ == "__main__":
    sys.exit(main())
