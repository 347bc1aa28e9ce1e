"""Pipelines that make views of a sample, drawn by hypothesis."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hypothesis import strategies as st
from torchvision.transforms import v2

from .._validate import integer
from ..transforms import ContrastiveCrop, JointBlur, JointColor, JointCrop, MultiResolution, UncroppedView
from ..views import MultiView, PerView, Shared
from ._laws import betas, pair_laws


def joint_policies(
    *, size: int = 8, views: int = 2, steps: Iterable[str] = ("crop", "blur", "color")
) -> st.SearchStrategy[v2.Transform]:
    """Pipelines that make views of a sample, with random settings, nested the way people nest them.

    A view maker (`JointCrop`, or `MultiView` of crops and of the uncropped image), then up to three steps out of
    `JointBlur`, `JointColor`, `PerView` and `Shared`, alone, in ``v2.RandomApply``, ``v2.RandomOrder`` or
    ``v2.RandomChoice``; or a choice of two whole pipelines (Zhang et al. 2025, App. F).

    Args:
        size: of a view, in pixels.
        views: how many, an even number.
        steps: which joint transforms occur, of "crop", "blur" and "color". With "color", the images must be such as
            v2 can adjust: ``images(modes=COLOR_MODES, dtypes=COLOR_DTYPES, channels=(1, 3))``.

    Returns:
        A strategy of ``v2`` transforms from one sample to `Views`, all of one size.

    Raises:
        ValueError: for an odd number of views, or an unknown step.

    Example:
        >>> from hypothesis import given, settings
        >>> from jointaug import Views
        >>> from jointaug.testing import COLOR_DTYPES, COLOR_MODES, images
        >>> @settings(max_examples=5)
        ... @given(images(modes=COLOR_MODES, dtypes=COLOR_DTYPES, channels=(1, 3)), joint_policies())
        ... def test_my_loader_gets_pairs(image, policy):
        ...     assert isinstance(policy(image), Views)
        >>> test_my_loader_gets_pairs()
    """
    size = integer("size", size, low=1, rule="a positive number of pixels")
    views = integer("views", views, low=2, rule="a positive even number")
    steps = list(steps)
    if views % 2:
        raise ValueError(f"views must be a positive even number (steps couple pairs), got {views}")
    unknown = [step for step in steps if step not in ("crop", "blur", "color")]
    if unknown or not steps:
        raise ValueError(f"steps must be some of 'crop', 'blur' and 'color', got {unknown[0] if unknown else steps!r}")
    makers = _view_makers(size, views, joint="crop" in steps)
    step = _joint_steps(steps) | st.sampled_from(
        [PerView(v2.RandomHorizontalFlip()), Shared(v2.RandomVerticalFlip()), PerView(*[v2.Identity()] * views)]
    )
    several = st.lists(step, min_size=1, max_size=2)
    wrapped = (
        step
        | st.builds(v2.RandomApply, several, p=st.sampled_from([0.0, 0.5, 1.0]))
        | several.map(v2.RandomOrder)
        | several.map(v2.RandomChoice)
        | several.map(v2.Compose)
    )
    pipeline = st.builds(lambda maker, rest: v2.Compose([maker, *rest]), makers, st.lists(wrapped, max_size=3))
    return pipeline | st.lists(pipeline, min_size=2, max_size=2).map(v2.RandomChoice)


def _view_makers(size: int, views: int, *, joint: bool) -> st.SearchStrategy[v2.Transform]:
    crop = v2.RandomResizedCrop(size)
    several = [
        MultiView(*[crop] * views),
        MultiView(UncroppedView(size), *[crop] * (views - 1)),
        MultiResolution([size] * views),
    ]
    if not joint:
        return st.sampled_from(several)
    pair = st.one_of(
        st.builds(lambda law: JointCrop(size, law=law), pair_laws((0.01, 1.0))),
        st.builds(
            lambda beta, alpha: JointCrop(size, beta=beta, alpha=alpha), betas(), st.sampled_from([0.1, 0.6, 1.0])
        ),
        st.sampled_from([JointCrop(size, geometry="reference"), ContrastiveCrop(size)]),
    )
    crops = (
        pair if views == 2 else st.lists(pair, min_size=views // 2, max_size=views // 2).map(lambda p: MultiView(*p))
    )
    return crops | st.sampled_from(several)


def _joint_steps(steps: Sequence[str]) -> st.SearchStrategy[v2.Transform]:
    p = st.sampled_from([1.0, 0.5, 0.0, (1.0, 0.1)])
    made: list[st.SearchStrategy[v2.Transform]] = []
    if "blur" in steps:
        made.append(
            st.builds(
                lambda kernel, law, p: JointBlur(kernel, law=law, p=p),
                st.sampled_from([None, 3, 5]),
                pair_laws((0.1, 2.0)),
                p,
            )
        )
    if "color" in steps:
        strength = st.sampled_from([0.4, 0.0, 0.8])
        joint = st.sampled_from([("brightness", "contrast"), ("brightness", "contrast", "saturation"), ()])
        made.append(
            st.builds(
                lambda b, c, s, beta, joint, p: JointColor(b, c, s, 0.1, beta=beta, joint=joint, p=p),
                strength,
                strength,
                strength,
                betas(),
                joint,
                p,
            )
        )
    return st.one_of(made) if made else st.nothing()
