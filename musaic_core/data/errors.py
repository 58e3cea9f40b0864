"""What is raised and said where an input can't be used."""


class InputError(ValueError):
    """A recording or annotation that can't be used; the message names the file."""


def reason_of(error: Exception, name: str) -> str:
    """Say in one line what went wrong with a recording.

    Parameters
    ----------
    error : Exception
    name : str
        Of the recording, which the message of an `InputError` names itself.

    Returns
    -------
    str
    """
    if isinstance(error, InputError):
        return str(error)
    return f"{name}: {type(error).__name__}: {' '.join(str(error).split())}"


_reported = set()


def report_once(message: str) -> None:
    """Print a line, unless this process has printed it before.

    Parameters
    ----------
    message : str
    """
    if message not in _reported:
        _reported.add(message)
        print(f"! {message}", flush=True)
