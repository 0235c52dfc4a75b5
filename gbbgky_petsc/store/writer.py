"""The result file: held in memory (it is small), rewritten whole under a temporary name, then renamed (`sealed`).

A reader therefore sees a complete file at any moment, and a kill loses what came after the last flush.
"""

import os
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from gbbgky_petsc.errors import InputError
from gbbgky_petsc.physics.observables import COLUMNS
from gbbgky_petsc.store import sealed
from gbbgky_petsc.store.checkpoint import Checkpoint

FORMAT_VERSION = 1
#: bytes that the names of files beside a result may add to its own
LONGEST_ENDING = 40


@dataclass(frozen=True)
class Schema:
    """Datasets of a kind of result: name -> (unit, meaning), and the mesh axes that follow t."""

    series: dict[str, tuple[str, str]]
    snapshots: dict[str, tuple[str, str]]
    axes: Mapping[str, tuple[str, ...]]

    def with_snapshots(self, further: Mapping[str, tuple[str, str, tuple[str, ...]]]) -> "Schema":
        """The same with further snapshots: name -> (unit, meaning, axes behind t)."""
        snapshots = self.snapshots | {name: (unit, meaning) for name, (unit, meaning, _) in further.items()}
        return Schema(self.series, snapshots, {**self.axes, **{name: axes for name, (_, _, axes) in further.items()}})


SERIES = {name: (c.unit, c.meaning) for name, c in COLUMNS.items()}
SNAPSHOTS = {
    "t": ("time", "time"),
    "t_rescaled": ("1", "rescaled time"),
    "rho": ("1/(length momentum)", "rho(theta), eq. (SA.2); axes t, theta"),
    "density_correlation": ("1/length^2", "int int g dtheta dtheta', eq. (SA.3); axes t, z"),
}
AXES = {"rho": ("theta",), "density_correlation": ("z",)}
HIERARCHY = Schema(SERIES, SNAPSHOTS, AXES)


def with_errors(columns: dict[str, tuple[str, str]], exact: Collection[str]) -> dict[str, tuple[str, str]]:
    """Columns with a standard error beside each that is not exact."""
    both: dict[str, tuple[str, str]] = {}
    for name, (unit, meaning) in columns.items():
        both[name] = (unit, meaning)
        if name not in exact:
            both[f"{name}_stderr"] = (unit, f"standard error over realisations of {name}")
    return both


#: molecular dynamics: the hierarchy's columns with errors, and its own
DYNAMICS = Schema(
    with_errors(
        SERIES
        | {
            "interaction_energy": ("energy", "pair energy per particle, its change since t = 0"),
            "energy_error": ("energy", "total energy per particle minus that at t = 0"),
            "entropy": ("1", f"{SERIES['entropy'][1]}, of the histogram, at snapshots; nan between them"),
            "entropy_rate": ("1/time", "nan: dynamics does not measure it"),
        },
        exact=("t", "t_rescaled", "density", "absorbed_energy", "step", "entropy_rate"),
    )
    | {
        "energy_error_rms": ("energy", "root mean square over realisations of the energy error per particle"),
        "momentum_drift": ("momentum", "largest change over realisations of the momentum per particle"),
    },
    with_errors(
        {
            "t": SNAPSHOTS["t"],
            "t_rescaled": SNAPSHOTS["t_rescaled"],
            "rho": ("1/(length momentum)", "histogram of velocities on the cells of theta; axes t, theta"),
            "density_correlation": (
                "1/length^2",
                "change since t = 0, low-passed by exp(-(k md.low_pass xi)^2/2), k != 0; axes t, z",
            ),
            "structure": ("1/length", "S_k = <|sum_i exp(-ik x_i)|^2>/L; axes t, k"),
            "structure_change": ("1/length", "S_k(t) - S_k(0); axes t, k"),
        },
        exact=("t", "t_rescaled"),
    ),
    AXES
    | {"rho_stderr": ("theta",), "density_correlation_stderr": ("z",)}
    | {f"structure{part}{error}": ("k",) for part in ("", "_change") for error in ("", "_stderr")},
)


#: molecular dynamics of clouds: totals of the gas, profiles
CLOUD = Schema(
    with_errors(
        {
            "t": ("time", "time"),
            "number": ("1", "number of rods"),
            "momentum": ("momentum", "sum of theta"),
            "kinetic_energy": ("energy", "sum of theta^2/2"),
            "trap_energy": ("energy", "sum of U(x, t)"),
            "interaction_energy": ("energy", "sum over pairs of V"),
            "total_energy": ("energy", "kinetic + trap + interaction: conserved while the trap stands still"),
            "energy_error": ("energy", "total energy minus that at t = 0; the work of a trap that changes included"),
            "centre": ("length", "mean of x"),
            "width": ("length", "standard deviation of x"),
            "rapidity_width": ("momentum", "standard deviation of theta"),
            "kurtosis": ("1", "excess kurtosis of theta"),
            "step": ("time", "longest time step"),
        },
        exact=("t", "number", "step"),
    )
    | {"energy_error_rms": ("energy", "root mean square over realisations of the energy error")},
    with_errors(
        {
            "t": ("time", "time"),
            "rho": ("1/(length momentum)", "counts in the cells of x and theta; axes t, x, theta"),
            "density": ("1/length", "int rho dtheta; axes t, x"),
            "velocity": ("length/time", "mean of theta; nan where no rod was seen; axes t, x"),
            "temperature": ("energy", "variance of theta; nan where no rod was seen; axes t, x"),
        },
        exact=("t",),
    ),
    {"rho": ("x", "theta"), "rho_stderr": ("x", "theta")}
    | {f"{name}{error}": ("x",) for name in ("density", "velocity", "temperature") for error in ("", "_stderr")},
)


