/// Which concepts fire on the units of new texts.
#ifndef EIDOS_EXPLAIN_HPP
#define EIDOS_EXPLAIN_HPP

#include "activations.hpp"
#include "control.hpp"
#include "detail/call.hpp"
#include "detail/handle.hpp"
#include "enumerations.hpp"
#include "error.hpp"
#include "explainer.hpp"
#include "inputs.hpp"
#include "interpretation.hpp"
#include "options.hpp"
#include "split_model.hpp"

#include <eidos.h>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

namespace eidos {

/// A concept that fires on a unit.
struct Firing {
    /// Which concept of the explainer it is.
    std::size_t concept_index = 0;
    /// The end of the concept's axis at which it fires.
    Pole pole = Pole::positive;
    /// The concept's activation.
    float activation = 0;
    /// How many of the concept's standard deviations the activation lies above its mean over the rows of the fit; negative
    /// below it.
    float deviations = 0;
    /// The share of the rows of the fit that have a smaller activation, in percent.
    float percentile = 0;
};

/// A unit of an explanation, with the concepts that fire on it.
struct ExplainedUnit {
    /// Its text (`" film"`); `row 3` for rows without texts.
    std::string text;
    /// Where it stands in the texts; nothing for rows of your own.
    std::optional<UnitSpan> span = {};
    /// The concepts that fire on it, the strongest first.
    std::vector<Firing> firings;
};

/// Which concepts fire on each unit of some texts: a range of ExplainedUnit, in the order of the texts. It never changes: any
/// number of threads may read it at the same time.
///
///     for (const auto &unit : explanation)
///         for (const auto &firing : unit.firings)
///             std::cout << unit.text << ": " << explanation.name(firing.concept_index).value_or("?") << '\n';
class Explanation : public detail::Handle<eidos_explanation> {
public:
    using Handle::Handle;

    /// Goes over the units, each of which is made where it is asked for. It ends with the explanation.
    class Iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = ExplainedUnit;
        using difference_type = std::ptrdiff_t;
        using pointer = void;
        using reference = ExplainedUnit;

        Iterator() = default;
        Iterator(const Explanation &explanation EIDOS_LIFETIMEBOUND, std::size_t unit) : explanation_(&explanation), unit_(unit) {}

        [[nodiscard]] ExplainedUnit operator*() const { return explanation_->at(unit_); }
        Iterator &operator++()
        {
            unit_++;
            return *this;
        }
        Iterator operator++(int)
        {
            const Iterator before = *this;
            unit_++;
            return before;
        }
        [[nodiscard]] friend bool operator==(const Iterator &left, const Iterator &right) { return left.unit_ == right.unit_; }
        [[nodiscard]] friend bool operator!=(const Iterator &left, const Iterator &right) { return left.unit_ != right.unit_; }

    private:
        const Explanation *explanation_ = nullptr;
        std::size_t unit_ = 0;
    };

    /// Another owner of the same explanation. Nothing is copied.
    [[nodiscard]] Explanation share() const { return detail::create<Explanation>(eidos_explanation_retain, handle()); }

    /// How many units there are.
    [[nodiscard]] std::size_t unit_count() const { return eidos_explanation_unit_count(handle()); }

    /// A unit with what fires on it. Throws an Error beyond the last.
    [[nodiscard]] ExplainedUnit at(std::size_t unit) const
    {
        detail::check_index(unit, unit_count(), "unit");
        UnitSpan span;
        const bool stands = eidos_explanation_unit_span(handle(), unit, &span.text_index, &span.begin, &span.end, nullptr) == EIDOS_OK;
        return {detail::text(eidos_explanation_unit, handle(), unit), stands ? std::optional(span) : std::nullopt,
                firings(unit)};
    }

    /// The first unit, for loops.
    [[nodiscard]] Iterator begin() const EIDOS_LIFETIMEBOUND { return {*this, 0}; }

    /// One past the last unit.
    [[nodiscard]] Iterator end() const EIDOS_LIFETIMEBOUND { return {*this, unit_count()}; }

