"""A recipe: a run's settings, each with its source. A table: what a paper reports, and which runs answer it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

SOURCES = ("paper", "code", "ours")


@dataclass(frozen=True)
class Marked:
    """A value, where it is from, and what it took the place of.

    Attributes:
        source: a ``"paper"`` states it, a released ``"code"`` has it, or it is ``"ours"``.
        whose: whose paper or code: "BYOL". A recipe that is derived from another paper's keeps that paper's marks.
        note: why, where the value alone does not say it.
        instead: what the recipe has that this one was derived from.
    """

    value: Any
    source: str

    whose: str = ""

    note: str = ""

    instead: Marked | None = None

    @property
    def told(self) -> str:
        """The source in words: ``BYOL's paper``, ``MoCo's code``, ``ours``."""
        return f"{self.whose}'s {self.source}" if self.whose else self.source


class Mark:
    """Marks values as one paper's, or one code's: ``paper, code = marks("BYOL")``.

    Args:
        source: ``"paper"`` or ``"code"``.
        whose: the method's name.
    """

    def __init__(self, source: str, whose: str) -> None:
        self.source, self.whose = source, whose

    def __call__(self, value: Any, note: str = "") -> Marked:
        """The marked value."""
        return Marked(value, self.source, self.whose, note)


def marks(whose: str) -> tuple[Mark, Mark]:
    """What marks a value that the paper of this name states, and one that its released code has."""
    return Mark("paper", whose), Mark("code", whose)


def ours(value: Any, note: str = "") -> Marked:
    """A value that we chose: nothing states one, or the run is smaller than the paper's."""
    return Marked(value, "ours", note=note)


_, _torchvision = marks("torchvision")
#: The channels of ImageNet, by which its images are normalized.
IMAGENET_CHANNELS = {"mean": _torchvision((0.485, 0.456, 0.406)), "std": _torchvision((0.229, 0.224, 0.225))}


@dataclass(frozen=True)
class Recipe:
    """The settings of a run, by the names of `trainer.inputs.settings.Settings` and of the method's keywords."""

    name: str
    settings: Mapping[str, Marked]

    @property
    def values(self) -> dict[str, Any]:
        """The settings without their marks."""
        return {name: marked.value for name, marked in self.settings.items()}

    def but(self, name: str, *changes: Mapping[str, Marked], **changed: Marked) -> Recipe:
        """A recipe of another name in which these settings are others; each keeps what it replaces as `Marked.instead`.

        Later changes win; what they replace is always this recipe's.
        """
        latest = {key: marked for change in (*changes, changed) for key, marked in change.items()}
        derived = {key: replace(marked, instead=self.settings.get(key)) for key, marked in latest.items()}
        return Recipe(name, {**self.settings, **derived})

    def without(self, *names: str) -> Recipe:
        """The same recipe, these settings left to their defaults."""
        return Recipe(self.name, {key: marked for key, marked in self.settings.items() if key not in names})


@dataclass(frozen=True)
class Column:
    """One column of a paper's table: where the paper ran it, and how it is measured here.

    Attributes:
        scale: end of the recipes' names at which the paper ran it: ``imagenet``, ``cifar10-paper``.
        protocol: of evaluate.py that measures it; ``"detect:NAME"``, one of detect.py; or ``"log"``, the run's own
            record; empty: not measured here.
        metric: the result's name there.
        fraction: of the labels that are fine-tuned on; None: all.
        data: what it is measured on, as evaluate.py names it, where that is not what was trained on.
        stages: of the network, as evaluate.py takes them; empty: its protocol's own.
        missing: why it is not measured here.
    """

    scale: str
    protocol: str = ""
    metric: str = ""

    fraction: float | None = None
    data: str = ""
    stages: str = ""
    missing: str = ""


@dataclass(frozen=True)
class Row:
    """One line of a paper's table: what it reports, and the run that answers it here.

    Attributes:
        reported: by the table's columns, in the paper's unit (percent).
        recipe: of the run, without the scale: ``"leoclr"`` runs as ``leoclr-cifar10``. Empty: this line is not run
            here.
        changed: settings in which the run differs from the recipe.
        against: the row from which the difference is told.
        missing: why it is not run here.
        own: settings of the paper's own scale, beside ``changed``; a row that has some is run there alone.
        at: whole names of recipes at scales where they are called otherwise: ``{"imagenet": "moco2-imagenet-800"}``.
        protocol: of this row, where each of the table's methods has one of its own.
        as_long_as: the row that this one takes as long as, its score network's training included: its epochs are set
            from the measured seconds of that row and of ``against``.
        untrained: evaluated as its run would start: no step is trained.
    """

    name: str
    reported: Mapping[str, float] = field(default_factory=dict)

    recipe: str = ""

    changed: Mapping[str, Any] = field(default_factory=dict)

    against: str = ""

    missing: str = ""

    own: Mapping[str, Any] = field(default_factory=dict)
    at: Mapping[str, str] = field(default_factory=dict)
    protocol: str = ""
    as_long_as: str = ""
    untrained: bool = False

    def recipe_at(self, scale: str) -> str:
        """The whole name of the recipe at a scale."""
        return self.at.get(scale, f"{self.recipe}-{scale}")


@dataclass(frozen=True)
class Table:
    """A table (or figure) of a paper, as runs of ours.

    The paper's own scale and the scaled-down ones are suffixes of recipes' names alike: ``imagenet``, ``cifar10``.

    Attributes:
        metric: what the paper measures.
        columns: the reported columns.
        note: what a reader must know to hold our figures beside the paper's.
        toys: whether it is one of those that benchmarks/tables.py runs at the toys' scale (results/toys/PLAN.md).
    """

    paper: str
    number: str
    title: str
    metric: str

    columns: Mapping[str, Column]

    rows: tuple[Row, ...]
    note: str = ""
    toys: bool = False

    @property
    def scales(self) -> set[str]:
        """Where the paper ran it."""
        return {column.scale for column in self.columns.values()}

    def measured_at(self, scale: str) -> dict[str, Column]:
        """The columns that ``--measure paper`` is asked for at a scale.

        At the paper's own scales these are the ones of that scale; at others all, but of those that are measured alike
        the first alone.
        """
        if scale in self.scales:
            return {name: column for name, column in self.columns.items() if column.scale == scale}
        alike: dict[Column, str] = {}
        for name, column in self.columns.items():
            alike.setdefault(replace(column, scale=""), name)
        return {name: self.columns[name] for name in alike.values()}


def by_name(recipes: Iterable[Recipe]) -> dict[str, Recipe]:
    """The recipes by their names.

    Raises:
        ValueError: for a name that comes twice.
    """
    found: dict[str, Recipe] = {}
    for recipe in recipes:
        if recipe.name in found:
            raise ValueError(f"recipe names must differ, got {recipe.name!r} twice; name one of them otherwise")
        found[recipe.name] = recipe
    return found
