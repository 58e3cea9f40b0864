/* musaic_core.lowrank.kernels._native: the half problem X ≈ A B, fused and in cache.
 *
 * half.h holds the algorithm, sets.h makes it for each instruction set and real type;
 * this file takes arrays by the buffer protocol. */

#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030b0000
#include <Python.h>

#include "sets.h"

/* A matrix as the kernels take it; the shape's negative entries are free. */
static int take(PyObject *array, Py_buffer *view, char format, Py_ssize_t rows,
                Py_ssize_t columns, int writable, const char *name)
{
    if (PyObject_GetBuffer(array, view,
                           PyBUF_STRIDES | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0)))
        return -1;
    if (view->ndim == 2 && view->format && view->format[0] && !view->format[1] &&
        (format ? view->format[0] == format
                : view->format[0] == 'f' || view->format[0] == 'd') &&
        (rows < 0 || view->shape[0] == rows) &&
        (columns < 0 || view->shape[1] == columns) &&
        view->strides[0] % view->itemsize == 0 && view->strides[1] % view->itemsize == 0)
        return 0;
    PyErr_Format(PyExc_ValueError,
                 "%s does not fit: a float32 or float64 matrix of the others' dtype and "
                 "sizes is needed",
                 name);
    PyBuffer_Release(view);
    return -1;
}

#define STRIDE(view, axis) ((view).strides[axis] / (view).itemsize)

PyDoc_STRVAR(half_doc,
"half(task, X, A, B, positive, negative, beta, floor, exponent, weights=None)\n--\n\n"
"One pass over X (M, N) for the model A B + floor; A is (M, K), B is (K, N), and the\n"
"weights say how often each entry of X counts.\n\n"
"task \"step\" moves B by its multiplicative update, \"terms\" writes both parts of\n"
"the gradient to contiguous arrays (K, N), \"cross\" writes AᵀX to the first, which may\n"
"have any strides, \"loss\" returns the divergence.");

static PyObject *half(PyObject *Py_UNUSED(self), PyObject *args)
{
    static const char *const tasks[] = {"step", "terms", "loss", "cross"};
    PyObject *arrays[6] = {[5] = Py_None};
    Py_buffer view[6];
    const char *task_name;
    double beta, floor, exponent, loss = 0;
    int task = 0, taken = 0, failed = 1;
    if (!PyArg_ParseTuple(args, "sOOOOOddd|O", &task_name, arrays, arrays + 1,
                          arrays + 2, arrays + 3, arrays + 4, &beta, &floor, &exponent,
                          arrays + 5))
        return NULL;
    while (task < 4 && strcmp(task_name, tasks[task]))
        task++;
    if (task == 4) {
        PyErr_Format(PyExc_ValueError, "no task %s", task_name);
        return NULL;
    }
    static const char *const names[] = {"X", "A", "B", "positive", "negative",
                                        "weights"};
    const int weighted = arrays[5] != Py_None && task != CROSS;
    const int present[] = {1, 1, task != CROSS, task == TERMS || task == CROSS,
                           task == TERMS && (beta != 1 || weighted), weighted};
    for (; taken < 6; taken++) {
        memset(view + taken, 0, sizeof *view);
        if (!present[taken])
            continue;
        char format = taken ? view[0].format[0] : 0;
        Py_ssize_t rows = taken == 0                 ? -1
                          : taken == 1 || taken == 5 ? view[0].shape[0]
                                                     : view[1].shape[1];
        Py_ssize_t columns = taken < 2 ? -1 : view[0].shape[1];
        int output = taken == 3 || taken == 4;
        int writable = output || (taken == 2 && task == STEP);
        if (take(arrays[taken], view + taken, format, rows, columns, writable,
                 names[taken]))
            goto done;
        if (output && task != CROSS && !PyBuffer_IsContiguous(view + taken, 'C')) {
            taken++;
            PyErr_SetString(PyExc_ValueError, "the terms' arrays must be contiguous");
            goto done;
        }
    }
#define SOLVE(real, bits)                                                              \
    {                                                                                  \
        half_f##bits h = {.M = view[0].shape[0], .N = view[0].shape[1],                \
                          .K = view[1].shape[1], .xm = STRIDE(view[0], 0),             \
                          .xn = STRIDE(view[0], 1), .X = view[0].buf,                  \
                          .weights = view[5].buf,                                      \
                          .B = view[2].buf, .positive = view[3].buf,                   \
                          .negative = view[4].buf, .beta = (real)beta,                 \
                          .floor = (real)floor, .lowest = beta <= 0 ? (real)floor : 0, \
                          .exponent = (real)exponent, .task = task};                   \
        h.kind = beta == 2 || task == CROSS ? EUCLIDEAN                                \
                 : beta == 1                ? KULLBACK_LEIBLER                         \
                 : beta == 0                ? ITAKURA_SAITO                            \
                                            : GENERAL;                                 \
        if (h.B)                                                                       \
            h.bk = STRIDE(view[2], 0), h.bn = STRIDE(view[2], 1);                      \
        if (h.weights)                                                                 \
            h.wm = STRIDE(view[5], 0), h.wn = STRIDE(view[5], 1);                      \
        if (h.positive)                                                                \
            h.pk = STRIDE(view[3], 0), h.pn = STRIDE(view[3], 1);                      \
        Py_BEGIN_ALLOW_THREADS failed = kernels->solve##bits(                          \
            &h, view[1].buf, STRIDE(view[1], 0), STRIDE(view[1], 1), &loss);           \
        Py_END_ALLOW_THREADS                                                           \
    }
    if (view[0].format[0] == 'f')
        SOLVE(float, 32)
    else
        SOLVE(double, 64)
    if (failed)
        PyErr_NoMemory();
