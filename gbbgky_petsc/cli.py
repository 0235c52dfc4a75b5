"""Command line: our own arguments first, every other one goes to PETSc."""

import argparse
import math
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from gbbgky_petsc import environment
from gbbgky_petsc.errors import InputError, SolverError

if TYPE_CHECKING:
    from gbbgky_petsc.case import Case
    from gbbgky_petsc.problem import Problem

Built = TypeVar("Built")
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
    _add_case(run, "CASE.h5")
    run.add_argument("--resume", action="store_true", help="go on from the checkpoint of an existing result file")
    md = commands.add_parser("md", allow_abbrev=False, help="molecular dynamics of a case: an ensemble of rings")
    _add_case(md, "CASE_md.h5")
    md.add_argument("--resume", action="store_true", help="keep the realisations that the result file holds")

    validate = commands.add_parser("validate", allow_abbrev=False, help="theory against dynamics, as a report")
    validate.add_argument("--tier", choices=("quick", "full"), default="quick")
    validate.add_argument("--only", action="append", default=[], metavar="STUDY", help="this study (repeatable)")
    validate.add_argument("--launcher", default="", help="what starts a part in parallel, such as 'mpirun -n 16'")
    validate.add_argument("--ranks", type=int, default=1, help="cores that the launcher uses, for the estimate")
    validate.add_argument("-o", "--output", type=Path, help="folder (default: runs/results/validation)")

    kinetic = commands.add_parser("kinetic", allow_abbrev=False, help="integrate the kinetic equation of a case")
    _add_case(kinetic, "CASE_kinetic.h5")
    kinetic.add_argument("--from", dest="source", type=Path, metavar="RESULT.h5", help="start from rho of a result")
    kinetic.add_argument("--at", type=float, metavar="T", help="at its snapshot nearest to T (default: the last one)")
    kinetic.add_argument(
        "--spectrum",
        action="store_true",
        help="the 6 slowest relaxation modes too (another number: --set kinetic.spectrum=N)",
    )

    plot = commands.add_parser("plot", allow_abbrev=False, help="picture of one or more results")
    plot.add_argument("results", type=Path, nargs="+", metavar="RESULT.h5")
    plot.add_argument("-o", "--output", type=Path, help="PNG or PDF (default: beside the first result)")

    info = commands.add_parser("info", allow_abbrev=False, help="what a result file holds")
    info.add_argument("result", type=Path, metavar="RESULT.h5")
    return top


