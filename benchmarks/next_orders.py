"""Which order of the collision integral does molecular dynamics have? Every weak point of the map of validity.

    .venv/bin/python benchmarks/next_orders.py [REPORT.json [POINTS]]

REPORT is that of `gbbgky validate --only validity` (docs/validation/validity.json by default), from which the rate of
dynamics over the first order of three short rods is taken, of either sign of V0 and of their mean, for V0 rho/E < 0.2.
Beside it stands the rate in the initial state by each combination of orders on POINTS rapidities, over the same.
Prints JSON: the rates, and chi^2 of every combination.
"""

import json
import sys
from pathlib import Path

import numpy as np
import petsc4py

petsc4py.init(sys.argv[:1])

from petsc4py import PETSc

from gbbgky_petsc.collisions import build
from gbbgky_petsc.discrete.mesh import PhaseSpaceMesh
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.physics.models import HardRods
from gbbgky_petsc.physics.observables import kurtosis_rate
from gbbgky_petsc.physics.potential import Gaussian, Potential, Power
from gbbgky_petsc.physics.states import BoostedThermal
from gbbgky_petsc.validation.encounters import encounter_rate

REPORT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent / "docs/validation/validity.json")
MESH = PhaseSpaceMesh(5.0, int(sys.argv[2]) if len(sys.argv) > 2 else 40, z_max=100.0, z_spacing=2.0)
WEAK = 0.2
#: kinetic energy per particle of the initial state
ENERGY = 0.6
SIGNS = {"repulsive": 1.0, "attractive": -1.0}
ORDERS = {
    "short rods": {},
    "short rods, second order": {"second_order": True},
    "short rods, screened": {"screened": True},
    "finite length": {"finite_length": True},
    "finite length, second order": {"finite_length": True, "second_order": True},
}
#: with encounters of four from a Monte Carlo sum
FOUR = {"finite length, second order, four rods": {}}


def predicted(point, sign):
    """Rates over the first order of short rods, by combination of orders; those that refuse the state are left out."""
    shape = Power(float(point["exponent"])) if point["exponent"] else Gaussian()
    model, potential = HardRods(point["length"]), Potential(shape, sign * point["strength"], point["range"])
    rho = BoostedThermal(point["density"], 2.5, 1.0).sample(MESH.theta, MESH.theta_weight, model)
    found = {}
    for name, options in ORDERS.items():
        try:
            operator = build("coherent", model, potential, MESH, PETSc.COMM_SELF, tolerance=1e-2, **options)
            found[name] = kurtosis_rate(MESH.theta, rho, operator.rate(rho))
        except InputError:
            continue
    unit = found["short rods"]
    four, _ = encounter_rate(potential, model.length, MESH.theta, rho, 4, samples=50_000)
    found[next(iter(FOUR))] = found["finite length, second order"] + four
    return {name: value / unit for name, value in found.items()}


def squares(rows, weak=np.inf):
    """chi^2 and number of rates with V0/(a E) below ``weak``, by combination of orders."""
    chi = {}
    for row in rows:
        for name in row["orders"] if row["V0/(a E)"] < weak else ():
            total, count = chi.get(name, (0.0, 0))
            chi[name] = (total + ((row["orders"][name] - row["dynamics"]) / row["error"]) ** 2, count + 1)
    return {name: {"chi squared": round(total, 1), "rates": count} for name, (total, count) in chi.items()}


def main():
    numbers = json.loads(REPORT.read_text())["studies"][0]["numbers"]
    weak = [n for n in numbers if n.get("theory") == "three_body" and n["coupling"] < WEAK]
    orders, rows = {}, {"one sign": [], "mean": []}
    for point in sorted(weak, key=lambda n: n["sign"] == "mean"):  # means last: they are made of their signs
        where = (point["line"], point["strength"])
        if point["sign"] == "mean":
            signs = [orders[(*where, sign)] for sign in SIGNS if (*where, sign) in orders]
            found = {
                name: float(np.mean([o[name] for o in signs]))
                for name in ORDERS | FOUR
                if all(name in o for o in signs)
            }
        else:
            found = orders[(*where, point["sign"])] = predicted(point, SIGNS[point["sign"]])
        rows["mean" if point["sign"] == "mean" else "one sign"].append({
            "line": point["line"], "V0": point["strength"], "sign": point["sign"],
            "V0/(a E)": round(point["strength"] / (point["length"] * ENERGY), 3),
            "dynamics": round(point["value"], 3), "error": round(point["error"], 3),
            "orders": {name: round(value, 3) for name, value in found.items()},
        })  # fmt: skip
    chi = {
        "one sign": squares(rows["one sign"]),
        "mean of both signs": squares(rows["mean"]),
        "mean, V0/(a E) < 0.9": squares(rows["mean"], 0.9),
    }
    print(json.dumps({"over the first order of short rods": rows, "orders": chi}, indent=1))


if __name__ == "__main__":
    main()
