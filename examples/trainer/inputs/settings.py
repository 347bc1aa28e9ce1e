"""Every setting of a run that is no method's own; a method's are its constructor's keywords."""

from __future__ import annotations

import ast
import difflib
import inspect
import re
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

STEPS = ("flip", "jitter", "gray", "blur", "solarize")  # of a view, after its crop; a setting has their order
RANDAUGMENT = "randaugment"  # which may stand among them
FILLED_IN = "images"  # a method's keyword that the trainer fills in: the data set's size


@dataclass(frozen=True)
class Settings:
    """One run of `pretrain.py`, without the method's own settings.

    A setting that may differ between views is one value, or one for each view: ``blur_p=(1.0, 0.1)``.

    Raises:
        TypeError: for a value of another type than the field's.
        ValueError: for a value outside its range, or two that exclude each other.
    """

    # What is trained
    method: str = "simclr"
    backbone: str = "resnet18"  # torchvision's name, timm:NAME, or resnet8, for 32 px
    stem: Literal["imagenet", "small"] | None = None  # of a ResNet; small: 3x3, stride 1, no pooling; none: its own
    last_gamma: float | None = None  # of each residual branch at the start: 0 (no branch yet) or 1; None: as built
    init: str | None = None  # weights that the backbone starts from: a run's folder, or a file with a state dict
    init_prefix: str | None = None  # of the backbone's keys in that file, where several fit

    # How long, and with what
    epochs: int = 200  # passes over the images
    batch: int = 256  # images of an optimizer step, over all processes and accumulated passes
    accumulate: int = 1  # passes that make one optimizer step
    optimizer: Literal["sgd", "adam", "adamw", "lars"] = "sgd"
    lr: float = 0.03  # at the peak
    lr_batch: int | None = 256  # lr is for this batch and scales linearly with it; None: lr as it stands
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 1e-4
    decay_all: bool = True  # False: no decay (and in LARS no trust ratio) for biases and normalization
    schedule: Literal["cosine", "step", "constant"] = "cosine"
    schedule_by: Literal["step", "epoch"] = "step"  # when the rate changes
    warmup: float = 0.0  # epochs of linear warm-up
    warmup_steps: int = 0  # the same in optimizer steps (W-MSE); one of the two
    milestones: tuple[float, ...] = ()  # epochs (schedule "step"); below 0: before the end
    gamma: float = 0.1  # factor at each milestone
    floor: float = 0.0  # where the cosine ends, as a share of the peak
    clip: float | None = None  # norm of the gradient, each parameter's own (DINO)

    # Views, in the order of their steps
    size: int = 224  # side of a view, in pixels
    crop: Literal["independent", "joint", "decoupled", "reference", "contrastive", "center_suppressed"] = "independent"
    beta: float = 0.0  # of crop="joint", "decoupled"
    scale: tuple[float, float] = (0.2, 1.0)  # areas of the crops, as shares of the image's
    alpha: float | None = None  # Beta(alpha, alpha) of a crop's place (contrastive, center_suppressed, joint)
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    original: bool = False  # an uncropped view first (LeOCLR)
    locals: int = 0  # further, smaller crops (multi-crop)
    local_size: int = 96  # side of a smaller crop, in pixels
    local_scale: tuple[float, float] = (0.05, 0.14)  # their areas
    couple: Literal["all", "globals", "locals"] = "all"  # whose areas are joint, of crop="joint" with smaller crops
    sizes: tuple[int, ...] = ()  # several resolutions of each view (CLIM)
    share_box: bool = False  # of query and key at several resolutions (CLIM)
    flip: float = 0.5  # probability
    jitter: tuple[float, float, float, float] = (0.4, 0.4, 0.4, 0.1)  # brightness, contrast, saturation, hue
    jitter_p: float | tuple[float, ...] = 0.8  # probability
    joint_color: bool = False  # brightness and contrast from a joint law
    gray: float | tuple[float, ...] = 0.2  # probability
    blur: tuple[float, float] = (0.1, 2.0)  # sigma, in pixels of the view
    blur_p: float | tuple[float, ...] = 0.0  # probability
    blur_law: Literal["independent", "joint", "decoupled"] = "independent"  # of the two sigmas of a pair
    joint_choice: bool = False  # JointCrop or JointBlur, one of the two for each pair (JointCrop, App. F)
    solarize: float | tuple[float, ...] = 0.0  # probability
    randaugment: tuple[int, int] | None = None  # operations, magnitude, on the views named below: instead of color
    randaugment_views: tuple[int, ...] = (1,)
    randaugment_of: Literal["torchvision", "infomin"] = "torchvision"  # whose operations; magnitudes to 30, or to 10
    order: str = "flip,jitter,gray,blur,solarize"  # after the crop; with randaugment among them: there, beside color
    color_first: bool = False  # color before the crop (W-MSE's order)
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)

    # Difficulty weights (ScoreCL)
    weight: Literal["score", "random", "pixel", "saliency", "lpips"] | None = None
    score: str | None = None  # the score network's checkpoint; views are resized to its size
    lpips: str | None = None  # file with the state of an lpips.LPIPS; views are compared with the whole image
    weight_kind: Literal["vector", "norm_gap"] = "vector"
    weight_p: int = 1
    half: Literal["above", "below"] | None = None  # twice the batch is drawn; that half by the median weight is learned

    # The run
    seed: int = 0  # of all chance, the initialization included
    precision: Literal["float32", "bfloat16"] = "float32"  # bfloat16: autocast
    channels_last: bool = True
    compile: bool = False  # torch.compile of the backbone
    workers: int = 0  # of the DataLoader, for folders; 0: the data set in the device's memory
    stored: int | None = None  # side to which images are resized and cropped in memory (workers: whole); None: as it is
    threads: int | None = None  # of torch, on a CPU; None: as torch chooses
    checkpoint_every: float = 1.0  # epochs
    keep_every: int = 0  # epochs between backbones that are kept in epochs/, each as a run's folder; 0: the last alone
    knn_every: int = 1  # epochs; 0: no monitor
    knn_k: int = 200  # at most half the smallest class is taken
    knn_tau: float = 0.1

    def __post_init__(self) -> None:
        hints = get_type_hints(Settings)
        for field in fields(self):
            object.__setattr__(self, field.name, checked(field.name, getattr(self, field.name), hints[field.name]))
        for name, low in LEAST.items():
            value = getattr(self, name)
            if value is not None and value < low:
                raise ValueError(f"{name} must be at least {low}, got {value}; raise it")
        if self.batch % self.accumulate:
            raise ValueError(
                f"accumulate must divide the batch, got accumulate={self.accumulate} for batch={self.batch}; every "
                "pass takes as many images"
            )
        if self.warmup >= self.epochs:
            raise ValueError(
                f"warmup must be shorter than the run, got warmup={self.warmup} for epochs={self.epochs}; a short run "
                "warms up for a tenth of it or not at all (--warmup 0)"
            )
        if self.warmup and self.warmup_steps:
            raise ValueError(
                f"warm-up is said in epochs or in steps, got warmup={self.warmup} and warmup_steps="
                f"{self.warmup_steps}; leave one of them 0"
            )
        if self.seed >= 2**63:
            raise ValueError(f"seed must be below 2**63, got {self.seed}; take a smaller one")
        if self.momentum >= 1:
            raise ValueError(f"momentum must be below 1, got {self.momentum}; at 1 nothing is forgotten, .9 is usual")
        if self.nesterov and not (self.momentum and self.optimizer == "sgd"):
            raise ValueError(
                f"nesterov is SGD's with momentum, got optimizer={self.optimizer}, momentum={self.momentum}; add "
                "--optimizer sgd --momentum 0.9, or leave it out"
            )
        if self.floor > 1:
            raise ValueError(f"floor must be a share of the peak, in [0, 1], got {self.floor}; lr is the peak")
        for name in ("scale", "local_scale"):
            low, high = getattr(self, name)
            if not 0 < low <= high <= 1:
                raise ValueError(
                    f"{name} must be two shares of the image's area, the smaller first, in (0, 1], got {low:g},{high:g}"
                )
        for name in ("flip", "jitter_p", "gray", "blur_p", "solarize"):
            value = getattr(self, name)
            if not all(0 <= p <= 1 for p in (value if isinstance(value, tuple) else (value,))):
                raise ValueError(f"{name} must be a probability in [0, 1], or one for each view, got {value}")
        if self.sizes and min(self.sizes) < 1:
            raise ValueError(
                f"sizes must be sides in pixels, at least 1, got {','.join(map(str, self.sizes))}; raise them"
            )
        if not (min(self.jitter) >= 0 and self.jitter[3] <= 0.5):
            raise ValueError(
                "jitter must be brightness, contrast, saturation (0 or more) and hue (in [0, 0.5], turns), got "
                f"{','.join(f'{value:g}' for value in self.jitter)}; 0.4,0.4,0.4,0.1 is usual"
            )
        if not 0 < self.blur[0] <= self.blur[1]:
            raise ValueError(
                f"blur must be the least and the greatest sigma, above 0, in pixels, got {self.blur[0]:g},"
                f"{self.blur[1]:g}; --blur_p 0 turns it off"
            )
        if not any(self.blur_p if isinstance(self.blur_p, tuple) else (self.blur_p,)):
            for name, off in (("blur_law", "independent"), ("joint_choice", False)):
                if getattr(self, name) != off:
                    raise ValueError(
                        f"{name} is of views that are blurred, got {name}={getattr(self, name)} with blur_p=0; add "
                        "--blur_p 0.5, or leave it out"
                    )
        if min(self.std) <= 0:
            raise ValueError(
                f"std must be above 0 in each channel, got {','.join(f'{value:g}' for value in self.std)}; "
                "1,1,1 leaves colors as they are"
            )
        most = {"torchvision": 30, "infomin": 10}[self.randaugment_of]
        if self.randaugment is not None and not (self.randaugment[0] >= 1 and 0 <= self.randaugment[1] <= most):
            raise ValueError(
                f"randaugment must be at least one operation and a magnitude in [0, {most}], got "
                f"{self.randaugment[0]},{self.randaugment[1]}; 2,9 is usual, none turns it off"
            )
        steps = self.order.split(",")
        if sorted({*steps} - {RANDAUGMENT}) != sorted(STEPS) or len({*steps}) < len(steps):
            raise ValueError(
                f"order must have each of {', '.join(STEPS)} once, and {RANDAUGMENT} or not, with commas between, got "
                f"{self.order}; what is off (--gray 0) stands there, too"
            )
        if self.randaugment is None and (RANDAUGMENT in steps or self.randaugment_of != "torchvision"):
            raise ValueError(
                f"order and randaugment_of are of a randaugment, got none with order={self.order}, randaugment_of="
                f"{self.randaugment_of}; add --randaugment 2,9, or leave them out"
            )
        if self.score is not None and self.weight != "score":
            raise ValueError(
                f"score is the network of --weight score, got score={self.score} with weight="
                f"{'none' if self.weight is None else self.weight}; add --weight score, or leave it out"
            )
        if self.lpips is not None and self.weight != "lpips":
            raise ValueError(
                f"lpips is the network of --weight lpips, got lpips={self.lpips} with weight="
                f"{'none' if self.weight is None else self.weight}; add --weight lpips, or leave it out"
            )
        if self.half is not None and self.weight is None:
            raise ValueError(
                f"half is by the median of weights, got half={self.half} with weight=none; add --weight score, or "
                "leave it out"
            )
        if self.init_prefix is not None and self.init is None:
            raise ValueError(
                f"init_prefix is of the weights of --init, got init_prefix={self.init_prefix} with init=none; add "
                "--init FILE, or leave it out"
            )
        if self.beta and self.crop not in ("joint", "decoupled"):
            raise ValueError(f"beta is of joint areas, got beta={self.beta} with crop={self.crop}; add --crop joint")
        if self.couple != "all" and not (self.crop == "joint" and self.locals):
            raise ValueError(
                f"couple is of joint crops with smaller ones, got couple={self.couple} with crop={self.crop}, locals="
                f"{self.locals}; add --crop joint --locals 4, or leave it out"
            )
        if self.alpha is not None and self.crop == "independent":
            raise ValueError(
                f"alpha is of a crop's place, got alpha={self.alpha} with crop=independent; add --crop joint, "
                "center_suppressed or contrastive"
            )
        if bool(self.milestones) != (self.schedule == "step"):
            raise ValueError(
                f'milestones belong to schedule "step", and it needs some, got schedule={self.schedule!r} with '
                f"milestones={self.milestones}"
            )
        outside = [m for m in self.milestones if not 0 < (m if m >= 0 else self.epochs + m) < self.epochs]
        if outside:
            raise ValueError(
                f"milestones must lie within the run, got {outside[0]:g} for epochs={self.epochs}; choose others "
                "(below 0: epochs before the end)"
            )

    @property
    def drawn(self) -> int:
        """Images that a step draws, from which those of its batch are chosen where ``half`` says so."""
        return self.batch if self.half is None else 2 * self.batch


