"""The fault suite: kills, signals, full disks, bad options and mutated files by the dozen. `make faults`, minutes.

Every fault counts as handled if its command ends in time with a documented code and, unless that is 0, one line; and if
what it leaves is right. The seed is printed and may be set by GBBGKY_FAULT_SEED. Trials of one kind run on all cores.
"""

import os
import random
import re
import shutil
import signal
import subprocess
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pytest
from processes import CASE, RUNS, await_file, last_words, sets, settings, started
from test_cli import RINGS
from test_endings import ENDLESS

from gbbgky_petsc import case as case_file
from gbbgky_petsc import problem
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.flow.record import FlowCheckpoint
from gbbgky_petsc.store.reader import read, read_checkpoint

pytestmark = [pytest.mark.faults, pytest.mark.filterwarnings("ignore")]

SEED = int(os.environ.get("GBBGKY_FAULT_SEED", "12"))
#: codes of docs/errors.md that a fault may end with; 1 is a failure nobody expected
DOCUMENTED = {0, 2, 3, 5, 75, 130}
#: trials at a time
WORKERS = os.cpu_count() or 1


class Tally:
    """What was tried, and what was mishandled, of one kind."""

    def __init__(self) -> None:
        self.tried: dict[str, int] = {}
        self.wrong: dict[str, list[str]] = {}

    def __call__(self, kind: str, what: str, fault: str | None, number: int = 1) -> None:
        self.tried[kind] = self.tried.get(kind, 0) + number
        if fault:
            self.wrong.setdefault(kind, []).append(f"{what}: {fault}")

    def check(self, kind: str) -> None:
        wrong = self.wrong.get(kind, [])
        assert not wrong, f"seed {SEED}: {len(wrong)} of {self.tried[kind]} mishandled\n" + "\n".join(wrong)

    def all(self, kind: str, trials: Iterable[tuple[str, Callable[[], str | None]]], number: int = 1) -> None:
        """Run named trials on all cores, ``number`` faults each, and check."""
        names, actions = zip(*trials, strict=True)
        pool = ThreadPoolExecutor(WORKERS)
        try:
            for name, fault in zip(names, pool.map(lambda act: act(), actions), strict=True):
                self(kind, name, fault, number)
        finally:
            pool.shutdown(cancel_futures=True)
        self.check(kind)

    def table(self) -> str:
        rows = [f"| {kind} | {n} | {len(self.wrong.get(kind, []))} |" for kind, n in self.tried.items()]
        return "\n".join([f"seed {SEED}", "| what | tried | mishandled |", "|---|---|---|", *rows])


@pytest.fixture(scope="module")
def tally(request) -> Iterator[Tally]:
    made = Tally()
    yield made
    with request.config.pluginmanager.get_plugin("capturemanager").global_and_fixture_disabled():
        print(f"\n{made.table()}")


@pytest.fixture(scope="module", autouse=True)
def patience(tmp_path_factory):
    """How much slower than an idle machine this one is: what limits of time are multiplied by."""
    folder = tmp_path_factory.mktemp("first")
    for name in ("compiles", "is timed"):
        began = time.monotonic()
        assert tried("run", CASE, "-o", folder / f"{name}.h5", *sets(), seconds=600.0) is None
    Patience.factor = max(1.0, (time.monotonic() - began) / 3.0)


class Patience:
    factor = 1.0


def judged(running, seconds=60.0, codes=DOCUMENTED):
    """What is wrong with the way a process ends; None if nothing is."""
    seconds *= Patience.factor
    try:
        _, err = running.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        return f"still there after {seconds:.0f} s"
    if running.returncode not in codes:
        return f"code {running.returncode}: {err[-300:]}"
    if "Traceback" in err:
        return f"traceback: {err[-300:]}"
    if running.returncode and (lines := len(last_words(err))) != 1:
        return f"code {running.returncode} with {lines} lines: {err[-300:]}"
    return None