    /// The concepts that fire on a unit, the strongest first. Throws an Error beyond the last unit.
    [[nodiscard]] std::vector<Firing> firings(std::size_t unit) const
    {
        detail::check_index(unit, unit_count(), "unit");
        std::vector<Firing> result(eidos_explanation_firing_count(handle(), unit));
        for (std::size_t rank = 0; rank < result.size(); rank++) {
            eidos_firing firing;
            detail::call(eidos_explanation_firing, handle(), unit, rank, &firing, sizeof firing);
            result[rank] = {static_cast<std::size_t>(firing.concept_index), static_cast<Pole>(firing.pole), firing.activation,
                            firing.deviations, firing.percentile};
        }
        return result;
    }

    /// What a pole of a concept is called: its label, or else the first of its inputs (`' film', ' movie'`). Nothing for a
    /// concept that fires nowhere in the explanation, and without an interpretation of it.
    [[nodiscard]] std::optional<std::string> name(std::size_t concept_index, Pole pole = Pole::positive) const
    {
        return detail::optional_text(eidos_explanation_name, handle(), concept_index, static_cast<std::uint32_t>(pole));
    }

    /// How many texts were explained; 0 for rows of your own.
    [[nodiscard]] std::size_t text_count() const { return eidos_explanation_text_count(handle()); }

    /// A text that was explained. Throws an Error beyond the last.
    [[nodiscard]] std::string text(std::size_t index) const
    {
        detail::check_index(index, text_count(), "text");
        return detail::text(eidos_explanation_text, handle(), index);
    }

    /// The whole explanation as JSON: `{"format", "version", "model", "split_point", "granularity", "aggregation", "concepts":
    /// [{"concept", "positive": {"label", "inputs"}, "negative"}], "texts": [...], "units": [{"text", "text_index", "begin",
    /// "end", "firings": [{"concept", "pole", "activation", "deviations", "percentile"}]}]}`.
    [[nodiscard]] std::string json() const { return detail::text(eidos_explanation_json, handle()); }
};

/// The interpretation that names concepts, as an argument; or none. For passing on, not for keeping.
class InterpretationArg {
public:
    /// No interpretation: concepts have no names.
    InterpretationArg() = default;
    InterpretationArg(const Interpretation &interpretation EIDOS_LIFETIMEBOUND) : handle_(interpretation.handle()) {}

    /// The handle for C; NULL for none.
    [[nodiscard]] const eidos_interpretation *handle() const noexcept { return handle_; }

private:
    const eidos_interpretation *handle_ = nullptr;
};

/// Says which concepts fire on each unit of new inputs or texts, the strongest first. The model must have the explainer's split
/// point; units and the other options of the rows are those that the explainer was fitted on. Concepts have the names that
/// `interpretation` gives them.
///
/// A concept fires where its activation lies far from its mean over the rows of the fit, in its own standard deviations. An
/// explainer that was not fitted needs Explainer::calibrate() first.
[[nodiscard]] inline Explanation explain(const Explainer &explainer, const SplitModel &model, const InputsArg &inputs,
                                         const ExplainOptions &options = {}, const InterpretationArg &interpretation = {},
                                         const Control &control = {})
{
    const auto c_options = detail::to_c(options);
    InputsOptions inputs_options;
    inputs_options.threads = options.threads;
    const Inputs made = inputs.for_model(model.handle(), inputs_options, control);
    return control.create<Explanation>(eidos_explain_inputs, explainer.handle(), interpretation.handle(), model.handle(),
                                       made.handle(), &c_options);
}

/// Says which concepts fire on each row of activations that are there already, as for new texts.
[[nodiscard]] inline Explanation explain(const Explainer &explainer, const Activations &activations,
                                         const ExplainOptions &options = {}, const InterpretationArg &interpretation = {},
                                         const Control &control = {})
{
    const auto c_options = detail::to_c(options);
    return control.create<Explanation>(eidos_explain_activations, explainer.handle(), interpretation.handle(),
                                       activations.handle(), &c_options);
}

} // namespace eidos

#endif
