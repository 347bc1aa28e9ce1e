"""Settings: what a command line may say, what it may not, and what it is told then."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import get_type_hints

import pytest
from trainer.inputs.settings import Settings, keywords_of, meanings_of, read, settings_of
from trainer.methods import METHODS

HINTS = get_type_hints(Settings)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("lr", "1", 1.0),
        ("lr", "5e-4", 5e-4),
        ("lr_batch", "none", None),
        ("lr_batch", "128", 128),
        ("epochs", "20", 20),
        ("compile", "true", True),
        ("nesterov", "False", False),
        ("scale", "0.08,1.0", (0.08, 1.0)),
        ("scale", "(0.08, 1)", (0.08, 1.0)),
        ("blur_p", "1.0,0.1", (1.0, 0.1)),
        ("blur_p", "0.5", 0.5),
        ("sizes", "32", (32,)),
        ("sizes", "()", ()),
        ("milestones", "-50,-25", (-50.0, -25.0)),
        ("optimizer", "lars", "lars"),
        ("weight", "none", None),
        ("weight", "random", "random"),
        ("backbone", "timm:vit_tiny_patch16_224", "timm:vit_tiny_patch16_224"),
        ("score", "10", "10"),
    ],
)
def test_a_word_becomes_the_value(name, text, value):
    got = read(name, text, HINTS[name])
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "error", "told"),
    [
        ("epochs", "2.5", TypeError, "epochs must be a whole number, got 2.5"),
        ("epochs", "true", TypeError, "epochs must be a whole number, got 'true'"),
        ("epochs", "many", TypeError, "epochs must be a whole number, got 'many'"),
        ("lr", "none", TypeError, "lr must be a number, got 'none'"),
        ("compile", "1", TypeError, "compile must be true or false, got 1"),
        ("scale", "0.2", TypeError, "scale must be 2 numbers with commas between, got 0.2"),
        ("jitter", "0.4,0.4,0.4", TypeError, "jitter must be 4 numbers"),
        ("lr_batch", "x", TypeError, "lr_batch must be a whole number or none, got 'x'"),
        (
            "optimizer",
            "adan",
            ValueError,
            "optimizer must be one of sgd, adam, adamw, lars, got 'adan'; did you mean adam",
        ),
        ("crop", "join", ValueError, "did you mean joint"),
    ],
)
def test_a_wrong_word_is_told_what_would_be_right(name, text, error, told):
    with pytest.raises(error) as caught:
        read(name, text, HINTS[name])
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"lr": -0.1}, "lr must be at least 0, got -0.1"),
        ({"batch": 10, "accumulate": 3}, "accumulate must divide the batch, got accumulate=3 for batch=10"),
        ({"warmup": 1.0, "warmup_steps": 5}, "leave one of them 0"),
        ({"seed": 2**63}, "seed must be below 2**63, got 9223372036854775808"),
        ({"momentum": 1.0}, "momentum must be below 1, got 1.0"),
        ({"nesterov": True, "momentum": 0.0}, "nesterov is SGD's with momentum, got optimizer=sgd, momentum=0.0"),
        ({"nesterov": True, "optimizer": "adamw"}, "nesterov is SGD's with momentum, got optimizer=adamw"),
        ({"floor": 1.5}, "floor must be a share of the peak, in [0, 1], got 1.5"),
        ({"jitter": (0.4, 0.4, 0.4, 0.6)}, "hue (in [0, 0.5], turns), got 0.4,0.4,0.4,0.6; 0.4,0.4,0.4,0.1 is usual"),
        ({"blur": (2.0, 0.1)}, "blur must be the least and the greatest sigma, above 0, in pixels, got 2,0.1"),
        ({"blur": (0.0, 1.0)}, "got 0,1; --blur_p 0 turns it off"),
        ({"std": (1.0, 0.0, 1.0)}, "std must be above 0 in each channel, got 1,0,1"),
        ({"randaugment": (2, 31)}, "a magnitude in [0, 30], got 2,31; 2,9 is usual"),
        ({"randaugment": (2, 11), "randaugment_of": "infomin"}, "a magnitude in [0, 10], got 2,11; 2,9 is usual"),
        ({"randaugment_of": "infomin"}, "are of a randaugment, got none with order=flip,jitter,gray,blur,solarize, ra"),
        ({"order": "flip,jitter,randaugment,gray,blur,solarize"}, "got none with order=flip,jitter,randaugment"),
        ({"order": "flip,jitter,gray,blur"}, "once, and randaugment or not, with commas between, got flip,jitter,gray"),
        ({"order": "flip,flip,jitter,gray,blur,solarize"}, "order must have each of flip, jitter, gray, blur, solariz"),
        ({"order": "crop,flip,jitter,gray,blur,solarize"}, "what is off (--gray 0) stands there, too"),
        ({"randaugment": (0, 9)}, "randaugment must be at least one operation"),
        ({"lpips": "net.pt", "weight": "pixel"}, "got lpips=net.pt with weight=pixel; add --weight lpips, or leave"),
        ({"sizes": (32, 0)}, "sizes must be sides in pixels, at least 1, got 32,0"),
        ({"weight": "score", "weight_p": 0}, "weight_p must be at least 1, got 0; raise it"),
        ({"epochs": 5, "warmup": 10.0}, "warmup must be shorter than the run, got warmup=10.0 for epochs=5"),
        ({"schedule": "step"}, 'milestones belong to schedule "step"'),
        ({"milestones": (5.0,)}, 'milestones belong to schedule "step"'),
        (
            {"schedule": "step", "milestones": (120.0, 160.0), "epochs": 100},
            "milestones must lie within the run, got 120 for epochs=100; choose others",
        ),
        (
            {"schedule": "step", "milestones": (-50.0, -5.0), "epochs": 20},
            "milestones must lie within the run, got -50 for epochs=20",
        ),
    ],
)
def test_settings_out_of_range_or_against_each_other(given, told):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (the message is compared below)
        Settings(**given)
    assert told in str(caught.value)


def test_lists_and_whole_numbers_pass_for_tuples_and_floats():
    """As they come from a file."""
    settings = Settings(scale=[1, 1], lr=1)
    assert settings == Settings(scale=(1.0, 1.0), lr=1.0)
    assert isinstance(settings.lr, float)


@pytest.mark.parametrize("name", sorted(METHODS))
def test_a_method_takes_what_is_named_like_a_setting_of_the_run_from_there(name):
    own = settings_of(METHODS[name])
    assert not own.keys() & {field.name for field in fields(Settings)}
    taken = keywords_of(METHODS[name], Settings(seed=7, locals=4), {}, images=100)
    assert taken.keys() <= {"seed", "images", "locals", "weight_kind", "weight_p"}
    assert taken.get("seed", 7) == 7
    assert taken.get("locals", 4) == 4
    assert taken.get("images", 100) == 100


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"scale": (1.0, 0.2)},
            "scale must be two shares of the image's area, the smaller first, in (0, 1]",
        ),
        ({"local_scale": (0.0, 0.2)}, "local_scale must be two shares"),
        ({"flip": 1.5}, "flip must be a probability in [0, 1], or one for each view, got 1.5"),
        ({"gray": (0.2, 2.0)}, "gray must be a probability"),
        ({"beta": 1.0}, "beta is of joint areas, got beta=1.0 with crop=independent; add --crop joint"),
        (
            {"couple": "locals", "locals": 4},
            "couple is of joint crops with smaller ones, got couple=locals with crop=ind",
        ),
        (
            {"couple": "globals", "crop": "joint"},
            "got couple=globals with crop=joint, locals=0; add --crop joint --loc",
        ),
        ({"alpha": 0.5}, "alpha is of a crop's place, got alpha=0.5 with crop=independent"),
    ],
)
def test_what_makes_no_sense_or_does_nothing_is_refused(given, told):
    with pytest.raises(ValueError, match=re.escape(told)):
        Settings(**given)


def test_settings_say_what_they_are():
    told = meanings_of(METHODS["clim"])
    assert told["floor"] == "where the cosine ends, as a share of the peak"
    assert told["K"].startswith("keys in the queue")
    assert told["size"] == "side of a view, in pixels"
    for method in METHODS.values():
        assert settings_of(method).keys() <= meanings_of(method).keys(), method
