"""Sphinx configuration. Build: ``sphinx-build -W -n --keep-going docs docs/_build/html``; nothing is fetched."""

# ruff: noqa: ARG001  # Sphinx passes its events more than a handler needs
from __future__ import annotations

import re
import sys
import zlib
from importlib import metadata
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import inspect

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS))

import diffs  # noqa: E402  # beside this file, as the next five
import fragments  # noqa: E402
import interactive  # noqa: E402
import pictures  # noqa: E402
import reference_pages  # noqa: E402
import twins  # noqa: E402

import jointaug  # noqa: E402

project = "jointaug"
author = "The jointaug authors"
copyright = "2025, the jointaug authors"  # noqa: A001  # Sphinx's name

release = metadata.version("jointaug")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build", "_static"]
html_theme = "furo"
html_title = f"jointaug {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
# of the npm package mathjax 3.2.2: pages work offline
mathjax_path = "mathjax/tex-svg.js"
html_show_sourcelink = False
pygments_style = "friendly"

myst_enable_extensions = ["dollarmath", "substitution"]
myst_substitutions = {
    "version": release,
    "unreleased": fragments.unreleased(DOCS.parent),
}
myst_heading_anchors = 3

default_role = "any"  # a name in single backticks, in a docstring, is a link
autodoc_typehints_format = "short"
autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"

nitpick_ignore_regex = [
    (
        r"py:class",
        r"(?!torch).*",
    ),  # annotations name types of other libraries, whose inventories would be fetched, and aliases
    (r"any", r"FRESH"),
]


def inventory(name: str) -> str:
    """The names of a library that are used here, as intersphinx reads them: fetching the library's own may fail."""
    lines = (DOCS / "inventories" / f"{name}.txt").read_bytes()
    path = DOCS / "_static" / "generated" / f"{name}.inv"
    path.parent.mkdir(parents=True, exist_ok=True)
    head = f"# Sphinx inventory version 2\n# Project: {name}\n# Version:\n# The remainder is compressed using zlib.\n"
    path.write_bytes(head.encode() + zlib.compress(lines))
    return str(path)


intersphinx_mapping = {
    "torch": ("https://docs.pytorch.org/docs/stable/", inventory("torch")),
    "torchvision": (
        "https://docs.pytorch.org/vision/stable/",
        inventory("torchvision"),
    ),
}


def draw_and_write(app: Sphinx) -> None:
    """Draw the pictures and write the reference's pages, before Sphinx looks for its sources."""
    pictures.draw(DOCS / "_static" / "generated")
    interactive.write(DOCS / "_static" / "generated")
    reference_pages.write(jointaug, DOCS / "reference" / "generated")


def add_picture(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Put a transform's picture after the first paragraph of its docstring."""
    short = name.rpartition(".")[2]
    if what == "class" and short in pictures.PICTURES:
        caption = (pictures.PICTURES[short].__doc__ or "").strip()
        after = next(
            (i for i, line in enumerate(lines) if not line.strip()), len(lines)
        )
        figure = [
            f".. figure:: /_static/generated/{short}.png",
            f"   :alt: {caption}",
            "",
            f"   {caption}",
        ]
        lines[after:after] = ["", *figure, ""]


def keep_prose(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Keep napoleon from taking what stands before a property's first colon for its type: it reads the first line."""
    if what in ("attribute", "data", "property"):
        lines.insert(0, "")


def find_words_of_data(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Take the words about a constant from where it is set."""
    if what == "data" and (words := reference_pages.words_of_data(name)):
        lines[:] = words


def skip_private_bases(
    app: Sphinx, name: str, obj: Any, options: Any, bases: list[Any]
) -> None:
    """Name the public ancestors in place of a private base."""
    for i, base in reversed(list(enumerate(bases))):
        if isinstance(base, type) and base.__name__.startswith("_"):
            bases[i : i + 1] = [b for b in base.__bases__ if b not in bases]


def sign_by_init(
    app: Sphinx,
    what: str,
    name: str,
    obj: Any,
    options: Any,
    signature: str | None,
    returns: str | None,
) -> tuple[str | None, str | None]:
    """Show what ``__init__`` takes where ``__new__`` takes anything, in order to refuse it with a better message."""
    if what == "class" and signature and "**keywords" in signature:
        own = inspect.signature(obj.__init__, bound_method=True)
        signature = inspect.stringify_signature(
            own, unqualified_typehints=True, show_return_annotation=False
        )
    return signature, returns


def name_diffs_from_root(app: Sphinx, doctree: nodes.document) -> None:
    """Name the files of a shown diff as they lie in the repository."""
    for node in doctree.findall(nodes.literal_block):
        if node.get("language") == "udiff":
            node.rawsource = diffs.named_from(DOCS.parent, node.astext())
            node.children = [nodes.Text(node.rawsource)]


def add_twins(app: Sphinx, doctree: nodes.document) -> None:
    """Show pictures on dark pages as they are drawn for these."""
    twins.add_twins(doctree, DOCS / "_static" / "generated")


def mend_links_to_pages(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict[str, Any],
    doctree: Any,
) -> None:
    """Sources link to an object's page by the name that it has there.

    viewcode gives all objects of a module the name of the first one's package.
    """
    if not pagename.startswith("_modules/"):
        return
    objects = app.env.get_domain("py").objects  # type: ignore[attr-defined]

    def mended(link: re.Match[str]) -> str:
        page, name = link.groups()
        if name in objects:
            return link[0]
        last = name.rpartition(".")[2]
        there = [
            known
            for known, entry in objects.items()
            if page.endswith(f"{entry.docname}.html")
            and known.rpartition(".")[2] == last
        ]
        return f'href="{page}#{there[0]}"' if len(there) == 1 else link[0]

    context["body"] = re.sub(r'href="([^"#]+)#([\w.]+)"', mended, context["body"])


def setup(app: Sphinx) -> None:
    """Register the steps above."""
    app.connect("builder-inited", draw_and_write, priority=100)
    app.connect("autodoc-process-docstring", find_words_of_data, priority=300)
    app.connect("autodoc-process-docstring", keep_prose, priority=400)
    app.connect("autodoc-process-docstring", add_picture)
    app.connect("autodoc-process-signature", sign_by_init)
    app.connect("autodoc-process-bases", skip_private_bases)
    app.connect("doctree-read", name_diffs_from_root)
    # before Sphinx looks which pictures there are
    app.connect("doctree-read", add_twins, priority=100)
    app.connect("html-page-context", mend_links_to_pages)
