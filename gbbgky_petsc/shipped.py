"""Cases and meshes that come with the package, by name.

They live in runs/ and meshes/ at the top of the repository; in the package these are links, which a wheel resolves.
"""

import os
import tomllib
from importlib import resources
from pathlib import Path

from gbbgky_petsc.errors import InputError


def _named(folder: str) -> dict[str, Path]:
    inside = Path(str(resources.files("gbbgky_petsc"))) / folder
    return {path.stem: path for path in sorted(inside.glob("*.toml"))}


def cases() -> dict[str, Path]:
    """Case files by name."""
    return _named("runs")


def meshes() -> dict[str, Path]:
    """Mesh files by name."""
    return _named("meshes")


def find_case(given: Path) -> Path:
    """The file of a case given by path or, where no such file exists, by the name of a shipped one.

    Raises
    ------
    InputError
        If it is neither.
    """
    if os.path.isfile(given):  # false for names that no file can have, where Path.is_file raises
        return given
    if len(given.parts) == 1 and given.suffix in ("", ".toml"):
        shipped = cases()
        if given.stem in shipped:
            return shipped[given.stem]
        if not given.suffix and not os.path.exists(given):
            raise InputError(f"case {given}: no such file or shipped case; allowed: a file, {', '.join(shipped)}")
    return given  # loading it says what is wrong


def purpose(path: Path) -> str:
    """The comment at the head of a shipped file, in one line; empty if there is none."""
    lines = []
    for line in path.read_text().splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# ").rstrip())
    return " ".join(lines)


def mesh_numbers(path: Path) -> dict[str, float]:
    """What a mesh file sets."""
    return tomllib.loads(path.read_text())
