/* The half problem X ≈ A B for one instruction set and one real type.
 *
 * X is (M, N), A (M, K) is held, B (K, N) moves. native.c includes this file with
 *   REAL, INT    the real type and the signed integer of its size
 *   VL           reals in a vector
 *   MR           rows of a register tile
 *   HALF         the problem's struct
 *   NAME(x)      x with a suffix of its own
 *   RECIPROCAL   1 / vector
 *
 * N is cut into panels of NR = 2 VL lanes. A panel's part of B and of the sums stays
 * in the first-level cache while A streams by from the second level in blocks of MR
 * rows, stored k after k. Of a block's MR x NR tile of A B, held in registers, the
 * weights X Y^(beta-2) and Y^(beta-1) are made at once; when MB rows of them are
 * there, the transposed product adds them to the panel's sums. So X is read once,
 * and nothing of its size is written.
 */

#define NR (2 * VL)
#define MB 48 /* a multiple of every MR and VL */

#define vec NAME(vec)
#define ivec NAME(ivec)
typedef REAL vec __attribute__((vector_size(VL * sizeof(REAL)), may_alias));
typedef REAL NAME(loose) __attribute__((vector_size(VL * sizeof(REAL)),
                                        aligned(sizeof(REAL)), may_alias));
typedef INT ivec __attribute__((vector_size(VL * sizeof(REAL)), may_alias));

#define LOAD(p) ((vec) * (const NAME(loose) *)(p))
#define STORE(p, v) (*(NAME(loose) *)(p) = (NAME(loose))(v))
#define ONE ((vec){0} + 1)
#define SMALLEST ((REAL)(sizeof(REAL) == 4 ? 1.17549435e-38 : 2.2250738585072014e-308))
#define LOG2_E 1.4426950408889634074

/* ---- elementary functions ---------------------------------------------------- */

#define MANTISSA (sizeof(REAL) == 4 ? 23 : 52)
#define SQRT_HALF_BITS ((INT)(sizeof(REAL) == 4 ? 0x3f3504f3 : 0x3fe6a09e667f3bcd))

INLINE vec NAME(at_least)(vec x, REAL low)
{
    ivec above = (ivec)(x > low);
    return (vec)(((ivec)x & above) | ((ivec)((vec){0} + low) & ~above));
}

INLINE vec NAME(at_most)(vec x, REAL high)
{
    ivec below = (ivec)(x < high);
    return (vec)(((ivec)x & below) | ((ivec)((vec){0} + high) & ~below));
}

/* x = m 2^e with m in [sqrt(1/2), sqrt(2)); the log of m, exact to rounding near 1 */
INLINE vec NAME(log_parts)(vec x, vec *e)
{
    ivec shift = ((ivec)x - SQRT_HALF_BITS) >> MANTISSA;
    vec m = (vec)((ivec)x - (shift << MANTISSA));
    vec s = (m - 1) / (m + 1), z = s * s, p = {0};
    *e = __builtin_convertvector(shift, vec);
    for (int n = sizeof(REAL) == 4 ? 11 : 23; n > 1; n -= 2)
        p = p * z + (REAL)2 / n;
    return s * (p * z + 2);
}

INLINE vec NAME(vlog)(vec x)
{
    vec e, log_m = NAME(log_parts)(x, &e);
    return e * (REAL)0.69314718055994530942 + log_m;
}

/* the nearest whole number, as a real and as an integer */
INLINE vec NAME(nearest)(vec x, ivec *whole)
{
    const REAL magic = sizeof(REAL) == 4 ? 12582912.0 : 6755399441055744.0;
    vec shifted = x + magic;
    *whole = (ivec)shifted - (ivec)((vec){0} + magic);
    return shifted - magic;
}

