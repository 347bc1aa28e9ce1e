"""What a result says that it was made with."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from trainer.record import versions


def git(folder, *words):
    name = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.org")
    done = subprocess.run(["git", "-C", folder, *name, *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_the_commit_and_whether_something_is_not_committed(tmp_path, monkeypatch):
    git(tmp_path, "init", "--quiet")
    (tmp_path / "script.py").touch()
    monkeypatch.setattr(versions, "__file__", str(tmp_path / "script.py"))
    assert versions.commit() == "unknown"  # nothing is committed yet
    git(tmp_path, "add", "script.py")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    assert versions.commit() == git(tmp_path, "rev-parse", "--short", "HEAD")
    (tmp_path / "script.py").write_text("changed")
    assert versions.commit() == git(tmp_path, "rev-parse", "--short", "HEAD") + "+"


def test_outside_a_repository_or_without_git_it_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr(versions, "__file__", str(tmp_path / "script.py"))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert versions.commit() == "unknown"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert versions.commit() == "unknown"


def test_the_version_is_the_installed_ones(monkeypatch):
    monkeypatch.setattr(versions, "version", lambda name: {"jointaug": "1.2.3"}[name])
    assert versions.installed_version() == "1.2.3"

    def missing(name):
        raise versions.PackageNotFoundError(name)

    monkeypatch.setattr(versions, "version", missing)
    assert versions.installed_version() == "from a checkout, not installed"
