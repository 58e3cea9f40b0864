"""What was learned before, and need not be again: decoders and dictionaries."""

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import joblib

from musaic_core.benchmark.digest import (
    BINARIES,
    ROOT,
    digest_of_code,
    file_of,
    files_imported,
)
from musaic_core.tasks.base import Task
from musaic_core.tasks.dictionary import Dictionary

FOLDER = ROOT / "benchmarks" / "__cache__" / "studio"  # beside what benchmarks keep


def kept(about: dict, make: Callable[[], Any]) -> Any:
    """Give what was made before, or make it.

    Parameters
    ----------
    about : dict
        All that it depends on; JSON can hold it.
    make : callable
        Without arguments.

    Returns
    -------
    object
        That can be pickled, as what benchopt caches is.
    """
    text = json.dumps(about, sort_keys=True)
    file = FOLDER / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.joblib"
    with suppress(Exception):  # it is not there, or broken: it is made anew
        return joblib.load(file)
    made = make()
    with suppress(OSError):  # a full disk costs time at the next start, and no more
        FOLDER.mkdir(parents=True, exist_ok=True)
        new = file.with_suffix(f".{os.getpid()}")
        joblib.dump(made, new)
        new.replace(file)
    return made


def kept_dictionary(task: Task, exponent: float) -> Dictionary | None:
    """Give a task's dictionary, learned now or before.

    Parameters
    ----------
    task : Task
    exponent : float
        As `Task.dictionary_of` takes it.

    Returns
    -------
    Dictionary or None
        Its entries over time are learned when they are asked for.
    """
    learn = type(task).dictionary_of.func(task)  # the task's own
    code = files_imported(file_of(type(task))) | {file_of(type(task))}
    about = {
        "what": f"dictionary {exponent}",
        "task": type(task).__name__,
        "labels": [str(label) for label in task.labels],
        "seed": task.seed,
        "training material": [track.content for track in task.recordings],
        "code": digest_of_code({f for f in code if f.suffix not in BINARIES}),
    }

    def make():
        learned = learn(exponent)
        return learned and (learned.templates, learned.labels)

    found = kept(about, make)
    return found and Dictionary(*found, lambda length: learn(exponent).patches(length))
