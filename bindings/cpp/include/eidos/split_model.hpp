/// Models split at modules.
#ifndef EIDOS_SPLIT_MODEL_HPP
#define EIDOS_SPLIT_MODEL_HPP

#include "activations.hpp"
#include "control.hpp"
#include "detail/call.hpp"
#include "detail/handle.hpp"
#include "options.hpp"
#include "strings.hpp"

#include <eidos.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace eidos {

/// A module of a model.
struct Module {
    /// Its path as the checkpoint names it (`model.layers.10.mlp`); empty for the whole model.
    std::string path;
    /// What it is, with its sizes (`Linear(768 -> 3072)`).
    std::string kind;
    /// Whether it can be a split point: it has one output row per token.
    bool can_split = false;
};

/// A module that a model is split at.
struct SplitPoint {
    /// The module's path.
    std::string path;
    /// How many columns its activations have.
    std::size_t width = 0;
};

/// A token of a text.
struct Token {
    /// Its number in the vocabulary.
    std::uint32_t id = 0;
    /// The vocabulary's own string (`Ġfilm`, `##ing`).
    std::string string;
    /// The first byte of the text that it stands for, on a character boundary; a special token stands for none.
    std::size_t begin = 0;
    /// One past the last byte of the text that it stands for.
    std::size_t end = 0;
};

/// Texts as token ids.
using TokenIds = std::vector<std::vector<std::uint32_t>>;

namespace detail {

/// Token ids as eidos.h wants them: all of them, and how many each sequence has.
struct FlatTokenIds {
    explicit FlatTokenIds(const TokenIds &sequences)
    {
        for (const auto &sequence : sequences) {
            ids.insert(ids.end(), sequence.begin(), sequence.end());
            lengths.push_back(sequence.size());
        }
    }
    std::vector<std::uint32_t> ids;
    std::vector<std::size_t> lengths;
};

} // namespace detail

/// A model that runs up to one or several of its modules. It never changes after loading: any number of threads may use it
/// at the same time.
class SplitModel : public detail::Handle<eidos_split_model> {
public:
    using Handle::Handle;

    /// One more owner of the same model: nothing is copied, and views live as long as one of the owners.
    [[nodiscard]] SplitModel share() const { return detail::create<SplitModel>(eidos_split_model_retain, handle()); }

    /// Loads a model by the path of a folder, a repository id such as `EuroBERT/EuroBERT-210m`, or `eidos:demo` for the
    /// small model inside the library; or a GGUF file by its path, or by the id of its repository and its name there:
    /// `owner/name:model-Q8_0.gguf`.
    ///
    /// `split_points` are module paths (`model.layers.10.mlp`), or numbers (`10` is the eleventh block): one, or several in
    /// braces. Only the weights up to the last of them are read. Without any, nothing but the tree of modules is loaded, to
    /// choose from.
    [[nodiscard]] static SplitModel load(const StringArg &id_or_path, const StringArgs &split_points = {},
                                         const LoadOptions &options = {}, const Control &control = {})
    {
        const auto c_options = detail::to_c(options);
        return control.create<SplitModel>(eidos_split_model_load, id_or_path.c_str(), split_points.data(),
                                          split_points.size(), &c_options);
    }

    /// The id or folder that the model was loaded by.
    [[nodiscard]] std::string name() const { return detail::text(eidos_split_model_name, handle()); }

    /// The family of the model, as `model_type` of its configuration names it (`eurobert`).
    [[nodiscard]] std::string family() const { return detail::text(eidos_split_model_family, handle()); }

    /// How many token ids the model knows.
    [[nodiscard]] std::size_t vocabulary_size() const { return eidos_split_model_vocabulary_size(handle()); }

    /// How many tokens of a text the model was made for, special ones included. Texts are read as far as that.
    [[nodiscard]] std::size_t max_positions() const { return eidos_split_model_max_positions(handle()); }

    /// How many bytes of memory the weights take that were loaded.
    [[nodiscard]] std::size_t weight_bytes() const { return eidos_split_model_weight_bytes(handle()); }

