"""The reference's pages, and the inventories of other libraries' names."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

import jointaug

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def pages(tmp_path_factory, script):
    """Text by file name."""
    pytest.importorskip("sphinx")
    folder = tmp_path_factory.mktemp("generated")
    script("reference_pages").write(jointaug, folder)
    return {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.rst")}


def objects(path):
    """What the page of an object may be called."""
    return [f"{kind}-{path}" for kind in ("class", "function", "exception", "data")]


def found(path):
    """The object of a dotted path."""
    parts = path.split(".")
    for k in range(len(parts), 0, -1):
        try:
            obj = importlib.import_module(".".join(parts[:k]))
        except ModuleNotFoundError:
            continue
        for name in parts[k:]:
            obj = getattr(obj, name)
        return obj
    raise ModuleNotFoundError(path)


def test_every_exported_object_has_a_page_of_its_own(pages):
    for name in jointaug.__all__:
        (one,) = [pages[page] for page in pages if page in (f"module-{name}", *objects(f"jointaug.{name}"))]
        assert len(re.findall(r"^\.\. auto", one, re.MULTILINE)) == 1


def test_no_two_pages_are_one_where_case_does_not_count(pages):
    assert len({name.lower() for name in pages}) == len(pages)


def test_no_summary_is_cut(pages):
    """Each is the first paragraph of the docstring: as many as are written, and to the end."""
    rows = 0
    for name, page in pages.items():
        for path, summary in re.findall(r"^   \* - :py:obj:`~(.*)`\n     - (.*)$", page, re.MULTILINE):
            rows += 1
            assert set(objects(path)) & set(pages), name
            assert summary.endswith((".", ":")), (path, summary)
            assert not re.search(r"\b(eqs?|sec|app|fig|alg|al)\.$", summary, re.IGNORECASE), (path, summary)
            doc = found(path).__doc__ if callable(found(path)) else None
            assert doc is None or " ".join(doc.split()).startswith(" ".join(summary.split())), path
    assert rows == sum(not name.startswith("module-") for name in pages)


@pytest.mark.parametrize("library", ["torch", "torchvision"])
def test_inventories_lead_to_the_public_name_of_what_they_list(library):
    """That none is missing is the build's to say: ``-n`` warns of each."""
    lines = (DOCS / "inventories" / f"{library}.txt").read_text(encoding="utf-8").splitlines()
    assert lines == sorted(lines)
    for line in lines:
        name, kind, priority, address, shown = line.split(" ")
        assert (kind, priority, shown) == ("py:class", "1", "-")
        assert found(name) is found(address.partition("#")[2]), line
