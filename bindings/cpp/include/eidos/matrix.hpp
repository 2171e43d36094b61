/// Rows of 32-bit floats: views of them, and matrices that own them.
#ifndef EIDOS_MATRIX_HPP
#define EIDOS_MATRIX_HPP

#include "detail/language.hpp"
#include "error.hpp"

#include <cassert>
#include <cstddef>
#include <iterator>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#if defined(__has_include)
#if __has_include(<version>)
#include <version>
#endif
#endif
#ifdef __cpp_lib_span
#include <span>
#endif

namespace eidos {

namespace detail {

/// Whether a container or view has contiguous values that a Span of `T` can refer to.
template <class Container, class T, class = void> inline constexpr bool has_values = false;
template <class Container, class T>
inline constexpr bool has_values<Container, T, std::void_t<decltype(std::size(std::declval<Container &>()))>> =
    std::is_convertible_v<std::remove_pointer_t<decltype(std::data(std::declval<Container &>()))> (*)[], T (*)[]>;

/// Whether a type refers to values that it does not own. Such types name their element_type, as std::span does.
template <class Container, class = void> inline constexpr bool is_view = false;
template <class Container> inline constexpr bool is_view<Container, std::void_t<typename Container::element_type>> = true;

} // namespace detail

/// A view of contiguous values that another object owns: std::span for C++17. It can be made from any contiguous
/// container, and a std::span can be made from it. It is the same type in every language version, so that files
/// compiled for different versions can be linked.
template <class T> class Span {
public:
    using element_type = T;
    using value_type = std::remove_cv_t<T>;
    using size_type = std::size_t;
    using difference_type = std::ptrdiff_t;
    using pointer = T *;
    using reference = T &;
    using iterator = T *;

    constexpr Span() noexcept = default;
    constexpr Span(T *data, std::size_t size) noexcept : data_(data), size_(size) {}

    /// The values of another view, such as a std::span.
    template <class View, std::enable_if_t<detail::has_values<View, T> && detail::is_view<View> &&
                                               !std::is_same_v<View, Span>,
                                           int> = 0>
    constexpr Span(View view) : data_(std::data(view)), size_(std::size(view))
    {
    }

    /// The values of a container, such as a std::vector. Values of a temporary can be read but not written.
    template <class Container,
              std::enable_if_t<detail::has_values<Container, T> && !detail::is_view<std::decay_t<Container>> &&
                                   (std::is_lvalue_reference_v<Container> || std::is_const_v<T>),
                               int> = 0>
    constexpr Span(Container &&container EIDOS_LIFETIMEBOUND) : data_(std::data(container)), size_(std::size(container))
    {
    }

    [[nodiscard]] constexpr T *data() const noexcept { return data_; }
    [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
    [[nodiscard]] constexpr bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] constexpr T *begin() const noexcept { return data_; }
    [[nodiscard]] constexpr T *end() const noexcept { return data_ + size_; }

    /// A value; `index` must be less than the size.
    [[nodiscard]] constexpr T &operator[](std::size_t index) const
    {
        assert(index < size_);
        return data_[index];
    }

private:
    T *data_ = nullptr;
    std::size_t size_ = 0;
};

namespace detail {

/// How many values a matrix has; throws where memory could not hold them.
inline std::size_t value_count(std::size_t rows, std::size_t columns)
{
    constexpr std::size_t most = static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max()) / sizeof(float);
    if (columns != 0 && rows > most / columns)
        throw Error(Status::invalid_argument,
                    std::to_string(rows) + " rows of " + std::to_string(columns) + " columns are more than memory can hold",
                    "check the sizes");
    return rows * columns;
}

} // namespace detail

