/// Explainers: fitted concept models.
#ifndef EIDOS_EXPLAINER_HPP
#define EIDOS_EXPLAINER_HPP

#include "activations.hpp"
#include "control.hpp"
#include "detail/call.hpp"
#include "detail/handle.hpp"
#include "enumerations.hpp"
#include "matrix.hpp"
#include "options.hpp"
#include "strings.hpp"

#include <eidos.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace eidos {

/// How a fit ended.
struct FitReport {
    /// Whether the iterations ended by convergence; true for a method that does not iterate.
    bool converged = false;
    /// How many iterations the fit took; where concepts are found one after the other, the most of any concept. 0 for a
    /// method that does not iterate.
    std::size_t steps = 0;
    /// The measures of the method, by name (`last_change`, `explained_variance`): one number, or one for each concept.
    std::map<std::string, std::vector<double>> measures;
    /// What may be wrong with the result, in sentences: that rows were few for the concepts that were asked for, for one.
    std::vector<std::string> warnings;
};

/// Codes that are not zero, as a sparse matrix of rows and concepts in CSR form.
struct SparseCodes {
    std::size_t concept_count = 0;
    /// Where the entries of each row begin, and where the last one ends.
    std::vector<std::size_t> starts;
    /// The concept of each entry, ascending within a row.
    std::vector<std::uint32_t> concepts;
    /// The code of each entry.
    std::vector<float> values;
};

/// How the activations of a concept are distributed over the rows of the fit, or of Explainer::calibrate().
struct Moments {
    double mean = 0;
    /// The standard deviation.
    double deviation = 0;
};

/// A fitted concept model: it encodes rows into concepts and decodes them back. It never changes: any number of threads
/// may use it at the same time.
class Explainer : public detail::Handle<eidos_explainer> {
public:
    using Handle::Handle;

    /// Another owner of the same explainer. Nothing is copied, and views are valid as long as any owner lives.
    [[nodiscard]] Explainer share() const { return detail::create<Explainer>(eidos_explainer_retain, handle()); }

    /// Opens a file that save() wrote, or a published dictionary by its folder or a file of it.
    [[nodiscard]] static Explainer open(const StringArg &path)
    {
        return detail::create<Explainer>(eidos_explainer_open, path.c_str());
    }

    /// Opens a dictionary that somebody trained and published: its folder or a file of it on this machine, or a folder in a
    /// repository of a hub, `google/gemma-scope-2b-pt-res/layer_20/width_16k/average_l0_71`. The formats are those of SAELens,
    /// Gemma Scope, Llama Scope, sparsify and dictionary_learning. What may be wrong with the codes is in the warnings of
    /// fit_report().
    [[nodiscard]] static Explainer open_published(const StringArg &id_or_path, const PublishedOptions &options = {},
                                                  const Control &control = {})
    {
        const auto c_options = detail::to_c(options);
        return control.create<Explainer>(eidos_explainer_open_published, id_or_path.c_str(), &c_options);
    }

    /// Makes an explainer of a sparse autoencoder that was trained elsewhere:
    /// `codes = activation((row - offset) encoder^T + bias)`, and `row = codes dictionary + offset`. `k` is how many codes a row
    /// keeps, for top-k; `thresholds` has one for each concept, for JumpReLU. The rest is as in from_dictionary().
    [[nodiscard]] static Explainer from_autoencoder(MatrixView dictionary, Activation activation, std::size_t k = 0,
                                                    Span<const float> thresholds = {}, MatrixView encoder = {},
                                                    Span<const float> bias = {}, Span<const float> offset = {})
    {
        check_parts(dictionary, encoder, bias, offset);
        if (thresholds.size() && thresholds.size() != dictionary.row_count())
            throw Error(Status::invalid_argument, "the thresholds are of other concepts than the dictionary",
                        "give one for each concept");
        return detail::create<Explainer>(eidos_explainer_from_autoencoder, dictionary.data(),
                                         encoder.row_count() ? encoder.data() : nullptr, part(bias), part(offset),
                                         part(thresholds), dictionary.row_count(), dictionary.column_count(),
                                         static_cast<std::uint32_t>(activation), k);
    }

