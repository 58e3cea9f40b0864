"""Structured forms: templates that last some time, or are made of given parts."""
