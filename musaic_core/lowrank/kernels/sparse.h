/* A B at the entries of a sparse X, and AᵀX of what is made of them; part of half.h.
 *
 * X is there by columns: those of column n are at first[n] to first[n + 1], in the rows
 * row[i]. A row of A and a column of B are padded with zeros to whole vectors. A task is
 * some neighbouring columns, whose parts of B lie side by side. */

#define COLUMNS 8
#define AHEAD 8

typedef struct {
    const sparse_matrix *x;
    ptrdiff_t am, ak, bk, bn, ok, on, K, padded;
    const REAL *A, *B;
    REAL *packed, *work, *out, floor;
} NAME(sparse);

static void NAME(sparse_pack_task)(void *context, ptrdiff_t block, int worker)
{
    const NAME(sparse) *s = context;
    const ptrdiff_t end = (block + 1) * MB < s->x->rows ? (block + 1) * MB : s->x->rows;
    for (ptrdiff_t m = block * MB; m < end; m++)
        for (ptrdiff_t k = 0; k < s->padded; k++)
            s->packed[m * s->padded + k] = k < s->K ? s->A[m * s->am + k * s->ak] : 0;
    (void)worker;
}

INLINE REAL NAME(dot)(const REAL *a, const REAL *b, ptrdiff_t size)
{
    vec sum[4] = {{0}};
    ptrdiff_t k = 0;
    for (; k + 4 * VL <= size; k += 4 * VL)
        for (int u = 0; u < 4; u++)
            sum[u] += LOAD(a + k + u * VL) * LOAD(b + k + u * VL);
    for (; k < size; k += VL)
        sum[0] += LOAD(a + k) * LOAD(b + k);
    sum[0] = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    for (int step = 1; step < VL; step *= 2) /* both halves, until all lanes are the sum */
        sum[0] = ZIP_LOW(sum[0], sum[0]) + ZIP_HIGH(sum[0], sum[0]);
    return sum[0][0];
}

static void NAME(sparse_task)(void *context, ptrdiff_t task, int worker)
{
    const NAME(sparse) *s = context;
    const sparse_matrix *x = s->x;
    const REAL *values = x->values;
    REAL *b = s->work + worker * 2 * s->padded, *sums = b + s->padded;
    const ptrdiff_t n0 = task * COLUMNS;
    for (ptrdiff_t n = n0; n < x->columns && n < n0 + COLUMNS; n++) {
        for (ptrdiff_t k = 0; k < s->padded; k++) {
            b[k] = s->B && k < s->K ? s->B[k * s->bk + n * s->bn] : 0;
            sums[k] = 0;
        }
        for (ptrdiff_t i = index_of(x, x->first, n); i < index_of(x, x->first, n + 1); i++) {
            const REAL *a = s->packed + index_of(x, x->row, i) * s->padded;
            REAL weight = values[i];
            if (i + AHEAD < x->entries) { /* rows lie wherever they lie: ask for them */
                const REAL *soon = s->packed + index_of(x, x->row, i + AHEAD) * s->padded;
                for (ptrdiff_t k = 0; k < s->padded; k += 64 / (ptrdiff_t)sizeof(REAL))
                    __builtin_prefetch(soon + k);
            }
            if (x->task == SAMPLES) {
                s->out[i] = NAME(dot)(a, b, s->padded) + s->floor;
                continue;
            }
            if (x->task == RATIOS)
                weight /= NAME(dot)(a, b, s->padded) + s->floor;
            for (ptrdiff_t k = 0; k < s->padded; k += VL)
                STORE(sums + k, LOAD(sums + k) + weight * LOAD(a + k));
        }
        for (ptrdiff_t k = 0; x->task != SAMPLES && k < s->K; k++)
            s->out[k * s->ok + n * s->on] = sums[k];
    }
}

/* strides are those of A, B and out */
static int NAME(sparse_half)(const sparse_matrix *x, const void *A, const void *B,
                             void *out, const ptrdiff_t strides[6], ptrdiff_t K,
                             double floor)
{
    const int threads = threads_for(2.0 * x->entries * K);
    NAME(sparse) s = {.x = x, .am = strides[0], .ak = strides[1], .bk = strides[2],
                      .bn = strides[3], .ok = strides[4], .on = strides[5], .K = K,
                      .padded = (K + VL - 1) / VL * VL, .A = A, .B = B, .out = out,
                      .floor = (REAL)floor};
    s.packed = allocate(x->rows * s.padded * sizeof(REAL));
    s.work = allocate(threads * 2 * s.padded * sizeof(REAL));
    const int failed = !s.packed || !s.work;
    if (!failed) {
        run_tasks(NAME(sparse_pack_task), &s, (x->rows + MB - 1) / MB, threads);
        run_tasks(NAME(sparse_task), &s, (x->columns + COLUMNS - 1) / COLUMNS, threads);
    }
    release(s.packed);
    release(s.work);
    return failed ? -1 : 0;
}

#undef COLUMNS
#undef AHEAD
