"""The promises of a transform, a check each: a function of the `Subject` to what was found."""

from __future__ import annotations

import copy
import itertools
import math
import pickle
from collections.abc import Callable, Iterable
from typing import Any, Final

import PIL.Image
import PIL.ImageChops
import torch
from scipy.special import gammaln
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from ..chance import Address
from ..fusion import Fused, Record
from ..pipeline import leaves, parts, views_at
from ._arguments import FAILURE_RATE
from ._contract import Promise
from ._difference import difference, laid_out
from ._subject import ALONG, BATCH, Subject, dense, each, image_of, views_in

_CALLS: Final = 8  # a step at a probability of 1/2 is left out of all of them once in 256 seeds
_LATER: Final = range(_CALLS, 2 * _CALLS)  # addresses that nobody else asks for, so that a memory of them shows
_ADDRESSES: Final = 32  # in each coordinate
_STATES: Final = 64  # of torch's generator, in comparison


def _kept(measured: float, seen: str) -> Promise:
    return Promise(True, measured, seen)


def _broken(seen: str, remedy: str, measured: float | None = None) -> Promise:
    return Promise(False, measured, seen, remedy)


def _idle(reason: str) -> Promise:
    """There is nothing to look at."""
    return Promise(None, None, reason)


# ---- a call and its repetition ---------------------------------------------------------------------------------------


def _inputs(subject: Subject) -> Promise:
    for k in range(_CALLS):
        given = subject.given()
        subject.at(k, *given)
        apart = difference(given, subject.sample)
        if apart.largest:
            remedy = "work on a copy (image.clone()), and call no method_in_place_()"
            return _broken(f"the call at address {k} changes the sample: {apart.where}", remedy, apart.largest)
    return _kept(0.0, f"no value of the sample changes in {_CALLS} calls")


def _memory(subject: Subject) -> Promise:
    given = subject.given()
    views = views_in(subject.at(0, *given), beside=False)
    if views is None:
        return _idle("it makes no views")
    for number, view in enumerate(views):
        others = [*views[:number], *views[number + 1 :], *given]
        before = copy.deepcopy(others)
        for leaf in laid_out(view):
            _change(leaf)
        apart = difference(others, before)
        if apart.largest:
            remedy = "return copies: image.clone(), or make views by MultiView, which copies what is shared"
            seen = f"a step in place on view {number} changes another view or the sample: {apart.where}"
            return _broken(seen, remedy, apart.largest)
    return _kept(0.0, f"no step in place on one of {len(views)} views changes another, or the sample")


def _change(leaf: Any) -> None:
    """All values of an image in place."""
    if isinstance(leaf, Tensor):
        leaf.copy_(~leaf if leaf.dtype == torch.bool else leaf + 1)
    elif isinstance(leaf, PIL.Image.Image):
        leaf.paste(PIL.ImageChops.invert(leaf.convert("L")).convert(leaf.mode))


def _seed(subject: Subject) -> Promise:
    return _repeated(
        [subject.fresh(k) for k in range(_CALLS)],
        (subject.fresh(k) for k in range(_CALLS)),
        "torch.manual_seed({}) gives other views the second time",
        "draw from torch's generator alone (not from random or numpy.random), and keep nothing on self",
        start=subject.seed,
    )


def _params(subject: Subject) -> Promise:
    transform = subject.transform
    if not isinstance(transform, v2.Transform) or parts(transform) or isinstance(transform, Fused):
        return _idle("it is no single v2.Transform, with a make_params of its own")
    kind = type(transform)
    if kind.transform is v2.Transform.transform:
        return _idle("it has no transform(inpt, params) of its own")
    if kind.make_params is v2.Transform.make_params and kind.forward is not v2.Transform.forward:
        return _idle("it draws in a forward of its own, and nothing in make_params")
    flat = laid_out(subject.sample)
    touched = [leaf for leaf, touch in zip(flat, transform._needs_transform_list(flat), strict=True) if touch]  # noqa: SLF001
    if not touched:
        return _idle("it touches nothing of the sample")
    params = [transform.make_params(copy.deepcopy(touched)) for _ in range(_CALLS)]
    return _repeated(
        [transform.transform(copy.deepcopy(touched[0]), copy.deepcopy(drawn)) for drawn in params],
        (transform.transform(copy.deepcopy(touched[0]), drawn) for drawn in params),
        "draw {} of make_params gives other views when transform is given it again",
        "draw everything in make_params; transform(inpt, params) is a function of these two",
    )


def _address(subject: Subject) -> Promise:
    return _repeated(
        [subject.at(k) for k in _LATER],
        (subject.at(k) for k in _LATER),
        "address {} gives other views the second time",
        "draw from the chance that run is given (JointTransform does), or from torch's generator alone, and keep "
        "nothing on self",
        start=_LATER.start,
    )


