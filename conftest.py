"""Examples are tests: the Python blocks of README.md and docs/, and the doctests of every module in jointaug/.

The examples of one document share a namespace, from top to bottom, so they must run in one process: with pytest-xdist
choose ``--dist loadfile``, as ``make test`` does. Without sybil all other tests run, and the report's header says so.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import pytest
import torch

try:
    from sybil import Sybil
    from sybil.integration.pytest import SybilItem
    from sybil.parsers.myst import PythonCodeBlockParser, SkipParser
    from sybil.parsers.rest import DocTestParser
    from sybil.sybil import SybilCollection
except ModuleNotFoundError as error:
    if error.name != "sybil":
        raise
    SYBIL = False
else:
    SYBIL = True


@pytest.fixture(scope="module")
def own_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A document's examples may write files: each has a folder of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("document"))
        yield


@pytest.fixture(scope="module")
def seeded() -> None:
    """Every document starts from the same state of torch's generator."""
    torch.manual_seed(0)


class Waiting(Protocol):
    """Makes a block in which waiting for the device is an error."""

    def __call__(self) -> AbstractContextManager[None]:
        """Enter it."""


@pytest.fixture
def no_waiting() -> Waiting:
    """A block in which the host may not wait for a CUDA device."""

    @contextmanager
    def block() -> Iterator[None]:
        with warnings.catch_warnings():  # torch says of the switch itself that it is a prototype
            warnings.filterwarnings("ignore", "Synchronization debug mode is a prototype", UserWarning)
            torch.cuda.set_sync_debug_mode("error")
        try:
            yield
        finally:
            torch.cuda.set_sync_debug_mode("default")

    return block


if SYBIL:
    _PAGES = {"parsers": [PythonCodeBlockParser(), SkipParser()], "fixtures": ["own_folder", "seeded"]}

    pytest_collect_file = SybilCollection(
        [
            Sybil(filenames=["README.md"], **_PAGES),
            Sybil(path="docs", pattern="*.md", **_PAGES),
            Sybil(path="jointaug", pattern="*.py", parsers=[DocTestParser()], fixtures=["seeded"]),
        ]
    ).pytest()

    def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
        """Examples name as many workers as a reader's machine has; the one that tests them may have fewer."""
        for item in items:
            if isinstance(item, SybilItem):
                item.add_marker(pytest.mark.filterwarnings("ignore:This DataLoader will create"))

else:

    def pytest_report_header() -> str:
        """What is left out."""
        return "sybil is not installed: the examples of README.md, docs/ and docstrings are not run (pip install sybil)"
