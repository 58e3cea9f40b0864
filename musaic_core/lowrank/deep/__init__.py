"""Deep forms: factors that are themselves factorized."""
