/* One panel: the two products, what the divergence makes of them, the step; part of
 * half.h. */

/* ---- the two products -------------------------------------------------------- */

/* One block's MR x (nv VL) tile of A B, and what the divergence makes of it.
 * x points to the tile of X, whose rows are `row` apart; z and p receive the weights.
 * With `weighted`, an entry's part of both, and of the distance, counts as much as w
 * says, whose rows are `w_row` apart; then p is what w is for Kullback-Leibler too.
 * Returns the tile's distance where kind asks for the loss. */
INLINE void NAME(tile)(const REAL *a, const REAL *b, const REAL *x, ptrdiff_t row,
                       const REAL *w, ptrdiff_t w_row, REAL *z, REAL *p, int kind,
                       int nv, int weighted, const HALF *h, int want_loss, vec *loss)
{
    vec y[MR][2];
#pragma GCC unroll 16
    for (int i = 0; i < MR; i++)
        for (int j = 0; j < nv; j++)
            y[i][j] = (vec){0} + h->floor;
#pragma GCC unroll 1
    for (ptrdiff_t k = 0; k < h->K; k++, a += MR, b += nv * VL) {
        vec b0 = LOAD(b), b1 = nv > 1 ? LOAD(b + VL) : b0;
#pragma GCC unroll 16
        for (int i = 0; i < MR; i++) {
            y[i][0] += a[i] * b0;
            if (nv > 1)
                y[i][1] += a[i] * b1;
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < MR; i++)
#pragma GCC unroll 2
        for (int j = 0; j < nv; j++) {
            vec Y = y[i][j];
            REAL *zi = z + (i * nv + j) * VL, *pi = p + (i * nv + j) * VL;
            if (kind == PRODUCT) {
                STORE(zi, Y);
                continue;
            }
            vec X = LOAD(x + i * row + j * VL);
            if (kind == ITAKURA_SAITO || kind == GENERAL)
                X = NAME(at_least)(X, h->lowest);
            vec W = ONE;
            if (weighted)
                W = LOAD(w + i * w_row + j * VL);
            if (want_loss) {
                vec d = NAME(distance)(X, Y, kind, h);
                if (weighted) /* what does not count may be at any distance */
                    d = (vec)((ivec)(W * d) & (ivec)(W > 0));
                *loss += d;
                continue;
            }
            if (weighted)
                X *= W;
            if (kind == EUCLIDEAN) {
                STORE(zi, X);
                STORE(pi, W * Y);
            } else if (kind == KULLBACK_LEIBLER) {
                STORE(zi, X * RECIPROCAL(Y));
                if (weighted)
                    STORE(pi, W);
            } else if (kind == ITAKURA_SAITO) {
                vec r = RECIPROCAL(Y);
                STORE(zi, X * r * r);
                STORE(pi, W * r);
            } else {
                vec power = NAME(vpow)(Y, h->beta - 2);
                STORE(zi, X * power);
                STORE(pi, W * (Y * power));
            }
        }
}

/* sums[k] += sum over `blocks` blocks of a[., k] z[.], for `rows` values of k; rows of
 * z are `row` apart */
INLINE void NAME(transposed)(const REAL *a, const REAL *z, ptrdiff_t row, REAL *sums,
                             int rows, int nv, ptrdiff_t blocks, ptrdiff_t K)
{
    vec s[MR][2];
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < nv; j++)
            s[i][j] = LOAD(sums + (i * nv + j) * VL);
    for (; blocks > 0; blocks--, a += (K - 1) * MR)
#pragma GCC unroll 1
        for (int m = 0; m < MR; m++, a++, z += row) {
            vec z0 = LOAD(z), z1 = nv > 1 ? LOAD(z + VL) : z0;
#pragma GCC unroll 16
            for (int i = 0; i < rows; i++) {
                s[i][0] += a[i * MR] * z0;
                if (nv > 1)
                    s[i][1] += a[i * MR] * z1;
            }
        }
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < nv; j++)
            STORE(sums + (i * nv + j) * VL, s[i][j]);
}