LEAST = {
    "epochs": 1, "batch": 1, "accumulate": 1, "lr": 0, "lr_batch": 1, "momentum": 0, "weight_decay": 0, "warmup": 0,
    "warmup_steps": 0, "gamma": 0, "floor": 0, "clip": 0, "size": 1, "locals": 0, "local_size": 1, "seed": 0,
    "workers": 0, "stored": 1, "threads": 1, "checkpoint_every": 0, "keep_every": 0, "knn_every": 0, "knn_k": 1,
    "knn_tau": 1e-6, "weight_p": 1, "last_gamma": 0,
}  # fmt: skip


def settings_of(method: type) -> dict[str, Any]:
    """The types of a method's own settings, by name: its constructor's keywords.

    A keyword that is called as one of the run's settings (``seed``, ``weight_kind``) is that setting, not the method's.
    """
    hints, common = get_type_hints(method.__init__), {field.name for field in fields(Settings)}  # type: ignore[misc]
    return {name: hints[name] for name in _keywords(method) if name not in common and name != FILLED_IN}


def keywords_of(method: type, settings: Settings, own: Mapping[str, Any], images: int) -> dict[str, Any]:
    """All keywords of a method's constructor: its own settings, and those of the run that it also takes."""
    common = {field.name: getattr(settings, field.name) for field in fields(settings)} | {FILLED_IN: images}
    return {name: common[name] for name in _keywords(method) if name in common} | dict(own)


