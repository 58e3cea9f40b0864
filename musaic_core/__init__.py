"""Models, kernels and decoders shared by the solvers, datasets and objectives."""
