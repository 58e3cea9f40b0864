"""What solvers share whose networks learn to separate stems."""

from musaic_core.tasks.separation.examples import stems_of, waveforms_of
from musaic_core.tasks.separation.stored import room_for
from musaic_core.tasks.separation.task import POWER, StemSpectrograms
from musaic_core.tasks.separation.waveforms import separate_into


class LearnsStems:
    """Of a solver: it makes sense where there are two stems to learn, or more."""

    answers = "stems"
    requirements = ["pip::torch"]
    test_config = {"steps": 2}

    def misfit(self, task):
        if len(task.labels) < 2:
            return "there are no stems to learn from"


class SeparatesByMasks(LearnsStems):
    """Of a solver: its ``network`` makes masks of the spectrogram of each channel.

    `musaic_core.learned.masks` says what such a network is, and trains it for the
    solver's ``steps``. The task filters stems out of the mixture by its masks, as by
    those of every model.
    """

    describes = True
    axes = (("frequency", "time", "channel"),)

    def fit(self, train, given):
        """Train the network.

        Parameters
        ----------
        train : iterable of Track
            Whose stems it learns from.
        given : Given
            What the task tells it.

        Returns
        -------
        dict of str to ndarray
            The network's state.
        """
        return self.learn(
            stems_of(train, self.task),
            labels=given.labels,
            frequencies=given.frequencies,
            frame=given.frame,
            steps=self.steps,
            minutes=self.minutes,
            seed=given.seed,
            device=given.device,
            checkpoints=given.checkpoints,
        )

    def learn(self, recordings, **options):
        """Train the network, as `musaic_core.learned.masks.fit` does.

        Parameters
        ----------
        recordings : sequence of (str, dict of str to ndarray)
            As `stems_of` gives them.
        **options
            Others that it takes.

        Returns
        -------
        dict of str to ndarray
            Weights, for `musaic_core.learned.masks.describe`.
        """
        from musaic_core.learned import masks

        return masks.fit(self.network, recordings, **options)

    def predict(self, recording, state, given):
        """Separate a recording.

        Parameters
        ----------
        recording : Recording or Track
        state : dict of str to ndarray
            What `fit` gave.
        given : Given
            What the task tells of the recording.

        Returns
        -------
        StemSpectrograms
        """
        from musaic_core.learned import masks

        told = given.V, state, len(given.labels), POWER, given.device
        return StemSpectrograms(masks.describe(self.network, *told))


class SeparatesWaveforms(LearnsStems):
    """Of a solver: its ``network`` makes stems of the waveform of each channel.

    `musaic_core.learned.waveforms` says what such a network is, and trains it for the
    solver's ``steps``. What lies above its rate is filtered by what it found below.
    """

    def fit(self, train, given):
        """Train the network.

        Parameters
        ----------
        train : iterable of Track
            Whose stems it learns from.
        given : Given
            What the task tells it.

        Returns
        -------
        dict of str to ndarray
            The network's state.
        """
        from musaic_core.learned import waveforms

        return waveforms.fit(
            self.network,
            waveforms_of(train, self.task, waveforms.RATE),
            labels=given.labels,
            steps=self.steps,
            minutes=self.minutes,
            seed=given.seed,
            device=given.device,
            checkpoints=given.checkpoints,
        )

    def predict(self, recording, state, given):
        """Separate a recording.

        Parameters
        ----------
        recording : Recording or Track
        state : dict of str to ndarray
            What `fit` gave.
        given : Given
            What the task tells of the recording.

        Returns
        -------
        dict of str to array, shape (channels, samples)
        """
        from musaic_core.learned import waveforms

        y, sr = recording.audio()
        stems = room_for(len(given.labels), y.shape)
        told = state, len(stems), given.device

        def separate(mixture):
            return waveforms.separate(self.network, mixture, *told)

        separate_into(stems, y, sr, waveforms.RATE, separate)
        return dict(zip(given.labels, stems, strict=True))
