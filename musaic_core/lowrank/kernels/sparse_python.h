/* The kernels of sparse.h as a function of Python; part of native.c. */

PyDoc_STRVAR(sparse_doc,
"sparse(task, first, row, values, A, B, out, floor)\n--\n\n"
"Half problem of a sparse X (M, N) whose three arrays are those of a csc_array; A is\n"
"(M, K), B is (K, N). Task 0 writes A B + floor at X's entries to out (1, entries), 1\n"
"writes AᵀX to it (K, N), X's entries divided by those, and 2 as they are: B may then\n"
"be None.");

static PyObject *sparse(PyObject *Py_UNUSED(self), PyObject *args)
{
    PyObject *arrays[3];
    Py_buffer first, row, values, A = {0}, B = {0}, out = {0};
    int task, failed = 1;
    double floor;
    if (!PyArg_ParseTuple(args, "iy*y*y*OOOd", &task, &first, &row, &values, arrays,
                          arrays + 1, arrays + 2, &floor))
        return NULL;
    if (take(arrays[0], &A, 0, -1, -1, 0, "A"))
        goto done;
    const Py_ssize_t entries = values.len / A.itemsize, K = A.shape[1];
    if (arrays[1] != Py_None && take(arrays[1], &B, A.format[0], K, -1, 0, "B"))
        goto done;
    if (take(arrays[2], &out, A.format[0], task ? K : 1, task ? -1 : entries, 1, "out"))
        goto done;
    const Py_ssize_t N = B.obj ? B.shape[1] : out.shape[1];
    const int wide = first.len == 8 * (N + 1);
    if ((!B.obj && task != VALUES) || (task && out.shape[1] != N) ||
        first.len != (wide ? 8 : 4) * (N + 1) || row.len != (wide ? 8 : 4) * entries) {
        PyErr_SetString(PyExc_ValueError, "X, A, B and out do not fit");
        goto done;
    }
    const sparse_matrix x = {.first = first.buf, .row = row.buf, .values = values.buf,
                             .rows = A.shape[0], .columns = N, .entries = entries,
                             .wide = wide, .task = task};
    const ptrdiff_t strides[] = {STRIDE(A, 0), STRIDE(A, 1), B.obj ? STRIDE(B, 0) : 0,
                                 B.obj ? STRIDE(B, 1) : 0, STRIDE(out, 0),
                                 STRIDE(out, 1)};
    sparse_any *run = A.format[0] == 'f' ? kernels->sparse32 : kernels->sparse64;
    Py_BEGIN_ALLOW_THREADS
    failed = run(&x, A.buf, B.buf, out.buf, strides, K, floor);
    Py_END_ALLOW_THREADS
    if (failed)
        PyErr_NoMemory();
done:;
    Py_buffer *all[] = {&first, &row, &values, &A, &B, &out};
    for (int i = 0; i < 6; i++)
        if (all[i]->obj)
            PyBuffer_Release(all[i]);
    if (failed)
        return NULL;
    Py_RETURN_NONE;
}
