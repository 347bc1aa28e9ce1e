"""Every snippet of "In your framework", run against the real package: what is promised there holds, and how fast it is.

    make frameworks [ARGS="--only lightning --write"]

A folder here is a framework; in it, ``before.py`` is a script as it is found, ``crop.py`` the same with JointCrop,
``fused.py`` with `fuse`, ``addressed.py`` with views that can be made again. Each runs from its first line to its last
in a process of its own, in a folder with 32 JPEG files of 500 x 375 (made here, or photographs from ``--images``), for
two epochs. Checked are: two float views of every image in both epochs, all of them different; with addresses, that a
second run, with other seeds of torch, ``random`` and numpy and with workers, has the same ones in each epoch (so has
``resumed.py``, which is killed in the middle of one); and the lines that a stage changes. Images a second are of runs
without workers and without their first batch, by the time on the core.
"""

from __future__ import annotations

import argparse
import difflib
import hashlib
import itertools
import json
import multiprocessing
import os
import random
import sys
import tarfile
import tempfile
import time
import types
import warnings
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent
sys.path += [str(HERE), str(HERE.parent)]

import torch  # noqa: E402  # once, before the forks
import torchvision  # noqa: E402, F401
from interleaved import machine, one_core, save, summary  # noqa: E402

import jointaug  # noqa: E402, F401

STAGES: Final = ("before", "crop", "fused", "addressed")
MOST_LINES: Final = {"crop": 1, "fused": 1, "addressed": 3}
"""Lines that may be written for a stage, over the one before it."""

FRAMEWORKS: Final = {
    "pytorch_v1": ("PyTorch, torchvision.transforms", "torch"),
    "pytorch_v2": ("PyTorch, torchvision.transforms.v2", "torch"),
    "lightning": ("Lightning", "lightning"),
    "lightly": ("lightly", "lightly"),
    "solo_learn": ("solo-learn", "solo-learn"),
    "hf_map": ("Hugging Face datasets, map-style", "datasets"),
    "hf_stream": ("Hugging Face datasets, streaming", "datasets"),
    "webdataset": ("WebDataset", "webdataset"),
    "timm": ("timm", "timm"),
    "accelerate": ("Accelerate", "accelerate"),
    "torchdata": ("torchdata", "torchdata"),
}
"""Folder, name, and the package on which it runs."""

IMAGES: Final = 32
WORKERS: Final = "num_workers=2"
"""As it stands in every snippet."""


# ---- lines ---------------------------------------------------------------------------------------------------------


def code(path: Path) -> list[str]:
    """The lines of a snippet that count: neither blank nor an import."""
    lines, inside = [], False
    for line in path.read_text().splitlines():
        if inside or line.startswith(("import ", "from ")):
            inside = line.endswith("(") or (inside and not line.startswith(")"))
        elif line.strip():
            lines.append(line)
    return lines


def changed(old: Path, new: Path) -> tuple[int, int]:
    """Lines of the new snippet that were written, and those of the old one that went and have no successor."""
    written = dropped = 0
    for kind, i, j, k, m in difflib.SequenceMatcher(None, code(old), code(new), autojunk=False).get_opcodes():
        if kind != "equal":
            written, dropped = written + m - k, dropped + max(0, (j - i) - (m - k))
    return written, dropped


def lines(framework: str) -> dict[str, dict[str, int]]:
    """For each stage after the first, lines written and dropped over the stage before it."""
    files = [HERE / framework / f"{stage}.py" for stage in STAGES]
    counts = [changed(old, new) for old, new in itertools.pairwise(files)]
    return {stage: {"written": w, "dropped": d} for stage, (w, d) in zip(STAGES[1:], counts, strict=True)}


# ---- one snippet, in a process of its own --------------------------------------------------------------------------


