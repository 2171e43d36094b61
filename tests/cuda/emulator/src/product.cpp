// Products of matrices in a stated order of summation, so that two algorithms differ in their last bits as real ones do.
#include "../shim/cuda_runtime.h"
#include "emulator.h"

#include <cmath>

namespace emulator {
namespace {

constexpr std::int64_t panel = 32;
constexpr std::int64_t columns = 4;

float as_f32(const unsigned char *at, Type type) {
    std::uint16_t half;
    float single;
    double twice;
    switch (type) {
    case Type::f16: std::memcpy(&half, at, 2); return emulated::Half::widen(half);
    case Type::bf16: std::memcpy(&half, at, 2); return emulated::Bfloat::widen(half);
    case Type::f32: std::memcpy(&single, at, 4); return single;
    default: std::memcpy(&twice, at, 8); return static_cast<float>(twice);
    }
}

double as_f64(const unsigned char *at, Type type) {
    if (type != Type::f64) {
        return static_cast<double>(as_f32(at, type));
    }
    double value;
    std::memcpy(&value, at, 8);
    return value;
}

void put(unsigned char *at, Type type, double value) {
    float single = static_cast<float>(value);
    std::uint16_t half = type == Type::f16 ? emulated::Half::narrow(single) : emulated::Bfloat::narrow(single);
    switch (type) {
    case Type::f16:
    case Type::bf16: std::memcpy(at, &half, 2); break;
    case Type::f32: std::memcpy(at, &single, 4); break;
    case Type::f64: std::memcpy(at, &value, 8); break;
    }
}

float to_tf32(float x) {
    std::uint32_t all = emulated::bits<std::uint32_t>(x);
    return (all & 0x7f800000u) == 0x7f800000u ? x : emulated::bits<float>((all + 0x1000u) & ~0x1fffu);
}

float rounded_input(float x, Round round) {
    switch (round) {
    case Round::tf32: return to_tf32(x);
    case Round::bf16: return emulated::Bfloat::widen(emulated::Bfloat::narrow(x));
    case Round::f16: return emulated::Half::widen(emulated::Half::narrow(x));
    default: return x;
    }
}

// The bytes of a matrix, checked from its first to its last.
struct View {
    unsigned char *bytes;
    const Matrix *of;
    std::int64_t size;

