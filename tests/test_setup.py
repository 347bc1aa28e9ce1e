"""What setup.py makes: a wheel without its library is for no platform, and an index can show README.md."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import jointaug

ROOT = Path(__file__).parents[1]
pytest.importorskip("setuptools", minversion="77")


def setup(folder, *words, **environment):
    clean = {name: value for name, value in os.environ.items() if name not in ("JOINTAUG_WHEEL", "PYTHONPATH")}
    command = [sys.executable, "setup.py", *words]
    return subprocess.run(
        command, cwd=folder, env={**clean, **environment}, capture_output=True, text=True, check=False
    )


@pytest.fixture
def checkout(tmp_path):
    """The sources of a small package."""
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE", "jointaug/about.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "jointaug" / "_native" / "csrc", tmp_path / "jointaug" / "_native" / "csrc")
    (tmp_path / "jointaug" / "__init__.py").touch()
    (tmp_path / "jointaug" / "py.typed").touch()
    return tmp_path


def test_without_a_compiler_the_wheel_is_for_no_platform(checkout):
    done = setup(checkout, "-q", "bdist_wheel", CC=str(checkout / "no-compiler"))
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (checkout / "dist").iterdir()] == [
        f"jointaug-{jointaug.__version__}-py3-none-any.whl"
    ]


def test_a_wheel_for_a_platform_must_have_its_library(checkout):
    """zig is not in this environment, or finds an error; nothing is made."""
    (checkout / "jointaug" / "_native" / "csrc" / "philox.c").write_text("no C")
    done = setup(checkout, "-q", "bdist_wheel", JOINTAUG_WHEEL="manylinux_2_28_x86_64")
    assert done.returncode != 0
    assert not (checkout / "dist").exists()


def test_an_unknown_platform_is_refused(checkout):
    done = setup(checkout, "-q", "bdist_wheel", JOINTAUG_WHEEL="linux_x86_64")
    assert "JOINTAUG_WHEEL must be one of manylinux_2_28_x86_64, " in done.stderr
    assert "got 'linux_x86_64'" in done.stderr


def test_the_long_descriptions_links_are_absolute_and_lead_somewhere():
    done = setup(ROOT, "-q", "--long-description")
    links = re.findall(r"\]\(([^)]*)\)", done.stdout)
    assert len(links) == len(re.findall(r"\]\([^)]*\)", (ROOT / "README.md").read_text())) > 20
    ours = re.compile(rf"https://[^ ]*/(?:blob|raw)/v{re.escape(jointaug.__version__)}/(.*)")
    found = {link: ours.fullmatch(link) for link in links}
    assert [link for link, match in found.items() if not match] == ["https://arxiv.org/abs/2412.16522"]
    for match in filter(None, found.values()):
        assert (ROOT / match[1].partition("#")[0]).is_file()
    assert "/raw/" in next(link for link in links if link.endswith(".png"))


def test_versions_agree():
    cited = re.search(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    changed = re.findall(r"^## ([\d.]+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert len(set(changed)) == len(changed), "a version has two headings"
    assert cited[1] == changed[0] == jointaug.__version__
