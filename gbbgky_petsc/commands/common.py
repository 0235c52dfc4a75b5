"""What the commands share: versions for the record, and the progress bar."""

import json
import platform
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from tqdm import tqdm

import gbbgky_petsc
from gbbgky_petsc import case as case_file
from gbbgky_petsc.case import Case
from gbbgky_petsc.errors import one_line
from gbbgky_petsc.problem import Problem
from gbbgky_petsc.store.writer import HIERARCHY, ResultWriter, Schema


def versions(**more: str) -> dict[str, str]:
    """Versions that a result depends on; PETSc's is for its users to give, since importing it starts it."""
    import mpi4py
    import numba
    import scipy

    return {
        "gbbgky_petsc": gbbgky_petsc.__version__,
        "mpi4py": mpi4py.__version__,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "numba": numba.__version__,
        "python": platform.python_version(),
    } | more


def new_result(
    target: Path,
    problem: Problem,
    equations: str,
    ranks: int,
    schema: Schema = HIERARCHY,
    options: Mapping[str, str] | None = None,
    **more_versions: str,
) -> ResultWriter:
    """A result file to be filled, with the attributes and the mesh that every result carries."""
    mesh = problem.mesh
    attributes = new_attributes(problem.case, equations, ranks, options, **more_versions)
    attributes["rescaled_time_unit"] = problem.unit
    grid = {"theta": mesh.theta, "theta_weights": np.full(mesh.theta_points, mesh.theta_weight), "z": mesh.z}
    return ResultWriter(target, attributes, grid, schema)


def new_attributes(
    case: Case, equations: str, ranks: int, options: Mapping[str, str] | None = None, **more_versions: str
) -> dict[str, Any]:
    """Attributes that every result carries."""
    return {
        "case": case_file.resolved(case),
        "petsc_options": json.dumps(options or {}),
        "versions": json.dumps(versions(**more_versions)),
        "ranks": ranks,
        "equations": equations,
    }


def progress_bar(total: float, unit: str, done: float = 0.0) -> tqdm:
    """A line with share done, what is set as its postfix, time spent and time to go."""
    form = "{percentage:3.0f}%|{bar:20}| {postfix} [{elapsed}<{remaining}]"
    return tqdm(total=total, initial=done, unit=unit, mininterval=0.5, bar_format=form)


def console() -> Console:
    """Where tables go: as wide as the terminal, but never too narrow for a table."""
    plain: dict[str, Any] = {"highlight": False, "markup": False, "emoji": False}  # names are shown as they are
    found = Console(**plain)
    return found if found.width >= 120 else Console(width=120, **plain)


def warn(warnings: Iterable[str]) -> None:
    """One line each on standard error; for rank 0."""
    for text in warnings:
        tqdm.write(f"gbbgky: warning: {one_line(text)}", file=sys.stderr)  # above a progress line
