"""What one is in the units of a model, for axis labels: read off the stored case, whose code is never run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Units:
    """Units of a gas as mathematical text; L and tau stand for the unit of length and, if it is free, of time.

    Attributes
    ----------
    words : what is one
    time, energy, momentum
    """

    words: str
    time: str
    energy: str
    momentum: str

    def label(self, name: str, unit: str) -> str:
        """``name`` with the unit of a ``time``, ``rate``, ``energy``, ``momentum``, ``length``, ``density`` or
        ``correlation`` (a density squared) in brackets."""
        derived = {"rate": f"({self.time})^{{-1}}", "length": "L", "density": "L^{-1}", "correlation": "L^{-2}"}
        return f"{name} [${derived.get(unit) or getattr(self, unit)}$]"


CLASSICAL = Units("m = 1", r"\tau", r"m L^2/\tau^2", r"m L/\tau")
QUANTUM = Units("hbar = m = 1", r"m L^2/\hbar", r"\hbar^2/m L^2", r"\hbar/L")
BOSONS = Units("hbar = 2m = 1", r"2 m L^2/\hbar", r"\hbar^2/2 m L^2", r"\hbar/L")
#: of models from files, and of results that have no units in common
OWN = Units("of the case", r"\mathrm{time}", r"\mathrm{energy}", r"\mathrm{momentum}")


def units_of(models: Sequence[Mapping[str, Any]]) -> Units:
    """The units that the tables [model] of all results have in common, or `OWN`."""
    found = {_of(model) for model in models}
    return found.pop() if len(found) == 1 else OWN


def _of(model: Mapping[str, Any]) -> Units:
    ideal = CLASSICAL if model.get("statistics", "classical") == "classical" else QUANTUM
    return {"hard_rods": CLASSICAL, "free": ideal, "lieb_liniger": BOSONS}.get(str(model.get("kind")), OWN)
