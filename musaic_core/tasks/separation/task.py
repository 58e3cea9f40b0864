"""Music source separation: a mixture in, its stems out.

Every model becomes stems in the same two steps. Each component is given to the stems:
one that knows its stem, as those of a dictionary do, to that one; one found in the
mixture to the stems in whose dictionaries it can be composed. What the components of a
stem reconstruct is a spectrogram of that stem, and the ratios between these are masks
for the mixture (Wiener filtering). Models of a frequency × time × channel tensor have a
mask for each channel.

Models see compressed magnitudes, |X|^α with α = 0.7, and masks are ratios of the same:
what adds up in the model then adds up in the mixture (Liutkus and Badeau 2015). Stems
never sound quite as those that were learned from; ratios of powers would trust a model
so much that what it confuses is worse than equal parts. α was chosen on training songs,
with dictionaries of other songs in another timbre.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property

import numpy as np

from musaic_core.data.errors import InputError
from musaic_core.data.recording import Track
from musaic_core.lowrank.nmf import nmf
from musaic_core.lowrank.structured.convolutive import convolutive_nmf
from musaic_core.tasks.base import Task
from musaic_core.tasks.dictionary import Dictionary
from musaic_core.tasks.regions import allowed_entries
from musaic_core.tasks.separation.named import shares_told
from musaic_core.tasks.separation.obeyed import obeyed
from musaic_core.tasks.separation.painted import painted_stems
from musaic_core.tasks.separation.stored import in_little_memory, room_for
from musaic_core.tasks.separation.wiener import (
    HOP,
    WINDOW,
    bin_frequencies,
    inverse_transform,
    magnitudes,
    synthesize_into,
    transform,
)

POWER = 0.7  # of the magnitudes that models see and whose ratios are masks
TEMPLATES = 20  # of each stem in the dictionary
PATCHES = 8  # of each stem, where entries have a time axis
LEAST_FRAMES = 12  # of a stem alone in a recording that entries are learned from
LEARNING_FRAMES = 2000  # of each stem that they are learned from
SCORED = 20  # s, amid each recording whose stems are known


@dataclass
class StemSpectrograms:
    """Magnitudes of each stem: what stems are decoded from.

    Parameters
    ----------
    magnitudes : sequence of array, shape (F, T) or (F, T, channels)
        One a stem, of the lowest F rows of what `Separation.represent` gives.
    factors : Model, optional
        What they were reconstructed from, for figures, with the stem of each component.
    """

    magnitudes: Sequence
    factors: object = None


class Separation(Task):
    """The recordings to separate, and the stems to learn from.

    Parameters
    ----------
    train : iterable of Track
        What models and decoders may learn from.
    test : iterable of Track or Recording
        What they are scored on.
    stems : list of str
        Names of the stems that the recordings are separated into.
    phase : {"mixture", "misi"}
        Phases of the stems' spectra: see `synthesize`.
    **options
        As `Task` takes them; the seed is of the dictionary's random starts.
    """

    answers = "stems"
    axes = (("frequency", "time"), ("frequency", "time", "channel"))
    learns_dictionary = True
    decoded_by = ("phase",)
    magnitudes = True
    compression = POWER
    sounds_alone = True
    decodes_hints = True
    frequencies = bin_frequencies()
    frame = HOP

    def __init__(
        self, train, test, stems: Iterable[str], phase: str = "mixture", **options
    ) -> None:
        super().__init__(train, test, **options)
        self.labels = list(stems)
        self.phase = phase

    def misfit(self, solver):
        if (
            solver.describes
            and solver.kind in ("low-rank", "hybrid")
            and not self.recordings
        ):
            return "there are no stems to learn from, so components have no names"

    def prepare(self, axes, describes):
        """Learn the dictionary, which blind models need too; have librosa compile."""
        inverse_transform(transform(np.zeros((1, 1000)), 1000), 1000, 1000)
        if describes:
            _ = self.dictionary

    # ---- what models are given

    @cached_property
    def dictionary_of(self):
        return cache(self._learn_dictionary)  # once for each exponent

    def _learn_dictionary(self, exponent):
        """Factorize each training stem by itself (KL-NMF); None if there are none.

        Power spectra too: the Itakura-Saito divergence would have as many templates for
        a stem's silence as for its sound.
        """
        if self._stem_spectra is None:
            return None
        spectra = dict(zip(self.labels, self._stem_spectra, strict=True))
        return self._learn_from(spectra, exponent)

    def _learn_from(self, spectra, exponent):
        """The dictionary of magnitudes (F, T), by the stem that they are of."""
        options = {"max_iter": 50, "seed": self.seed}

        def side_by_side(entries):
            counts = [part.shape[1] for part in entries]
            return np.concatenate(entries, axis=1), np.repeat([*spectra], counts)

        def templates(V):
            n = max(1, min(self.entries_of_each(TEMPLATES), V.shape[1] // 2))
            W = nmf(V**exponent, n, update="hals-mu", **options).templates
            return W / (W.sum(0) + 1e-12)

        def patches(V, length):
            n = max(1, min(self.entries_of_each(PATCHES), V.shape[1] // 2))
            lasting = min(length, V.shape[1])
            model = convolutive_nmf(V**exponent, n, lasting, **options)
            P = np.pad(model.patches, ((0, 0), (0, 0), (0, length - lasting)))
            return P / (P.sum((0, 2), keepdims=True) + 1e-12)

        @cache  # each solver asks for them again and again
        def learn_patches(length):
            return side_by_side([patches(V, length) for V in spectra.values()])

        found = side_by_side([templates(V) for V in spectra.values()])
        return Dictionary(*found, learn_patches)

    def entries_of_each(self, most: int) -> int:
        """How many entries of the dictionary a stem has: the most.

        Parameters
        ----------
        most : int

        Returns
        -------
        int
        """
        return most

    def adapted(self, dictionary, given):
        """Add entries of the stems that are alone somewhere, or in some region."""
        V = self.represent(given.recording)
        free = given.allowed(self.labels, V.shape[1])
        alone = free & (free.sum(0) == 1)
        heard = {n: V[:, there] for n, there in zip(self.labels, alone, strict=True)}
        painted = {}
        if any(hint.is_region for hint in given.hints):
            place = given.frequencies, given.frame, V.shape[1]
            allowed = allowed_entries(given.hints, self.labels, *place)
            told = V**given.exponent, dictionary, self.labels, allowed
            painted = painted_stems(*told)
            painted = {n: X ** (1 / given.exponent) for n, X in painted.items()}
        for stems in (heard, painted):
            spectra = {n: X for n, X in stems.items() if X.shape[1] >= LEAST_FRAMES}
            if spectra:
                entries = self._learn_from(spectra, given.exponent)
                dictionary = dictionary.extended(entries)
        return dictionary

    @cached_property
    def _stem_spectra(self):
        """Magnitudes (F, T) of each stem, of all training tracks that have it."""

        def read(track):
            if not set(self.labels) & set(track.stem_files):
                raise InputError(
                    f"{track.id}: has none of the stems {', '.join(self.labels)}"
                )
            _, sr = track.audio()
            stems = track.stems()
            return {
                name: magnitudes(stems[name], sr)
                for name in self.labels
                if name in stems
            }

        spectra = [stems for _, stems in self.learned(self.recordings, read)]
        if any(all(name not in stems for stems in spectra) for name in self.labels):
            return None
        rows = min(len(V) for stems in spectra for V in stems.values())
        of_stems = (
            np.concatenate([s[name][:rows] for s in spectra if name in s], axis=1)
            for name in self.labels
        )
        return [
            np.ascontiguousarray(V[:, :: -(-V.shape[1] // LEARNING_FRAMES)])
            for V in of_stems
        ]

    def represent(self, recording, axes=axes[0]):
        """Magnitudes of a recording, in bins of 12.5 Hz up to 10 kHz.

        Parameters
        ----------
        recording : Recording or Track
        axes : tuple of str
            frequency × time, the root mean square over channels; or frequency × time
            × channel.

        Returns
        -------
        ndarray of float32, shape (F, T) or (F, T, channels)
            Rows that the dictionary does not have are left out.
        """
        V = magnitudes(*self._audio(recording), len(axes))
        return V if self.dictionary is None else V[: len(self.dictionary.templates)]

    def transform(self, recording):
        """Short-time Fourier transform (channels, frequencies, T); see `wiener`."""
        return transform(*self._audio(recording))

    @staticmethod
    def _audio(recording):
        y, sr = recording.audio()
        if y.shape[1] < WINDOW * sr:
            name = getattr(recording, "name", recording.id)
            raise InputError(
                f"{name}: {y.shape[1] / sr:.2f} s are too short to "
                f"separate; {WINDOW} s is the least"
            )
        return y, sr

    # ---- decoding

    def describe(self, model, given):
        """Reconstruct each stem from the components that are its own."""
        root = 1 / given.exponent  # stems are compared by their magnitudes
        if model.labels is not None:
            labels = np.asarray(model.labels)
            shares = labels[:, None] == np.array(self.labels)
        else:
            shares = self.share(np.asarray(model.templates) ** root)
            if given.hints:
                place = given.frequencies, given.frame, given.V.shape[1]
                allowed = allowed_entries(given.hints, self.labels, *place)
                shares = shares_told(shares, model, allowed)
            model.labels = np.array(self.labels)[shares.argmax(1)]
        spectrograms = room_for(shares.shape[1], given.V.shape)
        for spectrogram, share in zip(spectrograms, shares.T, strict=True):
            part = np.asarray(model.reconstruct(share.astype(np.float32)))
            spectrogram[:, :] = part.reshape(spectrogram.shape) ** root
        return StemSpectrograms(spectrograms, given.magnitudes_of(model))

    def tune(self, describe, keep=None):
        """Nothing is tuned: stems are filtered out of the mixture by their ratios.

        Where hints say that a stem has no part in the mixture, it has none.
        """

        def decode(description, recording, hints=()):
            y, sr = recording.audio()
            stems = room_for(len(self.labels), y.shape)
            magnitudes = obeyed(description.magnitudes, self.labels, hints)
            synthesize_into(stems, y, sr, magnitudes, self.phase, POWER)
            return dict(zip(self.labels, stems, strict=True)), description.factors

        return decode

    def each(self, tracks, estimate):
        """Call a function on each track; stems go to files where there are many."""

        def put_away(track):
            made = estimate(track)
            return replace(made, answer=in_little_memory(made.answer))

        return super().each(tracks, put_away)

    def share(self, templates: np.ndarray) -> np.ndarray:
        """How much of each template the stems' dictionaries account for.

        Parameters
        ----------
        templates : ndarray, shape (F, R)
            Found in a mixture.

        Returns
        -------
        ndarray, shape (R, number of stems)
            The template's composition of the dictionary's spectra (KL-NMF with these
            held), summed over each stem's; rows sum to 1.

        Raises
        ------
        InputError
            No recording to learn from could be read.
        """
        if self.dictionary is None:
            raise InputError(
                "no training recording could be read, so it is not known what the "
                "stems sound like"
            )
        W = self.dictionary.templates[: len(templates)]
        V = np.asarray(templates, np.float32)
        V = V / (V.sum(0) + 1e-12)
        start = np.full((W.shape[1], V.shape[1]), 1 / W.shape[1], np.float32)
        composed = nmf(V, W.shape[1], beta=1, init=(W, start), fixed=("templates",))
        stems = self.dictionary.labels == np.array(self.labels)[:, None]
        shares = (stems.astype(np.float32) @ composed.activations).T
        return shares / (shares.sum(1, keepdims=True) + 1e-12)


def stems_to_learn(train: Iterable[Track], test: Iterable[Track]) -> list[str]:
    """Name the stems that recordings are separated into.

    Parameters
    ----------
    train, test : iterable of Track
        Each has stems of its own, or one entry alone.

    Returns
    -------
    list of str
        Those that are asked for, where all of them can be learned; else all that can;
        and where nothing is learned from, all that are asked for.
    """
    learned, wanted = (
        list(dict.fromkeys(s for t in tracks if has_stems(t) for s in t.stem_files))
        for tracks in (train, test)
    )
    if not learned:
        return wanted or ["mixture"]
    if wanted and set(wanted) <= set(learned):
        return [name for name in learned if name in wanted]
    return learned


def has_stems(track: Track) -> bool:
    """Whether the stems of a track are known: one alone is the recording itself.

    Parameters
    ----------
    track : Track

    Returns
    -------
    bool
    """
    return len(track.stem_files) > 1
