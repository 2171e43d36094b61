/// Reading files of texts.
#ifndef EIDOS_TEXTS_HPP
#define EIDOS_TEXTS_HPP

#include "control.hpp"
#include "detail/call.hpp"
#include "detail/handle.hpp"
#include "strings.hpp"

#include <eidos.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace eidos {

/// How the texts of a file are written.
enum class TextFormat : std::uint32_t {
    /// JSON lines for a name that ends in `.jsonl`, `.ndjson` or `.json`, else lines.
    automatic = EIDOS_TEXT_FORMAT_AUTO,
    /// One text a line.
    lines = EIDOS_TEXT_FORMAT_LINES,
    /// One JSON object a line, of which one field is the text.
    json_lines = EIDOS_TEXT_FORMAT_JSON_LINES,
};

/// How a file of texts is read.
struct TextsOptions {
    /// How the texts are written.
    TextFormat format = TextFormat::automatic;
    /// The field of a JSON object that is the text; empty means `text`.
    std::string field = {};
    /// How many texts are read at most, from the beginning of the file; 0 reads all.
    std::uint64_t most_texts = 0;
    /// Keep texts that are empty or nothing but white space, so that there is one text for each line or JSON object.
    bool keep_empty = false;
};

namespace detail {

/// Options as eidos.h wants them.
inline eidos_texts_options to_c(const TextsOptions &options EIDOS_LIFETIMEBOUND)
{
    eidos_texts_options result = defaults(eidos_texts_options_init);
    result.format = static_cast<std::uint32_t>(options.format);
    result.field = c_str_or_null(options.field);
    result.most_texts = options.most_texts;
    result.keep_empty = options.keep_empty ? 1 : 0;
    return result;
}

} // namespace detail

/// Reads the texts of a file in UTF-8. Line ends (`\n` or `\r\n`) and a byte order mark at the beginning are no part of a text.
/// An Error about a line has its number, from 1, as the detail `line`. (The strings are copies, as everywhere in this binding,
/// and so there is no use for eidos_texts_array.)
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
