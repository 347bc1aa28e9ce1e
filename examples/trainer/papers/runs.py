"""Runs of pretrain.py, each in a process and a folder of its own; what is done already is not done again."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any

from jointaug.image_files import image_files, is_junk

from . import RECIPES

PRETRAIN = Path(__file__).resolve().parents[2] / "pretrain.py"
#: Paths; how often a run is looked at and kept, which its end does not tell.
FREE = ("score", "lpips", "knn_every", "checkpoint_every", "keep_every")
#: Weights of pairs that need a file, the setting by their name; and what is missing without it.
FILES: Mapping[str, str] = {
    "lpips": "needs LPIPS's weights, the state of an lpips.LPIPS: --lpips FILE",
    "score": "needs a score network that was trained on this data: --score FILE",
}
RESULT, OUTPUT, LOCK, DATA = "result.json", "output.txt", "lock", "data.txt"


@dataclass(frozen=True)
class Cell:
    """One run: a recipe, the settings that differ from it, and a seed.

    Attributes:
        as_long_as: the row whose time it takes (`trainer.papers.recipe.Row`); its epochs are not of its name.
        epochs: so many, then; None: not known yet.
        untrained: the network as the run would start, of which no step is trained.
    """

    recipe: str
    seed: int
    changed: Mapping[str, Any] = field(default_factory=dict)

    as_long_as: str = ""
    epochs: int | None = None
    untrained: bool = False

    @property
    def folder(self) -> str:
        """A name that says all of it: ``simclr-cifar10,crop=decoupled,seed=3``."""
        changes = (f"{name}={spelled(value)}" for name, value in sorted(self.changed.items()))
        time = [f"as long as {self.as_long_as}"] if self.as_long_as else []
        start = ["untrained"] if self.untrained else []
        return ",".join([self.recipe, *changes, *time, *start, f"seed={self.seed}"]).replace("/", "_")

    @property
    def words(self) -> list[str]:
        """The settings on pretrain.py's command line, the seed's last."""
        start = ["--untrained"] if self.untrained else []
        epochs = {} if self.epochs is None else {"epochs": self.epochs}
        changed = {**self.changed, **epochs, "seed": self.seed}
        return [*start, *(word for name, value in changed.items() for word in (f"--{name}", spelled(value)))]

    @property
    def digest(self) -> str:
        """One word for all that the run is asked: it changes with the recipe, so that a kept result can be told."""
        told = {name: value for name, value in self.changed.items() if name not in FREE}
        time = {"as long as": self.as_long_as} if self.as_long_as else {}
        start = {"untrained": True} if self.untrained else {}
        values = {**RECIPES[self.recipe].values, **told, **time, **start, "seed": self.seed}
        text = json.dumps({name: spelled(value) for name, value in values.items()}, sort_keys=True)
        return blake2b(text.encode(), digest_size=5).hexdigest()


@dataclass(frozen=True)
class Outcome:
    """What became of a run.

    Attributes:
        result: what pretrain.py wrote, or None.
        reason: why there is none.
    """

    cell: Cell
    folder: Path
    result: Mapping[str, Any] | None

    reason: str = ""


class Runs:
    """Where runs are kept, and how they are made.

    Args:
        data: as pretrain.py takes it.
        out: a folder for the runs' folders.
        trainer: the script to run.
        processes: of each run; several are started by torchrun.
        words: for the script, that are no settings: ``--device cpu``.

    Raises:
        ValueError: if the folder has runs on other data.
    """

    def __init__(
        self, data: str, out: Path, trainer: Path = PRETRAIN, *, processes: int = 1, words: Sequence[str] = ()
    ) -> None:
        self.data, self.out, self.trainer, self.processes, self.words = data, out, trainer, processes, words
        out.mkdir(parents=True, exist_ok=True)
        known = out / DATA
        if known.exists() and (other := known.read_text(encoding="utf-8")) != data:
            raise ValueError(
                f"--out must be a folder of runs on {data!r}, got {out} with runs on {other!r}; name another"
            )
        known.write_text(data, encoding="utf-8")

    def done(self, cell: Cell) -> bool:
        """Whether a run is finished."""
        return (self.out / cell.folder / RESULT).exists()

    def outcome(self, cell: Cell) -> Outcome:
        """The outcome of a run, which is made, or goes on, if it was not finished."""
        folder = self.out / cell.folder
        folder.mkdir(exist_ok=True)
        with locked(folder / LOCK) as lock, (folder / OUTPUT).open("a", encoding="utf-8") as output:
            if not (folder / RESULT).exists():
                start = [sys.executable]
                if self.processes > 1:
                    start += ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(self.processes)]
                command = [*start, str(self.trainer), cell.recipe, "--data", self.data, "--out", str(folder)]
                code = wait([*command, *cell.words, *self.words], output, lock)
                if code or not (folder / RESULT).exists():
                    said = last_line(folder / OUTPUT, self.trainer.name if self.processes > 1 else "")
                    return Outcome(cell, folder, None, said or f"exit code {code}, no message")
            result = json.loads((folder / RESULT).read_text(encoding="utf-8"))
        if other := differing(cell, result):
            return Outcome(cell, folder, None, f"{folder} has a run of an older recipe ({other}); remove it")
        return Outcome(cell, folder, result)

    def as_long(self, cell: Cell, base: Cell, longer: Cell, before: float) -> Cell:
        """A run with so many epochs as fill another run's time, by the seconds of an epoch of a third.

        Args:
            cell: the run.
            base: whose epochs take as long as the run's.
            longer: whose time is filled.
            before: seconds that the longer one took before it, for its score network.

        Raises:
            ValueError: if one of the two is not there to be asked.
        """
        results = []
        for one in (base, longer):
            if not self.done(one):
                raise ValueError(f"needs the run {one.folder} in {self.out}, for its seconds; run its row there first")
            results.append(json.loads((self.out / one.folder / RESULT).read_text(encoding="utf-8")))
        of_base, of_longer = results
        seconds = float(of_base["seconds"]) / int(of_base["epoch"])
        return replace(cell, epochs=round((float(of_longer["seconds"]) + before) / seconds))

    def all(self, cells: Iterable[Cell], processes: int = 1) -> Iterator[Outcome]:
        """The outcomes in the cells' order, ``processes`` runs side by side."""
        with ThreadPoolExecutor(processes) as pool:
            try:
                yield from pool.map(self.outcome, cells)
            except BaseException:
                pool.shutdown(cancel_futures=True)  # waits for the runs that have begun: they write a checkpoint
                raise


