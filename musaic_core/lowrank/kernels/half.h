/* The half problem X ≈ A B for one instruction set and one real type.
 *
 * X is (M, N), A (M, K) is held, B (K, N) moves. sets.h includes this file with
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
#define PART_BYTES (1 << 18) /* of A, which all panels of a part read: they stay near */

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
/* what a step multiplies with at most: without a bound, zero times infinity may occur */
#define LARGEST_RATIO ((REAL)(sizeof(REAL) == 4 ? 1.8446743e19 : 1.3407807929942596e154))
#define LOG2_E 1.4426950408889634074

#include "elementary.h"
#include "layouts.h"
#include "panel.h"

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
        const ptrdiff_t fitting = h->M * K * sizeof(REAL) / PART_BYTES;
        wanted = wanted > fitting ? wanted : fitting;
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
    /* with weights, what A alone determines is of no use */
    const int euclidean = h->kind == EUCLIDEAN && !h->weights && h->task != CROSS &&
                          h->task != LOSS;
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
        if (h->kind == KULLBACK_LEIBLER && !h->weights) {
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

#include "batch.h"
#include "descent.h"
#include "middle.h"
#include "sparse.h"


#undef NR
#undef MB
#undef PART_BYTES
#undef vec
#undef ivec
#undef LOAD
#undef STORE
#undef ONE
#undef LOG2_E
#undef SMALLEST
#undef LARGEST_RATIO
#undef MANTISSA
#undef SQRT_HALF_BITS
#undef PANEL
#undef PANELS