def check_target(path: Path, force: bool) -> None:
    """Refuse an output that exists (unless ``force``) or cannot be written.

    Raises
    ------
    InputError
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise InputError(f"output {path}: its name is no UTF-8; allowed: names that HDF5 can have") from error
    try:
        if path.is_dir():
            raise InputError(f"output {path}: is a folder; allowed: a file name")
        if path.exists() and not path.is_file():
            raise InputError(f"output {path}: is not a regular file; allowed: a file name")
        if path.exists() and not force:
            raise InputError(f"output {path}: exists already; allowed: a new name, or --force to overwrite it")
        path.parent.mkdir(parents=True, exist_ok=True)
        room = os.pathconf(path.parent, "PC_NAME_MAX") - len(os.fsencode(path.name))
    except OSError as error:
        raise InputError(f"output {path}: {error.strerror}") from error
    if room < LONGEST_ENDING:
        raise InputError(f"output {path}: its name is {LONGEST_ENDING - room} bytes too long for the files beside it")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise InputError(f"output {path}: its folder cannot be written to")


class ResultWriter:
    """Collects a run's results; on ranks other than 0 nobody makes one.

    Parameters
    ----------
    path
        Result file.
    attributes
        Attributes of the root group (case, options, versions, ranks).
    mesh
        Datasets of /mesh by name.
    schema
        What /series and /snapshots hold.

    ``samples``, datasets by name, goes to /samples where it is not empty.
    """

    def __init__(
        self, path: Path, attributes: dict[str, Any], mesh: dict[str, np.ndarray], schema: Schema = HIERARCHY
    ) -> None:
        self.path = path
        self.attributes = attributes
        self.mesh = mesh
        self.schema = schema
        self.series: dict[str, Any] = {name: [] for name in schema.series}
        self.snapshots: dict[str, Any] = {name: [] for name in schema.snapshots}
        self.samples: dict[str, np.ndarray] = {}
        self.checkpoint: Checkpoint | None = None
        #: further datasets: path -> (values, unit, meaning)
        self.extra: dict[str, tuple[np.ndarray, str, str]] = {}
        self._flushed = time.monotonic()

    def restore(self, series: dict[str, np.ndarray], snapshots: dict[str, np.ndarray], checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint of an earlier part of the run, and `restore_rows` up to it."""
        self.restore_rows(series, snapshots, checkpoint.series_rows, checkpoint.snapshot_rows)
        self.checkpoint = checkpoint

    def restore_rows(
        self, series: dict[str, np.ndarray], snapshots: dict[str, np.ndarray], rows: int, shots: int
    ) -> None:
        """Take in the first ``rows`` of /series and ``shots`` of /snapshots of an earlier part of the run."""
        # nan: a column that was not written then
        self.series = {name: list(series.get(name, np.full(rows, np.nan))[:rows]) for name in self.schema.series}
        unknown = np.full(shots, np.nan)
        self.snapshots = {name: list(snapshots.get(name, unknown)[:shots]) for name in self.schema.snapshots}

    def add_series(self, **values: float) -> None:
        """Append one row of /series."""
        for name, column in self.series.items():
            column.append(values[name])

    def add_snapshot(self, **values: Any) -> None:
        """Append one entry of /snapshots."""
        for name, column in self.snapshots.items():
            column.append(values[name])

    def flush_if_older(self, seconds: float) -> None:
        """Write the file if the last time was that long ago."""
        if time.monotonic() - self._flushed > seconds:
            self.flush(complete=False)

    def flush(self, complete: bool) -> None:
        """Write the file; ``complete`` marks a run that reached its end.

        Raises
        ------
        StorageError
            If it cannot be written; the file that was there is left alone.
        """
        sealed.write(self.path, self._image(complete))
        self._flushed = time.monotonic()

    def _image(self, complete: bool) -> bytes:
        """The HDF5 file in memory: the library never sees a full disk, on which it may crash."""
        with h5py.File("result", "w", driver="core", backing_store=False) as file:
            file.attrs.update(self.attributes)
            file.attrs["format_version"] = FORMAT_VERSION
            file.attrs["complete"] = complete
            for name, values in self.mesh.items():
                file.create_dataset(f"mesh/{name}", data=values)
            for name, values in self.samples.items():
                file.create_dataset(f"samples/{name}", data=values)
            if self.checkpoint is not None:
                self.checkpoint.write(file)
            for path, (data, unit, meaning) in self.extra.items():
                file.create_dataset(path, data=data).attrs.update({"units": unit, "long_name": meaning})
            _write_group(file, "series", self.schema.series, self.series)
            _write_group(file, "snapshots", self.schema.snapshots, self.snapshots)
            for name, dataset in file["mesh"].items():
                dataset.make_scale(name)
            for group in ("series", "snapshots"):
                file[f"{group}/t"].make_scale("t")
                for name, dataset in file[group].items():
                    if name != "t":
                        dataset.dims[0].attach_scale(file[f"{group}/t"])
                    if dataset.ndim > 1:
                        for axis, scale in enumerate(self.schema.axes[name], start=1):
                            dataset.dims[axis].attach_scale(file[f"mesh/{scale}"])
            file.flush()
            return file.id.get_file_image()


def _write_group(file: h5py.File, group: str, columns: dict[str, tuple[str, str]], values: dict[str, Any]) -> None:
    for name, (unit, meaning) in columns.items():
        dataset = file.create_dataset(f"{group}/{name}", data=np.array(values[name], dtype=float))
        dataset.attrs["units"] = unit
        dataset.attrs["long_name"] = meaning
