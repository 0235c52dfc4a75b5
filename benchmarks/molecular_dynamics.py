"""Speed of the molecular dynamics: ratios taken side by side in one run, and cost against the arithmetic bound.

    python benchmarks/molecular_dynamics.py                  # reference integrators, cost per rod and step, linear cost
    python benchmarks/molecular_dynamics.py 100 1000         # cost of one ring of so many rods only
    mpirun -n 2 python benchmarks/molecular_dynamics.py      # ensembles and one large ring over the ranks

The arithmetic bound counts the multiplications and additions of the Fourier force and divides by the speed of the
same kind of loop (complex powers of N numbers) run alone.
"""

import sys
import time

import numpy as np
from mpi4py import MPI

from gbbgky_petsc.case import MolecularDynamics
from gbbgky_petsc.md.domains import Domain
from gbbgky_petsc.md.ensemble import Ensemble
from gbbgky_petsc.md.forces import Force, FourierForce, choose_force
from gbbgky_petsc.md.initial import VelocitySampler, sample
from gbbgky_petsc.md.kernels import mode_sums
from gbbgky_petsc.md.ring import Ring
from gbbgky_petsc.md.rings import RingPlan
from gbbgky_petsc.md.rods import Rods
from gbbgky_petsc.md.stepper import REFERENCE_STEP, advance, advance_reference
from gbbgky_petsc.physics.models import HardRods
from gbbgky_petsc.physics.potential import Potential, Power
from gbbgky_petsc.physics.states import BoostedThermal

WORLD = MPI.COMM_WORLD
MODEL, STATE, POTENTIAL = HardRods(1.0), BoostedThermal(0.2, 2.5, 1.0), Potential(Power(6.0), 4.0, 20.0)
TOLERANCE = 1e-4
VELOCITY = VelocitySampler(STATE, MODEL)


def rods_of(ring: Ring, force: Force, realisation: int = 0, comm: MPI.Comm = MPI.COMM_SELF) -> Rods:
    domain = Domain(ring, comm)
    return Rods(domain, force, *sample(domain, VELOCITY, 1, realisation))


def move(rings: list[Rods], duration: float, step: float) -> None:
    for rods in rings:
        advance(rods, duration, step)


class DirectForce(FourierForce):
    """Sum over all pairs at their nearest distance in numpy, as a plain script has it; O(N^2)."""

    def forces(self, x: np.ndarray, domain: Domain) -> np.ndarray:
        distance = x[:, None] - x
        distance -= self.ring * np.round(distance / self.ring)
        return -POTENTIAL.derivative(distance).sum(axis=1)


def seconds(action, repeat: int = 3) -> float:
    """Least wall time of a few calls."""
    times = []
    for _ in range(repeat):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return min(times)


def against_the_reference() -> None:
    ring = Ring(500.0, 100, 1.0)
    force = FourierForce.build(POTENTIAL, ring.circumference, TOLERANCE)
    rings = [rods_of(ring, force, r) for r in range(20)]
    move(rings, 1.0, 0.1)
    slow = {}
    for name, way in (("modes", force), ("pairs", DirectForce.none(ring.circumference))):
        slow[name] = seconds(lambda way=way: advance_reference(rods_of(ring, way), 0.05), 5) / 0.05
        print(f"DOP853, step {REFERENCE_STEP}, forces by {name}: {slow[name]:.3g} s per unit of time and ring")
    for step in (0.1, 0.2):
        fast = seconds(lambda step=step: move(rings, 20.0, step), 20) / 20.0 / len(rings)
        fresh = [rods_of(ring, force, r) for r in range(20)]
        error = -np.array([rods.energy() for rods in fresh])
        move(fresh, 400.0, step)
        error += [rods.energy() for rods in fresh]
        print(
            f"splitting, step {step}: {fast:.3g} s, ratio {slow['modes'] / fast:.3g} (modes), "
            f"{slow['pairs'] / fast:.3g} (pairs); "
            f"energy error per rod at t = 400: mean {error.mean():.1e}, rms {np.sqrt((error**2).mean()):.1e}"
        )


def per_step() -> None:
    ring = Ring(500.0, 100, 1.0)
    force = FourierForce.build(POTENTIAL, ring.circumference, TOLERANCE)
    rings = [rods_of(ring, force, r) for r in range(20)]
    spent = seconds(lambda: move(rings, 20.0, 0.1), 20) / (20 * 100 * 200)
    z = np.exp(1j * np.linspace(0.0, 6.0, 100))
    re, im, a, b = z.real.copy(), z.imag.copy(), np.empty(100), np.empty(100)
    sums = np.empty((force.weight.size, 2))

    def powers() -> None:
        for _ in range(1000):
            mode_sums(re, im, a, b, sums)

    bound = 2.0 * seconds(powers, 20) / (1000 * 100)  # sums, and forces from them at the same cost
    print(f"{1e6 * spent:.3f} us per rod and step; the {force.weight.size} modes alone {1e6 * bound:.3f} us")


def cost(n: int) -> tuple[float, str]:
    """Microseconds per rod and step of one ring of n rods, and how its forces are found."""
    ring, steps = Ring(5.0 * n, n, 1.0), max(3, 200_000 // n)
    force = choose_force(POTENTIAL, ring.circumference, TOLERANCE)
    rods = rods_of(ring, force)
    advance(rods, 0.1, 0.1)
    spent = seconds(lambda: advance(rods, 0.1 * steps, 0.1), 1)
    return 1e6 * spent / n / steps, force.description


def linear_cost(numbers: list[int]) -> None:
    for n in numbers:
        spent, name = cost(n)
        print(f"N = {n:>9,}: {spent:.3f} us per rod and step ({name})")


def over_ranks() -> None:
    """The same work on one rank and on all, in turns; the ratio of the medians."""
    settings = MolecularDynamics(particles=100, realisations=32 * WORLD.size, force_tolerance=TOLERANCE)
    small = RingPlan(
        settings=settings,
        ring=Ring(500.0, 100, 1.0),
        state=STATE,
        model=MODEL,
        potential=POTENTIAL,
        times=(0.0, 400.0),
    )
    large = Ring(500_000.0, 100_000, 1.0)
    force = choose_force(POTENTIAL, large.circumference, TOLERANCE)

    def ensemble(comm: MPI.Comm) -> float:
        comm.barrier()
        started = time.perf_counter()
        for _ in Ensemble(small, comm).batches():
            pass
        return time.perf_counter() - started

    def one_ring(comm: MPI.Comm) -> float:
        rods = rods_of(large, force, comm=comm)
        advance(rods, 0.1, 0.1)
        comm.barrier()
        started = time.perf_counter()
        advance(rods, 1.0, 0.1)
        return time.perf_counter() - started

    for name, work in (("ensemble of rings of 100", ensemble), ("one ring of 100,000", one_ring)):
        alone, together = [], []
        for _ in range(5):
            WORLD.barrier()
            if WORLD.rank == 0:
                alone.append(work(MPI.COMM_SELF))
            WORLD.barrier()
            together.append(WORLD.allreduce(work(WORLD), op=MPI.MAX))
        if WORLD.rank == 0:
            one, all_ranks = np.median(alone), np.median(together)
            print(f"{name}: 1 rank {one:.2f} s, {WORLD.size} ranks {all_ranks:.2f} s, ratio {one / all_ranks:.2f}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        linear_cost([int(word) for word in sys.argv[1:]])
    elif WORLD.size == 1:
        against_the_reference()
        per_step()
        linear_cost([100, 1000, 10_000, 100_000, 1_000_000])
    else:
        over_ranks()
