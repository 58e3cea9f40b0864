"""What is raised and said where an input can't be used."""


class InputError(ValueError):
    """A recording or annotation that can't be used; the message names the file."""


_reported = set()


def report_once(message: str) -> None:
    """Print a line, unless this process has printed it before."""
    if message not in _reported:
        _reported.add(message)
        print(f"! {message}", flush=True)