def tried(*words, ranks=1, before="", variables=None, folder=None, leaves=None, **how):
    """What is wrong with a command, also if it ends well without the file that it should have left."""
    with started(*words, ranks=ranks, before=before, variables=variables, folder=folder) as running:
        fault = judged(running, **how)
    if fault is None and running.returncode == 0 and leaves is not None and not leaves.exists():
        return f"code 0 without {leaves.name}"
    return fault


OFTEN = ("output.checkpoint_seconds=1e-9", "output.flush_seconds=1e-9")
#: small runs that write all the time: case and further words
KINDS = {
    "run": (CASE, *sets("time={end=3.0}", "output.snapshots_at=[]", "output.series_every=1.0", *OFTEN), *ENDLESS),
    "md": (CASE, *settings(*RINGS, "md.realisations=12", OFTEN[1])),
    "kinetic": (CASE, *sets("time={end=60.0}", "output.snapshots_at=[]", "output.series_every=10.0", *OFTEN),
                "-kinetic_ts_adapt_dt_max", "1"),
    "flow": (RUNS / "cradle.toml", *settings("mesh.theta_points=48", "space.points=64", "time.end=30.0",
             "output.series_every=1.0", "output.snapshots_at=[]", "flow.collision_points=24", *OFTEN)),
}  # fmt: skip
#: the same without an end
LONG = {
    "run": settings("time.end=500.0"),
    "md": settings("md.realisations=100000"),
    "kinetic": settings("time.end=5000.0"),
    "flow": settings("time.end=5000.0"),
}


def same(one, two):
    """What differs between two results of the same run."""
    with h5py.File(one) as a, h5py.File(two) as b:
        if not (a.attrs["complete"] and b.attrs["complete"]):
            return "not complete"
        # after a kill between rows a flow divides the time to the next one anew
        for name in sorted(set(a["series"]) - ({"step"} if "x" in a["mesh"] else set())):
            x, y = a[f"series/{name}"][()], b[f"series/{name}"][()]
            if x.shape != y.shape:
                return f"{y.shape} rows of {name}, not {x.shape}"
            if not np.allclose(x, y, rtol=1e-9, atol=1e-12, equal_nan=True):
                return f"another {name}, by {np.abs(x - y).max():.1e}"
    return None


def killed_and_resumed(kind, target, straight, ranks, seed):
    """What is wrong after three kills at random moments."""
    words, dice = (kind, KINDS[kind][0], "-o", target, *KINDS[kind][1:], "--resume=auto"), random.Random(seed)
    for _ in range(3):
        with started(*words, ranks=ranks) as running:
            if dice.random() < 0.7:
                await_file(target, running, 60.0 * Patience.factor)
            else:
                time.sleep(dice.uniform(0.0, 2.0))
            time.sleep(dice.uniform(0.0, 0.6))
            running.send_signal(signal.SIGKILL)
        time.sleep(0.5)  # for ranks that lost their launcher
    return tried(*words) or same(target, straight)


@pytest.mark.parametrize(("kind", "chains"), [("run", 20), ("md", 10), ("kinetic", 5), ("flow", 5)])
def test_kill_and_resume(kind, chains, tmp_path, tally):
    """Chains of kill -9 on one, two and three ranks, gone on with --resume=auto, against a run left alone."""
    straight = tmp_path / "straight.h5"
    assert tried(kind, KINDS[kind][0], "-o", straight, *KINDS[kind][1:]) is None
    tally.all(
        f"kill -9, {kind}",
        (
            (f"chain {n}", partial(killed_and_resumed, kind, tmp_path / f"{n}.h5", straight, 1 + n % 3, SEED + n))
            for n in range(chains)
        ),
        number=3,
    )


def children(pid):
    """Processes started by one."""
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True)
    return [int(word) for word in listed.stdout.split()]


def signalled(kind, number, ranks, target):
    """What is wrong after a signal to a process, to the launcher or, where that would kill its ranks, to one rank."""
    with started(kind, KINDS[kind][0], "-o", target, *KINDS[kind][1:], *LONG[kind], ranks=ranks) as running:
        await_file(target, running, 60.0 * Patience.factor)
        if ranks > 1 and number in (signal.SIGTERM, signal.SIGINT):
            os.kill(children(running.pid)[-1], number)
        else:
            running.send_signal(number)
        fault = judged(running, codes={75})
    return fault or stopped(kind, target)


