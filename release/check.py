"""Whether what `make wheels` made may go out: `make wheels-check`.

Every wheel is opened: its name, its one library, what that exports and needs. The one for this machine is put into
a new environment without a compiler, and the tests of the native code run there, out of the unpacked sdist.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import venv
import zipfile
from pathlib import Path
from typing import Any

NEWEST_GLIBC = (2, 28)
EXPORTS = {"ja_run", "ja_level", "ja_interface", "ja_keep_above", "ja_first_in_order", "ja_uniforms"}
ELF_NEEDS = {"libc.so.6", "libm.so.6", "libpthread.so.0", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}
LINKERS = {"_mh_dylib_header", "__dso_handle"}  # macOS' linker exports these on its own
WINDOWS_NEEDS = re.compile(
    r"kernel32\.dll|ntdll\.dll|api-ms-win-crt-[a-z]+-l1-1-0\.dll|ucrtbase\.dll|msvcrt\.dll", re.IGNORECASE
)
LIBRARY = {"manylinux": "_kernels.so", "macosx": "_kernels.so", "win": "_kernels.dll"}
HERE = "manylinux_2_28_x86_64"
TESTS = ["tests/native", "tests/test_about.py", "README.md"]  # gcc's level among them, and the six lines


class Refused(Exception):  # noqa: N818 (what it is)
    """What must not go out, and why."""


def need(holds: bool, what: str) -> None:
    """Refuse unless something holds."""
    if not holds:
        raise Refused(what)


def check_wheel(path: Path) -> str:
    """The platform that a wheel is for, once its name, its metadata and its library agree.

    Raises:
        Refused: if they do not.
    """
    _, _, python, abi, platform = path.stem.split("-")
    need((python, abi) == ("py3", "none") and platform != "any", f"{path.name}: no py3-none-any, no other Python's")
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        (meta,) = [name for name in names if name.endswith(".dist-info/WHEEL")]
        tags = re.findall(r"^Tag: (.*)$", archive.read(meta).decode(), re.MULTILINE)
        need(tags == [f"py3-none-{platform}"], f"{path.name}: its file WHEEL says {tags}")
        libraries = [name for name in names if name.endswith((".so", ".dll", ".dylib", ".pyd"))]
        wanted = f"jointaug/_native/{LIBRARY[re.split('[_0-9]', platform)[0]]}"
        need(libraries == [wanted], f"{path.name}: must hold {wanted}, has {libraries}")
        need(
            not [name for name in names if name.split("/")[0] != "jointaug" and ".dist-info/" not in name],
            f"{path.name}: {names}",
        )
        library = archive.read(wanted)
    check_library(library, platform)
    return platform


def check_library(library: bytes, platform: str) -> None:
    """Whether a library is for a platform: format, processor, exports, what it needs, and nothing to debug it by.

    Raises:
        Refused: if not.
    """
    import lief  # late: names and tags can be told without

    found = lief.parse(list(library))
    if platform.startswith("manylinux"):
        machine = {"x86_64": lief.ELF.ARCH.X86_64, "aarch64": lief.ELF.ARCH.AARCH64}[platform.partition("28_")[2]]
        need(isinstance(found, lief.ELF.Binary) and found.header.machine_type == machine, f"{platform}: {found.header}")
        exports = {symbol.name for symbol in found.exported_symbols}
        needs = set(found.libraries)
        need(needs <= ELF_NEEDS, f"{platform}: needs {needs - ELF_NEEDS}")
        asked = [aux.name for needed in found.symbols_version_requirement for aux in needed.get_auxiliary_symbols()]
        versions = [tuple(map(int, name.removeprefix("GLIBC_").split("."))) for name in asked]
        need(max(versions) <= NEWEST_GLIBC, f"{platform}: needs glibc {max(versions)}")
        left = [section.name for section in found.sections if section.name in (".symtab", ".debug_info")]
        need(not left, f"{platform}: not stripped, has {left}")
    elif platform.startswith("macosx"):
        need(isinstance(found, lief.MachO.Binary), f"{platform}: {type(found)}")
        need(found.header.cpu_type == lief.MachO.Header.CPU_TYPE.ARM64, f"{platform}: {found.header.cpu_type}")
        exports = {symbol.name.removeprefix("_") for symbol in found.exported_symbols} - LINKERS
        needs = {library.name for library in found.libraries}
        need(needs == {"@rpath/_kernels.so", "/usr/lib/libSystem.B.dylib"}, f"{platform}: needs {needs}")
        oldest = list(found.build_version.minos)[:2]
        need(oldest == [11, 0], f"{platform}: runs from macOS {oldest} on")
        need(found.has_code_signature, f"{platform}: macOS loads nothing without a signature on arm64")
    else:
        need(isinstance(found, lief.PE.Binary), f"{platform}: {type(found)}")
        need(found.header.machine == lief.PE.Header.MACHINE_TYPES.AMD64, f"{platform}: {found.header.machine}")
        exports = {entry.name for entry in found.get_export().entries}
        needs = {entry.name for entry in found.imports}
        need(all(map(WINDOWS_NEEDS.fullmatch, needs)), f"{platform}: needs {needs}")
    need(exports == EXPORTS, f"{platform}: exports {exports ^ EXPORTS} too much or too little")


def check_tags(path: Path, platform: str) -> None:
    """Ask auditwheel whether a wheel for Linux keeps what its name promises.

    Raises:
        Refused: if it does not.
    """
    command = [sys.executable, "-m", "auditwheel", "show", str(path)]
    said = " ".join(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())
    (found,) = re.findall(r'consistent with the following platform tag: "(\w+)"', said)
    version = tuple(map(int, re.findall(r"manylinux_(\d+)_(\d+)_", found)[0])) if "manylinux_" in found else (99,)
    need(version <= NEWEST_GLIBC, f"{path.name}: auditwheel says {found}, which is newer than {platform}")


def try_out(wheel: Path, sdist: Path, constraints: Path, beside: Path | None) -> str:
    """Install a wheel into a new environment without a compiler and use it there; what was seen.

    Args:
        wheel: for this machine.
        sdist: whose tests run there.
        constraints: versions, for pip.
        beside: ``site-packages`` of another environment, to take torch and pytest from; None: they are installed.

    Raises:
        Refused: if it does not find the instruction set of this processor, or a test fails or has nothing to test.
    """
    with tempfile.TemporaryDirectory() as folder:
        home, nothing = Path(folder, "venv"), Path(folder, "nothing")
        nothing.mkdir()
        venv.create(home, with_pip=True)
        python = str(home / "bin" / "python")
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-c", str(constraints)]
        (packages,) = home.glob("lib/python*/site-packages")
        if beside is None:
            subprocess.run([*pip, "torch", "torchvision", "numpy", "scipy", "pillow", "pytest", "sybil"], check=True)
        else:
            (packages / "beside.pth").write_text(f"{beside}\n")
        env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "JOINTAUG_NATIVE")}
        bare: dict[str, Any] = {"env": {**env, "PATH": str(nothing)}, "cwd": folder, "check": True}
        start = time.monotonic()
        subprocess.run([*pip, "--force-reinstall", "--no-deps", str(wheel)], **bare)
        seconds = time.monotonic() - start
        kernels = show(wheel, python, packages, bare["env"])
        need(kernels in ("avx2", "avx512"), f"{wheel.name}: on this processor it runs {kernels}")
        said = test(sdist, Path(folder), python, TESTS, env)
    return f"{wheel.name}: installed in {seconds:.1f} s; kernels: {kernels}; of the sdist, {said}"


def show(wheel: Path, python: str, packages: Path, env: dict[str, str]) -> str:
    """The kernels that `show_config` names, once it is the wheel's.

    Args:
        wheel: that was installed.
        python: that has it.
        packages: the folder that it was installed into.
        env: variables.

    Raises:
        Refused: if another jointaug is imported.
    """
    command = [python, "-W", "error", "-c", "import jointaug; jointaug.show_config()"]
    said = subprocess.run(command, env=env, cwd=packages.parent, check=True, capture_output=True, text=True).stdout
    need(f", {packages / 'jointaug'}" in said, f"{wheel.name} is not what was imported:\n{said}")
    (kernels,) = re.findall(r"^kernels\s+(.*)$", said, re.MULTILINE)
    return str(kernels)


def test(sdist: Path, folder: Path, python: str, tests: list[str], env: dict[str, str]) -> str:
    """Run tests of an sdist on the jointaug that is installed; pytest's last line.

    Args:
        sdist: with the tests.
        folder: to unpack it into.
        python: with jointaug, torch and pytest.
        tests: files, and what else pytest is told.
        env: variables.

    Raises:
        Refused: if a test fails, or is left out.
    """
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (top,) = folder.glob("jointaug-*")  # it holds no library: what is tested is the installed one
    code = "import sys, pytest; sys.path.remove(''); sys.exit(pytest.main(sys.argv[1:]))"
    command = [python, "-c", code, "-q", "-rs", "-p", "no:cacheprovider", *tests]
    ran = subprocess.run(command, cwd=top, env=env, capture_output=True, text=True, check=False)
    need(ran.returncode == 0 and " skipped" not in ran.stdout, f"{sdist.name}:\n{ran.stdout}{ran.stderr}")
    return ran.stdout.splitlines()[-1]


def main(dist: Path, root: Path, beside: Path | None) -> None:
    """Check all that lies in a folder.

    Args:
        dist: that folder.
        root: of the checkout.
        beside: as `try_out`.
    """
    (sdist,) = dist.glob("jointaug-*.tar.gz")
    wheels = {check_wheel(path): path for path in sorted(dist.glob("jointaug-*.whl"))}
    for platform, path in wheels.items():
        if platform.startswith("manylinux"):
            check_tags(path, platform)
        print(f"{path.name}: {path.stat().st_size // 1024} KiB, its library fits its name", flush=True)
    subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", str(sdist), *map(str, wheels.values())], check=True
    )
    if HERE in wheels and sys.platform == "linux" and os.uname().machine == "x86_64":
        print(try_out(wheels[HERE], sdist, root / "constraints.txt", beside))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dist", nargs="?", type=Path, default=Path("dist"), help="folder with the sdist and the wheels")
    parser.add_argument("--beside", type=Path, help="site-packages to take torch and pytest from, to download nothing")
    given = parser.parse_args()
    try:
        main(given.dist.resolve(), Path(__file__).resolve().parents[1], given.beside)
    except Refused as refused:
        raise SystemExit(f"refused: {refused}") from None
