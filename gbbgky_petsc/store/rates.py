"""What `gbbgky rates` writes, read back. Starts neither MPI nor PETSc."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from gbbgky_petsc.errors import InputError
from gbbgky_petsc.store.reader import LARGEST_ATTRIBUTE, opened

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
        if file.attrs.get_id("case").get_storage_size() > LARGEST_ATTRIBUTE:
            raise InputError(f"{path}: its attribute case is larger than {LARGEST_ATTRIBUTE} bytes")
        scan = file.get("scan", {})
        scans = {name: _numbers(path, scan, name, 1) for name in scan}
        kinds = {
            kind: {name: _numbers(path, file[kind], name, 2 if name == "modes" else 1) for name in NUMBERS}
            for kind in file
            if kind != "scan"
        }
        rates = Rates(path, dict(file.attrs), scans, kinds)
    points = {values.shape[0] for own in kinds.values() for values in own.values()}
    if not kinds or len(points | {v.size for v in scans.values()}) != 1:
        raise InputError(f"{path}: its operators and scans have different numbers of points; it is damaged")
    return rates


def _numbers(path: Path, group: Any, name: str, axes: int) -> np.ndarray:
    data = group.get(name) if isinstance(group, h5py.Group) else None
    if not isinstance(data, h5py.Dataset) or data.dtype.kind != "f" or data.ndim != axes:
        raise InputError(f"{path}: {name} is no array of numbers with {axes} axes")
    return np.asarray(data[()])
