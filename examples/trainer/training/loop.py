"""The loop: an epoch's steps, a look at the loss now and then, a checkpoint, and what the monitor says."""

from __future__ import annotations

import json
import signal
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from jointaug import fuse
from jointaug.difficulty import ScoreWeight
from jointaug.neighbors import draw_positives

from ..inputs.feed import Request, feed, placed
from ..inputs.order import order_of
from ..inputs.settings import Settings, keywords_of
from ..inputs.sources import Data
from ..inputs.views import pipeline, whole_view
from ..methods import METHODS, options
from ..methods.contrastive_crop import Boxes
from ..networks import Backbone, check_input, digest_of, load_weights, read_weights, start_branches
from ..record import files
from ..record.machine import peak_gb
from ..record.settings import read_settings
from . import checkpoint
from .distributed import Processes
from .logs import Log, Row
from .monitor import Embedder, Monitor, Spread
from .schedules import RENEWED, plan_of
from .step import Learner

LOOK_EVERY = 10  # steps: so often the loss of a GPU is read, for which the CPU has to wait
COLLAPSED = 0.05  # spread of the embeddings: the mean cosine of two images is .9975
BACKBONE, SETTINGS, NOT_FINITE = "backbone.pt", "settings.json", "not_finite.json"
EPOCHS = "epochs"  # folder of the backbones that are kept on the way


class NotFiniteError(ArithmeticError):
    """A loss that is nan or infinite."""


@dataclass(frozen=True)
class Result:
    """How a run ended.

    Attributes:
        finished: whether all epochs are done; otherwise it was interrupted, and goes on from its checkpoint.
        rows: its table.
    """

    finished: bool
    rows: list[Row]


