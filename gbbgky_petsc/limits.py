"""What a case may ask for: numbers that arithmetic carries, rows that a file holds, memory that there is."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.errors import InputError

if TYPE_CHECKING:
    from gbbgky_petsc.case import Case

#: magnitude that numbers of a case may have: cubes and their ratios stay far from overflow
SMALLEST, LARGEST = 1e-30, 1e30
#: most rows of /series or numbers of realisations
MOST_ROWS = 10**7
#: (N, N) matrices that the linearised model takes
MATRICES = 24


def check_case(case: "Case") -> None:
    """Refuse numbers out of any range, and meshes whose least arrays do not fit; before anything is built.

    Raises
    ------
    InputError
    """
    for key, value in _numbers(case.model_dump(exclude={"petsc"})):
        if value and not SMALLEST <= abs(value) <= LARGEST:
            raise InputError(f"{key} = {value:.6g}: allowed: 0, or sizes from {SMALLEST:g} to {LARGEST:g}")
    mesh, room = case.mesh, memory_of_node()
    least = MATRICES * 8.0 * float(mesh.theta_points) ** 2
    if least > room:
        raise InputError(_too_large(f"mesh.theta_points = {mesh.theta_points}", least, room))
    if mesh.z_max is not None and mesh.z_spacing is not None:
        least = 16 * 8.0 * 2.0 * mesh.z_max / mesh.z_spacing
        if least > room:
            raise InputError(_too_large(f"mesh.z_spacing = {mesh.z_spacing:g}", least, room))
    if case.md is not None and case.md.realisations > MOST_ROWS:
        raise InputError(f"md.realisations = {case.md.realisations}: allowed: at most {MOST_ROWS}")


def check_state(rho: Array) -> None:
    """Refuse an initial state (N,) that is no finite, nowhere negative density on its mesh.

    Raises
    ------
    InputError
    """
    if not np.all(np.isfinite(rho)):
        raise InputError("state: its rho is not finite on this mesh; allowed: less extreme numbers, more theta_points")
    if rho.max() <= 0.0 or rho.min() < 0.0:
        raise InputError(f"state: its rho goes from {rho.min():g} to {rho.max():g}; allowed: a density")


def check_end(case: "Case", end: float) -> None:
    """Refuse a duration that is no number, and more rows than a result can hold.

    Raises
    ------
    InputError
    """
    if not 0.0 < end <= LARGEST:
        raise InputError(f"time.end = {end:g}: allowed: positive, at most {LARGEST:g}")
    every = case.output.series_every
    if every is not None and end / every > MOST_ROWS:
        raise InputError(
            f"output.series_every = {every:g}: {end / every:.1e} rows up to t = {end:g}; allowed: at most {MOST_ROWS:g}"
        )


def _numbers(tree: Any, key: str = "") -> Iterator[tuple[str, float]]:
    """Single numbers of a nested dictionary by dotted key; those in lists are data."""
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _numbers(value, f"{key}{name}.")
        elif isinstance(value, float):
            yield f"{key}{name}", value


def memory_of_node() -> float:
    """Bytes that this node, or the control group of this process, has left; infinite where neither tells."""
    room = math.inf
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                room = 1024.0 * int(line.split()[1])
    except (OSError, ValueError, IndexError):
        pass
    try:
        group = Path("/sys/fs/cgroup")
        limit, used = ((group / f"memory.{name}").read_text() for name in ("max", "current"))
        room = min(room, float(limit) - float(used))
    except (OSError, ValueError):
        pass
    return room


def in_words(size: float) -> str:
    """Bytes as a short text."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 999.5:
            return f"{size:.3g} {unit}"
        size /= 1e3
    return f"{size:.3g} PB"


def _too_large(what: str, needed: float, room: float) -> str:
    return f"{what}: needs at least {in_words(needed)} of memory; allowed: {in_words(room)}"
