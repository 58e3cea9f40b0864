/* Matrices in and out of the order that the products take; part of half.h. */

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
