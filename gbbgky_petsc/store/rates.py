"""What `gbbgky rates` writes, read back. Starts neither MPI nor PETSc."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from gbbgky_petsc.errors import InputError
from gbbgky_petsc.store.reader import check_attributes, check_dataset, member, opened

#: the attribute ``content`` of such a file
CONTENT = "rates"
#: datasets of every operator that are drawn
NUMBERS = ("initial_rate", "kurtosis_decay", "modes")


@dataclass(frozen=True)
class Rates:
    """Rates of a scan.

    Attributes
    ----------
    path, attributes
        The file and the attributes of its root.
    scans
        Values (points,) of each scanned key; empty for a single case, which is one point.
    kinds
        By operator: ``initial_rate`` (points,), ``kurtosis_decay`` (points,), ``modes`` (points, m).
    """

    path: Path
    attributes: dict[str, Any]
    scans: dict[str, np.ndarray]
    kinds: dict[str, dict[str, np.ndarray]]


def holds_rates(path: Path) -> bool:
    """Whether a file of this program holds rates instead of a run; raises `InputError` like `reader.read`."""
    with opened(path) as file:
        return bool(file.attrs.get("content") == CONTENT)


def read_rates(path: Path) -> Rates:
    """Load rates.

    Raises
    ------
    InputError
        If the file is missing, damaged, or anything in it is not what it should be.
    """
    with opened(path) as file:
        attributes = check_attributes(path, file, {"case": str})
        scans = {name: _numbers(path, file, "scan", name, 1) for name in member(file, "scan") or ()}
        kinds = {
            kind: {name: _numbers(path, file, kind, name, 2 if name == "modes" else 1) for name in NUMBERS}
            for kind in file
            if kind != "scan"
        }
        rates = Rates(path, attributes, scans, kinds)
    points = {values.shape[0] for own in kinds.values() for values in own.values()}
    if not kinds or len(points | {v.size for v in scans.values()}) != 1:
        raise InputError(f"{path}: its operators and scans have different numbers of points; it is damaged")
    return rates


def _numbers(path: Path, file: h5py.File, group: str, name: str, axes: int) -> np.ndarray:
    node = member(file, group)
    data = check_dataset(path, f"/{group}/{name}", member(node, name) if isinstance(node, h5py.Group) else None, file)
    if data.ndim != axes:
        raise InputError(f"{path}: /{group}/{name} has {data.ndim} axes; allowed: {axes}")
    return np.asarray(data[()])
