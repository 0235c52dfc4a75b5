"""Structured operators of hard rods against the dense matrices of the dressing route and of the closed forms."""

from dataclasses import replace

import numpy as np
import pytest

from gbbgky_petsc.physics.models import HardRods, IntegrableModel, LiebLiniger
from gbbgky_petsc.physics.models.operators import Dense

NAMES = {
    "flux_operator": "flux_jacobian",
    "diffusion_operator": "diffusion",
    "response_operator": "charge_response",
    "rotation_operator": "rotation",
    "rotation_inverse_operator": "rotation_inverse",
}


def background(model, route=None, points=31):
    """On an odd number of points and without any symmetry."""
    weight = 12.0 / points
    theta = (np.arange(points) + 0.5) * weight - 6.0
    rho = 0.1 * np.exp(-0.5 * (theta - 1.3) ** 2) + 0.05 * np.exp(-((theta + 1.0) ** 2))
    return (route or type(model).background)(model, theta, weight, rho)


@pytest.mark.parametrize("name", NAMES)
def test_structured_operators_act_like_their_dense_matrices(name):
    rods = background(HardRods(1.0))
    operator, dense = getattr(rods, name), Dense(getattr(rods, NAMES[name]))
    assert not isinstance(operator, Dense)
    planes = np.random.default_rng(4).standard_normal((3, 31, 31))
    for side in ("left", "right"):
        ours, theirs = np.empty((2, *planes.shape))
        getattr(operator, side)(planes, ours)
        getattr(dense, side)(planes, theirs)
        np.testing.assert_allclose(ours, theirs, atol=1e-13 * np.abs(theirs).max())
    ours, theirs, work = planes.copy(), planes.copy(), np.empty_like(planes)
    operator.add_both((-1.0, 1.0), planes, ours, work)
    dense.add_both((-1.0, 1.0), planes, theirs, work)
    np.testing.assert_allclose(ours, theirs, atol=1e-13 * np.abs(theirs).max())


@pytest.mark.parametrize("name", ["flux_operator", "response_operator", "rotation_operator"])
def test_structured_operators_equal_the_dressing_route(name):
    dressed = getattr(background(HardRods(1.0), IntegrableModel.background), NAMES[name])
    np.testing.assert_allclose(
        getattr(background(HardRods(1.0)), name).matrix(), dressed, atol=1e-13 * np.abs(dressed).max()
    )


def test_a_matrix_changed_by_hand_is_not_taken_for_the_closed_form():
    rods = background(HardRods(1.0))
    twice = replace(rods, diffusion=2.0 * rods.diffusion)
    np.testing.assert_array_equal(twice.diffusion_operator.matrix(), 2.0 * rods.diffusion)


def test_other_models_stay_dense():
    assert all(isinstance(getattr(background(LiebLiniger(2.0)), name), Dense) for name in NAMES)