done:
    for (int i = 0; i < taken; i++)
        if (view[i].obj)
            PyBuffer_Release(view + i);
    return failed ? NULL : PyFloat_FromDouble(loss);
}

PyDoc_STRVAR(descend_doc,
"descend(gram, product, B, sweeps)\n--\n\n"
"Coordinate descent on 1/2 tr(Bᵀ gram B) - tr(Bᵀ product) over B >= 0, in place.\n\n"
"With 0 sweeps it is one multiplicative step instead.");

static PyObject *descend(PyObject *Py_UNUSED(self), PyObject *args)
{
    PyObject *arrays[3];
    Py_buffer gram = {0}, product = {0}, B = {0};
    int sweeps, failed = 1;
    if (!PyArg_ParseTuple(args, "OOOi", arrays, arrays + 1, arrays + 2, &sweeps))
        return NULL;
    if (take(arrays[2], &B, 0, -1, -1, 1, "B"))
        return NULL;
    char format = B.format[0];
    if (!take(arrays[0], &gram, format, B.shape[0], B.shape[0], 0, "gram")) {
        if (!PyBuffer_IsContiguous(&gram, 'C'))
            PyErr_SetString(PyExc_ValueError, "gram must be contiguous");
        else if (!take(arrays[1], &product, format, B.shape[0], B.shape[1], 0,
                       "product")) {
#define DESCEND(bits)                                                             \
    kernels->descend##bits(gram.buf, product.buf, STRIDE(product, 0),             \
                           STRIDE(product, 1), B.buf, STRIDE(B, 0), STRIDE(B, 1), \
                           B.shape[0], B.shape[1], sweeps)
            Py_BEGIN_ALLOW_THREADS
            failed = format == 'f' ? DESCEND(32) : DESCEND(64);
            Py_END_ALLOW_THREADS
            if (failed)
                PyErr_NoMemory();
            PyBuffer_Release(&product);
        }
        PyBuffer_Release(&gram);
    }
    PyBuffer_Release(&B);
    if (failed)
        return NULL;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(middle_doc,
"middle(P, Q, Y, B, rho)\n--\n\n"
"Move B to where Q - P B / w + rho log(w / Y) = 0; all are (K, N), rho is above 0.");