def stopped(kind, target):
    """What is wrong with what a run leaves that was stopped."""
    if not target.exists():
        return "nothing saved"
    try:
        if read(target).attributes["complete"]:
            return "called complete"
        if kind != "md":
            (FlowCheckpoint.load if kind == "flow" else read_checkpoint)(target)
    except InputError as error:
        return f"left a result that is damaged: {error}"
    return None


@pytest.mark.parametrize("ranks", [1, 2])
def test_signals(ranks, tmp_path, tally):
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)
    trials = [(k, n) for k in KINDS for n in numbers]
    tally.all(
        f"signals, {ranks} rank(s)",
        ((f"{k} {n.name}", partial(signalled, k, n, ranks, tmp_path / f"{k}{n}.h5")) for k, n in trials),
    )


@contextmanager
def small_disk(folder, size):
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True)
    if done.returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def filled(kind, size, folder, ranks):
    """What is wrong after a run on a disk of some size."""
    with small_disk(folder, size) as small:
        target = small / "out.h5"
        words = (*KINDS[kind], *(settings("time.end=10.0") if kind == "run" else settings("md.realisations=100")))
        fault = tried(kind, words[0], "-o", target, *words[1:], ranks=ranks, leaves=target, codes={0, 5})
        if fault is None and target.exists():
            try:
                read(target)
            except InputError as error:
                fault = f"left a result that is damaged: {error}"
    return fault


def test_full_disk(tmp_path, tally):
    trials = [(k, s, r) for k in ("run", "md") for r in (1, 2) for s in (8192, 65536, 300_000, 700_000, 1_100_000)]
    tally.all("full disk", ((f"{k} {s} {r}", partial(filled, k, s, tmp_path / f"{k}{s}{r}", r)) for k, s, r in trials))


def overlapping(target, straight, seconds):
    """What is wrong after two runs on one output, of which one or both in turn have it."""
    words = ("run", CASE, "-o", target, *KINDS["run"][1:])
    with started(*words) as one:
        time.sleep(seconds)
        with started(*words, "--force") as two:
            faults = [judged(one), judged(two)]
    codes = sorted([one.returncode, two.returncode])
    if codes not in ([0, 2], [0, 0]):
        faults.append(f"codes {codes}")
    return next((f for f in faults if f), None) or same(target, straight)


def test_two_writers(tmp_path, tally):
    """Against a run left alone."""
    dice, straight = random.Random(SEED), tmp_path / "straight.h5"
    assert tried("run", CASE, "-o", straight, *KINDS["run"][1:]) is None
    delays = [dice.uniform(0.0, 2.0) for _ in range(31)]
    trials = [(f"pair {n}", partial(overlapping, tmp_path / f"{n}.h5", straight, d)) for n, d in enumerate(delays)]
    tally.all("two processes on one output", trials)


def test_ranks_that_are_all_alone(tmp_path, tally):
    """A launcher of another MPI than mpi4py's: every process would be 0 of 1."""
    launchers = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS")
    commands = [(kind, KINDS[kind][0], "-o", tmp_path / "out.h5", *KINDS[kind][1:]) for kind in KINDS]
    commands += [("rates", CASE, "-o", tmp_path / "out.h5"), ("plot", tmp_path / "x.h5"), ("info", tmp_path / "x.h5"),
                 ("cases",), ("validate",), ("run", CASE, "--dry-run")]  # fmt: skip
    tally.all(
        "ranks that are all 0 of 1",
        (
            (f"{words[0]} {name}", partial(tried, *words, variables={name: "2"}, codes={2}))
            for words in commands
            for name in launchers
        ),
    )
    assert not (tmp_path / "out.h5").exists()