/* 2^(n + rest), |rest| <= 1/2 or little more; 0 or the largest power beyond its range */
INLINE vec NAME(exp2_of)(ivec n, vec rest)
{
    static const double taylor[] = {
        1.3691488853904129e-12, 2.5678435993488206e-11, 4.4455382718708116e-10,
        7.0549116208011234e-9,  1.0178086009239700e-7,  1.3215486790144310e-6,
        1.5252733804059841e-5,  1.5403530393381610e-4,  1.3333558146428443e-3,
        9.6181291076284772e-3,  5.5504108664821580e-2,  2.4022650695910072e-1,
        6.9314718055994531e-1};
    const int bias = sizeof(REAL) == 4 ? 127 : 1023;
    vec q = {0};
    for (int i = sizeof(REAL) == 4 ? 6 : 0; i < 13; i++)
        q = q * rest + (REAL)taylor[i];
    q = q * rest + 1;
    n += bias;
    n &= (ivec)(n > 0);
    ivec high = (ivec)(n < 2 * bias);
    n = (n & high) | (2 * bias & ~high);
    return q * (vec)(n << MANTISSA);
}

/* x^p for x >= 0; 0 for x = 0 whatever p */
INLINE vec NAME(vpow)(vec x, REAL p)
{
    vec e, log_m = NAME(log_parts)(x, &e);
    ivec n, r;
    vec whole = NAME(nearest)(e * p, &n);
    vec rest = (e * p - whole) + log_m * (p * (REAL)LOG2_E);
    rest -= NAME(nearest)(rest, &r);
    return (vec)((ivec)NAME(exp2_of)(n + r, rest) & (ivec)(x > 0));
}

INLINE vec NAME(vexp)(vec x)
{
    ivec n;
    vec y = x * (REAL)LOG2_E;
    vec rest = y - NAME(nearest)(y, &n);
    return NAME(exp2_of)(n, rest);
}

/* w with w + log w = z, the Wright omega function, for z >= -60: Lawrence, Corless and
 * Jeffrey 2012, as in arrays.py */
INLINE vec NAME(omega)(vec z)
{
    const vec one = ONE;
    vec e = NAME(vexp)(NAME(at_most)(z, 1)), high = z - NAME(vlog)(NAME(at_least)(z, 1));
    ivec low = (ivec)(z < one);
    vec w = (vec)(((ivec)(e / (1 + e)) & low) | ((ivec)high & ~low));
    for (int i = 0; i < (sizeof(REAL) == 4 ? 2 : 3); i++) {
        vec r = z - w - NAME(vlog)(w), s = 1 + w, t = s * (s + 2 * r / 3);
        w *= 1 + r / s * (2 * t - r) / (2 * t - 2 * r);
    }
    return w;
}

/* the divergence of x from y, entry by entry, by their ratio */
INLINE vec NAME(distance)(vec x, vec y, int kind, const HALF *h)
{
    REAL b = h->beta;
    if (kind == EUCLIDEAN)
        return (x - y) * (x - y) * (REAL)0.5;
    vec q = x / y;
    if (kind == KULLBACK_LEIBLER)
        return y * (q * NAME(vlog)(q) - (q - 1));
    if (kind == ITAKURA_SAITO)
        return (q - 1) - NAME(vlog)(q);
    vec positive = (vec)((ivec)q & (ivec)(y > 0));
    return (NAME(vpow)(y, b) * (NAME(vpow)(positive, b) - 1 - (positive - 1) * b) +
            (vec)((ivec)NAME(vpow)(x, b) & (ivec)(y == 0))) *
           (1 / (b * (b - 1)));
}

/* ---- layouts ----------------------------------------------------------------- */

/* VL x VL transposition: log2(VL) times the same perfect shuffle. Rows that are not
 * there count as zeros. */
INLINE void NAME(transpose)(const REAL *from, ptrdiff_t from_row, int rows, REAL *to,
                            ptrdiff_t to_row)
{
    vec v[VL], w[VL];
#pragma GCC unroll 16
    for (int i = 0; i < VL; i++)
        v[i] = i < rows ? LOAD(from + i * from_row) : (vec){0};
#pragma GCC unroll 4
    for (int step = 1; step < VL; step *= 2) {
#pragma GCC unroll 8
        for (int i = 0; i < VL / 2; i++) {
            w[2 * i] = ZIP_LOW(v[i], v[i + VL / 2]);
            w[2 * i + 1] = ZIP_HIGH(v[i], v[i + VL / 2]);
        }
#pragma GCC unroll 16
        for (int i = 0; i < VL; i++)
            v[i] = w[i];
    }
#pragma GCC unroll 16
    for (int i = 0; i < VL; i++)
        STORE(to + i * to_row, v[i]);
}

