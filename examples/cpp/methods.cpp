// Concepts of the same words by every method: methods [MODEL [SPLIT [TEXTS]]]
//
// For each method: how many concepts there are, the share of the words' variance that is lost between encoding and decoding,
// how many codes of a word are not zero, and the words that excite its first concept most.
#include <eidos.hpp>

#include <exception>
#include <iomanip>
#include <iostream>
#include <string>
#include <vector>

static constexpr unsigned concepts = 20;

struct Words {
    const eidos::Activations &activations;
    eidos::Matrix values;
    double variance = 0;
};

// One line of the table.
static void print(const Words &words, const eidos::Explainer &explainer)
{
    const auto codes = explainer.encode(words.values);
    const auto decoded = explainer.decode(codes);
    const std::size_t rows = words.values.row_count(), columns = words.values.column_count();
    double lost = 0;
    std::size_t used = 0;
    for (std::size_t row = 0; row < rows; row++) {
        for (std::size_t column = 0; column < columns; column++) {
            const double difference = double{words.values.row(row)[column]} - double{decoded.row(row)[column]};
            lost += difference * difference;
        }
        for (std::size_t index = 0; index < codes.column_count(); index++)
            used += codes.row(row)[index] != 0;
    }
    std::cout << std::left << std::setw(20) << explainer.method() << std::right << std::setw(8) << explainer.concept_count()
              << std::fixed << std::setprecision(1) << std::setw(8) << 100 * lost / words.variance << " %" << std::setw(8)
              << static_cast<double>(used) / static_cast<double>(rows) << "  [";
    const auto meaning = eidos::interpret_top_inputs(explainer, words.activations, {.k = 3, .concepts = std::vector<std::size_t>{0}});
    const auto found = meaning.concepts();
    for (const char *comma = ""; const auto &input : found.at(0).positive) {
        std::cout << comma << '\'' << input.text << '\'';
        comma = ", ";
    }
    std::cout << "]\n";
}

int main(int argc, char **argv)
try {
    const std::string id = argc > 1 ? argv[1] : "eidos:demo";
    const std::string split = argc > 2 ? argv[2] : "model.layers.2.mlp";
    const auto texts = eidos::read_texts(argc > 3 ? argv[3] : "assets/demo-texts.txt");
    const auto model = eidos::SplitModel::load(id, split);
    const auto activations = model.activations(texts);

    Words words{activations, activations.copy_rows(0, activations.row_count())};
    const std::size_t rows = words.values.row_count(), columns = words.values.column_count();
    std::vector<double> means(columns);
    for (std::size_t row = 0; row < rows; row++)
        for (std::size_t column = 0; column < columns; column++)
            means[column] += double{words.values.row(row)[column]} / static_cast<double>(rows);
    for (std::size_t row = 0; row < rows; row++)
        for (std::size_t column = 0; column < columns; column++) {
            const double difference = double{words.values.row(row)[column]} - means[column];
            words.variance += difference * difference;
        }

    std::cout << std::left << std::setw(20) << "method" << std::right << std::setw(8) << "concepts" << std::setw(10) << "lost"
              << std::setw(8) << "codes" << "  words of the first concept\n";
    print(words, eidos::fit_ica(activations, {.concept_count = concepts}));
    print(words, eidos::fit_pca(activations, {.concept_count = concepts}));
    print(words, eidos::fit_svd(activations, {.concept_count = concepts}));
    // Few columns for each concept: the penalty grows with the length of a column.
    print(words, eidos::fit_sparse_pca(activations, {.concept_count = concepts, .penalty = 10, .tolerance = 1e-3}));
    print(words, eidos::fit_kmeans(activations, {.concept_count = concepts}));
    // The activations have negative values, which it takes for zero: what they say is lost.
    print(words, eidos::fit_nmf(activations, {.concept_count = concepts, .rectify = true}));
    print(words, eidos::fit_semi_nmf(activations, {.concept_count = concepts}));
    print(words, eidos::fit_convex_nmf(activations, {.concept_count = concepts}));
    print(words, eidos::fit_dictionary_learning(activations, {.concept_count = concepts, .penalty = 0.5}));
    // Few steps for few words: by default it makes at least 4000.
    print(words, eidos::fit_sae(activations, {.concept_count = concepts, .kind = eidos::SaeKind::top_k, .k = 5, .steps = 500}));
    print(words, eidos::fit_neurons(activations));
    print(words, eidos::fit_random_directions(activations, {.concept_count = concepts}));
} catch (const std::exception &error) {
    std::cerr << "error: " << error.what() << '\n';
    return 1;
}
