"""The package as a whole: what importing it costs and changes, what it exports, who may import whom."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import jointaug

ROOT = Path(jointaug.__file__).parent
LATE = ("scipy.stats", "scipy.special", "matplotlib", "hypothesis", "tqdm", "faiss", "numba")


def run(code):
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_brings_nothing_heavy():
    before = "import torchvision.transforms.v2, sys; before = set(sys.modules); import jointaug; "
    assert run(before + f"print([m for m in {LATE} if m in set(sys.modules) - before])") == "[]"


STATE = """
import torch, torchvision.transforms.v2, warnings

def state():
    validate = torch.distributions.Distribution._validate_args
    numbers = (torch.get_rng_state().sum().item(), torch.get_num_threads(), torch.get_default_dtype())
    return (*numbers, torch.is_grad_enabled(), validate, len(warnings.filters))

before = state()
import jointaug
print(before == state())
"""


def test_importing_changes_no_global_state():
    assert run(STATE) == "True"


def test_exports_exist_and_are_sorted():
    assert jointaug.__all__ == sorted(jointaug.__all__)
    assert all(getattr(jointaug, name).__doc__ for name in jointaug.__all__)


FLOORS = [  # each may import from those before it
    {"_native", "_processes", "_validate", "image_files"},
    {"_directions", "distributions", "functional"},
    {"chance"},
    {"pipeline"},
    {"views"},
    {"transforms"},
    {"rules"},
    {"dataset", "fusion", "losses"},
    {"neighbors"},
    {"difficulty", "testing"},
    {"plotting"},
]


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_downwards(path):
    """At import time; what a function imports when it is called is its own business."""
    own = path.relative_to(ROOT).parts[0].removesuffix(".py")
    if own == "__init__":
        return
    (floor,) = (i for i, modules in enumerate(FLOORS) if own in modules)
    allowed = {own}.union(*FLOORS[:floor])
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom):
            depth = len(path.relative_to(ROOT).parts) - node.level
            if node.level == 0 and (node.module or "").startswith("jointaug"):
                names = {(node.module or "").split(".")[1]} if "." in node.module else {a.name for a in node.names}
            elif node.level and depth == 0:
                names = {node.module.split(".")[0]} if node.module else {alias.name for alias in node.names}
            else:
                continue
            assert names <= allowed, f"{path.name} imports {names - allowed}, which stand above it or beside it"
