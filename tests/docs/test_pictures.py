"""Every picture is on a page and says what it shows, and can be read on light and on dark pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [path for path in sorted(DOCS.rglob("*.md")) if "_build" not in path.parts]
SHOWN = [
    (path, words, name)
    for path in PAGES
    for words, name in re.findall(
        r"!\[([^\]]*)\]\([./]*_static/generated/([\w-]+)\.png\)", path.read_text(encoding="utf-8")
    )
]
# images alone, with the captions of others; and what takes a second, with the lines of "laws"
ALIKE = {"JointCrop", "JointBlur", "ContrastiveCrop", "MultiView", "PerView", "Shared", "epochs", "run", "samplers"}


@pytest.fixture(scope="module")
def drawing(script):
    """What pictures are drawn with."""
    pytest.importorskip("matplotlib")
    return script("drawing")


@pytest.fixture(scope="module")
def pictures(script):
    """The pictures by name, and how they are drawn."""
    pytest.importorskip("matplotlib")
    return script("pictures")


def contrast(color, ground):
    """WCAG 2.2's contrast ratio, from the relative luminances of two colors."""
    from matplotlib.colors import to_rgb

    def luminance(any_color):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(any_color)]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    darker, lighter = sorted([luminance(color), luminance(ground)])
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_that_of_the_standard():
    """Its extremes, and #767676 on white, known as the lightest gray that reaches 4.5."""
    assert contrast("black", "white") == pytest.approx(21)
    assert contrast("#767676", "white") > 4.5 > contrast("#777777", "white")


def test_every_picture_is_shown_and_every_one_shown_is_drawn(pictures):
    """Those of classes, with a capital, are in their reference."""
    shown = {name for _, _, name in SHOWN}
    assert shown == {name for name in pictures.PICTURES if not name[0].isupper()}


def test_every_picture_says_what_it_shows(pictures):
    assert len(SHOWN) > 25
    for path, words, name in SHOWN:
        assert len(words.split()) >= 4, (path.name, name)
    for name, picture in pictures.PICTURES.items():
        assert not name[0].isupper() or len(picture.__doc__.split()) >= 4, name


@pytest.mark.parametrize("ending", ["", "-dark"])
def test_letters_and_lines_are_seen_on_their_page(pictures, drawing, ending):
    """WCAG 2.2: 4.5 for letters (1.4.3) and 3 for graphics (1.4.11), where they are not on an image."""
    from matplotlib.text import Text

    ground, checked = drawing.GROUNDS[ending], 0
    for name in pictures.PICTURES:
        if name in ALIKE or name.startswith("gallery-"):
            continue
        for ax in pictures.drawn(name, ending).axes:
            letters = [text for text in ax.findobj(Text) if text.get_text() and text.get_bbox_patch() is None]
            lines = [] if ax.images else ax.lines
            assert all(contrast(text.get_color(), ground) >= 4.5 for text in letters), name
            assert all(contrast(line.get_color(), ground) >= 3 for line in lines if line.get_visible()), name
            checked += len(letters) + len(lines)
    assert checked > 200


def test_no_letters_are_smaller_than_the_page(pictures, drawing):
    """A picture's letters have 16 pixels where an inch of it has as many as its width on the page says."""
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    figure = Figure()
    figure.subplots().set_title("small", fontsize=5)
    figure.suptitle("large", fontsize=12)
    sizes = {text.get_text(): text.get_fontsize() for text in drawing.legible(figure).findobj(Text)}
    assert sizes["small"] * drawing.WIDTH / 72 == pytest.approx(16)
    assert sizes["large"] == 12
    for text in pictures.drawn("laws", "-dark").findobj(Text):
        assert text.get_fontsize() >= drawing.LETTERS


def test_twins_are_files_without_a_ground(pictures, tmp_path):
    from PIL import Image

    pictures.draw(tmp_path, ["gallery-Shared", "common-uniforms"])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("common-uniforms-dark.png", "common-uniforms.png"),
        *("gallery-Shared-dark.png", "gallery-Shared.png"),
    ]
    for path in tmp_path.iterdir():
        with Image.open(path) as picture:
            assert picture.convert("RGBA").getpixel((0, 0))[3] == 0


def test_a_page_has_both_and_the_width_of_its_letters(script, drawing, tmp_path):
    pytest.importorskip("docutils")
    from docutils import nodes, utils
    from PIL import Image

    for name in ("a.png", "a-dark.png", "b.png"):
        Image.new("RGB", (300, 30)).save(tmp_path / name)
    doctree = utils.new_document("page")
    for uri in ("../_static/generated/a.png", "/_static/generated/b.png", "../elsewhere/a.png"):
        doctree += nodes.paragraph("", "", nodes.image(uri=uri, alt="words"))
    script("twins").add_twins(doctree, tmp_path)
    both, alone, other = ([dict(image.attributes) for image in p.findall(nodes.image)] for p in doctree.children)
    width = f"{300 / drawing.SHARPNESS:.0f}px"
    assert [(one["uri"], one["classes"], one["alt"], one["width"]) for one in both] == [
        ("../_static/generated/a.png", ["only-light"], "words", width),
        ("../_static/generated/a-dark.png", ["only-dark"], "words", width),
    ]
    assert [len(alone), len(other)] == [1, 1]
    assert [one["classes"] for one in (*alone, *other)] == [[], []]
    assert "width" not in alone[0]


def test_a_page_s_code_runs_up_to_what_is_wanted(drawing, tmp_path, monkeypatch):
    """Hidden blocks too, in a folder of its own; what it saves is not written."""
    (tmp_path / "page.md").write_text(
        "# T\n\n```python\n>>> 1 / 0\n```\n\n<!-- invisible-code-block: python\na = 2\n-->\n\n"
        "```python\nfrom pathlib import Path\nfrom matplotlib.figure import Figure\n"
        "Path('x').write_text('')\nb = a + 1\nFigure((a, b)).savefig('p.png')\n```\n\n```python\n1 / 0\n```\n"
    )
    monkeypatch.setattr(drawing, "DOCS", tmp_path)
    assert drawing.run_page("page.md", "b") == 3
    assert drawing.run_page("page.md", "p.png").get_size_inches().tolist() == [2, 3]
    assert [path.name for path in tmp_path.iterdir()] == ["page.md"]
    with pytest.raises(ZeroDivisionError):
        drawing.run_page("page.md", "c")
