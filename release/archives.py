"""Archives whose bytes depend on what is in them, and not on where, when and by whom they were made."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import tarfile
from pathlib import Path

OLDEST = 315532800  # 1980-01-01, the first day that zip archives know


def epoch(root: Path) -> int:
    """Seconds since 1970 that all files are dated: ``SOURCE_DATE_EPOCH``, or the last commit's; without git 1980."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given is None:
        git = subprocess.run(
            ["git", "log", "-1", "--format=%ct"], cwd=root, capture_output=True, text=True, check=False
        )
        given = git.stdout.strip() or str(OLDEST)
    if not given.isdecimal() or int(given) < OLDEST:
        raise SystemExit(f"SOURCE_DATE_EPOCH must be whole seconds from {OLDEST} (1980) on, got {given!r}; unset it")
    return int(given)


def repack(sdist: Path, date: int) -> None:
    """Write an sdist anew: files in order, of one date, nobody's, and readable by all.

    Args:
        sdist: a ``.tar.gz``.
        date: of all files, in seconds since 1970.
    """
    packed = io.BytesIO()
    with tarfile.open(sdist) as old, tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as new:
        for member in sorted(old.getmembers(), key=lambda member: member.name):
            if not (member.isfile() or member.isdir()):
                raise SystemExit(f"{sdist.name} must hold files and folders alone, got {member.name}; leave it out")
            clean = tarfile.TarInfo(member.name)
            clean.type, clean.size, clean.mtime = member.type, member.size, date
            clean.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            new.addfile(clean, old.extractfile(member) if member.isfile() else None)
    with sdist.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=date) as zipped:
        zipped.write(packed.getvalue())
