/* Least squares by their normal equations: coordinate descent, and the multiplicative
 * step; part of half.h. */

typedef struct {
    const REAL *gram, *product;
    ptrdiff_t pk, pn, bk, bn, K, N;
    REAL *B, *work;
    int sweeps;
} NAME(descent);

/* a row of gram times b, a panel */
INLINE void NAME(gram_row)(const REAL *g, const REAL *b, ptrdiff_t K, vec sum[2])
{
    vec s[4][2] = {{{0}}};
    ptrdiff_t l = 0;
    for (; l + 4 <= K; l += 4)
        for (int u = 0; u < 4; u++)
            for (int j = 0; j < 2; j++)
                s[u][j] += g[l + u] * LOAD(b + (l + u) * NR + j * VL);
    for (; l < K; l++)
        for (int j = 0; j < 2; j++)
            s[0][j] += g[l] * LOAD(b + l * NR + j * VL);
    for (int j = 0; j < 2; j++)
        sum[j] = (s[0][j] + s[1][j]) + (s[2][j] + s[3][j]);
}

static void NAME(descend_task)(void *context, ptrdiff_t panel, int worker)
{
    const NAME(descent) *d = context;
    const ptrdiff_t K = d->K, n0 = panel * NR, lanes = d->N - n0 < NR ? d->N - n0 : NR;
    REAL *b = d->work + worker * 2 * K * NR, *target = b + K * NR;
    vec sum[2];
    NAME(gather)(b, d->B + n0 * d->bn, d->bk, d->bn, K, lanes, NR);
    NAME(gather)(target, d->product + n0 * d->pn, d->pk, d->pn, K, lanes, NR);
    for (int sweep = 0; sweep < d->sweeps; sweep++)
        for (ptrdiff_t k = 0; k < K; k++) {
            const REAL *g = d->gram + k * K;
            if (!(g[k] > 0))
                continue;
            NAME(gram_row)(g, b, K, sum);
            for (int j = 0; j < 2; j++) {
                REAL *row = b + k * NR + j * VL;
                vec slope = LOAD(target + k * NR + j * VL) - sum[j];
                STORE(row, NAME(at_least)(LOAD(row) + slope / g[k], 0));
            }
        }
    if (!d->sweeps) {
        for (ptrdiff_t k = 0; k < K; k++) {
            NAME(gram_row)(d->gram + k * K, b, K, sum);
            for (int j = 0; j < 2; j++) {
                REAL *row = target + k * NR + j * VL;
                STORE(row, NAME(at_most)(LOAD(row) / (sum[j] + SMALLEST), LARGEST_RATIO));
            }
        }
        for (ptrdiff_t i = 0; i < K * NR; i += VL)
            STORE(b + i, LOAD(b + i) * LOAD(target + i));
    }
    NAME(scatter)(b, d->B + n0 * d->bn, d->bk, d->bn, K, lanes, NR);
}

/* Sweeps over the rows of B (K, N) for 1/2 tr(B' gram B) - tr(B' product), or, if there
 * are to be none, its multiplicative step. */
static int NAME(descend)(const REAL *gram, const REAL *product, ptrdiff_t pk,
                         ptrdiff_t pn, REAL *B, ptrdiff_t bk, ptrdiff_t bn, ptrdiff_t K,
                         ptrdiff_t N, int sweeps)
{
    const int threads = threads_for((double)K * K * N * (sweeps + !sweeps));
    NAME(descent) d = {.gram = gram, .product = product, .pk = pk, .pn = pn, .bk = bk,
                       .bn = bn, .K = K, .N = N, .B = B, .sweeps = sweeps};
    d.work = allocate(threads * 2 * K * NR * sizeof(REAL));
    if (!d.work)
        return -1;
    run_tasks(NAME(descend_task), &d, (N + NR - 1) / NR, threads);
    release(d.work);
    return 0;
}
