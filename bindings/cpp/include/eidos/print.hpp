/// What objects are, for people: `std::cout << interpretation`. Programs read values, or json().
#ifndef EIDOS_PRINT_HPP
#define EIDOS_PRINT_HPP

#include "activations.hpp"
#include "error.hpp"
#include "explain.hpp"
#include "explainer.hpp"
#include "interpretation.hpp"
#include "label.hpp"
#include "split_model.hpp"

#include <cmath>
#include <cstddef>
#include <ios>
#include <optional>
#include <ostream>
#include <sstream>
#include <string>

namespace eidos {
namespace detail {

/// A number with a digit or two behind the point, whatever the stream is set to.
inline std::string rounded(double value, int digits)
{
    std::ostringstream text;
    text.setf(std::ios::fixed);
    text.precision(digits);
    text << value;
    return text.str();
}

/// `' film', ' movie'`.
inline std::string quoted(const std::vector<Input> &inputs)
{
    std::string text;
    for (const Input &input : inputs)
        text += (text.empty() ? "'" : ", '") + input.text + "'";
    return text;
}

/// Where rows come from, in brackets; empty for rows of one's own.
inline std::string origin(const std::string &model, const std::string &split_point)
{
    return model.empty() ? "" : " (" + model + ", " + split_point + ")";
}

/// A share in percent, rounded down, since 100 % is all of them.
inline std::string share(float percent)
{
    return percent >= 100 ? "all" : rounded(std::floor(percent * 10) / 10, 1) + " %";
}

/// A concept that fires, with the name that it has in its explanation.
inline std::string fires(const Firing &firing, const std::string &name)
{
    return "concept " + std::to_string(firing.concept_index) + name + " (" + rounded(firing.deviations, 1) +
           " standard deviations, above " + share(firing.percentile) + " of the rows)";
}

/// A unit with what fires on it; `name` gives what a firing concept is called, with a space before it.
template <class Name> std::string described(const ExplainedUnit &unit, Name name)
{
    std::string text;
    for (const Firing &firing : unit.firings)
        text += (text.empty() ? "" : "; ") + fires(firing, name(firing));
    return "'" + unit.text + "': " + (text.empty() ? "nothing" : text);
}

} // namespace detail

/// The word of a status (`invalid_argument`).
inline std::ostream &operator<<(std::ostream &out, Status status) { return out << name(status); }

/// `unknown_module: the model has no module ... (did you mean ...)`.
inline std::ostream &operator<<(std::ostream &out, const Error &error) { return out << error.status() << ": " << error.what(); }

/// The label with its score, or why there is none.
inline std::ostream &operator<<(std::ostream &out, const Label &label)
{
    if (label.text)
        out << *label.text;
    if (label.score)
        out << " (score " << detail::rounded(*label.score, 2) << ')';
    if (label.error)
        out << (label.text ? "; " : "") << *label.error;
    return out;
}

/// `Concept 4: ' jokes', ' joke'`, with its label where there is one, and its negative inputs where they were asked for.
inline std::ostream &operator<<(std::ostream &out, const ConceptInputs &found)
{
    out << "Concept " << found.concept_index;
    if (found.positive_label)
        out << ", " << *found.positive_label;
    out << ": " << (found.positive.empty() ? "dead" : detail::quoted(found.positive));
    if (!found.negative.empty())
        out << "; negative" << (found.negative_label ? ", " : "");
    if (found.negative_label)
        out << *found.negative_label;
    return found.negative.empty() ? out : out << ": " << detail::quoted(found.negative);
}

/// A line for each concept.
inline std::ostream &operator<<(std::ostream &out, const Interpretation &interpretation)
{
    for (std::size_t index = 0; index < interpretation.concept_count(); index++)
        out << interpretation.at(index) << '\n';
    return out;
}

/// `concept 4 (8.8 standard deviations, above 99.9 % of the rows)`.
inline std::ostream &operator<<(std::ostream &out, const Firing &firing) { return out << detail::fires(firing, ""); }

/// `' jokes': concept 4 (...); concept 0 (...)`.
inline std::ostream &operator<<(std::ostream &out, const ExplainedUnit &unit)
{
    return out << detail::described(unit, [](const Firing &) { return ""; });
}

/// Each text, and below it a line for each unit, whose concepts have their names.
inline std::ostream &operator<<(std::ostream &out, const Explanation &explanation)
{
    const auto named = [&](const Firing &firing) {
        const auto name = explanation.name(firing.concept_index, firing.pole);
        return name ? " " + *name : std::string();
    };
    std::optional<std::size_t> text;
    for (const ExplainedUnit &unit : explanation) {
        if (unit.span && unit.span->text_index != text)
            out << explanation.text(*(text = unit.span->text_index)) << '\n';
        out << (unit.span ? "  " : "") << detail::described(unit, named) << '\n';
    }
    return out;
}

/// `model.layers.2.mlp: GatedMLP(...)`.
inline std::ostream &operator<<(std::ostream &out, const Module &module)
{
    return out << (module.path.empty() ? "the whole model" : module.path) << ": " << module.kind;
}

/// `eidos:demo (eurobert), split at model.layers.2.mlp`.
inline std::ostream &operator<<(std::ostream &out, const SplitModel &model)
{
    out << model.name() << " (" << model.family() << ')';
    const char *before = ", split at ";
    for (const SplitPoint &point : model.split_points()) {
        out << before << point.path;
        before = ", ";
    }
    return out;
}

/// `4711 rows of 192 columns (eidos:demo, model.layers.2.mlp)`.
inline std::ostream &operator<<(std::ostream &out, const Activations &activations)
{
    return out << activations.row_count() << " rows of " << activations.column_count() << " columns"
               << detail::origin(activations.model(), activations.split_point());
}

/// `ica: 20 concepts of 192 columns (eidos:demo, model.layers.2.mlp)`.
inline std::ostream &operator<<(std::ostream &out, const Explainer &explainer)
{
    return out << explainer.method() << ": " << explainer.concept_count() << " concepts of " << explainer.input_width()
               << " columns" << detail::origin(explainer.model(), explainer.split_point());
}

} // namespace eidos

#endif
