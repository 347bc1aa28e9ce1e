"""Write the backbone of a run as the state dict of torchvision's or timm's model of that name, or of `ResNet8`.

    python examples/export.py runs/first resnet18.pt
    >>> model = torchvision.models.resnet18()      # trainer.networks.ResNet8() of a run with backbone resnet8
    >>> model.load_state_dict(torch.load("resnet18.pt", weights_only=True))

That model has a classifier and a run has none: the file's is the model's own, freshly initialized, to be trained. With
``--no-classifier`` the file holds the backbone alone, for a model whose classifier was taken off (``model.fc =
nn.Identity()``, or ``num_classes=0`` in timm).

    python examples/export.py runs/first moco.pkl --detectron2

writes a ResNet's backbone for Detectron2, and beside it the settings of MoCo's protocols: ``moco-voc-c4.yaml``, ... The
C4 ones are for ``train_net.py`` of MoCo's repository, those of a pyramid for Detectron2's own; LVIS runs there alone.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn
from torchvision import models
from trainer.detection import detectron2
from trainer.detection.protocols import EXPORTED
from trainer.inputs.settings import Settings
from trainer.networks import ResNet8, read_weights
from trainer.networks.timm_models import timm_model
from trainer.record.files import replace, save
from trainer.record.settings import read_settings
from trainer.training.loop import BACKBONE


def main(arguments: Sequence[str] | None = None) -> int:
    """Export as the command line says; the exit code."""
    parser = argparse.ArgumentParser(
        description="Write a run's backbone as the state dict of torchvision's or timm's model of that name.",
        epilog="The classifier in the file is the model's own, freshly initialized: it has to be trained.",
    )
    parser.add_argument("run", type=Path, help="folder of a finished run")
    parser.add_argument("file", type=Path, help="to write")
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--no-classifier", action="store_true", help="the backbone alone")
    kinds.add_argument("--detectron2", action="store_true", help="a pickle for Detectron2, and settings beside it")
    parser.add_argument(
        "--small-stem",
        action="store_true",
        help="also a ResNet with the stem for small images, which no model there has",
    )
    options = parser.parse_args(arguments)
    try:
        if options.detectron2:
            summary = export_detectron2(options.run, options.file)
        else:
            summary = export(
                options.run, options.file, classifier=not options.no_classifier, small_stem=options.small_stem
            )
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
    settings = _settings_of(run, file)
    name, stem = settings["backbone"], settings["stem"]
    if stem == "small" and not small_stem:
        raise ValueError(
            f"{run} has a {name} with the stem for small images (3x3, stride 1, no pooling), which torchvision's "
            f"{name} does not load; write it all the same with --small-stem, for a model with such a stem"
        )
    state = read_weights(run / BACKBONE)
    fresh = _model(name).state_dict()
    added = {key: value for key, value in fresh.items() if key not in state}
    save(file, {key: state.get(key, fresh[key]) for key in fresh} if classifier else state)
    if not classifier:
        return f"{file}: {name} without its classifier ({', '.join(added)})"
    return f"{file}: {name}; its classifier ({', '.join(added)}) is freshly initialized and has to be trained"


def export_detectron2(run: Path, file: Path) -> str:
    """Write a ResNet's backbone as Detectron2 reads it, and the settings of each protocol; what was written, in words.

    Args:
        run: folder of a finished run.
        file: to write; the settings lie beside it, the protocol's name behind its own.

    Raises:
        FileNotFoundError: as `export`.
        ValueError: for a network that Detectron2 does not build, and as `export`.
    """
    settings = _settings_of(run, file)
    depth = detectron2.depth_of(settings["backbone"])
    if settings["stem"] == "small":
        raise ValueError(
            f"{run} has a {settings['backbone']} with the stem for small images (3x3, stride 1, no pooling), which "
            "Detectron2 does not build; export a run with --stem imagenet, or write this one without --detectron2"
        )
    replace(file, detectron2.pickled(read_weights(run / BACKBONE)))
    channels = [settings.get(name, getattr(Settings, name)) for name in ("mean", "std")]
    for name, protocol in EXPORTED.items():
        text = detectron2.yaml(detectron2.settings(protocol, file.name, depth, *channels))
        replace(file.with_name(f"{file.stem}-{name}.yaml"), text.encode())
    return f"{file}: {settings['backbone']} for Detectron2; beside it {file.stem}-NAME.yaml of {', '.join(EXPORTED)}"


def _settings_of(run: Path, file: Path) -> dict[str, Any]:
    """A finished run's settings, if the file can be written."""
    if not (run / BACKBONE).exists():
        raise FileNotFoundError(f"{run} has no {BACKBONE}; name the folder of a finished run")
    settings = read_settings(run)
    if not {"backbone", "stem"} <= settings.keys():
        raise ValueError(f"{run} must have a settings.json that says backbone and stem, got none; name a run's folder")
    if file.is_dir() or not file.parent.is_dir():
        raise ValueError(f"FILE must be a file in a folder that is there, got {str(file)!r}; name another")
    return settings


def _model(name: str) -> nn.Module:
    """The model of that name, as torchvision, timm or the trainer makes it."""
    if name == "resnet8":
        return ResNet8()
    if not name.startswith("timm:"):
        model: nn.Module = models.get_model(name)
        return model
    return timm_model(name.removeprefix("timm:"))


if __name__ == "__main__":
    sys.exit(main())
