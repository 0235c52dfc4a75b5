"""The result file: held in memory (it is small), rewritten whole under a temporary name, then renamed.

A reader therefore sees a complete file at any moment, and a kill loses what came after the last flush.
"""

import os
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from gbbgky_petsc.errors import InputError

FORMAT_VERSION = 1

#: dataset -> (unit, meaning)
SERIES = {
    "t": ("time", "time"),
    "t_rescaled": ("1", "t (a rho V0)^2 / (xi v)^3"),
    "kurtosis": ("1", "excess kurtosis of rho(theta)"),
    "density": ("1/length", "int rho dtheta"),
    "momentum": ("momentum", "int theta rho dtheta / density"),
    "kinetic_energy": ("energy", "int e rho dtheta / density"),
    "interaction_energy": ("energy", "1/2 int V(z) int int g dz / density"),
    "absorbed_energy": ("energy", "interaction energy taken out at the ends of the z-domain, per particle"),
    "total_energy": ("energy", "kinetic + interaction + absorbed: conserved"),
    "step": ("time", "size of the step that ends at t or covers it"),
}
SNAPSHOTS = {
    "t": ("time", "time"),
    "t_rescaled": ("1", "rescaled time"),
    "rho": ("1/(length momentum)", "rho(theta), eq. (SA.2); axes t, theta"),
    "density_correlation": ("1/length^2", "int int g dtheta dtheta', eq. (SA.3); axes t, z"),
}


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
    """

    def __init__(self, path: Path, attributes: dict[str, Any], mesh: dict[str, np.ndarray]) -> None:
        self.path = path
        self.attributes = attributes
        self.mesh = mesh
        self.series: dict[str, list[float]] = {name: [] for name in SERIES}
        self.snapshots: dict[str, list[Any]] = {name: [] for name in SNAPSHOTS}
        #: further datasets: path -> (values, unit, meaning)
        self.extra: dict[str, tuple[np.ndarray, str, str]] = {}
        self._flushed = time.monotonic()

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
            for path, (data, unit, meaning) in self.extra.items():
                file.create_dataset(path, data=data).attrs.update({"units": unit, "long_name": meaning})
            _write_group(file, "series", SERIES, self.series)
            _write_group(file, "snapshots", SNAPSHOTS, self.snapshots)
            for group in ("series", "snapshots"):
                file[f"{group}/t"].make_scale("t")
                for name, dataset in file[group].items():
                    if name != "t":
                        dataset.dims[0].attach_scale(file[f"{group}/t"])
            for name, axis in (("theta", "rho"), ("z", "density_correlation")):
                file[f"mesh/{name}"].make_scale(name)
                if file[f"snapshots/{axis}"].ndim == 2:
                    file[f"snapshots/{axis}"].dims[1].attach_scale(file[f"mesh/{name}"])
        os.replace(temporary, self.path)
        self._flushed = time.monotonic()


def _write_group(file: h5py.File, group: str, columns: dict[str, tuple[str, str]], values: dict[str, list]) -> None:
    for name, (unit, meaning) in columns.items():
        dataset = file.create_dataset(f"{group}/{name}", data=np.array(values[name], dtype=float))
        dataset.attrs["units"] = unit
        dataset.attrs["long_name"] = meaning
