"""Builds the native kernels: a plain shared library for ctypes, free of the ABIs of Python and torch."""

import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

SOURCES = Path("jointaug/_native/csrc")


class BuildLibrary(build_ext):
    """A file name without Python's version, and no Python to link with."""

    def get_ext_filename(self, fullname: str) -> str:
        """``jointaug/_native/_kernels.so``."""
        return str(Path(*fullname.split(".")).with_suffix(".dll" if sys.platform == "win32" else ".so"))

    def get_libraries(self, ext: Extension) -> list[str]:
        """What the extension names itself, without Python's own library."""
        return ext.libraries

    def get_export_symbols(self, ext: Extension) -> list[str]:
        """What the extension names itself, without a module's ``PyInit`` function."""
        return ext.export_symbols


class PlatformWheel(bdist_wheel):
    """One wheel for a platform serves every Python 3."""

    def get_tag(self) -> tuple[str, str, str]:
        """``py3-none-<platform>``."""
        return "py3", "none", super().get_tag()[2]


setup(
    ext_modules=[
        Extension(
            "jointaug._native._kernels",
            sources=sorted(str(path) for path in SOURCES.glob("*.c")),
            depends=sorted(str(path) for path in [*SOURCES.glob("*.h"), *SOURCES.glob("*.inc")]),
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
            optional=True,  # without a compiler the package still installs, and runs on torch alone
        )
    ],
    cmdclass={"build_ext": BuildLibrary, "bdist_wheel": PlatformWheel},
)
