/* Many small products; part of half.h. */

typedef struct {
    const REAL *A, *X;
    REAL *out, *work, *shared; /* A packed once, where it is one for all */
    ptrdiff_t M, N, K, ab, am, ak, xb, xm, xn, ob, ok, on;
    ptrdiff_t packed_size, sums_size, work_size;
} NAME(batch);

static void NAME(product_task)(void *context, ptrdiff_t index, int worker)
{
    const NAME(batch) *p = context;
    REAL *packed = p->work + worker * p->work_size, *z = packed + p->packed_size;
    REAL *s = z + 2 * MB * NR, *sums[2] = {s, s + p->sums_size};
    NAME(held) a = {.A = p->A + index * p->ab, .am = p->am, .ak = p->ak, .M = p->M,
                    .K = p->K, .packed = packed};
    HALF h = {.M = p->M, .N = p->N, .K = p->K, .X = p->X + index * p->xb, .xm = p->xm,
              .xn = p->xn, .packed = p->shared ? p->shared : packed,
              .positive = p->out + index * p->ob,
              .pk = p->ok, .pn = p->on, .kind = EUCLIDEAN, .task = CROSS};
    for (ptrdiff_t block = 0; !p->shared && block * MR < p->M; block++)
        NAME(pack_task)(&a, block, worker);
    for (ptrdiff_t n0 = 0; n0 < p->N; n0 += NR) {
        const ptrdiff_t lanes = p->N - n0 < NR ? p->N - n0 : NR;
        NAME(panel)(&h, n0, lanes, 0, p->M, NULL, z, sums);
        NAME(finish)(&h, n0, lanes, NULL, sums);
    }
}

/* out[i] = A[i]' X[i], a matrix a task; sizes are their number, M, N and K, strides
 * those of A, X and out */
static int NAME(products)(const void *A, const void *X, void *out,
                          const ptrdiff_t sizes[4], const ptrdiff_t strides[9])
{
    const ptrdiff_t count = sizes[0];
    NAME(batch) p = {.A = A, .X = X, .out = out, .M = sizes[1], .N = sizes[2],
                     .K = sizes[3], .ab = strides[0], .am = strides[1], .ak = strides[2],
                     .xb = strides[3], .xm = strides[4], .xn = strides[5],
                     .ob = strides[6], .ok = strides[7], .on = strides[8]};
    const int threads = threads_for((double)count * p.M * p.N * p.K);
    p.packed_size = (p.M + MR - 1) / MR * MR * p.K;
    p.sums_size = (p.K + MR - 1) / MR * MR * NR;
    p.work_size = (p.packed_size + 2 * MB * NR + 2 * p.sums_size + 15) / 16 * 16;
    p.work = allocate(threads * p.work_size * sizeof(REAL));
    if (p.work && !p.ab) {
        p.shared = allocate(p.packed_size * sizeof(REAL));
        NAME(held) a = {.A = p.A, .am = p.am, .ak = p.ak, .M = p.M, .K = p.K,
                        .packed = p.shared};
        for (ptrdiff_t block = 0; p.shared && block * MR < p.M; block++)
            NAME(pack_task)(&a, block, 0);
    }
    const int failed = !p.work || (!p.ab && !p.shared);
    if (!failed)
        run_tasks(NAME(product_task), &p, count, threads);
    release(p.work);
    release(p.shared);
    return failed ? -1 : 0;
}
