"""`gbbgky rates`: how fast a state thermalises by each collision operator, without integrating anything."""

import csv
import io
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from mpi4py import MPI
from petsc4py import PETSc
from rich.table import Table

from gbbgky_petsc import case as case_file
from gbbgky_petsc import problem
from gbbgky_petsc.analysis import rate_plots
from gbbgky_petsc.arrays import Array
from gbbgky_petsc.collisions import build, kinds
from gbbgky_petsc.collisions.spectrum import spectrum
from gbbgky_petsc.commands.common import console, versions
from gbbgky_petsc.errors import InputError, SolverError, printable
from gbbgky_petsc.parallel import on_root, together
from gbbgky_petsc.physics import observables
from gbbgky_petsc.store import sealed
from gbbgky_petsc.store.rates import CONTENT, read_rates
from gbbgky_petsc.store.writer import FORMAT_VERSION

#: largest number of points of a scan: each is an operator and a dense eigenvalue problem
MOST_POINTS = 10_000
#: columns of the table of numbers, with unit and meaning
COLUMNS = {
    "kurtosis": ("1", "excess kurtosis of the state"),
    "initial_rate": ("1/time", "d kurtosis/dt in the state"),
    "kurtosis_decay": ("1/time", "decay rate of a small kurtosis around the thermal state of the same N and E"),
    "unit": ("time", "t of one unit of rescaled time"),
}


@dataclass(frozen=True)
class Scan:
    """Values (n,) that a key of the case takes."""

    key: str
    values: Array

    @classmethod
    def parse(cls, text: str) -> "Scan":
        """KEY=A:B:N, evenly spaced, or KEY=A:B:N:log.

        Raises
        ------
        InputError
            For anything else.
        """
        key, equals, span = text.partition("=")
        parts = span.split(":")
        reason = f"--scan {text}: allowed: KEY=A:B:N or KEY=A:B:N:log with numbers A and B and at least 2 points"
        if not equals or not key or len(parts) not in (3, 4) or parts[3:] not in ([], ["log"]):
            raise InputError(reason)
        try:
            first, last, count = float(parts[0]), float(parts[1]), int(parts[2])
        except ValueError as error:
            raise InputError(reason) from error
        logarithmic = len(parts) == 4
        if count < 2 or not np.isfinite([first, last]).all() or (logarithmic and first * last <= 0.0):
            raise InputError(reason)
        return cls(key, np.geomspace(first, last, count) if logarithmic else np.linspace(first, last, count))


@dataclass(frozen=True)
class Row:
    """Rates at one point by one operator: the numbers of `COLUMNS`, slowest modes (m,), and why some are missing."""

    point: int
    kind: str
    numbers: dict[str, float]
    modes: Array
    reason: str


def _cases(
    path: Path, overrides: Sequence[str], scans: Sequence[Scan]
) -> list[tuple[tuple[float, ...], case_file.Case]]:
    """Values and case of every point of the scans' product."""
    points = list(itertools.product(*(scan.values.tolist() for scan in scans)))
    if len(points) > MOST_POINTS:
        raise InputError(f"--scan: {len(points)} points; allowed: at most {MOST_POINTS}")
    return [
        (values, case_file.load(path, [*overrides, *(f"{s.key}={v!r}" for s, v in zip(scans, values, strict=True))]))
        for values in points
    ]


def _row(point: int, kind: str, case: case_file.Case, folder: Path, modes: int) -> Row:
    """One operator at one point; what it refuses is the row's reason."""
    numbers, rates = dict.fromkeys(COLUMNS, np.nan), np.full(modes, np.nan)
    reason = ""
    try:
        p = problem.build(case, folder)
        numbers["kurtosis"], numbers["unit"] = observables.kurtosis(p.mesh.theta, p.rho), p.unit
        own = case.kinetic.kind == kind
        options = (
            case.kinetic.model_dump(exclude={"kind", "spectrum"}) if own else {"tolerance": case.kinetic.tolerance}
        )
        closure = case.hierarchy.closure
        collisions = build(kind, p.model, p.potential, p.mesh, PETSc.COMM_SELF, closure=closure, **options)
        collisions.at(np.inf)  # a rate is that of correlations that have settled
        try:
            numbers["initial_rate"] = observables.kurtosis_rate(p.mesh.theta, p.rho, collisions.rate(p.rho))
        except (InputError, SolverError) as error:  # its thermal state may do better
            reason = str(error)
        if modes:
            around = spectrum(collisions, p.rho, modes)
            numbers["kurtosis_decay"], rates = around.kurtosis_rate, around.rates
    except (InputError, SolverError) as error:
        reason = "; ".join(filter(None, (reason, str(error))))
    return Row(point, kind, numbers, rates, reason)