def _pickle(subject: Subject) -> Promise:
    try:
        pickled = pickle.loads(pickle.dumps(subject.transform))
    except Exception as error:  # pickle's are of many types
        remedy = "name its class and its functions at the top of a module, and open files where they are read"
        return _broken(f"it cannot be pickled ({error})", remedy)
    for kind, twin in (("pickled", pickled), ("deep", copy.deepcopy(subject.transform))):
        found = _repeated(
            [subject.at(k) for k in range(_CALLS)],
            (subject.at(k, transform=twin) for k in range(_CALLS)),
            f"its {kind} copy gives other views at address {{}}",
            "keep all that the views depend on in attributes that are pickled and copied",
        )
        if not found.held:
            return found
    return _kept(0.0, f"no value differs of a pickled copy, of a deep copy and of itself, at {_CALLS} addresses")


def _repeated(first: list[Any], again: Iterable[Any], seen: str, remedy: str, start: int = 0) -> Promise:
    """Whether results are the same, bit by bit, in two passes."""
    for k, (one, other) in enumerate(zip(first, again, strict=True), start=start):
        apart = difference(one, other)
        if apart.largest:
            return _broken(f"{seen.format(k)}: {apart.where}", remedy, apart.largest)
    return _kept(0.0, f"no value differs in {len(first)} repetitions")


def _addresses(subject: Subject) -> Promise:
    """Of each coordinate alone: addresses give more than one result, if states of the generator do.

    If both draw from one law, all results that are not the addresses' one come from the generator's states with a
    hypergeometric probability: exact, whatever the law.
    """
    slowest = 0
    for name in ("seed", "epoch", "index", "draw"):
        results = (
            views_at(subject.transform, address, *subject.given()) for address in _addresses_in(name, subject.seed)
        )
        first = next(results)
        asked = next((k for k, result in enumerate(results, start=2) if difference(result, first).largest), None)
        if asked is not None:
            slowest = max(slowest, asked)
            continue
        others = sum(bool(difference(subject.fresh(k), first).largest) for k in range(_STATES))
        if not others:
            return _idle(f"it draws nothing: {_STATES} states of torch's generator give the same views")
        log_tail = _log_choose(_STATES, others) - _log_choose(_STATES + _ADDRESSES, others)
        states = f"{others} of {_STATES} states of torch's generator give others"
        if log_tail > math.log(FAILURE_RATE / 4):
            return _idle(f"it acts too seldom: {states}, which tells nothing of {name}; raise its p")
        return _broken(
            f"{_ADDRESSES} addresses that differ in {name} give the same views, and {states} (probability "
            f"{math.exp(log_tail):.2g} if both draw alike)",
            "draw from the chance that run is given, at each call",
            float(others),
        )
    return _kept(float(slowest), f"of {slowest} addresses two give different views, in each coordinate")


def _addresses_in(name: str, seed: int) -> Iterable[Address]:
    """Addresses that differ in one coordinate."""
    for k in range(_ADDRESSES):
        place = {"seed": seed, "epoch": 0, "index": 0, "draw": 0}
        yield Address(**{**place, name: place[name] + k})


def _log_choose(n: int, k: int) -> float:
    return float(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))


# ---- what is kept, and what goes along -------------------------------------------------------------------------------


def _keeper(name: str, of: Callable[[Any], str], remedy: str) -> Callable[[Subject], Promise]:
    """The check that the images of the views have one property of the sample's."""

    def check(subject: Subject) -> Promise:
        expected = of(subject.image)
        for k in range(_CALLS):
            for view in each(subject.at(k)):
                found = of(image_of(view))
                if found != expected:
                    seen = f"a view at address {k} has {name} {found}, the sample {expected}"
                    return _broken(seen, f"{remedy}; where it changes on purpose, leave {name!r} out of keeps")
        return _kept(float(_CALLS), f"{expected}, at {_CALLS} addresses")

    return check


def _type(leaf: Any) -> str:
    """As one writes it; all that PIL opens is of one type."""
    if isinstance(leaf, PIL.Image.Image):
        return "PIL.Image.Image"
    module = "tv_tensors" if isinstance(leaf, tv_tensors.TVTensor) else type(leaf).__module__
    return f"{module}.{type(leaf).__name__}"


def _dtype(image: Any) -> str:
    return image.mode if isinstance(image, PIL.Image.Image) else str(image.dtype).removeprefix("torch.")


def _device(image: Any) -> str:
    return str(image.device) if isinstance(image, Tensor) else "cpu"


def _size(image: Any) -> str:
    return "{} x {}".format(*F.get_size(image))


def _along(subject: Subject) -> Promise:
    if not all(isinstance(leaf, v2.Transform) for leaf in leaves(subject.transform)):
        return _idle("it has a step that is no v2.Transform, which takes all that it is given for an image")
    theirs = any(isinstance(leaf, ALONG) for leaf in laid_out(subject.sample))
    if not theirs and len(subject.sample) > 1:
        return _idle("the sample has no mask, boxes or key points beside its image; give one that has")
    given = subject.sample if theirs else (dense(subject.image),)
    for k in range(_CALLS):
        results = each(subject.at(k, *copy.deepcopy(given)))
        alone = [] if theirs else each(subject.at(k, copy.deepcopy(given[0]["image"])))
        for number, result in enumerate(results):
            where = f"view {number} at address {k}"
            found = _beside(result, given, where)
            if found is not None:
                return found
            if alone:
                apart = difference(result["image"], alone[number])
                if apart.largest:
                    seen = f"{where} has another image than without masks and boxes beside it: {apart.where}"
                    return _broken(seen, _ONE_DRAW, apart.largest)
    return _kept(float(_CALLS), f"masks, boxes and key points lie on their image's canvas, at {_CALLS} addresses")


