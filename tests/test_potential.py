"""Pair potentials: slopes, Fourier transforms against quadrature and against closed forms, image sums."""

import numpy as np
import pytest
from scipy.special import erfc

from gbbgky_petsc.physics.potential import (
    Dipolar,
    Exponential,
    Gaussian,
    Potential,
    Power,
    Sum,
    Tabulated,
    Yukawa,
)
from gbbgky_petsc.physics.potential.shape import cosine_transform

X = np.linspace(0, 3, 31)
CLOSED = [
    Power(2.0),
    Power(4.0),
    Power(6.0),
    Power(12.0),
    Gaussian(),
    Exponential(),
    Yukawa(0.3),
    Yukawa(0.01),
    Dipolar(),
    Tabulated(X, np.cos(X)),
    Tabulated(X[1:] ** 2, np.exp(-X[1:])),
    Sum([(Gaussian(), -0.5, 1.0), (Dipolar(), 1.0, 0.25)]),
]
SHAPES = [*CLOSED, Power(3.0), Power(1.5)]
#: at every scale, with those where the quadrature had lost its accuracy (exp(-|x|) below 2e-3)
WAVENUMBERS = np.concatenate([[0.0], np.geomspace(1e-7, 100.0, 40), [1e-3, 2e-3]])


def name(shape):
    return type(shape).__name__ + str(getattr(shape, "exponent", getattr(shape, "core", "")))


@pytest.mark.parametrize("shape", SHAPES, ids=name)
def test_potential_derivative(shape):
    V = Potential(shape, -2.0, 3.0)
    x = np.array([-5.0, -1.1, 0.4, 2.0, 7.0])
    numeric = (V(x + 1e-6) - V(x - 1e-6)) / 2e-6
    np.testing.assert_allclose(V.derivative(x), numeric, atol=1e-7)


@pytest.mark.parametrize("shape", CLOSED, ids=name)
def test_closed_transforms_against_quadrature(shape, monkeypatch):
    """Two ways at every scale of k, to 1e-10 of V~(0); -2 and 3 are strength and range."""
    exact = -2.0 * np.array([cosine_transform(shape, float(q)) for q in WAVENUMBERS])
    for module in ("shape", "shapes"):  # a shape without a closed form would be held against itself
        monkeypatch.setattr(f"gbbgky_petsc.physics.potential.{module}.cosine_transform", None)
    found = Potential(shape, -2.0, 3.0).fourier(-WAVENUMBERS / 3.0)
    np.testing.assert_allclose(found, exact, atol=1e-10 * abs(exact[0]), rtol=0.0)


#: int dx cos(qx)/(1 + |x|^p) at q = 0.001, 0.1, 1, 10, by rotating the contour (30 digits carried)
ROTATED = {
    1.1: [9.695466401848, 3.67084143492, 0.7432392104506, 0.01652333652586],
    1.5: [4.678273043272, 3.283821969485, 0.9484828343113, 0.007275948203885],
    3.0: [2.418391321773, 2.386135639811, 1.417776012279, -0.001330722501126],
    5.0: [2.137918003579, 2.131343873257, 1.604565465027, 0.004787103537329],
}


@pytest.mark.parametrize("exponent", ROTATED)
def test_other_powers_against_a_rotated_contour(exponent):
    found = Potential(Power(exponent), 1.0, 1.0).fourier([0.001, 0.1, 1.0, 10.0])
    np.testing.assert_allclose(found, ROTATED[exponent], atol=1e-9 * 2.0, rtol=0.0)


def test_dipolar_profile():
    """The formula as printed, the kink at the origin, the tail, and no seam where the series takes over."""
    x = np.linspace(0.0, 5.0, 51)
    direct = np.sqrt(2.0 * np.pi) * (1.0 + x**2) * np.exp(x**2 / 2.0) * erfc(x / np.sqrt(2.0)) - 2.0 * x
    np.testing.assert_allclose(Dipolar().value(x), direct, rtol=1e-11)
    assert Potential(Dipolar(), 1.0, 1.0).derivative(1e-9) == pytest.approx(-4.0, rel=1e-8)
    far = np.array([100.0, 1e3, 1e4])
    np.testing.assert_allclose(Dipolar().value(far) * far**3 / 4.0, 1.0 - 6.0 / far**2, rtol=1e-6)
    seam = 12.0 + np.array([-1e-9, 1e-9])
    for of, tolerance in ((Dipolar().value, 1e-9), (Dipolar().slope, 1e-9)):
        np.testing.assert_allclose(*of(seam), rtol=tolerance)
    q = np.sqrt(2.0 * (40.0 + np.array([-1e-9, 1e-9])))
    np.testing.assert_allclose(*Dipolar().transform(q), rtol=1e-9)
    np.testing.assert_allclose(Dipolar().transform(np.array([1e3])) * 1e6, 8.0, rtol=1e-5)


def test_yukawa_near_the_origin():
    """Value and slope where both terms are of order 1/x."""
    shape, x = Yukawa(0.2), np.geomspace(1e-12, 1e-2, 30)
    np.testing.assert_allclose(shape.value(x), 4.0 - 12.0 * x + (125.0 - 1.0) / 6.0 * x**2, rtol=3e-5)
    np.testing.assert_allclose(shape.slope(x), -12.0 + (125.0 - 1.0) / 3.0 * x - 78.0 * x**2, rtol=1e-5)
    assert shape.value(np.zeros(1)) == 4.0


def test_sum_is_the_sum():
    """Parts in units of the whole: (w/r) phi(x/r) with strength V0 w and range xi r."""
    one, other = Potential(Gaussian(), 2.0 * 0.5, 3.0 * 4.0), Potential(Exponential(), 2.0 * -0.2, 3.0 * 0.5)
    both = Potential(Sum([(Gaussian(), 0.5, 4.0), (Exponential(), -0.2, 0.5)]), 2.0, 3.0)
    x = np.linspace(-20.0, 20.0, 41)
    np.testing.assert_allclose(both(x), one(x) + other(x), rtol=1e-13)
    np.testing.assert_allclose(both.derivative(x), one.derivative(x) + other.derivative(x), atol=1e-15)
    np.testing.assert_allclose(both.fourier(x), one.fourier(x) + other.fourier(x), rtol=1e-13)


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
