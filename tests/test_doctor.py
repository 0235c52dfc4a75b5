"""`gbbgky doctor`: what it reports, alone, together, and where processes do not see each other."""

import json

import pytest
from processes import gbbgky


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
