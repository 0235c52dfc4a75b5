"""Equations of state of gases in space."""

import numpy as np
import pytest

from gbbgky_petsc.discrete.mesh import PhaseSpaceMesh
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.physics.inhomogeneous import EquationOfState, Surroundings
from gbbgky_petsc.physics.models import HardRods, IdealGas, IntegrableModel, LiebLiniger
from gbbgky_petsc.physics.states import Thermal
from gbbgky_petsc.physics.states.family import NoStateError, density_at_level
from gbbgky_petsc.physics.statistics import Bosonic

MESH = PhaseSpaceMesh(6.0, 60, 20.0, 1.0)


class Lorentzian(IntegrableModel):
    """Classical particles that draw each other back: they collapse beyond a last chemical potential."""

    def scattering_kernel(self, difference):
        return 0.5 / np.pi / (1.0 + difference**2)


def density(model, level):
    return density_at_level(Thermal(1.0, 1.5), level, MESH.theta, model)


@pytest.mark.parametrize(
    "model", [HardRods(1.3), IdealGas(Bosonic()), Lorentzian(), LiebLiniger(1.0)], ids=lambda m: type(m).__name__
)
def test_equation_of_state_up_to_the_last_state(model):
    """The spline, or the closed form of rods, against states solved one by one; no state beyond the last level."""
    s = Surroundings(model, MESH.theta, MESH.theta_weight, np.linspace(-1.0, 1.0, 8), lambda x: 0.0 * x)
    eos = EquationOfState(s, 1.5)
    levels = np.concatenate([[-60.0, -11.3, -2.2], eos.high - np.geomspace(1e-5, 0.3, 5)])
    exact = np.array([density(model, level) for level in levels])
    np.testing.assert_allclose(eos.density(levels), exact, rtol=1e-7)
    largest = float(eos.density(np.array([eos.high]))[0])
    below = exact[exact < 0.9 * largest]
    back = np.array([eos.chemical(each) for each in below])
    np.testing.assert_allclose(eos.density(back), below, rtol=1e-9)
    reason = "below the last thermal state" if isinstance(model, IdealGas | Lorentzian) else "into the rapidity window"
    with pytest.raises(InputError, match=f"does not fit {reason}"):
        eos.chemical(1.01 * largest)
    if isinstance(model, IdealGas):
        assert eos.high == pytest.approx(0.0, abs=2e-6)
    if isinstance(model, IdealGas | Lorentzian):
        with pytest.raises(NoStateError):
            density(model, eos.high + 1e-5)
