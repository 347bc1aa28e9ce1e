"""Half an hour on a GPU that is lent: the plan, in stages of worth, in calls of at most ten minutes.

    benchmarks/gpu.sh --carry                    # what must travel with the checkout, and whether it is there
    benchmarks/gpu.sh --stages 1-5               # a call; then --stages 6, then --stages 7
    benchmarks/gpu.sh --device cpu --tiny        # all of it, small: figures mean nothing (rehearse.py)

1. correctness: the tests marked gpu; 2. one epoch of SimCLR on CIFAR-10; 3. the step against the bare network step;
4. throughput beside kornia and torchaug; 5. neighbors at ImageNet's size; 6. the claim: seeds of three crops, three
runs at once; 7. an epoch of each other method.

Every stage has a limit of its own, and what fails or runs out of time does not keep the others from running. Results
are written the moment they exist, into the folder that ``--out`` or the environment's OUT names: ``stages.json`` (what
became of each stage), ``log.txt``, and the tables. The work folder holds data and runs; as long as it is there, a stage
that is done is passed over, and stage 6 goes on with the next seed. No run is resumed: only whole ones count.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final, NamedTuple
from xml.etree import ElementTree as ET

ROOT: Final = Path(__file__).resolve().parents[1]
ARCHIVE: Final = "cifar10-jpeg.tar.xz"
PEERS: Final = ("kornia", "kornia_rs", "torchaug")
ARMS: Final = ("independent", "joint", "decoupled")
RECIPE: Final = "jointcrop-simclr"
OTHERS: Final[Mapping[str, tuple[str, ...]]] = {
    **{
        name: (name,)
        for name in (
            *("moco1", "moco2", "mocov3", "byol", "simsiam", "dino", "vicreg", "wmse", "npid", "npid2", "leoclr"),
            *("leoclr-e2e", "interclr-npid2", "interclr-moco2", "interclr-byol", "clim", "jointcrop-simclr"),
        )
    },
    "contrastive-crop": ("simclr", "--crop", "contrastive", "--epochs", "10", "--warmup", "1"),
    "multi-crop": ("dino", "--locals", "4", "--local_size", "16"),
    "compiled": ("simclr", "--compile", "true"),
}
"""Of stage 7, by name: a recipe without its scale, and what differs from it."""
AT_ONCE: Final = 3
LIMITS: Final = {1: 60, 2: 45, 3: 70, 4: 250, 5: 90, 6: 560, 7: 400}
PREPARATION: Final = 60
"""Seconds until the first stage begins, at most."""
SHORT: Final = 0.9
"""Of the time that is left, what a triple of runs may be expected to take."""
STOPPED: Final = 130


class Late(Exception):  # noqa: N818 (no error: the time is up)
    """A stage's time is up."""


class Sizes(NamedTuple):
    """How much of everything; ``scale`` ends the names of the recipes, some of which have settings of their ``own``."""

    scale: str
    trainer: tuple[str, ...]
    step: tuple[str, ...]
    throughput: tuple[str, ...]
    neighbors: tuple[str, ...]
    probe: tuple[str, ...]
    seeds: int
    own: Mapping[str, tuple[str, ...]]


REAL: Final = Sizes(
    "cifar10",
    ("--stem", "small", "--precision", "bfloat16", "--channels_last", "true"),
    (),
    (),
    (),
    ("knn", "linear:small"),
    8,
    {},
)
TINY: Final = Sizes(
    "rendered",
    ("--knn_k", "5"),
    ("--batch", "4", "--steps", "2", "--rounds", "3"),
    ("--smoke", "--rounds", "2"),
    ("--points", "600", "--clusters", "6", "--rounds", "3"),
    ("knn", "linear:small", "--epochs", "2", "--k", "5"),
    1,
    {f"interclr-{base}": ("--K_inter", "16") for base in ("npid2", "moco2")},  # of noise, clusters are unequal
)