/// A read-only view of a row-major matrix of 32-bit floats that another object owns: a range of its rows.
///
///     for (const eidos::Span<const float> row : activations.rows())
///         norms.push_back(std::sqrt(std::inner_product(row.begin(), row.end(), row.begin(), 0.0)));
class MatrixView {
public:
    /// Goes over the rows.
    class Iterator {
    public:
        using iterator_category = std::random_access_iterator_tag; // although what it gives is a value, as that of std::vector<bool>
        using value_type = Span<const float>;
        using difference_type = std::ptrdiff_t;
        using pointer = void;
        using reference = Span<const float>;

        constexpr Iterator() noexcept = default;

        [[nodiscard]] constexpr Span<const float> operator*() const noexcept { return (*this)[0]; }
        [[nodiscard]] constexpr Span<const float> operator[](difference_type steps) const noexcept
        {
            const difference_type row = static_cast<difference_type>(row_) + steps;
            return {data_ + static_cast<std::size_t>(row) * column_count_, column_count_};
        }
        constexpr Iterator &operator+=(difference_type steps) noexcept
        {
            row_ = static_cast<std::size_t>(static_cast<difference_type>(row_) + steps);
            return *this;
        }
        constexpr Iterator &operator-=(difference_type steps) noexcept { return *this += -steps; }
        constexpr Iterator &operator++() noexcept { return *this += 1; }
        constexpr Iterator &operator--() noexcept { return *this -= 1; }
        constexpr Iterator operator++(int) noexcept { return (*this += 1) - 1; }
        constexpr Iterator operator--(int) noexcept { return (*this -= 1) + 1; }

        [[nodiscard]] friend constexpr Iterator operator+(Iterator at, difference_type steps) noexcept { return at += steps; }
        [[nodiscard]] friend constexpr Iterator operator+(difference_type steps, Iterator at) noexcept { return at += steps; }
        [[nodiscard]] friend constexpr Iterator operator-(Iterator at, difference_type steps) noexcept { return at -= steps; }
        [[nodiscard]] friend constexpr difference_type operator-(const Iterator &left, const Iterator &right) noexcept
        {
            return static_cast<difference_type>(left.row_) - static_cast<difference_type>(right.row_);
        }
        [[nodiscard]] friend constexpr bool operator==(const Iterator &left, const Iterator &right) noexcept
        {
            return left.row_ == right.row_;
        }
        [[nodiscard]] friend constexpr bool operator!=(const Iterator &left, const Iterator &right) noexcept { return !(left == right); }
        [[nodiscard]] friend constexpr bool operator<(const Iterator &left, const Iterator &right) noexcept
        {
            return left.row_ < right.row_;
        }
        [[nodiscard]] friend constexpr bool operator>(const Iterator &left, const Iterator &right) noexcept { return right < left; }
        [[nodiscard]] friend constexpr bool operator<=(const Iterator &left, const Iterator &right) noexcept { return !(right < left); }
        [[nodiscard]] friend constexpr bool operator>=(const Iterator &left, const Iterator &right) noexcept { return !(left < right); }

    private:
        friend class MatrixView;
        constexpr Iterator(const float *data, std::size_t column_count, std::size_t row) noexcept
            : data_(data), column_count_(column_count), row_(row)
        {
        }

        const float *data_ = nullptr;
        std::size_t column_count_ = 0;
        std::size_t row_ = 0;
    };

    /// An empty matrix.
    constexpr MatrixView() noexcept = default;

    /// `row_count * column_count` values at `data`. Throws an Error for sizes that no memory holds.
    MatrixView(const float *data, std::size_t row_count, std::size_t column_count)
        : values_(data, detail::value_count(row_count, column_count)), row_count_(row_count), column_count_(column_count)
    {
    }

    /// A matrix of rows of `column_count` values. Throws an Error when the last row is not complete.
    MatrixView(Span<const float> values, std::size_t column_count)
        : values_(values), row_count_(column_count ? values.size() / column_count : 0), column_count_(column_count)
    {
        if (row_count_ * column_count_ != values.size())
            throw Error(Status::invalid_argument,
                        std::to_string(values.size()) + " values are not whole rows of " + std::to_string(column_count) +
                            " columns",
                        "pass a multiple of the column count");
    }