INLINE void NAME(parts_transposed)(const REAL *a, const REAL *z, ptrdiff_t row,
                                   REAL *sums, int nv, ptrdiff_t blocks, ptrdiff_t K)
{
    /* K in the fewest parts of at most MR, their sizes as even as can be */
    ptrdiff_t parts = (K + MR - 1) / MR;
    for (ptrdiff_t part = 0; part < parts; part++) {
        ptrdiff_t k = part * K / parts, rows = (part + 1) * K / parts - k;
        const REAL *ak = a + k * MR;
        REAL *sk = sums + k * nv * VL;
        switch (rows) {
#define ROWS(n)                                                            \
    case n:                                                                \
        NAME(transposed)(ak, z, row, sk, n <= MR ? n : MR, nv, blocks, K); \
        break;
            ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6) ROWS(7)
            ROWS(8) ROWS(9) ROWS(10) ROWS(11) ROWS(12) ROWS(13) ROWS(14)
#undef ROWS
        }
    }
}

/* not inlined, as it is long and all panels have it */
static NOINLINE void NAME(all_transposed1)(const REAL *a, const REAL *z, ptrdiff_t row,
                                           REAL *sums, ptrdiff_t blocks, ptrdiff_t K)
{
    NAME(parts_transposed)(a, z, row, sums, 1, blocks, K);
}

static NOINLINE void NAME(all_transposed2)(const REAL *a, const REAL *z, ptrdiff_t row,
                                           REAL *sums, ptrdiff_t blocks, ptrdiff_t K)
{
    NAME(parts_transposed)(a, z, row, sums, 2, blocks, K);
}

INLINE void NAME(all_transposed)(const REAL *a, const REAL *z, ptrdiff_t row,
                                 REAL *sums, int nv, ptrdiff_t blocks, ptrdiff_t K)
{
    if (nv > 1)
        NAME(all_transposed2)(a, z, row, sums, blocks, K);
    else
        NAME(all_transposed1)(a, z, row, sums, blocks, K);
}

INLINE void NAME(fetch_run)(const REAL *from, ptrdiff_t reals)
{
    const uintptr_t end = (uintptr_t)(from + reals);
    for (uintptr_t line = (uintptr_t)from & ~(uintptr_t)63; line < end; line += 64)
        __builtin_prefetch((const void *)line);
}

/* Begin to read what a panel needs of a matrix for its next MB rows: one MR-th of it,
 * at the rows or lanes from `at` on, so that loads and products alternate. */
INLINE void NAME(fetch)(const REAL *from, ptrdiff_t row, ptrdiff_t lane, ptrdiff_t at,
                        int width)
{
    if (lane == 1)
        for (ptrdiff_t i = at; i < at + MR; i++)
            NAME(fetch_run)(from + i * row, width);
    else
        for (ptrdiff_t j = at / MR; j < width; j += MB / MR)
            NAME(fetch_run)(from + j * lane, MB);
}

/* ---- a panel ----------------------------------------------------------------- */

/* The sums over rows m0 <= m < m1 for the lanes from n0: into sums[0], and sums[1]
 * for the negative part where it is not a constant. b is the panel's part of B.
 * Returns the loss where that is asked for. */
