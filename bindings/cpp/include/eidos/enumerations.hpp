// Generated from src/ffi by `make header`; do not edit.

/// Enumerations, with the numbers of eidos.h.
#ifndef EIDOS_ENUMERATIONS_HPP
#define EIDOS_ENUMERATIONS_HPP

#include <eidos.h>

#include <cstdint>

namespace eidos {

/// The status says whose fault a failure is, and what to do.
enum class Status : std::int32_t {
    /// The call succeeded and its outputs are written.
    ok = EIDOS_OK,
    /// The caller passed a value that cannot be right (NULL, k = 0, a wrong length, text that is not UTF-8). Fix the
    /// call.
    invalid_argument = EIDOS_INVALID_ARGUMENT,
    /// A handle was freed before (in other languages: its object was closed or moved from), or is of another type. Fix
    /// the call.
    invalid_handle = EIDOS_INVALID_HANDLE,
    /// A file, folder, repository or revision does not exist. Fix the name or create it.
    not_found = EIDOS_NOT_FOUND,
    /// The model has no module of that path, or that module cannot be a split point. Choose another path.
    unknown_module = EIDOS_UNKNOWN_MODULE,
    /// A file is truncated, damaged or hostile. Get the file again.
    invalid_file = EIDOS_INVALID_FILE,
    /// The file is fine but asks for something that this version does not build. Use another model or version.
    unsupported = EIDOS_UNSUPPORTED,
    /// The numbers are unusable (NaN, infinite, constant). The message names the row. Look at the data.
    invalid_data = EIDOS_INVALID_DATA,
    /// Two things do not belong together, such as an explainer of another width. Use the matching one.
    mismatch = EIDOS_MISMATCH,
    /// The operating system refused: the disk is full, or there is no permission. Fix the machine and call again; what
    /// was complete is kept.
    io = EIDOS_IO,
    /// The network or the server failed. Call again; what was downloaded is kept.
    network = EIDOS_NETWORK,
    /// The server refused the credentials. Set a token that has access.
    access_denied = EIDOS_ACCESS_DENIED,
    /// The caller cancelled. What was complete is kept.
    cancelled = EIDOS_CANCELLED,
    /// A memory limit would be exceeded. Raise the limit, or let rows go to disk.
    out_of_memory = EIDOS_OUT_OF_MEMORY,
    /// The device that was asked for is missing or failed. Use another device.
    device = EIDOS_DEVICE,
    /// Eidos has a defect. Please report it with the message of the error.
    internal = EIDOS_INTERNAL,
    /// A language model gave no answer that can be used (empty, refused, cut). Try again, or use another model.
    unusable_answer = EIDOS_UNUSABLE_ANSWER,
    /// The next request to a language model could exceed the budget, or the account is empty. Raise the budget and call
    /// again.
    budget_exhausted = EIDOS_BUDGET_EXHAUSTED,
    /// Another call, of this process or of another one, is writing to the same place. Wait for it, or choose another
    /// place.
    busy = EIDOS_BUSY,
};

/// The stage says what a long call is busy with.
enum class Stage : std::uint32_t {
    /// Nothing has started.
    idle = EIDOS_STAGE_IDLE,
    /// The call fetches files from a hub; counted in bytes.
    download = EIDOS_STAGE_DOWNLOAD,
    /// The call reads weights; counted in tensors.
    load = EIDOS_STAGE_LOAD,
    /// The call turns texts into tokens; counted in texts.
    tokenize = EIDOS_STAGE_TOKENIZE,
    /// The call runs the model; counted in tokens.
    forward = EIDOS_STAGE_FORWARD,
    /// The call reads rows to learn their mean and covariance; counted in rows.
    covariance = EIDOS_STAGE_COVARIANCE,
    /// The call iterates to fit the concepts; counted in iterations, of which the total is the most there can be.
    fit = EIDOS_STAGE_FIT,
    /// The call encodes rows into concepts, to rank inputs or to write the codes; counted in rows.
    interpret = EIDOS_STAGE_INTERPRET,
    /// The call writes files; counted in bytes.
    write = EIDOS_STAGE_WRITE,
    /// The call asks a language model what concepts mean; counted in concepts.
    label = EIDOS_STAGE_LABEL,
    /// Rows are read once to learn their norms; counted in rows.
    filter = EIDOS_STAGE_FILTER,
};

/// The level says how important a message of a long call is.
enum class LogLevel : std::uint32_t {
    /// The call goes on, but its result may not be what was hoped for: a request is repeated, a concept has no label.
    warning = EIDOS_LOG_WARNING,
    /// The message says what a run is made of: which files were loaded, in which type and with which instructions, and
    /// what is downloaded.
    info = EIDOS_LOG_INFO,
    /// The message is about a single step, such as a file that was found in the cache.
    debug = EIDOS_LOG_DEBUG,
};

/// The format says how the texts are written.
enum class TextFormat : std::uint32_t {
    /// The file has JSON lines where its name ends in `.jsonl`, `.ndjson` or `.json`, else lines. The default.
    automatic = EIDOS_TEXT_FORMAT_AUTO,
    /// The file has one text a line.
    lines = EIDOS_TEXT_FORMAT_LINES,
    /// The file has one JSON object a line, of which one field is the text.
    json_lines = EIDOS_TEXT_FORMAT_JSON_LINES,
};

/// The model is built with this head.
enum class Head : std::uint32_t {
    /// The model has the head that its configuration names.
    automatic = EIDOS_HEAD_AUTO,
    /// The model has no head: it is the base model.
    base = EIDOS_HEAD_BASE,
    /// The head is that of a masked language model.
    masked_lm = EIDOS_HEAD_MASKED_LM,
    /// The head classifies texts.
    sequence_classification = EIDOS_HEAD_SEQUENCE_CLASSIFICATION,
    /// The head is that of a causal language model.
    causal_lm = EIDOS_HEAD_CAUSAL_LM,
    /// The head classifies tokens.
    token_classification = EIDOS_HEAD_TOKEN_CLASSIFICATION,
    /// The head is that of a language model of an encoder and a decoder.
    seq2seq_lm = EIDOS_HEAD_SEQ2SEQ_LM,
};

/// The model runs on this device.
enum class Device : std::uint32_t {
    /// The model runs on the processor.
    cpu = EIDOS_DEVICE_CPU,
    /// The model runs on an NVIDIA GPU.
    cuda = EIDOS_DEVICE_CUDA,
    /// The model runs on the first GPU that works, and on the processor where none does. The log says which it is, and
    /// why.
    automatic = EIDOS_DEVICE_AUTO,
};

/// The model computes in this type of number, whatever type its files have.
enum class Precision : std::uint32_t {
    /// The model computes in single precision. Where the processor has AMX and a file holds `bf16`, a product with its
    /// matrices is three products of `bf16` numbers, which are exactly the one, with sums in `f32`.
    f32 = EIDOS_PRECISION_F32,
    /// The model computes in single precision, but the factors of its products are rounded to TF32.
    tf32 = EIDOS_PRECISION_TF32,
    /// The model computes in `bf16`: the factors of products are rounded to `bf16`, sums, norms and softmax are `f32`.
    /// On a GPU activations are `bf16` as well.
    bf16 = EIDOS_PRECISION_BF16,
    /// The model computes in `f16`: activations and the factors of products are `f16`, sums are `f32`.
    f16 = EIDOS_PRECISION_F16,
    /// The factors of products are rounded to 8-bit integers, each row of a weight and each row of activations with its
    /// own scale; sums are exact, everything else is `f32`. A quarter of the memory of `f32`, and the least exact. On
    /// the CPU alone.
    int8 = EIDOS_PRECISION_INT8,
};

/// The network says whether files are downloaded.
enum class Network : std::uint32_t {
    /// The environment (`HF_HUB_OFFLINE`) says whether to stay offline.
    automatic = EIDOS_NETWORK_AUTO,
    /// Only files that are there already are used.
    offline = EIDOS_NETWORK_OFFLINE,
    /// Files that are missing are downloaded.
    online = EIDOS_NETWORK_ONLINE,
};

/// Why units have no row.
enum class Filter : std::uint32_t {
    /// `stop_units` of the options named the unit.
    stop_units = EIDOS_FILTER_STOP_UNITS,
    /// The unit is a piece of a contraction, which `stop_contractions` of the options left out.
    stop_contractions = EIDOS_FILTER_STOP_CONTRACTIONS,
    /// The unit is nothing but punctuation, which `stop_punctuation` of the options left out.
    stop_punctuation = EIDOS_FILTER_STOP_PUNCTUATION,
    /// The unit is nothing but the first position of its text, which `skip_first_position` of the options left out.
    first_position = EIDOS_FILTER_FIRST_POSITION,
    /// The row was far longer than others, and `Activations::without_high_norms()` left it out.
    high_norm = EIDOS_FILTER_HIGH_NORM,
    /// The unit is an entry of a vocabulary that the model has no embedding for.
    no_embedding = EIDOS_FILTER_NO_EMBEDDING,
};

/// The algorithm of ICA says in which order components are found.
enum class IcaAlgorithm : std::uint32_t {
    /// All components are found at once. The default.
    parallel = EIDOS_ICA_PARALLEL,
    /// One component is found after the other.
    deflation = EIDOS_ICA_DEFLATION,
};

/// The solver of ICA makes the contrast extreme.
enum class IcaSolver : std::uint32_t {
    /// The fixed-point iteration of FastICA, step by step as in scikit-learn. The default.
    fast_ica = EIDOS_SOLVER_FAST_ICA,
    /// Picard-O (Ablin, Cardoso, Gramfort, 2018): L-BFGS on the orthogonal matrices, which reads the rows fewer times
    /// for small tolerances, and finds all components at once. Where the contrast has several extreme points, it may
    /// end at another one than FastICA does.
    picard_o = EIDOS_SOLVER_PICARD_O,
};

/// The contrast function tells heavy tails from a normal distribution.
enum class Contrast : std::uint32_t {
    /// The contrast is `log cosh(alpha x) / alpha`, a good general choice. The default.
    logcosh = EIDOS_CONTRAST_LOGCOSH,
    /// The contrast is `-exp(-x^2 / 2)`, which is robust, for very heavy tails.
    exp = EIDOS_CONTRAST_EXP,
    /// The contrast is `x^4 / 4`, kurtosis, which is sensitive to outliers.
    cube = EIDOS_CONTRAST_CUBE,
};

/// The codes of k-means say how a row belongs to the centres.
enum class KmeansCode : std::uint32_t {
    /// 1 for the nearest centre, 0 for all others. They decode to that centre. The default.
    one_hot = EIDOS_KMEANS_ONE_HOT,
    /// The share of each centre, which fall with the squared distance and add up to 1. They decode to the mean of the
    /// centres with these shares.
    soft = EIDOS_KMEANS_SOFT,
    /// How much nearer to each centre the row is than a radius, so that the inputs of the largest codes are the nearest
    /// ones. They decode to the projection of the row on the plane of the centres. The radius is twice as far as the
    /// rows of the widest centre are from it.
    proximity = EIDOS_KMEANS_PROXIMITY,
};

/// The format of a dictionary says for which programs it is written.
enum class DictionaryFormat : std::uint32_t {
    /// A folder of SAELens 6, which is made if need be: `cfg.json` and `sae_weights.safetensors`, as
    /// `SAE.load_from_disk` opens it.
    sae_lens = EIDOS_DICTIONARY_SAE_LENS,
    /// One safetensors file of the same tensors, with the same configuration as `cfg` in its metadata. It takes every
    /// dictionary.
    safetensors = EIDOS_DICTIONARY_SAFETENSORS,
};

/// The activation of a sparse autoencoder leaves a row few codes.
enum class Activation : std::uint32_t {
    /// Codes below zero are zero.
    relu = EIDOS_ACTIVATION_RELU,
    /// A row keeps its largest codes, where they are above zero.
    top_k = EIDOS_ACTIVATION_TOP_K,
    /// A row keeps its codes of largest magnitude, with their signs.
    abs_top_k = EIDOS_ACTIVATION_ABS_TOP_K,
    /// Codes that are not above their thresholds, and those below zero, are zero.
    jump_relu = EIDOS_ACTIVATION_JUMP_RELU,
};

/// The format of codes says which programs read them.
enum class CodesFormat : std::uint32_t {
    /// The format is what the name of the file says: `.npy`, `.npz`, `.safetensors` or `.parquet`. The default.
    of_path = EIDOS_CODES_OF_PATH,
    /// A dense matrix (rows, concepts) of 32-bit floats, as `numpy.load` reads it.
    npy = EIDOS_CODES_NPY,
    /// A sparse matrix (rows, concepts) in CSR form, as `scipy.sparse.load_npz` reads it. While it is written, it takes
    /// twice its room.
    npz = EIDOS_CODES_NPZ,
    /// A dense matrix (rows, concepts), the tensor `codes` of a safetensors file.
    safetensors = EIDOS_CODES_SAFETENSORS,
    /// A table in Parquet: a line for each code that is not zero, with `row`, `text`, `begin`, `end`, `unit`, `concept`
    /// and `activation`. It takes a library with the feature `parquet`.
    parquet = EIDOS_CODES_PARQUET,
};

/// The granularity says what one row stands for.
enum class Granularity : std::uint32_t {
    /// A row stands for a token that is not a special one.
    token = EIDOS_GRANULARITY_TOKEN,
    /// A row stands for a word, as the rule of `EIDOS_WORD_RULE_*` cuts texts: a piece of text without white space in
    /// it, but for a space in front where tokens bring one (`" film"`). Punctuation is a word of its own where the rule
    /// says so. The default.
    word = EIDOS_GRANULARITY_WORD,
    /// A row stands for a sentence.
    sentence = EIDOS_GRANULARITY_SENTENCE,
    /// A row stands for a text, over its tokens that are not special.
    sample = EIDOS_GRANULARITY_SAMPLE,
    /// A row stands for a position, special tokens included.
    all_tokens = EIDOS_GRANULARITY_ALL_TOKENS,
    /// A row stands for the first position of a text, which must be the tokenizer's classification token.
    cls_token = EIDOS_GRANULARITY_CLS_TOKEN,
};

/// The word rule says where a word ends.
enum class WordRule : std::uint32_t {
    /// Words end where the tokenizer's pre-tokenizer splits them if it does (BERT: `don`, `'`, `t`; Llama 3: ` don`,
    /// `'t`; T5: `don't` and `film,`), else where Unicode does (Gemma, Llama 2, Mistral, Phi-3). The default.
    /// docs/units.md has a table of the families.
    automatic = EIDOS_WORD_RULE_AUTO,
    /// Words end where the tokenizer's pre-tokenizer splits them; where it splits nothing, white space alone ends a
    /// word (`film,`).
    tokenizer = EIDOS_WORD_RULE_TOKENIZER,
    /// Words end at the word boundaries of Unicode (UAX #29): `don't`, `1,234.50`, each mark of punctuation and each
    /// ideograph. A token belongs to the word in which its first byte lies that is not white space; a word in which no
    /// token begins has no row.
    unicode = EIDOS_WORD_RULE_UNICODE,
};

/// The aggregation says how the tokens of a unit become one row.
enum class Aggregation : std::uint32_t {
    /// A row is the mean of the rows of the unit's tokens, per column. The default.
    mean = EIDOS_AGGREGATION_MEAN,
    /// A row is the sum of the rows of the unit's tokens, per column.
    sum = EIDOS_AGGREGATION_SUM,
    /// A row has the largest value of the unit's tokens, per column.
    max = EIDOS_AGGREGATION_MAX,
    /// A row has the smallest value of the unit's tokens, per column.
    min = EIDOS_AGGREGATION_MIN,
    /// A row has the value of largest magnitude of the unit's tokens, with its sign, per column.
    signed_max = EIDOS_AGGREGATION_SIGNED_MAX,
    /// A row is that of the unit's first token.
    first = EIDOS_AGGREGATION_FIRST,
    /// A row is that of the unit's last token.
    last = EIDOS_AGGREGATION_LAST,
};

/// This says what becomes of texts that are longer than what the model reads.
enum class OnLongText : std::uint32_t {
    /// Texts that are longer than what the model reads lose their end, which has no rows;
    /// `Activations::truncated_count()` says how many they are, and the log does. The default.
    truncate = EIDOS_ON_LONG_TEXT_TRUNCATE,
    /// A text that is longer than what the model reads is `Status::invalid_argument`, which names it, before the model
    /// runs.
    error = EIDOS_ON_LONG_TEXT_ERROR,
};

/// The kind of a sparse autoencoder says how the number of codes of a row is kept small.
enum class SaeKind : std::uint32_t {
    /// The batch keeps its largest codes, `k` for each row on average; what is trained has one threshold for all. The
    /// default.
    batch_top_k = EIDOS_SAE_BATCH_TOP_K,
    /// Each row keeps its `k` largest codes.
    top_k = EIDOS_SAE_TOP_K,
    /// A ReLU, and a penalty on the sum of the codes.
    vanilla = EIDOS_SAE_VANILLA,
    /// A threshold for each concept, learned with straight-through gradients, and a penalty on the number of codes.
    jump_relu = EIDOS_SAE_JUMP_RELU,
    /// A gate decides which codes a row has, apart from how large they are, and a penalty on the gates.
    gated = EIDOS_SAE_GATED,
    /// Batch-top-k whose first concepts reconstruct the rows by themselves as well: general concepts come first.
    matryoshka = EIDOS_SAE_MATRYOSHKA,
    /// A row takes the concept that explains most of it, then that which explains most of the rest, and so on, `k`
    /// times at most. The dictionary is all that is trained: there are no weights of an encoder.
    matching_pursuit = EIDOS_SAE_MATCHING_PURSUIT,
};

/// The kernel says by which pre-activations the threshold of a JumpReLU learns.
enum class ThresholdKernel : std::uint32_t {
    /// All pre-activations within half a bandwidth count the same. The default.
    rectangle = EIDOS_KERNEL_RECTANGLE,
    /// The kernel falls in a line to zero at half a bandwidth.
    triangular = EIDOS_KERNEL_TRIANGULAR,
    /// The kernel is a parabola that is zero at half a bandwidth.
    epanechnikov = EIDOS_KERNEL_EPANECHNIKOV,
    /// The kernel is the square of a parabola that is zero at half a bandwidth.
    quartic = EIDOS_KERNEL_QUARTIC,
    /// The kernel is a wave of the cosine that is zero at a bandwidth.
    cosine = EIDOS_KERNEL_COSINE,
    /// The kernel is a normal distribution with half a bandwidth as its deviation.
    gaussian = EIDOS_KERNEL_GAUSSIAN,
    /// The kernel is Silverman's, which is a little below zero in its tails.
    silverman = EIDOS_KERNEL_SILVERMAN,
    /// The kernel is a Cauchy distribution, with heavy tails.
    cauchy = EIDOS_KERNEL_CAUCHY,
};

/// The pole says which end of a concept inputs excite.
enum class Pole : std::uint32_t {
    /// The inputs are those with the largest activations.
    positive = EIDOS_POLE_POSITIVE,
    /// The inputs are those with the most negative activations, for concepts that have a sign.
    negative = EIDOS_POLE_NEGATIVE,
};

/// The sampling says how the examples are chosen.
enum class Sampling : std::uint32_t {
    /// The examples are those with the strongest activations. The default.
    top = EIDOS_SAMPLING_TOP,
    /// The examples are any that excite the concept.
    random = EIDOS_SAMPLING_RANDOM,
    /// The examples are equally many of each quantile of activation, at random within it.
    quantile = EIDOS_SAMPLING_QUANTILE,
};

} // namespace eidos

#endif
