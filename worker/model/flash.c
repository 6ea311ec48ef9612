/* Attention in bfloat16 for processors with AVX512-BF16 and without AMX: softmax(q k^T / sqrt(D)) v and its log-sum-exp.
 *
 * PyTorch's kernel packs keys only on AMX; elsewhere its small products run far below those of a layer. Here keys and
 * values are packed once a call, in pairs as the instruction wants them. Each thread then takes blocks of queries past
 * blocks of keys that stay in its cache. Sums are float32. worker/model/fused.py compiles this file with fused.c.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX512BF16__) && defined(__AVX512F__) && !defined(__AMX_BF16__)
#include <immintrin.h>

enum { ROWS = 6, GROUP = 16, TILE = 64, QUERIES = 48, KEYS = 128, WIDEST = 128 };
#define ALIGNED __attribute__((aligned(64)))

int e1_attends(void) { return 1; }

/* Pack 16 keys as [half][16] pairs; keys beyond `count` are zero. */
static void pack_keys(const uint16_t *from, int64_t stride, int64_t count, int64_t half, uint16_t *to) {
    for (int64_t key = 0; key < GROUP; key++)
        for (int64_t pair = 0; pair < half; pair++) {
            uint32_t both = 0;
            if (key < count) memcpy(&both, from + key * stride + 2 * pair, 4);
            memcpy(to + (pair * GROUP + key) * 2, &both, 4);
        }
}

/* Pack two values as [width] pairs. */
static void pack_values(const uint16_t *first, const uint16_t *second, int64_t width, uint16_t *to) {
    for (int64_t i = 0; i < width; i++) {
        to[2 * i] = first ? first[i] : 0;
        to[2 * i + 1] = second ? second[i] : 0;
    }
}

static inline __m512bh pairs_at(const uint16_t *at) { return (__m512bh)_mm512_loadu_si512(at); }

static inline __m512bh one_pair(const uint16_t *at) {
    int32_t both;
    memcpy(&both, at, 4);
    return (__m512bh)_mm512_set1_epi32(both);
}

/* scores [ROWS, TILE] of rows of KEYS = q [ROWS, width] times 64 packed keys. */
static inline void dot_keys(const uint16_t *q, const uint16_t *keys, int64_t width, float *scores) {
    __m512 sums[ROWS][4];
#pragma GCC unroll 6
    for (int row = 0; row < ROWS; row++)
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) sums[row][j] = _mm512_setzero_ps();
    for (int64_t pair = 0; pair < width / 2; pair++) {
        __m512bh some[4];
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) some[j] = pairs_at(keys + j * GROUP * width + pair * 2 * GROUP);
#pragma GCC unroll 6
        for (int row = 0; row < ROWS; row++) {
            __m512bh own = one_pair(q + row * width + 2 * pair);
#pragma GCC unroll 4
            for (int j = 0; j < 4; j++) sums[row][j] = _mm512_dpbf16_ps(sums[row][j], own, some[j]);
        }
    }
#pragma GCC unroll 6
    for (int row = 0; row < ROWS; row++)
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) _mm512_storeu_ps(scores + row * KEYS + j * GROUP, sums[row][j]);
}

/* result [ROWS, width] += weights [ROWS, count] of rows of KEYS, times packed values [count / 2, width]. */
static inline void add_values(const uint16_t *weights, int64_t count, const uint16_t *values, int64_t width,
                              float *result) {
    for (int64_t first = 0; first < width; first += TILE) {
        __m512 sums[ROWS][4];
#pragma GCC unroll 6
        for (int row = 0; row < ROWS; row++)
#pragma GCC unroll 4
            for (int j = 0; j < 4; j++) sums[row][j] = _mm512_loadu_ps(result + row * width + first + j * GROUP);
        for (int64_t pair = 0; pair < count / 2; pair++) {
            __m512bh some[4];
#pragma GCC unroll 4
            for (int j = 0; j < 4; j++) some[j] = pairs_at(values + (pair * width + first + j * GROUP) * 2);
#pragma GCC unroll 6
            for (int row = 0; row < ROWS; row++) {
                __m512bh own = one_pair(weights + row * KEYS + 2 * pair);
#pragma GCC unroll 4
                for (int j = 0; j < 4; j++) sums[row][j] = _mm512_dpbf16_ps(sums[row][j], own, some[j]);
            }
        }
#pragma GCC unroll 6
        for (int row = 0; row < ROWS; row++)
#pragma GCC unroll 4
            for (int j = 0; j < 4; j++) _mm512_storeu_ps(result + row * width + first + j * GROUP, sums[row][j]);
    }
}

