"""Screening of the legs of a coherent encounter by the linear response of the background.

A quasiparticle i that moves through the gas with a transfer q drags the cloud

    m_alpha = sigma_i 1^dr_i rho_s n'_alpha/(v_alpha - v_i - i0 sgn q),   sigma_i = V_q/eps_i,   eps_i = 1 - V_q chi_i,
    chi_i = int 1^dr rho_s n'/(v - v_i - i0 sgn q)

(m: number per unit of y/1^dr, eps the dielectric function of the Euler fluid), so that its charge is 1^dr_i/eps_i and
its backflow 2 pi T^dr_ik takes that of the cloud along:

    2 pi T_jk -> B_jk + sigma_j X_jk + sigma_k X_kj + sigma_j sigma_k Y_jk .

For rods this is a factor 1/eps of every leg. What the cloud does at second order (three-wave coupling) is left out.
"""

from dataclasses import dataclass

import numpy as np

from gbbgky_petsc.arrays import Array, ComplexArray
from gbbgky_petsc.collisions.dressed import Dressed
from gbbgky_petsc.collisions.pair_table import LogSamples
from gbbgky_petsc.errors import InputError

#: spacing of ln lambda, and where it begins and ends in units of 1/(range d), largest and smallest difference d
LOG_STEP, BEGIN, END = 0.15, 1e-3, 60.0


@dataclass(frozen=True)
class Clouds:
    """Linear response at one state, for sgn q = 1; its complex conjugate for sgn q = -1.

    Attributes
    ----------
    response : (N,) chi
    single : (N, N) X_jk = 1^dr_j int c_j B_.k with c_j = rho_s n'/(v - v_j - i0)
    double, mixed : (N, N) Y_jk for equal signs of q_j and q_k, and for q_j > 0 > q_k
    """

    response: ComplexArray
    single: ComplexArray
    double: ComplexArray
    mixed: ComplexArray

    @classmethod
    def of(cls, b: Dressed) -> "Clouds":
        """Principal values by the trapezoidal rule over every other node, which is spectrally accurate."""
        n, h = b.unit.size, b.background.weight
        offset = np.arange(n)[:, None] - np.arange(n)[None, :]
        apart = b.velocity[None, :] - b.velocity[:, None]
        weight = np.where(offset % 2 != 0, 2.0 * h, 0.0) / np.where(offset == 0, 1.0, apart)
        density = b.states * b.filling_slope
        c = weight * density[None, :] + 1j * np.pi * np.diag(density / b.velocity_slope)
        backflow = 2.0 * np.pi * b.kernel
        single = b.unit[:, None] * (c @ backflow)
        turned = b.unit[:, None] * c
        return cls(c @ b.unit, single, single @ turned.T, single @ turned.conj().T)

    def check_stable(self, b: Dressed, potential: Array, kind: str) -> None:
        """Count the zeros of eps in the upper half-plane, by the crossings of chi with the real axis (Nyquist).

        Parameters
        ----------
        b
            The state.
        potential : (m,)
            All values of V_k.
        kind
            What asks, for the message.

        Raises
        ------
        InputError
            If a collective mode grows at some k.
        """
        clear = np.abs(b.filling_slope) > 1e-13 * np.abs(b.filling_slope).max()  # of rounding in the tails
        F, chi = b.filling_slope[clear], np.append(self.response.real[clear], 0.0)
        F = np.append(F, F[0])
        here, there = F[:-1], F[1:]
        crosses = here * there < 0.0
        share = here[crosses] / (here - there)[crosses]
        at = chi[:-1][crosses] * (1.0 - share) + chi[1:][crosses] * share
        if crosses[-1]:
            at[-1] = 0.0  # v from infinity to -infinity
        sense = np.sign(there - here)[crosses]
        inverse = 1.0 / potential[np.abs(potential) > 1e-12 * np.abs(potential).max(initial=1e-300)]
        winding = (sense[None, :] * (at[None, :] > inverse[:, None])).sum(axis=1)
        if np.any(winding != 0.0):
            worst = float((1.0 / inverse)[winding != 0.0][0])
            raise InputError(
                f"kinetic.screened = true: the state is unstable (a collective mode grows where V_k = {worst:.3g}); "
                f"allowed: states without growing modes (a later rho: --from), or {kind} without it"
            )


@dataclass(frozen=True)
class MomentumMesh:
    """A common mesh of ln lambda for all triples of one state, with V at lambda times every velocity difference.

    Attributes
    ----------
    weight : (m,) weight of int dlambda lambda^2 over both signs
    potential : (N, N, m) V_(lambda (v_i - v_j))
    """

    weight: Array
    potential: Array

    @classmethod
    def of(cls, transform: LogSamples, range: float, velocity: Array, step: float = LOG_STEP) -> "MomentumMesh":
        """The mesh for these effective velocities (N,)."""
        first = np.log(BEGIN / (range * (velocity[-1] - velocity[0])))
        last = np.log(END / (range * np.diff(velocity).min()))
        lam = np.exp(np.arange(first, last, step))
        apart = np.abs(velocity[:, None] - velocity[None, :])
        upper = np.triu_indices(velocity.size, 1)
        values = np.zeros((velocity.size, velocity.size, lam.size))
        values[upper] = transform(range * apart[upper][:, None] * lam)
        return cls(2.0 * step * lam**3, values + values.swapaxes(0, 1))
