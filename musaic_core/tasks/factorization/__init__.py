"""Nonnegative arrays, to be approximated."""
