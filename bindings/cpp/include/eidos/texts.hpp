/// Reading files of texts.
#ifndef EIDOS_TEXTS_HPP
#define EIDOS_TEXTS_HPP

#include "control.hpp"
#include "detail/call.hpp"
#include "detail/handle.hpp"
#include "options.hpp"
#include "strings.hpp"

#include <eidos.h>

#include <cstddef>
#include <string>
#include <vector>

namespace eidos {
namespace detail {

/// The only text that a call wrote.
inline std::string only_text(const Handle<eidos_texts> &texts) { return text(eidos_texts_get, texts.handle(), std::size_t{0}); }

} // namespace detail

/// Reads the texts of a file in UTF-8. Line ends (`\n` or `\r\n`) and a byte order mark at the beginning are no part of a text.
/// An Error about a line has its number, from 1, as the detail `line`. The strings are copies, as everywhere in this binding.
[[nodiscard]] inline std::vector<std::string> read_texts(const StringArg &path, const TextsOptions &options = {},
                                                         const Control &control = {})
{
    const eidos_texts_options c_options = detail::to_c(options);
    const auto texts = control.create<detail::Handle<eidos_texts>>(eidos_texts_read, path.c_str(), &c_options);
    std::vector<std::string> result(eidos_texts_count(texts.handle()));
    for (std::size_t index = 0; index < result.size(); index++)
        result[index] = detail::text(eidos_texts_get, texts.handle(), index);
    return result;
}

} // namespace eidos

#endif
