# musicnn asks for TensorFlow and an old NumPy, which its weights do not need.
pip install --no-deps musicnn
