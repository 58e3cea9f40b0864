"""How a solver that has learned answers for a recording: in a run, or elsewhere."""

from musaic_core.tasks.given import Given


class AnswersInSteps:
    """Of a solver: what is given of a recording, described of it, and decoded of that.

    Whoever shows how an answer comes about takes the same steps as a run.
    """

    def given_of(self, recording, hints=()):
        """What the model is told of a recording, or, without one, of the task alone.

        Parameters
        ----------
        recording : Recording, Track or None
        hints : sequence of Hint
            What a user has said of it, besides what the task has.

        Returns
        -------
        Given
        """
        supervised = getattr(self, "dictionary", "fixed") != "blind"
        told = self.task, self.given_axes, recording, self.seed, supervised
        given = Given(*told, self.exponent, hints)
        if self.given_axes is not None and recording is not None:
            _ = given.V  # which all models share: off their clocks
        return given

    def describe(self, given):
        """Have the model say what it hears, once it has learned.

        Parameters
        ----------
        given : Given
            All of a recording, or a part of it.

        Returns
        -------
        description : object
            Of the kind that the task decodes; of a model that does not describe, its
            answer.
        model : Model or None
            Its factors, if it has some.
        """
        return self.predict(given.recording, *self._state, given), None

    def decoded(self, decode, description, given):
        """Have the task's decoder make an answer of a description.

        Parameters
        ----------
        decode : callable or None
            What `learn_from` gave.
        description : object
            Of all of the recording.
        given : Given
            With the hints, which some decoders take.

        Returns
        -------
        answer : object
        evidence : object
            What else the decoder has to show, or None.
        """
        if decode is None:
            return description, None
        told = (given.hints,) if self.task.decodes_hints else ()
        return decode(description, given.recording, *told)
