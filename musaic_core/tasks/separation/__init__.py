"""The stems of a mixture."""
