"""What has to be settled before numpy and PETSc are imported. Imports neither."""

import os
from pathlib import Path

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
#: instruction sets that OpenBLAS's kernels of that name need, the better ones first
_KERNELS = {
    "SKYLAKEX": {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"},
    "HASWELL": {"avx2", "fma"},
}


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


def _kernels(description: Path) -> str | None:
    """Best kernels that the processor can run; None if it is not x86 or not described."""
    try:
        lines = description.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    flags = next((set(line.split()) for line in lines if line.startswith("flags")), set())
    return next((name for name, needed in _KERNELS.items() if needed <= flags), None)
