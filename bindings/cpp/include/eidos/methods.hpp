/// Finding concepts: a fit for each method.
#ifndef EIDOS_METHODS_HPP
#define EIDOS_METHODS_HPP

#include "activations.hpp"
#include "control.hpp"
#include "detail/call.hpp"
#include "explainer.hpp"

#include <eidos.h>

#include <cstdint>

namespace eidos {

/// In which order components are found.
enum class IcaAlgorithm : std::uint32_t {
    /// All at once.
    parallel = EIDOS_ICA_PARALLEL,
    /// One after the other.
    deflation = EIDOS_ICA_DEFLATION,
};

/// The function that tells heavy tails from a normal distribution.
enum class Contrast : std::uint32_t {
    /// `log cosh(alpha x) / alpha`, a good general choice.
    logcosh = EIDOS_CONTRAST_LOGCOSH,
    /// `-exp(-x^2 / 2)`, robust, for very heavy tails.
    exp = EIDOS_CONTRAST_EXP,
    /// `x^4 / 4`, kurtosis; sensitive to outliers.
    cube = EIDOS_CONTRAST_CUBE,
};

/// How independent components are fitted.
struct IcaOptions {
    /// How many concepts to find. There is no default.
    std::uint32_t concept_count = 0;
    /// All components at once, or one after the other.
    IcaAlgorithm algorithm = IcaAlgorithm::parallel;
    /// The contrast function.
    Contrast contrast = Contrast::logcosh;
    /// The `alpha` of log cosh, from 1 to 2; 0 means 1.
    double alpha = 0;
    /// Iterations stop when no component turns by more than this (1 minus the cosine); 0 means 1e-4.
    double tolerance = 0;
    /// The most iterations; 0 means 200.
    std::uint32_t max_iterations = 0;
    /// The seed of the start matrix, drawn as NumPy's `RandomState(seed).normal`.
    std::uint32_t seed = 0;
    /// Keep the signs that the iteration ended with, instead of turning each component so that its heavy tail is positive.
    bool raw_signs = false;
    /// How many threads work; 0 means one per core. Results do not depend on it.
    std::uint32_t threads = 0;
};

namespace detail {

/// Options as eidos.h wants them.
inline eidos_ica_options to_c(const IcaOptions &options)
{
    eidos_ica_options result = defaults(eidos_ica_options_init);
    result.concept_count = options.concept_count;
    result.algorithm = static_cast<std::uint32_t>(options.algorithm);
    result.contrast = static_cast<std::uint32_t>(options.contrast);
    result.alpha = options.alpha;
    result.tolerance = options.tolerance;
    result.max_iterations = options.max_iterations;
    result.seed = options.seed;
    result.raw_signs = options.raw_signs ? 1 : 0;
    result.threads = options.threads;
    return result;
}

} // namespace detail

/// Finds the independent components of activations with FastICA (Hyvarinen, 1999): directions along which the activations
/// have heavy tails. Not converging is a result, see Explainer::fit_report().
[[nodiscard]] inline Explainer fit_ica(const Activations &activations, const IcaOptions &options,
                                       const Control &control = {})
{
    const eidos_ica_options c_options = detail::to_c(options);
    return control.create<Explainer>(eidos_ica_fit, activations.handle(), &c_options);
}

/// How principal components are found.
struct PcaOptions {
    /// How many concepts to find. There is no default.
    std::uint32_t concept_count = 0;
    /// Scale codes to unit variance.
    bool whiten = false;
    /// How many threads work; 0 means one per core. Results do not depend on it.
    std::uint32_t threads = 0;
};

namespace detail {

/// Options as eidos.h wants them.
inline eidos_pca_options to_c(const PcaOptions &options)
{
    eidos_pca_options result = defaults(eidos_pca_options_init);
    result.concept_count = options.concept_count;
    result.whiten = options.whiten ? 1 : 0;
    result.threads = options.threads;
    return result;
}

} // namespace detail

/// Finds the principal components of activations: the orthogonal directions along which they vary most, each with its entry
/// of largest magnitude positive. Explainer::fit_report() has the variance that each explains.
[[nodiscard]] inline Explainer fit_pca(const Activations &activations, const PcaOptions &options,
                                       const Control &control = {})
{
    const eidos_pca_options c_options = detail::to_c(options);
    return control.create<Explainer>(eidos_pca_fit, activations.handle(), &c_options);
}

} // namespace eidos

#endif
