// Concepts with names, written by a language model: labels [CHAT_MODEL [MODEL [SPLIT [TEXTS [CONCEPTS]]]]]
//
// CHAT_MODEL is a model behind an OpenAI-compatible server: OPENAI_BASE_URL says where (by default OpenAI itself) and
// OPENAI_API_KEY who pays. Answers are kept in the folder labels-cache. Without CHAT_MODEL, or with -, nothing is asked: the
// first prompt and an estimate of the cost are printed. TEXTS is a file with one text a line or JSON lines.
#include <eidos.hpp>

#include <exception>
#include <iomanip>
#include <iostream>
#include <sstream>
#include <string>

static std::string two_digits(double score)
{
    std::ostringstream text;
    text << std::fixed << std::setprecision(2) << score;
    return text.str();
}

//    3 0.85 negations
static void print(std::size_t concept_index, const eidos::Label &label)
{
    std::cout << std::setw(4) << concept_index << ' '
              << std::setw(4) << (label.score ? two_digits(*label.score) : "") << ' '
              << label.text.value_or("-") << ' ' << (label.error ? label.error->message() : "") << '\n';
}

static std::ostream &operator<<(std::ostream &out, const eidos::LabelUsage &usage)
{
    return out << usage.requests << " requests and " << usage.cached << " answers from the cache: " << usage.prompt_tokens
               << " tokens of questions, " << usage.completion_tokens << " of answers";
}

int main(int argc, char **argv)
try {
    const std::string chat_model = argc > 1 ? argv[1] : "-";
    const std::string id = argc > 2 ? argv[2] : "eidos:demo";
    const std::string split = argc > 3 ? argv[3] : "model.layers.2.mlp";
    const auto texts = eidos::read_texts(argc > 4 ? argv[4] : "assets/demo-texts.txt");
    const unsigned concept_count = argc > 5 ? static_cast<unsigned>(std::stoul(argv[5])) : 20;

    const auto activations = eidos::SplitModel::load(id, split).activations(texts);
    const auto explainer = eidos::fit_ica(activations, {.concept_count = concept_count});

    if (chat_model == "-") {
        const eidos::Chat nobody({.model = chat_model});
        const auto plan = eidos::interpret_llm_labels(explainer, activations, nobody, {.score_passages = 20, .dry_run = true});
        std::cout << plan.at(0).positive_label.value().prompt.value_or("")
                  << "About " << plan.label_usage() << '\n';
        return 0;
    }
    const eidos::Chat chat({.model = chat_model, .cache_folder = "labels-cache"});
    const auto meaning = eidos::interpret_llm_labels(explainer, activations, chat, {.score_passages = 20});
    for (const auto &found : meaning.concepts())
        print(found.concept_index, found.positive_label.value());
    std::cout << meaning.label_usage() << '\n';
} catch (const std::exception &error) {
    std::cerr << "error: " << error.what() << '\n';
    return 1;
}
