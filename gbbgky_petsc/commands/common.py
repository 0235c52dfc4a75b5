"""What the commands share: versions for the record, and the progress bar."""

import json
import math
import platform
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from rich.console import Console
from tqdm import tqdm

import gbbgky_petsc
from gbbgky_petsc import case as case_file
from gbbgky_petsc.case import Case
from gbbgky_petsc.errors import one_line
from gbbgky_petsc.problem import Problem
from gbbgky_petsc.store.writer import HIERARCHY, ResultWriter, Schema

#: seconds between two lines of progress in a log
LOG_SECONDS = 30.0


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
    """Attributes that every result carries, and ``coupling`` where it holds a part of the potential."""
    return ({"coupling": case.coupling_note} if case.coupling_note else {}) | {
        "case": case_file.resolved(case),
        "petsc_options": json.dumps(options or {}),
        "versions": json.dumps(versions(**more_versions)),
        "ranks": ranks,
        "equations": equations,
    }


class LogProgress:
    """Progress for a log: a whole line every `LOG_SECONDS` and one at the end, in the place of a bar that moves.

    Parameters
    ----------
    total, done
        What is to be done in all, and what is done already.
    stream
        Where lines go (default: standard error).
    """

    def __init__(self, total: float, done: float = 0.0, stream: TextIO | None = None) -> None:
        self.n, self._total, self._first = done, total, done
        self._stream = stream or sys.stderr
        self._began = self._last = time.monotonic()
        self._postfix, self._unsaid = "", False

    def set_postfix_str(self, text: str, refresh: bool = True) -> None:
        """What the next line says; ``refresh`` is that of a bar, and lines keep their own time."""
        self._postfix, self._unsaid = text, True

    def update(self, amount: float) -> None:
        self.n, self._unsaid = self.n + amount, True
        self.refresh()

    def refresh(self) -> None:
        """Say again, if it is time."""
        if time.monotonic() - self._last >= LOG_SECONDS:
            self._say()

    def close(self) -> None:
        if self._unsaid:
            self._say()

    def _say(self) -> None:
        self._last, self._unsaid = time.monotonic(), False
        spent = self._last - self._began
        share = self.n - self._first
        left = spent * (self._total - self.n) / share if share > 0.0 else math.inf
        ahead = tqdm.format_interval(left) if math.isfinite(left) else "?"
        print(
            f"{100.0 * self.n / self._total:3.0f}% {self._postfix} [{tqdm.format_interval(spent)}<{ahead}]",
            file=self._stream,
            flush=True,
        )


def progress_bar(total: float, done: float = 0.0) -> "tqdm | LogProgress":
    """Share done, what is set as its postfix, time spent and to go: a bar on a terminal, lines in a log."""
    if not sys.stderr.isatty():
        return LogProgress(total, done)
    form = "{percentage:3.0f}%|{bar:20}| {postfix} [{elapsed}<{remaining}]"
    return tqdm(total=total, initial=done, mininterval=0.5, bar_format=form)


def console() -> Console:
    """Where tables go: as wide as the terminal, but never too narrow for a table."""
    plain: dict[str, Any] = {"highlight": False, "markup": False, "emoji": False}  # names are shown as they are
    found = Console(**plain)
    return found if found.width >= 120 else Console(width=120, **plain)


def warn(warnings: Iterable[str]) -> None:
    """One line each on standard error; for rank 0."""
    for text in warnings:
        tqdm.write(f"gbbgky: warning: {one_line(text)}", file=sys.stderr)  # above a progress line
