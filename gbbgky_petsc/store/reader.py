"""Read result files: one schema, checked before anything large is read. Starts neither MPI nor PETSc."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import h5py
import numpy as np

from gbbgky_petsc import case as case_file
from gbbgky_petsc.case import Case
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.store import checkpoint, sealed, snapshots
from gbbgky_petsc.store.checkpoint import Checkpoint
from gbbgky_petsc.store.writer import FORMAT_VERSION

if TYPE_CHECKING:
    import xarray

#: attributes of / that every result of format 1 has, with their types
ATTRIBUTES: dict[str, type | tuple[type, ...]] = {
    "case": str,
    "petsc_options": str,
    "versions": str,
    "equations": str,
    "ranks": (int, np.integer),
    "complete": (bool, np.bool_),
    "rescaled_time_unit": (float, np.floating),
}
#: datasets that every result of format 1 has; others may join them
REQUIRED = {
    "mesh": ("theta", "theta_weights", "z"),
    "series": (
        *("t", "t_rescaled", "kurtosis", "density", "momentum", "kinetic_energy"),
        *("interaction_energy", "absorbed_energy", "total_energy", "step"),
    ),
    "snapshots": ("t", "t_rescaled", "rho", "density_correlation"),
    "samples": (),
    "spectrum": (),
}
#: the same for results in space, which have /mesh/x
IN_SPACE = {
    "mesh": ("theta", "theta_weights", "x"),
    "series": (
        "t",
        "number",
        "momentum",
        "kinetic_energy",
        "trap_energy",
        "interaction_energy",
        "total_energy",
        "step",
    ),
    "snapshots": ("t", "rho", "density", "velocity", "temperature"),
    "samples": (),
    "spectrum": (),
}
#: axes behind t of datasets of /snapshots, without and with places
_AXES: dict[str, tuple[str, ...]] = {
    "rho": ("theta",),
    "density_correlation": ("z",),
    "structure": ("k",),
    "structure_change": ("k",),
    "covariance": ("theta", "theta"),
    "covariance_rate": ("theta", "theta"),
    "triple_density": ("z",),
    "triple_response": ("z", "theta"),
}
_AXES_IN_SPACE: dict[str, tuple[str, ...]] = {
    "rho": ("x", "theta"),
    "density": ("x",),
    "velocity": ("x",),
    "temperature": ("x",),
}
#: most bytes of a dataset, and of an attribute
LARGEST_DATASET = 2**33
LARGEST_ATTRIBUTE = 2**26
#: seconds that HDF5 gets to walk through a file without a seal
PATIENCE = 30.0


@dataclass(frozen=True)
class Result:
    """A result file in memory: attributes, and arrays by name for each group."""

    path: Path
    attributes: dict[str, Any]
    mesh: dict[str, np.ndarray]
    series: dict[str, np.ndarray]
    snapshots: dict[str, np.ndarray]
    samples: dict[str, np.ndarray]  #: by realisation; empty for the hierarchy
    spectrum: dict[str, np.ndarray] = field(default_factory=dict)  #: slowest modes of a kinetic run that asked for them

    @property
    def case(self) -> Case:
        """The case that the result is of; raises `InputError` if it is none of this version."""
        return case_file.parse(case_tables(self))

    def kept(self, name: str, row: int) -> np.ndarray:
        """A field that ``output.fields`` kept whole at a row of /snapshots; a negative row counts from the end.

        Returns
        -------
        ``pair``: g, (Nz, N, N); ``triple``: g3, (Nz, N(N + 1)/2, N) with the pairs of `numpy.triu_indices(N)`.

        Raises
        ------
        InputError
            If it was not kept, or its file is missing or damaged.
        """
        sums = self.snapshots.get(snapshots.column(name))
        n, nz = self.mesh["theta"].size, self.mesh.get("z", np.empty(0)).size
        shapes = {"pair": (nz, n, n), "triple": (nz, n * (n + 1) // 2, n)}
        if name not in shapes or sums is None or not -sums.size <= row < sums.size or np.isnan(sums[row]):
            raise InputError(f"{self.path}: holds no field {name} of snapshot {row}; allowed: what output.fields kept")
        return snapshots.read(self.path, row % sums.size, name, shapes[name], float(sums[row]))

    def to_xarray(self) -> "xarray.Dataset":
        """The result as an `xarray.Dataset`; needs xarray, which the package does not ask for.

        Series lie on ``t``, snapshots on ``snapshot_t`` (and ``theta``, ``z``, ``k`` or ``x``) with ``snapshot_``
        before their names; a further axis is called after its array, a second one of theta ``theta_2``. Attributes of
        the file become those of the dataset.

        Raises
        ------
        ImportError
            Where xarray is not installed.
        """
        import xarray

        variables: dict[str, tuple[tuple[str, ...], np.ndarray]] = {
            name: (("t",), values) for name, values in self.series.items() if name != "t"
        }
        axes = axes_of(self.mesh)
        for name, values in self.snapshots.items():
            if name != "t" and values.ndim:
                unknown = tuple(f"{name}_{i}" for i in range(1, values.ndim))
                along = axes.get(name, unknown)
                further = tuple(a if along.index(a) == i else f"{a}_{i + 1}" for i, a in enumerate(along))
                variables[f"snapshot_{name}"] = (("snapshot_t", *further[: values.ndim - 1]), values)
        coordinates = {"t": self.series["t"], "snapshot_t": self.snapshots["t"]}
        coordinates |= {name: self.mesh[name] for name in ("theta", "z", "k", "x") if name in self.mesh}
        return xarray.Dataset(variables, coordinates, self.attributes)


class OfACase(Protocol):
    """What knows its file and the attributes of that, with the case among them."""

    @property
    def path(self) -> Path: ...

    @property
    def attributes(self) -> dict[str, Any]: ...


def case_tables(of: OfACase) -> dict[str, Any]:
    """The nested tables of the case that a file is of, as they are stored; raises `InputError` if they are none."""
    try:
        tree = case_file.tree_of(of.attributes["case"])
    except (ValueError, RecursionError) as error:
        raise InputError(f"{of.path}: its case is not JSON") from error
    if not isinstance(tree, dict) or not all(isinstance(table, dict) for table in tree.values()):
        raise InputError(f"{of.path}: its case is no set of tables")
    return tree


def axes_of(mesh: Mapping[str, np.ndarray]) -> dict[str, tuple[str, ...]]:
    """Axes behind t of datasets of /snapshots by name, those with error bars included, of a result with this /mesh."""
    axes = _AXES_IN_SPACE if "x" in mesh else _AXES
    return axes | {f"{name}_stderr": along for name, along in axes.items()}


def read(path: str | Path) -> Result:
    """Load a result file.

    Raises
    ------
    InputError
        If it is missing, damaged, not HDF5, of another format, or anything in it is not what it should be.
    """
    path = Path(path)
    with opened(path) as file:
        attributes = check_attributes(path, file, ATTRIBUTES)
        required = IN_SPACE if "mesh" in file and "x" in file["mesh"] else REQUIRED
        groups = {name: arrays_of(path, file, name, needed) for name, needed in required.items()}
    result = Result(path, attributes, **groups)
    _check_shapes(result)
    return result


def read_checkpoint(path: Path) -> Checkpoint:
    """The checkpoint of a result file.

    Raises
    ------
    InputError
        If there is none, or it or the file is damaged or of another version.
    """
    with opened(path) as file:
        group = member(file, "checkpoint")
        if group is None:
            raise InputError(f"output {path}: holds no checkpoint to resume from")
        if not isinstance(group, h5py.Group):
            raise InputError(f"output {path}: /checkpoint is no group")
        for name in group:
            check_dataset(path, f"/checkpoint/{name}", member(group, name), file)
        return checkpoint.parse(path, group)


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """A result file of this format; whatever HDF5 cannot digest in it becomes an `InputError`."""
    if not os.path.exists(path):  # false for names that no file can have, where Path.exists raises
        raise InputError(f"{path}: No such file")
    if not sealed.verify(path):
        _walk_elsewhere(path)
    try:
        with h5py.File(path, "r", driver="sec2") as file:
            version = file.attrs.get("format_version")
            if not isinstance(version, int | np.integer) or version != FORMAT_VERSION:
                raise InputError(f"{path}: not a gbbgky result of format {FORMAT_VERSION}")
            yield file
    except InputError:
        raise
    except Exception as error:  # h5py raises nearly anything on a file that was tampered with
        raise InputError(f"{path}: cannot be read as HDF5 ({str(error)[:80]})") from error


def _walk_elsewhere(path: Path) -> None:
    """Have another process open a file that has no seal: HDF5 may crash or hang on a damaged one."""
    script = (
        "import sys, h5py\n"
        "with h5py.File(sys.argv[1], 'r', driver='sec2') as file:\n"
        "    for node in (file, *(file[name] for name in file)):\n"
        "        dict(node.attrs)\n"
        "        for name in node if isinstance(node, h5py.Group) else (): node.get(name, getclass=True)\n"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("OMPI_", "PMI", "ORTE_", "MPI_", "SLURM_"))}
    try:
        done = subprocess.run(
            [sys.executable, "-c", script, str(path)], env=environment, capture_output=True, text=True, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(f"{path}: cannot be read as HDF5 (it hangs)") from error
    except OSError:
        return  # no further process may be started here
    if done.returncode:
        reason = f"crash {-done.returncode}" if done.returncode < 0 else (done.stderr.splitlines() or ["?"])[-1]
        raise InputError(f"{path}: cannot be read as HDF5 ({reason[:120]})")


def check_attributes(path: Path, file: h5py.File, required: Mapping[str, type | tuple[type, ...]]) -> dict[str, Any]:
    """The attributes of /, none of them huge, those ``required`` of their types; raises `InputError`."""
    for name in file.attrs:
        if file.attrs.get_id(name).get_storage_size() > LARGEST_ATTRIBUTE:
            raise InputError(f"{path}: its attribute {name} is larger than {LARGEST_ATTRIBUTE} bytes")
    attributes = dict(file.attrs)
    for name, kind in required.items():
        if not isinstance(attributes.get(name), kind):
            raise InputError(f"{path}: its attribute {name} is missing or of another type")
    return attributes


def member(group: h5py.Group, name: str) -> Any:
    """A member of a group, which lies in this very file; None if there is none, `InputError` for a link elsewhere."""
    link = group.get(name, getlink=True)
    if link is None:
        return None
    if not isinstance(link, h5py.HardLink):
        raise InputError(f"{group.file.filename}: {group.name.rstrip('/')}/{name} is a link to elsewhere")
    return group[name]


def arrays_of(path: Path, file: h5py.File, group: str, required: tuple[str, ...]) -> dict[str, np.ndarray]:
    """The datasets of a group by name, those ``required`` among them; raises `InputError`."""
    node = member(file, group)
    if node is not None and not isinstance(node, h5py.Group):
        raise InputError(f"{path}: /{group} is no group")
    names = [] if node is None else list(node)
    missing = [name for name in required if name not in names]
    if missing:
        raise InputError(f"{path}: /{group}/{missing[0]} is missing")
    return {name: check_dataset(path, f"/{group}/{name}", member(node, name), file)[()] for name in names}


def check_dataset(path: Path, name: str, dataset: Any, file: h5py.File) -> h5py.Dataset:
    """A dataset of numbers that may be read into memory; raises `InputError` for anything else."""
    if not isinstance(dataset, h5py.Dataset) or dataset.dtype.kind not in "fiub" or dataset.shape is None:
        raise InputError(f"{path}: {name} is no array of numbers")
    if dataset.is_virtual or dataset.external:
        raise InputError(f"{path}: {name} is kept in another file")
    if dataset.nbytes > min(LARGEST_DATASET, 1000 * path.stat().st_size):
        raise InputError(f"{path}: {name} claims {dataset.nbytes:.1e} bytes in a file of {path.stat().st_size:.1e}")
    return dataset


def _check_shapes(result: Result) -> None:
    """Refuse arrays that do not belong together."""

    def demand(name: str, found: tuple[int, ...], allowed: tuple[int, ...]) -> None:
        if found != allowed:
            raise InputError(f"{result.path}: {name} has shape {found}; allowed: {allowed}")

    mesh = result.mesh
    axes = axes_of(mesh)
    for name in ("theta", "x" if "x" in mesh else "z"):
        demand(f"/mesh/{name}", mesh[name].shape, (mesh[name].size,))
        if mesh[name].size < 2 or not np.all(np.diff(mesh[name]) > 0.0):
            raise InputError(f"{result.path}: /mesh/{name} does not increase; it is damaged")
    demand("/mesh/theta_weights", mesh["theta_weights"].shape, mesh["theta"].shape)
    for group, arrays in (("series", result.series), ("snapshots", result.snapshots)):
        times = arrays["t"]
        demand(f"/{group}/t", times.shape, (times.size,))
        if not np.all(np.isfinite(times)) or np.any(np.diff(times) < 0.0):
            raise InputError(f"{result.path}: /{group}/t does not increase; it is damaged")
        for name, values in arrays.items():
            behind = axes.get(name) if group == "snapshots" else None
            rest = values.shape[1:] if behind is None else tuple(mesh[axis].size for axis in behind if axis in mesh)
            # an empty list of snapshots is stored without its second axis
            demand(f"/{group}/{name}", values.shape, times.shape if not times.size else (*times.shape, *rest))
            if group == "series":
                demand(f"/{group}/{name}", values.shape, times.shape)