def _add_case(command: argparse.ArgumentParser, default: str) -> None:
    """Arguments of a command that takes a case to a result."""
    command.add_argument("case", type=Path, help="case file (TOML)")
    command.add_argument("-o", "--output", type=Path, help=f"result file (default: runs/results/{default})")
    command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a key of the case")
    command.add_argument("--force", action="store_true", help="overwrite an existing result file")


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point of the console script."""
    environment.prepare()
    own, petsc = split_arguments(sys.argv[1:] if argv is None else argv)
    arguments = parser().parse_args(own)
    try:
        if arguments.command == "run":
            _run(arguments, petsc)
        elif arguments.command == "kinetic":
            _kinetic(arguments, petsc)
        elif petsc:
            raise InputError(f"{petsc[0]}: gbbgky {arguments.command} takes no PETSc options")
        elif arguments.command == "md":
            _md(arguments)
        elif arguments.command == "validate":
            _validate(arguments)
        elif arguments.command == "plot":
            _plot(arguments)
        else:
            _info(arguments)
    except (InputError, SolverError) as error:
        _stop(str(error), 2 if isinstance(error, InputError) else 3)
    except Exception:  # one rank's failure must end all
        traceback.print_exc()
        _abort(1)


def _start_petsc(options: list[str]) -> None:
    import petsc4py

    petsc4py.init([sys.argv[0], *options])


def _prepare(arguments: argparse.Namespace, suffix: str, overwrite: bool) -> "tuple[Problem, Path]":
    """The problem of the case and the checked result file."""
    from gbbgky_petsc import problem

    return _prepare_with(problem.build, arguments, suffix, overwrite)


def _prepare_with(
    build: Callable[["Case", Path], Built], arguments: argparse.Namespace, suffix: str, overwrite: bool
) -> tuple[Built, Path]:
    """What ``build`` makes of the case, and the checked result file; every rank has looked before rank 0 writes."""
    from mpi4py import MPI

    from gbbgky_petsc import case as case_file
    from gbbgky_petsc.store.writer import check_target

    case = case_file.load(arguments.case, arguments.set)
    target = arguments.output or Path("runs/results") / f"{arguments.case.stem}{suffix}.h5"
    check_target(target, arguments.force or overwrite)
    built = build(case, arguments.case.parent)
    MPI.COMM_WORLD.barrier()
    return built, target


def _run(arguments: argparse.Namespace, petsc: list[str]) -> None:
    _start_petsc(petsc)
    from gbbgky_petsc.commands.hierarchy import Resumption, run

    if arguments.resume and arguments.force:
        raise InputError("--resume and --force: allowed: one of them")
    built, target = _prepare(arguments, "", arguments.resume)
    run(built, target, Resumption.find(built, target) if arguments.resume else None)


def _md(arguments: argparse.Namespace) -> None:
    from gbbgky_petsc.commands.md import job, simulate

    if arguments.resume and arguments.force:
        raise InputError("--resume and --force: allowed: one of them")
    wanted, target = _prepare_with(job, arguments, "_md", arguments.resume)
    simulate(wanted, target, arguments.resume)


def _kinetic(arguments: argparse.Namespace, petsc: list[str]) -> None:
    _start_petsc(petsc)
    from gbbgky_petsc.commands import kinetic

    if arguments.at is not None and arguments.source is None:
        raise InputError(f"--at {arguments.at:g}: allowed: with --from RESULT.h5")
    if arguments.spectrum:
        arguments.set = ["kinetic.spectrum=6", *arguments.set]
    built, target = _prepare(arguments, "_kinetic", False)
    start, origin = 0.0, "[state]"
    if arguments.source is not None:
        built, start = kinetic.start_from(built, arguments.source, math.inf if arguments.at is None else arguments.at)
        origin = f"{arguments.source.name} at t = {start:g}"
    kinetic.run(built, target, start, origin)


def _validate(arguments: argparse.Namespace) -> None:
    if any(int(os.environ.get(name, "1")) > 1 for name in ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE")):
        raise InputError("gbbgky validate under mpirun: allowed: alone; --launcher 'mpirun -n N' starts its parts")
    import mpi4py

    mpi4py.rc.initialize = False  # parts start MPI themselves, which they cannot below a process that has done so
    from gbbgky_petsc.commands.validate import validate

    if arguments.ranks < 1:
        raise InputError(f"--ranks {arguments.ranks}: allowed: at least 1")
    folder = arguments.output or Path("runs/results/validation")
    if not validate(folder, arguments.tier, arguments.only, arguments.launcher, arguments.ranks):
        sys.exit(4)


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
    world = _world()
    size, rank = (world.size, world.rank) if world else (1, 0)
    if rank == 0 or status != 2:
        print(f"gbbgky: {' '.join(message.split())}", file=sys.stderr, flush=True)
    if size > 1 and status != 2:
        _abort(status)  # a solver may have failed on this rank alone
    sys.exit(status)


def _world() -> Any:
    """All ranks, or None where MPI was not started."""
    mpi = sys.modules.get("mpi4py.MPI")
    return mpi.COMM_WORLD if mpi and mpi.Is_initialized() else None


def _abort(status: int) -> NoReturn:
    sys.stderr.flush()
    world = _world()
    if world:
        world.Abort(status)
    os._exit(status)


if __name__ == "__main__":
    main()
