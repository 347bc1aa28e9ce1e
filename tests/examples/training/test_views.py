"""The pipelines of the settings: how many views, of which size, and who shares what."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch
from PIL import ImageOps
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F
from trainer.inputs.feed import Augment, Request
from trainer.inputs.randaugment import RandAugment
from trainer.inputs.settings import Settings
from trainer.inputs.sources import Pixels
from trainer.inputs.views import pipeline, plain_view, whole_view

from jointaug import (
    ContrastiveCrop,
    JointBlur,
    JointColor,
    JointCrop,
    MultiResolution,
    UncroppedView,
    Views,
)
from jointaug._validate import interpolation_mode
from jointaug.distributions import IndependentPair, JointPair
from jointaug.fusion import leaves

QUIET = {"flip": 0.0, "jitter_p": 0.0, "gray": 0.0, "mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
N = 6


def served(settings: Settings, views: int = 2, images: torch.Tensor | None = None, **request: torch.Tensor):
    if images is None:
        images = torch.randint(0, 256, (N, 3, 40, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    augment = Augment(Pixels(images, None), pipeline(settings, views), seed=0)
    return augment[Request(0, torch.arange(len(images)), **request)].views


@pytest.mark.parametrize(
    ("given", "views", "sides"),
    [
        ({}, 2, [32, 32]),
        ({}, 1, [32]),
        ({}, 4, [32] * 4),
        ({"original": True}, 3, [32] * 3),
        ({"crop": "joint", "original": True}, 3, [32] * 3),
        *(({"crop": crop}, 2, [32, 32]) for crop in ("joint", "decoupled", "reference", "contrastive")),
        ({"crop": "center_suppressed", "alpha": 0.6}, 2, [32, 32]),
        ({"locals": 3, "local_size": 16}, 2, [32, 32, 16, 16, 16]),
        ({"crop": "joint", "locals": 4, "local_size": 16}, 2, [32, 32, 16, 16, 16, 16]),
        ({"sizes": (32, 24)}, 2, [32, 24, 32, 24]),
        ({"sizes": (32, 24), "share_box": True}, 2, [32, 24, 32, 24]),
        *(({"blur_law": law, "blur_p": (1.0, 0.5)}, 2, [32, 32]) for law in ("joint", "decoupled")),
        ({"blur_law": "joint", "blur_p": (1.0, 0.1, 0.5), "locals": 4, "local_size": 16}, 2, [32, 32, *[16] * 4]),
        ({"sizes": (32, 32)}, 2, [32] * 4),
        ({"joint_color": True}, 2, [32, 32]),
        ({"joint_choice": True, "crop": "joint", "blur_p": 0.5}, 2, [32, 32]),
        ({"color_first": True}, 2, [32, 32]),
        ({"blur_p": (1.0, 0.1), "solarize": (0.0, 0.2)}, 2, [32, 32]),
        ({"randaugment": (2, 9)}, 2, [32, 32]),
    ],
)
def test_the_views_are_as_many_and_as_large_as_the_settings_say(given, views, sides):
    found = served(Settings(size=32, **given), views)
    assert [view.shape for view in found] == [(N, 3, side, side) for side in sides]
    assert all(view.dtype == torch.float32 for view in found)
    again = served(Settings(size=32, **given), views)
    assert all(torch.equal(view, other) for view, other in zip(found, again, strict=True))


def test_an_original_is_the_whole_image():
    images = torch.randint(0, 256, (N, 3, 32, 32), dtype=torch.uint8)
    first, *crops = served(Settings(size=32, original=True, **QUIET), 3, images)
    torch.testing.assert_close(first, images.float() / 255, rtol=0, atol=1e-5)
    assert all((crop - first).abs().mean() > 0.01 for crop in crops)


def test_solarize_inverts_what_is_bright():
    """As Pillow's, whose threshold of 128 the papers' code has; the crop is the whole image."""
    images = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(N, 3, 16, 16).contiguous()
    settings = Settings(size=16, scale=(1.0, 1.0), solarize=(0.0, 1.0), **QUIET)
    first, second = served(settings, images=images)
    torch.testing.assert_close(first * 255, images.float(), rtol=0, atol=1e-3)
    wanted = ImageOps.solarize(F.to_pil_image(images[0]))
    torch.testing.assert_close(second[0] * 255, F.pil_to_tensor(wanted).float(), rtol=0, atol=1e-3)


def test_where_center_suppressed_crops_are():
    """Beta(.6, .6) by default: more of them lie at the borders than of uniform ones."""
    for crop in ("center_suppressed", "contrastive"):
        cut = next(step for step in leaves(pipeline(Settings(size=16, crop=crop))) if isinstance(step, JointCrop))
        assert cut.alpha == 0.6
    cut = next(
        step for step in leaves(pipeline(Settings(crop="center_suppressed", alpha=0.1))) if isinstance(step, JointCrop)
    )
    assert cut.alpha == 0.1


def test_local_crops_are_resampled_as_the_others():
    settings = Settings(size=32, crop="joint", locals=2, local_size=16, interpolation="bicubic")
    crops = [step for step in leaves(pipeline(settings)) if isinstance(step, JointCrop)]
    assert [(crop.size, crop.interpolation.value) for crop in crops] == [((32, 32), "bicubic"), ((16, 16), "bicubic")]


@pytest.mark.parametrize(
    ("given", "views", "kinds"),
    [
        ({"locals": 1}, 2, [v2.RandomResizedCrop] * 3),
        *(({"crop": crop}, 2, [JointCrop]) for crop in ("joint", "decoupled", "reference", "center_suppressed")),
        ({"crop": "contrastive"}, 2, [ContrastiveCrop]),
        (
            {"crop": "joint", "joint_choice": True, "blur_p": 0.5},
            2,
            [JointCrop, v2.RandomResizedCrop, v2.RandomResizedCrop],
        ),
        *(
            ({"crop": "joint", "locals": 4, "couple": couple}, 2, [kind for kind, n in kinds for _ in range(n)])
            for couple, kinds in (
                ("all", ((JointCrop, 3),)),
                ("globals", ((JointCrop, 1), (v2.RandomResizedCrop, 4))),
                ("locals", ((v2.RandomResizedCrop, 2), (JointCrop, 2))),
            )
        ),
        ({"original": True}, 3, [UncroppedView, v2.RandomResizedCrop, v2.RandomResizedCrop]),
        ({"sizes": (32, 24)}, 2, [MultiResolution] * 2),
        ({"sizes": (32, 24), "share_box": True}, 2, [MultiResolution]),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_every_view_is_resampled_as_the_settings_say(interpolation, given, views, kinds):
    made = leaves(pipeline(Settings(size=32, interpolation=interpolation, **given), views))
    found = [step for step in made if hasattr(step, "interpolation")]
    assert [type(step) for step in found] == kinds
    assert {interpolation_mode(step.interpolation).value for step in found} == {interpolation}


def areas(crop) -> tuple[float, float]:
    law = crop.laws["area"] if isinstance(crop, JointCrop) else None
    return crop.scale if law is None else (float(law.high), float(law.low))[::-1]


@pytest.mark.parametrize(
    ("given", "large", "small"),
    [
        ({}, 2, 2),
        ({"crop": "joint"}, 1, 1),
        ({"crop": "joint", "couple": "globals"}, 1, 2),
        ({"crop": "joint", "couple": "locals"}, 2, 1),
    ],
)
def test_small_crops_have_a_size_and_areas_of_their_own(given, large, small):
    """A joint crop makes two views, so that there is one of it where there are two independent ones."""
    settings = Settings(size=32, scale=(0.3, 0.9), locals=2, local_size=16, local_scale=(0.06, 0.2), **given)
    cuts = [step for step in leaves(pipeline(settings)) if isinstance(step, (JointCrop, v2.RandomResizedCrop))]
    assert [tuple(cut.size) for cut in cuts] == [(32, 32)] * large + [(16, 16)] * small
    for cut, scale in zip(cuts, [(0.3, 0.9)] * large + [(0.06, 0.2)] * small, strict=True):
        assert areas(cut) == pytest.approx(scale)
    assert [view.shape[-1] for view in served(settings)] == [32, 32, 16, 16]


@pytest.mark.parametrize("alpha", [None, 0.3])
@pytest.mark.parametrize("crop", ["joint", "decoupled"])
def test_laws_of_areas_and_places_are_those_of_the_settings(crop, alpha):
    """The first area, the log ratio's law, and where crops lie: those of the transform written out."""
    made = pipeline(Settings(size=16, crop=crop, beta=1.5, scale=(0.3, 0.9), alpha=alpha))
    (cut,) = (step for step in leaves(made) if isinstance(step, JointCrop))
    law = JointPair(1.5, 0.3, 0.9)
    plain = JointCrop(16, law=law.decoupled() if crop == "decoupled" else law, alpha=alpha)
    assert cut.row_width == plain.row_width
    row = [0.05, 0.3, *[0.7] * (cut.row_width - 2)]
    assert cut.params_from_uniform(row, [(900, 900)] * 2) == plain.params_from_uniform(row, [(900, 900)] * 2)


