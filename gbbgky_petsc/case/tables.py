"""Numbers in text files that a case names."""

from pathlib import Path

import numpy as np

from gbbgky_petsc.errors import InputError


def read_table(key: str, path: Path) -> tuple[np.ndarray, np.ndarray]:
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
    if table.shape[1] != 2 or table.shape[0] < 4:
        raise InputError(f"{key} = {path}: {table.shape[0]} rows of {table.shape[1]}; allowed: two columns, >= 4 rows")
    if not np.all(np.isfinite(table)):
        raise InputError(f"{key} = {path}: holds non-finite numbers; allowed: finite ones")
    if np.any(np.diff(table[:, 0]) <= 0.0):
        raise InputError(f"{key} = {path}: first column is not strictly increasing")
    return table[:, 0], table[:, 1]
