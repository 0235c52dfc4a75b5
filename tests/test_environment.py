"""Kernels of the linear algebra are chosen by what the processor can do, unless the user has chosen."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gbbgky_petsc import environment

AVX512 = "avx512f avx512dq avx512cd avx512bw avx512vl"


@pytest.mark.parametrize(
    ("flags", "kernels"),
    [
        (f"fpu fma avx2 {AVX512}", "SKYLAKEX"),
        ("fpu fma avx2 avx512f", "HASWELL"),
        ("fpu sse3", None),
        (None, None),
    ],
)
def test_kernels_by_instruction_set(tmp_path, flags, kernels):
    description = tmp_path / "cpuinfo"
    if flags is not None:
        description.write_text(f"processor\t: 0\nflags\t\t: {flags}\n")
    assert environment._kernels(description) == kernels


def test_a_folder_for_compiled_functions_goes_with_its_process():
    """Where numba finds no room of its own."""
    script = (
        "import os; from gbbgky_petsc import environment as e; e._numba_finds_room = lambda: False; e.prepare()\n"
        "folder = os.environ['NUMBA_CACHE_DIR']; open(os.path.join(folder, 'compiled'), 'w').close(); print(folder)"
    )
    environ = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    done = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=True)
    folder = Path(done.stdout.strip())
    assert folder.name.startswith("gbbgky-numba-") and not folder.exists()


def test_the_users_choice_stays(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "ZEN")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    environment.prepare()
    assert os.environ["OPENBLAS_CORETYPE"] == "ZEN" and os.environ["OMP_NUM_THREADS"] == "3"