COLOR = {"jitter": (0.1, 0.2, 0.3, 0.05), "jitter_p": (0.7, 0.3), "gray": (0.1, 0.9), "flip": 0.4}


def test_steps_of_each_view_are_those_of_the_settings():
    """What a view goes through, by the attributes that v2 documents; each has its own, the last one is the others'."""
    settings = Settings(
        **COLOR, blur=(0.3, 1.7), blur_p=(1.0, 0.2), solarize=(0.0, 0.6), mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6)
    )
    _, *steps = pipeline(settings, 3).transforms
    for place in range(3):
        k = min(place, 1)
        chain = [one for step in steps for one in step.transforms[min(place, len(step.transforms) - 1)].transforms]
        flip, jitter, gray, blur, *solarize, dtype, normalize = chain
        assert (type(flip), flip.p) == (v2.RandomHorizontalFlip, 0.4)
        assert jitter.p == (0.7, 0.3)[k]
        ranges = [getattr(jitter.transforms[0], name) for name in ("brightness", "contrast", "saturation", "hue")]
        assert ranges == [pytest.approx(pair) for pair in ((0.9, 1.1), (0.8, 1.2), (0.7, 1.3), (-0.05, 0.05))]
        assert (type(gray), gray.p) == (v2.RandomGrayscale, (0.1, 0.9)[k])
        assert blur.p == (1.0, 0.2)[k]
        assert (blur.transforms[0].kernel_size, tuple(blur.transforms[0].sigma)) == ((17, 17), (0.3, 1.7))
        assert [(type(step), step.p) for step in solarize] == [(v2.RandomSolarize, 0.6)] * k
        assert (dtype.dtype, dtype.scale) == (torch.float32, True)
        assert (list(normalize.mean), list(normalize.std)) == ([0.1, 0.2, 0.3], [0.4, 0.5, 0.6])


