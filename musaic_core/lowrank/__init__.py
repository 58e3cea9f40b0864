"""Nonnegative low-rank models of any array; no music in here."""