def _keywords(method: type) -> list[str]:
    return [p.name for p in inspect.signature(method).parameters.values() if p.kind is p.KEYWORD_ONLY]


def hints_of(method: type) -> dict[str, Any]:
    """The type of every setting of a run with this method, by name."""
    return get_type_hints(Settings) | settings_of(method)


def meanings_of(method: type) -> dict[str, str]:
    """What every setting of a run with this method is, by name: the comment beside it, or the line of the docstring."""
    meanings = dict(re.findall(r"^    (\w+): .*?  # (.+)$", inspect.getsource(Settings), re.MULTILINE))
    for name, text in re.findall(r"^    (\w+): (.+(?:\n {6,}.+)*)", inspect.getdoc(method) or "", re.MULTILINE):
        meanings.setdefault(name, " ".join(text.split()))
    return meanings


def divided(values: Mapping[str, Any]) -> tuple[Settings, dict[str, Any]]:
    """The trainer's settings and the method's, from one dictionary of both."""
    common = {field.name for field in fields(Settings)}
    own = {name: value for name, value in values.items() if name not in common}
    return Settings(**{name: value for name, value in values.items() if name in common}), own


def read(name: str, text: str, hint: Any) -> Any:
    """A setting's value from the command line: ``0.5``, ``none``, ``true``, ``cosine``, ``0.2,1.0``.

    Raises:
        TypeError, ValueError: as `checked`.
    """
    word = text.strip()
    named = {"none": None, "true": True, "false": False}
    value: Any = word
    if word.lower() in named and any(_fitted(named[word.lower()], member)[0] for member in _members(hint)):
        value = named[word.lower()]  # where "none" is a word of the setting's own, it stays one
    elif str not in _members(hint):
        try:
            value = ast.literal_eval(word)
        except (ValueError, SyntaxError):
            value = word
    return checked(name, value, hint)