    bool open(const Device &device, const Matrix &matrix, std::int64_t rows, std::int64_t matrix_columns, std::int64_t batch, const char *what) {
        of = &matrix;
        size = static_cast<std::int64_t>(size_of(matrix.type));
        std::int64_t last = (rows - 1) * matrix.row + (matrix_columns - 1) * matrix.column + (batch - 1) * matrix.batch;
        bytes = static_cast<unsigned char *>(memory(matrix.pointer, static_cast<std::size_t>((last + 1) * size), &device, what));
        return bytes != nullptr;
    }
    unsigned char *at(std::int64_t batch, std::int64_t row, std::int64_t column) const {
        return bytes + (batch * of->batch + row * of->row + column * of->column) * size;
    }
};

template <typename T> T load(const View &view, std::int64_t batch, std::int64_t row, std::int64_t column, Round round) {
    const unsigned char *at = view.at(batch, row, column);
    if constexpr (std::is_same_v<T, double>) {
        return as_f64(at, view.of->type);
    } else {
        return rounded_input(as_f32(at, view.of->type), round);
    }
}

// Sums the products of `k` in [from, to) for a tile of `panel` rows and some columns.
template <typename T>
void sum_part(T (*sums)[panel], const T *rows, const T *const *others, std::int64_t from, std::int64_t to, bool reversed) {
    for (std::int64_t i = from; i < to; ++i) {
        std::int64_t k = reversed ? from + to - 1 - i : i;
        const T *row = rows + k * panel;
        for (std::int64_t c = 0; c < columns; ++c) {
            T other = others[c][k];
            for (std::int64_t r = 0; r < panel; ++r) {
                sums[c][r] += row[r] * other;
            }
        }
    }
}

template <typename T> void multiply(const Product &p, const View &a, const View &b, const View &c, const View &d, const View &bias) {
    std::int64_t k = p.k, groups = std::max<std::int64_t>(p.splits, 1);
    std::int64_t group = (k + groups - 1) / groups, part = std::max<std::int64_t>(p.part, 1);
    std::vector<T> rows(static_cast<std::size_t>(k * panel)), others(static_cast<std::size_t>(p.n * k));
    for (std::int64_t batch = 0; batch < p.batch; ++batch) {
        for (std::int64_t n = 0; n < p.n; ++n) {
            for (std::int64_t i = 0; i < k; ++i) {
                others[static_cast<std::size_t>(n * k + i)] = load<T>(b, batch, i, n, p.inputs);
            }
        }
        for (std::int64_t m = 0; m < p.m; m += panel) {
            std::int64_t height = std::min(panel, p.m - m);
            for (std::int64_t r = 0; r < panel; ++r) {
                for (std::int64_t i = 0; i < k; ++i) {
                    rows[static_cast<std::size_t>(i * panel + r)] = r < height ? load<T>(a, batch, m + r, i, p.inputs) : T(0);
                }
            }
            for (std::int64_t n = 0; n < p.n; n += columns) {
                const T *four[columns];
                for (std::int64_t j = 0; j < columns; ++j) {
                    four[j] = others.data() + std::min(n + j, p.n - 1) * k;
                }
                T total[columns][panel] = {};
                for (std::int64_t g = 0; g < k; g += group) {
                    T of_group[columns][panel] = {};
                    for (std::int64_t from = g; from < std::min(g + group, k); from += part) {
                        T of_part[columns][panel] = {};
                        sum_part(of_part, rows.data(), four, from, std::min({from + part, g + group, k}), p.reversed);
                        for (std::int64_t j = 0; j < columns; ++j) {
                            for (std::int64_t r = 0; r < panel; ++r) {
                                of_group[j][r] += of_part[j][r];
                            }
                        }
                    }
                    for (std::int64_t j = 0; j < columns; ++j) {
                        for (std::int64_t r = 0; r < panel; ++r) {
                            total[j][r] += of_group[j][r];
                        }
                    }
                }
                for (std::int64_t j = 0; j < std::min(columns, p.n - n); ++j) {
                    for (std::int64_t r = 0; r < height; ++r) {
                        T value = static_cast<T>(p.alpha) * total[j][r];
                        if (p.beta != 0.0) {
                            value += static_cast<T>(p.beta) * load<T>(c, batch, m + r, n + j, Round::none);
                        }
                        if (p.bias != 0) {
                            value += load<T>(bias, batch, m + r, 0, Round::none);
                        }
                        if (p.function == Product::relu) {
                            value = value > T(0) ? value : T(0);
                        } else if (p.function == Product::gelu) {
                            T inner = T(0.7978845608028654) * (value + T(0.044715) * value * value * value);
                            value = T(0.5) * value * (T(1) + std::tanh(inner));
                        }
                        put(d.at(batch, m + r, n + j), p.d.type, static_cast<double>(value));
                    }
                }
            }
        }
    }
}

} // namespace

std::size_t size_of(Type type) { return type == Type::f64 ? 8 : type == Type::f32 ? 4 : 2; }

Status run_product(Device &device, const Product &p) {
    if (p.m == 0 || p.n == 0 || p.batch == 0) {
        return success;
    }
    View a{}, b{}, c{}, d{}, bias{};
    Matrix of_bias{p.bias, p.bias_type, 1, 0, p.bias_batch};
    std::int64_t k = std::max<std::int64_t>(p.k, 1);
    if (!a.open(device, p.a, p.m, k, p.batch, "product, A") || !b.open(device, p.b, k, p.n, p.batch, "product, B") ||
        !d.open(device, p.d, p.m, p.n, p.batch, "product, D") ||
        (p.beta != 0.0 && !c.open(device, p.c, p.m, p.n, p.batch, "product, C")) ||
        (p.bias != 0 && !bias.open(device, of_bias, p.m, 1, p.batch, "product, bias"))) {
        return illegal_address;
    }
    if (p.d.type == Type::f64) {
        multiply<double>(p, a, b, c, d, bias);
    } else {
        multiply<float>(p, a, b, c, d, bias);
    }
    return success;
}

} // namespace emulator
