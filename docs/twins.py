"""Pictures on light and on dark pages: of one that is drawn for both, a page has both, and the theme shows one."""

from __future__ import annotations

from pathlib import Path

from docutils import nodes
from drawing import SHARPNESS
from PIL import Image


def add_twins(doctree: nodes.document, folder: Path) -> None:
    """Set the second picture beside every picture of ``folder`` that has one there, and the width of both.

    Furo shows an ``only-light`` or an ``only-dark`` one. The width is the one at which letters have the page's size.
    """
    for light in list(doctree.findall(nodes.image)):
        path = folder / Path(light["uri"]).name
        twin = path.with_name(f"{path.stem}-dark{path.suffix}")
        if "/generated/" not in light["uri"] or not twin.exists():
            continue
        with Image.open(path) as picture:
            light["width"] = f"{picture.width / SHARPNESS:.0f}px"
        dark = light.deepcopy()
        dark["uri"] = light["uri"].replace(path.name, twin.name)
        light["classes"].append("only-light")
        dark["classes"].append("only-dark")
        light.parent.insert(light.parent.index(light) + 1, dark)
