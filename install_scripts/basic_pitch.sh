# basic-pitch asks for TensorFlow, which its packaged ONNX weights do not need.
pip install --no-deps basic-pitch && pip install onnxruntime resampy