/* exp(x) for x <= 0: 2^n times the Taylor series of 2^f for f in [-1/2, 1/2], within 3e-7. NaN stays NaN. */
static inline __m512 exp_of(__m512 x) {
    x = _mm512_max_ps(_mm512_set1_ps(-126.0f), x); /* the result is then 0 in float32, also for -infinity */
    __m512 y = _mm512_mul_ps(x, _mm512_set1_ps(1.44269504f));
    __m512 n = _mm512_roundscale_ps(y, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m512 f = _mm512_mul_ps(_mm512_sub_ps(y, n), _mm512_set1_ps(0.69314718f));
    __m512 sum = _mm512_set1_ps(1.0f / 720);
    sum = _mm512_fmadd_ps(sum, f, _mm512_set1_ps(1.0f / 120));
    sum = _mm512_fmadd_ps(sum, f, _mm512_set1_ps(1.0f / 24));
    sum = _mm512_fmadd_ps(sum, f, _mm512_set1_ps(1.0f / 6));
    sum = _mm512_fmadd_ps(sum, f, _mm512_set1_ps(0.5f));
    sum = _mm512_fmadd_ps(sum, f, _mm512_set1_ps(1.0f));
    sum = _mm512_fmadd_ps(sum, f, _mm512_set1_ps(1.0f));
    return _mm512_scalef_ps(sum, n);
}

/* Turn a row's scores into weights relative to its largest score so far, and the earlier sums to the same scale. */
static inline void weigh(const float *scores, int64_t count, float scale, uint16_t *weights, float *top, float *sum,
                         float *result, int64_t width) {
    __m512 most = _mm512_loadu_ps(scores);
    for (int64_t i = GROUP; i < count; i += GROUP) most = _mm512_max_ps(most, _mm512_loadu_ps(scores + i));
    float best = _mm512_reduce_max_ps(most) * scale;
    float now = best > *top ? best : *top;
    float before = expf(*top - now);
    __m512 all = _mm512_setzero_ps(), shift = _mm512_set1_ps(-now), factor = _mm512_set1_ps(scale);
    for (int64_t i = 0; i < count; i += GROUP) {
        __m512 weight = exp_of(_mm512_fmadd_ps(_mm512_loadu_ps(scores + i), factor, shift));
        all = _mm512_add_ps(all, weight);
        _mm256_storeu_si256((__m256i *)(weights + i), (__m256i)_mm512_cvtneps_pbh(weight));
    }
    *sum = *sum * before + _mm512_reduce_add_ps(all);
    *top = now;
    if (before != 1.0f)
        for (int64_t i = 0; i < width; i++) result[i] *= before;
}

/* One block of queries past all keys of its head. out rows are `out_stride` apart, lse ones `lse_stride`. */
static void attend_block(const uint16_t *q, int64_t q_stride, int64_t rows, const uint16_t *keys,
                         const uint16_t *values, int64_t S, int64_t width, float scale, uint16_t *out,
                         int64_t out_stride, float *lse, int64_t lse_stride) {
    uint16_t own[QUERIES * WIDEST] ALIGNED, weights[QUERIES * KEYS] ALIGNED;
    float scores[QUERIES * KEYS] ALIGNED, result[QUERIES * WIDEST] ALIGNED, top[QUERIES], sum[QUERIES];
    int64_t all = (rows + ROWS - 1) / ROWS * ROWS, padded = (S + TILE - 1) / TILE * TILE;
    memset(own, 0, sizeof(uint16_t) * all * width);
    memset(result, 0, sizeof(float) * all * width);
    for (int64_t row = 0; row < rows; row++) memcpy(own + row * width, q + row * q_stride, sizeof(uint16_t) * width);
    for (int64_t row = 0; row < all; row++) top[row] = -INFINITY, sum[row] = 0.0f;
    for (int64_t first = 0; first < padded; first += KEYS) {
        int64_t count = padded - first < KEYS ? padded - first : KEYS;
        for (int64_t row = 0; row < all; row += ROWS)
            for (int64_t at = 0; at < count; at += TILE)
                dot_keys(own + row * width, keys + (first + at) * width, width, scores + row * KEYS + at);
        for (int64_t row = 0; row < all; row++) {
            for (int64_t key = S - first; key < count; key++) scores[row * KEYS + key] = -INFINITY;
            weigh(scores + row * KEYS, count, scale, weights + row * KEYS, top + row, sum + row, result + row * width,
                  width);
        }
        for (int64_t row = 0; row < all; row += ROWS)
            add_values(weights + row * KEYS, count, values + first * width, width, result + row * width);
    }
    for (int64_t row = 0; row < rows; row++) {
        __m512 share = _mm512_set1_ps(1.0f / sum[row]);
        for (int64_t i = 0; i < width; i += GROUP)
            _mm256_storeu_si256((__m256i *)(out + row * out_stride + i),
                                (__m256i)_mm512_cvtneps_pbh(
                                    _mm512_mul_ps(_mm512_loadu_ps(result + row * width + i), share)));
        lse[row * lse_stride] = top[row] + logf(sum[row]);
    }
}

/* q [B, N, L, D], k and v [B, N, S, D] with the strides of their first three axes; out [B, L, N, D] and lse [B, L, N].
 * `packed` has room for 2 B N S' D numbers, with S' = S rounded up to 64. D is 64 or 128. */
void e1_attend(const uint16_t *q, const uint16_t *k, const uint16_t *v, uint16_t *packed, uint16_t *out, float *lse,
               const int64_t *sizes, const int64_t *strides, float scale) {
    int64_t B = sizes[0], N = sizes[1], L = sizes[2], S = sizes[3], D = sizes[4];
    const int64_t *qs = strides, *ks = strides + 3, *vs = strides + 6;
    int64_t padded = (S + TILE - 1) / TILE * TILE, head = padded * D, groups = padded / GROUP;
    uint16_t *keys = packed, *values = packed + B * N * head;
#pragma omp parallel for schedule(static)
    for (int64_t task = 0; task < B * N * groups; task++) {
        int64_t at = task / groups, first = task % groups * GROUP;
        const uint16_t *key = k + at / N * ks[0] + at % N * ks[1], *value = v + at / N * vs[0] + at % N * vs[1];
        pack_keys(key + first * ks[2], ks[2], S - first, D / 2, keys + at * head + first * D);
        for (int64_t i = first; i < first + GROUP; i += 2)
            pack_values(i < S ? value + i * vs[2] : 0, i + 1 < S ? value + (i + 1) * vs[2] : 0, D,
                        values + at * head + i * D);
    }
    int64_t blocks = (L + QUERIES - 1) / QUERIES;
#pragma omp parallel for schedule(static)
    for (int64_t task = 0; task < B * N * blocks; task++) {
        int64_t at = task / blocks, b = at / N, n = at % N, first = task % blocks * QUERIES;
        int64_t rows = L - first < QUERIES ? L - first : QUERIES;
        attend_block(q + b * qs[0] + n * qs[1] + first * qs[2], qs[2], rows, keys + at * head, values + at * head, S, D,
                     scale, out + ((b * L + first) * N + n) * D, N * D, lse + (b * L + first) * N + n, N);
    }
}

#else

int e1_attends(void) { return 0; }

#endif
