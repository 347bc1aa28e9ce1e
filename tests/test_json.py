"""What is kept as JSON: it comes back, and what is not that JSON is refused with a reason."""

from __future__ import annotations

import json
import math

import pytest

from jointaug._json import read_json, written


def test_comes_back():
    text = written("thing", 3, {"number": 0.1 + 0.2, "names": ["a"]})
    assert json.loads(text)["jointaug_thing"] == 3
    assert read_json("thing", 3, text, lambda data: (data["number"], data["names"])) == (0.1 + 0.2, ["a"])


def test_holds_no_nan_which_json_has_not():
    with pytest.raises(ValueError, match="not JSON compliant"):
        written("thing", 1, {"number": math.nan})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"text must be the JSON of one thing, got '\{' \(JSONDecodeError.*; pass what its to_json\(\) wrote"),
        ("[]", r"the JSON of one thing, got '\[\]' \(TypeError"),
        (None, "the JSON of one thing, got None"),
        (written("other", 1, {}), r"the JSON of one thing, got .*\(KeyError"),
        (written("thing", 2, {"number": 1}), "one thing of version 1, got version 2; make it again, or read it with"),
        (written("thing", 1, {}), r"breaks off or was changed \(KeyError\('number'\)\); write to_json\(\) again"),
        (written("thing", 1, {"number": "one"}), "breaks off or was changed"),
    ],
)
def test_what_is_something_else_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        read_json("thing", 1, text, lambda data: int(data["number"]))
