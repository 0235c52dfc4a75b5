"""`gbbgky doctor`: what it reports, alone, together, and where processes do not see each other."""

import json
import os

import pytest
from test_cli import gbbgky

from gbbgky_petsc.commands.doctor import available_memory


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_healthy_installation(ranks, tmp_path):
    done = gbbgky("doctor", "--json", "-o", tmp_path / "new", ranks=ranks)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["mpi"]["ranks"] == ranks and found["petsc"]["scalars"] == "float64"
    assert float(found["self-test"]["energy drift"]) < 1e-12
    assert not list((tmp_path / "new").iterdir())


def test_processes_that_are_all_alone_are_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PMI_SIZE", "2")
    monkeypatch.setenv("PMI_RANK", "0")
    done = gbbgky("doctor", "-o", tmp_path)
    assert done.returncode == 2 and "every one is rank 0 of 1" in done.stderr and "every one" in done.stdout


def test_available_memory(tmp_path):
    assert 0.0 < available_memory() <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable: 3 kB\n")
    assert available_memory(tmp_path / "meminfo") == 3072.0
    assert available_memory(tmp_path / "none") == float("inf")
