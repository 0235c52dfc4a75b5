"""Runs that are killed and resumed, or extended, against runs that were left alone."""

import json
import time

import h5py
import numpy as np
import pytest
from mpi4py import MPI
from processes import CASE, gbbgky, sets, started

from gbbgky_petsc.store import blocks
from gbbgky_petsc.store.blocks import DistributedArray
from gbbgky_petsc.store.checkpoint import block_path
from gbbgky_petsc.store.reader import read, read_checkpoint

#: many steps, a checkpoint after each
SLOW = ("time.end=60.0", "output.snapshots_at=[30.0,60.0]", "output.checkpoint_seconds=1e-9")
STEPS = ("-ts_adapt_dt_max", "2.0")


def killed(target, number, *arguments, case=CASE):
    """Start a run and SIGKILL it once the checkpoint after that many steps is there."""
    with started("run", case, "-o", target, *arguments) as process:
        limit = time.monotonic() + 60.0
        while time.monotonic() < limit and process.poll() is None:
            files = target.parent.glob(f"{target.name}.checkpoint.*")
            found = [int(p.name.partition(".checkpoint.")[2].partition(".")[0]) for p in files]
            if found and max(found) >= number:
                break
            time.sleep(0.002)
    with h5py.File(target) as file:
        assert not file.attrs["complete"] and file["checkpoint"].attrs["number"] >= number - 1


def assert_same(one, two, tolerance):
    """Same rows at the same times; zero tolerance means to the last bit."""
    with h5py.File(one) as a, h5py.File(two) as b:
        assert a.attrs["complete"] and b.attrs["complete"]
        for name in [*(f"series/{k}" for k in a["series"]), "snapshots/t", "snapshots/rho", "checkpoint/one_body"]:
            x, y = a[name][()], b[name][()]
            assert x.shape == y.shape, name
            if tolerance == 0.0:
                np.testing.assert_array_equal(x, y, err_msg=name)
            elif name != "series/step":
                scale = 1.0 if name == "series/momentum" else np.abs(x).max()  # momentum is zero
                np.testing.assert_allclose(x, y, atol=tolerance * scale, err_msg=name)


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    target = tmp_path_factory.mktemp("straight") / "out.h5"
    done = gbbgky("run", CASE, "-o", target, *sets(*SLOW), *STEPS)
    assert done.returncode == 0, done.stderr
    return target


@pytest.mark.parametrize("number", [8, 20])  # before and after a snapshot that cuts a step short
def test_killed_and_resumed_is_the_same_to_the_last_bit(straight, tmp_path, number):
    target = tmp_path / "out.h5"
    killed(target, number, *sets(*SLOW), *STEPS)
    done = gbbgky("run", CASE, "-o", target, *sets(*SLOW), "--resume", *STEPS)
    assert done.returncode == 0, done.stderr
    assert_same(target, straight, 0.0)
    left = sorted(p.name for p in tmp_path.glob("out.h5.checkpoint.*"))
    with h5py.File(target) as file:
        assert left == [f"out.h5.checkpoint.{file['checkpoint'].attrs['number']}"]


def test_resumed_on_two_ranks(straight, tmp_path):
    target = tmp_path / "out.h5"
    options = (*STEPS, "-ksp_rtol", "1e-9", "-ts_adapt_type", "none", "-ts_dt", "5.0")
    killed(target, 4, *sets(*SLOW), *options)
    done = gbbgky("run", CASE, "-o", target, *sets(*SLOW), "--resume", *options, ranks=2)
    assert done.returncode == 0, done.stderr
    alone = tmp_path / "alone.h5"
    gbbgky("run", CASE, "-o", alone, *sets(*SLOW), *options)
    assert_same(target, alone, 1e-9)
    with h5py.File(target) as file:
        assert file.attrs["ranks"] == 2


@pytest.mark.parametrize("ranks", [1, 2])
def test_snapshots_of_g_are_whole_and_checkpoints_half_of_it(tmp_path, ranks):
    target = tmp_path / "out.h5"
    done = gbbgky(
        "run", CASE, "-o", target, *sets("output.snapshots_at=[0.0,20.0]", "output.fields=['pair']"), ranks=ranks
    )
    assert done.returncode == 0, done.stderr
    g, point = read(target).kept("pair", -1), read_checkpoint(target)
    held = np.fromfile(block_path(target, point.number)).reshape(-1, *g.shape[1:])
    assert len(held) == len(g) // 2 + 1 and np.abs(held).max() > 0.0
    np.testing.assert_array_equal(g[: len(held)], held)
    np.testing.assert_array_equal(g, np.roll(g[::-1], 1, axis=0).swapaxes(1, 2))


