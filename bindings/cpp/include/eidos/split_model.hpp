/// Models split at modules.
#ifndef EIDOS_SPLIT_MODEL_HPP
#define EIDOS_SPLIT_MODEL_HPP

#include "activations.hpp"
#include "control.hpp"
#include "detail/call.hpp"
#include "detail/handle.hpp"
#include "detail/text_source.hpp"
#include "inputs.hpp"
#include "interventions.hpp"
#include "options.hpp"
#include "strings.hpp"

#include <eidos.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
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
    /// How many columns its activations have; 0 where it cannot be a split point.
    std::size_t width = 0;
    /// The part of the model's blocks that a run up to it takes, from 0 to 1; a block counts from its beginning.
    double cost = 0;
    /// Whether it is a place to start: a block, which gives all that the model knows of each token up to there.
    bool is_recommended = false;
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

/// What a collection of activations will take.
struct Estimate {
    std::size_t text_count = 0;
    /// How many tokens the model reads, special ones included.
    std::size_t token_count = 0;
    /// How many rows each split point will have.
    std::size_t row_count = 0;
    /// How many bytes the rows of all split points will have.
    std::uint64_t row_bytes = 0;
    /// Whether the rows will go to disk.
    bool on_disk = false;
    /// How many seconds the call will take on this machine, as busy as it is now.
    double seconds = 0;
    /// How many tokens were run to know the seconds.
    std::size_t sampled_token_count = 0;
};

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
    [[nodiscard]] static SplitModel load(const StringArg &id_or_path, const ModuleArgs &split_points = {},
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

    /// How the model multiplies rows with its weights, for people: `f32 (AVX-512)`, `bf16 x 3 (AMX)`; behind a semicolon, why
    /// not faster. Empty without split points.
    [[nodiscard]] std::string products() const { return detail::text(eidos_split_model_products, handle()); }

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
                             eidos_split_model_module_can_split(handle(), index) != 0,
                             eidos_split_model_module_width(handle(), index),
                             eidos_split_model_module_cost(handle(), index),
                             eidos_split_model_module_is_recommended(handle(), index) != 0};
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

    /// Texts as this model reads them, for several calls: tokenized once. Calls take texts as well, of which they make inputs.
    [[nodiscard]] Inputs inputs(const InputsArg &texts, const InputsOptions &options = {}, const Control &control = {}) const
    {
        return texts.for_model(handle(), options, control);
    }

    /// Texts that are token ids already. The model reads these ids and no others: no special token is added. Each token is a
    /// unit, whatever granularity the options of a call name; its string is the vocabulary's own.
    [[nodiscard]] Inputs inputs_from_token_ids(const TokenIds &sequences) const
    {
        std::vector<std::uint32_t> ids;
        std::vector<std::size_t> lengths;
        for (const auto &sequence : sequences) {
            ids.insert(ids.end(), sequence.begin(), sequence.end());
            lengths.push_back(sequence.size());
        }
        return detail::create<Inputs>(eidos_inputs_from_token_ids, handle(), ids.data(), ids.size(), lengths.data(),
                                      lengths.size());
    }

    /// The texts of a file, as read_texts() reads them, without a copy of them outside the library.
    [[nodiscard]] Inputs inputs_from_file(const StringArg &path, const TextsOptions &texts_options = {},
                                          const InputsOptions &options = {}, const Control &control = {}) const
    {
        const auto c_texts_options = detail::to_c(texts_options);
        const auto c_options = detail::to_c(options);
        const auto texts = control.create<detail::Handle<eidos_texts>>(eidos_texts_read, path.c_str(), &c_texts_options);
        return control.create<Inputs>(eidos_inputs_from_texts_handle, handle(), texts.handle(), &c_options);
    }

    /// Each entry of the tokenizer's vocabulary, as a sequence of one token. The units are the vocabulary's own strings.
    [[nodiscard]] Inputs inputs_from_vocabulary() const
    {
        return detail::create<Inputs>(eidos_inputs_from_vocabulary, handle());
    }

    /// The activations of inputs or texts, of a model with one split point. A text without tokens gives no rows.
    [[nodiscard]] Activations activations(const InputsArg &inputs, const ActivationsOptions &options = {},
                                          const Control &control = {}) const
    {
        check_one_split_point();
        return std::move(activations_per_split_point(inputs, options, control).front());
    }

    /// As above, under Interventions: the model goes on with what they make of the rows of its modules.
    template <class Changes, class = std::enable_if_t<std::is_same_v<Changes, Interventions>>>
    [[nodiscard]] Activations activations(const InputsArg &inputs, const Changes &interventions,
                                          const ActivationsOptions &options = {}, const Control &control = {}) const
    {
        check_one_split_point();
        return std::move(activations_per_split_point(inputs, interventions, options, control).front());
    }

    /// The activations of inputs or texts at each split point, in their order.
    [[nodiscard]] std::vector<Activations> activations_per_split_point(const InputsArg &inputs,
                                                                       const ActivationsOptions &options = {},
                                                                       const Control &control = {}) const
    {
        return collect(inputs, nullptr, options, control);
    }

    /// As above, under Interventions.
    template <class Changes, class = std::enable_if_t<std::is_same_v<Changes, Interventions>>>
    [[nodiscard]] std::vector<Activations>
    activations_per_split_point(const InputsArg &inputs, const Changes &interventions,
                                const ActivationsOptions &options = {}, const Control &control = {}) const
    {
        return collect(inputs, interventions.handle(), options, control);
    }

    /// What activations() will take with these inputs and options, before it is run: rows and bytes exactly, and the seconds from a
    /// sample of the texts that is run for about a second.
    [[nodiscard]] Estimate estimate(const InputsArg &inputs, const ActivationsOptions &options = {},
                                    const Control &control = {}) const
    {
        const auto c_options = detail::to_c(options);
        const Inputs made = inputs.for_model(handle(), threads(c_options.threads), control);
        eidos_estimate found;
        control.call(eidos_split_model_estimate, handle(), made.handle(), &c_options, control.handle(), &found, sizeof found);
        return {found.text_count, found.token_count, found.row_count, found.row_bytes, found.on_disk != 0, found.seconds,
                found.sampled_token_count};
    }

    /// The activations of texts that an input range gives one after the other, of a model with one split point: the same as
    /// those of the texts at once. The rows of the first texts lie in shards on disk before the last texts are asked for, and
    /// memory is bounded by one shard. What the range throws is thrown; what is complete in a folder is kept, and the same texts
    /// into the same folder go on from there.
    template <class Range>
    [[nodiscard]] Activations stream_activations(Range &&texts, const ActivationsOptions &options = {},
                                                 const Control &control = {}) const
    {
        check_one_split_point();
        return std::move(stream_activations_per_split_point(texts, options, control).front());
    }

    /// As above, under Interventions, which count tokens over all texts.
    template <class Range, class Changes, class = std::enable_if_t<std::is_same_v<Changes, Interventions>>>
    [[nodiscard]] Activations stream_activations(Range &&texts, const Changes &interventions,
                                                 const ActivationsOptions &options = {}, const Control &control = {}) const
    {
        check_one_split_point();
        return std::move(stream_activations_per_split_point(texts, interventions, options, control).front());
    }

    /// As above, at each split point, in their order.
    template <class Range>
    [[nodiscard]] std::vector<Activations> stream_activations_per_split_point(Range &&texts,
                                                                              const ActivationsOptions &options = {},
                                                                              const Control &control = {}) const
    {
        return stream(texts, nullptr, options, control);
    }

    /// As above, under Interventions.
    template <class Range, class Changes, class = std::enable_if_t<std::is_same_v<Changes, Interventions>>>
    [[nodiscard]] std::vector<Activations>
    stream_activations_per_split_point(Range &&texts, const Changes &interventions, const ActivationsOptions &options = {},
                                       const Control &control = {}) const
    {
        return stream(texts, interventions.handle(), options, control);
    }

    /// The logits of inputs or texts: what the head gives for each token, special ones included, or for each text where the
    /// model classifies texts. The model must have been loaded as a whole. Column `j` is what logit_name() says.
    [[nodiscard]] Activations logits(const InputsArg &inputs, const LogitsOptions &options = {},
                                     const Control &control = {}) const
    {
        return to_head(inputs, nullptr, options, control);
    }

    /// As above, under Interventions: the model goes on with what they make of the rows of its modules. With rows replaced by
    /// those that the module gives, the logits are the same bits.
    template <class Changes, class = std::enable_if_t<std::is_same_v<Changes, Interventions>>>
    [[nodiscard]] Activations logits(const InputsArg &inputs, const Changes &interventions, const LogitsOptions &options = {},
                                     const Control &control = {}) const
    {
        return to_head(inputs, interventions.handle(), options, control);
    }

    /// The tokens of a text as the model reads them: special ones included, cut to what the model can read. A NUL is a
    /// character like others.
    [[nodiscard]] std::vector<Token> tokens(std::string_view text) const
    {
        std::size_t count = 0;
        detail::call(eidos_split_model_tokens, handle(), text.data(), text.size(), nullptr, nullptr, nullptr,
                     std::size_t{0}, &count);
        std::vector<std::uint32_t> ids(count), begins(count), ends(count);
        detail::call(eidos_split_model_tokens, handle(), text.data(), text.size(), ids.data(), begins.data(),
                     ends.data(), count, &count);
        std::vector<Token> result(count);
        for (std::size_t index = 0; index < count; index++)
            result[index] = {ids[index], detail::text(eidos_split_model_token_string, handle(), ids[index]), begins[index],
                             ends[index]};
        return result;
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

    [[nodiscard]] std::vector<Activations> collect(const InputsArg &inputs, const eidos_interventions *interventions,
                                                   const ActivationsOptions &options, const Control &control) const
    {
        const auto c_options = detail::to_c(options);
        const Inputs made = inputs.for_model(handle(), threads(c_options.threads), control);
        return outputs(control, eidos_split_model_activations, handle(), made.handle(), interventions, &c_options);
    }

    template <class Range>
    [[nodiscard]] std::vector<Activations> stream(Range &texts, const eidos_interventions *interventions,
                                                  const ActivationsOptions &options, const Control &control) const
    {
        const auto c_options = detail::to_c(options);
        detail::TextSource source(texts);
        try {
            return outputs(control, eidos_split_model_stream_activations, handle(), &decltype(source)::next,
                           static_cast<void *>(&source), interventions, &c_options);
        } catch (const Error &) {
            source.rethrow();
            throw;
        }
    }

    [[nodiscard]] Activations to_head(const InputsArg &inputs, const eidos_interventions *interventions,
                                      const LogitsOptions &options, const Control &control) const
    {
        const auto c_options = detail::to_c(options);
        const Inputs made = inputs.for_model(handle(), threads(c_options.threads), control);
        return control.create<Activations>(eidos_split_model_logits, handle(), made.handle(), interventions, &c_options);
    }

    [[nodiscard]] static InputsOptions threads(std::uint32_t count)
    {
        InputsOptions options;
        options.threads = count;
        return options;
    }

    template <class... Parameters, class... Arguments>
    [[nodiscard]] std::vector<Activations> outputs(const Control &control, eidos_status (*function)(Parameters...),
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
