"""Steering: a recording in, parts of it that a user turns up and down.

What a user turns are the stems of the recording, as a model knows them, and what is
heard is the sum of the parts, each times its gain. A model without components, such as
a network, separates the stems, and they are its parts.

A model with components answers by these: the recording's spectrum is multiplied with

    reconstruct(gains) / reconstruct(),

where each component has the gain of its stem. As `reconstruct` is linear in the gains,
one part a stem is all that has to be computed: the recording's spectrum times
``reconstruct(1 for the stem's own, 0 else) / reconstruct()``. Whatever the gains are,
the sum of the parts times their gains is the answer, and with gains of 1 it is the
recording.
"""

from musaic_core.tasks.separation.task import POWER, Separation

DOZEN = 12


class Steering(Separation):
    """The recordings to steer, and the stems that models know them by.

    Parameters
    ----------
    train : iterable of Track
        What models and decoders may learn from.
    test : iterable of Track or Recording
        What is steered.
    stems : list of str
        Names of the stems that are turned up and down.
    phase : {"mixture", "misi"}
        Of the parts, see `synthesize`.
    isolated : iterable of Track
        Where there is nothing else to learn from, sounds that were heard alone, by the
        stems that they are of: single notes, by their pitches.
    **options
        As `Separation` takes them.
    """

    learns_as = Separation

    def __init__(
        self, train, test, stems, phase="mixture", isolated=(), **options
    ) -> None:
        super().__init__(train, test, stems, phase, **options)
        self.isolated = list(isolated)

    @property
    def recordings(self):
        """All the tracks that may be learned from."""
        return self.train or self.isolated

    def misfit(self, solver):
        if hasattr(solver, "fit") and self.isolated:
            return (
                "it learns from recordings of stems, and here are single notes; "
                "sampled[knobs=instruments] and mini ask for what it can learn"
            )
        return super().misfit(solver)

    def entries_of_each(self, most):
        """No more in all than those of a dozen stems: pitches are many."""
        return max(1, min(most, DOZEN * most // len(self.labels)))

    def describe(self, model, given):
        """Reconstruct each stem's part, so that masks are as the module says.

        Separation's masks are ratios of one power of the magnitudes for all models.
        Knobs are linear in the model's own V.
        """
        description = super().describe(model, given)
        # to that power, these are what was reconstructed
        for magnitudes in description.magnitudes:
            magnitudes[:, :] = magnitudes[:, :] ** (given.exponent / POWER)
        return description
