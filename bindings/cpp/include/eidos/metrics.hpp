/// How good concepts are: what they reconstruct, how sparse they are, how much they repeat one another, and how stable they are.
#ifndef EIDOS_METRICS_HPP
#define EIDOS_METRICS_HPP

#include "activations.hpp"
#include "control.hpp"
#include "detail/call.hpp"
#include "detail/handle.hpp"
#include "explainer.hpp"
#include "inputs.hpp"
#include "interpretation.hpp"
#include "options.hpp"
#include "split_model.hpp"
#include "texts.hpp"

#include <eidos.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace eidos {

/// What is measured: an explainer, and what its concepts mean, where that is known. For passing on, not for keeping.
class Subject {
public:
    Subject(const Explainer &explainer EIDOS_LIFETIMEBOUND) : explainer_(explainer.handle()) {}
    Subject(const Explainer &explainer EIDOS_LIFETIMEBOUND, const Interpretation &interpretation EIDOS_LIFETIMEBOUND)
        : explainer_(explainer.handle()), interpretation_(interpretation.handle())
    {
    }

    [[nodiscard]] const eidos_explainer *explainer() const noexcept { return explainer_; }
    /// NULL where there is none.
    [[nodiscard]] const eidos_interpretation *interpretation() const noexcept { return interpretation_; }

private:
    const eidos_explainer *explainer_;
    const eidos_interpretation *interpretation_ = nullptr;
};

/// Measures how good the concepts of one explainer are, or of several on the same rows, which should not be those of the fit where others
/// can be had: `compare({ica, {pca, meaning}}, activations)`. The result is JSON, as eidos_metrics_compare() describes it.
[[nodiscard]] inline std::string compare(const std::vector<Subject> &subjects, const Activations &activations,
                                         const MetricsOptions &options = {}, const Control &control = {})
{
    std::vector<const eidos_explainer *> explainers;
    std::vector<const eidos_interpretation *> interpretations;
    for (const Subject &subject : subjects) {
        explainers.push_back(subject.explainer());
        interpretations.push_back(subject.interpretation());
    }
    const auto c_options = detail::to_c(options);
    return detail::only_text(control.create<detail::Handle<eidos_texts>>(eidos_metrics_compare, explainers.data(),
                                                                         interpretations.data(), explainers.size(),
                                                                         activations.handle(), &c_options));
}

/// Measures what a model loses when the rows of a module, one of its split points, are what explainers reconstruct of them, beside what
/// zeros and the mean row in their place cost it: `compare_through_model(model, texts, "model.layers.10", {ica, sae})`. The model must have
/// been loaded as a whole. `labels` are those of the texts, where it classifies them; without them it predicts what it says as it is. The
/// result is JSON, as eidos_metrics_compare_through_model() describes it.
[[nodiscard]] inline std::string compare_through_model(const SplitModel &model, const InputsArg &inputs, const std::string &split_point,
                                                       const std::vector<Subject> &subjects,
                                                       const std::vector<std::uint32_t> &labels = {},
                                                       const LogitsOptions &options = {}, const Control &control = {})
{
    std::vector<const eidos_explainer *> explainers;
    for (const Subject &subject : subjects)
        explainers.push_back(subject.explainer());
    const auto c_options = detail::to_c(options);
    InputsOptions threads;
    threads.threads = options.threads;
    const Inputs made = inputs.for_model(model.handle(), threads, control);
    return detail::only_text(control.create<detail::Handle<eidos_texts>>(
        eidos_metrics_compare_through_model, model.handle(), made.handle(), split_point.c_str(), explainers.data(),
        explainers.size(), labels.data(), labels.size(), &c_options));
}

} // namespace eidos

#endif