class Plan:
    """The stages, what they share, and what is written of them.

    Args:
        options: of the command line.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.device, self.python, self.work, self.out = options.device, options.python, options.work, options.out
        self.tiny, self.sizes = options.tiny, TINY if options.tiny else REAL
        self.carried = options.carried
        for folder in (self.work, self.out):
            folder.mkdir(parents=True, exist_ok=True)
        self.kept = self.work / "stages.json"
        self.stages: dict[str, Any] = json.loads(self.kept.read_text()) if self.kept.exists() else {}
        self.log = (self.out / "log.txt").open("a", buffering=1)
        self.until = self.begun = time.monotonic()
        self.preparing: subprocess.Popen[bytes] | None = None

    # ---- running and writing ----------------------------------------------------------------------------------------

    @property
    def left(self) -> float:
        """Seconds that the stage has left."""
        return self.until - time.monotonic()

    @property
    def pixels(self) -> Path:
        """The data set, decoded."""
        return self.work / "cifar10" / "pixels.pt"

    def say(self, text: str) -> None:
        """A line on the screen and in the log."""
        print(text, flush=True)
        self.log.write(f"{text}\n")

    def write(self, name: str, found: Mapping[str, Any]) -> None:
        """What became of a stage, in both folders."""
        self.stages[name] = {**self.stages.get(name, {}), **found}
        for path in (self.kept, self.out / "stages.json"):
            new = path.with_suffix(".new")
            new.write_text(json.dumps(self.stages, indent=1) + "\n")
            new.replace(path)

    def start(self, *words: Any, output: IO[str] | None = None, cwd: Path = ROOT) -> subprocess.Popen[bytes]:
        """Python with these words, in a group of processes of its own."""
        path = [str(ROOT), str(ROOT / "examples"), str(ROOT / "benchmarks"), str(self.work / "site")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path), "OUT": str(self.out)}
        command = [self.python, *map(str, words)]
        self.log.write(f"$ {' '.join(command)}\n")
        self.log.flush()
        return subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdout=output or self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def wait(self, *processes: subprocess.Popen[bytes], until: float | None = None) -> list[int]:
        """Exit codes; whoever is not done when the time is up is ended.

        Raises:
            Late: then.
        """
        until = self.until if until is None else until
        try:
            return [process.wait(max(until - time.monotonic(), 0.01)) for process in processes]
        except subprocess.TimeoutExpired:
            raise Late from None
        finally:
            for process in processes:
                ended(process)

    def run(self, *words: Any, **more: Any) -> int:
        """The exit code of Python with these words."""
        (code,) = self.wait(self.start(*words, **more))
        return code

    def stage(self, number: int, limit: float) -> bool:
        """Do one; whether it is done."""
        name, work = STAGES[number]
        start = time.monotonic()
        self.until = start + limit
        self.say(f"== {number}. {name}: at most {limit:.0f} s")
        self.write(name, {"status": "begun"})
        try:
            found = {"status": "done", **work(self)}
        except Late:
            found = {"status": "out of time"}
        except Exception as error:  # whatever it is, the other stages run
            found = {"status": "failed", "why": f"{type(error).__name__}: {error}"[:500]}
        self.write(name, {**found, "wall_seconds": round(time.monotonic() - start, 2)})
        self.say(f"{number}. {name}: {json.dumps(self.stages[name])[:600]}")
        return found["status"] == "done"

    # ---- before the stages ------------------------------------------------------------------------------------------

    def prepare(self, numbers: Sequence[int]) -> None:
        """Native kernels, the peers' packages, the data set (decoded beside the first stage)."""
        self.until = time.monotonic() + PREPARATION
        if {2, 6, 7} & set(numbers) and not self.pixels.exists():
            self.preparing = self.start(__file__, "--decode", self.carried / ARCHIVE, self.pixels)
        try:
            built = self.run("setup.py", "-q", "build_ext", "--inplace")
            wheels = sorted(map(str, self.carried.glob("*.whl")))
            if wheels and not (self.work / "site").exists():
                words = ("install", "-q", "--no-index", "--no-deps", "--no-compile", "--target", self.work / "site")
                self.run("-m", "pip", *words, *wheels)
        except Late:
            built = -1
        try:
            ask = [self.python, "-c", MACHINE]
            where = subprocess.run(ask, cwd=ROOT, capture_output=True, text=True, check=True, timeout=PREPARATION)
            told = json.loads(where.stdout.splitlines()[-1])
        except Exception as error:  # whatever it is, the stages run
            told = {"failed": f"{error} {getattr(error, 'stderr', '')}"[-500:]}
        self.write("machine", {"system": platform.platform(), "cores": os.cpu_count(), "native build": built, **told})
        self.say(f"machine: {self.stages['machine']}")

    def data(self) -> str:
        """The data set as pretrain.py takes it.

        Raises:
            FileNotFoundError: if it did not travel.
        """
        if self.preparing is not None:
            self.wait(self.preparing)
            self.preparing = None
        if not self.pixels.exists():
            raise FileNotFoundError(f"{self.carried / ARCHIVE} did not travel or is damaged; --carry lists it")
        return f"pixels:{self.pixels.parent}"