RAISED = (
    "InputError('planted')",
    "SolverError('planted')",
    "StorageError('planted')",
    "KeyboardInterrupt",
    "Stopped('x')",
)
#: command and function in which one rank alone fails
PLACES = [
    ("run", "from gbbgky_petsc.commands import hierarchy as owner; name = 'run'"),
    ("run", "from gbbgky_petsc import problem as owner; name = 'build'"),
    ("run", "from gbbgky_petsc import case as owner; name = 'load'"),
    ("run", "from gbbgky_petsc.equations.hierarchy import Hierarchy as owner; name = 'ifunction'"),
    ("run", "from gbbgky_petsc.equations.hierarchy import Hierarchy as owner; name = 'measure'"),
    ("run", "from gbbgky_petsc.store import checkpoint as owner; name = 'write_blocks'"),
    ("run", "from gbbgky_petsc.solvers.lines import Lines as owner; name = 'invert'"),
    ("md", "from gbbgky_petsc.commands import md as owner; name = 'simulate'"),
    ("md", "from gbbgky_petsc.md.ensemble import Ensemble as owner; name = 'batches'"),
    ("kinetic", "from gbbgky_petsc.commands import kinetic as owner; name = 'run'"),
    ("kinetic", "from gbbgky_petsc.equations.kinetic import KineticEquation as owner; name = 'ijacobian'"),
    ("flow", "from gbbgky_petsc.commands import flow as owner; name = 'run'"),
    ("flow", "from gbbgky_petsc.flow.equation import FlowEquation as owner; name = 'rhs'"),
    ("rates", "from gbbgky_petsc.commands import rates as owner; name = 'rates'"),
]


def failing_on_one_rank(kind, found, raised, target):
    before = (
        f"from gbbgky_petsc.errors import *\nfrom mpi4py import MPI\n{found}\nformer = getattr(owner, name)\n"
        f"def planted(*a, **k):\n    if MPI.COMM_WORLD.rank == 1: raise {raised}\n    return former(*a, **k)\n"
        "setattr(owner, name, planted)"
    )
    words = KINDS.get(kind, (CASE, *sets("output.snapshots_at=[]")))
    return tried(kind, words[0], "-o", target, *words[1:], ranks=2, before=before, seconds=20.0,
                 codes=DOCUMENTED - {0})  # fmt: skip


def test_fault_on_one_rank(tmp_path, tally):
    trials = [
        (f"{raised} in {found.split()[-1]} of {kind}", partial(failing_on_one_rank, kind, found, raised,
                                                              tmp_path / f"{number}{raised[0]}.h5"))
        for number, (kind, found) in enumerate(PLACES)
        for raised in RAISED
    ]  # fmt: skip
    shutil.copy(CASE, tmp_path / "case.toml")
    apart = "import os; from mpi4py import MPI\nif MPI.COMM_WORLD.rank == 1: os.chdir('/')"
    for kind in ("run", "md", "kinetic", "rates"):
        words = (kind, "case.toml", "-o", tmp_path / f"{kind}.h5", *sets("output.snapshots_at=[]"))
        trials.append(
            (f"{kind} from two folders", partial(tried, *words, ranks=2, before=apart, folder=tmp_path, codes={2}))
        )
    tally.all("fault on one rank only", trials)


TS = """
    euler beuler basicsymplectic pseudo cn rk theta alpha alpha2 glle glee arkimex rosw eimex mimex bdf radau5 mprk
    discgrad ssp sundials irk dirk nonsense
"""
KSP = """
    richardson chebyshev cg groppcg pipecg cgne nash stcg gltr fcg pipefcg gmres pgmres fgmres pipefgmres lgmres
    dgmres tcqmr bcgs ibcgs qmrcgs fbcgs fbcgsr bcgsl pipebcgs cgs tfqmr cr pipecr lsqr preonly none qcg bicg minres
    symmlq lcd python gcr pipegcr tsirm cgls fetidp hpddm nonsense
"""
PC = """
    none jacobi sor lu qr shell bjacobi mg eisenstat ilu icc cholesky asm gasm ksp composite redundant spai nn mat
    fieldsplit galerkin svd gamg kaczmarz hmg lsc hypre bddc tfs ml python nonsense
"""
SNES = """
    newtonls newtontr newtontrdc nrichardson ksponly ksptransposeonly vinewtonrsls vinewtonssls ngmres qn shell ngs ncg
    fas ms nasm anderson aspin composite patch nonsense
"""
ODD = """
    ts_dt; ts_dt -1; ts_dt nan; ts_dt 1e300; ts_time_step 0; ts_rtol x; ts_atol -1; ksp_rtol 2; ksp_rtol -1;
    ksp_max_it 0; ksp_gmres_restart 0; ksp_gmres_restart -3; snes_type nonsense; snes_max_it 0; ts_max_steps 0;
    ts_max_steps -5; ts_max_time 1; dm_vec_type x; vec_type x; mat_type x; ksp_pc_side left; ksp_pc_side nonsense;
    ts_adapt_type nonsense; ts_adapt_dt_max 0; ts_rosw_type x; ts_exact_final_time stepover; ts_adapt_dt_min 1e9;
    options_file /nowhere; options_file /; pc_python_type x; pc_python_type os.path; pc_lyapunov_refresh x;
    pc_lines_refresh -1; log_view :/nowhere/x; ts_type euler -ts_dt 2; ts_type rk -ts_adapt_type none -ts_dt 5;
    normal_modes_pc_type x
"""


