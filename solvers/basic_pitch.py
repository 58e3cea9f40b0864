"""Basic Pitch, a small convolutional network."""

import logging
import tempfile

import soundfile

from musaic_core.benchmark.plugins import Solver as BaseSolver
from musaic_core.data.notes import Notes


class Solver(BaseSolver):
    """A convolutional network on a harmonic constant-Q transform, as published.

    It was trained on many instruments and fits nothing here: its weights are those
    of the package, its thresholds the package's defaults. Bittner et al. 2022.
    """

    name = "basic_pitch"
    answers = "notes"
    # the package asks for TensorFlow, which its ONNX weights do not need
    install_cmd = "shell"
    install_script = "basic_pitch.sh"
    requirements = ["pip::basic-pitch", "pip::onnxruntime"]

    def prepare(self):
        logging.disable(logging.WARNING)  # of the runtimes that are not installed
        from basic_pitch import ICASSP_2022_MODEL_PATH
        from basic_pitch.inference import Model, run_inference
        from basic_pitch.note_creation import model_output_to_notes

        logging.disable(logging.NOTSET)
        weights = ICASSP_2022_MODEL_PATH.with_name("nmp.onnx")
        self.model = Model(weights)
        self.infer, self.to_notes = run_inference, model_output_to_notes

    def solve(self, task):
        return task.predict(self.transcribe, n_parameters=16_782)

    def transcribe(self, track):
        y, sr = track.audio()
        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            soundfile.write(file.name, y.T, sr, subtype="FLOAT")
            output = self.infer(file.name, self.model)
        _, events = self.to_notes(output, onset_thresh=0.5, frame_thresh=0.3)
        return Notes.from_rows(
            (start, end, pitch, max(1, round(127 * amplitude)), "estimate")
            for start, end, pitch, amplitude, _ in events
        )
