"""Forces of the periodic potential against a direct sum over images."""

import numpy as np
import pytest

from gbbgky_petsc.errors import InputError
from gbbgky_petsc.md.domains import Domain
from gbbgky_petsc.md.forces import FourierForce, MeshForce, choose_force
from gbbgky_petsc.md.ring import Ring
from gbbgky_petsc.physics.potential import Exponential, Gaussian, Potential, Power

SHAPES = [Power(6.0), Power(3.0), Gaussian()]


def rods(count: int, ring: float, seed: int = 3):
    """Rods of length 1, sorted."""
    y = np.sort(np.random.default_rng(seed).uniform(0.0, ring - count, count))
    return y + np.arange(count)


def direct(potential: Potential, x, ring: float, images: int = 60):
    """Forces by the sum over pairs and images."""
    distance = x[:, None] - x[None, :]
    return -sum(potential.derivative(distance + n * ring) for n in range(-images, images + 1)).sum(axis=1)


def on_mesh(mesh: MeshForce, x, ring: float):
    return mesh.evaluate(x, np.concatenate([x - ring, x, x + ring]))


@pytest.mark.parametrize("strength", [4.0, -4.0])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_fourier_forces(shape, strength):
    potential, ring = Potential(shape, strength, 20.0), 500.0
    x = rods(100, ring)
    force = FourierForce.build(potential, ring, 1e-5)
    domain, exact = Domain(Ring(ring, 100, 1.0)), direct(potential, x, ring)
    found = force.forces(x, domain)
    assert np.abs(found - exact).max() < 2e-4 * np.abs(exact).max()
    assert abs(found.sum()) < 1e-13
    pairs = potential.periodic(x[:, None] - x[None, :], ring)
    np.fill_diagonal(pairs, 0.0)
    background = float(potential.fourier(0.0)) * 100 * 99 / (2.0 * ring)
    assert force.energy(x, domain) == pytest.approx(0.5 * pairs.sum() - background, abs=2e-4 * abs(potential(0.0)))


def test_fourier_tolerance_is_met():
    potential, ring = Potential(Power(6.0), 4.0, 20.0), 500.0
    x = rods(100, ring)
    domain, exact = Domain(Ring(ring, 100, 1.0)), direct(potential, x, ring)
    errors = []
    for tolerance in (1e-3, 1e-5, 1e-7):
        force = FourierForce.build(potential, ring, tolerance)
        errors.append(np.abs(force.forces(x, domain) - exact).max() / np.abs(exact).max())
    assert errors[0] < 1e-2 and errors[1] < 1e-4 and errors[2] < 1e-6


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_mesh_forces(shape):
    potential, ring = Potential(shape, 4.0, 20.0), 8000.0
    x = rods(1600, ring)
    mesh = MeshForce.build(potential, ring, 1e-6)
    field, force = on_mesh(mesh, x, ring)
    exact = direct(potential, x, ring, 2)
    assert mesh.error < 2e-4
    # errors of many neighbours add up
    assert np.abs(force - exact).max() < max(5.0 * mesh.error, 2e-5) * np.abs(exact).max()
    pairs = sum(potential(x[:, None] - x[None, :] + n * ring) for n in (-1, 0, 1))
    assert field == pytest.approx(pairs.sum(axis=1), abs=1e-3 * float(potential(0.0)))


def test_mesh_force_is_the_slope_of_its_energy():
    potential, ring, h = Potential(Power(6.0), 4.0, 20.0), 4000.0, 1e-3
    x = rods(300, ring)
    mesh = MeshForce.build(potential, ring, 1e-6)

    def energy(shift: float) -> float:
        moved = x.copy()
        moved[7] += shift
        return 0.5 * float(on_mesh(mesh, moved, ring)[0].sum())

    slope = (energy(h) - energy(-h)) / (2.0 * h)
    assert on_mesh(mesh, x, ring)[1][7] == pytest.approx(-slope, abs=1e-9)


def test_the_cheaper_method_is_chosen():
    potential = Potential(Power(6.0), 4.0, 20.0)
    assert isinstance(choose_force(potential, 500.0, 1e-6), FourierForce)
    assert isinstance(choose_force(potential, 5e5, 1e-6), MeshForce)
    assert choose_force(None, 500.0, 1e-6).spectrum.size == 0
    assert choose_force(Potential(Power(6.0), 0.0, 20.0), 500.0, 1e-6).spectrum.size == 0


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: choose_force(Potential(Power(6.0), 4.0, 20.0), 70.0, 1e-6), "md.ring = 70"),
        (lambda: MeshForce.build(Potential(Power(3.0), 4.0, 20.0), 500.0, 1e-6), "md.ring = 500"),
        (
            lambda: FourierForce.build(Potential(Exponential(), 4.0, 20.0), 500.0, 1e-6, 64),
            "md.force_tolerance = 1e-06",
        ),
        (lambda: FourierForce.build(Potential(Gaussian(), 4.0, 1.0), 1e6, 1e-6), "md.force_tolerance"),
    ],
)
def test_bad_forces(make, key):
    with pytest.raises(InputError) as caught:
        make()
    assert key in str(caught.value) and "allowed" in str(caught.value) and "\n" not in str(caught.value)
