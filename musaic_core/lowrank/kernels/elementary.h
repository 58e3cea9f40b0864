/* Logarithm, powers and the like of vectors, and the divergence of two; part of half.h. */

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

/* D(x | y) / y^beta near each other, where the terms of D cancel: by the binomial series in
 * step = (x - y) / y, as in divergence.py */
INLINE vec NAME(near)(vec step, REAL beta)
{
    vec coefficient = ONE, series = ONE;
    for (int j = 1; j < (sizeof(REAL) == 4 ? 8 : 15); j++) {
        coefficient *= step * ((beta - 1 - j) / (j + 2));
        series += coefficient;
    }
    return step * step * series * (REAL)0.5;
}

/* the divergence of x from y, entry by entry, where they are not near each other */
INLINE vec NAME(apart)(vec x, vec y, int kind, REAL b)
{
    vec q = x / y;
    if (kind == KULLBACK_LEIBLER)
        return y * (q * NAME(vlog)(q) - (q - 1));
    if (kind == ITAKURA_SAITO)
        return (q - 1) - NAME(vlog)(q);
    /* far from each other the powers of the ratio may overflow where the terms do not */
    vec powers = NAME(vpow)(x, b), model = NAME(vpow)(y, b - 1);
    vec far = powers + y * model * (b - 1) - x * model * b;
    vec near = y * model * (NAME(vpow)(q, b) - 1 - (q - 1) * b);
    ivec is_near = (ivec)(q > (REAL)0.25) & (ivec)(q < 4);
    return (vec)(((ivec)near & is_near) | ((ivec)far & ~is_near)) *
           (1 / (b * (b - 1)));
}

/* the divergence of x from y, entry by entry */
INLINE vec NAME(distance)(vec x, vec y, int kind, const HALF *h)
{
    REAL b = h->beta, most = (REAL)0.1 / (1 + (b < 0 ? -b : b));
    if (kind == EUCLIDEAN)
        return (x - y) * (x - y) * (REAL)0.5;
    vec step = (x - y) / y, size = ONE;
    if (kind == KULLBACK_LEIBLER)
        size = y;
    else if (kind != ITAKURA_SAITO)
        size = NAME(vpow)(y, b);
    vec near = size * NAME(near)(step, b), far = NAME(apart)(x, y, kind, b);
    ivec is_near = (ivec)(step > -most) & (ivec)(step < most);
    return (vec)(((ivec)near & is_near) | ((ivec)far & ~is_near));
}
