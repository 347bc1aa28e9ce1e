"""Sentences of at most 40 words, in American spelling."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [path for path in sorted((ROOT / "docs").rglob("*.md")) if "_build" not in path.parts]
WORDS = 40
BRITISH = re.compile(
    r"\b(colour\w*|grey\w*|neighbour\w*|behaviour\w*|centres?|centred|metres?|modell(?:ed|ing)|"
    r"labell(?:ed|ing)|licences?|artefacts?|favour\w*|normalis\w+|optimis\w+|initialis\w+|realis(?:e|ed|es|ing)|"
    r"analys(?:e|ed|es|ing)|organis\w+|summaris\w+|generalis\w+|visualis\w+|recognis\w+|utilis\w+|whilst|cancell(?:ed|ing))\b",
    re.IGNORECASE,
)


def prose(text):
    """Paragraphs and items of a page, each as one line, without code, tables, directives, formulas and addresses."""
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"^(`{3,}).*?^\1$", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"\$\$.*?\$\$", "", text, flags=re.DOTALL)
    text = re.sub(r"^(#|\|).*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"`[^`]*`|\$[^$]*\$", "Code", text)
    for part in re.split(r"\n\s*\n|\n\s*(?:[-*]|\d+\.) ", text):
        if part.strip():
            yield " ".join(part.split())


def sentences(text):
    """Ends are a period, question or exclamation mark before a blank; a colon at a paragraph's end is one too."""
    for part in prose(text):
        part = re.sub(r"\b(eqs?|sec|vs|al|Figs?|App|i\.e|e\.g|Alg|resp)\.", r"\1", part)
        yield from re.split(r"(?<=[.?!])[)\"*]* +(?=[A-Z0-9\"(*`-]|k-NN|torchvision|v[12]'s)", part)


def words(sentence):
    return re.findall(r"[\w'’./%-]*\w[\w'’./%-]*", sentence)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sentences_are_short_and_american(path):
    text = path.read_text(encoding="utf-8")
    assert [sentence for sentence in sentences(text) if len(words(sentence)) > WORDS] == []
    assert [found[0] for part in prose(text) for found in BRITISH.finditer(part)] == []


def test_sentences_are_told_apart():
    text = "# T\n\nOne two (eq. 3) three. Four `a b` [five six](x.md)?\n\n- Seven:\n- eight\n\n```python\nnine\n```\n"
    assert [words(sentence) for sentence in sentences(text)] == [
        ["One", "two", "eq", "3", "three."],
        ["Four", "Code", "five", "six"],
        ["Seven"],
        ["eight"],
    ]
    assert [bool(BRITISH.search(text)) for text in ("the colour", "Centred", "colors, center, gray")] == [
        True,
        True,
        False,
    ]
