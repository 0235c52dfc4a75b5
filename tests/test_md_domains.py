"""One ring over the ranks: the same trajectory as on one rank. Runs alone and under mpirun."""

import numpy as np
import pytest
from mpi4py import MPI

from gbbgky_petsc.errors import InputError
from gbbgky_petsc.md.domains import Domain, check_domains
from gbbgky_petsc.md.forces import FourierForce, MeshForce
from gbbgky_petsc.md.initial import VelocitySampler, sample
from gbbgky_petsc.md.ring import Ring
from gbbgky_petsc.md.rods import Rods
from gbbgky_petsc.md.stepper import advance, interpreted
from gbbgky_petsc.physics.models import HardRods
from gbbgky_petsc.physics.potential import Potential, Power
from gbbgky_petsc.physics.states import BoostedThermal

VELOCITY = VelocitySampler(BoostedThermal(0.2, 2.5, 1.0), HardRods(1.0))
POTENTIAL = Potential(Power(6.0), 4.0, 20.0)
WORLD = MPI.COMM_WORLD


def domain_ring(comm, ring, force):
    domain = Domain(ring, comm)
    return Rods(domain, force, *sample(domain, VELOCITY, 3, 0))


def everything(rods):
    """Positions and velocities of the ring on every rank."""
    return [np.concatenate(WORLD.allgather(part)) for part in (rods.y, rods.v)]


def on_all(holds: bool) -> bool:
    """Whether a condition holds on every rank, so that no rank stops alone."""
    return bool(WORLD.allreduce(bool(holds), op=MPI.LAND))


@pytest.mark.parallel
@pytest.mark.parametrize("integrator", ["splitting", "plain"])
def test_fourier_domains_follow_the_compiled_ring(integrator):
    ring = Ring(2000.0, 400, 1.0)
    force = FourierForce.build(POTENTIAL, 2000.0, 1e-4)
    rods, whole = domain_ring(WORLD, ring, force), domain_ring(MPI.COMM_SELF, ring, force)
    advance(rods, 10.0, 0.1, integrator)
    advance(whole, 10.0, 0.1, integrator)
    y, v = everything(rods)
    assert on_all(np.abs(y - whole.y).max() < 1e-10 and np.abs(v - whole.v).max() < 1e-10)


@pytest.mark.parallel
def test_mesh_domains_follow_the_ring_on_one_rank():
    ring = Ring(3000.0, 600, 1.0)
    force = MeshForce.build(POTENTIAL, 3000.0, 1e-5)
    rods, alone = domain_ring(WORLD, ring, force), domain_ring(MPI.COMM_SELF, ring, force)
    start = rods.interaction_energy() + 0.5 * rods.power_sums()[1]
    momentum = rods.power_sums()[0]
    advance(rods, 10.0, 0.1)
    advance(alone, 10.0, 0.1)
    y, v = everything(rods)
    assert on_all(np.abs(y - alone.y).max() < 1e-10 and np.abs(v - alone.v).max() < 1e-10)
    assert on_all(abs(rods.interaction_energy() - alone.interaction_energy()) < 1e-9)
    assert on_all(np.abs(rods.mode_sums(5) - alone.mode_sums(5)).max() < 1e-9)
    assert on_all(abs(rods.interaction_energy() + 0.5 * rods.power_sums()[1] - start) < 600 * 5e-6)
    assert on_all(abs(rods.power_sums()[0] - momentum) < 1e-11)


@pytest.mark.parallel
def test_free_domains_with_long_steps():
    ring = Ring(2000.0, 400, 1.0)
    rods, alone = (domain_ring(comm, ring, FourierForce.none(2000.0)) for comm in (WORLD, MPI.COMM_SELF))
    advance(rods, 40.0, 8.0)
    advance(alone, 40.0, 0.1)
    y, _ = everything(rods)
    assert on_all(np.abs(y - alone.y).max() < 1e-10)


@pytest.mark.parallel
def test_flight_beyond_a_domain_is_refused_on_every_rank():
    rods = domain_ring(WORLD, Ring(2000.0, 400, 1.0), FourierForce.none(2000.0))
    if WORLD.size == 1:
        pytest.skip("needs two ranks")
    with pytest.raises(InputError, match=r"md\.ranks_per_ring = \d+: rods fly .*allowed"):
        interpreted(rods, 5000.0, 1, True, 1)


def test_too_many_domains():
    with pytest.raises(InputError, match=r"md\.ranks_per_ring = 3: .*allowed: 1 to 1"):
        check_domains(Ring(500.0, 100, 1.0), 3)


@pytest.mark.parallel
def test_reference_integrator_needs_the_whole_ring():
    rods = domain_ring(WORLD, Ring(2000.0, 400, 1.0), FourierForce.none(2000.0))
    if WORLD.size == 1:
        pytest.skip("needs two ranks")
    with pytest.raises(InputError, match=r"md\.integrator = 'reference'"):
        advance(rods, 1.0, 0.1, "reference")