INLINE double NAME(panel_of)(const HALF *h, int kind, int nv, int weighted,
                             int want_loss, ptrdiff_t n0, ptrdiff_t lanes, ptrdiff_t m0,
                             ptrdiff_t m1, const REAL *b, REAL *z, REAL *sums[2])
{
    const int width = nv * VL;
    const int two = weighted || kind == ITAKURA_SAITO || kind == GENERAL;
    const ptrdiff_t K = h->K;
    REAL *p = z + MB * width;
    double total = 0;
    if (!want_loss)
        for (int s = 0; s <= two; s++)
            memset(sums[s], 0, K * width * sizeof(REAL));
    for (ptrdiff_t m = m0; m < m1; m += MB) {
        ptrdiff_t rows = m1 - m < MB ? m1 - m : MB, blocks = (rows + MR - 1) / MR;
        const REAL *x = h->X + m * h->xm + n0 * h->xn, *a = h->packed + m * K;
        /* the rows that come next, or the first ones of the next panel */
        const ptrdiff_t m_next = m + MB < m1 ? m + MB : m0;
        const ptrdiff_t n_next = m + MB < m1 ? n0 : n0 + NR;
        const REAL *next = h->X + m_next * h->xm + n_next * h->xn;
        ptrdiff_t row = h->xm;
        if (h->xn != 1 || lanes != width || rows != MB) {
            NAME(gather)(z, x, h->xm, h->xn, rows, lanes, width);
            memset(z + rows * width, 0, (blocks * MR - rows) * width * sizeof(REAL));
            x = z;
            row = width;
        }
        const REAL *w = p;
        ptrdiff_t w_row = width;
        if (weighted) {
            const REAL *from = h->weights + m * h->wm + n0 * h->wn;
            if (h->wn != 1 || lanes != width || rows != MB) {
                NAME(gather)(p, from, h->wm, h->wn, rows, lanes, width);
                memset(p + rows * width, 0, (blocks * MR - rows) * width * sizeof(REAL));
            } else {
                w = from;
                w_row = h->wm;
            }
        }
        if (kind == EUCLIDEAN && !weighted && !want_loss) { /* the weights are X itself */
            for (ptrdiff_t at = 0; h->xn == 1 && at < MB; at += MR)
                NAME(fetch)(next, h->xm, 1, at, width);
            NAME(all_transposed)(a, x, row, sums[0], nv, blocks, K);
            continue;
        }
        vec loss = {0};
        for (ptrdiff_t at = 0; at < blocks * MR; at += MR) {
            /* one matrix along its rows the machine foresees by itself */
            if (weighted || h->xn == 1)
                NAME(fetch)(next, h->xm, h->xn, at, width);
            if (weighted)
                NAME(fetch)(h->weights + m_next * h->wm + n_next * h->wn, h->wm, h->wn,
                            at, width);
            NAME(tile)(a + at * K, b, x + at * row, row, w + at * w_row, w_row,
                       z + at * width, p + at * width, kind, nv, weighted, h, want_loss,
                       &loss);
        }
        for (int i = 0; want_loss && i < VL; i++)
            total += loss[i];
        if (want_loss)
            continue;
        NAME(all_transposed)(a, z, width, sums[0], nv, blocks, K);
        if (two)
            NAME(all_transposed)(a, p, width, sums[1], nv, blocks, K);
    }
    if (want_loss && !weighted) { /* what the padding added */
        ptrdiff_t rows = (m1 - m0 + MR - 1) / MR * MR;
        vec none = {0}, floor = none + h->floor;
        if (kind == ITAKURA_SAITO || kind == GENERAL)
            none = NAME(at_least)(none, h->lowest);
        total -= (double)(rows * width - (m1 - m0) * lanes) *
                 NAME(distance)(none, floor, kind, h)[0];
    }
    return total;
}

#define PANEL(kind, nv, weighted, want_loss)                                           \
    static NOINLINE double NAME(panel_##kind##nv##weighted##want_loss)(                \
        const HALF *h, ptrdiff_t n0, ptrdiff_t lanes, ptrdiff_t m0, ptrdiff_t m1,      \
        const REAL *b, REAL *z, REAL *sums[2])                                         \
    {                                                                                  \
        return NAME(panel_of)(h, kind, nv, weighted, want_loss, n0, lanes, m0, m1, b,  \
                              z, sums);                                                \
    }
#define PANELS_OF(kind, nv) \
    PANEL(kind, nv, 0, 0) PANEL(kind, nv, 0, 1) PANEL(kind, nv, 1, 0) PANEL(kind, nv, 1, 1)
