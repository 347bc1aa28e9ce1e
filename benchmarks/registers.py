"""What our kernels in Triton take of a multiprocessor, compiled ahead of time where there is no GPU.

    python benchmarks/registers.py             # a table; --write puts it into docs/explanation/speed.md

Registers of a thread and bytes of shared memory of a program, for compute capability 8.0, 9.0 and 10.0, as the
disassembler that comes with Triton reads them off. A kernel that spills, whose registers do not suffice and go to
memory, ends the script.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import triton
from fake_cuda import write
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from jointaug._native import _triton as hashed
from jointaug.functional import _triton as pixels

ARCHITECTURES: Final = (80, 90, 100)
TOOL: Final = Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"
TYPES: Final = {
    "source": "*u8",
    "index": "*i64",
    "draws": "*i64",
    "out": "*fp32",
    **dict.fromkeys(("rows", "work", "sums", "across"), "*fp32"),
    **dict.fromkeys(("unit", "m0", "m1", "m2", "s0", "s1", "s2"), "fp32"),
}
"""Of arguments that are no int32, by their names."""
ALONE: Final = {"work": None, "column": 1, "T": pixels.TILE}


class Case(NamedTuple):
    """A kernel with what is fixed when it is compiled."""

    told: str
    kernel: Any
    fixed: dict[str, Any]
    warps: int = pixels.WARPS
    types: dict[str, str] = TYPES


CASES: Final = (
    Case("crop, colors", pixels.begin_kernel, ALONE | {"CROP": True, "WHOLE": False, "source_column": 1}),
    Case(
        "crop, colors, contrast within one tile",
        pixels.begin_kernel,
        ALONE | {"CROP": True, "WHOLE": True, "source_column": 1, "sums": None},
    ),
    Case("contrast and after", pixels.contrast_kernel, ALONE),
    Case("blur along x", pixels.blur_x_kernel, ALONE),
    Case("blur along y", pixels.blur_y_kernel, ALONE | {"WHOLE": False, "sums": None}),
    Case("hash of addresses", hashed.uniforms_kernel, {"B": hashed.BLOCK}, 4, TYPES | {"out": "*fp64"}),
    Case(
        "hash of a bank's rows",
        hashed.keys_kernel,
        {"B": hashed.KEYS},
        4,
        dict.fromkeys(("words", "rows", "out"), "*i64"),
    ),
)


class Usage(NamedTuple):
    """Of a compiled kernel: registers of a thread, bytes of shared memory, and of what was spilled."""

    registers: int
    shared: int
    spilled: int


def usage(case: Case, architecture: int) -> Usage:
    """What a kernel takes on an architecture."""
    names = case.kernel.arg_names
    kinds = {name: case.types.get(name, "i32") for name in names} | dict.fromkeys(case.fixed, "constexpr")
    fixed = {(names.index(name),): value for name, value in case.fixed.items()}
    built: Any = triton.compile(
        ASTSource(case.kernel, kinds, fixed),
        target=GPUTarget("cuda", architecture, 32),
        options={"num_warps": case.warps},
    )
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(built.asm["cubin"])
        file.flush()
        words = [str(TOOL), "--dump-resource-usage", file.name]
        printed = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    found = {name: int(number) for name, number in re.findall(r"(REG|STACK|LOCAL):(\d+)", printed)}
    return Usage(found["REG"], built.metadata.shared, found["STACK"] + found["LOCAL"])


def lines() -> Iterator[str]:
    """The table as the page shows it.

    Raises:
        SystemExit: for a kernel that spills.
    """
    yield "| kernel | " + " | ".join(f"sm_{architecture}" for architecture in ARCHITECTURES) + " |"
    yield "| --- " + "| ---: " * len(ARCHITECTURES) + "|"
    for case in CASES:
        found = [usage(case, architecture) for architecture in ARCHITECTURES]
        if any(one.spilled for one in found):
            raise SystemExit(f"{case.told} ({case.kernel.__name__}) spills: {found}")
        yield f"| {case.told} | " + " | ".join(f"{one.registers}, {one.shared:,} B" for one in found) + " |"


def main() -> None:
    """Compile, print, and write with ``--write``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the table into docs/explanation/speed.md")
    arguments = parser.parse_args()
    made = "\n".join(lines())
    print(made)
    if arguments.write:
        write("registers", made)


if __name__ == "__main__":
    main()
