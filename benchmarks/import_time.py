"""What does importing jointaug add to importing ``torchvision.transforms.v2``? Fresh processes, in turn.

python benchmarks/import_time.py [--write]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from interleaved import ratio, save, summary

CODE = "import time; start = time.perf_counter(); {}; print(time.perf_counter() - start)"
IMPORTS = {
    "torchvision.transforms.v2": "import torchvision.transforms.v2",
    "and jointaug": "import torchvision.transforms.v2, jointaug",
}


def main() -> None:
    """Time, print, and write with ``--write``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    seconds: dict[str, list[float]] = {name: [] for name in IMPORTS}
    for _ in range(arguments.rounds):
        for name, code in IMPORTS.items():
            done = subprocess.run([sys.executable, "-c", CODE.format(code)], capture_output=True, text=True, check=True)
            seconds[name].append(float(done.stdout))
    alone, both = seconds.values()
    result = {**{name: summary(values) for name, values in seconds.items()}, "ratio": ratio(both, alone)}
    print(result)
    if arguments.write:
        print(f"wrote {save(Path(__file__).stem, result)}")


if __name__ == "__main__":
    main()
