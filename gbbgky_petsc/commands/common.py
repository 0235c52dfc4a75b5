"""What the commands share: versions for the record, and the progress bar."""

import platform

import numpy as np
from rich.console import Console
from tqdm import tqdm

import gbbgky_petsc


def versions(**more: str) -> dict[str, str]:
    """Versions that a result depends on; PETSc's is for its users to give, since importing it starts it."""
    import mpi4py
    import numba
    import scipy

    return {
        "gbbgky_petsc": gbbgky_petsc.__version__,
        "mpi4py": mpi4py.__version__,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "numba": numba.__version__,
        "python": platform.python_version(),
    } | more


def progress_bar(total: float, unit: str, done: float = 0.0) -> tqdm:
    """A line with share done, what is set as its postfix, time spent and time to go."""
    form = "{percentage:3.0f}%|{bar:20}| {postfix} [{elapsed}<{remaining}]"
    return tqdm(total=total, initial=done, unit=unit, mininterval=0.5, bar_format=form)


def console() -> Console:
    """Where tables go: as wide as the terminal, or wide enough for every table where there is none."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=160)
