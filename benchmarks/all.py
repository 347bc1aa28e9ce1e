"""All side-by-side tables in one go, and how far each row is from its limit.

    benchmarks/peers.sh && .venv-peers/bin/python benchmarks/all.py [--images DIR] [--rounds N] [--report]

Runs the other files here one after another, each in a process of its own (they pin themselves to one core or use all),
with ``--write``; then prints and saves ``results/limits.md``: for every row what ours takes, the best peer, the limit,
and what holds it back. The limit is the time in which one core copies as many bytes as the work must read and write
once. ``--images`` is a folder of photographs: pipelines are timed on them, and the distance from v2's uint8 chain,
which noise does not show, is measured only with it. ``--report`` only makes that table again, from the results that
are there. With OUT in the environment, results are written into that folder, and read from it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from interleaved import RESULTS

SCRIPTS = ("kernels", "pipelines", "joint_crop", "memory", "import_time", "uint8_distance")
ROUNDS = ("kernels", "pipelines", "joint_crop")
IMAGES = ("pipelines", "uint8_distance")
CROPPED = 0.55  # mean area of a crop, scale U(0.2, 1), as a share of the image


class Row(NamedTuple):
    """A line of the table: milliseconds, and words."""

    work: str
    ours: float
    peers: dict[str, float]
    limit: float | None
    holds: str


def tables(name: str) -> dict[str, Any]:
    """The tables of ``results/<name>.json``."""
    result: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text())
    return result


def milliseconds(table: dict[str, Any]) -> dict[str, float]:
    """Medians by case, of a table of kernels.json (seconds) or pipelines.json (ms)."""
    if "seconds" in table:
        return {name: 1e3 * row["median"] for name, row in table["seconds"].items()}
    return {name: row["ms"]["median"] for name, row in table.items()}


def rows() -> list[Row]:
    """Every row but the GPU's."""
    kernels, pipelines = tables("kernels"), tables("pipelines")["tables"]
    copied = kernels["copy_bytes_per_second"] / 1e3  # bytes in a millisecond
    kernel = {title: milliseconds(table) for title, table in kernels["tables"].items()}
    limits = {title: 1e3 * table["limit_seconds"] for title, table in kernels["tables"].items()}
    found: list[Row] = []

    title = next(t for t in pipelines if t.startswith("two views"))
    case = milliseconds(pipelines[title])
    moved = 2 * (CROPPED * 500 * 375 * 3 + 224 * 224 * 3 * 4)
    parts = kernel.get("steps of the chain, 3 x 224 x 224")
    holds = "arithmetic: every pixel is resampled, jittered and blurred in registers and cache"
    if parts:
        crop, normalized, jittered, whole = parts.values()
        holds += (
            f" (of a view with every step on: crop {100 * crop / whole:.0f} %, jitter "
            f"{100 * (jittered - normalized) / whole:.0f} %, blur {100 * (whole - jittered) / whole:.0f} %)"
        )
    ours = case.pop("jointaug, fuse on the list")
    found.append(Row(title, ours, {k: v for k, v in case.items() if "jointaug" not in k}, moved / copied, holds))

    title = "two crops, 500 x 375 to 224"
    case = kernel[title]
    peers = {k: case[k] for k in ("v2, planar", "v2, channels last")}
    holds = "weighted sums of up to 2 ceil(scale) + 1 rows, then as many columns; every byte becomes a float32 first"
    found.append(Row(f"{title}, one core", case["planar"], peers, limits[title], holds))

    title = "blur, 3 x 224 x 224"
    case = kernel[title]
    peers = {k: v for k, v in case.items() if k.startswith(("v2", "OpenCV"))}
    holds = "two weighted sums a value, as long as sigma asks"
    found.append(Row(f"{title}, sigma U(0.1, 2), one core", case["follows sigma"], peers, limits[title], holds))

    title = "color, 3 x 224 x 224"
    case = kernel[title]
    holds = {"hue": "some thirty operations a pixel", "brightness": "the call"}
    call = kernel[title].get("brightness of 8 x 8: the call")
    if call:
        holds["brightness"] += f", which takes {1e3 * call:.0f} us on 8 x 8 pixels: checks, ctypes"
    for name, words in holds.items():
        found.append(
            Row(f"{name}, 3 x 224 x 224, one core", case[name], {"v2": case[f"v2, {name}"]}, limits[title], words)
        )

    for title, table in pipelines.items():
        if title.startswith("batch of"):
            case = milliseconds(table)
            side, cores = (int(part.split()[0]) for part in title.split(" x ")[3].split(", ")[:2])
            ours, draws = case.pop("jointaug"), case.pop("jointaug, draws alone", None)
            words = "arithmetic, as in the first row"
            if draws:
                words += f"; {100 * draws / ours:.0f} % of ours is drawing and planning in Python"
            found.append(Row(title, ours, case, 5 * 3 * side * side / copied / cores, words))

    pair = tables("joint_crop")["questions"]["parameters of a pair"]
    times = [1e3 * pair[key]["median"] for key in ("ours_s", "torchvision_s")]
    words = "the interpreter: no pixel is touched"
    found.append(
        Row("parameters of one JointCrop pair, one core", times[0], {"2 x v2 make_params": times[1]}, None, words)
    )
    return found


def markdown() -> str:
    """The table for a page of the documentation."""
    about = tables("kernels")
    lines = [
        f"Limits are those of {about['machine']['processor']}, where one core copies "
        f"{about['copy_bytes_per_second'] / 1e9:.0f} GB/s (read and written).",
        "",
        "| work | ours, ms | best peer, ms | peer / ours | limit, ms | ours / limit | what holds it back |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows():
        name, best = min(row.peers.items(), key=lambda item: item[1], default=("none installed", float("nan")))
        limit = ("none", "") if row.limit is None else (f"{row.limit:.4f}", f"{row.ours / row.limit:.1f}")
        lines.append(
            f"| {row.work} | {row.ours:.4f} | {best:.4f} ({name}) | {best / row.ours:.2f} | {limit[0]} | {limit[1]} | "
            f"{row.holds} |"
        )
    lines += [
        "",
        "Peak memory of a fused batch over (input + output); 1 cannot be avoided, 4 is the bar, 2 the aim.",
        "",
    ]
    lines += ["| batch | native kernels | torch alone |", "| --- | --- | --- |"]
    for name, table in tables("memory")["tables"].items():
        lines.append(f"| {name} | {table['native']['ratio']:.2f} | {table['torch']['ratio']:.2f} |")
    lines += [
        "",
        "What holds memory back: natively the peak is the result itself; torch alone keeps some batches of an eighth",
        "of the images; RandAugment and erasing run on the whole batch, each with a result of its own.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Run, then report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", help="a folder of photographs; noise over a gradient by default")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--report", action="store_true", help="only make the table of limits from the results")
    arguments = parser.parse_args()
    for name in () if arguments.report else SCRIPTS:
        print(f"\n== {name}", flush=True)
        if name == "uint8_distance" and arguments.images is None:
            print("not measured: needs --images")
            continue
        rounds = ["--rounds", str(arguments.rounds)] if name in ROUNDS else []
        images = ["--images", arguments.images] if name in IMAGES and arguments.images else []
        subprocess.run(
            [sys.executable, Path(__file__).with_name(f"{name}.py"), *rounds, *images, "--write"], check=True
        )
    text = markdown()
    (RESULTS / "limits.md").write_text(text)
    print(f"\n{text}\nwrote {RESULTS / 'limits.md'}")


if __name__ == "__main__":
    main()
