/* half.h in float and in double for one instruction set, ISA: vectors of VL32 floats or
 * VL64 doubles, register tiles of MR rows. */

#define NAME(x) JOIN(JOIN(x##_, ISA), BITS)

#define REAL float
#define INT int32_t
#define BITS 32
#define HALF half_f32
#define VL VL32
#if VL32 == 16 /* the hardware's 14 bits and one Newton step: within 1 ulp or so */
INLINE __m512 reciprocal16(__m512 y)
{
    __m512 r = _mm512_rcp14_ps(y);
    return r * (2 - y * r);
}
#define RECIPROCAL(y) ((vec)reciprocal16((__m512)(y)))
#elif VL32 == 8 /* the same from 12 bits */
INLINE __m256 reciprocal8(__m256 y)
{
    __m256 r = _mm256_rcp_ps(y);
    return r * (2 - y * r);
}
#define RECIPROCAL(y) ((vec)reciprocal8((__m256)(y)))
#else
#define RECIPROCAL(y) (1 / (y))
#endif
#include "half.h"
#undef REAL
#undef INT
#undef BITS
#undef HALF
#undef VL
#undef RECIPROCAL

#define REAL double
#define INT int64_t
#define BITS 64
#define HALF half_f64
#define VL VL64
#define RECIPROCAL(y) (1 / (y))
#include "half.h"
#undef REAL
#undef INT
#undef BITS
#undef HALF
#undef VL
#undef RECIPROCAL

#undef NAME
#undef VL32
#undef VL64
#undef MR
#undef ISA
