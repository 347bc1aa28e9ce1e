"""An sdist's bytes depend on its files alone; the date is given, the commit's, or 1980."""

from __future__ import annotations

import tarfile

import pytest


def packed(path, files, *, mtime, owner, order):
    """A ``.tar.gz`` as some machine may make it."""
    folder = path.parent / f"{path.name}.files"
    for name, (text, mode) in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
        (folder / name).chmod(mode)

    def dressed(member):
        member.mtime, member.uid, member.uname = mtime, *owner
        return member

    with tarfile.open(path, "w:gz") as archive:
        for name in sorted(files, reverse=order):
            archive.add(folder / name, f"x-1/{name}", filter=dressed)
    return path


def test_the_same_files_give_the_same_bytes(tmp_path):
    import archives

    files = {"a/run.sh": ("#!/bin/sh", 0o755), "b.txt": ("text", 0o644)}
    stricter = {"a/run.sh": ("#!/bin/sh", 0o700), "b.txt": ("text", 0o600)}  # umask 077
    one = packed(tmp_path / "one.tar.gz", files, mtime=1e9, owner=(0, "root"), order=False)
    other = packed(tmp_path / "other.tar.gz", stricter, mtime=1.2e9, owner=(1000, "me"), order=True)
    assert one.read_bytes() != other.read_bytes()
    for path in (one, other):
        archives.repack(path, 1_700_000_000)
    assert one.read_bytes() == other.read_bytes()
    with tarfile.open(one) as archive:
        assert archive.extractfile("x-1/b.txt").read() == b"text"
        assert [(m.name, m.mode, m.mtime) for m in archive] == [
            ("x-1/a/run.sh", 0o755, 1_700_000_000),
            ("x-1/b.txt", 0o644, 1_700_000_000),
        ]


def test_other_files_give_other_bytes(tmp_path):
    import archives

    made = []
    for text in ("text", "texts"):
        path = packed(tmp_path / f"{text}.tar.gz", {"b": (text, 0o644)}, mtime=1e9, owner=(0, "root"), order=False)
        archives.repack(path, 1_700_000_000)
        made.append(path.read_bytes())
    assert made[0] != made[1]


def test_the_date(tmp_path, monkeypatch):
    import archives

    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert archives.epoch(tmp_path) == 1_700_000_000
    for wrong in ("yesterday", "-1", "0", "315532799"):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", wrong)
        with pytest.raises(SystemExit, match="1980"):
            archives.epoch(tmp_path)
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert archives.epoch(tmp_path) == archives.OLDEST


def test_links_are_refused(tmp_path):
    import archives

    (tmp_path / "link").symlink_to("nowhere")
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "link", "x-1/link")
    with pytest.raises(SystemExit, match="x-1/link"):
        archives.repack(tmp_path / "x.tar.gz", 1_700_000_000)
