/* A factor between two layers, for beta = 1; part of half.h. */

typedef struct {
    const REAL *P, *Q, *Y;
    REAL *B, *work;
    const ptrdiff_t *strides; /* two of each */
    ptrdiff_t K, N;
    REAL rho;
} NAME(middle);

static void NAME(middle_task)(void *context, ptrdiff_t panel, int worker)
{
    const NAME(middle) *m = context;
    const ptrdiff_t K = m->K, n0 = panel * NR, lanes = m->N - n0 < NR ? m->N - n0 : NR;
    const ptrdiff_t *s = m->strides, size = K * NR;
    REAL *p = m->work + worker * 4 * size, *q = p + size, *y = q + size, *b = y + size;
    NAME(gather)(p, m->P + n0 * s[1], s[0], s[1], K, lanes, NR);
    NAME(gather)(q, m->Q + n0 * s[3], s[2], s[3], K, lanes, NR);
    NAME(gather)(y, m->Y + n0 * s[5], s[4], s[5], K, lanes, NR);
    NAME(gather)(b, m->B + n0 * s[7], s[6], s[7], K, lanes, NR);
    for (ptrdiff_t i = 0; i < size; i += VL) {
        vec below = LOAD(y + i), above = LOAD(p + i) * LOAD(b + i) / m->rho + (REAL)1e-35;
        vec pull = LOAD(q + i) / m->rho;
        vec ratio = NAME(at_least)(above / (below + (REAL)1e-35), SMALLEST);
        vec z = NAME(vlog)(ratio) + pull;
        vec silent = below * NAME(vexp)(-pull); /* the limit for above = 0 */
        ivec none = (ivec)(z < -20);
        vec w = above / NAME(omega)(NAME(at_least)(z, -60));
        STORE(b + i, (vec)(((ivec)silent & none) | ((ivec)w & ~none)));
    }
    NAME(scatter)(b, m->B + n0 * s[7], s[6], s[7], K, lanes, NR);
}

/* B (K, N) to where Q - P B / w + rho log(w / Y) = 0; strides are those of P, Q, Y, B */
static int NAME(middle_step)(const void *P, const void *Q, const void *Y, void *B,
                             const ptrdiff_t strides[8], ptrdiff_t K, ptrdiff_t N,
                             double rho)
{
    const int threads = threads_for((double)K * N * 100);
    NAME(middle) m = {.P = P, .Q = Q, .Y = Y, .B = B, .strides = strides, .K = K, .N = N,
                      .rho = (REAL)rho};
    m.work = allocate(threads * 4 * K * NR * sizeof(REAL));
    if (!m.work)
        return -1;
    run_tasks(NAME(middle_task), &m, (N + NR - 1) / NR, threads);
    release(m.work);
    return 0;
}