def checked(name: str, value: Any, hint: Any) -> Any:
    """``value`` if it is of the type, with whole numbers for floats made floats and sequences made tuples.

    Raises:
        TypeError: if not; the message names the setting, the type, the value, and, for a choice, what there is.
    """
    for member in _members(hint):
        fits, result = _fitted(value, member)
        if fits:
            return result
    choices = [choice for member in _members(hint) if get_origin(member) is Literal for choice in get_args(member)]
    if choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}{nearest(str(value), choices)}")
    raise TypeError(f"{name} must be {_in_words(hint)}, got {value!r}")


def nearest(name: str, names: Iterable[str], count: int = 3) -> str:
    """``; did you mean a, b, c?``: the names that are the nearest, so many of them."""
    return f"; did you mean {', '.join(difflib.get_close_matches(name, list(names), n=count, cutoff=0.0))}?"


def _members(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _fitted(value: Any, hint: Any) -> tuple[bool, Any]:
    """Whether a value is of a type that is no union, and the value as that type."""
    if hint is type(None):
        return value is None, None
    if get_origin(hint) is Literal:
        return value in get_args(hint), value
    if get_origin(hint) is tuple:
        members = get_args(hint)
        items = tuple(value) if isinstance(value, (tuple, list)) else (value,)
        if members[-1] is ...:
            members = (members[0],) * len(items)
        pairs = [_fitted(item, member) for item, member in zip(items, members, strict=False)]
        return len(items) == len(members) and all(fits for fits, _ in pairs), tuple(item for _, item in pairs)
    if hint is float:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return number, float(value) if number else value
    return isinstance(value, hint) and (hint is bool or not isinstance(value, bool)), value


def _in_words(hint: Any) -> str:
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "a word", type(None): "none"}
    parts = []
    for member in _members(hint):
        if get_origin(member) is tuple:
            members = get_args(member)
            count = "" if members[-1] is ... else f"{len(members)} "
            parts.append(f"{count}numbers with commas between")
        else:
            parts.append(words.get(member, str(member)))
    return " or ".join(parts)