@pytest.mark.parametrize("given", [{"jitter_p": (1.0, 0.0)}, {"blur_p": (1.0, 0.0)}], ids=["jitter", "blur"])
def test_probabilities_of_each_view_are_its_own(given):
    """Where nothing else differs either; v2 does not print the probability of a ``RandomApply``."""
    settings = {"size": 40, "scale": (1.0, 1.0), "jitter": (0.8, 0.0, 0.0, 0.0), **QUIET, **given}
    images = torch.randint(0, 256, (N, 3, 40, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    first, second = served(Settings(**settings, blur=(1.0, 2.0)), images=images)
    torch.testing.assert_close(second, images.float() / 255, rtol=0, atol=1e-5)
    assert ((first - second).abs().amax((1, 2, 3)) > 1e-3).all()


@pytest.mark.parametrize("size", [32, 64, 224])
def test_a_blur_of_sigma_2_is_one_at_every_size(size):
    """The spread of a point: a kernel of a tenth of 64 px makes 1.64 of it. Its tails hold 4 per cent of a thousand."""
    settings = Settings(size=size, scale=(1.0, 1.0), blur=(2.0, 2.0), blur_p=1.0, **QUIET)
    point = torch.zeros(3, size, size)
    point[:, size // 2, size // 2] = 1.0
    row = pipeline(settings).transforms[2](Views([point, point]))[0][0].sum(0)
    assert row.sum() == pytest.approx(1.0, abs=1e-5)
    place = torch.arange(size) - size // 2
    assert (row * place**2).sum().sqrt() == pytest.approx(2.0, abs=2e-3)


def test_joint_steps_are_those_of_the_settings():
    settings = Settings(**COLOR, joint_color=True, blur_law="joint", blur=(0.3, 1.7), blur_p=(0.9, 0.2))
    _, color, _, blur, _ = pipeline(settings).transforms
    assert (type(color), color.p) == (JointColor, (0.7, 0.3))
    assert [color.ranges[name] for name in ("brightness", "contrast", "saturation", "hue")] == [
        pytest.approx(pair) for pair in ((0.9, 1.1), (0.8, 1.2), (0.7, 1.3), (-0.05, 0.05))
    ]
    assert (type(blur), blur.p) == (JointBlur, (0.9, 0.2))
    assert blur.laws["sigma"].event_shape == JointPair(0.0, 0.3, 1.7).event_shape
    assert type(blur.laws["sigma"]) is JointPair
    assert (float(blur.laws["sigma"].low), float(blur.laws["sigma"].high)) == pytest.approx((0.3, 1.7))


#: Everything on, by chance but for the blur: one sigma, always.
SAME_BLUR = {"blur": (1.5, 1.5), "blur_p": 1.0, "jitter_p": 0.8, "gray": 0.2, "solarize": 0.5}


def test_laws_of_blur_differ_in_the_law_alone():
    """Where all laws have one sigma the views of all three are one, number for number: order, kernel, rounding, chance.

    So they are where the sigmas are drawn: `JointBlur` with an independent law makes v2's blur of its sigmas.
    """
    plain, *others = (
        served(Settings(size=32, blur_law=law, **SAME_BLUR)) for law in ("independent", "joint", "decoupled")
    )
    for found in others:
        for view, other in zip(plain, found, strict=True):
            torch.testing.assert_close(view, other, rtol=0, atol=1e-4)
    images = torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    (kernel,) = {step.kernel_size for step in leaves(pipeline(Settings(size=32, blur_p=1.0))) if hasattr(step, "sigma")}
    _, _, joint, _ = pipeline(Settings(size=32, blur_p=1.0, blur_law="joint")).transforms
    assert (joint.kernel_size,) * 2 == tuple(kernel)
    independent = JointBlur(joint.kernel_size, law=IndependentPair(0.1, 2.0), p=1.0)
    for seed in range(5):
        torch.manual_seed(seed)
        params = independent.make_params([images])
        for view, sigma in zip(independent.transform(images, params), params["sigma"], strict=True):
            wanted = v2.functional.gaussian_blur(images, list(kernel), [float(sigma)] * 2)
            assert (view.int() - wanted.int()).abs().max() <= 1


def test_the_decoupled_blur_has_the_marginals_of_the_joint_one():
    made = {law: pipeline(Settings(size=32, blur_p=1.0, blur_law=law)).transforms[2] for law in ("joint", "decoupled")}
    joint, decoupled = (made[law].laws["sigma"] for law in ("joint", "decoupled"))
    assert repr(decoupled) == repr(JointPair(0.0, 0.1, 2.0).decoupled())
    assert repr(joint) == repr(JointPair(0.0, 0.1, 2.0))


@pytest.mark.parametrize("law", ["joint", "decoupled"])
def test_a_joint_blur_of_smaller_crops_couples_them_two_by_two(law):
    """Each pair is that of a run of its own size and areas, with its views' own probabilities and laws of crops."""
    blur = {"blur_law": law, "blur": (0.3, 1.7), "gray": 0.3}
    many = {**blur, "size": 32, "locals": 4, "local_size": 16, "local_scale": (0.05, 0.14), "couple": "all"}
    small = {**blur, "size": 16, "scale": (0.05, 0.14)}
    own = {"blur_p": (1.0, 0.1, 0.5, 0.4, 0.3, 0.0), "solarize": (0.0, 0.2, 0.0), "jitter_p": (0.8, 0.8, 0.8, 0.6)}
    pairs = [
        {"blur_p": (1.0, 0.1), "solarize": (0.0, 0.2), "jitter_p": 0.8},
        {"blur_p": (0.5, 0.4), "solarize": 0.0, "jitter_p": (0.8, 0.6)},
        {"blur_p": (0.3, 0.0), "solarize": 0.0, "jitter_p": 0.6},
    ]
    for crop, couple, coupled in (
        ("independent", "all", ()),
        ("joint", "all", (0, 1, 2)),
        ("joint", "globals", (0,)),
        ("joint", "locals", (1, 2)),
        ("decoupled", "all", (0,)),
    ):
        joint = {"crop": crop, "beta": 0.0 if crop == "independent" else 1.0}
        made = pipeline(Settings(**{**many, **own, **joint, "couple": couple})).transforms[0].transforms
        wanted = [
            pipeline(Settings(**({"size": 32, **blur} if k == 0 else small), **pair, **(joint if k in coupled else {})))
            for k, pair in enumerate(pairs)
        ]
        assert [repr(branch) for branch in made] == [repr(branch) for branch in wanted]
    none = pipeline(Settings(**{**many, "blur_p": (0.5, 0.5, 0.0)})).transforms[0].transforms
    assert [sum(isinstance(step, JointBlur) for step in leaves(branch)) for branch in none] == [1, 0, 0]
    named = {"randaugment": (3, 7), "randaugment_views": (1, 2), "blur_p": 0.5}
    made = pipeline(Settings(**{**many, **named})).transforms[0].transforms
    wanted = ({"size": 32, **blur}, (1,)), (small, (0,)), (small, ())
    for branch, (settings, views) in zip(made, wanted, strict=True):
        assert repr(branch) == repr(pipeline(Settings(**settings, **{**named, "randaugment_views": views})))


def test_either_is_a_joint_crop_with_plain_blur_or_plain_crops_with_a_joint_blur():
    """App. F: every view of a pair is blurred as the baseline's, whichever half it is from; both halves come."""
    half, other = pipeline(Settings(size=32, crop="joint", joint_choice=True, blur_p=0.5)).transforms[0].transforms
    assert repr(half) == repr(pipeline(Settings(size=32, crop="joint", blur_p=0.5)))
    assert repr(other) == repr(pipeline(Settings(size=32, blur_law="joint", blur_p=0.5)))
    control = Settings(size=32, crop="decoupled", blur_law="decoupled", joint_choice=True, blur_p=0.5)
    half, other = pipeline(control).transforms[0].transforms
    assert repr(half) == repr(pipeline(Settings(size=32, crop="decoupled", blur_p=0.5)))
    assert repr(other) == repr(pipeline(Settings(size=32, blur_law="decoupled", blur_p=0.5)))
    whole = {"size": 40, "scale": (1.0, 1.0), "blur": (1.5, 1.5), "blur_p": 1.0, **QUIET}
    blurred = served(Settings(**whole))
    for view, wanted in zip(served(Settings(joint_choice=True, **whole)), blurred, strict=True):
        torch.testing.assert_close(view, wanted, rtol=0, atol=1 / 255 + 1e-5)


@pytest.mark.parametrize("views", [(1,), (0,), (0, 1)])
def test_randaugment_takes_the_place_of_color_in_the_views_named(views):
    made = pipeline(Settings(**COLOR, randaugment=(3, 7), randaugment_views=views)).transforms[-1].transforms
    for place, chain in enumerate(made * (2 // len(made))):
        kinds = [type(step) for step in leaves(chain)]
        assert (v2.RandAugment in kinds) == (place in views)
        assert (v2.ColorJitter in kinds) == (v2.RandomGrayscale in kinds) == (place not in views)
        for step in leaves(chain):
            if isinstance(step, v2.RandAugment):
                assert (step.num_ops, step.magnitude) == (3, 7)


ALL = {**COLOR, "blur_p": 0.5, "solarize": 0.5, "flip": 0.5}
KINDS = {
    "flip": v2.RandomHorizontalFlip,
    "jitter": v2.ColorJitter,
    "gray": v2.RandomGrayscale,
    "blur": v2.GaussianBlur,
    "solarize": v2.RandomSolarize,
    "randaugment": RandAugment,
}
INFOMIN = {"randaugment": (2, 10), "randaugment_of": "infomin"}


@pytest.mark.parametrize(
    ("given", "orders"),
    [
        ({}, ["flip,jitter,gray,blur,solarize"] * 2),
        ({"order": "gray,jitter,solarize,blur,flip"}, ["gray,jitter,solarize,blur,flip"] * 2),
        (
            {**INFOMIN, "randaugment_views": (0, 1), "order": "flip,jitter,blur,randaugment,gray,solarize"},
            ["flip,jitter,blur,randaugment,gray,solarize"] * 2,
        ),
        (
            {**INFOMIN, "order": "blur,solarize,randaugment,gray,jitter,flip"},
            ["blur,solarize,gray,jitter,flip", "blur,solarize,randaugment,gray,jitter,flip"],
        ),
        (
            {**INFOMIN, "order": "gray,flip,jitter,solarize,blur"},
            ["gray,flip,jitter,solarize,blur", "flip,randaugment,solarize,blur"],
        ),
        (
            {"color_first": True, "order": "flip,gray,blur,jitter,solarize"},
            ["gray,jitter,flip,blur,solarize"] * 2,
        ),
        ({"order": "solarize,gray,jitter,flip,blur", "blur_p": 0.0}, ["solarize,gray,jitter,flip"] * 2),
    ],
)
def test_steps_have_the_order_of_the_settings(given, orders):
    """Of each view, whichever stage of the pipeline they are in; color comes before the crop where that is asked."""
    stages = pipeline(Settings(**{**ALL, **given})).transforms
    for place, order in enumerate(orders):
        chains = [stage.transforms[place % len(stage.transforms)] for stage in stages]
        kinds = [type(step) for chain in chains for step in leaves(chain)]
        names = {kind: name for name, kind in KINDS.items()}
        assert ",".join(names[kind] for kind in kinds if kind in names) == order
        crop = kinds.index(v2.RandomResizedCrop)
        assert (kinds.index(v2.ColorJitter) < crop) if "color_first" in given else crop == 0


def test_infomins_randaugment_fills_with_the_mean_color():
    made = pipeline(Settings(**{**ALL, **INFOMIN}))
    (step,) = (one for one in leaves(made) if isinstance(one, RandAugment))
    assert (step.num_ops, step.magnitude, step.fill) == (2, 10, [124, 116, 104])


@pytest.mark.parametrize(("size", "shorter"), [(32, 32), (64, 64), (112, 128), (224, 256)])
def test_the_middle_of_a_test_image_is_seven_eighths_of_its_shorter_side(size, shorter):
    """Of small images all of it. Lines that are that far from the border are in, those beyond are out."""
    image = torch.zeros(3, shorter, 2 * shorter, dtype=torch.uint8)
    rim = (shorter - size) // 2
    image[:, :rim] = image[:, shorter - rim :] = 255
    view = plain_view(Settings(size=size, **QUIET))(image)
    assert view.shape == (3, size, size)
    assert view.max() == 0.0
    image[:, rim] = 255
    assert plain_view(Settings(size=size, **QUIET))(image)[:, 0].min() == 1.0


def constant(value: int) -> torch.Tensor:
    return torch.full((N, 3, 40, 40), value, dtype=torch.uint8)


def test_resolutions_of_a_view_share_its_color_and_views_do_not():
    """Images of one gray value: a view's color is its jitter's."""
    quiet = {**QUIET, "jitter": (0.8, 0.0, 0.0, 0.0), "jitter_p": 1.0}
    q32, q24, k32, k24 = served(Settings(size=32, sizes=(32, 24), **quiet), images=constant(100))
    levels = [view.mean((1, 2, 3)) for view in (q32, q24, k32, k24)]
    torch.testing.assert_close(levels[0], levels[1], rtol=0, atol=1e-5)
    torch.testing.assert_close(levels[2], levels[3], rtol=0, atol=1e-5)
    assert (levels[0] - levels[2]).abs().min() > 1e-4


def test_a_size_that_is_there_twice_has_two_draws_of_color():
    """One crop, two colors (CLIM, Tab. 7's {224, 224}); with colors off, one view twice."""
    quiet = {**QUIET, "jitter": (0.8, 0.0, 0.0, 0.0), "jitter_p": 1.0}
    levels = [view.mean((1, 2, 3)) for view in served(Settings(size=32, sizes=(32, 32), **quiet), images=constant(100))]
    apart = [(a - b).abs().min() for a, b in combinations(levels, 2)]
    assert min(apart) > 1e-4
    first, second, *_ = served(Settings(size=32, sizes=(32, 32), **QUIET))
    assert torch.equal(first, second)


def ramp() -> torch.Tensor:
    """Images whose red is the column and whose green is the row: a crop's mean tells its place."""
    line = torch.arange(120, dtype=torch.uint8) * 2
    red, green = line.expand(120, 120), line[:, None].expand(120, 120)
    return torch.stack([red, green, torch.zeros_like(red)]).expand(N, 3, 120, 120).contiguous()


def test_one_box_for_all_views_of_all_resolutions():
    settings = {"size": 32, "sizes": (32, 24), **QUIET}
    for share_box in (True, False):
        found = served(Settings(**settings, share_box=share_box), images=ramp())
        q32, q24, k32, _ = (view.mean((2, 3))[:, :2] * 127.5 for view in found)  # pixels
        assert (q32 - q24).abs().max() < 1.0
        apart = (q32 - k32).abs().amax(1)
        assert apart.max() < 1.0 if share_box else apart.min() > 1.0


def test_crops_lie_where_their_boxes_are():
    """Boxes of no width in the corners of the middle: a small crop's center is its box."""
    corners = torch.tensor([[0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75], [0.5, 0.5], [0.4, 0.6]])
    boxes = torch.cat([corners, corners + 1e-3], 1)
    settings = Settings(size=32, crop="contrastive", scale=(0.01, 0.02), alpha=0.6, **QUIET)
    for view in served(settings, images=ramp(), boxes=boxes):
        places = view.mean((2, 3))[:, :2] * 255 / 240  # of the ramp's 240 levels
        torch.testing.assert_close(places, corners, rtol=0, atol=0.02)


def test_a_heat_map_sees_the_whole_image():
    """Boxes are shares of it: an image twice as wide as high keeps both its ends, which a test's view cuts off."""
    image = torch.zeros(3, 128, 256, dtype=torch.uint8)
    image[..., :32] = image[..., -32:] = 255
    settings = Settings(size=96, **QUIET)
    seen = whole_view(settings)(image)
    assert seen.shape == (3, 96, 96)
    assert seen[..., 2].min() == seen[..., -3].min() == 1.0
    assert seen[..., 48].max() == 0.0
    assert plain_view(settings)(image).max() == 0.0
