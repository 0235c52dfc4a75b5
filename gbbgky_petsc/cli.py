"""Command line: our own arguments first, every other one goes to PETSc."""

import argparse
import math
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from gbbgky_petsc import environment
from gbbgky_petsc.commands.ending import Ending
from gbbgky_petsc.commands.signals import interruptible
from gbbgky_petsc.errors import InputError

if TYPE_CHECKING:
    from gbbgky_petsc.case import Case
    from gbbgky_petsc.commands.resumption import Resume
    from gbbgky_petsc.problem import Problem

Built = TypeVar("Built")
OWN_SHORT = ("-o", "-h", "-V")
#: exit code of a validation whose expectations do not all hold, and of two results that differ
FAILED_EXPECTATIONS = 4


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
        target.append("--resume-auto" if word == "--resume=auto" else word)
    return own, petsc


class Parser(argparse.ArgumentParser):
    """One line for a wrong argument, once on all ranks."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{self.prog.removeprefix('gbbgky').strip() or 'arguments'}: {message}")


def parser() -> argparse.ArgumentParser:
    from gbbgky_petsc import __version__

    top = Parser(prog="gbbgky", allow_abbrev=False, description=__doc__)
    top.add_argument("-V", "--version", action="version", version=__version__)
    commands = top.add_subparsers(dest="command", required=True)

    run = commands.add_parser("run", allow_abbrev=False, help="integrate the hierarchy of a case")
    _add_case(run, "CASE.h5")
    _add_resume(run, "go on from the checkpoint of an existing result file (=auto: or start, if there is none)")
    run.add_argument("--dry-run", action="store_true", help="say what it would take: unknowns, memory, steps by guess")
    md = commands.add_parser("md", allow_abbrev=False, help="molecular dynamics of a case: an ensemble of rings")
    _add_case(md, "CASE_md.h5")
    _add_resume(md, "keep the realisations that the result file holds (=auto: or start, if there is none)")

    validate = commands.add_parser("validate", allow_abbrev=False, help="theory against dynamics, as a report")
    validate.add_argument("--tier", choices=("quick", "full"), default="quick")
    validate.add_argument("--only", action="append", default=[], metavar="STUDY", help="this study (repeatable)")
    validate.add_argument("--launcher", default="", help="what starts a part in parallel, such as 'mpirun -n 16'")
    validate.add_argument("--ranks", type=int, default=1, help="cores that the launcher uses, for the estimate")
    validate.add_argument("-o", "--output", type=Path, help="folder (default: runs/results/validation)")

    kinetic = commands.add_parser("kinetic", allow_abbrev=False, help="integrate the kinetic equation of a case")
    _add_case(kinetic, "CASE_kinetic.h5")
    _add_resume(kinetic, "go on from the checkpoint of an existing result file (=auto: or start, if there is none)")
    kinetic.add_argument("--from", dest="source", type=Path, metavar="RESULT.h5", help="start from rho of a result")
    kinetic.add_argument("--at", type=float, metavar="T", help="at its snapshot nearest to T (default: the last one)")
    kinetic.add_argument(
        "--spectrum",
        action="store_true",
        help="the 6 slowest relaxation modes too (another number: --set kinetic.spectrum=N)",
    )

    rates = commands.add_parser("rates", allow_abbrev=False, help="times of thermalisation of a case, not integrated")
    _add_case(rates, "CASE_rates.h5")
    rates.add_argument(
        "--scan",
        action="append",
        default=[],
        metavar="KEY=A:B:N[:log]",
        help="N values of a key (repeatable)",
    )
    rates.add_argument("--kind", action="append", default=[], help="a collision operator (repeatable; default: all)")
    rates.add_argument("--modes", type=int, default=3, help="slowest modes around the thermal state (default: 3)")

    flow = commands.add_parser("flow", allow_abbrev=False, help="integrate layer 1 in space and in a trap")
    _add_case(flow, "CASE_flow.h5")
    _add_resume(flow, "go on from the checkpoint of an existing result file (=auto: or start, if there is none)")

    plot = commands.add_parser("plot", allow_abbrev=False, help="picture of one or more results")
    plot.add_argument("results", type=Path, nargs="+", metavar="RESULT.h5")
    plot.add_argument("-o", "--output", type=Path, help="PNG or PDF (default: beside the first result)")

    compare = commands.add_parser("compare", allow_abbrev=False, help="how two results differ, in error bars")
    compare.add_argument("results", type=Path, nargs=2, metavar="RESULT.h5")
    compare.add_argument("--tolerance", type=float, default=1e-6, help="of a quantity's size, where no error bars are")
    compare.add_argument("--sigmas", type=float, default=4.0, help="standard errors, where there are some (default: 4)")

    animate = commands.add_parser("animate", allow_abbrev=False, help="film of the snapshots of a result in space")
    animate.add_argument("result", type=Path, metavar="RESULT.h5")
    animate.add_argument("-o", "--output", type=Path, help="GIF or MP4 (default: a GIF beside the result)")

    info = commands.add_parser("info", allow_abbrev=False, help="what a result file holds")
    info.add_argument("result", type=Path, metavar="RESULT.h5")

    cases = commands.add_parser("cases", allow_abbrev=False, help="cases and meshes that come with the package")
    cases.add_argument("name", nargs="?", help="print this case file, to start one's own from")

    from gbbgky_petsc.commands.units import add_arguments

    units = commands.add_parser(
        "units", allow_abbrev=False, help="a tube of dipolar atoms in the code's units and back"
    )
    add_arguments(units)

    doctor = commands.add_parser("doctor", allow_abbrev=False, help="what this installation and machine can do")
    doctor.add_argument("--json", action="store_true", help="as JSON")
    doctor.add_argument("-o", "--output", type=Path, default=Path(), help="folder whose speed is measured (default: .)")
    return top


def _add_case(command: argparse.ArgumentParser, default: str) -> None:
    """Arguments of a command that takes a case to a result."""
    command.add_argument("case", type=Path, help="case file (TOML), or the name of a shipped case (gbbgky cases)")
    command.add_argument("-o", "--output", type=Path, help=f"result file (default: runs/results/{default})")
    command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a key of the case")
    command.add_argument("--force", action="store_true", help="overwrite an existing result file")
    command.add_argument("--trust-case", action="store_true", help="let the case's [petsc] table name code and files")
    command.set_defaults(resume="no")


def _add_resume(command: argparse.ArgumentParser, what: str) -> None:
    command.add_argument("--resume", action="store_const", const="must", help=what)
    command.add_argument("--resume-auto", dest="resume", action="store_const", const="auto", help=argparse.SUPPRESS)


@dataclass
class Session:
    """One command at work: what it was asked for, how it ends, and what it holds until then."""

    arguments: argparse.Namespace
    petsc: list[str]
    ending: Ending
    held: ExitStack = field(default_factory=ExitStack)

    def start_parallel(self) -> Any:
        """All ranks, which from now on fail together. Collective."""
        from mpi4py import MPI

        interruptible()
        environment.check_launcher(MPI.COMM_WORLD.size)
        self.ending.watch(MPI.COMM_WORLD)
        return MPI.COMM_WORLD

    def start_petsc(self) -> None:
        """PETSc with the options of the command line. Collective."""
        import petsc4py

        for option, value in pairwise([*self.petsc, ""]):
            if option == "-options_file" and not os.path.isfile(value):
                raise InputError(f"-options_file {value}: cannot be read; allowed: a file with PETSc options")
        petsc4py.init([sys.argv[0], *self.petsc])
        interruptible()  # PETSc has put its own handlers

    def build(self, build: "Callable[[Case, Path], Built] | None" = None) -> "tuple[Built, Path]":
        """What ``build`` makes of the case, by default its problem, and the case's path, on all ranks. Collective."""
        from mpi4py import MPI

        from gbbgky_petsc import case as case_file
        from gbbgky_petsc import problem, shipped, trust
        from gbbgky_petsc.parallel import together

        arguments = self.arguments

        def made() -> "tuple[Any, Path, str]":
            path = shipped.find_case(arguments.case)
            case = case_file.load(path, arguments.set)
            if not arguments.trust_case:
                trust.check(case.petsc)
            return (build or problem.build)(case, path.parent), path, case.coupling_note

        built, path, note = together(MPI.COMM_WORLD, made)
        if note and MPI.COMM_WORLD.rank == 0:
            print(note)
        return built, path

    def prepare(
        self, suffix: str, build: "Callable[[Case, Path], Built] | None" = None
    ) -> "tuple[Built, Path, Resume]":
        """What ``build`` makes of the case, by default its problem, and the locked result file.

        All ranks agree before anyone writes. Collective.
        """
        from gbbgky_petsc.commands.resumption import Resume

        arguments = self.arguments
        mode = Resume(arguments.resume)
        if mode is not Resume.NO and arguments.force:
            raise InputError("--resume and --force: allowed: one of them")

        built, path = self.build(build)
        target = arguments.output or Path("runs/results") / f"{path.stem}{suffix}.h5"
        return built, self.lock(target, arguments.force or mode is not Resume.NO), mode

    def lock(self, target: Path, replace: bool) -> Path:
        """The result file, checked and locked until this command ends. Collective."""
        from mpi4py import MPI

        from gbbgky_petsc.parallel import on_root
        from gbbgky_petsc.store.lock import OutputLock
        from gbbgky_petsc.store.writer import check_target

        def take() -> None:
            check_target(target, replace)
            self.held.enter_context(OutputLock(target))

        on_root(MPI.COMM_WORLD, take)
        self.ending.near = target
        return target


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point of the console script."""
    environment.prepare()
    ending = Ending()
    try:
        own, petsc = split_arguments(sys.argv[1:] if argv is None else argv)
        arguments = parser().parse_args(own)
        session = Session(arguments, petsc, ending)
        if petsc and arguments.command not in TAKES_PETSC:
            raise InputError(f"{petsc[0]}: gbbgky {arguments.command} takes no PETSc options")
        if arguments.command in ALONE:
            environment.check_alone(arguments.command)
        with session.held:
            COMMANDS[arguments.command](session)
    except (Exception, KeyboardInterrupt) as error:
        ending.end(error)


def _run(session: Session) -> None:
    session.start_parallel()
    session.start_petsc()
    from gbbgky_petsc.commands.hierarchy import dry_run, run

    if session.arguments.dry_run:
        dry_run(session.build()[0])
    else:
        run(*session.prepare(""))


def _md(session: Session) -> None:
    session.start_parallel()
    from gbbgky_petsc.commands.md import job, simulate

    wanted, target, mode = session.prepare("_md", job)
    simulate(wanted, target, mode.value == "must" or (mode.value == "auto" and target.exists()))


def _kinetic(session: Session) -> None:
    session.start_parallel()
    session.start_petsc()
    from gbbgky_petsc.commands import kinetic

    arguments = session.arguments
    if arguments.at is not None and arguments.source is None:
        raise InputError(f"--at {arguments.at:g}: allowed: with --from RESULT.h5")
    if arguments.spectrum:
        arguments.set = ["kinetic.spectrum=6", *arguments.set]
    built: Problem
    built, target, mode = session.prepare("_kinetic")
    start, origin = 0.0, "[state]"
    if arguments.source is not None:
        built, start = kinetic.start_from(built, arguments.source, math.inf if arguments.at is None else arguments.at)
        origin = f"{arguments.source.name} at t = {start:g}"
    kinetic.run(built, target, mode, start, origin)


def _flow(session: Session) -> None:
    session.start_parallel()
    session.start_petsc()
    from gbbgky_petsc.commands import flow
    from gbbgky_petsc.flow import problem

    flow.run(*session.prepare("_flow", problem.build))


def _rates(session: Session) -> None:
    world = session.start_parallel()
    session.start_petsc()
    from gbbgky_petsc import shipped
    from gbbgky_petsc.commands.rates import rates
    from gbbgky_petsc.parallel import together

    arguments = session.arguments
    case = together(world, lambda: shipped.find_case(arguments.case))
    target = session.lock(arguments.output or Path("runs/results") / f"{case.stem}_rates.h5", arguments.force)
    rates(case, target, arguments.set, arguments.scan, arguments.kind, arguments.modes)


def _validate(session: Session) -> None:
    import mpi4py

    mpi4py.rc.initialize = False  # parts start MPI themselves, which they cannot below a process that has done so
    from gbbgky_petsc.commands.validate import validate

    arguments = session.arguments
    if arguments.ranks < 1:
        raise InputError(f"--ranks {arguments.ranks}: allowed: at least 1")
    folder = session.ending.near = arguments.output or Path("runs/results/validation")
    if not validate(folder, arguments.tier, arguments.only, arguments.launcher, arguments.ranks):
        sys.exit(FAILED_EXPECTATIONS)


def _plot(session: Session) -> None:
    from gbbgky_petsc.commands.look import plot

    plot(session.arguments.results, session.arguments.output)


def _compare(session: Session) -> None:
    from gbbgky_petsc.commands.look import compare

    arguments = session.arguments
    first, second = arguments.results
    if not compare(first, second, arguments.tolerance, arguments.sigmas):
        sys.exit(FAILED_EXPECTATIONS)


def _animate(session: Session) -> None:
    from gbbgky_petsc.commands.look import animate

    animate(session.arguments.result, session.arguments.output)


def _info(session: Session) -> None:
    from gbbgky_petsc.commands.look import info

    info(session.arguments.result)


def _units(session: Session) -> None:
    from gbbgky_petsc.commands.units import run

    run(session.arguments)


def _cases(session: Session) -> None:
    from gbbgky_petsc.commands.look import cases

    cases(session.arguments.name)


def _doctor(session: Session) -> None:
    from mpi4py import MPI

    from gbbgky_petsc.commands.doctor import doctor

    session.ending.watch(MPI.COMM_WORLD)  # one of many that are alone is what it is to tell
    session.start_petsc()
    doctor(session.arguments.output, session.arguments.json)


COMMANDS: dict[str, Callable[[Session], None]] = {
    "run": _run,
    "md": _md,
    "kinetic": _kinetic,
    "flow": _flow,
    "rates": _rates,
    "validate": _validate,
    "plot": _plot,
    "compare": _compare,
    "animate": _animate,
    "info": _info,
    "cases": _cases,
    "units": _units,
    "doctor": _doctor,
}
#: commands that hand options to PETSc, and those of one process
TAKES_PETSC = ("run", "kinetic", "flow", "rates")
ALONE = ("validate", "plot", "compare", "animate", "info", "cases", "units")


if __name__ == "__main__":
    main()