def ended(process: subprocess.Popen[bytes]) -> None:
    """A process and what it started are gone."""
    for kind in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            with suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(process.pid, kind)
                process.wait(3)


MACHINE: Final = """
import json, sys, torch, torchvision
import jointaug.functional as K
from jointaug._native import _library
cuda = torch.cuda.is_available()
print(json.dumps({"python": sys.version.split()[0], "torch": torch.__version__, "torchvision": torchvision.__version__,
    "gpu": torch.cuda.get_device_name() if cuda else None, "kernels on the CPU": _library.backend()}))
"""


def decode(archive: Path, file: Path) -> None:
    """The archive's images, in memory: ``train`` and ``test`` as pixels and labels, ``classes`` by name."""
    import numpy as np
    import torch
    from PIL import Image

    found: dict[str, list[tuple[str, Any]]] = {"train": [], "test": []}
    with tarfile.open(archive) as files:
        for member in files:
            parts = Path(member.name).parts[-3:]
            if member.isfile() and len(parts) == 3 and parts[0] in found:
                data = files.extractfile(member)
                assert data is not None
                image = np.asarray(Image.open(io.BytesIO(data.read())).convert("RGB"))
                found[parts[0]].append((f"{parts[1]}/{parts[2]}", image))
    classes = sorted({name.partition("/")[0] for name, _ in found["train"]})
    parts_: dict[str, Any] = {"classes": classes}
    for part, named in found.items():
        named.sort(key=lambda pair: pair[0])
        images = torch.from_numpy(np.stack([image for _, image in named])).permute(0, 3, 1, 2).contiguous()
        parts_[part] = [images, torch.tensor([classes.index(name.partition("/")[0]) for name, _ in named])]
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_suffix(".new")
    torch.save(parts_, new)
    new.replace(file)


# ---- the stages ------------------------------------------------------------------------------------------------------


def correctness(plan: Plan) -> dict[str, Any]:
    """The tests that only a device can answer, but for those that compile."""
    files = [path for path in sorted((ROOT / "tests").rglob("test_*.py")) if "mark.gpu" in path.read_text()]
    report = plan.work / "tests.xml"
    words = ("-q", "-p", "no:cacheprovider", "-m", "gpu", "-k", "not compile", f"--junitxml={report}")
    code = plan.run("-m", "pytest", *words, *(path.relative_to(ROOT) for path in files))
    if code:
        raise RuntimeError(f"pytest ended with {code}: see log.txt")
    return {"tests": counts(report)}


def counts(report: Path) -> dict[str, int]:
    """Of pytest's report: how many tests there were, and how many of them were skipped."""
    suites = ET.parse(report).getroot().iter("testsuite")
    totals = [{name: int(suite.get(name, 0)) for name in ("tests", "skipped")} for suite in suites]
    return {name: sum(each[name] for each in totals) for name in ("tests", "skipped")}


