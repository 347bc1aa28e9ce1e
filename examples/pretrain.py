"""Pre-train an encoder by a recipe; an interrupted run goes on with the same command.

    python examples/pretrain.py simclr-rendered --data rendered --out runs/first
    python examples/pretrain.py simclr-cifar10 --data FOLDER --out runs/cifar --epochs 20 --minutes 30
    python examples/pretrain.py simclr-cifar10 --help     # every setting, its value in the recipe, and whose it is
    python examples/pretrain.py simclr-cifar10 --data FOLDER --out runs/more --init runs/cifar    # from its weights
    python examples/pretrain.py simclr-cifar10 --data FOLDER --out runs/start --untrained         # what it starts from
    torchrun --nproc-per-node 8 examples/pretrain.py moco2-imagenet --data imagenet:FOLDER --out runs/moco

A finished run is made longer by more ``--epochs``: they have a schedule of their own (`trainer.training.schedules`).

Data: a folder of class folders, or of images without classes, or with ``train`` and ``test`` (or ``val``) in it;
``cifar10:FOLDER``, ``imagenet:``, ``coco:``, ... for data sets as they are distributed; ``rendered`` for toys.

It writes into the folder of the run: ``settings.json`` (all settings, each with its source), ``checkpoint.pt``,
``log.csv``, TensorBoard's events, and at the end ``backbone.pt``, ``curves.png`` and ``result.json``. With
``--keep_every 10`` the backbone of every tenth epoch is kept in ``epochs/``, each in a folder that evaluate.py takes.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import platform
import re
import shlex
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from trainer.inputs.data import open_data
from trainer.inputs.settings import Settings, checked, divided, hints_of, meanings_of, nearest, read, settings_of
from trainer.methods import METHODS
from trainer.papers import RECIPES, reported
from trainer.papers.recipe import Recipe
from trainer.record.files import replace
from trainer.record.machine import processor
from trainer.record.versions import commit, versions
from trainer.training.checkpoint import NAME
from trainer.training.distributed import Processes, joined
from trainer.training.loop import BACKBONE, SETTINGS, NotFiniteError, Run

RESULT = "result.json"
INTERRUPTED = 130  # exit code of what Ctrl-C ended, as shells have it


@dataclass(frozen=True)
class Setting:
    """A setting as it runs, and whose it is: a paper's, a code's, ours, a default, or the command line's."""

    value: Any
    source: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Train as the command line says; the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    options, settings = parsed(words)
    try:
        with joined(options.device) as processes:
            return run(options, settings, processes)
    except KeyboardInterrupt:
        if (options.out / NAME).exists():
            print(f"interrupted. Go on from the last checkpoint with the same command: {again()}", file=sys.stderr)
        else:
            print("interrupted before there was anything to save", file=sys.stderr)
        return INTERRUPTED
    except (ValueError, OSError, ImportError, NotFiniteError) as error:
        print(f"pretrain.py: {error}", file=sys.stderr)
        return 1


def parsed(words: Sequence[str]) -> tuple[argparse.Namespace, dict[str, Setting]]:
    """The options of the command line, and every setting of the run.

    Exits with a message for an unknown recipe or setting (the nearest names are shown), or a value of another type.
    """
    words = signed(words)
    parser = argparse.ArgumentParser(
        description="Pre-train an encoder by a recipe. RECIPE --help lists its settings.",
        prog="pretrain.py",
        usage="%(prog)s RECIPE --data DATA --out OUT [--test TEST] [--device DEVICE] [--minutes N] [--untrained] "
        "[--SETTING X ...]",
        epilog=f"recipes: {', '.join(sorted(RECIPES))}",
        formatter_class=Help,
        allow_abbrev=False,
    )
    parser.add_argument("recipe", metavar="RECIPE", help="a name from the list below")
    parser.add_argument("--data", required=True, help="folder of images, cifar10:FOLDER, ..., or rendered")
    parser.add_argument("--test", metavar="FOLDER", help="held-out images for the k-NN monitor")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run; an interrupted one goes on")
    parser.add_argument("--device", help="cpu, cuda, ...; by default a GPU where there is one")
    parser.add_argument("--minutes", type=float, help="stop at the first epoch's end after so long; go on later")
    parser.add_argument("--untrained", action="store_true", help="train nothing: leave the network as it would start")
    if not words or words[0] in ("-h", "--help"):
        parser.parse_args(["--help"])
    if words[0].startswith("-"):
        parser.error("the recipe comes first: pretrain.py RECIPE --data ...")
    if words[0] not in RECIPES:
        parser.error(f"there is no recipe {words[0]!r}{nearest(words[0], RECIPES)} pretrain.py --help lists all")
    known = settings_of_recipe(RECIPES[words[0]])
    meanings = meanings_of(METHODS[known["method"].value])
    group = parser.add_argument_group(f"settings, as {words[0]} has them")
    for name, setting in known.items():
        group.add_argument(
            *sorted({f"--{name}", f"--{name.replace('_', '-')}"}),
            dest=f"setting {name}",
            metavar="VALUE",
            help=f"{meanings.get(name, '')} [{setting.value}, {setting.source}]".strip().replace("%", "%%"),
        )
    options, unknown = parser.parse_known_args(words)
    if options.minutes is not None and not options.minutes >= 0:  # nor nan
        parser.error(f"--minutes must be at least 0, got {options.minutes:g}")
    refuse_other_method(parser, words[0], vars(options)["setting method"])
    for word in unknown:
        if not word.startswith("--"):
            parser.error(f"there is one value to a setting, got {word!r} besides; write several as --scale 0.2,1.0")
        name = word.removeprefix("--").partition("=")[0].replace("-", "_")
        given = word.partition("=")[0]
        parser.error(f"there is no setting {given!r} in {words[0]}{nearest(name, known)} {words[0]} --help lists all")
    hints = hints_of(METHODS[known["method"].value])
    for name in known:
        if (text := vars(options).pop(f"setting {name}")) is not None:
            try:
                known[name] = Setting(read(name, text, hints[name]), "command line")
            except (TypeError, ValueError) as error:
                parser.error(f"--{error}")
    return options, known


