"""One page of the reference for each public module: its docstring, a table of its names, and their docstrings.

A name that ``jointaug`` itself exports is documented as ``jointaug.Name``, which is how one imports it.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from pathlib import Path
from types import ModuleType

import pictures
from torchvision.transforms import v2

#: Names that jointaug does not export, of use to authors of their own transforms and containers.
ALSO = {
    "jointaug.chance": ["Chance", "named_step", "child_step"],
    "jointaug.pipeline": ["Addressable", "Part", "Position", "parts", "run"],
}


def write(package: ModuleType, folder: Path) -> None:
    """Write the pages of a package's public modules into ``folder``, and remove all others from it.

    Raises:
        RuntimeError: if a public transform has no picture, or an exported name is on no page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    modules = [
        importlib.import_module(f"{package.__name__}.{found.name}")
        for found in pkgutil.iter_modules(package.__path__)
        if not found.name.startswith("_")
    ]
    pages = {module.__name__: page for module in modules if (page := _page(package, module))}
    documented = "\n".join(pages.values())
    missing = [name for name in package.__all__ if f" {package.__name__}.{name}\n" not in documented]
    if missing:
        raise RuntimeError(f"exported names without a page in the reference: {missing}")
    files = {folder / f"module-{name.rpartition('.')[2]}.rst": page for name, page in pages.items()}
    for old in set(folder.glob("*.rst")) - set(files):
        old.unlink()
    for path, page in files.items():
        if not path.exists() or path.read_text(encoding="utf-8") != page:  # else Sphinx would read it again
            path.write_text(page, encoding="utf-8")


def _page(package: ModuleType, module: ModuleType) -> str:
    names = [_public_path(package, module, name) for name in _public_names(package, module)]
    if not names:
        return ""
    title = module.__name__
    page = [
        title,
        "=" * len(title),
        "",
        f".. automodule:: {title}",
        "   :no-members:",
        "",
        ".. autosummary::",
        "   :nosignatures:",
        "",
        *(f"   {_in_table(path, title)}" for path, _ in names),
        "",
    ]
    for path, obj in names:
        page += [f".. auto{_kind(obj)}:: {path}", ""]
        _require_picture(path, obj)
    return "\n".join(page)


def _in_table(path: str, title: str) -> str:
    """As autosummary wants it: a name of the page's own module without that module."""
    return path.removeprefix(f"{title}.") if path.startswith(f"{title}.") else f"~{path}"


def _public_names(package: ModuleType, module: ModuleType) -> list[str]:
    own = getattr(module, "__all__", None)
    if own is None:
        exported = [name for name in package.__all__ if inspect.getmodule(getattr(package, name)) is not None]
        own = [name for name in exported if _lies_in(getattr(package, name), module)] + ALSO.get(module.__name__, [])
    return [name for name in own if not inspect.ismodule(getattr(module, name))]


def _lies_in(obj: object, module: ModuleType) -> bool:
    home = getattr(obj, "__module__", "")
    return home == module.__name__ or home.startswith(module.__name__ + ".")


def _public_path(package: ModuleType, module: ModuleType, name: str) -> tuple[str, object]:
    obj = getattr(module, name)
    home = package if getattr(package, name, None) is obj else module
    return f"{home.__name__}.{name}", obj


def _kind(obj: object) -> str:
    if inspect.isclass(obj):
        return "exception" if issubclass(obj, BaseException) else "class"
    return "function" if callable(obj) and inspect.isroutine(obj) else "data"


def _require_picture(path: str, obj: object) -> None:
    name = path.rpartition(".")[2]
    if not inspect.isclass(obj) or not issubclass(obj, v2.Transform) or name == "JointTransform":
        return
    if name not in pictures.PICTURES:
        raise RuntimeError(f"{path} is a public transform without a picture: add one to PICTURES in docs/pictures.py")
