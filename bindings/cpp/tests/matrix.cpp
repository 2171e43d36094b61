// Views of values, and matrices that own them.
#include "demo.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <type_traits>

#ifdef __cpp_lib_span
#include <ranges>
#endif

namespace {

using eidos::Matrix;
using eidos::MatrixView;
using eidos::Span;

TEST(Matrix, SpansAreMadeOfContiguousContainers)
{
    std::vector<float> values = {1, 2, 3};
    const std::array<float, 2> pair = {4, 5};
    float array[] = {6, 7, 8};
    const Span<const float> of_vector = values, of_pair = pair, of_array = array;
    const Span<float> to_write = values;
    to_write[1] = 20;
    EXPECT_EQ(of_vector.size() + of_pair.size() + of_array.size(), 8u);
    EXPECT_EQ(std::accumulate(of_vector.begin(), of_vector.end(), 0.0f), 24.0f);
    EXPECT_EQ(Span<const float>(to_write).data(), values.data());
    EXPECT_TRUE(Span<float>().empty());
    static_assert(!std::is_convertible_v<const std::vector<float> &, Span<float>>, "what is const stays so");
    static_assert(!std::is_convertible_v<std::vector<float>, Span<float>>, "writing into a temporary");
    static_assert(!std::is_convertible_v<std::vector<double> &, Span<const float>>);
}

TEST(Matrix, ViewsKnowTheirShape)
{
    const std::vector<float> values = {1, 2, 3, 4, 5, 6};
    const MatrixView view(values, 3);
    EXPECT_EQ(view.row_count(), 2u);
    EXPECT_EQ(view.column_count(), 3u);
    EXPECT_EQ(view.row(1).data(), &values[3]);
    EXPECT_EQ(view(1, 2), 6);
    EXPECT_EQ(view.values().size(), 6u);
    EXPECT_EQ(MatrixView().row_count(), 0u);
    EXPECT_EQ(MatrixView(Span<const float>(), 3).row_count(), 0u);
    EXPECT_STATUS(invalid_argument, view.row(2));
    EXPECT_STATUS(invalid_argument, MatrixView(values, 4));
    EXPECT_STATUS(invalid_argument, MatrixView(values, 0));
    EXPECT_STATUS(invalid_argument, MatrixView(values.data(), std::numeric_limits<std::size_t>::max(), 2));
}

TEST(Matrix, AViewIsARangeOfItsRows)
{
    const std::vector<float> values = {1, 2, 3, 4, 5, 6};
    const MatrixView view(values, 2);
    std::vector<float> sums;
    for (const Span<const float> row : view)
        sums.push_back(row[0] + row[1]);
    EXPECT_EQ(sums, (std::vector<float>{3, 7, 11}));
    EXPECT_EQ(view.end() - view.begin(), 3);
    EXPECT_EQ((*std::prev(view.end())).data(), &values[4]);
    EXPECT_EQ(view.begin()[1][0], 3);
    EXPECT_TRUE(view.begin() < view.end() && view.begin() + 3 == view.end());
    EXPECT_EQ(MatrixView().begin(), MatrixView().end());
    EXPECT_EQ(std::count_if(view.begin(), view.end(), [](Span<const float> row) { return row[0] > 1; }), 2);
    Matrix matrix(2, 3);
    EXPECT_EQ(std::distance(matrix.begin(), matrix.end()), 2);
#ifdef __cpp_lib_ranges
    static_assert(std::ranges::random_access_range<MatrixView> && std::ranges::sized_range<MatrixView>);
    static_assert(std::ranges::borrowed_range<MatrixView>);
#endif
}

TEST(Matrix, MatricesOwnTheirValues)
{
    Matrix matrix(2, 3);
    matrix.values()[5] = 7;
    EXPECT_EQ(matrix(1, 2), 7);
    EXPECT_EQ(matrix.row(1)[2], 7);
    const MatrixView view = matrix;
    EXPECT_EQ(view.data(), matrix.values().data());
    const std::vector<float> values = std::move(matrix).values();
    EXPECT_EQ(values, (std::vector<float>{0, 0, 0, 0, 0, 7}));
    EXPECT_STATUS(invalid_argument, Matrix(std::numeric_limits<std::size_t>::max(), 2));
}

#ifdef __cpp_lib_span
TEST(Matrix, SpansAreThoseOfTheStandardLibrary)
{
    const std::span<const float> row = demo().activations.rows().row(0);
    EXPECT_EQ(row.size(), demo().activations.column_count());
    const Span<const float> back = std::span(row);
    EXPECT_EQ(back.data(), row.data());
    static_assert(std::ranges::contiguous_range<Span<const float>> && std::ranges::borrowed_range<Span<const float>>);
    EXPECT_NE(std::ranges::max_element(demo().activations.rows().row(0)), row.data() + row.size());
    std::vector<float> out(4);
    demo().explainer.encode_into({row, row.size()}, std::span<float>(out));
}
#endif

} // namespace