def trained(plan: Plan, folder: Path, recipe: str, *settings: str) -> list[Any]:
    """The words of a run into ``folder``, begun anew."""
    shutil.rmtree(folder, ignore_errors=True)
    words = [
        "examples/pretrain.py",
        f"{recipe}-{plan.sizes.scale}",
        "--data",
        plan.data(),
        "--device",
        plan.device,
        "--out",
        folder,
    ]
    return [*words, *plan.sizes.trainer, *plan.sizes.own.get(recipe, ()), *settings]


def one_epoch(plan: Plan) -> dict[str, Any]:
    """SimCLR, from the start of Python to its result."""
    folder, start = plan.work / "simclr", time.monotonic()
    code = plan.run(*trained(plan, folder, "simclr", "--epochs", "1", "--warmup", "0", "--knn_every", "1"))
    if code:
        raise RuntimeError(f"pretrain.py ended with {code}: see log.txt")
    wall = time.monotonic() - start
    result = json.loads((folder / "result.json").read_text())
    names = ("loss", "knn", "images_per_second", "seconds", "machine", "commit")
    with (folder / "log.csv").open(newline="") as file:
        before = float(next(csv.DictReader(file))["seconds"])  # data and the monitor, before the first step
    whole = result["seconds"]
    return {
        **{name: result.get(name) for name in names},
        "epoch_seconds": whole - before,
        "start": wall - whole + before,
    }


def step(plan: Plan) -> dict[str, Any]:
    """The trainer's step against the bare one; the share of augmentation."""
    where = ("--device", plan.device)
    codes = [plan.run("training_step.py", *where, "--write", *plan.sizes.step, cwd=ROOT / "benchmarks")]
    codes.append(plan.run("gpu.py", "--parts", "step", *plan.sizes.throughput, cwd=ROOT / "benchmarks"))
    if any(codes):
        raise RuntimeError(f"training_step.py and gpu.py ended with {codes}: see log.txt")
    return {"ratio": json.loads((plan.out / f"trainer_{plan.device}.json").read_text())["step_ratio"]}


def throughput(plan: Plan) -> dict[str, Any]:
    """Ours, the peers, then what compiles."""
    code = plan.run("gpu.py", "--parts", "throughput", *plan.sizes.throughput, cwd=ROOT / "benchmarks")
    if code:
        raise RuntimeError(f"gpu.py ended with {code}: see log.txt")
    return {}


def neighbors(plan: Plan) -> dict[str, Any]:
    """Clusters and positives."""
    words = ("--device", plan.device, "--write", *plan.sizes.neighbors)
    code = plan.run("neighbors.py", *words, cwd=ROOT / "benchmarks")
    if code:
        raise RuntimeError(f"neighbors.py ended with {code}: see log.txt")
    return {}


def claim(plan: Plan) -> dict[str, Any]:
    """Seeds of the three crops: as many triples as fit, each whole or not at all."""
    name = STAGES[2][0]
    if "epoch_seconds" not in plan.stages.get(name, {}):
        plan.write(name, one_epoch(plan))
    first = plan.stages[name]
    epochs = 1 if plan.tiny else epochs_that_fit(plan.left, plan.sizes.seeds, first["epoch_seconds"], first["start"])
    epochs = plan.stages["claim"].setdefault("epochs", epochs)  # a later call goes on with what was begun
    table = plan.work / "claim.csv"
    done = seeds_of(table)
    seed, longest = len(done), 0.0
    while seed < plan.sizes.seeds and longest < SHORT * plan.left:
        start = time.monotonic()
        rows = triple(plan, seed, epochs)
        longest = max(longest, time.monotonic() - start)
        for row in rows:
            append(table, row)
        shutil.copy(table, plan.out / table.name)
        plan.write("claim", {"epochs": epochs, "seeds": seed + 1})
        plan.say(f"seed {seed}, {longest:.0f} s: {[{k: row[k] for k in ('crop', 'knn', 'linear')} for row in rows]}")
        seed += 1
    if seed < plan.sizes.seeds:
        raise Late
    return {"seeds": seed, "epochs": epochs}


def epochs_that_fit(seconds: float, seeds: int, epoch: float, start: float) -> int:
    """Epochs of a run, so that so many triples fit: three at once are taken to be three times as slow as one."""
    return max(1, int((SHORT * seconds / seeds - 2 * start) / (AT_ONCE * max(epoch, 1e-3))))  # the probe starts too