    /// The modules, in the order in which PyTorch's `named_modules()` lists them.
    [[nodiscard]] std::vector<Module> modules() const
    {
        std::vector<Module> result(eidos_split_model_module_count(handle()));
        for (std::size_t index = 0; index < result.size(); index++)
            result[index] = {detail::text(eidos_split_model_module_path, handle(), index),
                             detail::text(eidos_split_model_module_kind, handle(), index),
                             eidos_split_model_module_can_split(handle(), index) != 0};
        return result;
    }

    /// The modules that the model was split at, in the order in which they were given.
    [[nodiscard]] std::vector<SplitPoint> split_points() const
    {
        std::vector<SplitPoint> result(split_point_count());
        for (std::size_t index = 0; index < result.size(); index++)
            result[index] = {detail::text(eidos_split_model_split_point, handle(), index),
                             eidos_split_model_width(handle(), index)};
        return result;
    }

    /// The activations of texts, of a model with one split point. A text without tokens gives no rows.
    [[nodiscard]] Activations activations(const StringArgs &texts, const ActivationsOptions &options = {},
                                          const Control &control = {}) const
    {
        check_one_split_point();
        return std::move(activations_per_split_point(texts, options, control).front());
    }

    /// The activations of texts at each split point, in their order.
    [[nodiscard]] std::vector<Activations> activations_per_split_point(const StringArgs &texts,
                                                                       const ActivationsOptions &options = {},
                                                                       const Control &control = {}) const
    {
        const auto c_options = detail::to_c(options);
        return collect(control, eidos_split_model_activations, handle(), texts.data(), texts.size(), &c_options);
    }

    /// The activations of each entry of the tokenizer's vocabulary, run as a sequence of one token, of a model with one split
    /// point. The units are the vocabulary's own strings.
    [[nodiscard]] Activations vocabulary_activations(const ActivationsOptions &options = {},
                                                     const Control &control = {}) const
    {
        check_one_split_point();
        return std::move(vocabulary_activations_per_split_point(options, control).front());
    }

    /// The activations of the vocabulary at each split point, in their order.
    [[nodiscard]] std::vector<Activations> vocabulary_activations_per_split_point(const ActivationsOptions &options = {},
                                                                                  const Control &control = {}) const
    {
        const auto c_options = detail::to_c(options);
        return collect(control, eidos_split_model_vocabulary_activations, handle(), &c_options);
    }

    /// The logits of texts: what the head gives for each token, special ones included, or for each text where the model
    /// classifies texts. The model must have been loaded as a whole. Column `j` is what logit_name() says.
    [[nodiscard]] Activations logits(const StringArgs &texts, const LogitsOptions &options = {},
                                     const Control &control = {}) const
    {
        const auto c_options = detail::to_c(options);
        return control.create<Activations>(eidos_split_model_logits, handle(), texts.data(), texts.size(), &c_options);
    }

    /// The logits of texts when the output of the module at `module_path` is `rows`: one row for each token of each text, as
    /// activations() gives them with Granularity::all_tokens. With those very rows, they are the same bits as logits().
    [[nodiscard]] Activations logits_from(const StringArg &module_path, MatrixView rows, const StringArgs &texts,
                                          const LogitsOptions &options = {}, const Control &control = {}) const
    {
        const auto c_options = detail::to_c(options);
        return control.create<Activations>(eidos_split_model_logits_from, handle(), module_path.c_str(), rows.data(),
                                           rows.row_count(), rows.column_count(), texts.data(), texts.size(), &c_options);
    }

    /// As above; rows on disk are read batch by batch. Activations that know where they come from must be those of that module
    /// for these texts, with Granularity::all_tokens: otherwise Status::mismatch is thrown. Of rows of your own only the shape
    /// is known.
    [[nodiscard]] Activations logits_from(const StringArg &module_path, const Activations &rows, const StringArgs &texts,
                                          const LogitsOptions &options = {}, const Control &control = {}) const
    {
        const auto c_options = detail::to_c(options);
        return control.create<Activations>(eidos_split_model_logits_from_activations, handle(), module_path.c_str(),
                                           rows.handle(), texts.data(), texts.size(), &c_options);
    }

