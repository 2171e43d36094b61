// What a model says when a thought is put into it: steering [TEXTS]
//
// Concepts are learned from TEXTS, one a line, at a module of the demo model. One of them is added there
// while the model reads a sentence, and it expects other words at the masked place.
#include <eidos.hpp>

#include <algorithm>
#include <cmath>
#include <exception>
#include <iomanip>
#include <iostream>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

static const std::string split = "model.layers.2.mlp", sentence = "This movie is so<|mask|>.";
static const std::string word = " funny"; // the concept is the one that this word excites

static bool is_about_the_word(const eidos::ConceptInputs &found)
{
    return std::ranges::find(found.positive, word, &eidos::Input::text) != found.positive.end();
}

static std::vector<double> probabilities(eidos::Span<const float> logits)
{
    const double largest = *std::ranges::max_element(logits);
    std::vector<double> result;
    for (const float logit : logits)
        result.push_back(std::exp(logit - largest));
    const double sum = std::accumulate(result.begin(), result.end(), 0.0);
    for (double &value : result)
        value /= sum;
    return result;
}

int main(int argc, char **argv)
try {
    // 1. Concepts at a module of a model that is loaded as a whole, up to its head.
    const auto model = eidos::SplitModel::load("eidos:demo", split, {.whole = true});
    const auto words = model.activations(eidos::read_texts(argc > 1 ? argv[1] : "assets/demo-texts.txt"));
    const auto explainer = eidos::fit_ica(words, {.concept_count = 20});
    const auto meaning = eidos::interpret_top_inputs(explainer, words, {.k = 10});
    const auto concepts = meaning.concepts();
    const auto found = std::ranges::find_if(concepts, is_about_the_word);
    if (found == concepts.end())
        throw std::runtime_error("no concept is about '" + word + "'");
    std::cout << "Concept " << found->concept_index << ':';
    for (const auto &input : found->positive)
        std::cout << " '" << input.text << '\'';

    // 2. The rows of a sentence, one for each token. As they are, the model says the same as ever.
    const auto input = model.inputs(sentence);
    const auto rows = model.activations(input, {.granularity = eidos::Granularity::all_tokens});
    const auto logits = model.logits(input);
    eidos::Interventions the_same;
    the_same.replace(split, rows);
    const auto again = model.logits(input, the_same);
    const bool same = std::ranges::equal(logits.rows().values(), again.rows().values());
    std::cout << '\n' << sentence << "\nfrom the rows as they are, the same logits: " << (same ? "yes" : "no") << '\n';

    // 3. A row of the dictionary is what one unit of a concept adds. Over the words that it was learned from, a concept has
    // variance 1, so that its unit is a standard deviation: add as many as the word that excites it most has.
    const auto direction = explainer.dictionary().row(found->concept_index);
    const float strength = found->positive.front().activation;
    eidos::Interventions steered;
    steered.add_direction(split, direction, strength);
    const auto logits_after = model.logits(input, steered);

    // 4. What the model expects at the masked place; Ġ is how the vocabulary writes a space.
    std::size_t place = 0;
    while (rows.unit(place) != "<|mask|>")
        place++;
    const auto before = probabilities(logits.rows().row(place)), after = probabilities(logits_after.rows().row(place));
    std::vector<std::size_t> order(before.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::sort(order, std::greater{}, [&](std::size_t token) { return after[token] - before[token]; });
    const auto show = [&](std::size_t token) {
        std::cout << "  " << std::fixed << std::setprecision(1) << std::setw(4) << 100 * before[token] << " % -> "
                  << std::setw(4) << 100 * after[token] << " %  " << model.logit_name(token) << '\n';
    };
    std::cout << "with " << std::fixed << std::setprecision(1) << strength
              << " standard deviations of the concept in each row, more expected:\n";
    std::for_each_n(order.begin(), 5, show);
    std::cout << "and less:\n";
    std::for_each_n(order.rbegin(), 5, show);
} catch (const std::exception &error) {
    std::cerr << "error: " << error.what() << '\n';
    return 1;
}