OTHERS = """
    kinetic_ts_type nonsense; kinetic_ts_type alpha2; kinetic_ts_type rk; kinetic_ksp_type chebyshev;
    kinetic_ksp_type bicg;
    kinetic_pc_type icc; kinetic_pc_type hypre; kinetic_pc_type bddc; kinetic_snes_type nonsense; kinetic_ts_dt 1e9;
    kinetic_ts_max_steps 2; flow_ts_type beuler; flow_ts_type nonsense; flow_ts_dt 1e9; flow_ts_rk_type x;
    flow_ts_adapt_type nonsense; flow_ts_type euler; flow_ts_max_steps 2
"""
#: runs of a few steps by the prefix of their options, and their ends
SHORT = {
    "": (
        ("run", CASE, *sets("mesh.theta_points=28", "mesh.theta_max=4.5", "time={end=8.0}", "output.snapshots_at=[]")),
        8.0,
    ),
    "kinetic": (("kinetic", CASE, *sets("time={end=60.0}", "output.snapshots_at=[]")), 60.0),
    "flow": (("flow", KINDS["flow"][0], *KINDS["flow"][1:], *settings("time.end=3.0")), 3.0),
}


def with_option(option, target, ranks):
    """What is wrong with a short run."""
    words, end = SHORT.get(option.partition("_")[0], SHORT[""])
    words = (*words, "-o", target, *f"-{option}".split())
    fault = tried(*words, ranks=ranks, leaves=target, seconds=30.0)
    if fault is None and target.exists():
        with h5py.File(target) as file:
            values = [file[f"series/{name}"][()] for name in file["series"]]
            point = file.get("checkpoint", {})
            t = float(point["t"][()] if "t" in point else point.attrs["t"]) if point else 0.0
            if not all(np.all(np.isfinite(v)) for v in values):
                fault = "a result that is not finite"
            elif bool(file.attrs["complete"]) != (t >= end):
                fault = f"complete = {file.attrs['complete']} at t = {t}"
    return fault


@pytest.mark.parametrize(
    ("kind", "ranks"),
    [
        ("ts_type", 1),
        ("snes_type", 1),
        ("ksp_type", 1),
        ("pc_type", 1),
        ("others", 1),
        ("other equations", 1),
        ("ksp_type", 2),
        ("pc_type", 2),
    ],
)
def test_petsc_options(kind, ranks, tmp_path, tally):
    """None may crash, hang, or call a result what is not finite or not at its end."""
    words = {"ts_type": TS, "ksp_type": KSP, "pc_type": PC, "snes_type": SNES}.get(kind)
    listed = OTHERS if kind == "other equations" else ODD
    options = listed.split(";") if words is None else [f"{kind} {word}" for word in words.split()]
    tally.all(
        f"PETSc options, {kind}, {ranks} rank(s)",
        (
            (option.strip(), partial(with_option, option.strip(), tmp_path / f"{number}.h5", ranks))
            for number, option in enumerate(options)
        ),
    )


class Hangs(Exception):
    pass


