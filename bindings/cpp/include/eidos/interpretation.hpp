/// What concepts mean: for each, the inputs that excite it, and its label where a language model wrote one.
#ifndef EIDOS_INTERPRETATION_HPP
#define EIDOS_INTERPRETATION_HPP

#include "detail/call.hpp"
#include "detail/handle.hpp"
#include "error.hpp"
#include "explainer.hpp"
#include "label.hpp"
#include "strings.hpp"

#include <eidos.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace eidos {

/// An input that excites a concept.
struct Input {
    /// Its text (`" film"`).
    std::string text;
    /// The concept's activation there.
    float activation = 0;
    /// The row of the activations that has that activation.
    std::size_t row = 0;
};

/// The inputs that excite one concept, the strongest first; none for a dead concept.
struct ConceptInputs {
    /// Which concept of the explainer it is.
    std::size_t concept_index = 0;
    /// The inputs with the largest activations.
    std::vector<Input> positive;
    /// The inputs with the most negative activations, if the options requested them.
    std::vector<Input> negative;
    /// The label of the positive pole, if labels were requested; see interpret_llm_labels().
    std::optional<Label> positive_label = {};
    /// The label of the negative pole, if labels of both poles were requested.
    std::optional<Label> negative_label = {};
};

/// What concepts mean: for each, the inputs that excite it, and its labels if they were requested. It never changes:
/// any number of threads may read it at the same time.
class Interpretation : public detail::Handle<eidos_interpretation> {
public:
    using Handle::Handle;

    /// Another owner of the same interpretation. Nothing is copied, and views are valid as long as any owner lives.
    [[nodiscard]] Interpretation share() const { return detail::create<Interpretation>(eidos_interpretation_retain, handle()); }

    /// Opens a file that save() wrote, or the interpretation in the file of an explainer that save_interpreted() wrote.
    [[nodiscard]] static Interpretation open(const StringArg &path)
    {
        return detail::create<Interpretation>(eidos_interpretation_open, path.c_str());
    }

    /// Writes the interpretation to a JSON file, completely or not at all.
    void save(const StringArg &path) const { detail::call(eidos_interpretation_save, handle(), path.c_str()); }

    /// Writes the interpretation to a CSV file: a line for each input of each pole, with the columns `concept`, `pole`, `label`, `score`,
    /// `rank`, `input`, `activation` and `row`.
    void save_csv(const StringArg &path) const { detail::call(eidos_interpretation_save_csv, handle(), path.c_str()); }

    /// Writes the lines and columns of save_csv() to a Parquet file. Throws Status::unsupported where the library has no such feature.
    void save_parquet(const StringArg &path) const { detail::call(eidos_interpretation_save_parquet, handle(), path.c_str()); }

    /// How many concepts were interpreted.
    [[nodiscard]] std::size_t concept_count() const { return eidos_interpretation_concept_count(handle()); }

    /// The interpreted concepts, in the order of the request.
    [[nodiscard]] std::vector<ConceptInputs> concepts() const
    {
        std::vector<ConceptInputs> result(concept_count());
        for (std::size_t index = 0; index < result.size(); index++)
            result[index] = at(index);
        return result;
    }

    /// One of the interpreted concepts. Throws an Error beyond the last.
    [[nodiscard]] ConceptInputs at(std::size_t index) const
    {
        detail::check_index(index, concept_count(), "interpreted concept");
        return {eidos_interpretation_concept(handle(), index), inputs(index, EIDOS_POLE_POSITIVE),
                inputs(index, EIDOS_POLE_NEGATIVE), label(index, EIDOS_POLE_POSITIVE), label(index, EIDOS_POLE_NEGATIVE)};
    }

    /// What the labels of this interpretation cost; all zero without labels.
    [[nodiscard]] LabelUsage label_usage() const
    {
        eidos_label_usage usage;
        detail::call(eidos_interpretation_label_usage, handle(), &usage, sizeof usage);
        return {usage.requests,          usage.cached,     usage.prompt_tokens,
                usage.completion_tokens, usage.unreported, usage.dry_run != 0};
    }

    /// The whole interpretation as JSON: `{"format", "version", "model", "split_point", "granularity", "aggregation",
    /// "concepts": [{"concept", "positive": [{"text", "activation", "row"}], "negative": [...]}]}`; with labels also
    /// `"labelling": {"model", "usage"}` and, in each concept, `"positive_label": {"text", "score", "error"}`.
    [[nodiscard]] std::string json() const { return detail::text(eidos_interpretation_json, handle()); }

private:
    [[nodiscard]] std::vector<Input> inputs(std::size_t index, std::uint32_t pole) const
    {
        std::vector<Input> result(eidos_interpretation_size(handle(), index, pole));
        for (std::size_t rank = 0; rank < result.size(); rank++)
            result[rank] = {detail::text(eidos_interpretation_input, handle(), index, pole, rank),
                            eidos_interpretation_activation(handle(), index, pole, rank),
                            eidos_interpretation_row(handle(), index, pole, rank)};
        return result;
    }

    /// The label of a concept; nothing when none was requested.
    [[nodiscard]] std::optional<Label> label(std::size_t index, std::uint32_t pole) const
    {
        Label result;
        result.text = detail::optional_text(eidos_interpretation_label, handle(), index, pole);
        result.prompt = detail::optional_text(eidos_interpretation_label_prompt, handle(), index, pole);
        if (const double score = eidos_interpretation_label_score(handle(), index, pole); !std::isnan(score))
            result.score = score;
        if (auto message = detail::optional_text(eidos_interpretation_label_error, handle(), index, pole))
            result.error.emplace(static_cast<Status>(eidos_interpretation_label_status(handle(), index, pole)),
                                 *std::move(message));
        const bool asked = result.text || result.prompt || result.error;
        return asked ? std::optional(std::move(result)) : std::nullopt;
    }
};

/// An explainer, and what its concepts mean where its file says it.
struct Interpreted {
    Explainer explainer;
    std::optional<Interpretation> interpretation;
};

/// Writes an explainer and what its concepts mean, labels and all, to one file, completely or not at all. open_interpreted() opens both,
/// Explainer::open() and Interpretation::open() one of them.
inline void save_interpreted(const StringArg &path, const Explainer &explainer, const Interpretation &interpretation)
{
    detail::call(eidos_explainer_save_interpreted, explainer.handle(), interpretation.handle(), path.c_str());
}

/// Opens what Explainer::open() opens, and what its concepts mean where the file says it.
[[nodiscard]] inline Interpreted open_interpreted(const StringArg &path)
{
    eidos_explainer *explainer = nullptr;
    eidos_interpretation *interpretation = nullptr;
    detail::call(eidos_explainer_open_interpreted, path.c_str(), &explainer, &interpretation);
    Interpreted result{Explainer(explainer), std::nullopt};
    if (interpretation)
        result.interpretation.emplace(interpretation);
    return result;
}

} // namespace eidos

#endif
