"""Check the built documentation: `make docs-check`.

Without a browser: every link and anchor inside the site leads somewhere, every picture is there. In headless Chromium,
at desktop and phone width, light and dark: no error on the console, no failed request, no block of code wider than its
room on a desktop, no page wider than the window, every picture loaded, the one drawn for that ground, and on a phone
with letters as large as the page's; the slider moves; the search page finds what people look for. External links are
listed, not followed. Screenshots of some pages go to ``--shots``.
"""

# ruff: noqa: ARG002, T201  # HTMLParser passes more than is needed; a command
from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

SEARCHES = (
    *("Lightning", "HuggingFace", "WebDataset", "segmentation", "changelog"),
    *("Windows", "compiler", "license", "cite", "bug"),
)
SHOTS = (
    "index",
    "gallery",
    "explanation/beta",
    "explanation/the-laws",
    "reference/generated/class-jointaug.JointCrop",
)
VARIANTS = [
    (width, scheme) for width in (1440, 390) for scheme in ("light", "dark")
]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

CUT = """() => [...document.querySelectorAll("div.highlight pre")]
    .filter(pre => pre.scrollWidth > pre.clientWidth + 1).map(pre => pre.textContent.slice(0, 60))"""
WIDE = "() => document.documentElement.scrollWidth > window.innerWidth + 1"
UNLOADED = """() => [...document.images].map(i => { i.loading = "eager"; return i })
    .filter(i => i.complete && !i.naturalWidth).map(i => i.src)"""

PICTURES = """[...document.images].filter(i => i.src.includes("/_images/") && i.offsetWidth)"""
UNTHEMED = f"""dark => {PICTURES}
    .filter(i => i.src.endsWith("-dark.png") != dark).map(i => i.src)"""
SMALL = f"() => {PICTURES}.filter(i => i.offsetWidth < parseFloat(i.style.width) - 1).map(i => i.src)"


class Page(HTMLParser):
    """Anchors of a page, and what it links to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(
        self, tag: str, attrs: list[tuple[str, str | None]]
    ) -> None:
        """Keep its anchor and its link."""
        given = dict(attrs)
        self.anchors.update(
            value for name in ("id", "name") if (value := given.get(name))
        )
        self.links += [
            value for name in ("href", "src") if (value := given.get(name))
        ]


def dead_links(site: Path) -> tuple[list[str], set[str]]:
    """Links inside the site that lead nowhere, and the external ones."""
    pages = {
        path: Page(path.read_text(encoding="utf-8"))
        for path in sorted(site.rglob("*.html"))
    }
    dead, external = [], set()
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                external |= {link} if parts.scheme.startswith("http") else set()
                continue
            target = (
                (path.parent / unquote(parts.path)).resolve()
                if parts.path
                else path
            )
            anchor = unquote(parts.fragment)
            if not target.exists() or (
                anchor and target in pages and anchor not in pages[target].anchors
            ):
                dead.append(f"{path.relative_to(site)}: {link}")
    return dead, external


def in_browser(browser: Any, site: Path, shots: Path | None) -> Iterator[str]:
    """What is wrong with the pages as a reader sees them."""
    paths = [
        path
        for path in sorted(site.rglob("*.html"))
        if "_modules" not in path.parts
    ]
    for width, scheme in VARIANTS:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme
        )
        page = context.new_page()
        told: list[str] = []
        page.on(
            "console",
            lambda message, told=told: (
                message.type in ("error", "warning") and told.append(message.text)
            ),
        )
        page.on("pageerror", lambda error, told=told: told.append(str(error)))
        page.on(
            "requestfailed",
            lambda request, told=told: told.append(f"not loaded: {request.url}"),
        )
        page.on(
            "request",
            lambda r, told=told: (
                r.url.startswith("http")
                and told.append(f"from the network: {r.url}")
            ),
        )
        for path in paths:
            name = path.relative_to(site).with_suffix("").as_posix()
            if (
                width != VARIANTS[0][0]
                and name.startswith("reference/generated/")
                and name not in SHOTS
            ):
                continue  # one layout; at the desktop's width each was looked at
            told.clear()
            page.goto(path.as_uri())
            told += [
                f"code is cut: {code!r}"
                for code in (page.evaluate(CUT) if width > 1000 else [])
            ]
            told += ["wider than the window"] if page.evaluate(WIDE) else []
            told += [f"no picture: {source}" for source in page.evaluate(UNLOADED)]
            told += [
                f"a picture for the other ground: {source}"
                for source in page.evaluate(UNTHEMED, scheme == "dark")
            ]
            told += [
                f"letters of a picture are smaller than the page's: {source}"
                for source in (page.evaluate(SMALL) if width < 1000 else [])
            ]
            if shots and name in SHOTS:
                page.wait_for_timeout(500)
                page.screenshot(
                    path=shots / f"{path.stem}-{width}-{scheme}.png", full_page=True
                )
            yield from (f"{name} at {width} px, {scheme}: {what}" for what in told)
        context.close()


def use(browser: Any, site: Path) -> Iterator[str]:
    """What does not work: the slider and the search."""
    page = browser.new_page()
    page.goto((site / "explanation" / "beta.html").as_uri())
    before = page.inner_text("#beta .tail"), page.get_attribute("#beta .area", "d")
    page.focus("#beta input")
    page.keyboard.press("ArrowLeft")
    after = page.inner_text("#beta .tail"), page.get_attribute("#beta .area", "d")
    if any(old == new for old, new in zip(before, after, strict=True)):
        yield "explanation/beta: the slider moves nothing"
    for word in SEARCHES:
        page.goto(f"{(site / 'search.html').as_uri()}?q={word}")
        try:
            page.wait_for_selector("ul.search li a", timeout=10_000)
        except Exception:
            yield f"search: nothing found for {word}"


def main() -> int:
    """Check, print what is wrong, and say so by the exit status."""
    parser = argparse.ArgumentParser(description="Check the built documentation.")
    parser.add_argument(
        "site", type=Path, nargs="?", default=Path("docs/_build/html")
    )
    parser.add_argument(
        "--shots", type=Path, help="folder for screenshots of some pages"
    )
    arguments = parser.parse_args()
    site = arguments.site.resolve()
    if arguments.shots:
        arguments.shots.mkdir(parents=True, exist_ok=True)
    wrong, external = dead_links(site)
    wrong = [f"dead link: {link}" for link in wrong]

    from playwright.sync_api import sync_playwright

    own = next(
        filter(None, map(shutil.which, BROWSERS)), None
    )  # else the one that playwright installed
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=own, args=["--no-sandbox"])
        wrong += [*in_browser(browser, site, arguments.shots), *use(browser, site)]
        browser.close()
    print(
        f"{len(external)} external links, not followed:",
        *sorted(external),
        sep="\n  ",
    )
    print(f"{len(wrong)} wrong", *wrong, sep="\n  ")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
