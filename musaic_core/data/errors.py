"""What is raised where an input can't be used."""


class InputError(ValueError):
    """A recording or annotation that can't be used; the message names the file."""