def run_snippet(path: Path, workers: int, seed: int) -> dict[str, Any]:
    """Run a snippet in the current folder: images in all, images a second, a digest of each pair of views."""
    import numpy as np
    import recipe

    torch.manual_seed(seed)
    torch.set_num_threads(1)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  # what lightly draws from
    if path.parent.name == "solo_learn":
        _solo_without_its_trainer()
    digests: list[str] = []
    counts: list[int] = []
    begun: list[float] = []
    ended: list[float] = []

    def train(first: Any, second: Any) -> None:
        ended.append(time.process_time())
        for view in (first, second):
            assert view.shape[1:] == (3, 224, 224), view.shape
            assert view.dtype == torch.float32, view.dtype
        counts.append(len(first))
        both = torch.cat([first, second], 1).numpy()
        digests.extend(hashlib.blake2b(pair.tobytes(), digest_size=8).hexdigest() for pair in both)
        begun.append(time.process_time())

    recipe.train = train
    source = path.read_text()
    if WORKERS not in source:
        raise ValueError(f"a snippet must say {WORKERS}, got none in {path}; the command puts other numbers there")
    source = source.replace(WORKERS, f"num_workers={workers}")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        script = types.ModuleType("__main__")
        script.__file__ = str(path)
        exec(compile(source, str(path), "exec"), script.__dict__)
    own = sorted({str(w.message) for w in caught if "jointaug" in str(w.message) or "fuse" in str(w.message)})
    loading = sum(end - begin for begin, end in zip(begun, ended[1:], strict=False))
    return {"images": sum(counts), "images_per_second": sum(counts[1:]) / loading, "digests": digests, "warnings": own}


def _solo_without_its_trainer() -> None:
    """Let ``solo.utils.pretrain_dataloader`` be imported where the packages of 2021 that its trainer needs are not."""
    for name in ("solo", "solo.utils"):
        parent, _, child = name.rpartition(".")
        if parent:
            folders = [str(Path(folder) / child) for folder in sys.modules[parent].__path__]
        else:
            found = find_spec(name)
            assert found is not None, "solo-learn is not installed"
            folders = list(found.submodule_search_locations or ())
        module = types.ModuleType(name)
        module.__path__ = folders
        sys.modules[name] = module


# ---- all of them ---------------------------------------------------------------------------------------------------


def call(path: Path, folder: Path, *, workers: int, seed: int) -> dict[str, Any]:
    """What `run_snippet` returns, from a process of its own: a fork of this one, which has imported torch."""
    answer = folder / "answer.json"
    child = multiprocessing.get_context("fork").Process(target=_in_a_fork, args=(path, folder, workers, seed, answer))
    child.start()
    child.join(600)
    if child.exitcode != 0:
        child.kill()
        raise RuntimeError(f"{path.parent.name}/{path.name} failed:\n{(folder / 'said.txt').read_text()[-3000:]}")
    result: dict[str, Any] = json.loads(answer.read_text())
    return result


def _in_a_fork(path: Path, folder: Path, workers: int, seed: int, answer: Path) -> None:
    multiprocessing.current_process()._config["daemon"] = False  # noqa: SLF001  # it has workers of its own
    os.chdir(folder)
    with open("said.txt", "w") as said:  # noqa: PTH123  # frameworks have much to say
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    os.environ |= {"HF_HOME": str(folder / "hf"), "HF_HUB_OFFLINE": "1", "LIGHTLY_SERVER_LOCATION": ""}
    answer.write_text(json.dumps(run_snippet(path, workers, seed)))


def check(framework: str, folder: Path) -> dict[str, Any]:
    """What is promised of a framework's snippets, what of it does not hold, and a first measurement of each."""
    wrong = []
    counted = lines(framework)
    for stage, most in MOST_LINES.items():
        if counted[stage]["written"] > most:
            wrong.append(f"{stage}: {counted[stage]['written']} lines for {most}")
    told: dict[str, list[str]] = {}
    speeds: dict[str, list[float]] = {}
    for stage in STAGES:
        path = HERE / framework / f"{stage}.py"
        found = call(path, folder, workers=0, seed=0)
        told[stage], speeds[stage] = found["warnings"], [found["images_per_second"]]
        if found["images"] != 2 * IMAGES:
            wrong.append(f"{stage}: {found['images']} images in two epochs of {IMAGES}")
        if len(set(found["digests"])) != len(found["digests"]):
            wrong.append(f"{stage}: some views come twice")
        if stage == "addressed":
            again = call(path, folder, workers=2, seed=1)
            if by_epoch(found["digests"]) != by_epoch(again["digests"]):
                wrong.append(f"{stage}: another run has other views")
    if (path := HERE / framework / "resumed.py").exists():
        resumed = call(path, folder, workers=2, seed=2)
        if by_epoch(found["digests"]) != by_epoch(resumed["digests"]):
            wrong.append("resumed: the views are not those of a run that was not killed")
    return {"lines": counted, "warnings": told, "wrong": wrong, "speeds": speeds}