def make_old(target, version):
    """Turn the checkpoint of a ring or an absorbing mesh into one of version 1 or 2, which held g for all z."""
    with h5py.File(target, "r+") as file:
        attributes, n, points = file["checkpoint"].attrs, file["mesh/theta"].size, file["mesh/z"].size
        path = block_path(target, attributes["number"])
        held = np.fromfile(path).reshape(-1, n, n)
        whole = np.concatenate([held, held[points // 2 - 1 : 0 : -1].swapaxes(1, 2)])
        whole.tofile(path)
        attributes["version"] = version
        checksum = blocks.checksum(DistributedArray(MPI.COMM_SELF, whole, 0, whole.size))
        attributes["blocks"] = json.dumps({"pair": checksum})
        if version == 1:
            del attributes["version"], attributes["blocks"]
    return path


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_checkpoint_with_all_of_g_is_resumed(tmp_path, ranks):
    """To the last bit as one with half of it; and where its other half is damaged that is seen."""
    old, new = tmp_path / "old.h5", tmp_path / "new.h5"
    for target in (old, new):
        assert gbbgky("run", CASE, "-o", target, *sets()).returncode == 0
    path = make_old(old, 2)
    good = path.read_bytes()
    path.write_bytes(good[:-8] + b"\0" * 8)
    refused = gbbgky("run", CASE, "-o", old, *sets("time.end=30.0"), "--resume", ranks=ranks)
    assert refused.returncode == 2 and "checksum" in refused.stderr
    path.write_bytes(good)
    for target in (old, new):
        done = gbbgky("run", CASE, "-o", target, *sets("time.end=30.0"), "--resume", ranks=ranks)
        assert done.returncode == 0, done.stderr
    assert_same(old, new, 0.0)


def test_a_finished_run_is_extended(straight, tmp_path):
    target = tmp_path / "out.h5"
    first = sets("time.end=30.0", "output.snapshots_at=[30.0]")
    then = sets("time.end=60.0", "output.snapshots_at=[30.0,60.0]", "kinetic.tolerance=1e-4")  # not this run's business
    for settings in (first, [*then, "--resume"]):
        done = gbbgky("run", CASE, "-o", target, *sets(*SLOW), *settings, *STEPS)
        assert done.returncode == 0, done.stderr
    assert_same(target, straight, 0.0)  # 30 is a stop of the straight run as well
    with h5py.File(target) as file:
        assert json.loads(file.attrs["case"])["time"]["end"] == 60.0


def test_refusals_leave_everything_as_it_was(straight, tmp_path):
    target = tmp_path / "out.h5"
    assert "does not exist" in gbbgky("run", CASE, "-o", target, *sets(*SLOW), "--resume").stderr
    target.write_bytes(straight.read_bytes())
    bad = {
        ("model.length=1.1",): "model.length",
        ("mesh.z_spacing=8.0",): "mesh.z_spacing",
        ("output.series_every=5.0",): "time.end",  # it is complete
        ("time.end=500.0",): "out.h5.checkpoint",  # g was not copied
    }
    for assignments, named in bad.items():
        done = gbbgky("run", CASE, "-o", target, *sets(*SLOW, *assignments), "--resume")
        assert done.returncode == 2 and named in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
    for pair in straight.parent.glob("out.h5.checkpoint.*"):
        (tmp_path / pair.name).write_bytes(pair.read_bytes())
    done = gbbgky("run", CASE, "-o", target, *sets(*SLOW, "time.end=500.0", "output.snapshots_at=[40.0]"), "--resume")
    assert done.returncode == 2 and "output.snapshots_at = [40.0]" in done.stderr
    assert target.read_bytes() == straight.read_bytes()
    off = tmp_path / "off.h5"
    gbbgky("run", CASE, "-o", off, *sets("output.checkpoint_seconds=0"))
    assert not list(tmp_path.glob("off.h5.*"))
    assert "holds no checkpoint" in gbbgky("run", CASE, "-o", off, *sets("time.end=30.0"), "--resume").stderr