    [[nodiscard]] constexpr std::size_t row_count() const noexcept { return row_count_; }
    [[nodiscard]] constexpr std::size_t column_count() const noexcept { return column_count_; }

    /// The first row, for loops.
    [[nodiscard]] constexpr Iterator begin() const noexcept { return {data(), column_count_, 0}; }

    /// One past the last row.
    [[nodiscard]] constexpr Iterator end() const noexcept { return {data(), column_count_, row_count_}; }

    /// The first value of the first row.
    [[nodiscard]] constexpr const float *data() const noexcept { return values_.data(); }

    /// All values, row after row.
    [[nodiscard]] constexpr Span<const float> values() const noexcept { return values_; }

    /// A row. Throws an Error beyond the last.
    [[nodiscard]] Span<const float> row(std::size_t index) const
    {
        detail::check_index(index, row_count_, "row");
        return {values_.data() + index * column_count_, column_count_};
    }

    /// A value; `row` and `column` must be less than the counts.
    [[nodiscard]] constexpr float operator()(std::size_t row, std::size_t column) const
    {
        assert(row < row_count_ && column < column_count_);
        return values_[row * column_count_ + column];
    }

private:
    Span<const float> values_;
    std::size_t row_count_ = 0;
    std::size_t column_count_ = 0;
};

/// A row-major matrix of 32-bit floats that owns its values. It converts to a MatrixView.
class Matrix {
public:
    /// An empty matrix.
    Matrix() = default;

    /// A matrix of zeros. Throws an Error for sizes that no memory holds.
    Matrix(std::size_t row_count, std::size_t column_count)
        : values_(detail::value_count(row_count, column_count)), row_count_(row_count), column_count_(column_count)
    {
    }

    [[nodiscard]] std::size_t row_count() const noexcept { return row_count_; }
    [[nodiscard]] std::size_t column_count() const noexcept { return column_count_; }

    /// All values, row after row; they move out of a temporary.
    [[nodiscard]] std::vector<float> values() && { return std::move(values_); }
    [[nodiscard]] Span<const float> values() const & noexcept EIDOS_LIFETIMEBOUND { return values_; }
    [[nodiscard]] Span<float> values() & noexcept EIDOS_LIFETIMEBOUND { return values_; }

    /// A row. Throws an Error beyond the last.
    [[nodiscard]] Span<const float> row(std::size_t index) const & EIDOS_LIFETIMEBOUND { return view().row(index); }
    [[nodiscard]] Span<float> row(std::size_t index) & EIDOS_LIFETIMEBOUND
    {
        detail::check_index(index, row_count_, "row");
        return {values_.data() + index * column_count_, column_count_};
    }
    Span<const float> row(std::size_t) const && = delete;

    /// A value; `row` and `column` must be less than the counts.
    [[nodiscard]] float operator()(std::size_t row, std::size_t column) const { return view()(row, column); }

    /// The first row, for loops, and one past the last.
    [[nodiscard]] MatrixView::Iterator begin() const & EIDOS_LIFETIMEBOUND { return view().begin(); }
    [[nodiscard]] MatrixView::Iterator end() const & EIDOS_LIFETIMEBOUND { return view().end(); }

    /// A view, valid while the matrix lives.
    operator MatrixView() const EIDOS_LIFETIMEBOUND { return view(); }

private:
    [[nodiscard]] MatrixView view() const { return {values_.data(), row_count_, column_count_}; }

    std::vector<float> values_;
    std::size_t row_count_ = 0;
    std::size_t column_count_ = 0;
};

} // namespace eidos

#ifdef __cpp_lib_span
/// A Span does not own its values, so iterators outlive it, as with std::span.
template <class T> inline constexpr bool std::ranges::enable_borrowed_range<eidos::Span<T>> = true;
template <> inline constexpr bool std::ranges::enable_borrowed_range<eidos::MatrixView> = true;
#endif

#endif
