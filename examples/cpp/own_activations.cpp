// Concepts of a matrix that came from elsewhere, without a model: own_activations
//
// Three independent sources are mixed into six columns; ICA finds the sources again. The numbers are drawn with integers
// only, so that this example prints the same in every language.
#include <eidos.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <exception>
#include <iomanip>
#include <iostream>
#include <string>
#include <vector>

constexpr std::size_t row_count = 2000, column_count = 6, source_count = 3;
constexpr double mixing[source_count][column_count] = {{2, -1, 0, 1, 3, 1}, {1, 1, -2, 0, 1, -3}, {0, 2, 1, -1, 1, 1}};

// The next draw of a linear congruential generator, between -1 and 1, to the fifth power: mostly small, rarely large.
static double draw(std::uint64_t &state)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    const double u = static_cast<double>(state >> 40) / 8388608.0 - 1.0;
    return u * u * u * u * u;
}

// Row after row.
static std::vector<float> mixed_sources()
{
    std::uint64_t state = 1;
    std::vector<float> rows;
    for (std::size_t row = 0; row < row_count; row++) {
        std::array<double, column_count> mixed{};
        for (const auto &weights : mixing) {
            const double value = draw(state);
            for (std::size_t column = 0; column < column_count; column++)
                mixed[column] += value * weights[column];
        }
        for (std::size_t column = 0; column < column_count; column++)
            rows.push_back(static_cast<float>(mixed[column] + static_cast<double>(column)));
    }
    return rows;
}

int main()
try {
    const auto rows = mixed_sources();
    std::vector<std::string> names;
    for (std::size_t row = 0; row < row_count; row++)
        names.push_back("row " + std::to_string(row));

    const auto activations = eidos::Activations::from_rows({rows, column_count}, names);
    const auto explainer = eidos::fit_ica(activations, {.concept_count = source_count});
    const auto meaning = eidos::interpret_top_inputs(explainer, activations, {.k = 3});

    std::cout << activations.row_count() << " rows x " << activations.column_count() << " columns, "
              << (explainer.fit_report().converged ? "converged" : "not converged") << '\n';
    for (const auto &found : meaning.concepts()) {
        std::cout << "Concept " << found.concept_index << ':';
        for (const auto &input : found.positive)
            std::cout << " '" << input.text << "' " << std::fixed << std::setprecision(2) << input.activation;
        std::cout << '\n';
    }

    const auto decoded = explainer.decode(explainer.encode(activations.rows()));
    const bool close = std::ranges::equal(decoded.values(), rows, [](float a, float b) { return std::abs(a - b) < 1e-4; });
    std::cout << "decoding gives the rows back: " << (close ? "yes" : "no") << '\n';
} catch (const std::exception &error) {
    std::cerr << "error: " << error.what() << '\n';
    return 1;
}
