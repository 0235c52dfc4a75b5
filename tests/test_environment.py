"""Kernels of the linear algebra are chosen by what the processor can do, unless the user has chosen."""

import os

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


def test_the_users_choice_stays(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "ZEN")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    environment.prepare()
    assert os.environ["OPENBLAS_CORETYPE"] == "ZEN" and os.environ["OMP_NUM_THREADS"] == "3"