def seeds_of(table: Path) -> set[int]:
    """Seeds in a table whose three arms are done."""
    if not table.exists():
        return set()
    with table.open(newline="") as file:
        rows = [(int(row["seed"]), row["crop"]) for row in csv.DictReader(file)]
    return {seed for seed, _ in rows if all((seed, arm) in rows for arm in ARMS)}


def triple(plan: Plan, seed: int, epochs: int) -> list[dict[str, Any]]:
    """The three arms of a seed at once, each with its probes.

    Raises:
        Late: if the time is up: nothing of it counts.
        RuntimeError: if one fails.
    """
    folders = {arm: plan.work / "claim" / f"{arm}-{seed}" for arm in ARMS}
    settings = ("--seed", str(seed), "--epochs", str(epochs), "--knn_every", str(epochs), "--warmup", "0")
    runs = [trained(plan, folder, RECIPE, *settings, "--crop", arm) for arm, folder in folders.items()]
    probe = (*plan.sizes.probe, "--device", plan.device)
    commands = [runs, [["examples/evaluate.py", f, "--data", plan.data(), *probe] for f in folders.values()]]
    for words in commands:
        codes = plan.wait(*(plan.start(*each) for each in words))
        if any(codes):
            raise RuntimeError(f"seed {seed}: {words[codes.index(max(codes, key=abs))][0]} ended with {codes}")
    return [row_of(arm, seed, epochs, folder) for arm, folder in folders.items()]


def row_of(arm: str, seed: int, epochs: int, folder: Path) -> dict[str, Any]:
    """What is kept of a run: all in percent."""
    result = json.loads((folder / "result.json").read_text())
    found = json.loads((folder / "evaluation.json").read_text())["results"]
    (linear,) = (each["value"] for each in found if each["protocol"] == "linear:small" and "top-1" in each["metric"])
    row = {"crop": arm, "seed": seed, "epochs": epochs, "knn": 100 * result["knn"], "linear": linear}
    return {**row, "loss": result["loss"], "seconds": result["seconds"], "gpu": result["machine"]["gpu"]}


def append(table: Path, row: Mapping[str, Any]) -> None:
    """A line more, under a head."""
    new = not table.exists()
    with table.open("a", newline="") as file:
        lines = csv.DictWriter(file, list(row), lineterminator="\n")
        if new:
            lines.writeheader()
        lines.writerow(row)


def methods(plan: Plan) -> dict[str, Any]:
    """The other methods, as many at once as runs of the claim; those in the table are passed over."""
    table = plan.work / "methods.csv"
    known: set[str] = set()
    if table.exists():
        with table.open(newline="") as file:
            known = {row["name"] for row in csv.DictReader(file) if row["status"] == "done"}
    names = [name for name in OTHERS if name not in known]
    for few in (names[k : k + AT_ONCE] for k in range(0, len(names), AT_ONCE)):
        folders = {name: plan.work / "methods" / name for name in few}
        words = [
            trained(plan, folders[name], OTHERS[name][0], "--minutes", "0", "--knn_every", "0", *OTHERS[name][1:])
            for name in few
        ]
        for name, code in zip(few, plan.wait(*(plan.start(*each) for each in words)), strict=True):
            append(table, an_epoch(name, code, folders[name]))
        shutil.copy(table, plan.out / table.name)
    with table.open(newline="") as file:
        latest = {row["name"]: row["status"] for row in csv.DictReader(file)}
    failed = [name for name, status in latest.items() if status != "done"]
    if failed:
        raise RuntimeError(f"failed: {', '.join(failed)}; see log.txt")
    return {"methods": len(latest)}