class Help(argparse.HelpFormatter):
    """Help with the names in it whole: lines break between words, not at the hyphens of simclr-cifar10."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return textwrap.indent("\n".join(self._split_lines(text, width - len(indent))), indent)


def refuse_other_method(parser: argparse.ArgumentParser, recipe: str, asked: str | None) -> None:
    """Exit with a message if the command line has another method than the recipe, whose settings the others are."""
    method = RECIPES[recipe].values.get("method", Settings.method)
    if asked is None or asked.strip() == method:
        return
    others = [name for name, one in RECIPES.items() if one.values.get("method", Settings.method) == asked.strip()]
    near = get_close_matches(recipe.replace(method, asked), others, 3, 0.0)  # those of the same scale
    remedy = f"take a recipe of that method: {', '.join(near)}" if near else "leave it out"
    parser.error(f"--method must be the recipe's own, {method} in {recipe}, got {asked!r}; {remedy}")


def signed(words: Sequence[str]) -> list[str]:
    """``--milestones -50,-25`` as ``--milestones=-50,-25``: argparse takes a word with a minus for an option."""
    joined: list[str] = []
    for word in words:
        number = re.match(r"-\.?\d", word) and joined and re.fullmatch(r"--[^=]+", joined[-1])
        joined[-1:] = [f"{joined[-1]}={word}"] if number else [*joined[-1:], word]
    return joined


def settings_of_recipe(recipe: Recipe) -> dict[str, Setting]:
    """Every setting of a run by a recipe: its own, and the defaults of what it leaves open."""
    method = METHODS[recipe.values.get("method", Settings.method)]
    common = {field.name: field.default for field in fields(Settings)}
    own = {name: inspect.signature(method).parameters[name].default for name in settings_of(method)}
    hints = hints_of(method)
    if strange := sorted(recipe.settings.keys() - hints.keys()):
        raise ValueError(f"recipe {recipe.name} has settings that {method.__name__} has not: {', '.join(strange)}")
    defaults = {name: Setting(value, "default") for name, value in {**common, **own}.items()}
    given = {
        name: Setting(checked(name, marked.value, hints[name]), marked.told) for name, marked in recipe.settings.items()
    }
    return {**defaults, **given}


def run(options: argparse.Namespace, settings: Mapping[str, Setting], processes: Processes) -> int:
    """Train by parsed options, as one of the processes; the exit code."""
    common, own = divided({name: setting.value for name, setting in settings.items()})
    out: Path = options.out
    training = Run(
        common,
        own,
        open_data(options.data, options.test, size=common.size),
        out,
        processes=processes,
        recipe=options.recipe,
    )
    stored = {name: asdict(setting) for name, setting in settings.items()}
    for name, more in training.beginnings.items():
        stored[name]["source"] += f"; {more}"
    if options.untrained:
        if training.step:
            raise ValueError(f"--untrained must have a folder without a run, got {out} with one; name another")
        stored["epochs"]["source"] += "; untrained: none was run"
    if processes.first:
        if training.longer:
            before = training.plan.since
            print(f"{out} was finished after {before} epochs and is made longer: {training.plan.told}.")
            print(
                f"The rate begins anew: it will be no run of {common.epochs} epochs. What it left is now *-{before}.*"
            )
            put_aside(out, before)
        elif training.init is not None and training.step == 0:
            print(f"the backbone starts from {common.init}, {training.beginnings['init']}; all else is new")
        replace(out / SETTINGS, json.dumps(stored, indent=1).encode())
    result = training.go(options.minutes, untrained=options.untrained)
    if not processes.first:
        return 0
    if not result.finished:
        print(f"stopped at step {training.step} of {training.steps}; a whole checkpoint is in {out}.")
        print(f"Go on with the same command: {again()}")
        return INTERRUPTED
    last = asdict(result.rows[-1])
    machine = {"parameters": training.parameters, "machine": machine_of(processes), "commit": commit()}
    replace(
        out / RESULT,
        json.dumps(
            {
                "recipe": options.recipe,
                **last,
                "schedules": training.plan.stored,
                "reported": reported(options.recipe, untrained=options.untrained),
                **machine,
                "settings": stored,
            },
            indent=1,
        ).encode(),
    )
    print(
        f"done: {', '.join(f'{name} {value:.4g}' for name, value in last.items() if value is not None)}; all in {out}"
    )
    return 0


def put_aside(out: Path, epochs: int) -> None:
    """Give what a finished run left names that say after how many epochs, where a longer one will leave its own."""
    for name in (BACKBONE, RESULT, "curves.png"):
        if (file := out / name).exists():
            file.replace(file.with_stem(f"{file.stem}-{epochs}"))


def again() -> str:
    """The command that started this process, or all of them."""
    each = os.environ.get("LOCAL_WORLD_SIZE")
    start = [sys.executable] if each is None else ["torchrun", "--nproc-per-node", each]
    return shlex.join([*start, *sys.argv])


def machine_of(processes: Processes) -> dict[str, Any]:
    """What a result was made on."""
    gpu = torch.cuda.get_device_name(processes.device) if processes.device.type == "cuda" else None
    return {
        "system": platform.platform(),
        "processor": processor(),
        "device": processes.device.type,
        "gpu": gpu,
        "processes": processes.count,
        "threads": torch.get_num_threads(),
        **versions(),
    }


if __name__ == "__main__":
    sys.exit(main())
