"""External potentials U(x, t): a shape at rest, scaled by a quench and moved by shaking (theory of states in space)."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import CubicSpline

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.physics.models.base import IntegrableModel


def mass(model: IntegrableModel) -> float:
    """Mass m of a Galilean model, e = theta^2/2m: 1 for hard rods, 1/2 for Lieb-Liniger."""
    return 1.0 / float(model.energy_derivative(np.array([1.0]))[0])


class TrapShape(ABC):
    """A potential at rest, centred at x = 0."""

    @abstractmethod
    def value(self, x: Array) -> Array:
        """U(x), same shape as x."""

    @abstractmethod
    def slope(self, x: Array) -> Array:
        """U'(x), same shape as x."""

    def covers(self, x_max: float) -> bool:
        """Whether U is known on all of [-x_max, x_max]."""
        return True


@dataclass(frozen=True)
class NoTrap(TrapShape):
    """U = 0."""

    def value(self, x: Array) -> Array:
        return np.zeros_like(x)

    def slope(self, x: Array) -> Array:
        return np.zeros_like(x)


@dataclass(frozen=True)
class Harmonic(TrapShape):
    """U = stiffness x^2/2; stiffness = m omega^2."""

    stiffness: float

    def value(self, x: Array) -> Array:
        return 0.5 * self.stiffness * x**2

    def slope(self, x: Array) -> Array:
        return self.stiffness * x


@dataclass(frozen=True)
class Quartic(TrapShape):
    """U = strength x^4/4 + stiffness x^2/2."""

    strength: float
    stiffness: float = 0.0

    def value(self, x: Array) -> Array:
        return 0.25 * self.strength * x**4 + 0.5 * self.stiffness * x**2

    def slope(self, x: Array) -> Array:
        return self.strength * x**3 + self.stiffness * x


@dataclass(frozen=True)
class Box(TrapShape):
    """A flat bottom between two smooth steps: U = height [2 + tanh((x - w)/edge) - tanh((x + w)/edge)]/2."""

    height: float
    half_width: float
    edge: float

    def value(self, x: Array) -> Array:
        right, left = np.tanh((x - self.half_width) / self.edge), np.tanh((x + self.half_width) / self.edge)
        return 0.5 * self.height * (2.0 + right - left)

    def slope(self, x: Array) -> Array:
        right, left = np.tanh((x - self.half_width) / self.edge), np.tanh((x + self.half_width) / self.edge)
        return 0.5 * self.height / self.edge * (left**2 - right**2)


@dataclass(frozen=True)
class Lattice(TrapShape):
    """U = depth sin^2(pi x/period)."""

    depth: float
    period: float

    def value(self, x: Array) -> Array:
        return self.depth * np.sin(np.pi * x / self.period) ** 2

    def slope(self, x: Array) -> Array:
        return self.depth * np.pi / self.period * np.sin(2.0 * np.pi * x / self.period)


class TabulatedTrap(TrapShape):
    """Cubic spline through a table (x, U); straight beyond its ends."""

    def __init__(self, x: ArrayLike, values: ArrayLike) -> None:
        self._x = np.asarray(x, dtype=float)
        self._spline = CubicSpline(self._x, np.asarray(values, dtype=float))

    def covers(self, x_max: float) -> bool:
        return bool(self._x[0] <= -x_max and self._x[-1] >= x_max)

    def value(self, x: Array) -> Array:
        inside = np.clip(x, self._x[0], self._x[-1])
        return np.asarray(self._spline(inside) + self._spline(inside, 1) * (x - inside))

    def slope(self, x: Array) -> Array:
        return np.asarray(self._spline(np.clip(x, self._x[0], self._x[-1]), 1))


@dataclass(frozen=True)
class Quench:
    """U is multiplied by ``scale`` from ``time`` on, reached smoothly within ``ramp``; scale 0 releases the cloud."""

    time: float = 0.0
    scale: float = 1.0
    ramp: float = 0.0

    def factor(self, t: float) -> float:
        """What U is multiplied by at time t."""
        if self.ramp == 0.0:
            return self.scale if t >= self.time else 1.0
        s = min(max((t - self.time) / self.ramp, 0.0), 1.0)
        return 1.0 + (self.scale - 1.0) * s * s * (3.0 - 2.0 * s)


@dataclass(frozen=True)
class Shake:
    """The trap's centre moves as amplitude sin(frequency t), angular frequency, from t = 0 on."""

    amplitude: float = 0.0
    frequency: float = 1.0

    def centre(self, t: float) -> float:
        """Place of the centre at time t."""
        return self.amplitude * float(np.sin(self.frequency * max(t, 0.0)))


@dataclass(frozen=True)
class Trap:
    """U(x, t) = s(t) shape(x - X(t)): energy, and its derivative the force -U' on every particle.

    Parameters
    ----------
    shape
        U at rest.
    quench, shake
        s(t) and X(t).
    """

    shape: TrapShape
    quench: Quench = Quench()
    shake: Shake = Shake()

    def __call__(self, x: ArrayLike, t: float = 0.0) -> Array:
        """U(x, t), same shape as x."""
        return self.quench.factor(t) * self.shape.value(np.asarray(x, dtype=float) - self.shake.centre(t))

    def derivative(self, x: ArrayLike, t: float = 0.0) -> Array:
        """dU/dx, same shape as x."""
        return self.quench.factor(t) * self.shape.slope(np.asarray(x, dtype=float) - self.shake.centre(t))

    def prepared(self, x: ArrayLike) -> Array:
        """U(x) before any quench and shaking, in which initial states are prepared."""
        return self.shape.value(np.asarray(x, dtype=float))

    @property
    def moves(self) -> bool:
        """Whether U depends on time, so that it does work on the gas."""
        return self.quench.scale != 1.0 or self.shake.amplitude != 0.0

    def jumps(self) -> tuple[float, ...]:
        """Times at which U is not smooth in time: steps of an integrator should end there."""
        if self.quench.scale == 1.0:
            return ()
        return tuple(sorted({t for t in (self.quench.time, self.quench.time + self.quench.ramp) if t > 0.0}))
