"""Derivatives on the phase-space mesh."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gbbgky_petsc.discrete.mesh import PhaseSpaceMesh
from gbbgky_petsc.discrete.stencil import Stencil


@pytest.mark.parametrize("points", [64, 65])
def test_theta_derivative_is_spectral(points):
    mesh = PhaseSpaceMesh(7.0, points, 40.0, 4.0)
    bump = np.exp(-(mesh.theta**2))
    np.testing.assert_allclose(mesh.theta_derivative @ bump, -2.0 * mesh.theta * bump, atol=1e-11)


@settings(max_examples=20, deadline=None)
@given(points=st.integers(12, 60), seed=st.integers(0, 99))
def test_theta_derivative_integrates_by_parts(points, seed):
    """Number, momentum and energy moments are exact for any function, resolved or not."""
    mesh = PhaseSpaceMesh(5.0, points, 40.0, 4.0)
    phi = np.random.default_rng(seed).standard_normal(points)
    d = mesh.theta_derivative @ phi
    scale = np.abs(mesh.theta_derivative).max() * points * 25.0
    assert abs(d.sum()) < 1e-13 * scale
    assert abs((mesh.theta * d).sum() + phi.sum()) < 1e-13 * scale
    assert abs((0.5 * mesh.theta**2 * d).sum() + (mesh.theta * phi).sum()) < 1e-13 * scale


@pytest.mark.parametrize("order", [2, 4, 6])
def test_stencil_order(order):
    def error(spacing):
        x = np.arange(-40, 41) * spacing
        stencil, w = Stencil.central(order, spacing), order // 2
        first = stencil.differentiate(np.sin(x), wraps=False)[w:-w]
        out = np.empty((x.size - 2 * w, 1, 1))
        stencil.apply_planes(stencil.second, np.sin(x)[:, None, None].copy(), slice(0, x.size - 2 * w), out)
        inner = x[w:-w]
        return np.array([np.abs(first - np.cos(inner)).max(), np.abs(out[:, 0, 0] + np.sin(inner)).max()])

    slope = np.log2(error(0.2) / error(0.1))
    np.testing.assert_allclose(slope, order, atol=0.15)


def test_stencil_symbols():
    stencil = Stencil.central(6, 0.5)
    k, z = 1.3, np.arange(-3, 4) * 0.5
    wave = np.exp(1j * k * z)
    assert stencil.first @ wave == pytest.approx(1j * stencil.first_symbol(np.array(k * 0.5)))
    assert stencil.second @ wave == pytest.approx(-stencil.second_symbol(np.array(k * 0.5)))
