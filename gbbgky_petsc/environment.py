"""What has to be settled before numpy and PETSc are imported. Imports neither."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from gbbgky_petsc.errors import InputError

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
#: instruction sets that OpenBLAS's kernels of that name need, the better ones first
_KERNELS = {
    "SKYLAKEX": {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"},
    "HASWELL": {"avx2", "fma"},
}


#: how many processes a launcher has started, by its name: Open MPI; hydra (MPICH, Intel) and other PMI; Slurm's srun
_LAUNCHERS = {"OMPI_COMM_WORLD_SIZE": "mpirun", "PMI_SIZE": "mpiexec or srun", "SLURM_STEP_NUM_TASKS": "srun"}


def prepare() -> None:
    """One thread a rank, and fast matrix products; what the user has set in the environment stays.

    OpenBLAS falls back to SSE3 kernels, five times slower, on processors younger than itself (0.3.23, which comes with
    the last numpy 1, knows no Intel server from Emerald Rapids on), so the kernels are chosen by instruction set here.
    """
    for name in THREAD_VARIABLES:
        os.environ.setdefault(name, "1")
    kernels = _kernels(Path("/proc/cpuinfo"))
    if kernels is not None:
        os.environ.setdefault("OPENBLAS_CORETYPE", kernels)
    if "NUMBA_CACHE_DIR" not in os.environ and not _numba_finds_room():
        os.environ["NUMBA_CACHE_DIR"] = folder = tempfile.mkdtemp(prefix="gbbgky-numba-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)


def _numba_finds_room() -> bool:
    """Whether compiled functions can be kept beside their modules or in the user's cache; numba refuses otherwise.

    Either by a trial: access rights do not tell of file systems that are read-only.
    """
    package = Path(__file__).parent
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path(os.environ.get("HOME", "/")) / ".cache")
    for folder in (package / "__pycache__", user):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return True
        except OSError:
            continue
    return False


def _kernels(description: Path) -> str | None:
    """Best kernels that the processor can run; None if it is not x86 or not described."""
    try:
        lines = description.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    flags = next((set(line.split()) for line in lines if line.startswith("flags")), set())
    return next((name for name, needed in _KERNELS.items() if needed <= flags), None)


def launched(environ: Mapping[str, str] = os.environ) -> tuple[int, str]:
    """How many processes a launcher says it has started together, and which launcher; 1 where there is none."""
    counts = [(int(environ[v]), name) for v, name in _LAUNCHERS.items() if environ.get(v, "").isdigit()]
    return max(counts, default=(1, "no launcher"), key=lambda found: found[0])


def launched_rank(environ: Mapping[str, str] = os.environ) -> int:
    """Number of this process among them; 0 where there is no launcher."""
    found = (environ.get(name, "") for name in ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID"))
    return next((int(rank) for rank in found if rank.isdigit()), 0)


def check_launcher(size: int, environ: Mapping[str, str] = os.environ) -> None:
    """Refuse to be one of many processes that each believe to be alone, and would all write the same files.

    Parameters
    ----------
    size
        Number of processes by MPI.

    Raises
    ------
    InputError
    """
    count, launcher = launched(environ)
    if count > 1 and size == 1:
        raise InputError(
            f"ranks: {launcher} started {count} processes, but every one is rank 0 of 1: mpi4py is built with another "
            "MPI; allowed: the launcher of that MPI (see gbbgky doctor)"
        )


def check_alone(command: str, environ: Mapping[str, str] = os.environ) -> None:
    """Refuse a launcher of many processes for a command that runs on one; raises `InputError`."""
    count, launcher = launched(environ)
    if count > 1:
        raise InputError(f"gbbgky {command} below {launcher} with {count} processes: allowed: on its own")
