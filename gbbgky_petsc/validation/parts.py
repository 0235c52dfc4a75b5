"""Parts of a validation: one command line each, computed once, kept by file."""

import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gbbgky_petsc import case as case_file
from gbbgky_petsc import shipped
from gbbgky_petsc.errors import InputError, SolverError
from gbbgky_petsc.store.reader import Result, read


@dataclass(frozen=True)
class Part:
    """One run of one command.

    Parameters
    ----------
    name
        Name of its result file.
    command
        ``run``, ``md``, ``kinetic`` or ``flow``.
    case
        Name of a case of runs/.
    settings
        Overrides of the case, 'table.key=value'.
    cost
        Core seconds that it took where it was last timed, for the estimate beforehand.
    source
        For ``kinetic``: name of the part that it starts from, and the time there.
    """

    name: str
    command: str
    case: str
    settings: tuple[str, ...] = ()
    cost: float = 10.0
    source: tuple[str, float] | None = None

    def path(self, folder: Path) -> Path:
        return folder / f"{self.name}.h5"

    def arguments(self, folder: Path) -> list[str]:
        """The arguments of gbbgky that compute it."""
        words = [self.command, str(shipped.cases()[self.case]), "-o", str(self.path(folder))]
        words += [word for setting in self.settings for word in ("--set", setting)]
        if self.source is not None:
            words += ["--from", str(folder / f"{self.source[0]}.h5"), "--at", f"{self.source[1]:g}"]
        return words

    def shown(self) -> str:
        """The command that repeats it, for the report."""
        words = ["gbbgky", self.command, f"runs/{self.case}.toml", *(f"--set {s}" for s in self.settings)]
        if self.source is not None:
            words.append(f"--from {self.source[0]}.h5 --at {self.source[1]:g}")
        return " ".join(words)

    def finished(self, folder: Path) -> bool:
        """Whether its result is there, complete and of this very case."""
        held = self._held(folder)
        return held is not None and bool(held.attributes["complete"])

    def _held(self, folder: Path) -> Result | None:
        """What is there of this very case, complete or not; keys that it was written without have their defaults."""
        try:
            result = read(self.path(folder))
            held = result.case
        except InputError:
            return None
        return result if held == case_file.load(shipped.cases()[self.case], self.settings) else None

    def compute(self, folder: Path, launcher: Sequence[str]) -> None:
        """Compute it, from where a killed attempt left it where the command can.

        Raises
        ------
        SolverError
            If the command fails.
        """
        words = self.arguments(folder)
        goes_on = self.command != "kinetic" and self._held(folder) is not None
        words.append("--resume=auto" if goes_on else "--force")
        done = subprocess.run([*launcher, sys.executable, "-m", "gbbgky_petsc", *words], stdout=subprocess.DEVNULL)
        if done.returncode:
            raise SolverError(f"validation: part {self.name} ended with status {done.returncode}: {shlex.join(words)}")

    def result(self, folder: Path) -> Result:
        return read(self.path(folder))
