"""Files that know themselves: blocks on disk, sealed results, the schema of the reader, the lock."""

import json
import os
import resource
import shutil
import subprocess
import sys

import h5py
import numpy as np
import pytest
from mpi4py import MPI

from gbbgky_petsc.errors import InputError, StorageError
from gbbgky_petsc.store import blocks, checkpoint, sealed, snapshots
from gbbgky_petsc.store.blocks import DistributedArray
from gbbgky_petsc.store.checkpoint import Checkpoint
from gbbgky_petsc.store.lock import OutputLock
from gbbgky_petsc.store.reader import read, read_checkpoint
from gbbgky_petsc.store.writer import HIERARCHY, ResultWriter, check_target


def cut(whole, comm=MPI.COMM_WORLD):
    """This rank's uneven piece of a whole block."""
    ends = [0, *(whole.size * (r + 1) ** 2 // comm.size**2 for r in range(comm.size))]
    part = whole[ends[comm.rank] : ends[comm.rank + 1]].copy()
    return DistributedArray(comm, part, ends[comm.rank], whole.size)


@pytest.fixture
def shared(tmp_path):
    """A folder that all ranks share."""
    return type(tmp_path)(MPI.COMM_WORLD.bcast(str(tmp_path)))


@pytest.mark.parallel
def test_blocks_are_the_same_for_any_number_of_ranks(shared):
    whole = np.random.default_rng(3).standard_normal(100_003)
    path = shared / "block"
    stored = blocks.write(path, cut(whole))
    alone = DistributedArray(MPI.COMM_SELF, whole, 0, whole.size)
    assert stored == blocks.checksum(alone) and np.array_equal(np.fromfile(path), whole)
    back = cut(np.zeros_like(whole))
    blocks.read(path, back, stored)
    assert np.array_equal(back.local, cut(whole).local)


@pytest.mark.parametrize("change", ["bit", "swap", "zeros", "sign of zero"])
def test_checksum_tells_any_change(change):
    whole = np.random.default_rng(4).standard_normal(50_000)
    whole[7] = 0.0
    before = blocks.checksum(cut(whole, MPI.COMM_SELF))
    if change == "bit":
        whole.view(np.uint64)[49_999] ^= np.uint64(1)
    elif change == "swap":
        whole[[1, 40_000]] = whole[[40_000, 1]]
    elif change == "zeros":
        whole[30_000:] = 0.0
    else:
        whole[7] = -0.0
    assert blocks.checksum(cut(whole, MPI.COMM_SELF)) != before


@pytest.mark.parallel
def test_damaged_or_missing_block_is_refused_on_all_ranks(shared):
    whole = np.arange(1000.0)
    path = shared / "block"
    stored = blocks.write(path, cut(whole))
    MPI.COMM_WORLD.barrier()
    if MPI.COMM_WORLD.rank == 0:
        with open(path, "r+b") as file:
            file.seek(8 * 999)
            file.write(bytes(8))
    MPI.COMM_WORLD.barrier()
    with pytest.raises(InputError, match="damaged"):
        blocks.read(path, cut(whole), stored)
    with pytest.raises(InputError, match="8000 bytes; allowed: 8008"):
        blocks.read(path, cut(np.zeros(1001)), None)


@pytest.mark.parallel
def test_a_full_disk_is_told_by_all_ranks_and_leaves_nothing(shared):
    """The size that a process may write stands for the space on a disk: both fail in the same call."""
    whole = np.ones(300_000)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, limits[1]))
    try:
        with pytest.raises(StorageError, match="cannot be written"):
            checkpoint.write_blocks(shared / "r.h5", 7, {"pair": cut(whole)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    MPI.COMM_WORLD.barrier()
    assert not list(shared.iterdir())


def test_what_the_file_system_lost_is_found_by_reading_back(tmp_path):
    whole = np.ones(1000)
    path = tmp_path / "block"
    blocks.write(path, cut(whole, MPI.COMM_SELF))
    os.truncate(path, 4000)
    os.truncate(path, 8000)  # as a disk that was full leaves it: the right size, and zeros
    with pytest.raises(StorageError, match="does not read back"):
        blocks._compare(path, cut(whole, MPI.COMM_SELF))


def test_named_blocks_of_a_checkpoint(tmp_path):
    """A third field and several whole arrays go through the file; blocks of older steps are removed by name."""
    result = tmp_path / "r.h5"
    fields = {"pair": np.arange(24.0), "triple": np.arange(40.0) - 3.0}
    for step in (3, 5):
        stored = checkpoint.write_blocks(result, step, {k: cut(v, MPI.COMM_SELF) for k, v in fields.items()})
    (tmp_path / "r.h5.checkpoint.5.note.txt").write_text("not ours")
    checkpoint.remove_others(result, 5)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "r.h5.checkpoint.5", "r.h5.checkpoint.5.note.txt", "r.h5.checkpoint.5.triple",
    ]  # fmt: skip
    arrays = {"one_body": np.arange(5.0), "flow": np.full((2, 3), np.nan), "wall": np.array(2.0)}
    point = Checkpoint(1.5, 5, 0.1, 0.2, arrays, 4, 1, 9.0, stored)
    with h5py.File("any", "w", driver="core", backing_store=False) as file:
        point.write(file)
        back = checkpoint.parse(result, file["checkpoint"])
    for name, values in arrays.items():
        np.testing.assert_array_equal(back.array(result, name, values.shape), values)
    assert (back.t, back.number, back.series_rows, back.blocks) == (1.5, 5, 4, stored)
    checkpoint.check_blocks(result, back, {"pair": (24, 24), "triple": (40, 40)})
    with pytest.raises(InputError, match=r"blocks pair, triple; allowed: pair$"):
        checkpoint.check_blocks(result, back, {"pair": (24, 24)})
    empty = {k: cut(np.zeros_like(v), MPI.COMM_SELF) for k, v in fields.items()}
    checkpoint.read_blocks(result, back, {name: [block] for name, block in empty.items()})
    np.testing.assert_array_equal(empty["triple"].local, fields["triple"])
    with pytest.raises(InputError, match="one_body is of shape"):
        back.array(result, "one_body", (6,))


def test_sealed_files(tmp_path):
    path = tmp_path / "f"
    sealed.write(path, b"contents" * 1000)
    assert sealed.verify(path)
    whole = path.read_bytes()
    for place in (0, 4321, len(whole) - 3):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(InputError, match="damaged"):
            sealed.verify(path)
    path.write_bytes(b"contents" * 1000)
    assert not sealed.verify(path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(StorageError, match="cannot be written"):
            sealed.write(path, b"x" * 2000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == b"contents" * 1000 and [p.name for p in tmp_path.iterdir()] == ["f"]


CASE = {
    "model": {"kind": "free"}, "potential": {"kind": "gaussian", "strength": 1.0, "range": 5.0},
    "state": {"kind": "thermal", "beta": 1.0, "density": 0.2}, "time": {"end": 1.0},
    "mesh": {"theta_max": 4.0, "theta_points": 8, "z_max": 16.0, "z_spacing": 2.0},
}  # fmt: skip


@pytest.fixture
def result(tmp_path):
    """A result file of two rows and a snapshot, with a checkpoint."""
    attributes = {
        "case": json.dumps(CASE), "petsc_options": "{}", "versions": "{}", "equations": "none", "ranks": 1,
        "rescaled_time_unit": 2.0,
    }  # fmt: skip
    mesh = {"theta": np.linspace(-3.5, 3.5, 8), "theta_weights": np.ones(8), "z": np.arange(-16.0, 16.0, 2.0)}
    writer = ResultWriter(tmp_path / "r.h5", attributes, mesh)
    for t in (0.0, 1.0):
        writer.add_series(**dict.fromkeys(writer.series, t))
    writer.add_snapshot(t=1.0, t_rescaled=0.5, rho=np.ones(8), density_correlation=np.ones(16))
    writer.checkpoint = Checkpoint(1.0, 3, 0.1, 0.1, {"one_body": np.ones(9)}, 2, 1, 5.0, {"pair": "0" * 16})
    writer.flush(complete=True)
    return tmp_path / "r.h5"


def test_a_result_is_read_back_and_by_plain_hdf5(result):
    found = read(result)
    assert found.case.state.density == 0.2 and found.attributes["complete"]
    np.testing.assert_array_equal(found.series["kurtosis"], [0.0, 1.0])
    assert read_checkpoint(result).number == 3
    with h5py.File(result) as file:
        assert file["snapshots/rho"].dims[1][0].name == "/mesh/theta"
    assert not list(result.parent.glob("*.part"))


TAMPERED = {
    "no series": lambda f: f.pop("series"),
    "no kurtosis": lambda f: f.pop("series/kurtosis"),
    "loop": lambda f: f["series"].__setitem__("kurtosis2", f["series"]),
    "soft link": lambda f: f["series"].__setitem__("more", h5py.SoftLink("/mesh/theta")),
    "external link": lambda f: f["series"].__setitem__("more", h5py.ExternalLink("/etc/passwd", "/")),
    "huge": lambda f: f["series"].create_dataset("more", shape=(2**41,), chunks=(2**20,), dtype="u1"),
    "text": lambda f: f["series"].create_dataset("more", data="text"),
    "other length": lambda f: f["series"].create_dataset("more", data=np.ones(7)),
    "two dimensions": lambda f: f["series"].create_dataset("more", data=np.ones((2, 2))),
    "case not JSON": lambda f: f.attrs.__setitem__("case", 7),
    "version": lambda f: f.attrs.__setitem__("format_version", 2),
    "version of text": lambda f: f.attrs.__setitem__("format_version", "one"),
    "mesh downwards": lambda f: f["mesh/z"].__setitem__(slice(None), f["mesh/z"][()][::-1]),
    "time not finite": lambda f: f["series/t"].__setitem__(1, np.nan),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_a_result_that_was_tampered_with_is_refused(result, what):
    with h5py.File(result, "r+") as file:
        TAMPERED[what](file)
    with pytest.raises(InputError) as refused:
        read(result)
    assert "\n" not in str(refused.value)


def test_edits_of_ones_own_are_allowed(result):
    with h5py.File(result, "r+") as file:
        file.attrs["note"] = "mine"
        file["series"].create_dataset("ratio", data=np.ones(2))
    assert read(result).series["ratio"].sum() == 2.0


TAMPERED_CHECKPOINTS = {
    "newer version": lambda g: g.attrs.__setitem__("version", 4),
    "no time": lambda g: g.attrs.pop("t"),
    "negative step": lambda g: g.attrs.__setitem__("step", -1.0),
    "rows of a fraction": lambda g: g.attrs.__setitem__("series_rows", 0.5),
    "blocks": lambda g: g.attrs.__setitem__("blocks", '{"../x": "0"}'),
    "text": lambda g: g.create_dataset("more", data="text"),
    "group": lambda g: g.create_group("more"),
}


@pytest.mark.parametrize("what", TAMPERED_CHECKPOINTS)
def test_a_checkpoint_that_was_tampered_with_is_refused(result, what):
    with h5py.File(result, "r+") as file:
        TAMPERED_CHECKPOINTS[what](file["checkpoint"])
    with pytest.raises(InputError):
        read_checkpoint(result)


def test_other_things_than_results_are_refused(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "text").write_text("no result")
    (tmp_path / "empty").touch()
    for name in ("fifo", "text", "empty", "missing", "."):
        with pytest.raises(InputError):
            read(tmp_path / name)


def test_targets_that_are_refused(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for bad, force in ((tmp_path, True), (tmp_path / "fifo", True), ("/dev/null", True), (tmp_path / ("n" * 250), True),
                       (tmp_path / ("n" * 300), False), (tmp_path / "fifo" / "out.h5", False)):  # fmt: skip
        with pytest.raises(InputError):
            check_target(type(tmp_path)(bad), force)


HOLD = """
import sys, time
from pathlib import Path
from gbbgky_petsc.store.lock import OutputLock
lock = OutputLock(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def test_a_second_writer_is_refused_and_a_dead_one_taken_over(tmp_path):
    output = tmp_path / "r.h5"
    with subprocess.Popen([sys.executable, "-c", HOLD, output], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(InputError, match=f"process {holder.pid} on"):
            OutputLock(output)
        holder.kill()
    assert (tmp_path / "r.h5.lock").exists()
    with OutputLock(output):
        assert (tmp_path / "r.h5.lock").read_text().split()[1] == str(os.getpid())
    assert not list(tmp_path.iterdir())


def test_a_result_without_a_seal_that_crashes_hdf5_is_refused(result, monkeypatch):
    """The first look at a file without a seal is another process's, which may crash."""
    broken = result.with_name("b.h5")
    shutil.copy(result, broken)
    os.truncate(broken, broken.stat().st_size // 2)
    with pytest.raises(InputError, match="cannot be read as HDF5"):
        read(broken)
    monkeypatch.setattr("gbbgky_petsc.store.reader.PATIENCE", 0.001)
    with h5py.File(result, "r+") as file:
        file.attrs["note"] = "mine"
    with pytest.raises(InputError, match="hangs"):
        read(result)


def test_fields_of_rows_that_are_written_anew_go(tmp_path):
    """With --force all of them, on resuming those behind the checkpoint; nothing else beside the result."""
    result = tmp_path / "r.h5"
    field = cut(np.arange(24.0), MPI.COMM_SELF)
    sums = [snapshots.write(result, row, "pair", field) for row in range(3)]
    for name in ("r.h5.snapshot.2.note.txt", "r.h5.checkpoint.2", "other.h5.snapshot.2.pair"):
        (tmp_path / name).write_text("stays")
    snapshots.remove_from(result, 1)
    assert {p.name for p in tmp_path.iterdir()} == {
        "r.h5.snapshot.0.pair", "r.h5.snapshot.2.note.txt", "r.h5.checkpoint.2", "other.h5.snapshot.2.pair"
    }  # fmt: skip
    np.testing.assert_array_equal(snapshots.read(result, 0, "pair", (2, 12), sums[0]), field.local.reshape(2, 12))
    with pytest.raises(InputError, match="damaged"):
        snapshots.read(result, 0, "pair", (2, 12), sums[0] + 2048.0)


def test_a_field_that_is_asked_for_on_resuming_was_not_kept_before(tmp_path):
    schema = HIERARCHY.with_snapshots(snapshots.schema(["triple"]))
    writer = ResultWriter(tmp_path / "r.h5", {}, {}, schema)
    series = {name: np.arange(5.0) for name in HIERARCHY.series}
    shots = {name: np.arange(3.0) for name in HIERARCHY.snapshots}
    writer.restore(series, shots, Checkpoint(3.0, 9, 0.1, 0.1, {}, 4, 2, 1.0))
    assert np.isnan(writer.snapshots["triple_checksum"]).tolist() == [True, True]
    assert writer.snapshots["rho"] == [0.0, 1.0] and writer.series["kurtosis"] == [0.0, 1.0, 2.0, 3.0]
