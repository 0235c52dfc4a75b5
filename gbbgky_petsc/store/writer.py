"""The result file: held in memory (it is small), rewritten whole under a temporary name, then renamed.

A reader therefore sees a complete file at any moment, and a kill loses what came after the last flush.
"""

import os
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from gbbgky_petsc.errors import InputError
from gbbgky_petsc.physics.observables import COLUMNS
from gbbgky_petsc.store.checkpoint import Checkpoint

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Schema:
    """Datasets of a kind of result: name -> (unit, meaning), and the mesh axis behind those of two dimensions."""

    series: dict[str, tuple[str, str]]
    snapshots: dict[str, tuple[str, str]]
    axes: dict[str, str]


SERIES = {name: (c.unit, c.meaning) for name, c in COLUMNS.items()}
SNAPSHOTS = {
    "t": ("time", "time"),
    "t_rescaled": ("1", "rescaled time"),
    "rho": ("1/(length momentum)", "rho(theta), eq. (SA.2); axes t, theta"),
    "density_correlation": ("1/length^2", "int int g dtheta dtheta', eq. (SA.3); axes t, z"),
}
AXES = {"rho": "theta", "density_correlation": "z"}
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
        },
        exact=("t", "t_rescaled", "density", "absorbed_energy", "step"),
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
    | {"rho_stderr": "theta", "density_correlation_stderr": "z"}
    | {f"structure{part}{error}": "k" for part in ("", "_change") for error in ("", "_stderr")},
)


def check_target(path: Path, force: bool) -> None:
    """Refuse an output that exists (unless ``force``) or cannot be written.

    Raises
    ------
    InputError
    """
    if path.exists() and not force:
        raise InputError(f"output {path}: exists already; allowed: a new name, or --force to overwrite it")
    if path.is_dir():
        raise InputError(f"output {path}: is a folder; allowed: a file name")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"output {path}: {error.strerror}") from error
    if not os.access(path.parent, os.W_OK):
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
        """Go on from the rows of an earlier part of the run that are not younger than its checkpoint."""
        self.series = {name: list(series[name][: checkpoint.series_rows]) for name in self.schema.series}
        self.snapshots = {name: list(snapshots[name][: checkpoint.snapshot_rows]) for name in self.schema.snapshots}
        self.checkpoint = checkpoint

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
        """Write the file; ``complete`` marks a run that reached its end."""
        temporary = self.path.with_name(self.path.name + ".part")
        with h5py.File(temporary, "w", driver="sec2") as file:
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
                    if dataset.ndim == 2:
                        dataset.dims[1].attach_scale(file[f"mesh/{self.schema.axes[name]}"])
        os.replace(temporary, self.path)
        self._flushed = time.monotonic()


def _write_group(file: h5py.File, group: str, columns: dict[str, tuple[str, str]], values: dict[str, Any]) -> None:
    for name, (unit, meaning) in columns.items():
        dataset = file.create_dataset(f"{group}/{name}", data=np.array(values[name], dtype=float))
        dataset.attrs["units"] = unit
        dataset.attrs["long_name"] = meaning
