"""Molecular dynamics of hard rods with a long-range pair force: rods, forces, steps, domains, ensembles."""