/* A (rows, columns) as blocks of MR rows, column after column, zeros at the end */
static void NAME(pack)(REAL *packed, const REAL *A, ptrdiff_t row, ptrdiff_t column,
                       ptrdiff_t rows, ptrdiff_t columns)
{
    ptrdiff_t k = 0;
    if (column == 1 && rows == MR)
        for (; k + VL < columns; k += VL) {
            /* what is too much of a column is overwritten by the next one */
            if (MR % VL)
                NAME(transpose)(A + MR / VL * VL * row + k, row, MR % VL,
                                packed + k * MR + MR / VL * VL, MR);
            for (int i = MR / VL * VL - VL; i >= 0; i -= VL)
                NAME(transpose)(A + i * row + k, row, VL, packed + k * MR + i, MR);
        }
    for (; k < columns; k++)
        if (row == 1 && rows == MR)
            memcpy(packed + k * MR, A + k * column, MR * sizeof(REAL));
        else
            for (int i = 0; i < MR; i++)
                packed[k * MR + i] = i < rows ? A[i * row + k * column] : 0;
}

/* all bits of the first n lanes */
INLINE ivec NAME(first)(ptrdiff_t n)
{
    ivec lanes;
    for (int i = 0; i < VL; i++)
        lanes[i] = i < n ? -1 : 0;
    return lanes;
}

/* rows x lanes of X, lanes side by side and padded with zeros to the tile's width */
static void NAME(gather)(REAL *tile, const REAL *X, ptrdiff_t row, ptrdiff_t lane,
                         ptrdiff_t rows, ptrdiff_t lanes, ptrdiff_t width)
{
    ptrdiff_t i = 0;
    if (row == 1 && lanes == width)
        for (; i + VL <= rows; i += VL)
            for (ptrdiff_t j = 0; j < width; j += VL)
                NAME(transpose)(X + i + j * lane, lane, VL, tile + i * width + j, width);
    const ivec keep[2] = {NAME(first)(lanes), NAME(first)(lanes - VL)};
    for (; i < rows; i++)
        /* what follows the lanes may be read where more rows follow */
        if (lane == 1 && (rows - 1 - i) * row >= width - lanes)
            for (ptrdiff_t j = 0; j < width; j += VL)
                STORE(tile + i * width + j,
                      (vec)((ivec)LOAD(X + i * row + j) & keep[j / VL]));
        else
            for (ptrdiff_t j = 0; j < width; j++)
                tile[i * width + j] = j < lanes ? X[i * row + j * lane] : 0;
}

static void NAME(scatter)(const REAL *tile, REAL *X, ptrdiff_t row, ptrdiff_t lane,
                          ptrdiff_t rows, ptrdiff_t lanes, ptrdiff_t width)
{
    ptrdiff_t i = 0;
    if (row == 1 && lanes == width)
        for (; i + VL <= rows; i += VL)
            for (ptrdiff_t j = 0; j < width; j += VL)
                NAME(transpose)(tile + i * width + j, width, VL, X + i + j * lane, lane);
    for (; i < rows; i++)
        if (lane == 1 && lanes == width)
            for (ptrdiff_t j = 0; j < width; j += VL)
                STORE(X + i * row + j, LOAD(tile + i * width + j));
        else
            for (ptrdiff_t j = 0; j < lanes; j++)
                X[i * row + j * lane] = tile[i * width + j];
}

/* ---- the two products -------------------------------------------------------- */

/* One block's MR x (nv VL) tile of A B, and what the divergence makes of it.
 * x points to the tile of X, whose rows are `row` apart; z and p receive the weights.
 * Returns the tile's distance where kind asks for the loss. */
