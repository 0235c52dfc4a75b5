"""Tables of numbers that a case names or holds."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.errors import InputError


def read_table(key: str, path: Path) -> tuple[Array, Array]:
    """Two columns of finite numbers, the first strictly increasing, at least four rows.

    Raises
    ------
    InputError
        If the file is anything else.
    """
    try:
        table = np.loadtxt(path, ndmin=2, delimiter="," if path.suffix == ".csv" else None)
    except (OSError, ValueError) as error:
        raise InputError(f"{key} = {path}: cannot be read as numbers ({str(error).splitlines()[0]})") from error
    if table.shape[1] != 2:
        raise InputError(f"{key} = {path}: {table.shape[0]} rows of {table.shape[1]}; allowed: two columns, >= 4 rows")
    return check_table(f"{key} = {path}", table[:, 0], table[:, 1])


def check_table(name: str, first: Sequence[float] | Array, second: Sequence[float] | Array) -> tuple[Array, Array]:
    """The same for columns that are there already; ``name`` is what an error calls them."""
    if len(first) != len(second) or len(first) < 4:
        raise InputError(f"{name}: columns of {len(first)} and {len(second)}; allowed: two columns, >= 4 rows")
    x, y = np.array(first, dtype=float), np.array(second, dtype=float)
    if not (np.all(np.isfinite(x)) and np.all(np.isfinite(y))):
        raise InputError(f"{name}: holds non-finite numbers; allowed: finite ones")
    if np.any(np.diff(x) <= 0.0):
        raise InputError(f"{name}: first column is not strictly increasing")
    return x, y