_ONE_DRAW: Final = "draw once for a whole sample, in make_params, and not for each image or mask in it"


def _beside(result: Any, given: Any, where: str) -> Promise | None:
    """What is wrong with what a view has beside its image."""
    before, after = laid_out(given), laid_out(result)
    if len(before) != len(after):
        return _broken(f"{where} has {len(after)} parts, the sample {len(before)}", "return all that was given")
    size = _size(image_of(result))
    masks: list[tuple[Any, Any]] = []
    for old, new in zip(before, after, strict=True):
        if isinstance(old, ALONG):
            if type(new) is not type(old):
                seen = f"{where} has a {_type(new)} where the sample has a {_type(old)}"
                return _broken(seen, "call kernels by self._call_kernel, or wrap: tv_tensors.wrap(new, like=old)")
            if _size(new) != size:
                seen = f"{where} has {_type(new)} of a canvas of {_size(new)} beside an image of {size}"
                return _broken(seen, "move all as the image is moved: self._call_kernel finds the kernel of each type")
        elif not isinstance(old, (Tensor, PIL.Image.Image)) and difference(old, new).largest:
            return _broken(f"{where} has {new!r} where the sample has {old!r}", "let labels pass")
        if isinstance(old, tv_tensors.Mask):
            masks.append((old, new))
    for (old, new), (twin, other) in itertools.pairwise(masks):
        apart = difference(new, other)
        if apart.largest and not difference(old, twin).largest:
            return _broken(f"{where} has two masks that were equal: one {apart.where}", _ONE_DRAW, apart.largest)
    return None


# ---- the executor for batches ----------------------------------------------------------------------------------------


def _batch(subject: Subject) -> Promise:
    whole = subject.fused.samples(subject.batch(), addresses=subject.addresses())
    alone = (
        subject.fused.samples([sample], addresses=subject.addresses(k))[0] for k, sample in enumerate(subject.batch())
    )
    remedy = "let a rule's kernel treat each image of a batch by itself, with its own parameters"
    return _alike(
        whole, alone, subject.tolerance, "image {} of a fused batch is not what fuse makes of it alone", remedy
    )


def _executors(subject: Subject) -> Promise:
    if isinstance(subject.image, PIL.Image.Image):
        return _idle("the sample is a PIL image, of which fuse makes tensors, by other kernels; give a tensor")
    whole = subject.fused.samples(subject.batch(), addresses=subject.addresses())
    alone = (
        subject.at(k, *(sample if isinstance(sample, tuple) else (sample,))) for k, sample in enumerate(subject.batch())
    )
    remedy = (
        "let params_from_uniform say the same for numbers and tensors, and a rule's kernel what transform_view says"
    )
    return _alike(
        whole, alone, subject.tolerance, "fuse and views_at make other views of image {} at its address", remedy
    )


def _record(subject: Subject) -> Promise:
    made, record = subject.fused(subject.batch(), addresses=subject.addresses(), record=True)
    again = subject.fused.replay(Record.from_json(record.to_json()), subject.batch())
    remedy = "put all that a rule's kernel depends on into params, as numbers and tensors"
    return _alike([made], [again], subject.tolerance, "a record, as JSON and back, gives other views", remedy)


def _alike(first: list[Any], second: Iterable[Any], tolerance: float, seen: str, remedy: str) -> Promise:
    worst = 0.0
    for k, (one, other) in enumerate(zip(first, second, strict=True)):
        apart = difference(one, other, kinds=False)
        if apart.largest > tolerance:
            return _broken(f"{seen.format(k)}: {apart.where}, {tolerance:g} allowed", remedy, apart.largest)
        worst = max(worst, apart.largest)
    return _kept(worst, f"values differ by up to {worst:.2g}, in {BATCH} samples")


CHECKS: Final[dict[str, Callable[[Subject], Promise]]] = {
    "inputs": _inputs,
    "memory": _memory,
    "seed": _seed,
    "params": _params,
    "address": _address,
    "addresses": _addresses,
    "pickle": _pickle,
    "type": _keeper("type", _type, "convert back, or wrap: tv_tensors.wrap(new, like=inpt)"),
    "dtype": _keeper("dtype", _dtype, "convert back: new.to(inpt.dtype)"),
    "device": _keeper("device", _device, "make tensors where the image is: device=inpt.device"),
    "size": _keeper("size", _size, "resize back"),
    "along": _along,
    "batch": _batch,
    "executors": _executors,
    "record": _record,
}
"""By name, in the order in which they run."""
