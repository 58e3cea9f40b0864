"""What is raised and said where an input can't be used."""

from collections.abc import Iterator
from contextlib import contextmanager


class InputError(ValueError):
    """A recording or annotation that can't be used; the message names the file."""


def reason_of(error: Exception, name: str) -> str:
    """Say in one line what went wrong with a recording.

    Parameters
    ----------
    error : Exception
        What was raised.
    name : str
        The recording's, for errors that do not name it themselves.

    Returns
    -------
    str
    """
    if isinstance(error, InputError):
        return printable(str(error))
    name = printable(name)
    return f"{name}: {type(error).__name__}: {' '.join(str(error).split())}"


def printable(text: str) -> str:
    """Spell out what is no Unicode in the name of a file.

    Parameters
    ----------
    text : str
        As Python reads such names, which can't be printed or stored.

    Returns
    -------
    str
    """
    return text.encode(errors="backslashreplace").decode()


@contextmanager
def blaming(name: object) -> Iterator[None]:
    """Whatever goes wrong while an input is read is an `InputError` that names it.

    Parameters
    ----------
    name : object
        The file, or what else is read from.

    Yields
    ------
    None

    Raises
    ------
    InputError
        Anything was raised.
    """
    try:
        yield
    except Exception as error:
        raise InputError(reason_of(error, str(name))) from error


_reported = set()


def report_once(message: str) -> None:
    """Print a line, unless this process has printed it before.

    Parameters
    ----------
    message : str
        The line, without the exclamation mark that it begins with.
    """
    message = printable(message)
    if message not in _reported:
        _reported.add(message)
        print(f"! {message}", flush=True)
