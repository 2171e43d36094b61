/// Interpreting concepts by labels that a language model writes.
#ifndef EIDOS_LLM_LABELS_HPP
#define EIDOS_LLM_LABELS_HPP

#include "activations.hpp"
#include "chat.hpp"
#include "control.hpp"
#include "detail/call.hpp"
#include "explainer.hpp"
#include "interpretation.hpp"
#include "strings.hpp"

#include <eidos.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace eidos {

/// Which examples of a concept the language model sees.
enum class Sampling : std::uint32_t {
    /// Those with the strongest activations.
    top = EIDOS_SAMPLING_TOP,
    /// Any that excite the concept.
    random = EIDOS_SAMPLING_RANDOM,
    /// Equally many of each quantile of activation, at random within it.
    quantile = EIDOS_SAMPLING_QUANTILE,
};

/// How concepts are labelled.
struct LlmLabelsOptions {
    /// Which concepts, in the order wanted; empty means all.
    std::vector<std::size_t> concepts = {};
    /// Also label what the most negative activations mean.
    bool negative_pole = false;
    /// How the examples are chosen.
    Sampling sampling = Sampling::top;
    /// How many examples the model sees of each concept; fewer where there are fewer. 0 means 30. A piece of a text is shown
    /// once, around its strongest unit, and so are units that stand alone and look the same.
    std::uint32_t example_count = 0;
    /// How many units of context an example has on each side, as far as its text goes; 0 shows the units alone. Whole texts,
    /// vocabularies and rows of your own have no context.
    std::uint32_t context = 10;
    /// Into how many quantiles Sampling::quantile cuts; 0 means 5.
    std::uint32_t quantile_count = 0;
    /// The seed of everything that is drawn at random.
    std::uint32_t seed = 0;
    /// On how many unseen passages that excite the concept, and on as many that do not, the label is scored; 0 leaves the
    /// score out. 20 is a good number.
    std::uint32_t score_passages = 0;
    /// How many of them one request holds; 0 means 10. More are cheaper and judged worse.
    std::uint32_t score_passages_per_request = 0;
    /// From which part of the concept's strongest activation on a passage counts as exciting when labels are scored, up to 1;
    /// below half of that it is quiet. 0 means 0.5.
    double score_threshold = 0;
    /// Instructions to use instead of the library's. They should ask for `{"label": "..."}`. Empty: the library's.
    std::string system_prompt = {};
    /// Ask nothing: the labels have prompts instead of texts, and the usage is an estimate.
    bool dry_run = false;
};

namespace detail {

/// Options as eidos.h wants them; they point into `options`.
inline eidos_llm_labels_options to_c(const LlmLabelsOptions &options EIDOS_LIFETIMEBOUND)
{
    eidos_llm_labels_options result = defaults(eidos_llm_labels_options_init);
    result.concepts = options.concepts.empty() ? nullptr : options.concepts.data();
    result.concept_count = options.concepts.size();
    result.negative_pole = options.negative_pole ? 1 : 0;
    result.sampling = static_cast<std::uint32_t>(options.sampling);
    result.example_count = options.example_count;
    result.context = options.context;
    result.quantile_count = options.quantile_count;
    result.seed = options.seed;
    result.score_passages = options.score_passages;
    result.score_passages_per_request = options.score_passages_per_request;
    result.score_threshold = options.score_threshold;
    result.system_prompt = c_str_or_null(options.system_prompt);
    result.dry_run = options.dry_run ? 1 : 0;
    return result;
}

} // namespace detail

/// Asks a language model for a label of each concept, from the units that excite it and the text around them. The inputs of
/// the interpretation are the examples that the model saw.
///
///     auto meaning = eidos::interpret_llm_labels(explainer, activations, {.model = "gpt-4.1-mini"}); // a server
///     auto meaning = eidos::interpret_llm_labels(explainer, activations, {.answer = my_model});      // a function
///
/// A concept that cannot be labelled does not lose the others: its Label::error says why. That holds for the concepts, too,
/// that were not asked for because the call was cancelled while it labelled, the budget was spent or the key refused; with a
/// cache folder, a later call goes on there. The call throws only when not one concept could be labelled, and what the
/// callback of the Control throws.
[[nodiscard]] inline Interpretation interpret_llm_labels(const Explainer &explainer, const Activations &activations,
                                                         const ChatOptions &chat, const LlmLabelsOptions &options = {},
                                                         const Control &control = {})
{
    const eidos_chat_options c_chat = detail::to_c(chat);
    const eidos_llm_labels_options c_options = detail::to_c(options);
    return control.create<Interpretation>(eidos_interpret_llm_labels, explainer.handle(), activations.handle(), &c_chat,
                                          &c_options);
}

} // namespace eidos

#endif