INLINE void NAME(tile)(const REAL *a, const REAL *b, const REAL *x, ptrdiff_t row,
                       REAL *z, REAL *p, int kind, int nv, const HALF *h,
                       int want_loss, vec *loss)
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
            if (want_loss) {
                *loss += NAME(distance)(X, Y, kind, h);
            } else if (kind == KULLBACK_LEIBLER) {
                STORE(zi, X * RECIPROCAL(Y));
            } else if (kind == ITAKURA_SAITO) {
                vec r = RECIPROCAL(Y);
                STORE(zi, X * r * r);
                STORE(pi, r);
            } else {
                vec power = NAME(vpow)(Y, h->beta - 2);
                STORE(zi, X * power);
                STORE(pi, Y * power);
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

INLINE void NAME(all_transposed)(const REAL *a, const REAL *z, ptrdiff_t row,
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

/* ---- a panel ----------------------------------------------------------------- */

/* The sums over rows m0 <= m < m1 for the lanes from n0: into sums[0], and sums[1]
 * for the negative part where it is not a constant. b is the panel's part of B.
 * Returns the loss where that is asked for. */
INLINE double NAME(panel_of)(const HALF *h, int kind, int nv, int want_loss,
                             ptrdiff_t n0, ptrdiff_t lanes, ptrdiff_t m0, ptrdiff_t m1,
                             const REAL *b, REAL *z, REAL *sums[2])
{
    const int width = nv * VL, two = kind == ITAKURA_SAITO || kind == GENERAL;
    const ptrdiff_t K = h->K;
    REAL *p = z + MB * width;
    double total = 0;
    if (!want_loss)
        for (int s = 0; s <= two; s++)
            memset(sums[s], 0, K * width * sizeof(REAL));
    for (ptrdiff_t m = m0; m < m1; m += MB) {
        ptrdiff_t rows = m1 - m < MB ? m1 - m : MB, blocks = (rows + MR - 1) / MR;
        const REAL *x = h->X + m * h->xm + n0 * h->xn, *a = h->packed + m * K;
        ptrdiff_t row = h->xm;
        if (h->xn != 1 || lanes != width || rows != MB) {
            NAME(gather)(z, x, h->xm, h->xn, rows, lanes, width);
            memset(z + rows * width, 0, (blocks * MR - rows) * width * sizeof(REAL));
            x = z;
            row = width;
        }
        if (x != z) /* the rows that this panel reads next */
            for (int i = 0; i < MB; i++)
                for (int j = 0; j < width + VL; j += 64 / (int)sizeof(REAL))
                    __builtin_prefetch(x + (MB + i) * row + j);
        if (kind == EUCLIDEAN && !want_loss) { /* the weights are X itself */
            NAME(all_transposed)(a, x, row, sums[0], nv, blocks, K);
            continue;
        }
        vec loss = {0};
        for (ptrdiff_t at = 0; at < blocks * MR; at += MR)
            NAME(tile)(a + at * K, b, x + at * row, row, z + at * width, p + at * width,
                       kind, nv, h, want_loss, &loss);
        for (int i = 0; want_loss && i < VL; i++)
            total += loss[i];
        if (want_loss)
            continue;
        NAME(all_transposed)(a, z, width, sums[0], nv, blocks, K);
        if (two)
            NAME(all_transposed)(a, p, width, sums[1], nv, blocks, K);
    }
    if (want_loss) { /* what the padding added */
        ptrdiff_t rows = (m1 - m0 + MR - 1) / MR * MR;
        vec none = {0}, floor = none + h->floor;
        if (kind == ITAKURA_SAITO || kind == GENERAL)
            none = NAME(at_least)(none, h->lowest);
        total -= (double)(rows * width - (m1 - m0) * lanes) *
                 NAME(distance)(none, floor, kind, h)[0];
    }
    return total;
}

#define PANEL(kind, nv, want_loss)                                                    \
    static NOINLINE double NAME(panel_##kind##nv##want_loss)(                         \
        const HALF *h, ptrdiff_t n0, ptrdiff_t lanes, ptrdiff_t m0,                   \
        ptrdiff_t m1, const REAL *b, REAL *z, REAL *sums[2])                          \
    {                                                                                 \
        return NAME(panel_of)(h, kind, nv, want_loss, n0, lanes, m0, m1, b, z, sums); \
    }
#define PANELS(kind) PANEL(kind, 1, 0) PANEL(kind, 2, 0) PANEL(kind, 1, 1) PANEL(kind, 2, 1)
PANELS(EUCLIDEAN) PANELS(KULLBACK_LEIBLER) PANELS(ITAKURA_SAITO) PANELS(GENERAL)

static double NAME(panel)(const HALF *h, ptrdiff_t n0, ptrdiff_t lanes,
                          ptrdiff_t m0, ptrdiff_t m1, const REAL *b, REAL *z,
                          REAL *sums[2])
{
#define ENTRIES(kind)                                     \
    {                                                     \
        {NAME(panel_##kind##10), NAME(panel_##kind##11)}, \
        {NAME(panel_##kind##20), NAME(panel_##kind##21)}  \
    }
    static double (*const table[4][2][2])(const HALF *, ptrdiff_t, ptrdiff_t,
                                          ptrdiff_t, ptrdiff_t, const REAL *, REAL *,
                                          REAL *[2]) = {
        ENTRIES(EUCLIDEAN), ENTRIES(KULLBACK_LEIBLER), ENTRIES(ITAKURA_SAITO),
        ENTRIES(GENERAL)};
#undef ENTRIES
    return table[h->kind][lanes > VL][h->task == LOSS](h, n0, lanes, m0, m1, b, z, sums);
}

/* gram B for a panel: rows of `gram` packed as A is, the sums' rows rounded up to MR */
static void NAME(gram_times)(const HALF *h, const REAL *b, REAL *out, int width)
{
    HALF plain = *h;
    vec unused;
    plain.floor = 0;
    for (ptrdiff_t k = 0; k < h->K; k += MR)
        if (width > VL)
            NAME(tile)(h->gram + k * h->K, b, NULL, 0, out + k * width, NULL, PRODUCT, 2,
                       &plain, 0, &unused);
        else
            NAME(tile)(h->gram + k * h->K, b, NULL, 0, out + k * width, NULL, PRODUCT, 1,
                       &plain, 0, &unused);
}

/* What a panel's sums are for: the terms themselves, or the multiplicative step. */
static void NAME(finish)(const HALF *h, ptrdiff_t n0, ptrdiff_t lanes, REAL *b,
                         REAL *sums[2])
{
    const int width = lanes > VL ? NR : VL;
    const ptrdiff_t K = h->K;
    if (h->kind == EUCLIDEAN && h->task != CROSS)
        NAME(gram_times)(h, b, sums[1], width);
    if (h->task != STEP) {
        NAME(scatter)(sums[0], h->positive + n0 * h->pn, h->pk, h->pn, K, lanes, width);
        if (h->task == TERMS && h->kind != KULLBACK_LEIBLER)
            NAME(scatter)(sums[1], h->negative + n0, h->N, 1, K, lanes, width);
        return;
    }
    for (ptrdiff_t k = 0; k < K; k++)
        for (int j = 0; j < width; j += VL) {
            REAL *bk = b + k * width + j;
            vec den = (vec){0} + SMALLEST;
            if (h->kind == KULLBACK_LEIBLER)
                den += h->negative[k];
            else
                den += LOAD(sums[1] + k * width + j);
            vec ratio = LOAD(sums[0] + k * width + j) / den;
            ratio = NAME(at_most)(ratio, h->most);
            if (h->exponent != 1)
                ratio = NAME(vpow)(ratio, h->exponent);
            STORE(bk, LOAD(bk) * ratio);
        }
    NAME(scatter)(b, h->B + n0 * h->bn, h->bk, h->bn, K, lanes, width);
}

/* ---- all panels -------------------------------------------------------------- */

/* Panels are the tasks. Where they are few, the rows are shared out too, always in
 * the same way, and the parts' sums are added at the end. All panels of a part come
 * one after the other, while its rows are in the cache. */
typedef struct {
    const HALF *h;
    ptrdiff_t panels, parts, sums_size, work_size;
    REAL *work, *partial;
    double *losses;
} NAME(run);

static REAL *NAME(moving_part)(const HALF *h, REAL *b, ptrdiff_t n0, ptrdiff_t lanes)
{
    if (h->B)
        NAME(gather)(b, h->B + n0 * h->bn, h->bk, h->bn, h->K, lanes,
                     lanes > VL ? NR : VL);
    return b;
}

static void NAME(panel_task)(void *context, ptrdiff_t task, int worker)
{
    const NAME(run) *run = context;
    const HALF *h = run->h;
    const ptrdiff_t chunks = (h->M + MB - 1) / MB;
    const ptrdiff_t part = task / run->panels, panel = task % run->panels;
    const ptrdiff_t n0 = panel * NR, at = panel * run->parts + part;
    const ptrdiff_t lanes = h->N - n0 < NR ? h->N - n0 : NR;
    const ptrdiff_t m0 = chunks * part / run->parts * MB;
    const ptrdiff_t m1 = chunks * (part + 1) / run->parts * MB;
    REAL *b = run->work + worker * run->work_size, *z = b + h->K * NR;
    REAL *s = run->parts > 1 ? run->partial + at * 2 * run->sums_size : z + 2 * MB * NR;
    REAL *sums[2] = {s, s + run->sums_size};
    NAME(moving_part)(h, b, n0, lanes);
    double loss = NAME(panel)(h, n0, lanes, m0, m1 < h->M ? m1 : h->M, b, z, sums);
    if (h->task == LOSS)
        run->losses[task] = loss;
    else if (run->parts == 1)
        NAME(finish)(h, n0, lanes, b, sums);
}

static void NAME(finish_task)(void *context, ptrdiff_t panel, int worker)
{
    const NAME(run) *run = context;
    const HALF *h = run->h;
    const ptrdiff_t n0 = panel * NR, lanes = h->N - n0 < NR ? h->N - n0 : NR;
    const ptrdiff_t size = 2 * run->sums_size;
    REAL *first = run->partial + panel * run->parts * size;
    REAL *sums[2] = {first, first + run->sums_size};
    for (ptrdiff_t part = 1; part < run->parts; part++)
        for (ptrdiff_t i = 0; i < size; i++)
            first[i] += first[part * size + i];
    REAL *b = run->work + worker * run->work_size;
    NAME(finish)(h, n0, lanes, NAME(moving_part)(h, b, n0, lanes), sums);
}

static int NAME(run_panels)(const HALF *h, double *loss)
{
    const ptrdiff_t K = h->K, chunks = (h->M + MB - 1) / MB;
    const int threads = threads_for((double)h->M * h->N * K);
    NAME(run) run = {.h = h, .panels = (h->N + NR - 1) / NR, .parts = 1};
    if (run.panels < 24 && h->task != LOSS) {
        ptrdiff_t wanted = (24 + run.panels - 1) / run.panels, most = chunks / 4;
        run.parts = wanted < most ? wanted : most > 1 ? most : 1;
    }
    const ptrdiff_t tasks = run.panels * run.parts;
    run.sums_size = (K + MR - 1) / MR * MR * NR;
    run.work_size = K * NR + 2 * MB * NR + 2 * run.sums_size;
    run.work = allocate(threads * run.work_size * sizeof(REAL));
    run.partial = allocate(run.parts > 1 ? tasks * 2 * run.sums_size * sizeof(REAL) : 0);
    run.losses = allocate(tasks * sizeof(double));
    const int failed = !run.work || !run.partial || !run.losses;
    if (!failed) {
        run_tasks(NAME(panel_task), &run, tasks, threads);
        if (run.parts > 1)
            run_tasks(NAME(finish_task), &run, run.panels, threads);
        *loss = 0;
        for (ptrdiff_t task = 0; h->task == LOSS && task < tasks; task++)
            *loss += run.losses[task];
    }
    release(run.work);
    release(run.partial);
    release(run.losses);
    return failed ? -1 : 0;
}

/* ---- what A alone determines ------------------------------------------------- */

typedef struct {
    const REAL *A;
    ptrdiff_t am, ak, M, K;
    REAL *packed, *sums;
} NAME(held);

static void NAME(pack_task)(void *context, ptrdiff_t block, int worker)
{
    const NAME(held) *a = context;
    const ptrdiff_t m = block * MR;
    NAME(pack)(a->packed + m * a->K, a->A + m * a->am, a->am, a->ak,
               a->M - m < MR ? a->M - m : MR, a->K);
    (void)worker;
}

static void NAME(sum_task)(void *context, ptrdiff_t k, int worker)
{
    const NAME(held) *a = context;
    REAL lane[MR] = {0}, sum = 0;
    for (const REAL *p = a->packed + k * MR; p < a->packed + (a->M + MR - 1) / MR * MR * a->K;
         p += a->K * MR)
        for (int i = 0; i < MR; i++)
            lane[i] += p[i];
    for (int i = 0; i < MR; i++)
        sum += lane[i];
    a->sums[k] = sum;
    (void)worker;
}

static int NAME(solve)(HALF *h, const REAL *A, ptrdiff_t am, ptrdiff_t ak, double *loss)
{
    const ptrdiff_t M = h->M, K = h->K;
    const ptrdiff_t blocks = (M + MR - 1) / MR, gram_blocks = (K + MR - 1) / MR;
    const int euclidean = h->kind == EUCLIDEAN && h->task != CROSS && h->task != LOSS;
    const int threads = threads_for((double)M * K * 10);
    NAME(held) a = {.A = A, .am = am, .ak = ak, .M = M, .K = K};
    a.packed = allocate(blocks * MR * K * sizeof(REAL));
    a.sums = allocate(K * sizeof(REAL));
    REAL *square = allocate(euclidean ? K * K * sizeof(REAL) : 0);
    REAL *gram = allocate(euclidean ? gram_blocks * MR * K * sizeof(REAL) : 0);
    int failed = !a.packed || !a.sums || !square || !gram;
    if (!failed) {
        h->packed = a.packed;
        run_tasks(NAME(pack_task), &a, blocks, threads);
        if (h->kind == KULLBACK_LEIBLER) {
            run_tasks(NAME(sum_task), &a, K, threads);
            h->negative = a.sums;
        }
        if (euclidean) {
            HALF g = *h;
            g.X = A, g.xm = am, g.xn = ak, g.N = K;
            g.B = NULL, g.task = CROSS, g.positive = square, g.pk = K, g.pn = 1;
            failed = NAME(run_panels)(&g, loss);
            NAME(held) s = {.A = square, .am = K, .ak = 1, .M = K, .K = K, .packed = gram};
            run_tasks(NAME(pack_task), &s, gram_blocks, 1);
            h->gram = gram;
        }
        if (!failed)
            failed = NAME(run_panels)(h, loss);
    }
    release(a.packed);
    release(a.sums);
    release(square);
    release(gram);
    return failed ? -1 : 0;
}

/* ---- many small products ----------------------------------------------------- */

typedef struct {
    const REAL *A, *X;
    REAL *out, *work;
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
              .xn = p->xn, .packed = packed, .positive = p->out + index * p->ob,
              .pk = p->ok, .pn = p->on, .kind = EUCLIDEAN, .task = CROSS};
    for (ptrdiff_t block = 0; block * MR < p->M; block++)
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
    if (!p.work)
        return -1;
    run_tasks(NAME(product_task), &p, count, threads);
    release(p.work);
    return 0;
}

/* ---- coordinate descent ------------------------------------------------------ */

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

/* ---- a factor between two layers, for beta = 1 ------------------------------------ */

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

#undef NR
#undef MB
#undef vec
#undef ivec
#undef LOAD
#undef STORE
#undef ONE
#undef LOG2_E
#undef SMALLEST
#undef MANTISSA
#undef SQRT_HALF_BITS
#undef PANEL
#undef PANELS
