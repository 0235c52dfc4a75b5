"""What a case may ask for: numbers that arithmetic carries, a z-mesh that resolves the force, memory that there is."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.errors import InputError

if TYPE_CHECKING:
    from gbbgky_petsc.case import Case
    from gbbgky_petsc.discrete.mesh import PhaseSpaceMesh
    from gbbgky_petsc.physics.potential import Potential

#: magnitude that numbers of a case may have: cubes and their ratios stay far from overflow
SMALLEST, LARGEST = 1e-30, 1e30
#: most rows of /series or numbers of realisations
MOST_ROWS = 10**7
#: share of the integral of V'^2 that the z-mesh must hold, below which it is doubtful, and at most; see `force_share`
LEAST_SHARE, GOOD_SHARE, MOST_SHARE = 0.45, 0.9, 1.55
#: bytes of a rank before any vector: Python, PETSc, compiled kernels
BASE = 1.6e8
#: (N, N) matrices that the linearised model takes
MATRICES = 24
#: arrays (Nx, N) that every rank takes to build a state in space
WHOLE = 4
#: numbers that dynamics keep of a rod, at least: position, velocity, force and as many again while it steps
ROD = 6
#: vectors beside those of GMRES, see `Memory`: those that every run takes, and with halos and work space; of the size
#: that the state has without the use of symmetry; docs/howto/memory.md has what was measured
VECTORS, MOST_VECTORS = 16, 24


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
    if case.space is not None:
        least = WHOLE * 8.0 * float(mesh.theta_points) * case.space.points
        if least > room:
            raise InputError(_too_large(f"space.points = {case.space.points}", least, room))
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
    """Refuse a duration that is no number, more rows than a result can hold, and snapshots after the end.

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
    late = [t for t in case.output.snapshots_at if t > end]
    if late:
        raise InputError(f"output.snapshots_at = {late}: after the end of the run; allowed: up to {end:g}")


def _numbers(tree: Any, key: str = "") -> Iterator[tuple[str, float]]:
    """Single numbers of a nested dictionary by dotted key; those in lists are data."""
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _numbers(value, f"{key}{name}.")
        elif isinstance(value, float):
            yield f"{key}{name}", value


def force_share(mesh: "PhaseSpaceMesh", potential: "Potential") -> float:
    """Integral of V'^2 on the z-mesh (stencil applied to V) relative to the exact one: 1 where V is resolved.

    V'^2 drives the change of rho. Runs of fig2_phi6_quick on 28 rapidities to t = 20, potentials ``power``,
    ``exponential`` and ``gaussian`` of ranges 3 to 16, spacings from 1 to 8: the gain of kinetic energy is off that at
    spacing 1 by at most 1 % where the share is above 0.95, 9 % at 0.80 to 0.85, 31 % at 0.58 to 0.75, 17 % near 0.5,
    69 % below 0.42.
    """
    w, half = mesh.stencil.width, mesh.z_points // 2
    z = np.arange(-half - w, half + w + 1) * mesh.z_spacing
    on_mesh = mesh.z_spacing * float((mesh.stencil.differentiate(potential(z), wraps=False)[w:-w] ** 2).sum())
    # nodes that are dense at 0, where V' may jump or V have a core, midpoint rule in the logarithm
    edges = np.append(0.0, np.geomspace(1e-6, max(z[-1] / potential.range, 2e-6), 8001)) * potential.range
    middle, width = 0.5 * (edges[1:] + edges[:-1]), np.diff(edges)
    exact = 2.0 * float((potential.derivative(middle) ** 2 * width).sum())
    return on_mesh / exact if exact > 0.0 else 1.0


def check_mesh(mesh: "PhaseSpaceMesh", potential: "Potential") -> list[str]:
    """Hold the z-mesh of the hierarchy against the potential.

    Returns
    -------
    list of str
        Warnings.

    Raises
    ------
    InputError
        If the mesh holds less than `LEAST_SHARE` of it or more than `MOST_SHARE`.
    """
    share = force_share(mesh, potential)
    if GOOD_SHARE <= share <= MOST_SHARE:
        return []
    text = (
        f"mesh.z_spacing = {mesh.z_spacing:g}: the mesh holds {share:.0%} of the square of the force of a potential of "
        f"range {potential.range:g}"
    )
    if not LEAST_SHARE <= share <= MOST_SHARE:
        raise InputError(f"{text}; allowed: {LEAST_SHARE:.0%} to {MOST_SHARE:.0%} (a smaller mesh.z_spacing)")
    return [f"{text}; below {GOOD_SHARE:.0%} rates may be wrong by ten per cent and more"]


# --- memory ---


@dataclass(frozen=True)
class Memory:
    """What a run of the hierarchy needs, by count of what it keeps.

    Attributes
    ----------
    unknowns
        Numbers of the state.
    ranks
        Over which they are spread.
    least
        Bytes a rank: state, work of TS and SNES, a first set of Krylov vectors and the preconditioner.
    most
        The same with all work space and all Krylov vectors of a ``restart`` of GMRES.
    """

    unknowns: int
    ranks: int
    least: float
    most: float

    @classmethod
    def of(cls, unknowns: int, unfolded: int, theta_points: int, ranks: int, restart: int) -> "Memory":
        fixed = BASE + MATRICES * 8.0 * theta_points**2
        krylov, work = 8.0 * restart * unknowns / ranks, 8.0 * unfolded / ranks
        return cls(unknowns, ranks, fixed + VECTORS * work, fixed + MOST_VECTORS * work + krylov)


def check_memory(memory: Memory, ranks_of_node: int, all_of_it: bool = False) -> list[str]:
    """Hold a run against the memory of this node, which so many of its ranks share.

    Parameters
    ----------
    all_of_it
        Refuse what may not fit once there are all Krylov vectors, instead of a warning.

    Returns
    -------
    list of str
        Warnings.

    Raises
    ------
    InputError
        If it cannot fit.
    """
    room = memory_of_node() / ranks_of_node
    what = f"mesh: {memory.unknowns} unknowns on {memory.ranks} rank(s)"
    needed = memory.most if all_of_it else memory.least
    if needed > room:
        raise InputError(
            _too_large(what, needed, room) + " a rank (a coarser mesh, a smaller -ksp_gmres_restart, more nodes)"
        )
    if memory.most > room:
        return [
            f"{what}: up to {in_words(memory.most)} a rank if Krylov iterations are many, there are {in_words(room)}; "
            "-ksp_gmres_restart sets their number"
        ]
    return []


def check_rods(particles: int, sampled: float) -> None:
    """Refuse rods (of one rank), and numbers kept of all realisations, that this node cannot hold.

    Raises
    ------
    InputError
    """
    least, room = 8.0 * (ROD * float(particles) + sampled), memory_of_node()
    if least > room:
        raise InputError(
            _too_large(f"md: {particles:.3g} rods a rank, {sampled:.3g} numbers of them kept", least, room)
        )


def memory_of_node(description: Path = Path("/proc/meminfo"), group: Path = Path("/sys/fs/cgroup")) -> float:
    """Bytes that this node, or the control group of this process, has left; infinite where neither tells."""
    room = math.inf
    try:
        for line in description.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                room = 1024.0 * int(line.split()[1])
    except (OSError, ValueError, IndexError):
        pass
    try:
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