def by_epoch(digests: list[str]) -> tuple[set[str], set[str]]:
    """The pairs of views of the first epoch, and those of the second."""
    return set(digests[:IMAGES]), set(digests[IMAGES:])


def files(folder: Path, images: str | None) -> None:
    """``images/<class>/*.jpg``, and the same in ``shards/*.tar``."""
    from PIL import Image
    from torchvision.transforms.v2 import functional as F

    found = sorted(Path(images).rglob("*.[jJ][pP]*[gG]"))[:IMAGES] if images else []
    numbers = torch.Generator().manual_seed(0)
    for k in range(IMAGES):
        if found:
            picture = Image.open(found[k % len(found)]).convert("RGB").resize((500, 375))
        else:
            coarse = torch.rand(3, 12, 16, generator=numbers)
            picture = F.to_pil_image(
                F.resize(coarse, [375, 500], interpolation=F.InterpolationMode.BICUBIC).clamp(0, 1)
            )
        target = folder / "images" / ("cat", "dog")[k % 2] / f"{k:03d}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        picture.save(target, quality=90)
    (folder / "shards").mkdir()
    for shard in range(2):
        with tarfile.open(folder / "shards" / f"{shard}.tar", "w") as tar:
            for target in sorted((folder / "images" / ("cat", "dog")[shard]).iterdir()):
                label = folder / "label.cls"
                label.write_text(str(shard))
                tar.add(target, target.name)
                tar.add(label, f"{target.stem}.cls")


def markdown(result: dict[str, Any], about: dict[str, Any]) -> str:
    """The table of the page."""
    rounds = result["rounds"]
    runs = "one run each" if rounds == 1 else f"medians of {rounds} interleaved runs"
    text = [
        f"Measured on one core of {about['processor']}, {about['date']}, commit {about['commit']}, "
        f"{result['images']}; {runs}; small differences are noise.",
        "",
        "| | lines: JointCrop | `fuse` | addresses | images a second: before | JointCrop | `fuse` | addresses |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for framework, row in result["frameworks"].items():
        name, package = FRAMEWORKS[framework]
        counts = [row["lines"][stage] for stage in STAGES[1:]]
        told = [f"{c['written']}" + (f" (and {c['dropped']} less)" if c["dropped"] else "") for c in counts]
        speeds = [f"{row['images_per_second'][stage]['median']:.0f}" for stage in STAGES]
        text.append(f"| {name} ({package} {row['version']}) | {' | '.join(told)} | {' | '.join(speeds)} |")
    return "\n".join([*text, ""])


def main() -> None:
    """Check, time, print, and write with ``--write``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=FRAMEWORKS, default=list(FRAMEWORKS), metavar="FRAMEWORK")
    parser.add_argument("--images", help="a folder of JPEG files; blotches are made by default")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each snippet for its speed")
    parser.add_argument("--write", action="store_true", help="keep the result in benchmarks/results")
    arguments = parser.parse_args()
    one_core()
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files(folder, arguments.images)
        for framework in arguments.only:
            row = result[framework] = {"version": version(FRAMEWORKS[framework][1]), **check(framework, folder)}
            print(f"{framework}: {row['wrong'] or 'all holds'}; lines {row['lines']}", flush=True)
            print(f"  images a second: { ({stage: round(speed[0]) for stage, speed in row['speeds'].items()}) }")
            for stage, words in row["warnings"].items():
                for word in words:
                    print(f"  {stage} warns: {word}")
        for _ in range(arguments.rounds - 1):
            for framework, stage in itertools.product(arguments.only, STAGES):
                found = call(HERE / framework / f"{stage}.py", folder, workers=0, seed=0)
                result[framework]["speeds"][stage].append(found["images_per_second"])
    for framework, row in result.items():
        speeds = row.pop("speeds")
        row["images_per_second"] = {
            stage: summary(values) if len(values) > 1 else {"median": values[0]} for stage, values in speeds.items()
        }
        print(framework, {stage: round(values["median"]) for stage, values in row["images_per_second"].items()})
    if arguments.write:
        shown = "photographs" if arguments.images else "made pictures"
        kept = {"images": shown, "rounds": arguments.rounds, "frameworks": result}
        path = save("frameworks", kept)
        path.with_suffix(".md").write_text(markdown(kept, machine()))
        print(f"wrote {path} and its table as Markdown")
    if any(row["wrong"] for row in result.values()):
        sys.exit("not everything holds")


if __name__ == "__main__":
    main()
