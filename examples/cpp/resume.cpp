// A long job that is cancelled, goes on where it stopped, and is opened again later: resume FOLDER [TEXTS]
//
// FOLDER receives the results and must not hold those of another job; TEXTS is a file with one text a line or JSON lines.
#include <eidos.hpp>

#include <exception>
#include <filesystem>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

// Collects into a folder, in small shards; the first run cancels itself, and the second goes on from its last complete shard.
static eidos::Activations collect(const std::filesystem::path &folder, const std::vector<std::string> &texts)
{
    const auto model = eidos::SplitModel::load("eidos:demo", "model.layers.2.mlp");
    const eidos::ActivationsOptions options = {.batch_tokens = 256, .shard_bytes = 1 << 18, .folder = folder};

    const eidos::Control control([&control](const eidos::Progress &progress) {
        if (progress.stage == eidos::Stage::forward && 2 * progress.done >= progress.total)
            control.cancel();
    });
    try {
        static_cast<void>(model.activations(texts, options, control));
        throw std::runtime_error("the first run was not cancelled");
    } catch (const eidos::Cancelled &cancelled) {
        std::cout << "first run: " << name(cancelled.status()) << '\n';
    }
    return model.activations(texts, options);
}

int main(int argc, char **argv)
try {
    if (argc < 2) {
        std::cerr << "usage: resume FOLDER [TEXTS]\n";
        return 2;
    }
    const std::filesystem::path folder = argv[1];
    const auto texts = eidos::read_texts(argc > 2 ? argv[2] : "assets/demo-texts.txt");

    // 1. Collect, fit, keep the concepts, and forget everything.
    {
        const auto activations = collect(folder / "activations", texts);
        std::cout << "second run: " << activations.row_count() << " words x " << activations.column_count()
                  << " columns\n";
        eidos::fit_ica(activations, {.concept_count = 10}).save(folder / "explainer.safetensors");
    }

    // 2. Another day, perhaps in another language: open both and ask what the concepts mean.
    const auto activations = eidos::Activations::open(folder / "activations");
    const auto explainer = eidos::Explainer::open(folder / "explainer.safetensors");
    std::cout << "opened again: " << activations.row_count() << " words, " << explainer.concept_count()
              << " concepts of " << explainer.split_point() << '\n';
    for (const auto &found : eidos::interpret_top_inputs(explainer, activations, {.k = 5}).concepts()) {
        std::cout << "Concept " << found.concept_index << ": [";
        for (const char *comma = ""; const auto &input : found.positive) {
            std::cout << comma << '\'' << input.text << '\'';
            comma = ", ";
        }
        std::cout << "]\n";
    }
} catch (const std::exception &error) {
    std::cerr << "error: " << error.what() << '\n';
    return 1;
}
