/// Texts as a model reads them.
#ifndef EIDOS_INPUTS_HPP
#define EIDOS_INPUTS_HPP

#include "control.hpp"
#include "detail/call.hpp"
#include "detail/handle.hpp"
#include "error.hpp"
#include "options.hpp"
#include "strings.hpp"

#include <eidos.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace eidos {

/// Texts as token ids.
using TokenIds = std::vector<std::vector<std::uint32_t>>;

/// Texts as a model reads them: the texts and their tokens, made once by SplitModel::inputs(). They serve for models with that
/// tokenizer, whatever their split points; others throw Status::mismatch. They never change: any number of threads may use them
/// at the same time.
class Inputs : public detail::Handle<eidos_inputs> {
public:
    using Handle::Handle;

    /// One more owner of the same inputs: nothing is copied.
    [[nodiscard]] Inputs share() const { return detail::create<Inputs>(eidos_inputs_retain, handle()); }

    /// How many texts there are: sequences where they are token ids, entries where they are a vocabulary.
    [[nodiscard]] std::size_t text_count() const { return eidos_inputs_text_count(handle()); }

    /// A text, or the string of an entry of the vocabulary; nothing where there are only token ids. Throws beyond the last.
    [[nodiscard]] std::optional<std::string> text(std::size_t index) const
    {
        detail::check_index(index, text_count(), "text");
        return detail::optional_text(eidos_inputs_text, handle(), index);
    }

    /// How many tokens all texts have, special ones included.
    [[nodiscard]] std::size_t token_count() const { return eidos_inputs_token_count(handle()); }

    /// The token ids of a text, special ones included, cut to what the model can read. Throws beyond the last.
    [[nodiscard]] std::vector<std::uint32_t> token_ids(std::size_t index) const
    {
        const std::uint32_t *ids = nullptr;
        std::size_t count = 0;
        detail::call(eidos_inputs_token_ids, handle(), index, &ids, &count);
        return std::vector<std::uint32_t>(ids, ids + count);
    }

    /// How many texts were longer than the model can read and lost their end.
    [[nodiscard]] std::size_t truncated_count() const { return eidos_inputs_truncated_count(handle()); }
};

/// One text as an argument, in UTF-8: what StringArg takes, but a NUL inside is a character like others.
class TextArg {
public:
    TextArg(const char *text EIDOS_LIFETIMEBOUND) : text_(checked(text)) {}
    TextArg(const std::string &text EIDOS_LIFETIMEBOUND) noexcept : text_(text) {}
    TextArg(std::string &&text) noexcept : owned_(std::move(text)), owns_(true) {}
    TextArg(std::string_view text EIDOS_LIFETIMEBOUND) noexcept : text_(text) {}
    TextArg(const std::filesystem::path &path) : TextArg(std::string(StringArg(path).c_str())) {}

    /// Its bytes.
    [[nodiscard]] std::string_view view() const noexcept EIDOS_LIFETIMEBOUND { return owns_ ? owned_ : text_; }

private:
    static std::string_view checked(const char *text)
    {
        if (!text)
            throw Error(Status::invalid_argument, "a text is NULL", "pass a string");
        return text;
    }

    std::string_view text_;
    std::string owned_;
    bool owns_ = false;
};

/// What a model reads, as an argument: Inputs, or texts, of which inputs are made for one call: `{"a", "b"}`, or any range of
/// strings, or a single one. For passing on, not for keeping.
class InputsArg {
public:
    /// No texts.
    InputsArg() = default;

    InputsArg(const Inputs &inputs EIDOS_LIFETIMEBOUND) : inputs_(inputs.handle()) {}

    InputsArg(std::initializer_list<TextArg> texts) : texts_(texts) { point(); }

    template <class Texts, class = std::enable_if_t<!std::is_same_v<std::decay_t<Texts>, InputsArg> &&
                                                    !std::is_same_v<std::decay_t<Texts>, Inputs> &&
                                                    detail::are_args<Texts, StringArg>>>
    InputsArg(Texts &&texts EIDOS_LIFETIMEBOUND)
    {
        if constexpr (std::is_convertible_v<Texts, StringArg>)
            texts_.emplace_back(std::forward<Texts>(texts));
        else
            for (auto &&text : texts)
                texts_.emplace_back(std::forward<decltype(text)>(text));
        point();
    }

    InputsArg(const InputsArg &) = delete;
    InputsArg &operator=(const InputsArg &) = delete;

    /// The inputs for a model, made now where there are texts.
    [[nodiscard]] Inputs for_model(const eidos_split_model *model, const InputsOptions &options, const Control &control) const
    {
        if (inputs_)
            return detail::create<Inputs>(eidos_inputs_retain, inputs_);
        const auto c_options = detail::to_c(options);
        return control.create<Inputs>(eidos_inputs_from_texts, model, pointers_.data(), lengths_.data(), pointers_.size(),
                                      &c_options);
    }

private:
    void point()
    {
        for (const TextArg &text : texts_) {
            // An empty view may have no address, which would be no text.
            pointers_.push_back(text.view().empty() ? "" : text.view().data());
            lengths_.push_back(text.view().size());
        }
    }

    const eidos_inputs *inputs_ = nullptr;
    std::vector<TextArg> texts_;
    std::vector<const char *> pointers_;
    std::vector<std::size_t> lengths_;
};

} // namespace eidos

#endif
