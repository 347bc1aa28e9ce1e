"""One page of the reference for each public module, with a table of its names, and one for each of these names.

A name that ``jointaug`` itself exports is documented as ``jointaug.Name``, which is how one imports it.
"""

from __future__ import annotations

import importlib
import inspect
import itertools
import pkgutil
import sys
from pathlib import Path
from types import GenericAlias, ModuleType

import pictures
from sphinx.pycode import ModuleAnalyzer
from torchvision.transforms import v2

from jointaug.distributions import Law

#: Names that jointaug does not export, of use to authors of their own transforms and containers.
ALSO = {
    "jointaug.chance": ["Chance", "named_step", "child_step"],
    "jointaug.pipeline": ["Addressable", "Part", "Position", "parts", "run"],
}

#: Of transforms and of laws, which draw nothing themselves.
BASES = {"JointTransform", "Law", "LogRatioLaw", "PairLaw"}


def write(package: ModuleType, folder: Path) -> None:
    """Write the pages of a package's public modules and of their names into ``folder``, and remove all others from it.

    Raises:
        RuntimeError: if a public transform or law has no picture, or an exported name is on no page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pages = {}
    for found in pkgutil.iter_modules(package.__path__):
        if found.name.startswith("_"):
            continue
        module = importlib.import_module(f"{package.__name__}.{found.name}")
        names = [
            _public_path(package, module, name)
            for name in _public_names(package, module)
        ]
        if names:
            pages[f"module-{found.name}"] = _page_of_module(module, names)
        for path, obj in names:
            _require_picture(path, obj)
            pages[_name(path, obj)] = "\n".join(
                [*_title(path), f".. auto{_kind(obj)}:: {path}", ""]
            )
    documented = {
        name.rpartition("-")[2].removeprefix(f"{package.__name__}.")
        for name in pages
    }
    missing = [name for name in package.__all__ if name not in documented]
    if missing:
        raise RuntimeError(
            f"exported names without a page in the reference: {missing}"
        )
    files = {folder / f"{name}.rst": page for name, page in pages.items()}
    for old in set(folder.glob("*.rst")) - set(files):
        old.unlink()
    for path, page in files.items():
        if (
            not path.exists() or path.read_text(encoding="utf-8") != page
        ):  # else Sphinx would read it again
            path.write_text(page, encoding="utf-8")


def words_of_data(path: str) -> list[str]:
    """The words about a constant, from the private module of its package in which it is set; autodoc has its type's."""
    package, _, constant = path.rpartition(".")
    for module in pkgutil.iter_modules(
        getattr(sys.modules[package], "__path__", []), f"{package}."
    ):
        if (
            words := ModuleAnalyzer.for_module(module.name)
            .find_attr_docs()
            .get(("", constant))
        ):
            return words
    return []


def _page_of_module(module: ModuleType, names: list[tuple[str, object]]) -> str:
    title = module.__name__
    table = [".. list-table::", "   :widths: auto", ""]
    for path, obj in names:
        table += [f"   * - :py:obj:`~{path}`", f"     - {_summary(path, obj)}"]
    contents = [
        ".. toctree::",
        "   :hidden:",
        "",
        *(f"   {_name(path, obj)}" for path, obj in names),
    ]
    return "\n".join(
        [
            *_title(title),
            f".. automodule:: {title}",
            "   :no-members:",
            "",
            *table,
            "",
            *contents,
            "",
        ]
    )


def _name(path: str, obj: object) -> str:
    """Of an object's page: its kind keeps a class and a function apart where case does not count."""
    return f"{_kind(obj)}-{path}"


def _title(title: str) -> list[str]:
    return [title, "=" * len(title), ""]


def _summary(path: str, obj: object) -> str:
    """The first paragraph, whole: a period may be that of "eq."."""
    lines = (
        words_of_data(path)
        if _kind(obj) == "data"
        else (inspect.getdoc(obj) or "").splitlines()
    )
    return " ".join(itertools.takewhile(str.strip, lines))


def _public_names(package: ModuleType, module: ModuleType) -> list[str]:
    own = getattr(module, "__all__", None)
    if own is None:
        exported = [
            name
            for name in package.__all__
            if inspect.getmodule(getattr(package, name)) is not None
        ]
        own = [
            name for name in exported if _lies_in(getattr(package, name), module)
        ] + ALSO.get(module.__name__, [])
    return [name for name in own if not inspect.ismodule(getattr(module, name))]


def _lies_in(obj: object, module: ModuleType) -> bool:
    home = getattr(obj, "__module__", "")
    return home == module.__name__ or home.startswith(module.__name__ + ".")


def _public_path(
    package: ModuleType, module: ModuleType, name: str
) -> tuple[str, object]:
    obj = getattr(module, name)
    home = package if getattr(package, name, None) is obj else module
    return f"{home.__name__}.{name}", obj


def _kind(obj: object) -> str:
    if isinstance(obj, GenericAlias):  # which Python 3.10 takes for a class
        return "data"
    if inspect.isclass(obj):
        return "exception" if issubclass(obj, BaseException) else "class"
    return "function" if callable(obj) and inspect.isroutine(obj) else "data"


def _require_picture(path: str, obj: object) -> None:
    name = path.rpartition(".")[2]
    pictured = (
        inspect.isclass(obj)
        and issubclass(obj, (v2.Transform, Law))
        and name not in BASES
    )
    if pictured and name not in pictures.PICTURES:
        raise RuntimeError(
            f"{path} is public and without a picture: add one to PICTURES in docs/pictures.py"
        )
