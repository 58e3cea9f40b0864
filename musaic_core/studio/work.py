"""What a user has said and chosen of a recording, with undo."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from musaic_core.data.errors import InputError
from musaic_core.data.hints import Hint, hint_from_json, hint_to_json


@dataclass(frozen=True)
class Mix:
    """What a user has made of a model's components, by their indices.

    Parameters
    ----------
    names : mapping of int to str
    gains : mapping of int to float
        By default 1.
    merged : tuple of tuple of int
        Groups of components that are one.
    """

    names: Mapping[int, str] = field(default_factory=dict)
    gains: Mapping[int, float] = field(default_factory=dict)
    merged: tuple[tuple[int, ...], ...] = ()

    @property
    def indices(self) -> set[int]:
        """Of all components that something was made of."""
        return {*self.names, *self.gains, *(i for group in self.merged for i in group)}

    def group(self, index: int) -> tuple[int, ...]:
        """All components that are one with a component.

        Parameters
        ----------
        index : int

        Returns
        -------
        tuple of int
            In ascending order, with itself.
        """
        return next((group for group in self.merged if index in group), (index,))

    def merge(self, first: int, second: int) -> "Mix":
        """Make two components one; the first one's name and gain are those of both.

        Parameters
        ----------
        first, second : int

        Returns
        -------
        Mix
        """
        kept, added = self.group(first), self.group(second)
        if kept == added:
            return self
        together = tuple(sorted(kept + added))
        others = tuple(g for g in self.merged if g not in (kept, added))
        mix = replace(self, merged=(*others, together))
        mix = mix.named(first, self.names.get(kept[0], ""))
        return mix.at_gain(first, self.gains.get(kept[0], 1.0))

    def split(self, index: int) -> "Mix":
        """Make those that are one with a component components of their own again.

        They are called what the model calls them.

        Parameters
        ----------
        index : int

        Returns
        -------
        Mix
        """
        group = self.group(index)
        merged = tuple(g for g in self.merged if g != group)
        return replace(self.named(index, ""), merged=merged)

    def named(self, index: int, name: str) -> "Mix":
        """Name a component, and those that are one with it.

        Parameters
        ----------
        index : int
        name : str
            Empty for the model's own.

        Returns
        -------
        Mix
        """
        names = {**self.names, **dict.fromkeys(self.group(index), name)}
        return replace(self, names={i: n for i, n in names.items() if n})

    def at_gain(self, index: int, gain: float) -> "Mix":
        """Make a component louder or softer, and those that are one with it.

        Parameters
        ----------
        index : int
        gain : float
            0 mutes it.

        Returns
        -------
        Mix
        """
        gains = {**self.gains, **dict.fromkeys(self.group(index), gain)}
        return replace(self, gains={i: g for i, g in gains.items() if g != 1})


@dataclass(frozen=True)
class Work:
    """All that a user has said and chosen of a recording.

    Parameters
    ----------
    question : str
        What is looked for; empty until something is.
    model : str
        Who answers.
    hints : tuple of Hint
    mixes : mapping of str to Mix
        By question and model, with a space between.
    """

    question: str = ""
    model: str = ""
    hints: tuple[Hint, ...] = ()
    mixes: Mapping[str, Mix] = field(default_factory=dict)

    @property
    def asked(self) -> tuple[str, str]:
        """What is looked for, and who answers."""
        return self.question, self.model

    @property
    def mix(self) -> Mix:
        """That of the model that answers now."""
        return self.mixes.get(f"{self.question} {self.model}", Mix())

    def with_mix(self, mix: Mix) -> "Work":
        """Change what is made of the components of the model that answers now.

        Parameters
        ----------
        mix : Mix

        Returns
        -------
        Work
        """
        key = f"{self.question} {self.model}"
        return replace(self, mixes={**self.mixes, key: mix})

    def to_json(self) -> dict:
        """As JSON can hold it.

        Returns
        -------
        dict
        """
        return {
            "question": self.question,
            "model": self.model,
            "hints": [hint_to_json(hint) for hint in self.hints],
            "mixes": {
                key: {
                    "names": {str(i): name for i, name in mix.names.items()},
                    "gains": {str(i): gain for i, gain in mix.gains.items()},
                    "merged": [list(group) for group in mix.merged],
                }
                for key, mix in self.mixes.items()
            },
        }

    @classmethod
    def from_json(cls, said: Any, name: str) -> "Work":
        """Read what `to_json` gave.

        Parameters
        ----------
        said : object
            Of a file that may be broken.
        name : str
            The file's, for errors.

        Returns
        -------
        Work

        Raises
        ------
        InputError
            It is no such thing.
        """
        try:
            mixes = {
                str(key): Mix(
                    {int(i): str(n) for i, n in mix["names"].items()},
                    {int(i): gain_of(g) for i, g in mix["gains"].items()},
                    tuple(tuple(map(int, group)) for group in mix["merged"]),
                )
                for key, mix in said["mixes"].items()
            }
            if any(i < 0 for mix in mixes.values() for i in mix.indices):
                raise InputError("components are counted from 0 on")
            hints = tuple(hint_from_json(hint) for hint in said["hints"])
            return cls(str(said["question"]), str(said["model"]), hints, mixes)
        except (InputError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"{name}: is no saved work ({error}); remove it to begin anew"
            ) from None


class History:
    """A work, and those before and after it.

    Parameters
    ----------
    work : Work
        To begin with.
    """

    def __init__(self, work: Work) -> None:
        self.now = work
        self._past: list[Work] = []
        self._future: list[Work] = []

    def change(self, work: Work) -> None:
        """Go on with another work; what was undone before is forgotten.

        Parameters
        ----------
        work : Work
        """
        if work != self.now:
            self._past.append(self.now)
            self._future.clear()
            self.now = work

    def undo(self) -> None:
        """Go back to the work before, if there is one."""
        if self._past:
            self._future.append(self.now)
            self.now = self._past.pop()

    def redo(self) -> None:
        """Go forth to the work that was undone last, if one was."""
        if self._future:
            self._past.append(self.now)
            self.now = self._future.pop()

    @property
    def can_undo(self) -> bool:
        """Whether there is a work before."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """Whether there is a work after."""
        return bool(self._future)


def gain_of(value: Any) -> float:
    """Check a gain.

    Parameters
    ----------
    value : object

    Returns
    -------
    float

    Raises
    ------
    InputError
        It is no number from 0 to 10.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InputError(f"gain is {value!r}; give a number from 0 to 10")
    if not 0 <= value <= 10:
        raise InputError(f"gain is {value:g}; give a number from 0 to 10")
    return float(value)
