/// Changes to what the modules of a model give, while it runs.
#ifndef EIDOS_INTERVENTIONS_HPP
#define EIDOS_INTERVENTIONS_HPP

#include "activations.hpp"
#include "detail/call.hpp"
#include "detail/handle.hpp"
#include "explainer.hpp"
#include "matrix.hpp"
#include "strings.hpp"

#include <eidos.h>

#include <cstddef>
#include <vector>

namespace eidos {

/// Changes to what modules of a model give while it runs: rows are replaced, a direction is added, a concept is ablated or
/// clamped. There may be any number of them, at any modules that a model can be split at; those at one module follow one another
/// in the order in which they were added. They belong to no model: a run looks first whether they fit.
///
///     eidos::Interventions steer;
///     steer.add_direction(split, explainer.dictionary().row(3), 8.0F).ablate_concept(split, explainer, 5);
///     auto logits = model.logits(sentence, steer);
///
/// `tokens` are counted over all texts of the inputs, special ones included, as the rows of Granularity::all_tokens are; without
/// any, all of them are meant.
class Interventions : public detail::Handle<eidos_interventions> {
public:
    using Handle::Handle;

    /// None yet.
    Interventions() : Handle(detail::create<detail::Handle<eidos_interventions>>(eidos_interventions_new).release()) {}

    /// One more owner of the same interventions.
    [[nodiscard]] Interventions share() const { return detail::create<Interventions>(eidos_interventions_retain, handle()); }

    /// Puts `rows`, which are copied, in the place of what a module gives: one for each token of the inputs, special ones
    /// included. With the rows that it gives, nothing changes.
    Interventions &replace(const ModuleArg &module_path, MatrixView rows)
    {
        detail::call(eidos_interventions_replace_rows, handle(), module_path.c_str(), rows.data(), rows.row_count(),
                     rows.column_count());
        return *this;
    }

    /// As above, without a copy; rows on disk are read batch by batch. Activations that know where they come from must be those
    /// of that module for these texts, with Granularity::all_tokens: otherwise the run throws Status::mismatch. Of rows of your
    /// own only the shape is known.
    Interventions &replace(const ModuleArg &module_path, const Activations &rows)
    {
        detail::call(eidos_interventions_replace_activations, handle(), module_path.c_str(), rows.handle());
        return *this;
    }

    /// Adds `scale` times `direction` to the rows of a module.
    Interventions &add_direction(const ModuleArg &module_path, Span<const float> direction, float scale,
                                 const std::vector<std::size_t> &tokens = {})
    {
        detail::call(eidos_interventions_add_direction, handle(), module_path.c_str(), direction.data(), direction.size(), scale,
                     tokens.data(), tokens.size());
        return *this;
    }

    /// Takes a concept out of the rows of a module: subtracts its activation times its row of the dictionary.
    Interventions &ablate_concept(const ModuleArg &module_path, const Explainer &explainer, std::size_t concept_index,
                                  const std::vector<std::size_t> &tokens = {})
    {
        detail::call(eidos_interventions_ablate_concept, handle(), module_path.c_str(), explainer.handle(), concept_index,
                     tokens.data(), tokens.size());
        return *this;
    }

    /// Lets a concept have the activation `value` in the rows of a module.
    Interventions &clamp_concept(const ModuleArg &module_path, const Explainer &explainer, std::size_t concept_index, float value,
                                 const std::vector<std::size_t> &tokens = {})
    {
        detail::call(eidos_interventions_clamp_concept, handle(), module_path.c_str(), explainer.handle(), concept_index, value,
                     tokens.data(), tokens.size());
        return *this;
    }

    /// Puts what an explainer reconstructs of the rows of a module in their place: how much worse the model becomes says what the
    /// concepts miss.
    Interventions &reconstruct(const StringArg &module_path, const Explainer &explainer, const std::vector<std::size_t> &tokens = {})
    {
        detail::call(eidos_interventions_reconstruct, handle(), module_path.c_str(), explainer.handle(), tokens.data(),
                     tokens.size());
        return *this;
    }

    /// How many there are.
    [[nodiscard]] std::size_t size() const { return eidos_interventions_count(handle()); }
};

} // namespace eidos

#endif