    /// The tokens of a text as the model reads them: special ones included, cut to what the model can read.
    [[nodiscard]] std::vector<Token> tokens(const StringArg &text) const
    {
        std::size_t count = 0;
        detail::call(eidos_split_model_tokens, handle(), text.c_str(), nullptr, nullptr, nullptr, std::size_t{0}, &count);
        std::vector<std::uint32_t> ids(count), begins(count), ends(count);
        detail::call(eidos_split_model_tokens, handle(), text.c_str(), ids.data(), begins.data(), ends.data(), count, &count);
        std::vector<Token> result(count);
        for (std::size_t index = 0; index < count; index++)
            result[index] = {ids[index], detail::text(eidos_split_model_token_string, handle(), ids[index]), begins[index],
                             ends[index]};
        return result;
    }

    /// The activations of texts that are token ids already, of a model with one split point: a row for each token. The model
    /// reads these ids and no others: no special token is added. The units are the vocabulary's own strings.
    [[nodiscard]] Activations activations_of_token_ids(const TokenIds &sequences, const ActivationsOptions &options = {},
                                                       const Control &control = {}) const
    {
        check_one_split_point();
        return std::move(activations_of_token_ids_per_split_point(sequences, options, control).front());
    }

    /// The activations of texts that are token ids already at each split point, in their order.
    [[nodiscard]] std::vector<Activations>
    activations_of_token_ids_per_split_point(const TokenIds &sequences, const ActivationsOptions &options = {},
                                             const Control &control = {}) const
    {
        const auto c_options = detail::to_c(options);
        const detail::FlatTokenIds flat(sequences);
        return collect(control, eidos_split_model_activations_of_token_ids, handle(), flat.ids.data(), flat.ids.size(),
                       flat.lengths.data(), flat.lengths.size(), &c_options);
    }

    /// The logits of texts that are token ids already, as logits() gives them.
    [[nodiscard]] Activations logits_of_token_ids(const TokenIds &sequences, const LogitsOptions &options = {},
                                                  const Control &control = {}) const
    {
        const auto c_options = detail::to_c(options);
        const detail::FlatTokenIds flat(sequences);
        return control.create<Activations>(eidos_split_model_logits_of_token_ids, handle(), flat.ids.data(), flat.ids.size(),
                                           flat.lengths.data(), flat.lengths.size(), &c_options);
    }

    /// How many columns the logits have: ids of the vocabulary, or labels of a classifier. 0 without a head.
    [[nodiscard]] std::size_t logit_count() const { return eidos_split_model_logit_count(handle()); }

    /// What a column of the logits stands for: the vocabulary's own string, or a label. Throws an Error beyond the last.
    [[nodiscard]] std::string logit_name(std::size_t column) const
    {
        detail::check_index(column, logit_count(), "column");
        return detail::text(eidos_split_model_logit_name, handle(), column);
    }

private:
    [[nodiscard]] std::size_t split_point_count() const { return eidos_split_model_split_point_count(handle()); }

    void check_one_split_point() const
    {
        if (split_point_count() != 1)
            throw Error(Status::invalid_argument,
                        "the model has " + std::to_string(split_point_count()) + " split points, and this call is for one",
                        "load the model with one split point, or ask for the activations per split point");
    }

    template <class... Parameters, class... Arguments>
    [[nodiscard]] std::vector<Activations> collect(const Control &control, eidos_status (*function)(Parameters...),
                                                   Arguments... arguments) const
    {
        detail::Outputs<eidos_activations> out(split_point_count());
        control.call(function, arguments..., control.handle(), out.data(), out.size());
        std::vector<Activations> result;
        result.reserve(out.size());
        for (std::size_t index = 0; index < out.size(); index++)
            result.emplace_back(out.take(index));
        return result;
    }
};

} // namespace eidos

#endif
