"""One check of a whole transform: that it keeps what this library, v2 and their users count on."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterable
from typing import Any, Final

from .._draws import generator_kept
from .._validate import integer, number
from ..pipeline import check_pipeline
from ._contract import Contract, Promise
from ._promises import CHECKS
from ._subject import Subject, an_image

_KEPT: Final = ("type", "dtype", "device", "size")


def check_transform(
    transform: Callable[..., Any],
    *sample: Any,
    keeps: Collection[str] = ("type", "dtype", "device"),
    without: Iterable[str] = (),
    tolerance: float = 1e-5,
    seed: int = 0,
) -> Contract:
    """A transform keeps its promises: yours, this library's, v2's, or a whole pipeline.

    ============= ====================================================================================================
    check         question
    ============= ====================================================================================================
    ``inputs``    Is the sample left as it was? (A step in place would change the data set.)
    ``memory``    Does each view have memory of its own? (A later step in place would change another view.)
    ``seed``      Does torch's generator, in the same state, give the same views?
    ``params``    Do the same parameters give the same views (``transform(image, make_params([image]))``)?
    ``address``   Does the same `Address` give the same views, whatever was called meanwhile?
    ``addresses`` Do another seed, epoch, index and draw give other views, if other states of the generator do?
    ``pickle``    Do pickled and deep copies give the same views? (Workers that are spawned get pickled ones.)
    ``type``      Is the image of each view of the sample's type (PIL, ``tv_tensors.Image``, ...)?
    ``dtype``     Has it the sample's dtype, of a PIL image its mode?
    ``device``    Is it on the sample's device?
    ``size``      Has it the sample's height and width? (Not asked by default.)
    ``along``     Do masks, boxes and key points go along: types kept, on the view's canvas, two equal masks still
                  equal, the image the same as without them, a label untouched?
    ``batch``     Does `fuse` make of a batch what it makes of each image alone?
    ``executors`` Does `fuse` make the views that `jointaug.views_at` makes, one by one?
    ``record``    Does a `Record`, as JSON and back, give the same views again?
    ============= ====================================================================================================

    All of them are run, on some tens of addresses. Nothing is left to chance but in ``addresses``, which fires on a
    correct transform at one seed in a million. A fault that shows on other samples alone is not seen: `images` and
    `samples` draw them.

    Args:
        transform: any callable of a sample, with what it needs in front of it: for a step on views,
            ``v2.Compose([MultiView(v2.Identity(), v2.Identity()), step])``.
        sample: what it is called on; by default a uint8 image ``[3, 40, 56]``. Fused pixels are compared in floating
            point, into which a uint8 tensor is converted there, as v2's chains of uint8 round after each step.
        keeps: what the images of the views have in common with the sample's: some of "type", "dtype", "device", "size".
            A pipeline that ends in ``v2.ToDtype`` keeps ``("type", "device")``.
        without: checks that the transform does not promise, by name.
        tolerance: by how much pixels may differ in ``batch``, ``executors`` and ``record``, where images are in [0, 1].
        seed: of all addresses, and of torch's generator, which is left as it was.

    Returns:
        What was measured: for each check a `Promise`, or the reason why it does not apply.

    Raises:
        AssertionError: if a promise is broken; the message has for each the check, what was seen, and the remedy.
        TypeError: for what is no transform.
        ValueError: for an unknown name in ``keeps`` or ``without``. An error of the transform on its sample is its own.

    Example:
        >>> from jointaug import JointCrop
        >>> contract = check_transform(JointCrop(16))
        >>> contract["executors"].measured <= 1e-5
        True
        >>> print(contract["size"].seen)
        not asked
    """
    __tracebackhide__ = True
    check_pipeline(transform)
    keeps, without = _some_of("keeps", keeps, _KEPT), _some_of("without", without, tuple(CHECKS))
    tolerance = number("tolerance", tolerance, rule="at least 0", low=0.0)
    seed = integer("seed", seed, low=0, rule="an integer of at least 0")
    promises = {}
    with generator_kept(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "fuse has no rule")
        subject = Subject(transform, sample or (an_image(),), tolerance, seed)
        subject.at(0)  # an error of the transform on its sample comes as it is
        for name in CHECKS:
            asked = name not in without and (name in keeps or name not in _KEPT)
            promises[name] = _found(name, subject) if asked else Promise(None, None, "not asked")
    contract = Contract(promises)
    if contract.broken:
        listed = "".join(f"\n{name}: {contract[name].seen}; {contract[name].remedy}" for name in contract.broken)
        raise AssertionError(f"{_named(transform)} breaks {len(contract.broken)} of {len(contract)} promises{listed}")
    return contract


def _found(name: str, subject: Subject) -> Promise:
    try:
        return CHECKS[name](subject)
    except Exception as error:  # whatever the transform raises there is what was seen
        seen, remedy = f"{type(error).__name__}: {error}", f"if it promises no such thing, say so: without=({name!r},)"
        return Promise(False, None, seen, remedy)


def _named(transform: Any) -> str:
    return str(getattr(transform, "__qualname__", type(transform).__name__))


def _some_of(name: str, values: Iterable[str], known: tuple[str, ...]) -> list[str]:
    chosen = [values] if isinstance(values, str) else list(values)
    unknown = [value for value in chosen if value not in known]
    if unknown:
        raise ValueError(f"{name} must be some of {', '.join(known)}, got {unknown[0]!r}")
    return chosen