def rates(
    path: Path, target: Path, overrides: Sequence[str], scans: Sequence[str], wanted: Sequence[str], modes: int
) -> None:
    """Compute all rows, shared out over the ranks, print them and write HDF5, CSV and a picture. Collective.

    Parameters
    ----------
    path, target
        Case file; HDF5 file, beside which .csv and .png are written.
    overrides, scans
        As on the command line.
    wanted
        Operators; none means all whose linearisation is their own.
    modes
        Slowest modes of each.

    Raises
    ------
    InputError
        For a bad scan, an unknown operator, or a case for which none gives a number.
    StorageError
        If a file cannot be written.
    """
    if modes < 0:
        raise InputError(f"--modes {modes}: allowed: 0 or more")
    known = kinds()
    for kind in wanted:
        if kind not in known:
            raise InputError(f"--kind {kind}: unknown; allowed: {', '.join(known)}")
    chosen = list(dict.fromkeys(wanted)) or [kind for kind, operator in known.items() if operator.linearises]
    parsed = [Scan.parse(text) for text in scans]
    if len({scan.key for scan in parsed}) < len(parsed):
        raise InputError("--scan: the same key twice; allowed: each key once")
    comm = MPI.COMM_WORLD
    cases = together(comm, lambda: _cases(path, overrides, parsed))
    tasks = list(itertools.product(range(len(cases)), chosen))[comm.rank :: comm.size]
    mine = [_row(point, kind, cases[point][1], path.parent, modes) for point, kind in tasks]
    gathered = comm.allgather(mine)
    rows = sorted((row for part in gathered for row in part), key=lambda row: (row.point, chosen.index(row.kind)))
    if all(np.isnan(row.numbers["initial_rate"]) and np.isnan(row.modes).all() for row in rows):
        raise InputError(rows[0].reason)
    values = np.array([v for v, _ in cases]).reshape(len(cases), len(parsed))

    def write() -> None:
        image = _image(case_file.resolved(case_file.load(path, overrides)), parsed, values, chosen, rows)
        sealed.write(target, image)
        with sealed.replacing(target.with_suffix(".csv")) as part:
            _write_csv(part, parsed, values, rows)
        with sealed.replacing(target.with_suffix(".png"), ".png") as part:
            rate_plots.figure(read_rates(target), part)

    on_root(comm, write)
    if comm.rank == 0:
        _print(parsed, values, rows)
        console().print(
            f"written to {printable(str(target))}, {target.with_suffix('.csv').name}, {target.with_suffix('.png').name}"
        )


def _of_kind(rows: Sequence[Row], kind: str) -> list[Row]:
    return [row for row in rows if row.kind == kind]


def _image(case: str, scans: Sequence[Scan], values: Array, chosen: Sequence[str], rows: Sequence[Row]) -> bytes:
    """An HDF5 file: /scan/KEY (points,), and by operator /KIND/NAME (points,), /KIND/modes (points, m)."""
    memory = io.BytesIO()
    petsc = ".".join(map(str, PETSc.Sys.getVersion()))
    with h5py.File(memory, "w") as file:
        file.attrs.update({"case": case, "versions": json.dumps(versions(petsc=petsc)), "complete": True})
        file.attrs.update({"content": CONTENT, "format_version": FORMAT_VERSION})
        for i, scan in enumerate(scans):
            file.create_dataset(f"scan/{scan.key}", data=values[:, i])
        for kind in chosen:
            own = _of_kind(rows, kind)
            group = file.create_group(kind)
            group.attrs["equations"] = kinds()[kind].equation
            for name, (unit, meaning) in COLUMNS.items():
                data = group.create_dataset(name, data=np.array([row.numbers[name] for row in own]))
                data.attrs.update({"units": unit, "long_name": meaning})
            data = group.create_dataset("modes", data=np.stack([row.modes for row in own]))
            data.attrs.update({"units": "1/time", "long_name": "slowest decay rates; axes point, mode"})
            group.create_dataset("reason", data=[row.reason for row in own], dtype=h5py.string_dtype())
    return memory.getvalue()


def _write_csv(target: Path, scans: Sequence[Scan], values: Array, rows: Sequence[Row]) -> None:
    """A line per point and operator."""
    with target.open("w", newline="") as file:
        writer = csv.writer(file)
        modes = [f"mode_{i + 1}" for i in range(rows[0].modes.size)]
        writer.writerow([*(s.key for s in scans), "kind", *COLUMNS, *modes, "reason"])
        for row in rows:
            writer.writerow(
                [*values[row.point].tolist(), row.kind, *row.numbers.values(), *row.modes.tolist(), row.reason]
            )


def _print(scans: Sequence[Scan], values: Array, rows: Sequence[Row]) -> None:
    """The table, with times in the place of decay rates, and below it what is missing."""
    table = Table(
        *(s.key for s in scans), "kind", "kurtosis", "d kurtosis/dt", "time of kurtosis", "times of slowest modes"
    )
    for row in rows:
        n = row.numbers
        times = ", ".join(f"{1.0 / rate:.4g}" for rate in row.modes if np.isfinite(rate))
        decay = f"{1.0 / n['kurtosis_decay']:.4g}" if np.isfinite(n["kurtosis_decay"]) else "-"
        slope = f"{n['initial_rate']:.4e}" if np.isfinite(n["initial_rate"]) else "-"
        table.add_row(
            *(f"{v:.5g}" for v in values[row.point]), row.kind, f"{n['kurtosis']:.4f}", slope, decay, times or "-"
        )
    out = console()
    out.print(table)
    for kind, reason in dict.fromkeys((row.kind, row.reason) for row in rows if row.reason):
        out.print(f"{kind}: {reason}", markup=False)
