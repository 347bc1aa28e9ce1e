"""Examples are tests: the Python blocks of README.md and docs/, and the doctests of every module in jointaug/.

The examples of one document share a namespace, from top to bottom, so they must run in one process: with pytest-xdist
choose ``--dist loadfile``.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from sybil import Sybil
from sybil.integration.pytest import SybilItem
from sybil.parsers.myst import PythonCodeBlockParser, SkipParser
from sybil.parsers.rest import DocTestParser
from sybil.sybil import SybilCollection


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