#define PANELS(kind) PANELS_OF(kind, 1) PANELS_OF(kind, 2)
PANELS(EUCLIDEAN) PANELS(KULLBACK_LEIBLER) PANELS(ITAKURA_SAITO) PANELS(GENERAL)

static double NAME(panel)(const HALF *h, ptrdiff_t n0, ptrdiff_t lanes,
                          ptrdiff_t m0, ptrdiff_t m1, const REAL *b, REAL *z,
                          REAL *sums[2])
{
#define ENTRIES_OF(kind, nv)                                    \
    {                                                           \
        {NAME(panel_##kind##nv##00), NAME(panel_##kind##nv##01)}, \
        {NAME(panel_##kind##nv##10), NAME(panel_##kind##nv##11)}  \
    }
#define ENTRIES(kind) {ENTRIES_OF(kind, 1), ENTRIES_OF(kind, 2)}
    static double (*const table[4][2][2][2])(const HALF *, ptrdiff_t, ptrdiff_t,
                                             ptrdiff_t, ptrdiff_t, const REAL *, REAL *,
                                             REAL *[2]) = {
        ENTRIES(EUCLIDEAN), ENTRIES(KULLBACK_LEIBLER), ENTRIES(ITAKURA_SAITO),
        ENTRIES(GENERAL)};
#undef ENTRIES
#undef ENTRIES_OF
    return table[h->kind][lanes > VL][h->weights != NULL][h->task == LOSS](
        h, n0, lanes, m0, m1, b, z, sums);
}

/* gram B for a panel: rows of `gram` packed as A is, the sums' rows rounded up to MR */
static void NAME(gram_times)(const HALF *h, const REAL *b, REAL *out, int width)
{
    HALF plain = *h;
    vec unused;
    plain.floor = 0;
    for (ptrdiff_t k = 0; k < h->K; k += MR)
        if (width > VL)
            NAME(tile)(h->gram + k * h->K, b, NULL, 0, NULL, 0, out + k * width, NULL,
                       PRODUCT, 2, 0, &plain, 0, &unused);
        else
            NAME(tile)(h->gram + k * h->K, b, NULL, 0, NULL, 0, out + k * width, NULL,
                       PRODUCT, 1, 0, &plain, 0, &unused);
}

/* What a panel's sums are for: the terms themselves, or the multiplicative step. */
static void NAME(finish)(const HALF *h, ptrdiff_t n0, ptrdiff_t lanes, REAL *b,
                         REAL *sums[2])
{
    const int width = lanes > VL ? NR : VL;
    const ptrdiff_t K = h->K;
    if (h->gram)
        NAME(gram_times)(h, b, sums[1], width);
    if (h->task != STEP) {
        NAME(scatter)(sums[0], h->positive + n0 * h->pn, h->pk, h->pn, K, lanes, width);
        if (h->task == TERMS && (h->kind != KULLBACK_LEIBLER || h->weights))
            NAME(scatter)(sums[1], h->negative + n0, h->N, 1, K, lanes, width);
        return;
    }
    for (ptrdiff_t k = 0; k < K; k++)
        for (int j = 0; j < width; j += VL) {
            REAL *bk = b + k * width + j;
            vec den = (vec){0} + SMALLEST;
            if (h->kind == KULLBACK_LEIBLER && !h->weights)
                den += h->negative[k];
            else
                den += LOAD(sums[1] + k * width + j);
            vec ratio = LOAD(sums[0] + k * width + j) / den;
            ratio = NAME(at_most)(ratio, LARGEST_RATIO);
            if (h->exponent != 1)
                ratio = NAME(vpow)(ratio, h->exponent);
            STORE(bk, LOAD(bk) * ratio);
        }
    NAME(scatter)(b, h->B + n0 * h->bn, h->bk, h->bn, K, lanes, width);
}