    /// Makes an explainer from concepts that were found elsewhere, such as those of a sparse autoencoder or a probe:
    /// `codes = (row - offset) encoder^T + bias`, and `row = codes dictionary + offset`. Matrices have one row per
    /// concept. An empty `encoder` means the dictionary itself, an empty `bias` or `offset` means zero. `rectified`
    /// makes negative codes zero (ReLU). Everything is copied.
    [[nodiscard]] static Explainer from_dictionary(MatrixView dictionary, MatrixView encoder = {}, Span<const float> bias = {},
                                                   Span<const float> offset = {}, bool rectified = false)
    {
        check_parts(dictionary, encoder, bias, offset);
        return detail::create<Explainer>(eidos_explainer_from_dictionary, dictionary.data(),
                                         encoder.row_count() ? encoder.data() : nullptr, part(bias), part(offset),
                                         dictionary.row_count(), dictionary.column_count(),
                                         static_cast<std::uint32_t>(rectified));
    }

    /// Writes the explainer to a file, completely or not at all. save_interpreted() writes what its concepts mean into the same file.
    void save(const StringArg &path) const { detail::call(eidos_explainer_save, handle(), path.c_str()); }

    /// Writes the dictionary for other programs: as a folder of SAELens, or as one safetensors file.
    void save_as(const StringArg &path, DictionaryFormat format) const
    {
        detail::call(eidos_explainer_save_as, handle(), path.c_str(), static_cast<std::uint32_t>(format));
    }

    /// How many concepts there are.
    [[nodiscard]] std::size_t concept_count() const { return eidos_explainer_concept_count(handle()); }

    /// How many columns the rows have that the explainer encodes.
    [[nodiscard]] std::size_t input_width() const { return eidos_explainer_input_width(handle()); }

    /// How many columns the rows have that are decoded: input_width(), but for a transcoder; 0 where nothing can be decoded.
    [[nodiscard]] std::size_t output_width() const { return eidos_explainer_output_width(handle()); }

    /// The method that found the concepts (`ica`).
    [[nodiscard]] std::string method() const { return detail::text(eidos_explainer_method, handle()); }

    /// The options of the fit as a JSON object (`{"concept_count": 20, ...}`).
    [[nodiscard]] std::string options() const { return detail::text(eidos_explainer_options, handle()); }

    /// The id or folder of the model that the activations came from; empty for rows of your own.
    [[nodiscard]] std::string model() const { return detail::text(eidos_explainer_model, handle()); }

    /// The module path of the split point that the activations came from; empty for rows of your own.
    [[nodiscard]] std::string split_point() const { return detail::text(eidos_explainer_split_point, handle()); }

    /// How the fit ended.
    [[nodiscard]] FitReport fit_report() const
    {
        std::map<std::string, std::vector<double>> measures;
        for (std::size_t index = 0; index < eidos_explainer_measure_count(handle()); ++index) {
            std::size_t count = 0;
            const double *values = eidos_explainer_measure_values(handle(), index, &count);
            std::vector<double> numbers(values, values + count);
            measures.emplace(detail::text(eidos_explainer_measure_name, handle(), index), std::move(numbers));
        }
        std::vector<std::string> warnings(eidos_explainer_warning_count(handle()));
        for (std::size_t index = 0; index < warnings.size(); ++index)
            warnings[index] = detail::text(eidos_explainer_warning, handle(), index);
        return {eidos_explainer_converged(handle()) != 0, eidos_explainer_step_count(handle()), std::move(measures),
                std::move(warnings)};
    }

    /// An explainer with the same concepts that knows how their activations are distributed over these rows, by which explain()
    /// judges new ones. A fit does so with its own rows; from_dictionary() and files from before Eidos kept the distributions
    /// have none. Of rows that are spread over processes it is the distribution of all of them, and each process must make
    /// this call.
    [[nodiscard]] Explainer calibrate(const Activations &activations, const Control &control = {}) const
    {
        return control.create<Explainer>(eidos_explainer_calibrate, handle(), activations.handle());
    }

    /// The mean and the standard deviation of a concept's activations over the rows of the fit, or of calibrate(). Throws an
    /// Error beyond the last concept, and for an explainer that does not know them.
    [[nodiscard]] Moments moments(std::size_t concept_index) const
    {
        Moments result;
        detail::call(eidos_explainer_moments, handle(), concept_index, &result.mean, &result.deviation);
        return result;
    }

    /// Encodes rows of `input_width()` columns into concepts: a row of `concept_count()` columns for each.
    [[nodiscard]] Matrix encode(MatrixView rows) const
    {
        Matrix codes(rows.row_count(), concept_count());
        encode_into(rows, codes.values());
        return codes;
    }

