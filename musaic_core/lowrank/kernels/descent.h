/* Coordinate descent; part of half.h. */

typedef struct {
    const REAL *gram, *product;
    ptrdiff_t pk, pn, bk, bn, K, N;
    REAL *B, *work;
    int sweeps;
} NAME(descent);

static void NAME(descend_task)(void *context, ptrdiff_t panel, int worker)
{
    const NAME(descent) *d = context;
    const ptrdiff_t K = d->K, n0 = panel * NR, lanes = d->N - n0 < NR ? d->N - n0 : NR;
    REAL *b = d->work + worker * 2 * K * NR, *target = b + K * NR;
    NAME(gather)(b, d->B + n0 * d->bn, d->bk, d->bn, K, lanes, NR);
    NAME(gather)(target, d->product + n0 * d->pn, d->pk, d->pn, K, lanes, NR);
    for (int sweep = 0; sweep < d->sweeps; sweep++)
        for (ptrdiff_t k = 0; k < K; k++) {
            const REAL *g = d->gram + k * K;
            vec s[4][2] = {{{0}}};
            ptrdiff_t l = 0;
            if (!(g[k] > 0))
                continue;
            for (; l + 4 <= K; l += 4)
                for (int u = 0; u < 4; u++)
                    for (int j = 0; j < 2; j++)
                        s[u][j] += g[l + u] * LOAD(b + (l + u) * NR + j * VL);
            for (; l < K; l++)
                for (int j = 0; j < 2; j++)
                    s[0][j] += g[l] * LOAD(b + l * NR + j * VL);
            for (int j = 0; j < 2; j++) {
                vec slope = LOAD(target + k * NR + j * VL) -
                            ((s[0][j] + s[1][j]) + (s[2][j] + s[3][j]));
                REAL *row = b + k * NR + j * VL;
                STORE(row, NAME(at_least)(LOAD(row) + slope / g[k], 0));
            }
        }
    NAME(scatter)(b, d->B + n0 * d->bn, d->bk, d->bn, K, lanes, NR);
}

/* Sweeps over the rows of B (K, N) for 1/2 tr(B' gram B) - tr(B' product). */
static int NAME(descend)(const REAL *gram, const REAL *product, ptrdiff_t pk,
                         ptrdiff_t pn, REAL *B, ptrdiff_t bk, ptrdiff_t bn, ptrdiff_t K,
                         ptrdiff_t N, int sweeps)
{
    const int threads = threads_for((double)K * K * N * sweeps);
    NAME(descent) d = {.gram = gram, .product = product, .pk = pk, .pn = pn, .bk = bk,
                       .bn = bn, .K = K, .N = N, .B = B, .sweeps = sweeps};
    d.work = allocate(threads * 2 * K * NR * sizeof(REAL));
    if (!d.work)
        return -1;
    run_tasks(NAME(descend_task), &d, (N + NR - 1) / NR, threads);
    release(d.work);
    return 0;
}
