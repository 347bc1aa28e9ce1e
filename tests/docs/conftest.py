"""What tests of the documentation share."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="session")
def script() -> Callable[[str], ModuleType]:
    """A script beside conf.py, by its name; it may import those beside it."""

    def load(name: str) -> ModuleType:
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(str(DOCS))
            spec = spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
            module = module_from_spec(spec)
            spec.loader.exec_module(module)
        return module

    return load
