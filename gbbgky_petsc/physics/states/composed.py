"""States made of others: in motion, and split in two by a Bragg pulse."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.physics.models import IntegrableModel
from gbbgky_petsc.physics.states.base import State, is_rods
from gbbgky_petsc.physics.states.family import Family


@dataclass(frozen=True)
class Boosted(State):
    """A state seen from a moving frame: rho(theta - boost)."""

    base: State
    boost: float

    @property
    def density(self) -> float:  # type: ignore[override]
        return self.base.density

    def profile(self, theta: Array, model: IntegrableModel) -> Array:
        return self.base.profile(theta - self.boost, model)


@dataclass(frozen=True)
class Split(Family):
    """Half of the quasiparticles boosted either way, as by a Bragg pulse: two peaks at +-boost.

    ``through`` the filling, n = [n_0(theta - boost) + n_0(theta + boost)]/2 with n_0 the member of the family of
    ``base`` that gives the density (0 <= n <= 1 whatever the boost); through the density, rho likewise, from ``base``
    itself.
    """

    base: Family
    boost: float
    through: Literal["filling", "density"] = "filling"

    @property
    def density(self) -> float:  # type: ignore[override]
        return self.base.density

    def fillings(self, theta: Array, model: IntegrableModel) -> Callable[[float], Array]:
        left, right = (self.base.fillings(theta + shift, model) for shift in (self.boost, -self.boost))
        return lambda level: 0.5 * (left(level) + right(level))

    def profile(self, theta: Array, model: IntegrableModel) -> Array:
        if self.through == "filling" and not is_rods(model, theta):
            return super().profile(theta, model)
        weight = float(theta[1] - theta[0])
        left, right = (self.base.sample(theta + shift, weight, model) for shift in (self.boost, -self.boost))
        return 0.5 * (left + right)
