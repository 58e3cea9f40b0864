"""Where the states of learned models are kept, so that each is trained once."""

import hashlib
import json
import shutil
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import filelock
import numpy as np
import safetensors
import safetensors.numpy

from musaic_core.benchmark.digest import (
    BINARIES,
    PACKAGE,
    digest_of_code,
    file_of,
    files_imported,
    files_that_read,
    versions,
)
from musaic_core.data.errors import report_once

State = dict[str, np.ndarray]


class KeepsState:
    """Of a solver that learns: its state, trained once for all that it depends on."""

    def fitted_in(self, folders):
        """Give the state, trained now or before.

        Parameters
        ----------
        folders : list of Path
            Where it is looked for, and in the last of which it is kept.

        Returns
        -------
        state : dict of str to ndarray
        seconds : float
            What its training took.
        """

        def fit(checkpoints):
            given = self.given_of(None)
            given.checkpoints = checkpoints
            return self.fit(self.task.train, given)

        return fitted(self.state_depends_on(), fit, folders)

    def state_depends_on(self):
        """Say all that the state depends on.

        Returns
        -------
        dict
            That JSON can hold.
        """
        task = self.task.learns_as or type(self.task)
        asked = {k: v for k, v in self._asked.items() if k not in task.decoded_by}
        plugins = self._module_filename, task
        imported = (files_imported(file_of(plugin)) for plugin in plugins)
        files = {
            file
            for file in files_that_read(self.task.recordings).union(*imported)
            # what calls the solver does not change what it learns
            if PACKAGE / "benchmark" not in file.parents and file.suffix not in BINARIES
        }
        # what one version of PyTorch has learned, all others can use
        packages = [need for need in self.requirements if need != "pip::torch"]
        return {
            "solver": self.name,
            "parameters": _as_texts(self._parameters),
            "task": {"answers": self.task.answers, **_as_texts(asked)},
            "labels": [str(label) for label in getattr(self.task, "labels", [])],
            "exponent": self.exponent,
            "packages": versions(packages),
            "seed": self.seed,
            "training material": [track.content for track in self.task.recordings],
            "code": digest_of_code({*files, file_of(self._module_filename)}),
        }


def fitted(
    depends_on: dict,
    fit: Callable[[Path], State],
    folders: list[Path],
    name: str | None = None,
) -> tuple[State, float]:
    """Give the state that was trained for a description, or train it now.

    Parameters
    ----------
    depends_on : dict
        All that the state depends on; JSON can hold it. Whoever asks for the same gets
        the same state.
    fit : callable
        ``fit(checkpoints)`` trains: gives a dict of arrays. In the folder that it is
        told of it may keep how far it has come. If it is interrupted, it is told of the
        same one when it is called again; where it comes to an end, the folder goes.
    folders : list of Path
        Where states may lie; a new one is written to the last, if it can be.
    name : str, optional
        Of the file, by default `file_name`.

    Returns
    -------
    state : dict of str to ndarray
    seconds : float
        What its training took, whenever that was.

    Raises
    ------
    TypeError
        `fit` gave something else.
    """
    text, name = json.dumps(depends_on, sort_keys=True), name or file_name(depends_on)
    for folder in folders:
        if (folder / name).exists() and (read := _read(folder / name, text)):
            return read
    file = folders[-1] / name
    with ExitStack() as held:
        with suppress(OSError):  # nothing can be kept there, nor shared
            file.parent.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(file.with_suffix(".lock"))
            held.enter_context(lock)  # workers train once together
        if file.exists() and (read := _read(file, text)):
            return read
        checkpoints = file.with_suffix(".training")
        begin = time.perf_counter() - _spent(checkpoints)
        state = _arrays(fit(checkpoints))
        seconds = time.perf_counter() - begin
        told = {"depends_on": text, "seconds": repr(seconds)}
        metadata = {**told, "arrays": _digest(state)}
        written = file.with_suffix(".new")
        try:
            safetensors.numpy.save_file(state, written, metadata)
            written.replace(file)
            shutil.rmtree(checkpoints, ignore_errors=True)
        except Exception as error:  # as where the disk is full: what was learned counts
            report_once(f"{file}: not kept, so it is trained again next time ({error})")
    return state, seconds


def file_name(depends_on: dict) -> str:
    """Name of the file of a state.

    Parameters
    ----------
    depends_on : dict
        All that it depends on.

    Returns
    -------
    str
    """
    text = json.dumps(depends_on, sort_keys=True)
    return f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.safetensors"


def losses_of(state: State) -> list[list[list[float | None]]]:
    """Tell how training went, of each network in a state.

    Parameters
    ----------
    state : dict of str to ndarray
        What `fit` gave: ``losses``, or ``….losses`` for each of several networks, are
        as `musaic_core.learned.training.train` gives them.

    Returns
    -------
    list of list of (steps, loss in training, loss on what is held out)
        That JSON can hold: None where there is no number. Empty where nothing was
        trained step by step.
    """

    def told(number):
        return float(f"{number:.5g}") if np.isfinite(number) else None

    names = sorted(name for name in state if name.split(".")[-1] == "losses")
    return [[[told(n) for n in check] for check in state[name]] for name in names]


def _spent(checkpoints):
    """Seconds that a training has taken before it was interrupted."""
    seconds = 0.0
    for file in checkpoints.glob("*.safetensors"):
        with suppress(Exception), safetensors.safe_open(file, "numpy") as stored:
            seconds += float(stored.metadata()["seconds"])
    return seconds


def _read(file, depends_on):
    """State and seconds in a file; None, with a line that says so, if it is broken."""
    try:
        with safetensors.safe_open(file, "numpy") as stored:
            metadata = stored.metadata() or {}
            if metadata.get("depends_on") != depends_on:
                raise ValueError("it is of another model")
            names = stored.keys()
            state = {name: stored.get_tensor(name) for name in names}
            if metadata.get("arrays") != _digest(state):
                raise ValueError("its arrays are not those that were written")
            return state, float(metadata["seconds"])
    except Exception as error:
        report_once(f"{file}: not a usable state ({error}); it is trained again")
        return None


def _arrays(state):
    """What `fit` gave, as it will be read: in C order, of the machine's byte order."""
    if not isinstance(state, dict):
        raise TypeError(f"fit gave a {type(state).__name__}; give a dict of arrays")
    arrays = {}
    for name, values in state.items():
        array = np.asarray(values, order="C")
        if array.dtype.kind not in "biufc":
            raise TypeError(
                f"fit gave {name!r} with values of {array.dtype}; give numbers"
            )
        arrays[name] = array.astype(array.dtype.newbyteorder("="), copy=False)
    return arrays


def _digest(state):
    digest = hashlib.sha256()
    for name, array in sorted(state.items()):
        digest.update(f"{name} {array.dtype} {array.shape} ".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _as_texts(parameters):
    return {name: str(value) for name, value in sorted(parameters.items())}
