// From texts to concepts in words: concepts [MODEL [SPLIT [TEXTS [FOLDER]]]]
//
// MODEL is a folder, a Hub id or eidos:demo; SPLIT is a module path of it; TEXTS is a file with one text a line or JSON
// lines; results are saved in FOLDER.
#include <eidos.hpp>

#include <exception>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <string>

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

int main(int argc, char **argv)
try {
    const std::string id = argc > 1 ? argv[1] : "eidos:demo";
    const std::string split = argc > 2 ? argv[2] : "model.layers.2.mlp";
    const auto texts = eidos::read_texts(argc > 3 ? argv[3] : "assets/demo-texts.txt");
    const eidos::Control control(show_progress);

    // 1. The modules of the model, to choose a split point from: no weights are read for that.
    for (const auto &module : eidos::SplitModel::load(id, {}, {}, control).modules())
        if (module.can_split)
            std::cout << std::left << std::setw(40) << module.path << ' ' << module.kind << '\n';

    // 2. to 5. Split, collect, fit, and ask for the words that excite each concept most.
    const auto model = eidos::SplitModel::load(id, split, {}, control);
    const auto activations = model.activations(texts, {}, control);
    const auto explainer = eidos::fit_ica(activations, {.concept_count = 20}, control);
    const auto meaning = eidos::interpret_top_inputs(explainer, activations, {.k = 10}, control);
    std::cerr << '\n';

    std::cout << activations.row_count() << " words x " << activations.column_count() << " columns\n";
    for (const auto &found : meaning.concepts())
        print(found);

    // 6. Keep everything for later, or for another language.
    if (argc > 4) {
        const std::filesystem::path folder = argv[4];
        activations.save(folder / "activations");
        explainer.save(folder / "explainer.safetensors");
        meaning.save(folder / "meaning.json");
    }
} catch (const std::exception &error) {
    std::cerr << "error: " << error.what() << '\n';
    return 1;
}