static PyObject *middle(PyObject *Py_UNUSED(self), PyObject *args)
{
    static const char *const names[] = {"P", "Q", "Y", "B"};
    PyObject *arrays[4];
    Py_buffer view[4];
    double rho;
    int taken = 4, failed = 1;
    if (!PyArg_ParseTuple(args, "OOOOd", arrays, arrays + 1, arrays + 2, arrays + 3, &rho))
        return NULL;
    while (taken > 0) { /* B first, which the others are to fit */
        const int i = taken - 1, first = i == 3;
        if (take(arrays[i], view + i, first ? 0 : view[3].format[0],
                 first ? -1 : view[3].shape[0], first ? -1 : view[3].shape[1], first,
                 names[i]))
            goto done;
        taken--;
    }
    ptrdiff_t strides[8];
    for (int i = 0; i < 4; i++)
        strides[2 * i] = STRIDE(view[i], 0), strides[2 * i + 1] = STRIDE(view[i], 1);
    middle_any *run = view[3].format[0] == 'f' ? kernels->middle32 : kernels->middle64;
    Py_BEGIN_ALLOW_THREADS
    failed = run(view[0].buf, view[1].buf, view[2].buf, view[3].buf, strides,
                 view[3].shape[0], view[3].shape[1], rho);
    Py_END_ALLOW_THREADS
    if (failed)
        PyErr_NoMemory();
done:
    for (int i = taken; i < 4; i++)
        PyBuffer_Release(view + i);
    if (failed)
        return NULL;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(products_doc,
"products(A, X, out)\n--\n\n"
"Write AᵀX for each of a batch of A (I, M, K) and X (I, M, N) to out (I, K, N).\n\n"
"A or X may be one matrix for all of the batch.");

static PyObject *products(PyObject *Py_UNUSED(self), PyObject *args)
{
    PyObject *arrays[3];
    Py_buffer view[3];
    int taken = 0, failed = 1;
    if (!PyArg_ParseTuple(args, "OOO", arrays, arrays + 1, arrays + 2))
        return NULL;
    for (; taken < 3; taken++)
        if (PyObject_GetBuffer(arrays[taken], view + taken,
                               PyBUF_STRIDES | PyBUF_FORMAT |
                                   (taken == 2 ? PyBUF_WRITABLE : 0)))
            goto done;
    const Py_buffer *A = view, *X = view + 1, *out = view + 2;
    const int a = A->ndim - 2, x = X->ndim - 2; /* the axis of the rows: 0 or 1 */
    int fits = (a == 0 || a == 1) && (x == 0 || x == 1) && out->ndim == 3 &&
               (!strcmp(A->format, "f") || !strcmp(A->format, "d")) &&
               !strcmp(A->format, X->format) && !strcmp(A->format, out->format) &&
               (a == 0 || A->shape[0] == out->shape[0]) &&
               (x == 0 || X->shape[0] == out->shape[0]) &&
               A->shape[a] == X->shape[x] && A->shape[a + 1] == out->shape[1] &&
               X->shape[x + 1] == out->shape[2];
    if (!fits) {
        PyErr_SetString(PyExc_ValueError,
                        "A, X and out do not fit: float32 or float64, of one dtype, "
                        "(I, M, K) or (M, K), (I, M, N) or (M, N), and (I, K, N)");
        goto done;
    }
    const ptrdiff_t sizes[] = {out->shape[0], A->shape[a], X->shape[x + 1],
                               A->shape[a + 1]};
    const ptrdiff_t strides[] = {a ? STRIDE(*A, 0) : 0,  STRIDE(*A, a),
                                 STRIDE(*A, a + 1),      x ? STRIDE(*X, 0) : 0,
                                 STRIDE(*X, x),          STRIDE(*X, x + 1),
                                 STRIDE(*out, 0),        STRIDE(*out, 1),
                                 STRIDE(*out, 2)};
    products_any *run = A->format[0] == 'f' ? kernels->products32 : kernels->products64;
    Py_BEGIN_ALLOW_THREADS
    failed = run(A->buf, X->buf, out->buf, sizes, strides);
    Py_END_ALLOW_THREADS
    if (failed)
        PyErr_NoMemory();
done:
    while (taken > 0)
        PyBuffer_Release(view + --taken);
    if (failed)
        return NULL;
    Py_RETURN_NONE;
}

#include "sparse_python.h"

PyDoc_STRVAR(instruction_sets_doc,
"instruction_sets()\n--\n\nNames of the kernels that this machine can run, best last.");

static PyObject *instruction_sets(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(unused))
{
    PyObject *names = PyList_New(0);
    for (size_t i = 0; names && i < sizeof sets / sizeof *sets; i++)
        if (supported(i)) {
            PyObject *name = PyUnicode_FromString(sets[i].name);
            if (!name || PyList_Append(names, name))
                Py_CLEAR(names);
            Py_XDECREF(name);
        }
    return names;
}

PyDoc_STRVAR(use_doc, "use(name)\n--\n\nRun the kernels of that instruction set.");

static PyObject *use(PyObject *Py_UNUSED(self), PyObject *args)
{
    const char *name;
    if (!PyArg_ParseTuple(args, "s", &name))
        return NULL;
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        if (!strcmp(sets[i].name, name) && supported(i)) {
            kernels = sets + i;
            Py_RETURN_NONE;
        }
    return PyErr_Format(PyExc_ValueError, "no kernels %s on this machine", name);
}

PyDoc_STRVAR(num_threads_doc,
"num_threads()\n--\n\nThreads that the kernels use at most.");

static PyObject *num_threads(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(unused))
{
    return PyLong_FromLong(musaic_core_get_num_threads());
}

PyDoc_STRVAR(scratch_doc,
"scratch()\n--\n\nMost bytes of scratch memory held at once since the last call.");

static PyObject *scratch(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(unused))
{
    return PyLong_FromSize_t(atomic_exchange(&most_bytes, atomic_load(&held_bytes)));
}

static PyMethodDef methods[] = {
    {"half", half, METH_VARARGS, half_doc},
    {"descend", descend, METH_VARARGS, descend_doc},
    {"middle", middle, METH_VARARGS, middle_doc},
    {"sparse", sparse, METH_VARARGS, sparse_doc},
    {"products", products, METH_VARARGS, products_doc},
    {"instruction_sets", instruction_sets, METH_NOARGS, instruction_sets_doc},
    {"num_threads", num_threads, METH_NOARGS, num_threads_doc},
    {"scratch", scratch, METH_NOARGS, scratch_doc},
    {"use", use, METH_VARARGS, use_doc},
    {0}};

static struct PyModuleDef module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_native",
    .m_doc = "Fused kernels of the half problem X ≈ A B.",
    .m_size = -1,
    .m_methods = methods};

PyMODINIT_FUNC PyInit__native(void)
{
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        if (supported(i))
            kernels = sets + i;
    start_pool();
    return PyModule_Create(&module);
}