@contextmanager
def alarm(seconds):
    def ring(*_):
        raise Hangs

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def refused(action, seconds=20):
    """None if an action works or ends in an `InputError` of one short line."""
    try:
        with alarm(seconds), np.errstate(all="ignore"):
            action()
    except InputError as error:
        text = str(error)
        return f"{len(text)} characters" if len(text) > 4000 or "\n" in text else None
    except Hangs:
        return f"hangs for {seconds} s"
    except BaseException as error:
        return f"{type(error).__name__}: {str(error)[:150]}"
    return None


#: beside the keys of the case
FURTHER_KEYS = """
    mesh.theta_max mesh.theta_points mesh.z_max mesh.z_spacing mesh.absorber_rate kinetic.tolerance md.step
    md.force_tolerance output.flush_seconds output.checkpoint_seconds
"""
EDGES = ["0", "-1", "1e300", "1e-300", "nan", "inf", "1e6", "1e-9", "9" * 5000, "x", "[]", "{}", "''", "true", "-40"]


def five_steps(assignment, target):
    """What is wrong with the start of a run."""
    small = sets("output.snapshots_at=[]", assignment)
    fault = tried("run", CASE, "-o", target, *small, "-ts_max_steps", "5", leaves=target, seconds=90.0)
    if fault is None and target.exists():
        series = read(target).series
        if not all(np.all(np.isfinite(values)) for values in series.values()):
            fault = "a result that is not finite"
    return fault


def test_edge_values(tmp_path, tally):
    """Refused at once, or, where a case can be made of them, a run that starts or says why not."""
    keys = [f"{table}.{key}" for table, values in tomllib.loads(CASE.read_text()).items() for key in values]
    run = []
    for key in (*keys, *FURTHER_KEYS.split()):
        for value in EDGES:
            accepted = []

            def build(assignment=f"{key}={value}", accepted=accepted):
                problem.build(case_file.load(CASE, [assignment]), CASE.parent)
                accepted.append(assignment)

            fault = refused(build)
            if accepted:
                run.append((accepted[0], partial(five_steps, accepted[0], tmp_path / f"{len(run)}.h5")))
            else:
                tally("values at the edge", f"{key}={value[:20]}", fault)
    tally.all("values at the edge", run)


TOO_LARGE = {
    "run": [("mesh.theta_points=100000",), ("mesh.theta_points=6000", "mesh.z_spacing=0.1"), ("mesh.z_spacing=1e-9",)],
    "md": [("md.ring=1e9",), ("md.realisations=1e9",)],
    "kinetic": [("mesh.theta_points=100000",), ("mesh.z_max=1e12", "mesh.z_spacing=1.0")],
    "flow": [("mesh.theta_points=100000",), ("mesh.theta_points=20000", "space.points=1000000")],
}


def test_memory_that_cannot_fit(tmp_path, tally):
    """Refused with the number, before any of it is taken."""
    tally.all(
        "memory that cannot fit",
        (
            (f"{kind} {' '.join(changes)}", partial(tried, kind, KINDS[kind][0], "-o", tmp_path / f"{kind}{n}.h5",
                                                    *settings(*changes, "output.snapshots_at=[]"), codes={2}))
            for kind, all_changes in TOO_LARGE.items()
            for n, changes in enumerate(all_changes)
        ),
    )  # fmt: skip


def mutated(text, dice):
    """A text with one to four random edits."""
    lines = text.splitlines()
    for _ in range(dice.randint(1, 4)):
        i = dice.randrange(len(lines))
        edit = dice.randrange(6)
        if edit == 0:
            lines[i] = "".join(c for c in lines[i] if dice.random() > 0.1)
        elif edit == 1:
            lines.insert(i, dice.choice(lines))
        elif edit == 2:
            lines[i] = re.sub(r"\d+", lambda m: str(dice.choice([0, -7, 10**9, 10**30])), lines[i], count=1)
        elif edit == 3:
            del lines[i]
            lines = lines or [""]
        elif edit == 4:
            j = dice.randrange(len(lines[i]) + 1)
            lines[i] = lines[i][:j] + dice.choice("\x00\x1b\u202e[]={}\"'#.,é\n") + lines[i][j:]
        else:
            j = dice.randrange(len(lines))
            lines[i], lines[j] = lines[j], lines[i]
    return "\n".join(lines)


