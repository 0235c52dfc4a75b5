"""The library face: ``import gbbgky_petsc as gb``.

A case becomes a problem, a problem an equation, an integrated equation a result. Importing starts neither MPI nor
PETSc; functions that need them say so and are collective: every rank calls them.

>>> import gbbgky_petsc as gb
>>> case = gb.load_case("fig2_phi6_quick", ["time={end=400.0}", "output.snapshots_at=[]"])
>>> problem = gb.build(case)
>>> print(f"{problem.mesh.theta_points} rapidities, density {problem.state.density:g}")
48 rapidities, density 0.2
"""

import tempfile
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gbbgky_petsc import case as case_file
from gbbgky_petsc import problem as problems
from gbbgky_petsc import shipped
from gbbgky_petsc.case import Case
from gbbgky_petsc.problem import Problem
from gbbgky_petsc.store.reader import Result, read

if TYPE_CHECKING:
    from gbbgky_petsc.collisions import CollisionOperator
    from gbbgky_petsc.equations.hierarchy import Hierarchy
    from gbbgky_petsc.md.ensemble import Ensemble

__all__ = [
    "Case",
    "Problem",
    "Result",
    "build",
    "collision_integral",
    "ensemble",
    "hierarchy",
    "load_case",
    "read",
    "run",
]


def load_case(source: str | Path | Mapping[str, Any], overrides: Iterable[str] = ()) -> Case:
    """A case from a file, the name of a shipped one (`gbbgky cases`), or nested tables.

    Parameters
    ----------
    source
        Path of a TOML file, name, or tables as in docs/cases.md.
    overrides
        ``table.key=value``, as on the command line behind --set.

    Raises
    ------
    InputError
        In one line with key and value.

    Examples
    --------
    >>> load_case("fig2_phi6_quick", ["model.length=0.5"]).model
    HardRods(kind='hard_rods', length=0.5)
    >>> load_case("fig2_phi6_quick", ["model.length=-1"])
    Traceback (most recent call last):
    gbbgky_petsc.errors.InputError: model.length = -1: ...
    """
    if isinstance(source, Mapping):
        return case_file.from_tables(source, overrides)
    return case_file.load(shipped.find_case(Path(source)), overrides)


def build(case: Case | str | Path) -> Problem:
    """The physical problem of a case on its mesh, checked for consistency.

    Raises
    ------
    InputError

    Examples
    --------
    >>> build("fig2_phi6_quick").rho.shape
    (48,)
    """
    return problems.build(case if isinstance(case, Case) else load_case(case), Path())


def hierarchy(problem: Problem) -> "Hierarchy":
    """The equations of layers 1 and 2 that a case asks for. Starts PETSc; collective.

    Examples
    --------
    >>> h = hierarchy(build("fig2_phi6_quick"))
    >>> sorted(h.terms)
    ['boundary', 'collective', 'contact', 'correlation_force', 'diffusion', 'forcing', 'streaming']
    >>> h.destroy()
    """
    _start_petsc()
    from gbbgky_petsc.commands.hierarchy import hierarchy_of

    return hierarchy_of(problem)


def collision_integral(problem: Problem, kind: str | None = None) -> "CollisionOperator":
    """The collision operator of ``kinetic.kind`` of the case, or of another kind. Starts PETSc; collective.

    Call it with rho, (N,), for the rate and what comes along.

    Raises
    ------
    InputError
        For an unknown kind or keys of [kinetic] that the kind has no use for.

    Examples
    --------
    >>> problem = build("fig2_phi6_quick")
    >>> landau = collision_integral(problem, kind="landau")
    >>> landau(problem.rho).rate.shape
    (48,)
    """
    _start_petsc()
    import dataclasses

    from gbbgky_petsc.commands.kinetic import collision_integral as chosen

    if kind is not None:
        table = problem.case.kinetic.model_copy(update={"kind": kind})
        problem = dataclasses.replace(problem, case=problem.case.model_copy(update={"kinetic": table}))
    return chosen(problem)


def ensemble(problem: Problem) -> "Ensemble":
    """The molecular dynamics that the table [md] of a case asks for, over all ranks. Starts MPI; collective.

    Iterate over its `batches` for finished realisations.

    Raises
    ------
    InputError
        For a case without [md], or values that do not fit.

    Examples
    --------
    >>> small = ["time={end=1.0}", "output.snapshots_at=[]", "md.realisations=2"]
    >>> rings = ensemble(build(load_case("fig2_phi6_quick", small)))
    >>> [sorted(batch.samples) for batch in rings.batches()]
    [['histogram', 'interaction', 'powers', 'structure']]
    """
    from mpi4py import MPI

    from gbbgky_petsc.commands.md import job
    from gbbgky_petsc.md.ensemble import Ensemble as Rings

    return Rings(job(problem.case, Path()).plan, MPI.COMM_WORLD)


def run(problem: Problem | Case | str | Path, target: str | Path | None = None, *, kinetic: bool = False) -> Result:
    """Integrate the hierarchy of a case, or its kinetic equation, and return the result. Starts PETSc; collective.

    Parameters
    ----------
    problem
        Or what `build` makes one of.
    target
        Result file, which must not be there yet; None: none is kept.
    kinetic
        The kinetic equation instead of the hierarchy.

    Raises
    ------
    InputError, SolverError, StorageError, Stopped

    Examples
    --------
    >>> short = load_case("fig2_phi6_quick", ["time={end=10.0}", "output.snapshots_at=[]"])
    >>> result = run(short)
    >>> print(f"kurtosis {result.series['kurtosis'][0]:.2f} at the start")
    kurtosis -1.39 at the start
    """
    _start_petsc()
    from mpi4py import MPI

    from gbbgky_petsc.commands import hierarchy as layers
    from gbbgky_petsc.commands import kinetic as kinetics
    from gbbgky_petsc.parallel import on_root
    from gbbgky_petsc.solvers.options import restored
    from gbbgky_petsc.store.lock import OutputLock
    from gbbgky_petsc.store.writer import check_target

    built = problem if isinstance(problem, Problem) else build(problem)
    world = MPI.COMM_WORLD
    with ExitStack() as held:  # by rank 0 alone

        def claim() -> Path:
            if target is None:
                path = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="gbbgky-")), "result.h5")
            else:
                path = Path(target)
            check_target(path, False)
            held.enter_context(OutputLock(path))
            return path

        path = on_root(world, claim)
        with restored():
            (kinetics if kinetic else layers).run(built, path, summary=False)
        return on_root(world, lambda: read(path))


def _start_petsc() -> None:
    """PETSc without options, unless the caller has started it with some."""
    import petsc4py

    petsc4py.init([])
