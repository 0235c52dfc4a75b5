"""Command line: our own arguments first, every other one goes to PETSc."""

import argparse
import math
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from gbbgky_petsc.errors import InputError, SolverError

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
OWN_SHORT = ("-o", "-h", "-V")


def split_arguments(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Our arguments and PETSc's.

    PETSc's options have one dash and more than one letter; a bare word behind one is its value, so positional
    arguments come before the first of them.
    """
    own: list[str] = []
    petsc: list[str] = []
    target = own
    for word in argv:
        if word.startswith("--") or word in OWN_SHORT:
            target = own
        elif word.startswith("-") and len(word) > 2 and not word[1].isdigit():
            target = petsc
        target.append(word)
    return own, petsc


def parser() -> argparse.ArgumentParser:
    from gbbgky_petsc import __version__

    top = argparse.ArgumentParser(prog="gbbgky", allow_abbrev=False, description=__doc__)
    top.add_argument("-V", "--version", action="version", version=__version__)
    commands = top.add_subparsers(dest="command", required=True)

    run = commands.add_parser("run", allow_abbrev=False, help="integrate the hierarchy of a case")
    run.add_argument("case", type=Path, help="case file (TOML)")
    run.add_argument("-o", "--output", type=Path, help="result file (default: runs/results/CASE.h5)")
    run.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a key of the case")
    run.add_argument("--force", action="store_true", help="overwrite an existing result file")

    kinetic = commands.add_parser("kinetic", allow_abbrev=False, help="integrate the kinetic equation of a case")
    kinetic.add_argument("case", type=Path, help="case file (TOML)")
    kinetic.add_argument("-o", "--output", type=Path, help="result file (default: runs/results/CASE_kinetic.h5)")
    kinetic.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a key of the case")
    kinetic.add_argument("--force", action="store_true", help="overwrite an existing result file")
    kinetic.add_argument("--from", dest="source", type=Path, metavar="RESULT.h5", help="start from rho of a result")
    kinetic.add_argument("--at", type=float, metavar="T", help="at its snapshot nearest to T (default: the last one)")
    kinetic.add_argument("--spectrum", action="store_true", help="relaxation modes too (kinetic.spectrum, or 6)")

    plot = commands.add_parser("plot", allow_abbrev=False, help="picture of one or more results")
    plot.add_argument("results", type=Path, nargs="+", metavar="RESULT.h5")
    plot.add_argument("-o", "--output", type=Path, help="PNG or PDF (default: beside the first result)")

    info = commands.add_parser("info", allow_abbrev=False, help="what a result file holds")
    info.add_argument("result", type=Path, metavar="RESULT.h5")
    return top


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point of the console script."""
    for name in THREAD_VARIABLES:  # one thread a rank, before numpy is imported
        os.environ.setdefault(name, "1")
    own, petsc = split_arguments(sys.argv[1:] if argv is None else argv)
    arguments = parser().parse_args(own)
    try:
        if arguments.command == "run":
            _run(arguments, petsc)
        elif arguments.command == "kinetic":
            _kinetic(arguments, petsc)
        elif petsc:
            raise InputError(f"{petsc[0]}: gbbgky {arguments.command} takes no PETSc options")
        elif arguments.command == "plot":
            _plot(arguments)
        else:
            _info(arguments)
    except (InputError, SolverError) as error:
        _stop(str(error), 2 if isinstance(error, InputError) else 3)
    except Exception:  # one rank's failure must end all
        traceback.print_exc()
        _abort(1)


def _run(arguments: argparse.Namespace, petsc: list[str]) -> None:
    import petsc4py

    petsc4py.init([sys.argv[0], *petsc])
    from gbbgky_petsc import case as case_file
    from gbbgky_petsc import problem
    from gbbgky_petsc.run import run
    from gbbgky_petsc.store.writer import check_target

    case = case_file.load(arguments.case, arguments.set)
    target = arguments.output or Path("runs/results") / f"{arguments.case.stem}.h5"
    from petsc4py import PETSc

    check_target(target, arguments.force)
    built = problem.build(case, arguments.case.parent)
    PETSc.COMM_WORLD.barrier()  # every rank has looked at the target before rank 0 writes
    run(built, target)


def _kinetic(arguments: argparse.Namespace, petsc: list[str]) -> None:
    import petsc4py

    petsc4py.init([sys.argv[0], *petsc])
    from petsc4py import PETSc

    from gbbgky_petsc import case as case_file
    from gbbgky_petsc import problem
    from gbbgky_petsc.kinetic import run as kinetic
    from gbbgky_petsc.store.writer import check_target

    if arguments.at is not None and arguments.source is None:
        raise InputError(f"--at {arguments.at:g}: allowed: with --from RESULT.h5")
    case = case_file.load(arguments.case, arguments.set)
    if arguments.spectrum and not case.kinetic.spectrum:
        case = case_file.load(arguments.case, [*arguments.set, "kinetic.spectrum=6"])
    target = arguments.output or Path("runs/results") / f"{arguments.case.stem}_kinetic.h5"
    check_target(target, arguments.force)
    built, start, origin = problem.build(case, arguments.case.parent), 0.0, "[state]"
    if arguments.source is not None:
        built, start = kinetic.start_from(built, arguments.source, math.inf if arguments.at is None else arguments.at)
        origin = f"{arguments.source.name} at t = {start:g}"
    PETSc.COMM_WORLD.barrier()  # every rank has looked at the files before rank 0 writes
    kinetic.run(built, target, start, origin)


def _plot(arguments: argparse.Namespace) -> None:
    from gbbgky_petsc.analysis.plots import figure
    from gbbgky_petsc.store.reader import read

    target = arguments.output or arguments.results[0].with_suffix(".png")
    if target.suffix not in (".png", ".pdf"):
        raise InputError(f"output {target}: allowed: a name ending in .png or .pdf")
    figure([read(path) for path in arguments.results], target)
    print(target)


def _info(arguments: argparse.Namespace) -> None:
    from gbbgky_petsc.store.reader import read

    result = read(arguments.result)
    for key, value in sorted(result.attributes.items()):
        print(f"{key}: {value}")
    for group in ("mesh", "series", "snapshots"):
        for name, values in getattr(result, group).items():
            print(f"/{group}/{name}: shape {values.shape}")
    if len(result.series["t"]):
        print(f"last: t = {result.series['t'][-1]:g}, kurtosis = {result.series['kurtosis'][-1]:.5f}")


def _stop(message: str, status: int) -> NoReturn:
    """One line from the first rank that gets here, and a non-zero exit of all ranks."""
    petsc = sys.modules.get("petsc4py.PETSc")
    size, rank = (petsc.COMM_WORLD.getSize(), petsc.COMM_WORLD.getRank()) if petsc else (1, 0)
    if rank == 0 or status != 2:
        print(f"gbbgky: {' '.join(message.split())}", file=sys.stderr, flush=True)
    if size > 1 and status != 2:
        _abort(status)  # a solver may have failed on this rank alone
    sys.exit(status)


def _abort(status: int) -> NoReturn:
    sys.stderr.flush()
    if "mpi4py.MPI" in sys.modules:
        sys.modules["mpi4py.MPI"].COMM_WORLD.Abort(status)
    os._exit(status)


if __name__ == "__main__":
    main()