class Run:
    """Training from a folder's last checkpoint on, or from the start.

    Args:
        settings: of the run.
        own: the method's own settings.
        data: to learn from.
        out: folder of the run; it will hold ``checkpoint.pt``, ``log.csv``, TensorBoard's events, ``epochs/`` if
            backbones are kept on the way and, at the end, ``backbone.pt`` and ``curves.png``.
        processes: the processes of the run, and their device.
        recipe: its name, which the folder holds on to.

    Attributes:
        plan: its schedules: one, or more where it was made longer.
        longer: whether it is about to be, by a schedule of which nothing is done yet.
        init: one word for the weights that the backbone starts from; None: as initialized.

    Raises:
        ValueError: for settings that do not suit the data or each other, or a folder with another run.
        OSError: for a folder that cannot be made or written.
    """

    def __init__(
        self,
        settings: Settings,
        own: Mapping[str, Any],
        data: Data,
        out: Path,
        *,
        processes: Processes = Processes(),  # noqa: B008 (frozen)
        recipe: str = "",
    ) -> None:
        s = settings
        if s.threads is not None:
            torch.set_num_threads(s.threads)
        self.settings, self.out, self.processes = s, out, processes
        files.require_folder(out)
        options.check(s, own)
        images = len(data.train)
        check_batch(s, images, processes.count)
        kind = METHODS[s.method]
        if s.locals < kind.crops:
            raise ValueError(
                f"locals must be at least {kind.crops} with method={s.method}, got {s.locals}; "
                f"add --locals {kind.crops}"
            )
        weights = None if s.init is None else weights_in(s.init)
        torch.manual_seed(s.seed)
        method = kind(partial(started, s, weights), **keywords_of(kind, s, own, images))
        method.check(images, s.batch // s.accumulate)
        for side in {s.size, *s.sizes, *([s.local_size] if s.locals else [])}:
            check_input(method.encoder, side, heat=s.crop == "contrastive")

        self.per_epoch = images // s.drawn
        self.steps = s.epochs * self.per_epoch
        self.init = None if weights is None else digest_of(weights)
        self.same = _same(s, own, processes, data.fingerprint, recipe, self.init)
        state = self._last(out)
        self.plan = plan_of(s, state, self.per_epoch)
        if s.warmup_steps >= (steps := self.plan.last.epochs * self.per_epoch):
            raise ValueError(
                f"warmup_steps must be fewer than the run's {steps} steps, got {s.warmup_steps}; a short run "
                "warms up for a tenth of it or not at all (--warmup_steps 0)"
            )
        self.learner = Learner(method, s, processes, self.per_epoch, self.plan)
        self.method = self.learner.method
        self.boxes = Boxes(images) if s.crop == "contrastive" else None
        self.spread = Spread(self.method.watched)
        self.step, self.losses = 0, Losses(processes)
        self.began, self.seconds = time.monotonic(), 0.0
        if state is not None:
            self._load(state)
        self.longer = self.step == self.plan.since * self.per_epoch > 0  # nothing of the last schedule is done yet

        self.train = placed(data.train, s, processes.device)
        beside = whole_view(s) if s.weight == "lpips" else None
        views: Any = pipeline(s, self.method.views)
        if processes.device.type == "cuda":  # on a CPU it saves nothing
            views = fuse(views, memory_format=self.learner.layout)
        self.feed = feed(self.train, views, s.seed, processes.device, workers=s.workers, original=beside)
        self.embed = Embedder(s, processes)
        self.monitor: Monitor | None = None
        if s.knn_every and data.test is not None and data.bank.labels is not None and data.test.labels is not None:
            bank = self.train if data.labelled is None else placed(data.labelled, s, processes.device)
            self.monitor = Monitor(s, self.embed, bank, placed(data.test, s, processes.device))
        out.mkdir(parents=True, exist_ok=True)  # at last: a start that is refused leaves nothing

    @property
    def beginnings(self) -> dict[str, str]:
        """What of the run's settings their values do not tell, by name: which weights, and how many schedules."""
        told = {"init": self.init and f"weights {self.init}", "epochs": self.plan.told}
        return {name: text for name, text in told.items() if text}

    def go(self, minutes: float | None = None, *, untrained: bool = False) -> Result:
        """Train to the end, or to a signal (Ctrl-C); what is left is done by another `Run` in this folder.

        Args:
            minutes: stop at the first epoch's end after so long; None: when all epochs are done.
            untrained: train nothing; the backbone that is left is the one that the run starts from.

        Raises:
            NotFiniteError: if the loss is nan or infinite.
            OSError: if the folder cannot be written.
        """
        with interrupts() as interrupted, Log(self.out if self.processes.first else None, self.steps, self.step) as log:
            if self.step == 0:
                log.add(Row(0, 0, **self._ask_monitor(), **self._cost(log)))
            while self.step < self.steps and not untrained:
                self.epoch(log, interrupted)
                late = minutes is not None and self._elapsed() - self.seconds > 60 * minutes
                if self.step < self.steps and self.processes.any(bool(interrupted) or late):
                    self.save()
                    return Result(False, log.rows)
            log.picture()
        if self.processes.first:
            files.save(self.out / BACKBONE, self.method.encoder.state_dict())
        return Result(True, log.rows)

    @property
    def parameters(self) -> int:
        """Numbers that are trained, and those of the score network that weighs pairs, if one does."""
        counted = [parameter for parameter in self.method.parameters() if parameter.requires_grad]
        if isinstance(weight := self.learner.weight, ScoreWeight) and isinstance(weight.net, torch.nn.Module):
            counted += weight.net.parameters()
        return sum(parameter.numel() for parameter in counted)

    def save(self) -> None:
        """Write a checkpoint.

        Raises:
            OSError: if it cannot be written; the last one is as it was.
        """
        if not self.processes.first:
            return
        state = {
            "run": self.same,
            "schedules": self.plan.stored,
            "step": self.step,
            "learner": self.learner.state_dict(),
            "boxes": None if self.boxes is None else self.boxes.state_dict(),
            "rng": torch.get_rng_state(),
            "losses": [self.losses.sum, self.losses.count],
            "seconds": self._elapsed(),
        }
        try:
            checkpoint.save(self.out, state)
        except OSError as error:
            last = self.out / checkpoint.NAME
            kept = "the last one is whole" if last.exists() else "and there is no earlier one"
            raise OSError(
                error.errno,
                f"the checkpoint of step {self.step} could not be written ({error.strerror}), {kept}; make room, and "
                "go on with the same command",
                str(last),
            ) from error

    def _last(self, out: Path) -> dict[str, Any] | None:
        """The last checkpoint of this run, if there is one.

        Raises:
            ValueError: for one of another run, or of one that would be made longer before it is finished.
        """
        state, s = checkpoint.load(out, self.processes.device), self.settings
        if state is None:
            return None
        written, step = state["run"].get("epochs", 0), state["step"]
        longer, finished = s.epochs > written, step == written * self.per_epoch
        free = () if not longer else RENEWED if finished else ("epochs",)
        checkpoint.require_same(out, state["run"], self.same, free)
        if longer and not finished:
            raise ValueError(
                f"epochs must stay {written} until the run is finished, got {s.epochs} with step {step} of "
                f"{written * self.per_epoch} done in {out}; go on with --epochs {written}, and make it longer then"
            )
        return state

    def _load(self, state: dict[str, Any]) -> None:
        """Go on from what `save` wrote."""
        self.learner.load_state_dict(state["learner"])
        if self.boxes is not None:
            self.boxes.load_state_dict(state["boxes"])
        torch.set_rng_state(state["rng"].cpu())
        self.step, self.seconds = state["step"], state["seconds"]
        self.losses.sum, self.losses.count = state["losses"]

    def epoch(self, log: Log, interrupted: list[int]) -> None:
        """Train from where the run is to the end of the epoch, or until it is interrupted."""
        s, epoch, within = self.settings, *divmod(self.step, self.per_epoch)
        if within == 0:
            self.method.before_epoch(epoch, partial(self.embed, source=self.train))
            if self.boxes is not None:
                heat = Embedder(s, self.processes, whole_view(s))
                self.boxes.before_epoch(epoch, s.epochs, self.method.encoder, partial(heat, source=self.train))
        order = order_of(len(self.train), s, epoch)
        served = self.feed(self._requests(epoch, order[within:]))
        look = 1 if self.processes.device.type == "cpu" else LOOK_EVERY
        every = max(round(s.checkpoint_every * self.per_epoch), 1)
        started, first, rate = time.monotonic(), self.step, 0.0
        self.method.train()
        while within < self.per_epoch:
            self.losses.add(self.learner.step(served, self.step))
            self.step, within = self.step + 1, within + 1
            ends, due = within == self.per_epoch, self.step % every == 0
            if not (ends or due or self.step % look == 0):
                continue
            loss = self._read(order, epoch)
            rate = (self.step - first) * s.batch / (time.monotonic() - started)
            log.progress(self.step, {"loss": loss, "lr": self.learner.lr, "images/s": rate})
            stop = self.processes.any(bool(interrupted))
            if not ends and (due or stop):
                self.save()
            if stop and not ends:
                return
        spread = self.spread()
        asked = (epoch + 1) % s.knn_every == 0 or self.step == self.steps if s.knn_every else False
        worth = self._ask_monitor() if asked else {}
        values: dict[str, Any] = {
            "loss": self.losses.mean,
            "lr": self.learner.lr,
            "images_per_second": rate,
            "feature_std": spread,
        }
        log.add(Row(epoch + 1, self.step, **values, **worth, **self._cost(log), schedule=self.plan.number))
        if spread < COLLAPSED:
            warnings.warn(
                f"the embeddings have collapsed to nearly one point after epoch {epoch + 1}: their spread is "
                f"{spread:.3g} (1: spread out); is a stop-gradient, a predictor or a negative missing?",
                stacklevel=2,
            )
        self.losses = Losses(self.processes)
        if s.keep_every and (epoch + 1) % s.keep_every == 0 and self.processes.first:
            self._keep(epoch + 1)
        if self.step % every == 0 or self.step == self.steps:
            self.save()

    def _requests(self, epoch: int, order: Tensor) -> list[Request]:
        """This process's share of every pass of the steps in ``order``."""
        passes = [self.processes.part(rows) for step in order for rows in step.chunk(self.settings.accumulate)]
        table = self._positives()
        return [self._request(epoch, index, table) for index in passes]

    def _positives(self) -> Tensor | None:
        """The table from which partners are drawn, for methods that have some."""
        table: Tensor | None = self.method.positives.cpu() if self.method.partners else None  # type: ignore[assignment]
        return table

    def _request(self, epoch: int, index: Tensor, table: Tensor | None) -> Request:
        """Images, with their partners from the ``table`` of positives, if there is one, and their boxes."""
        partners = None if table is None else draw_positives(table, index, seed=self.settings.seed, epoch=epoch)
        boxes = None if self.boxes is None else self.boxes.at(index, epoch, self.settings.epochs)
        return Request(epoch, index, partners, boxes)

    def _read(self, order: Tensor, epoch: int) -> float:
        """The mean loss of the steps that were not read yet.

        Raises:
            NotFiniteError: with the step and the addresses of its images.
        """
        values = self.losses.read()
        for step, value in enumerate(values, self.step - len(values)):
            if not torch.isfinite(torch.tensor(value)):
                images = self._request(epoch, order[step % self.per_epoch], self._positives())
                more = {"partners": images.partners, "boxes": images.boxes}
                index = images.index.tolist()
                address = {"seed": self.settings.seed, "epoch": epoch, "index": index}
                address |= {name: None if rows is None else rows.tolist() for name, rows in more.items()}
                file = self.out / NOT_FINITE
                if self.processes.first:
                    file.write_text(json.dumps({"step": step, "loss": str(value), **address}))
                raise NotFiniteError(
                    f"the loss is {value} at step {step}; its images are at seed={self.settings.seed}, epoch={epoch}, "
                    f"index={index[:4]} and so on, all in {file}: look at their views (redraw.py {self.out}); "
                    "then lower the rate, or make the warm-up longer, and start anew"
                )
        return sum(values) / len(values)

    def _ask_monitor(self) -> dict[str, Any]:
        """What the features are worth, by the names of the table's columns; empty without a monitor."""
        return asdict(self.monitor(self.method.encoder)) if self.monitor is not None else {}

    def _keep(self, epoch: int) -> None:
        """Write the backbone as it is into a folder that evaluate.py and export.py take for a run's."""
        folder = self.out / EPOCHS / f"{epoch:04d}"
        folder.mkdir(parents=True, exist_ok=True)
        if (settings := self.out / SETTINGS).exists():
            files.replace(folder / SETTINGS, settings.read_bytes())
        files.save(folder / BACKBONE, self.method.encoder.state_dict())

    def _cost(self, log: Log) -> dict[str, Any]:
        """Time and memory up to here, by the names of the table's columns."""
        peak = peak_gb(self.processes.device)
        return {"seconds": self._elapsed(), "peak_gb": None if peak is None else max(peak, log.peak_gb)}

    def _elapsed(self) -> float:
        """Seconds of training, without the pauses between interruption and resume."""
        return self.seconds + time.monotonic() - self.began


class Losses:
    """The losses of an epoch; on a device until they are read."""

    def __init__(self, processes: Processes) -> None:
        self.processes, self.sum, self.count = processes, 0.0, 0
        self._unread: list[Tensor] = []

    def add(self, loss: Tensor) -> None:
        """The loss of a step, in this process."""
        self._unread.append(loss)

    def read(self) -> list[float]:
        """The losses of the steps since the last call, each the mean over the processes."""
        values: list[float] = self.processes.mean(torch.stack(self._unread)).tolist()
        self._unread.clear()
        for value in values:
            self.sum, self.count = self.sum + value, self.count + 1
        return values

    @property
    def mean(self) -> float:
        """Of the epoch so far, as far as it was read."""
        return self.sum / self.count


@contextmanager
def interrupts() -> Iterator[list[int]]:
    """A list to which Ctrl-C (or a scheduler's SIGTERM) appends, to stop the loop after a step; a second one kills."""
    caught: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield caught
        return
    before = {kind: signal.getsignal(kind) for kind in (signal.SIGINT, signal.SIGTERM)}

    def catch(kind: int, _: Any) -> None:
        caught.append(kind)
        signal.signal(kind, before[signal.Signals(kind)])

    for kind in before:
        signal.signal(kind, catch)
    try:
        yield caught
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def started(s: Settings, weights: Mapping[str, Tensor] | None = None) -> Backbone:
    """The backbone of the settings, with the weights that a run starts from: initialized, or those that it is given.

    Raises:
        ValueError: for weights of another network.
    """
    backbone = Backbone(s.backbone, s.stem)
    if s.last_gamma is not None:
        start_branches(backbone, s.last_gamma)
    if s.init is not None and weights is not None:
        name = f"{s.backbone} ({f'stem {s.stem}' if s.stem else 'its own stem'})"
        try:
            load_weights(backbone, weights, s.init_prefix, name, option="--init_prefix")
        except ValueError as error:
            theirs = read_settings(Path(s.init) if Path(s.init).is_dir() else Path(s.init).parent).get("backbone")
            got = f"{s.init}{f' of a {theirs}' if theirs else ''}"
            raise ValueError(f"--init must hold weights of the run's own network, got {got}: {error}") from None
    return backbone


def weights_in(init: str) -> dict[str, Tensor]:
    """The weights that ``--init`` names: those of a finished run's folder, or of a file.

    Raises:
        ValueError: if there are none.
    """
    try:
        return read_weights(Path(init, BACKBONE) if Path(init).is_dir() else Path(init))
    except ValueError as error:
        raise ValueError(f"--init must be a finished run's folder, or a file with a state dict: {error}") from None


def check_batch(s: Settings, images: int, processes: int) -> None:
    """Whether batches of these settings can be made of so many images, for so many processes.

    Raises:
        ValueError: if not.
    """
    if s.drawn > images:
        most, drawn = (images, "") if s.half is None else (images // 2, f", of which half={s.half} draws twice as many")
        raise ValueError(
            f"batch must be at most the {images} images of the data set, got {s.batch}{drawn}; take --batch {most} or "
            "less"
        )
    if s.batch % (s.accumulate * processes):
        raise ValueError(
            f"batch must be a multiple of processes times accumulated passes, got batch={s.batch} for {processes} "
            f"processes and accumulate={s.accumulate}; every process takes as many images in every pass"
        )
    if s.batch == s.accumulate:
        raise ValueError(
            f"batch must leave two images to a pass, got batch={s.batch} with accumulate={s.accumulate}: alone, an "
            "image has no negatives and no batch statistics; take more"
        )


def _same(
    s: Settings, own: Mapping[str, Any], processes: Processes, data: str, recipe: str, init: str | None
) -> dict[str, Any]:
    """What a run is held to when it goes on; numbers and lists, as a checkpoint has them."""
    free = (
        "checkpoint_every",
        "keep_every",
        "knn_every",
        "knn_k",
        "knn_tau",
        "threads",
    )  # change nothing, or are said below
    settings = {name: value for name, value in asdict(s).items() if name not in free}
    settings["workers"] = s.workers > 0  # any number of workers makes the same views
    settings["init"] = init  # the weights, wherever they lie now
    machine = {"device": processes.device.type, "processes": processes.count}
    if processes.device.type == "cpu":
        machine["threads"] = torch.get_num_threads()
    same: dict[str, Any] = json.loads(json.dumps({"recipe": recipe, "data": data, **settings, **own, **machine}))
    return same