def test_mutated_cases(tmp_path, tally):
    dice, path = random.Random(SEED), tmp_path / "case.toml"
    for number in range(430):
        path.write_text(mutated(CASE.read_text(), dice), encoding="utf-8", errors="surrogateescape")
        fault = refused(lambda: problem.build(case_file.load(path), tmp_path))
        tally("mutated case files", f"number {number}", fault)
    tally.check("mutated case files")


def test_mutated_results(tmp_path, tally):
    """A byte flipped, a stretch zeroed, the end cut off or doubled: refused, or read as it was."""
    good, bad = tmp_path / "good.h5", tmp_path / "bad.h5"
    assert tried("run", CASE, "-o", good, *KINDS["run"][1:]) is None
    dice, whole = random.Random(SEED), good.read_bytes()
    reference = read(good).series["kurtosis"]
    for number in range(260):
        data = bytearray(whole)
        place = dice.randrange(len(data))
        match number % 4:
            case 0:
                data[place] ^= 1 << dice.randrange(8)
            case 1:
                data[place : place + 64] = bytes(len(data[place : place + 64]))
            case 2:
                del data[place:]
            case _:
                data += data[place:]
        bad.write_bytes(data)

        def look():
            if not np.array_equal(read(bad).series["kurtosis"], reference):
                raise ValueError("other numbers, without a word")
            read_checkpoint(bad)

        tally("mutated result files", f"number {number}", refused(look, 40))
    tally.check("mutated result files")


NAMES = [
    *(
        "[/b]",
        "$_$",
        "a b",
        "\x1b[31m",
        "é\u202e",
        "-o",
        "%s{x}",
        "x" * 240,
        "x" * 300,
        "new/folder/out",
        "",
        "..",
        ".",
    ),
    *("a\nb", "'\"`", "\udcff", "~", "CON", "*?"),
]


def named(name, folder):
    """What is wrong with a result of some name, with its picture, and with going on with it."""
    target = folder / f"{name}.h5"
    words = ("run", CASE, "-o", target, *sets("time={end=1.0}", "output.snapshots_at=[]"))
    fault = tried(*words)
    if fault is None and os.path.isfile(target):  # unlike Path.is_file false for names that are too long
        fault = tried("info", target) or tried("plot", target, "-o", folder / f"{name}.png")
        fault = fault or tried(*words, "--resume=auto", codes={0}) or tried(*words, codes={2})
    return fault


def case_of_name(name, folder):
    """What is wrong with a case file of some name, and with a folder of that name as the output."""
    place = folder / f"in{name}"
    try:
        place.mkdir(parents=True)
        shutil.copy(CASE, place / "case.toml")
    except OSError:
        pass  # too long a name: then the case is not there
    words = sets("time={end=1.0}", "output.snapshots_at=[]")
    fault = tried("run", place / "case.toml", "-o", folder / f"{len(name)}{name[:1]!r}.h5", *words)
    readers = ("info", "plot", "animate", "compare") if not os.path.exists(place) else ()
    for reader in readers:
        fault = fault or tried(reader, *[place] * (1 + (reader == "compare")), codes={2})
    return fault or tried("run", CASE, "-o", place, "--force", *words, codes={2})


def test_odd_names(tmp_path, tally):
    trials = [(repr(name[:20]), partial(named, name, tmp_path)) for name in NAMES]
    tally.all("odd paths and names", trials, number=2)
    trials = [(f"case in {name[:20]!r}", partial(case_of_name, name, tmp_path)) for name in NAMES]
    tally.all("odd paths and names", trials, number=2)
    places = ("/dev/null", "/proc/x.h5", str(tmp_path))
    trials = [(kind, partial(tried, "run", CASE, "-o", kind, "--force", *sets(), codes={2})) for kind in places]
    tally.all("odd paths and names", trials)
    assert Path("/dev/null").is_char_device()
