"""Basic Pitch, a small convolutional network."""

import logging
import tempfile

import numpy as np
import soundfile

from musaic_core.benchmark.solver import Solver as BaseSolver
from musaic_core.data.audio import mixed_down
from musaic_core.data.notes import Notes
from musaic_core.tasks.transcription.decoder import Salience
from musaic_core.tasks.transcription.spectrogram import FRAME


class Solver(BaseSolver):
    """A convolutional network on a harmonic constant-Q transform, as published.

    It fits nothing here: its weights are those of the package (Apache 2.0). The code
    that trains it reads GuitarSet, iKala, MAESTRO, the pitches of MedleyDB and Slakh,
    and holds some recordings of each out: scores on ``guitarset``, ``maestro``,
    ``medleydb_pitch`` and ``slakh`` are to be taken with care. MAPS is not among them.
    Its notes are decoded by the package, with its default thresholds (``decoder=own``),
    or by the task's decoder, which is tuned on the training recordings as for every
    other model (``decoder=task``). Bittner et al. 2022.
    """

    name = "basic_pitch"
    answers = "notes"
    parameters = {"decoder": ["own", "task"]}
    n_parameters = 16_782
    # the package asks for TensorFlow, which its ONNX weights do not need
    install_cmd = "shell"
    install_script = "basic_pitch.sh"
    requirements = ["pip::basic-pitch", "pip::onnxruntime"]

    @property
    def describes(self):
        return self.decoder == "task"

    def prepare(self):
        logging.disable(logging.WARNING)  # of the runtimes that are not installed
        from basic_pitch import ICASSP_2022_MODEL_PATH, note_creation
        from basic_pitch.inference import Model, run_inference

        logging.disable(logging.NOTSET)
        self.model = Model(ICASSP_2022_MODEL_PATH.with_name("nmp.onnx"))
        self.infer, self.package = run_inference, note_creation

    def predict(self, recording, given):
        y, sr = recording.audio()
        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            soundfile.write(file.name, mixed_down(y), sr, subtype="FLOAT")
            output = self.infer(file.name, self.model)
        if self.decoder == "task":
            return self.salience(output, recording.duration)
        _, events = self.package.model_output_to_notes(
            output, onset_thresh=0.5, frame_thresh=0.3
        )
        return Notes.from_rows(
            (start, end, pitch, max(1, round(127 * amplitude)), "estimate")
            for start, end, pitch, amplitude, _ in events
        )

    def salience(self, output, duration):
        """The network's two outputs, (frames, 88), at the task's frames."""
        times = self.package.model_frames_to_time(len(output["note"]))
        at = np.searchsorted(times, np.arange(1 + int(duration / FRAME)) * FRAME)
        at = at.clip(max=len(times) - 1)
        return Salience(output["note"][at].T, output["onset"][at].T)
