/// Something to look at: what was found, as a page.
#ifndef EIDOS_REPORT_HPP
#define EIDOS_REPORT_HPP

#include "activations.hpp"
#include "control.hpp"
#include "detail/call.hpp"
#include "detail/handle.hpp"
#include "explain.hpp"
#include "explainer.hpp"
#include "interpretation.hpp"
#include "options.hpp"
#include "strings.hpp"

#include <eidos.h>

#include <cstddef>
#include <string>

namespace eidos {

/// A report on the concepts of an explainer, and on what else is known of them. It refers to what it was made with, which must live
/// as long as it does.
///
///     eidos::Report(explainer).with(meaning).with(activations).save("report.html");
class Report {
public:
    /// A report on the concepts alone.
    explicit Report(const Explainer &explainer EIDOS_LIFETIMEBOUND) : explainer_(explainer.handle()) {}
    Report(Explainer &&) = delete;

    /// With what the concepts mean. The report has the concepts of the interpretation; without one it has all, and finds their inputs
    /// among the activations.
    Report &with(const Interpretation &interpretation EIDOS_LIFETIMEBOUND)
    {
        interpretation_ = interpretation.handle();
        return *this;
    }
    Report &with(Interpretation &&) = delete;

    /// With the passages of activations, and without an explanation with the first of their texts.
    Report &with(const Activations &activations EIDOS_LIFETIMEBOUND)
    {
        activations_ = activations.handle();
        return *this;
    }
    Report &with(Activations &&) = delete;

    /// With the texts of an explanation.
    Report &with(const Explanation &explanation EIDOS_LIFETIMEBOUND)
    {
        explanation_ = explanation.handle();
        return *this;
    }
    Report &with(Explanation &&) = delete;

    /// The report as one HTML page that loads nothing: a list of concepts to search and sort, and for each its inputs and labels, its
    /// passages with every unit coloured, its histogram and its nearest concepts; the fit, a map, and texts with what fires on their
    /// units. What texts, models and labels say is text on it, never markup. With the default options 1,000 concepts take less than
    /// 2 MB.
    [[nodiscard]] std::string html(const ReportOptions &options = {}, const Control &control = {}) const
    {
        const auto c_options = detail::to_c(options);
        return only(control.create<detail::Handle<eidos_texts>>(eidos_report_html, explainer_, interpretation_, activations_,
                                                                explanation_, &c_options));
    }

    /// Writes the page to a file, whole or not at all.
    void save(const StringArg &path, const ReportOptions &options = {}, const Control &control = {}) const
    {
        const auto c_options = detail::to_c(options);
        control.call(eidos_report_save, explainer_, interpretation_, activations_, explanation_, path.c_str(), &c_options,
                     control.handle());
    }

    /// The map of the page as an SVG file: a point for each concept, along the two principal axes of the directions of the dictionary.
    /// Throws an Error where there are no two axes.
    [[nodiscard]] std::string map_svg(const Control &control = {}) const
    {
        return only(control.create<detail::Handle<eidos_texts>>(eidos_report_map_svg, explainer_, interpretation_));
    }

    /// A heat map of a text of the activations as an SVG file: its units across, at most 200, and down the `concept_count` concepts that
    /// fire most in it, coloured by standard deviations from their means.
    [[nodiscard]] std::string heat_map_svg(std::size_t text_index, std::size_t concept_count = 20, const Control &control = {}) const
    {
        return only(control.create<detail::Handle<eidos_texts>>(eidos_report_heat_map_svg, explainer_, interpretation_, activations_,
                                                                text_index, concept_count));
    }

    /// Writes what Neuronpedia imports of concepts to a JSON file: a batch as SAEDashboard writes it, with passages of the positive pole.
    void save_neuronpedia(const StringArg &path, const ReportOptions &options = {}, const Control &control = {}) const
    {
        const auto c_options = detail::to_c(options);
        control.call(eidos_report_save_neuronpedia, explainer_, interpretation_, activations_, path.c_str(), &c_options,
                     control.handle());
    }

    /// Writes the activations of concepts to a CSV file: a line for each unit and each concept that is active there, `least_deviations` or
    /// more of its standard deviations from its mean; 0 asks for all that are not 0.
    void save_codes_csv(const StringArg &path, double least_deviations = 0, const Control &control = {}) const
    {
        control.call(eidos_report_save_codes_csv, explainer_, interpretation_, activations_, path.c_str(), least_deviations,
                     control.handle());
    }

private:
    static std::string only(const detail::Handle<eidos_texts> &texts)
    {
        return detail::text(eidos_texts_get, texts.handle(), std::size_t{0});
    }

    const eidos_explainer *explainer_;
    const eidos_interpretation *interpretation_ = nullptr;
    const eidos_activations *activations_ = nullptr;
    const eidos_explanation *explanation_ = nullptr;
};

} // namespace eidos

#endif
