/* The elementwise parts of a layer, each in one pass over memory, with float32 inside.
 *
 * worker/model/fused.py compiles this file with the machine's own C compiler, and PyTorch's functions stand in without
 * one. Threads are those of the OpenMP library that PyTorch has loaded. bfloat16 values are the upper half of a float32,
 * rounded to nearest even.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

static inline float wide(uint16_t half) {
    uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

static inline uint16_t narrow(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    uint16_t rounded = (uint16_t)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
    /* Rounding would turn some NaNs into infinity. */
    return value != value ? (uint16_t)0x7fc0 : rounded;
}

static inline float scale_of(const float *x, int64_t width, float eps) {
    float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < width; i++) sum += x[i] * x[i];
    return 1.0f / sqrtf(sum / (float)width + eps);
}

/* out = x / sqrt(mean(x^2) + eps) * weight, row by row; x [rows, width] float32. */
void e1_norm_float32(const float *x, const float *weight, float *out, int64_t rows, int64_t width, float eps) {
#pragma omp parallel for schedule(static)
    for (int64_t row = 0; row < rows; row++) {
        const float *from = x + row * width;
        float *to = out + row * width;
        float scale = scale_of(from, width, eps);
        for (int64_t i = 0; i < width; i++) to[i] = from[i] * scale * weight[i];
    }
}

void e1_norm_bfloat16(const float *x, const float *weight, uint16_t *out, int64_t rows, int64_t width, float eps) {
#pragma omp parallel for schedule(static)
    for (int64_t row = 0; row < rows; row++) {
        const float *from = x + row * width;
        uint16_t *to = out + row * width;
        float scale = scale_of(from, width, eps);
        for (int64_t i = 0; i < width; i++) to[i] = narrow(from[i] * scale * weight[i]);
    }
}

/* out = x + y; x and out float32, y bfloat16. */
void e1_add_bfloat16(const float *x, const uint16_t *y, float *out, int64_t rows, int64_t width) {
#pragma omp parallel for schedule(static)
    for (int64_t row = 0; row < rows; row++) {
        int64_t at = row * width;
        for (int64_t i = 0; i < width; i++) out[at + i] = x[at + i] + wide(y[at + i]);
    }
}

/* Rotate the first `heads` heads of each row in place: the first half of a head pairs with its second half.
 * cos and sin are [rows, half] float32; a row of x has `stride` numbers. */
void e1_rotate_float32(float *x, const float *cos, const float *sin, int64_t rows, int64_t heads, int64_t half,
                       int64_t stride) {
#pragma omp parallel for schedule(static)
    for (int64_t row = 0; row < rows; row++) {
        const float *c = cos + row * half, *s = sin + row * half;
        for (int64_t head = 0; head < heads; head++) {
            float *a = x + row * stride + head * 2 * half, *b = a + half;
#pragma omp simd
            for (int64_t i = 0; i < half; i++) {
                float first = a[i], second = b[i];
                a[i] = first * c[i] - second * s[i];
                b[i] = second * c[i] + first * s[i];
            }
        }
    }
}

void e1_rotate_bfloat16(uint16_t *x, const float *cos, const float *sin, int64_t rows, int64_t heads, int64_t half,
                        int64_t stride) {
#pragma omp parallel for schedule(static)
    for (int64_t row = 0; row < rows; row++) {
        const float *c = cos + row * half, *s = sin + row * half;
        for (int64_t head = 0; head < heads; head++) {
            uint16_t *a = x + row * stride + head * 2 * half, *b = a + half;
#pragma omp simd
            for (int64_t i = 0; i < half; i++) {
                float first = wide(a[i]), second = wide(b[i]);
                a[i] = narrow(first * c[i] - second * s[i]);
                b[i] = narrow(second * c[i] + first * s[i]);
            }
        }
    }
}

/* out = a + (b - a) / (1 + exp(lse_a - lse_b)), row by row: the attention over two sets of keys, from that over each. */
static inline float share_of(float lse_a, float lse_b) { return 1.0f / (1.0f + expf(lse_a - lse_b)); }

void e1_merge_float32(const float *a, const float *lse_a, const float *b, const float *lse_b, float *out, int64_t rows,
                      int64_t width) {
#pragma omp parallel for schedule(static)
    for (int64_t row = 0; row < rows; row++) {
        int64_t at = row * width;
        float share = share_of(lse_a[row], lse_b[row]);
        for (int64_t i = 0; i < width; i++) out[at + i] = a[at + i] + share * (b[at + i] - a[at + i]);
    }
}

void e1_merge_bfloat16(const uint16_t *a, const float *lse_a, const uint16_t *b, const float *lse_b, uint16_t *out,
                       int64_t rows, int64_t width) {
#pragma omp parallel for schedule(static)
    for (int64_t row = 0; row < rows; row++) {
        int64_t at = row * width;
        float share = share_of(lse_a[row], lse_b[row]);
        for (int64_t i = 0; i < width; i++) {
            float first = wide(a[at + i]);
            out[at + i] = narrow(first + share * (wide(b[at + i]) - first));
        }
    }
}
