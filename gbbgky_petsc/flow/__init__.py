"""Layer 1 in space and in a trap: d rho/dt + d_x(v rho) + d_theta(F rho) = d_x(D d_x rho) + I[rho(., x)]."""
