"""The house's rules, as far as a test can police them (CONTRIBUTING.md): exports, imports, names and their order."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import pkgutil
from itertools import combinations
from pathlib import Path
from types import GenericAlias

import pytest

import jointaug

ROOT = Path(jointaug.__file__).parent
PACKAGES = [
    "jointaug",
    *(
        f"jointaug.{found.name}"
        for found in pkgutil.iter_modules(jointaug.__path__)
        if found.ispkg and found.name[0] != "_"
    ),
]
FLOORS = [  # each may import from those before it
    {"_beta", "_exports", "_json", "_native", "_pillow", "_processes", "_validate", "image_files"},
    {"_directions", "about", "distributions", "functional"},
    {"chance"},
    {"_draws"},
    {"pipeline"},
    {"views"},
    {"transforms"},
    {"loading", "rules"},
    {"fusion", "losses"},
    {"neighbors"},
    {"difficulty", "testing"},
    {"plotting"},
]
MODULES = {
    ".".join(["jointaug", *path.relative_to(ROOT).with_suffix("").parts]).removesuffix(".__init__"): path
    for path in sorted(ROOT.rglob("*.py"))
}


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def imported(module: str) -> set[str]:
    """Modules of this package that a module imports, in functions and for type checkers too."""
    path = MODULES[module]
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] == "jointaug"}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            target = ".".join([*base, *([node.module] if node.module else [])])
            if target.split(".")[0] == "jointaug":
                below = {f"{target}.{alias.name}" for alias in node.names} & MODULES.keys()
                found |= below or {target}
    return found


# ---- rooms ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", [module for module in MODULES if module != "jointaug"])
def test_imports_run_downwards_and_are_relative(module):
    (floor,) = (i for i, rooms in enumerate(FLOORS) if room(module) in rooms)
    allowed = {room(module)}.union(*FLOORS[:floor])
    for target in imported(module):
        assert target in MODULES, f"{target} is no module"
        assert room(target) in allowed, f"{module} imports {target}, which stands above it or beside it"
    tree = ast.parse(MODULES[module].read_text())
    absolute = [n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.level == 0 and n.module]
    assert not [name for name in absolute if name.split(".")[0] == "jointaug"], (
        "imports inside the library are relative"
    )


@pytest.mark.parametrize("module", [module for module in MODULES if module != "jointaug"])
def test_no_private_module_of_another_package_is_imported(module):
    """`jointaug._native` and the other private rooms are everybody's; what lies private in a public room is its own."""
    for target in imported(module):
        private = [name for name in target.split(".")[2:] if name.startswith("_")]
        shared = room(target).startswith("_")
        assert not private or room(target) == room(module) or shared, f"{module} imports {target}"


def test_no_room_has_a_circle():
    def visit(module, path):
        assert module not in path, f"circle: {' -> '.join([*path[path.index(module) :], module])}"
        if module in done:
            return
        for target in sorted(imported(module)):
            inside = room(target) == room(module) and MODULES[target].name != "__init__.py"
            if inside and target != module:
                visit(target, [*path, module])
        done.add(module)

    done: set[str] = set()
    for module, path in MODULES.items():
        if path.name != "__init__.py":
            visit(module, [])


# ---- names ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PACKAGES)
def test_exports_are_sorted_complete_and_documented(name):
    package = importlib.import_module(name)
    kinds = [(0 if key.isupper() else 1 if key[0].isupper() else 2, key) for key in package.__all__]
    assert kinds == sorted(kinds), "constants, classes, functions, each sorted"
    public = {
        key
        for key, value in vars(package).items()
        if not key.startswith("_")
        and not inspect.ismodule(value)
        and getattr(value, "__module__", "").startswith("jointaug")
    }
    assert public <= set(package.__all__), f"imported and not exported: {sorted(public - set(package.__all__))}"
    for key in package.__all__:
        value = getattr(package, key)
        if isinstance(value, GenericAlias):  # Python 3.10 takes it for a class
            continue
        if inspect.isclass(value) or inspect.isroutine(value) or inspect.ismodule(value):
            assert value.__doc__, f"{name}.{key} says nothing"


def test_modules_inside_packages_are_private():
    public = [m for m in MODULES if m.count(".") == 2 and not m.split(".")[2].startswith("_") and room(m)[0] != "_"]
    assert not public, f"{public}: a public name comes from its package's __init__"


@pytest.mark.parametrize("name", PACKAGES)
def test_public_classes_say_their_package(name):
    """So that what is printed, and pickled, is what a user imports."""
    package = importlib.import_module(name)
    for key in package.__all__:
        value = getattr(package, key)
        if inspect.isclass(value) and value.__module__.startswith("jointaug"):
            home = value.__module__
            assert not any(part.startswith("_") for part in home.split(".")), f"{key} says {home}"
            assert getattr(importlib.import_module(home), value.__name__) is value


def test_a_package_is_reached_from_the_top_and_a_slip_is_an_error():
    for name in ("difficulty", "image_files", "losses", "neighbors", "testing", "plotting"):
        assert inspect.ismodule(getattr(jointaug, name))
    with pytest.raises(AttributeError, match="module 'jointaug' has no attribute 'neighbours'"):
        jointaug.neighbours  # noqa: B018


# ---- arguments -----------------------------------------------------------------------------------------------------


def is_result(kind):
    """Made by this library and not by its users: its fields are read by name."""
    return dataclasses.is_dataclass(kind) or issubclass(kind, tuple)


def signatures():
    for name in PACKAGES:
        package = importlib.import_module(name)
        for key in package.__all__:
            value = getattr(package, key)
            if inspect.isfunction(value) or (inspect.isclass(value) and not is_result(value)):
                try:
                    yield f"{name}.{key}", inspect.signature(value)
                except ValueError:
                    continue


def test_arguments_of_one_name_stand_in_one_order():
    """Two positional arguments that two public callables share stand in the same order in both."""
    seen: dict[tuple[str, str], str] = {}
    clashes = []
    theirs = {("sigma", "kernel_size")}  # torchvision's order in the transform; a kernel's images differ by sigma first
    for name, signature in signatures():
        positional = [p.name for p in signature.parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
        for first, second in combinations(positional, 2):
            if (second, first) in seen and not {(first, second), (second, first)} & theirs:
                clashes.append(f"{name}({first}, {second}), but {seen[second, first]}({second}, {first})")
            seen.setdefault((first, second), name)
    assert not clashes, "\n".join(clashes)


@pytest.mark.parametrize("package", ["losses", "neighbors"])
def test_options_go_by_keyword(package):
    """What has a default is an option; the one exception is a last optional tensor, an operand."""
    operands = {"weight", "positives"}
    for name, signature in signatures():
        if name.startswith(f"jointaug.{package}."):
            positional = [p for p in signature.parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
            options = [p.name for p in positional if p.default is not p.empty and p.name not in operands]
            assert not options, f"{name} takes {options} by position"
