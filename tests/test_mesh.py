"""Derivatives on the phase-space mesh, potentials and states."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gbbgky_petsc.discrete.mesh import PhaseSpaceMesh
from gbbgky_petsc.discrete.stencil import Stencil
from gbbgky_petsc.physics.potential import Exponential, Gaussian, Potential, Power, Tabulated


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


SHAPES = [
    Power(6.0),
    Power(3.0),
    Gaussian(),
    Exponential(),
    Tabulated(np.linspace(0, 3, 31), np.cos(np.linspace(0, 3, 31))),
]


@pytest.mark.parametrize("shape", SHAPES)
def test_potential_derivative(shape):
    V = Potential(shape, -2.0, 3.0)
    x = np.array([-5.0, -1.1, 0.4, 2.0, 7.0])
    numeric = (V(x + 1e-6) - V(x - 1e-6)) / 2e-6
    np.testing.assert_allclose(V.derivative(x), numeric, atol=1e-7)


def test_potential_transform_and_images():
    V = Potential(Gaussian(), 2.0, 3.0)
    k = np.array([0.0, 0.3, 1.0])
    np.testing.assert_allclose(V.fourier(k), 2.0 * np.sqrt(2.0 * np.pi) * np.exp(-0.5 * (3.0 * k) ** 2), atol=1e-9)
    tail = Potential(Power(2.0), 1.0, 1.0)
    small = np.array([1e-5, 1e-3, 0.05, 0.2, 3.0])  # pi exp(-k) exactly, and smooth towards k = 0
    np.testing.assert_allclose(tail.fourier(small), np.pi * np.exp(-small), atol=1e-8)
    np.testing.assert_allclose(V.fourier(small / 3.0), 2.0 * np.sqrt(2.0 * np.pi) * np.exp(-0.5 * small**2), atol=1e-8)
    x, ring = 0.7, 10.0
    # sum over n of 1/(1 + (x + nL)^2) in closed form
    exact = np.pi / ring * np.sinh(2 * np.pi / ring) / (np.cosh(2 * np.pi / ring) - np.cos(2 * np.pi * x / ring))
    assert tail.periodic(x, ring) == pytest.approx(exact, abs=1e-7)
