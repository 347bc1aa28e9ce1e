"""What a run tells while it goes: a progress bar, a table, TensorBoard's events, and a picture at the end."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from ..record.files import replace
from ..record.progress import tqdm

if TYPE_CHECKING:
    from typing_extensions import Self

try:
    from torch.utils.tensorboard import SummaryWriter
except ImportError:  # an extra
    SummaryWriter = None  # type: ignore[assignment, misc]

TABLE = "log.csv"


@dataclass(frozen=True)
class Row:
    """A line of the table: the state at an epoch's end, or before the first.

    Attributes:
        epoch: epochs that are done.
        loss: mean over the epoch's steps.
        lr: of the epoch's last step.
        feature_std: spread of the embeddings, see `trainer.training.monitor.Spread`: 1 for spread out, 0 for collapsed.
        knn: accuracy of the monitor's k-NN, in [0, 1].
        ridge: accuracy of its ridge probe, likewise.
        rank: effective rank of the backbone's features (`trainer.evaluation.rank`).
        seconds: of the run up to here, without pauses.
        peak_gb: the most memory up to here, in the first process (`trainer.record.machine.peak_gb`).
        schedule: number of the schedule, from 2, in a run that was made longer when it was finished.
    """

    epoch: int

    step: int
    loss: float | None = None

    lr: float | None = None

    images_per_second: float | None = None
    feature_std: float | None = None

    knn: float | None = None

    ridge: float | None = None

    rank: float | None = None

    seconds: float | None = None
    peak_gb: float | None = None

    schedule: int | None = None


class Log:
    """The progress of a run in a folder; with ``out=None`` (all processes but the first) it writes nothing.

    Args:
        out: folder of the run.
        steps: of the whole run.
        step: at which it starts or goes on; later lines of an interrupted run are dropped.
    """

    def __init__(self, out: Path | None, steps: int, step: int) -> None:
        self.out, self.step = out, step
        self.rows = [row for row in rows_of(out) if row.step <= step] if out and step else []
        self.bar = tqdm(total=steps, initial=step, unit="step", disable=None if out else True, dynamic_ncols=True)
        self.events = None
        if out and SummaryWriter is not None:
            self.events = SummaryWriter(str(out / "tensorboard"), purge_step=step or None)
        if out:
            self._write()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.close()
        if self.events is not None:
            self.events.close()

    def progress(self, step: int, values: dict[str, float]) -> None:
        """So many steps are done; the values are those of the last ones."""
        self.bar.set_postfix({name: f"{value:.4g}" for name, value in values.items()}, refresh=False)
        self.bar.update(step - self.step)
        self.step = step
        if self.events is not None:
            for name, value in values.items():
                self.events.add_scalar(f"step/{name}", value, step)

    @property
    def peak_gb(self) -> float:
        """The most memory of the lines so far, those before an interruption included."""
        return max((row.peak_gb or 0.0 for row in self.rows), default=0.0)

    def add(self, row: Row) -> None:
        """A line for the table."""
        self.rows.append(row)
        if self.out is None:
            return
        self._write()
        known = {name: value for name, value in asdict(row).items() if value is not None}
        if self.bar.disable:
            print("  ".join(f"{name} {value:.4g}" for name, value in known.items()), flush=True)
        if self.events is not None:
            for name, value in known.items():
                self.events.add_scalar(f"epoch/{name}", value, row.step)
            self.events.flush()

    def picture(self) -> None:
        """The curves, as ``curves.png``."""
        if self.out is None:
            return
        shown = [
            name
            for name in ("loss", "knn", "ridge", "rank", "feature_std", "lr")
            if any(getattr(r, name) is not None for r in self.rows)
        ]
        figure = Figure(figsize=(4 * len(shown), 3), layout="constrained")
        for axes, name in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
            points = [(row.epoch, getattr(row, name)) for row in self.rows if getattr(row, name) is not None]
            axes.plot(*zip(*points, strict=True), marker=".", markersize=3)
            axes.set(title=name, xlabel="epoch")
        figure.savefig(self.out / "curves.png", dpi=120)

    def _write(self) -> None:
        assert self.out is not None
        text = io.StringIO()
        table = csv.DictWriter(text, [field.name for field in fields(Row)], lineterminator="\n")
        table.writeheader()
        table.writerows(asdict(row) for row in self.rows)
        replace(self.out / TABLE, text.getvalue().encode())


def rows_of(out: Path) -> list[Row]:
    """The table of a run, as far as it is written."""
    file = out / TABLE
    if not file.exists():
        return []
    with file.open(encoding="utf-8", newline="") as stream:
        return [Row(**{name: _number(name, text) for name, text in line.items()}) for line in csv.DictReader(stream)]


def _number(name: str, text: str) -> Any:
    if not text:
        return None
    return int(text) if name in ("epoch", "step", "schedule") else float(text)
