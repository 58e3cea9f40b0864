"""The sections of a song."""
