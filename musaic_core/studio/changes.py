"""What a page may change of a work, in the words in which it says it."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from musaic_core.data.errors import InputError
from musaic_core.data.hints import hint_from_json
from musaic_core.studio.work import Work, gain_of


def changed(work: Work, change: Any) -> Work:
    """Work after a change.

    Parameters
    ----------
    work : Work
    change : object
        ``hints``, a list, or one ``hint``, and ``unhint``, indices of those that are to
        go, also both at once; ``merge``, two or more, with a ``name`` if that is
        wanted, or ``unmerge``; or ``component`` with ``name`` or ``gain``, the latter
        also of a list of components.

    Returns
    -------
    Work

    Raises
    ------
    InputError
        It is none.
    """
    match change:
        case {"component": int(index), "name": str(name)} if index >= 0:
            return work.with_mix(work.mix.named(index, name[:80]))
        case {"component": int(index), "gain": gain} if index >= 0:
            return work.with_mix(work.mix.at_gain(index, gain_of(gain)))
        case {"component": [*several], "gain": gain} if _are_indices(*several):
            mix, gain = work.mix, gain_of(gain)
            for index in several:
                mix = mix.at_gain(index, gain)
            return work.with_mix(mix)
        case {"merge": [int(first), *others]} if others and _are_indices(
            first, *others
        ):
            mix, name = work.mix, change.get("name")
            for other in others:
                mix = mix.merge(first, other)
            return work.with_mix(mix.named(first, str(name)[:80]) if name else mix)
        case {"unmerge": int(index)} if index >= 0:
            return work.with_mix(work.mix.split(index))
        case {"hint": _} | {"hints": _} | {"unhint": _}:
            gone = change.get("unhint", [])
            said = change.get("hints", change.get("hint", []))
            gone = gone if isinstance(gone, list) else [gone]
            said = said if isinstance(said, list) else [said]
            if not (_are_indices(*gone) and all(i < len(work.hints) for i in gone)):
                raise InputError(
                    f"unhint is {gone}; give indices of its {len(work.hints)} hints"
                )
            kept = [hint for i, hint in enumerate(work.hints) if i not in gone]
            return replace(work, hints=(*kept, *map(hint_from_json, said)))
    raise InputError("no change that is known; give hint, unhint, component or merge")


def check(now: Work, was: Work, asked: Iterable, end: float, known: int) -> None:
    """See that what is new in a work is about the recording, and of what may be asked.

    Parameters
    ----------
    now, was : Work
    asked : iterable of Question
        Of which models can be told.
    end : float
        Of the recording, s.
    known : int
        Components that the model has.

    Raises
    ------
    InputError
        It is not; the message says why.
    """
    labels = [label for question in asked for label in question.task.labels]
    for hint in {*now.hints} - {*was.hints}:
        if hint.label not in labels:
            raise InputError(f"label is {hint.label!r:.80}; nothing here is called so")
        if hint.start >= end or (hint.sounds and hint.end > end + 1):
            raise InputError(f"the recording ends at {end:.2f} s, before the hint does")
    for index in now.mix.indices - was.mix.indices:
        if index >= known:
            raise InputError(f"component is {index}; the model has {known}, from 0 on")


def _are_indices(*values):
    return all(type(value) is int and value >= 0 for value in values)
