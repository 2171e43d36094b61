// This file is compiled as C++20 where the others are C++17, and the other way round.
#include "other_standard.hpp"

long other_language_version() { return __cplusplus; }

eidos::Activations other_activations(const eidos::SplitModel &model, const eidos::Control &control)
{
    return model.activations({"a text", "another"}, {}, control);
}

eidos::Span<const float> other_row(eidos::MatrixView view, std::size_t index) { return view.row(index); }

eidos::Error other_error() { return eidos::Error(eidos::Status::io, "of the other file"); }
