"""Read result files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from gbbgky_petsc import case as case_file
from gbbgky_petsc.case import Case
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.store.writer import FORMAT_VERSION


@dataclass(frozen=True)
class Result:
    """A result file in memory: attributes, and arrays by name for each group."""

    path: Path
    attributes: dict[str, Any]
    mesh: dict[str, np.ndarray]
    series: dict[str, np.ndarray]
    snapshots: dict[str, np.ndarray]
    samples: dict[str, np.ndarray]  #: by realisation; empty for the hierarchy

    @property
    def case(self) -> Case:
        """The case that the result is of."""
        return case_file.parse(case_file.tree_of(self.attributes["case"]))


def read(path: Path) -> Result:
    """Load a result file.

    Raises
    ------
    InputError
        If it is missing, not HDF5, or of another format.
    """
    try:
        with h5py.File(path, "r", driver="sec2") as file:
            if file.attrs.get("format_version") != FORMAT_VERSION:
                raise InputError(f"{path}: not a gbbgky result of format {FORMAT_VERSION}")
            names = ("mesh", "series", "snapshots", "samples")
            groups = ({k: v[()] for k, v in file[g].items()} if g in file else {} for g in names)
            return Result(path, dict(file.attrs), *groups)
    except OSError as error:
        raise InputError(f"{path}: cannot be read as HDF5 ({str(error)[:80]})") from error
