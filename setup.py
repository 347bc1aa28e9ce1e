"""Builds the native kernels: a plain shared library for ctypes, free of the ABIs of Python and torch.

With ``JOINTAUG_WHEEL=<platform tag>`` in the environment (see `TARGETS`; `make wheels` does that) it is compiled for
that platform by zig, on whatever machine this is, and must compile. Else the compiler of this machine makes it, and
where there is none the package installs without it.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

SOURCES = Path("jointaug/_native/csrc")


def long_description() -> str:
    """README.md with its links made absolute, to this version's files: an index shows it far from them."""
    home = re.search(r'^Source = "(.*)"', Path("pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)[1]
    version = re.search(r'^__version__ = "(.*)"', Path("jointaug/about.py").read_text(encoding="utf-8"), re.MULTILINE)[
        1
    ]
    text = Path("README.md").read_text(encoding="utf-8")
    text = re.sub(r"(!\[[^]]*\]\()(?!https?:|#)", rf"\g<1>{home}/raw/v{version}/", text)
    return re.sub(r"((?<!!)\[[^]]*\]\()(?!https?:|#)", rf"\g<1>{home}/blob/v{version}/", text)


class Target(NamedTuple):
    """A platform that zig compiles for: its name there, the file's ending, and what to link with."""

    zig: str
    ending: str
    link: tuple[str, ...]


TARGETS = {
    "manylinux_2_28_x86_64": Target("x86_64-linux-gnu.2.28", ".so", ("-lm", "-lpthread")),
    "manylinux_2_28_aarch64": Target("aarch64-linux-gnu.2.28", ".so", ("-lm", "-lpthread")),
    "macosx_11_0_arm64": Target("aarch64-macos.11.0", ".so", ("-Wl,-install_name,@rpath/_kernels.so",)),
    "win_amd64": Target("x86_64-windows-gnu", ".dll", ("-lpthread",)),
}
WHEEL = os.environ.get("JOINTAUG_WHEEL", "")
if WHEEL and WHEEL not in TARGETS:
    raise SystemExit(
        f"JOINTAUG_WHEEL must be one of {', '.join(TARGETS)}, got {WHEEL!r}; leave it out to build for here"
    )
ENDING = TARGETS[WHEEL].ending if WHEEL else ".dll" if sys.platform == "win32" else ".so"


class BuildLibrary(build_ext):
    """A file name without Python's version, and no Python to link with."""

    def get_ext_filename(self, fullname: str) -> str:
        """``jointaug/_native/_kernels.so``."""
        return str(Path(*fullname.split(".")).with_suffix(ENDING))

    def get_libraries(self, ext: Extension) -> list[str]:
        """What the extension names itself, without Python's own library."""
        return ext.libraries

    def get_export_symbols(self, ext: Extension) -> list[str]:
        """What the extension names itself, without a module's ``PyInit`` function."""
        return ext.export_symbols

    def build_extension(self, ext: Extension) -> None:
        """By zig, stripped, for the wheel that is wanted; or as setuptools does it, for here."""
        if not WHEEL:
            super().build_extension(ext)
            return
        target, path = TARGETS[WHEEL], Path(self.get_ext_fullpath(ext.name))
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:  # on Windows' behalf zig leaves an import library, too
            made = Path(folder, path.name)
            words = ["-target", target.zig, *ext.extra_compile_args, "-fPIC", "-shared", "-s", *ext.sources]
            zig = [sys.executable, "-m", "ziglang", "cc"]
            subprocess.run([*zig, *words, *target.link, "-o", str(made)], check=True)
            path.write_bytes(made.read_bytes())
        path.chmod(0o755)


class PlatformWheel(bdist_wheel):
    """One wheel for a platform serves every Python 3."""

    def get_tag(self) -> tuple[str, str, str]:
        """``py3-none-<platform>``; of a wheel that a machine without a compiler made for itself, ``py3-none-any``."""
        build = self.get_finalized_command("build_ext")
        built = all(Path(build.get_ext_fullpath(ext.name)).exists() for ext in build.extensions)
        return "py3", "none", (WHEEL or super().get_tag()[2]) if built else "any"


setup(
    long_description=long_description(),
    long_description_content_type="text/markdown",
    ext_modules=[
        Extension(
            "jointaug._native._kernels",
            sources=sorted(path.as_posix() for path in SOURCES.glob("*.c")),
            depends=sorted(path.as_posix() for path in [*SOURCES.glob("*.h"), *SOURCES.glob("*.inc")]),
            # Nothing that would change a result: no -ffast-math, which would lose NaN.
            extra_compile_args=[
                "-std=gnu11",
                "-O3",
                "-fno-math-errno",
                "-fno-trapping-math",
                "-fvisibility=hidden",
                "-Wall",
            ],
            libraries=["m", "pthread"],
            export_symbols=["ja_run", "ja_level", "ja_interface", "ja_keep_above", "ja_first_in_order", "ja_uniforms"],
            optional=not WHEEL,  # without a compiler the package still installs, and runs on torch alone
        )
    ],
    cmdclass={"build_ext": BuildLibrary, "bdist_wheel": PlatformWheel},
)
