"""Write the backbone of a run as the state dict of torchvision's or timm's model of that name, or of `ResNet8`.

    python examples/export.py runs/first resnet18.pt
    >>> model = torchvision.models.resnet18()      # trainer.networks.ResNet8() of a run with backbone resnet8
    >>> model.load_state_dict(torch.load("resnet18.pt", weights_only=True))

That model has a classifier and a run has none: the file's is the model's own, freshly initialized, to be trained. With
``--no-classifier`` the file holds the backbone alone, for a model whose classifier was taken off (``model.fc =
nn.Identity()``, or ``num_classes=0`` in timm).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn
from torchvision import models
from trainer.evaluation.encoder import read_settings, read_state
from trainer.networks import ResNet8
from trainer.record.files import save
from trainer.training.loop import BACKBONE


def main(arguments: Sequence[str] | None = None) -> int:
    """Export as the command line says; the exit code."""
    parser = argparse.ArgumentParser(
        description="Write a run's backbone as the state dict of torchvision's or timm's model of that name.",
        epilog="The classifier in the file is the model's own, freshly initialized: it has to be trained.",
    )
    parser.add_argument("run", type=Path, help="folder of a finished run")
    parser.add_argument("file", type=Path, help="to write")
    parser.add_argument("--no-classifier", action="store_true", help="the backbone alone")
    parser.add_argument(
        "--small-stem",
        action="store_true",
        help="also a ResNet with the stem for small images, which no model there has",
    )
    options = parser.parse_args(arguments)
    try:
        summary = export(options.run, options.file, classifier=not options.no_classifier, small_stem=options.small_stem)
    except (ValueError, OSError, ImportError) as error:
        print(f"export.py: {error}", file=sys.stderr)
        return 1
    print(summary)
    return 0


def export(run: Path, file: Path, *, classifier: bool = True, small_stem: bool = False) -> str:
    """Write the state dict; what was written, in a sentence.

    Args:
        run: folder of a finished run.
        file: to write.
        classifier: the model's own, freshly initialized, is in the file too.
        small_stem: allow a stem that torchvision's model of that name has not.

    Raises:
        FileNotFoundError: for a run that is not finished.
        ValueError: for a small stem that was not asked for, a run whose settings or weights cannot be read, or a file
            that cannot be written.
        ImportError: for a model of timm's where timm is not installed.
    """
    if not (run / BACKBONE).exists():
        raise FileNotFoundError(f"{run} has no {BACKBONE}; name the folder of a finished run")
    settings = read_settings(run)
    if not {"backbone", "stem"} <= settings.keys():
        raise ValueError(f"{run} must have a settings.json that says backbone and stem, got none; name a run's folder")
    if file.is_dir() or not file.parent.is_dir():
        raise ValueError(f"FILE must be a file in a folder that is there, got {str(file)!r}; name another")
    name, stem = settings["backbone"], settings["stem"]
    if stem == "small" and not small_stem:
        raise ValueError(
            f"{run} has a {name} with the stem for small images (3x3, stride 1, no pooling), which torchvision's "
            f"{name} does not load; write it all the same with --small-stem, for a model with such a stem"
        )
    state = read_state(run / BACKBONE)
    fresh = _model(name).state_dict()
    added = {key: value for key, value in fresh.items() if key not in state}
    save(file, {key: state.get(key, fresh[key]) for key in fresh} if classifier else state)
    if not classifier:
        return f"{file}: {name} without its classifier ({', '.join(added)})"
    return f"{file}: {name}; its classifier ({', '.join(added)}) is freshly initialized and has to be trained"


def _model(name: str) -> nn.Module:
    """The model of that name, as torchvision, timm or the trainer makes it."""
    if name == "resnet8":
        return ResNet8()
    if not name.startswith("timm:"):
        model: nn.Module = models.get_model(name)
        return model
    try:
        import timm
    except ImportError as error:
        raise ImportError(f"{name} needs timm, which is not installed; pip install timm") from error
    made: Any = timm.create_model(name.removeprefix("timm:"))
    return made  # type: ignore[no-any-return]


if __name__ == "__main__":
    sys.exit(main())
