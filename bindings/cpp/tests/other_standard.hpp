// Functions of the file that is compiled for the other language version.
#pragma once

#include <eidos.hpp>

/// The `__cplusplus` of that file.
long other_language_version();

eidos::Activations other_activations(const eidos::SplitModel &model, const eidos::Control &control);
eidos::Span<const float> other_row(eidos::MatrixView view, std::size_t index);
eidos::Error other_error();