    /// Encodes activations into concepts: a row of `concept_count()` columns for each of their rows, wherever these lie.
    [[nodiscard]] Matrix encode(const Activations &activations, const EncodeOptions &options = {}, const Control &control = {}) const
    {
        const auto c_options = detail::to_c(options);
        Matrix codes(activations.row_count(), concept_count());
        control.call(eidos_explainer_encode_activations, handle(), activations.handle(), &c_options, control.handle(),
                     codes.values().data(), codes.values().size());
        return codes;
    }

    /// Encodes activations into the codes that are not zero, as a sparse matrix.
    [[nodiscard]] SparseCodes encode_sparse(const Activations &activations, const EncodeOptions &options = {},
                                            const Control &control = {}) const
    {
        const auto c_options = detail::to_c(options);
        SparseCodes codes;
        codes.concept_count = concept_count();
        codes.starts.resize(activations.row_count() + 1);
        // Most sparse codes have fewer entries a row; where there are more, the call says how many.
        std::size_t count = activations.row_count() * (codes.concept_count < 64 ? codes.concept_count : 64);
        do {
            codes.concepts.resize(count);
            codes.values.resize(count);
            control.call(eidos_explainer_encode_sparse, handle(), activations.handle(), &c_options, control.handle(),
                         codes.starts.data(), codes.concepts.data(), codes.values.data(), codes.values.size(), &count);
        } while (count > codes.values.size());
        codes.concepts.resize(count);
        codes.values.resize(count);
        return codes;
    }

    /// Encodes activations into a file that other programs read, completely or not at all: `.npy` (numpy.load), `.npz`
    /// (scipy.sparse.load_npz), `.safetensors` or `.parquet`. Memory does not grow with the number of rows.
    void save_codes(const StringArg &path, const Activations &activations, const EncodeOptions &options = {},
                    const Control &control = {}) const
    {
        const auto c_options = detail::to_c(options);
        control.call(eidos_explainer_save_codes, handle(), activations.handle(), path.c_str(), &c_options,
                     control.handle());
    }

    /// Encodes rows into `out`, which has room for `rows.row_count() * concept_count()` values.
    void encode_into(MatrixView rows, Span<float> out) const
    {
        detail::call(eidos_explainer_encode, handle(), rows.data(), rows.row_count(), rows.column_count(), out.data(),
                     out.size());
    }

    /// Encodes rows of `input_width()` columns and decodes their codes: a row of `output_width()` columns for each. An explainer
    /// that normalises each row reconstructs only so.
    [[nodiscard]] Matrix reconstruct(MatrixView rows) const
    {
        Matrix result(rows.row_count(), decoded_width());
        detail::call(eidos_explainer_reconstruct, handle(), rows.data(), rows.row_count(), rows.column_count(),
                     result.values().data(), result.values().size());
        return result;
    }

    /// Decodes concepts, a row of `concept_count()` columns each, back into rows of `output_width()` columns.
    [[nodiscard]] Matrix decode(MatrixView codes) const
    {
        Matrix rows(codes.row_count(), decoded_width());
        decode_into(codes, rows.values());
        return rows;
    }

    /// Decodes concepts into `out`, which has room for `codes.row_count() * output_width()` values.
    void decode_into(MatrixView codes, Span<float> out) const
    {
        detail::call(eidos_explainer_decode, handle(), codes.data(), codes.row_count(), codes.column_count(), out.data(),
                     out.size());
    }

    /// The dictionary: a row of `output_width()` columns per concept, without a copy. The view ends with the explainer.
    [[nodiscard]] MatrixView dictionary() const & EIDOS_LIFETIMEBOUND
    {
        std::size_t length = 0;
        const float *values = eidos_explainer_dictionary(handle(), &length);
        return {Span<const float>(values, length), decoded_width()};
    }
    MatrixView dictionary() const && = delete;

private:
    static void check_parts(MatrixView dictionary, MatrixView encoder, Span<const float> bias, Span<const float> offset)
    {
        const std::size_t concepts = dictionary.row_count(), width = dictionary.column_count();
        const auto fits = [](std::size_t found, std::size_t wanted) { return found == 0 || found == wanted; };
        if (!fits(encoder.row_count(), concepts) || (encoder.row_count() && encoder.column_count() != width) ||
            !fits(bias.size(), concepts) || !fits(offset.size(), width))
            throw Error(Status::invalid_argument, "the parts of the dictionary are of different concepts or columns",
                        "give matrices of the same size, a bias per concept and an offset per column");
    }

    static const float *part(Span<const float> values) { return values.size() ? values.data() : nullptr; }

    // Where nothing can be decoded, the call says so.
    [[nodiscard]] std::size_t decoded_width() const { return output_width() ? output_width() : input_width(); }
};

} // namespace eidos

#endif
