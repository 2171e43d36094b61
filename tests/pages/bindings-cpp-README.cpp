// What the blocks of the README of C++ presuppose.
// prints: 0 words on films
#include <eidos.hpp>
#include <iostream>
#include <ranges>

static std::string generate(const std::string &, const std::string &user_prompt)
{
    return user_prompt.empty() ? "" : "{\"label\": \"words on films\"}";
}

int main()
{
    const auto texts = eidos::read_texts("corpus.txt");
    const auto model = eidos::SplitModel::load("eidos:demo", "model.layers.2.mlp");
    const auto activations = model.activations(texts);
    const auto explainer = eidos::fit_ica(activations, {.concept_count = 4});
    const auto meaning = eidos::interpret_top_inputs(explainer, activations);
    const int count = 40;
    const auto read_text = [&texts](int number) { return texts[static_cast<std::size_t>(number)]; };
    // BLOCKS
}
