/* half.h for every instruction set and real type, and which of them runs here.
 *
 * With BASELINE_ONLY there is but the first, for builds that check what the code does:
 * they take minutes for each. */

#include <string.h>

#include "pool.h"

#if defined(__x86_64__) && !defined(BASELINE_ONLY)
#define MORE_SETS 1
#else
#define MORE_SETS 0
#endif

#define INLINE static inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

enum { EUCLIDEAN, KULLBACK_LEIBLER, ITAKURA_SAITO, GENERAL, PRODUCT };
enum { STEP, TERMS, LOSS, CROSS };

/* Scratch memory, counted: the bytes held, and the most since that was asked for. A
 * block's size stands in the line before it. */
static atomic_size_t held_bytes, most_bytes;

static void *allocate(size_t bytes)
{
    bytes = (bytes + 64) / 64 * 64 + 64;
    char *line = aligned_alloc(64, bytes);
    if (!line)
        return NULL;
    *(size_t *)line = bytes;
    size_t held = atomic_fetch_add(&held_bytes, bytes) + bytes;
    size_t most = atomic_load(&most_bytes);
    while (held > most && !atomic_compare_exchange_weak(&most_bytes, &most, held))
        ;
    return line + 64;
}

static void release(void *block)
{
    if (!block)
        return;
    char *line = (char *)block - 64;
    atomic_fetch_sub(&held_bytes, *(size_t *)line);
    free(line);
}

/* ---- the half problem for each real type --------------------------------------- */

#define DEFINE_HALF(name, REAL)                                                        \
    typedef struct {                                                                   \
        ptrdiff_t M, N, K;                                                             \
        ptrdiff_t xm, xn, wm, wn;          /* strides of X and its weights, */         \
        ptrdiff_t bk, bn, pk, pn;          /* and of B and positive */                 \
        const REAL *X, *weights;           /* NULL where all entries count once */     \
        const REAL *packed, *gram;         /* A and AᵀA in blocks of rows */           \
        REAL *B, *positive, *negative;     /* B, and where the terms go */             \
        REAL beta, floor, lowest, exponent;                                            \
        int kind, task;                                                                \
    } name
DEFINE_HALF(half_f32, float);
DEFINE_HALF(half_f64, double);

typedef int solve_f32(half_f32 *, const float *, ptrdiff_t, ptrdiff_t, double *);
typedef int solve_f64(half_f64 *, const double *, ptrdiff_t, ptrdiff_t, double *);
typedef int descend_f32(const float *, const float *, ptrdiff_t, ptrdiff_t, float *,
                        ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, int);
typedef int descend_f64(const double *, const double *, ptrdiff_t, ptrdiff_t, double *,
                        ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, int);

typedef int middle_any(const void *, const void *, const void *, void *,
                       const ptrdiff_t[8], ptrdiff_t, ptrdiff_t, double);
/* X by columns, and what is asked of it: A B at its entries, or AᵀX of its entries as
 * they are or divided by those of A B */
enum { SAMPLES, RATIOS, VALUES };
typedef struct {
    const void *first, *row, *values; /* whole numbers of 64 bits where they are wide */
    ptrdiff_t rows, columns, entries;
    int wide, task;
} sparse_matrix;
typedef int sparse_any(const sparse_matrix *, const void *, const void *, void *,
                       const ptrdiff_t[6], ptrdiff_t, double);

INLINE ptrdiff_t index_of(const sparse_matrix *x, const void *numbers, ptrdiff_t i)
{
    return x->wide ? (ptrdiff_t)((const int64_t *)numbers)[i]
                   : (ptrdiff_t)((const int32_t *)numbers)[i];
}

typedef int products_any(const void *, const void *, void *, const ptrdiff_t[4],
                         const ptrdiff_t[9]);

#define SHUFFLE2(a, b, first) __builtin_shufflevector(a, b, first, first + 2)
#define SHUFFLE4(a, b, f) __builtin_shufflevector(a, b, f, f + 4, f + 1, f + 5)
#define SHUFFLE8(a, b, f) \
    __builtin_shufflevector(a, b, f, f + 8, f + 1, f + 9, f + 2, f + 10, f + 3, f + 11)
#define SHUFFLE16(a, b, f)                                                              \
    __builtin_shufflevector(a, b, f, f + 16, f + 1, f + 17, f + 2, f + 18, f + 3,       \
                            f + 19, f + 4, f + 20, f + 5, f + 21, f + 6, f + 22, f + 7, \
                            f + 23)
#define ZIP_LOW(a, b) JOIN(SHUFFLE, VL)(a, b, 0)
#define ZIP_HIGH(a, b) JOIN(SHUFFLE, VL)(a, b, VL / 2)

#define VL32 4
#define VL64 2
#define MR 6
#define ISA baseline
#include "instances.h"

#if MORE_SETS

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
#define VL32 8
#define VL64 4
#define MR 6
#define ISA avx2
#include "instances.h"
#ifdef __clang__
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,fma"))), \
                             apply_to = function)
#else
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,fma")
#endif
#define VL32 16
#define VL64 8
#define MR 12
#define ISA avx512
#include "instances.h"
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif /* MORE_SETS */

typedef struct {
    const char *name;
    solve_f32 *solve32;
    solve_f64 *solve64;
    descend_f32 *descend32;
    descend_f64 *descend64;
    products_any *products32, *products64;
    middle_any *middle32, *middle64;
    sparse_any *sparse32, *sparse64;
} kernel_set;

#define KERNEL_SET(isa)                                                            \
    {#isa, solve_##isa##32, solve_##isa##64, descend_##isa##32, descend_##isa##64, \
     products_##isa##32, products_##isa##64, middle_step_##isa##32,                \
     middle_step_##isa##64, sparse_half_##isa##32, sparse_half_##isa##64}
static const kernel_set sets[] = {
    KERNEL_SET(baseline),
#if MORE_SETS
    KERNEL_SET(avx2), KERNEL_SET(avx512),
#endif
};
static const kernel_set *kernels = sets;

static int supported(size_t set)
{
#if MORE_SETS
    __builtin_cpu_init();
    if (set == 1)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (set == 2)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
#endif
    return set == 0;
}

/* For threadpoolctl, which finds them by name. */
__attribute__((visibility("default"))) int musaic_core_get_num_threads(void)
{
    return atomic_load(&thread_limit);
}

__attribute__((visibility("default"))) void musaic_core_set_num_threads(int threads)
{
    atomic_store(&thread_limit,
                 threads < 1 ? 1 : threads > MOST_THREADS ? MOST_THREADS : threads);
}
