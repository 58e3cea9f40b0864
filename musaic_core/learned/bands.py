"""Made-up music in all meters and tempi, to learn bars from.

A band of drums, bass, chords and melody plays patterns that are drawn once a piece and
repeat from bar to bar, as simple as a drum machine's. It is played in the spectrogram:
a note is a spectrum times an envelope, so that an example takes milliseconds.
"""

import numpy as np

# Beats in a bar, its beats' least and greatest length (s), how often it is played, and
# how strong its beats are: 1 where a pattern has most of its notes.
METERS = (
    (3, 0.3, 1.0, 0.25, (1.0, 0.4, 0.45)),
    (4, 0.3, 1.0, 0.55, (1.0, 0.4, 0.7, 0.4)),
    (6, 0.17, 0.5, 0.2, (1.0, 0.3, 0.35, 0.7, 0.3, 0.4)),
)
SCALE = np.array([0, 2, 4, 5, 7, 9, 11])  # semitones


def play(
    n_frames: int, frequencies: np.ndarray, frame: float, rng: np.random.Generator
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Play a piece.

    Parameters
    ----------
    n_frames : int
        How long.
    frequencies : ndarray, shape (F,)
        Centre of each band, Hz, increasing.
    frame : float
        Time between frames, s.
    rng : numpy.random.Generator

    Returns
    -------
    stems : dict of str to ndarray of float32, shape (F, n_frames)
        Magnitudes of drums, bass, chords and melody.
    beats : ndarray, shape (N,)
        In frames.
    is_downbeat : ndarray of bool, shape (N,)
    """
    odds = [odds for *_, odds, _ in METERS]
    meter, least, greatest, _, strengths = METERS[rng.choice(len(METERS), p=odds)]
    length = np.exp(rng.uniform(np.log(least), np.log(greatest))) / frame
    n_parts = rng.choice([1, 2, 2, 3, 4]) if meter != 6 else rng.choice([1, 1, 2])
    # beats of a tempo that drifts and whose every beat is some milliseconds off
    n_beats = int(1.3 * n_frames / length) + 2 * meter
    drift = np.cumsum(rng.normal(0, rng.choice([0, 0.003, 0.015]), n_beats))
    lengths = length * np.exp(drift - drift.mean()).clip(0.7, 1.4)
    beats = np.cumsum(lengths) - rng.uniform(0, meter) * length
    beats = beats + rng.normal(0, 0.005 / frame, n_beats)
    ends = np.append(beats[1:], beats[-1] + length)
    grid = beats[:, None] + (ends - beats)[:, None] * np.arange(n_parts) / n_parts
    strengths = np.array(strengths)[:, None] * np.where(np.arange(n_parts), 0.35, 1)
    band = _Band(n_frames, frequencies, frame, rng)
    n_bars = n_beats // meter
    grid = grid[: n_bars * meter].reshape(n_bars, -1)  # bars × places for notes
    strengths = strengths.ravel()
    band.drums(grid, strengths, meter, n_parts)
    roots = band.harmony(n_bars)
    band.bass(grid, strengths, roots)
    band.chords(grid, strengths, roots)
    band.melody(grid, strengths, roots)
    is_downbeat = np.arange(n_beats) % meter == 0
    heard = (beats >= 0) & (beats < n_frames)
    return band.stems, beats[heard], is_downbeat[heard]


class _Band:
    """Who plays, and what they have played.

    Parameters
    ----------
    n_frames : int
    frequencies : ndarray, shape (F,)
        Centre of each band, Hz.
    frame : float
        s.
    rng : numpy.random.Generator
    """

    def __init__(self, n_frames, frequencies, frame, rng):
        self.n_frames, self.frequencies, self.frame = n_frames, frequencies, frame
        self.rng = rng
        self._widths = np.gradient(frequencies)
        self._power = {
            name: np.zeros((len(frequencies), n_frames), np.float32)
            for name in ("drums", "bass", "chords", "melody")
        }

    @property
    def stems(self) -> dict[str, np.ndarray]:
        """Magnitudes of each part, (F, T): those that fluctuate as noise does."""
        noise = self.rng.exponential(1, self._power["drums"].shape)
        self._power["drums"] *= noise.astype(np.float32)
        return {name: np.sqrt(power) for name, power in self._power.items()}

    def pattern(self, strengths: np.ndarray, busy: float) -> np.ndarray:
        """Draw the places of a bar that are played.

        Parameters
        ----------
        strengths : ndarray, shape (P,)
            Of each place.
        busy : float
            How much is played: 1 is most of what is strong.

        Returns
        -------
        ndarray of bool, shape (P,)
        """
        return self.rng.random(len(strengths)) < busy * strengths

    def play(self, part, spectrum, start, length, decay):
        """Add a note: a spectrum (F,) from a frame on, so many frames long.

        It falls by 60 dB in ``decay`` frames, and has faded soon after its end.
        """
        first = int(np.ceil(start - 1))
        last = min(self.n_frames, int(start + min(length + 4, decay)) + 1)
        frames = np.arange(max(0, first), last)
        if len(frames) == 0:
            return
        since = frames - start
        attack = np.clip((since + 1) / 2, 0, 1)  # the window hears it before
        fade = np.clip(1 - (since - length) / 4, 0, 1)
        envelope = attack * fade * 10 ** (-6 * np.maximum(since, 0) / decay)
        gain = 10 ** (self.rng.normal(0, 1.5) / 10)
        self._power[part][:, frames] += np.outer(gain * spectrum, envelope)

    def tone(self, pitch: float, slope: float) -> np.ndarray:
        """Powers (F,) of harmonics that fall by ``slope`` dB an octave."""
        harmonics = 440 * 2 ** ((pitch - 69) / 12) * np.arange(1, 17)
        levels = 10 ** (-slope * np.log2(np.arange(1, 17)) / 10)
        away = (self.frequencies[:, None] - harmonics) / self._widths[:, None]
        return np.exp(-(away**2)) @ levels

    def noise(self, low: float, high: float) -> np.ndarray:
        """Powers (F,) of noise between two frequencies, Hz."""
        octaves = np.log2(self.frequencies)
        below, above = np.log2(low) - octaves, octaves - np.log2(high)
        return 10 ** (-2.4 * (np.maximum(below, 0) + np.maximum(above, 0)))

    def drums(self, grid, strengths, meter, n_parts):
        """Bass drum on strong places, snare on weak beats, cymbals on all of them."""
        rng = self.rng
        kick = self.noise(40, rng.uniform(70, 150)) * 30
        snare = self.noise(rng.uniform(120, 300), rng.uniform(3000, 9000)) * 2
        hat = self.noise(rng.uniform(4000, 8000), 11000)
        crash = self.noise(rng.uniform(1500, 4000), 11000) * 2
        on_beat = np.arange(len(strengths)) % n_parts == 0
        weak = on_beat & (np.arange(len(strengths)) // n_parts != 0)
        if meter == 4:
            weak = on_beat & (np.arange(4 * n_parts) // n_parts % 2 == 1)
        elif meter == 6:
            weak = on_beat & (np.arange(6 * n_parts) // n_parts == 3)
        kicks = self.pattern(strengths, rng.uniform(0.6, 1.3))
        kicks[0] |= rng.random() < 0.85
        kicks &= ~weak | (rng.random() < 0.2)
        snares = weak & (rng.random(len(weak)) < 0.9)
        hats = (on_beat | (rng.random() < 0.6)) & (rng.random(len(weak)) < 0.95)
        period = rng.choice([4, 8, 16])  # bars of a section
        for bar, places in enumerate(grid):
            is_fill = bar % period == period - 1 and rng.random() < 0.5
            for k, place in enumerate(places):
                if kicks[k] and rng.random() < 0.95:
                    self.play("drums", kick, place, 10, 0.35 / self.frame)
                if snares[k] or (is_fill and k > len(places) / 2):
                    self.play("drums", snare, place, 10, 0.3 / self.frame)
                if hats[k]:
                    level = 1.0 if on_beat[k] else 0.4
                    self.play("drums", level * hat, place, 10, 0.15 / self.frame)
            if bar % period == 0 and rng.random() < 0.7:
                self.play("drums", crash, places[0], 200, 2.0 / self.frame)

    def harmony(self, n_bars: int) -> np.ndarray:
        """Draw the root of each bar, a step of the scale: a few bars, again and again.

        Parameters
        ----------
        n_bars : int

        Returns
        -------
        ndarray of int, shape (n_bars,)
        """
        self.key = self.rng.integers(12)
        phrase = self.rng.integers(0, 7, self.rng.choice([4, 4, 8]))
        hold = self.rng.choice([1, 1, 2])
        return np.resize(np.repeat(phrase, hold), n_bars)

    def pitch(self, step: int, lowest: int) -> int:
        """MIDI number of a step of the scale, in the octaves from ``lowest`` up."""
        octave, step = divmod(step, 7)
        return lowest + (self.key + SCALE[step]) % 12 + 12 * octave

    def bass(self, grid, strengths, roots):
        """The root on the downbeat; it and its fifth where else the pattern has it."""
        rng = self.rng
        places = self.pattern(strengths, rng.uniform(0.2, 1.5))
        places[0] |= rng.random() < 0.9
        steps = np.where(rng.random(len(places)) < 0.3, 4, 0)
        steps[0] = 0
        slope, decay = rng.uniform(6, 15), rng.uniform(0.6, 3) / self.frame
        self._line("bass", grid, places, roots[:, None] + steps, 28, slope, decay)

    def chords(self, grid, strengths, roots):
        """Triads, held for the bar, repeated in a rhythm, or broken."""
        rng = self.rng
        places = self.pattern(strengths, rng.uniform(0, 1.8))
        places[0] |= rng.random() < 0.9
        slope, decay = rng.uniform(3, 12), rng.uniform(0.6, 6) / self.frame
        order = rng.permutation(len(places)) % 3 * 2
        is_broken = rng.random() < 0.35
        for step in (0, 2, 4):
            which = places & (order == step) if is_broken else places
            steps = np.repeat(roots[:, None] + step, len(places), axis=1)
            self._line("chords", grid, which, steps, 48, slope, decay)

    def melody(self, grid, strengths, roots):
        """Two bars' rhythms, in turns; notes of the chord on strong places."""
        rng = self.rng
        slope, decay = rng.uniform(3, 12), rng.uniform(0.6, 6) / self.frame
        busy = rng.uniform(0.3, 1.8)
        for turn in (0, 1):
            places = self.pattern(strengths, busy)
            steps = rng.integers(-3, 8, (len(grid[turn::2]), len(places)))
            chordal = rng.choice([0, 2, 4, 7], steps.shape)
            steps = np.where(strengths > 0.5, chordal, steps) + roots[turn::2, None]
            self._line("melody", grid[turn::2], places, steps, 60, slope, decay)

    def _line(self, part, grid, places, steps, lowest, slope, decay):
        """Play the places of each bar, each to the next."""
        if not places.any() or len(grid) == 0:
            return
        onsets = grid[:, places].ravel()
        lengths = np.append(np.diff(onsets), 20) * self.rng.uniform(0.4, 1)
        longest = 2 * np.median(np.diff(grid[:, 0])) if len(grid) > 1 else 50
        for onset, length, step in zip(
            onsets, lengths.clip(2, longest), steps[:, places].ravel(), strict=True
        ):
            spectrum = self.tone(self.pitch(step, lowest), slope)
            self.play(part, spectrum, onset, length, decay)