def linked(data: Path, folder: Path, parts: Mapping[str, int | None]) -> Path:
    """A part of a data set as links, the same one each time: the first images of each class by name.

    Args:
        data: a folder with the parts' folders in it, each of class folders.
        folder: to make; links that are there stay.
        parts: for each part, such as ``"train"``, images of a class; None: all.

    Returns:
        The folder.

    Raises:
        ValueError: if there are not enough.
    """
    for part, count in parts.items():
        for source in sorted(path for path in (data / part).iterdir() if path.is_dir() and not is_junk(path.name)):
            files = image_files(source, deep=False)[:count]
            if count is not None and len(files) < count:
                raise ValueError(f"{source} must hold {count} images of its class, got {len(files)}; name a larger set")
            target = folder / part / source.name
            target.mkdir(parents=True, exist_ok=True)
            for file in files:
                if not (target / file.name).is_symlink():
                    (target / file.name).symlink_to(file.resolve())
    return folder


def spelled(value: Any) -> str:
    """A setting as pretrain.py's command line has it: ``none``, ``true``, ``0.2,1.0``."""
    if isinstance(value, (tuple, list)):
        return ",".join(map(spelled, value))
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def wait(command: Sequence[str], output: IO[str], lock: IO[str] | None = None) -> int:
    """Run a command to its end, also through Ctrl-C, which it has got as well; its exit code.

    The lock is the command's too: it is held until both this process and the command are gone.
    """
    inherited = () if lock is None else (lock.fileno(),)
    with subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, pass_fds=inherited) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.wait()
            raise


@contextmanager
def locked(path: Path) -> Iterator[IO[str]]:
    """Wait for the run of an earlier call that was killed, if it lives on, or of another call."""
    with path.open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock


def last_line(path: Path, script: str = "") -> str:
    """Of a program's output: where it says why it stopped; of a ``script`` that torchrun started, its own last line."""
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    said = [line.strip() for line in reversed(lines) if line.strip()]
    own = (line for line in said if script and line.startswith(f"{script}: "))
    return next(own, said[0] if said else "")


def differing(cell: Cell, result: Mapping[str, Any]) -> str:
    """The settings that are others in the result than in the recipe as it is now; empty where none is.

    What the cell itself changes is in the folder's name, and so cannot differ.
    """
    if len(result.get("schedules", ())) > 1:
        return f"made longer, {result['settings']['epochs']['value']} epochs in {len(result['schedules'])} schedules"
    given = result.get("settings", {})
    now = json.loads(json.dumps(RECIPES[cell.recipe].values))  # tuples are lists there
    own = {*cell.changed, *(["epochs"] if cell.as_long_as else [])}
    return ", ".join(
        f"{name} {spelled(there)} there, {spelled(now[name])} now"
        for name, there in ((name, given[name]["value"]) for name in now.keys() & given.keys() - own)
        if there != now[name]
    )
