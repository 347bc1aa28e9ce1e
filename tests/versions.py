"""What an older package lacks or does wrongly, with the version that mended it: tests of it are left out there."""

from __future__ import annotations

from importlib.metadata import version
from typing import NamedTuple

import pytest
from packaging.version import Version


class Mended(NamedTuple):
    """A fault of a package's, the first version without it, and the first with it, if it once had none."""

    package: str
    version: str
    fault: str
    since: str = ""

    @property
    def here(self) -> bool:
        """Whether the package that is installed has it."""
        return Version(self.since or "0") <= Version(version(self.package)) < Version(self.version)

    @property
    def releases(self) -> str:
        """Those that have it."""
        return f"{self.package} {f'from {self.since} on, ' if self.since else ''}before {self.version}"

    @property
    def reason(self) -> str:
        """For the report of what was left out."""
        return f"{self.releases} {self.fault}"

    @property
    def mark(self) -> pytest.MarkDecorator:
        """Leaves out a test, or a parameter of one."""
        return pytest.mark.skipif(self.here, reason=self.reason)


LANCZOS = Mended("torch", "2.12", "resizes no tensor by Lanczos' filter")
NOISE_OF_BYTES = Mended("torchvision", "0.24", "adds no Gaussian noise to uint8")
OTHER_MASKS = Mended("torchvision", "0.25", "sanitizes no boxes beside masks of another number")
INTERPRETER = Mended("torch", "2.13", "takes no kernel of Triton's interpreter in an operator")
SPILLS = Mended("triton", "3.8", "spills up to 24 bytes of one of our kernels on compute capability 8.0", since="3.5")
