# nn_fac pins a TensorLy that is too old for this project; it runs with a newer one.
pip install --no-deps nn_fac
