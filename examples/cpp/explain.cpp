// Which concepts fire on the words of new texts: explain [MODEL [SPLIT [TEXTS]]]
//
// Concepts are learned from TEXTS, one text a line or JSON lines, at the module SPLIT of MODEL: a folder, a Hub id or
// eidos:demo.
#include <eidos.hpp>

#include <exception>
#include <iomanip>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

// None of them is among the texts that the concepts are learned from.
static const std::vector<std::string> new_texts = {"His jokes are tired, but her voice is wonderful.",
                                                   "A quiet film about war, with beautiful songs."};

// A progress bar on a terminal's last line.
static void show_progress(const eidos::Progress &progress)
{
    constexpr std::size_t width = 30;
    const std::size_t filled = progress.total ? width * progress.done / progress.total : 0;
    std::cerr << '\r' << std::left << std::setw(10) << name(progress.stage) << " [" << std::setw(width)
              << std::string(filled, '#') << "] " << std::fixed << std::setprecision(1) << std::right << std::setw(5)
              << progress.elapsed_seconds << "s " << std::flush;
}

// Concept 0: [' all', ' everything']
static void print(const eidos::ConceptInputs &found)
{
    std::cout << "Concept " << found.concept_index << ": [";
    for (const char *comma = ""; const auto &input : found.positive) {
        std::cout << comma << '\'' << input.text << '\'';
        comma = ", ";
    }
    std::cout << "]\n";
}

// ' film': concept 3 ' film', ' movie' (4.1 standard deviations, above 99.8 % of the words)
static void print(const eidos::Explanation &explanation, const eidos::ExplainedUnit &unit)
{
    std::cout << "  '" << unit.text << "':" << (unit.firings.empty() ? " nothing" : "");
    for (const char *semicolon = ""; const auto &firing : unit.firings) {
        std::cout << semicolon << " concept " << firing.concept_index << ' '
                  << explanation.name(firing.concept_index, firing.pole).value_or("") << " (" << firing.deviations
                  << " standard deviations, above " << firing.percentile << " % of the words)";
        semicolon = ";";
    }
    std::cout << '\n';
}

int main(int argc, char **argv)
try {
    const std::string id = argc > 1 ? argv[1] : "eidos:demo";
    const std::string split = argc > 2 ? argv[2] : "model.layers.2.mlp";
    const eidos::Control control(show_progress);

    // 1. Concepts, and the words that excite each of them most, by which it is known.
    const auto texts = eidos::read_texts(argc > 3 ? argv[3] : "assets/demo-texts.txt");
    const auto model = eidos::SplitModel::load(id, split, {}, control);
    const auto words = model.activations(texts, {}, control);
    const auto explainer = eidos::fit_ica(words, {.concept_count = 20}, control);
    const auto meaning = eidos::interpret_top_inputs(explainer, words, {}, control);

    // 2. New texts: the two concepts that fire most on each word, where they lie two standard deviations from their mean.
    const auto explanation = eidos::explain(explainer, model, new_texts, {.k = 2}, meaning, control);
    std::cerr << '\n';

    for (const auto &found : meaning.concepts())
        print(found);
    std::cout << std::fixed << std::setprecision(1);
    std::optional<std::size_t> text;
    for (const auto &unit : explanation) {
        if (unit.span && unit.span->text_index != text) {
            text = unit.span->text_index;
            std::cout << explanation.text(*text) << '\n';
        }
        print(explanation, unit);
    }
} catch (const std::exception &error) {
    std::cerr << "error: " << error.what() << '\n';
    return 1;
}