def an_epoch(name: str, code: int, folder: Path) -> dict[str, Any]:
    """What is kept of a method's epoch."""
    row: dict[str, Any] = {"name": name, "status": "done" if code in (0, STOPPED) else f"failed ({code})"}
    row |= dict.fromkeys(("loss", "images_per_second", "feature_std", "seconds"))
    log = folder / "log.csv"
    if row["status"] == "done" and log.exists():
        with log.open(newline="") as file:
            last = list(csv.DictReader(file))[-1]
        row |= {key: last[key] for key in ("loss", "images_per_second", "feature_std", "seconds")}
    return row


STAGES: Final[Mapping[int, tuple[str, Callable[[Plan], dict[str, Any]]]]] = {
    1: ("correctness", correctness),
    2: ("one epoch", one_epoch),
    3: ("step", step),
    4: ("throughput", throughput),
    5: ("neighbors", neighbors),
    6: ("claim", claim),
    7: ("methods", methods),
}


# ---- the command line ------------------------------------------------------------------------------------------------


def carry(folder: Path) -> int:
    """Say what must travel, and whether it is there."""
    for name, why in ((ARCHIVE, "CIFAR-10 as files: stages 2, 6, 7"), *((peer, "wheel: stage 4") for peer in PEERS)):
        found = sorted(path for path in folder.glob(name if name == ARCHIVE else f"{name}-*.whl"))
        size = f"{sum(path.stat().st_size for path in found) / 2**20:.1f} MiB" if found else "MISSING"
        print(f"{folder / name}: {size} ({why})")
    print(
        f"The archive holds train/<class>/* and test/<class>/*. Wheels: pip download --no-deps --only-binary=:all: "
        f"--python-version 3.12 -d {folder} {' '.join(PEERS)}. What is missing costs its stages, nothing else."
    )
    return 0


def numbers_of(text: str) -> list[int]:
    """``1-5``, ``6`` or ``1,3-4`` as numbers of stages."""
    numbers: list[int] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if not first.isdecimal() or not (last if dash else first).isdecimal():
            raise argparse.ArgumentTypeError(f"stages are numbers such as 1-5 or 2,6, got {text!r}")
        numbers += range(int(first), int(last or first) + 1)
    if not numbers or not set(numbers) <= set(STAGES):
        raise argparse.ArgumentTypeError(f"there are stages {min(STAGES)} to {max(STAGES)}, got {text!r}")
    return numbers


def main(arguments: Sequence[str] | None = None) -> int:
    """Do the stages; 0 if all are done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stages", type=numbers_of, default=list(STAGES), help="such as 1-5 (default: all)")
    parser.add_argument("--out", type=Path, help="where results go (default: OUT, or benchmarks/results/gpu)")
    parser.add_argument(
        "--work", type=Path, default=Path("/tmp/jointaug-half-hour"), help="data and runs (%(default)s)"
    )
    parser.add_argument("--carry", action="store_true", help="say what must travel, and do nothing")
    parser.add_argument("--carried", type=Path, default=ROOT / "carry", help="where it lies (default: carry/)")
    parser.add_argument("--seconds", type=float, default=585.0, help="of this call, at most (%(default)s)")
    parser.add_argument("--again", action="store_true", help="do stages that are done once more")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true", help="small, to see that it runs")
    parser.add_argument("--python", default=sys.executable, help=argparse.SUPPRESS)
    parser.add_argument("--decode", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.decode:
        decode(*options.decode)
        return 0
    options.out = (options.out or Path(os.environ.get("OUT") or ROOT / "benchmarks" / "results" / "gpu")).resolve()
    options.work, options.carried = options.work.resolve(), options.carried.resolve()
    if options.carry:
        return carry(options.carried)
    begun = time.monotonic()
    plan = Plan(options)
    plan.prepare(options.stages)
    done = True
    for number in options.stages:
        name = STAGES[number][0]
        left = options.seconds - (time.monotonic() - begun)
        if plan.stages.get(name, {}).get("status") == "done" and not options.again:
            plan.write(name, {})
            plan.say(f"{number}. {name}: done before")
        elif left < 5:
            plan.say(f"{number}. {name}: not reached")
            done = False
        else:
            done &= plan.stage(number, min(LIMITS[number], left))
    if plan.preparing is not None:
        ended(plan.preparing)
    plan.log.close()
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main())
