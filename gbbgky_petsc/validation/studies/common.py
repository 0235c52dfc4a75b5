"""What the studies of a validation share: checks, findings, and how results are asked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from gbbgky_petsc.physics.potential import Potential
from gbbgky_petsc.store.reader import Result
from gbbgky_petsc.validation.expectations import EXPECTED
from gbbgky_petsc.validation.parts import Part

Results = Mapping[str, Result]


@dataclass(frozen=True)
class Check:
    """One comparison: passed if |value - expected| <= allowed."""

    name: str
    value: float
    error: float
    expected: float
    allowed: float
    reason: str

    @property
    def z(self) -> float | None:
        """Deviation in standard errors, where there is one."""
        return (self.value - self.expected) / self.error if self.error > 0.0 else None

    @property
    def passed(self) -> bool:
        return abs(self.value - self.expected) <= self.allowed


@dataclass
class Findings:
    """What a study found: checks, numbers that nothing is expected of, figures."""

    checks: list[Check] = field(default_factory=list)
    table: list[dict[str, Any]] = field(default_factory=list)
    figures: dict[str, Figure] = field(default_factory=dict)

    def expect(
        self,
        key: str,
        name: str,
        value: float,
        expected: float,
        error: float = 0.0,
        scale: float = 1.0,
        more: float = 0.0,
    ) -> None:
        """Check a value against its entry in the table; ``scale`` multiplies the tolerance, ``more`` adds to it."""
        rule = EXPECTED[key]
        allowed = rule.sigmas * error + scale * rule.tolerance + more
        self.checks.append(Check(name, float(value), float(error), float(expected), float(allowed), rule.reason))


@dataclass(frozen=True)
class Study:
    """A question, the parts that answer it by tier, and how."""

    name: str
    title: str
    text: str
    parts: Callable[[str], list[Part]]
    analyse: Callable[[Results], Findings]


def potential_of(result: Result) -> Potential:
    """Pair potential of the case behind a result."""
    return result.case.potential.build(Path())


def at(result: Result, t: float, name: str = "kurtosis") -> float:
    """A column of /series at a time, linear between rows."""
    return float(np.interp(t, result.series["t"], result.series[name]))


def drift(result: Result, name: str) -> float:
    """Largest change of a column of /series since its first row, relative to that."""
    column = result.series[name]
    return float(np.abs(column / column[0] - 1.0).max())


def row(result: Result, t: float) -> int:
    """Index of the row of /series nearest to a time."""
    return int(np.argmin(np.abs(result.series["t"] - t)))


def named(results: Results, start: str) -> Result:
    """The result whose name begins like this, whatever its tier."""
    return next(r for name, r in results.items() if name.startswith(start))
