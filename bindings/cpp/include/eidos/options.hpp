// Generated from src/ffi by `make header`; do not edit.

/// Options of calls, and how eidos.h wants them.
#ifndef EIDOS_OPTIONS_HPP
#define EIDOS_OPTIONS_HPP

#include "detail/call.hpp"
#include "detail/with_strings.hpp"
#include "enumerations.hpp"
#include "strings.hpp"

#include <eidos.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace eidos {

/// These options say how a file of texts is read.
struct TextsOptions {
    /// The format says how the texts are written. By default what the name of the file says.
    TextFormat format = TextFormat::automatic;
    /// The text is the field of this name of a JSON object. Empty means `text`.
    std::string field = {};
    /// This many texts are read at most, from the beginning of the file. By default all of them.
    std::uint64_t most_texts = UINT64_MAX;
    /// `true` keeps texts that are empty or nothing but white space, so that there is one text for each line or JSON
    /// object. By default they are left out.
    bool keep_empty = false;
};

/// These options say how a model is loaded.
struct LoadOptions {
    /// The model is built with this head.
    Head head = Head::automatic;
    /// The model runs on this device.
    Device device = Device::cpu;
    /// The model runs on this one of several GPUs, from 0.
    std::uint32_t device_index = 0;
    /// The network says whether files are downloaded.
    Network network = Network::automatic;
    /// `true` loads every weight up to the head, not only those up to the last split point, so that
    /// `SplitModel::logits()` works.
    bool whole = false;
    /// The model is loaded from this branch, tag or commit of its repository; empty means `main`.
    std::string revision = {};
    /// Downloads are asked for with this access token; empty means `HF_TOKEN` or the token file.
    std::string token = {};
    /// Downloads are kept in this folder; empty means `HF_HUB_CACHE`, `HF_HOME/hub` or `~/.cache/huggingface/hub`.
    std::string cache_folder = {};
    /// The hub has this address; empty means `HF_ENDPOINT` or the Hugging Face Hub.
    std::string endpoint = {};
    /// `true` reads the files of weights into memory instead of mapping them: a program that cuts one of them while the
    /// model loads then makes an error and does not end the process. Loading takes as much memory more as the files
    /// have bytes, and tables of embeddings stay in memory.
    bool copy = false;
    /// The model computes in this type of number, whatever type its files have. Activations and logits are given as
    /// `f32` always. The CPU computes in `f32`, `bf16` or `int8`; `SplitModel::products()` says how.
    Precision precision = Precision::f32;
    /// `true` cuts texts to the `max_seq_length` that sentence-transformers has for the model
    /// (`sentence_bert_config.json`), special tokens included, as it does before it pools; a model without that file is
    /// an error. Otherwise texts are cut to what the model and its tokenizer can read.
    bool use_max_seq_length = false;
};

/// These options say how texts become inputs; results do not depend on them.
struct InputsOptions {
    /// This many threads tokenize; 0, the default, is one per core.
    std::uint32_t threads = 0;
};

/// These options say how independent components are fitted.
struct IcaOptions {
    /// The fit finds this many concepts. There is no default: 0 is an error.
    std::uint32_t concept_count = 0;
    /// The algorithm says in which order components are found. By default all at once.
    IcaAlgorithm algorithm = IcaAlgorithm::parallel;
    /// The contrast function tells heavy tails from a normal distribution. By default log cosh.
    Contrast contrast = Contrast::logcosh;
    /// This is the `alpha` of the contrast log cosh, from 1 to 2. By default 1.
    double alpha = 1.0;
    /// Iterations stop when no component turns by more than this tolerance (1 minus the cosine); those of Picard-O when
    /// no entry of the gradient is larger. By default 1e-4.
    double tolerance = 0.0001;
    /// The fit ends after this many iterations, converged or not. By default 200.
    std::uint32_t max_iterations = 200;
    /// The seed decides the start matrix, which is drawn as NumPy's `RandomState(seed).normal`. By default 0.
    std::uint32_t seed = 0;
    /// `true` turns each component so that its heavy tail is positive, which is the default; `false` keeps the signs
    /// that the iteration ended with, which flip from one iteration to the next.
    bool canonical_signs = true;
    /// The fit uses this many threads; 0, the default, is one per core. Results do not depend on it.
    std::uint32_t threads = 0;
    /// The passes over the rows run on this device. By default on the CPU. On a GPU the components are those of the CPU
    /// up to rounding, and the same bits at each repetition. Rows that are not on that GPU are copied there in tiles.
    Device device = Device::cpu;
    /// The passes run on this one of several GPUs, from 0.
    std::uint32_t device_index = 0;
    /// The solver makes the contrast extreme. By default FastICA.
    IcaSolver solver = IcaSolver::fast_ica;
};

/// These options say how principal components are found.
struct PcaOptions {
    /// The fit finds this many concepts. There is no default: 0 is an error.
    std::uint32_t concept_count = 0;
    /// `true` scales codes to unit variance; 0, the default, leaves them.
    bool whiten = false;
    /// The fit uses this many threads; 0, the default, is one per core. Results do not depend on it.
    std::uint32_t threads = 0;
    /// The passes over the rows run on this device. By default on the CPU. On a GPU the components are those of the CPU
    /// up to rounding, and the same bits at each repetition. Rows that are not on that GPU are copied there in tiles.
    Device device = Device::cpu;
    /// The passes run on this one of several GPUs, from 0.
    std::uint32_t device_index = 0;
    /// `true` improves directions from random ones, without the covariance of the features: less memory and work where
    /// there are thousands of features and few concepts, on the CPU only. 0, the default, finds the exact ones.
    bool randomised = false;
    /// Random directions are improved this many times, with a pass over the activations each. By default 5.
    std::uint32_t power_iterations = 5;
    /// The seed decides the random directions. By default 0.
    std::uint32_t seed = 0;
};

/// These options say how singular vectors are found.
struct SvdOptions {
    /// The fit finds this many concepts. There is no default: 0 is an error.
    std::uint32_t concept_count = 0;
    /// The fit uses this many threads; 0, the default, is one per core. Results do not depend on it.
    std::uint32_t threads = 0;
    /// The passes over the rows run on this device. By default on the CPU. On a GPU the vectors are those of the CPU up
    /// to rounding, and the same bits at each repetition. Rows that are not on that GPU are copied there in tiles.
    Device device = Device::cpu;
    /// The passes run on this one of several GPUs, from 0.
    std::uint32_t device_index = 0;
};

/// These options say how k-means finds centres.
struct KmeansOptions {
    /// The fit finds this many centres. There is no default: 0 is an error.
    std::uint32_t concept_count = 0;
    /// The codes say how a row belongs to the centres. By default 1 for the nearest one.
    KmeansCode codes = KmeansCode::one_hot;
    /// The fit ends after this many iterations, converged or not. By default 300.
    std::uint32_t max_iterations = 300;
    /// This is how soft soft codes are: the share of a centre falls by the factor e for this part of the mean squared
    /// distance between a row and its nearest centre. By default 0.1.
    double temperature = 0.1;
    /// Iterations stop when the sum of the squared moves of all centres is at most this part of the mean variance of a
    /// feature. By default 1e-4.
    double tolerance = 0.0001;
    /// The seed decides the first centres. By default 0.
    std::uint32_t seed = 0;
    /// The fit uses this many threads; 0, the default, is one per core. Results do not depend on it.
    std::uint32_t threads = 0;
    /// Centres move after this many activations each (mini-batches; Sculley, 2010), and an iteration is a pass over all
    /// of them; 0, the default, moves them after all (Lloyd). Mini-batches need fewer passes and end a little higher.
    std::uint32_t batch_size = 0;
};

/// These options say how neurons become concepts.
struct NeuronsOptions {
    /// The rows are read by this many threads; 0, the default, is one per core. Results do not depend on it.
    std::uint32_t threads = 0;
};

/// These options say which random directions are drawn.
struct RandomDirectionsOptions {
    /// This many directions are drawn; there may be more than columns. There is no default: 0 is an error.
    std::uint32_t concept_count = 0;
    /// The seed decides the directions, whose entries are drawn as NumPy's `RandomState(seed).normal`. By default 0.
    std::uint32_t seed = 0;
    /// The rows are read by this many threads; 0, the default, is one per core. Results do not depend on it.
    std::uint32_t threads = 0;
};

/// These options say how non-negative parts are found.
struct NmfOptions {
    /// The fit finds this many parts. There is no default: 0 is an error.
    std::uint32_t concept_count = 0;
    /// Iterations stop when one of them lowers the sum of the squared differences by no more than this part of it. By
    /// default 1e-4.
    double tolerance = 0.0001;
    /// The fit ends after this many iterations, converged or not. By default 200.
    std::uint32_t max_iterations = 200;
    /// `true` takes negative values for zero, when the activations are fitted and when they are encoded; with 0, the
    /// default, they are an error of the fit.
    bool rectify = false;
    /// The seed decides the first parts where there are more than directions in the activations. By default 0.
    std::uint32_t seed = 0;
    /// The fit uses this many threads; 0, the default, is one per core. Results do not depend on it.
    std::uint32_t threads = 0;
};

/// These options say how atoms of codes that are not negative are found.
struct SemiNmfOptions {
    /// The fit finds this many concepts. There is no default: 0 is an error.
    std::uint32_t concept_count = 0;
    /// Iterations stop when one of them lowers the sum of the squared differences by no more than this part of it. By
    /// default 1e-4.
    double tolerance = 0.0001;
    /// The fit ends after this many iterations, converged or not. By default 200.
    std::uint32_t max_iterations = 200;
    /// The seed decides the first centres. By default 0.
    std::uint32_t seed = 0;
    /// The fit uses this many threads; 0, the default, is one per core. Results do not depend on it.
    std::uint32_t threads = 0;
};

/// These options say how atoms that are sums of rows are found.
struct ConvexNmfOptions {
    /// The fit finds this many concepts. There is no default: 0 is an error.
    std::uint32_t concept_count = 0;
    /// Iterations stop when one of them lowers the sum of the squared differences by no more than this part of it. By
    /// default 1e-4.
    double tolerance = 0.0001;
    /// The fit ends after this many iterations, converged or not. By default 200.
    std::uint32_t max_iterations = 200;
    /// The atoms may be sums of this many of the rows. By default 4096.
    std::uint32_t candidate_count = 4096;
    /// The seed decides which rows these are, and the first centres. By default 0.
    std::uint32_t seed = 0;
    /// The fit uses this many threads; 0, the default, is one per core. Results do not depend on it.
    std::uint32_t threads = 0;
};

/// These options say how a dictionary is learned.
struct DictionaryLearningOptions {
    /// The fit finds this many atoms; there may be more than columns. There is no default: 0 is an error.
    std::uint32_t concept_count = 0;
    /// This is the weight of the sum of the magnitudes of the codes: larger ones leave fewer that are not zero. It is
    /// in the units of the activations. By default 1.
    double penalty = 1.0;
    /// Iterations stop when one of them lowers what is minimised by no more than this part of it. By default 1e-4.
    double tolerance = 0.0001;
    /// The fit ends after this many iterations, converged or not. By default 200.
    std::uint32_t max_iterations = 200;
    /// 1, the default, allows no negative codes; 0 allows them.
    std::uint32_t positive_codes = 1;
    /// The seed decides the first atoms where there are more than directions in the activations. By default 0.
    std::uint32_t seed = 0;
    /// The fit uses this many threads; 0, the default, is one per core. Results do not depend on it.
    std::uint32_t threads = 0;
};

/// These options say how sparse principal components are found.
struct SparsePcaOptions {
    /// The fit finds this many concepts. There is no default: 0 is an error.
    std::uint32_t concept_count = 0;
    /// This is the weight of the sum of the magnitudes of the components' entries: larger ones leave fewer that are not
    /// zero. It grows with the root of the number of activations. By default 1.
    double penalty = 1.0;
    /// This is the ridge that codes are computed with. By default 0.01.
    double ridge = 0.01;
    /// Iterations stop when one of them lowers what is minimised by less than this part of it. By default 1e-8.
    double tolerance = 1e-8;
    /// The fit ends after this many iterations, converged or not. By default 1000.
    std::uint32_t max_iterations = 1000;
    /// The fit uses this many threads; 0, the default, is one per core. Results do not depend on it.
    std::uint32_t threads = 0;
    /// The passes over the rows run on this device. By default on the CPU. On a GPU the components are those of the CPU
    /// up to rounding, and the same bits at each repetition. Rows that are not on that GPU are copied there in tiles.
    Device device = Device::cpu;
    /// The passes run on this one of several GPUs, from 0.
    std::uint32_t device_index = 0;
};

/// These options say what the files of a published dictionary do not, and how they are fetched.
struct PublishedOptions {
    /// The network says whether files are downloaded.
    Network network = Network::automatic;
    /// The dictionary is for this model; empty means what the files say.
    std::string model = {};
    /// The dictionary reads rows of this split point, a module path or a hook of TransformerLens
    /// (`blocks.5.hook_resid_post`); empty means what the files say.
    std::string split_point = {};
    /// The files are those of this branch, tag or commit of their repository; empty means `main`.
    std::string revision = {};
    /// Downloads are asked for with this access token; empty means `HF_TOKEN` or the token file.
    std::string token = {};
    /// Downloads are kept in this folder; empty means `HF_HUB_CACHE`, `HF_HOME/hub` or `~/.cache/huggingface/hub`.
    std::string cache_folder = {};
    /// The hub has this address; empty means `HF_ENDPOINT` or the Hugging Face Hub.
    std::string endpoint = {};
    /// Rows were multiplied by this factor in training, where the files say that there is one but not which
    /// (`expected_average_only_in` of SAELens); it is folded into the weights. 0, the default, means that nobody knows
    /// it.
    double input_factor = 0.0;
    /// `true` says that the dictionary is a transcoder, for files that do not say it; `false` leaves it to them.
    bool transcoder = false;
};

/// These options say where activations are encoded, and how codes are written.
struct EncodeOptions {
    /// This many threads encode; 0, the default, is one per core. Results do not depend on it.
    std::uint32_t threads = 0;
    /// The activations are encoded on this device. By default on the CPU.
    Device device = Device::cpu;
    /// They are encoded on this one of several GPUs, from 0.
    std::uint32_t device_index = 0;
    /// The format of a file. By default what the name of the file says.
    CodesFormat format = CodesFormat::of_path;
};

/// These options say how activations are collected.
struct ActivationsOptions {
    /// The granularity says what one row stands for. By default a word.
    Granularity granularity = Granularity::word;
    /// The aggregation says how the tokens of a unit become one row. By default the mean of the tokens.
    Aggregation aggregation = Aggregation::mean;
    /// This many batches run at the same time on the CPU; 0, the default, is one per core. Results do not depend on it.
    std::uint32_t threads = 0;
    /// One batch holds this many tokens at most on the CPU. By default 512. Results do not depend on it.
    std::uint64_t batch_tokens = 512;
    /// The rows of all split points may take this many bytes in memory; beyond that they go to shards on disk, and with
    /// 0 always. By default 4 GiB.
    std::uint64_t memory_limit = 4294967296;
    /// A shard has this many bytes at most. By default 256 MiB.
    std::uint64_t shard_bytes = 268435456;
    /// The shards go into this folder. When given, rows always go there, and an interrupted collection resumes from its
    /// last complete shard; a second call that writes into the same folder meanwhile is `Status::busy`. The rows of the
    /// result are mapped as those of `Activations::open()`. Empty means memory, and beyond the memory limit files
    /// without a name in the folder for temporary files (`TMPDIR`), of which nothing is left however the process ends.
    std::string folder = {};
    /// The word rule says where a word ends. By default `WordRule::automatic`.
    WordRule word_rule = WordRule::automatic;
    /// `true` gives no row to the pieces of contractions: the apostrophe between letters, and `s`, `t`, `d`, `m`, `ll`,
    /// `re` and `ve` behind it, in one unit with it or not. For tokens, words and sentences only.
    bool stop_contractions = false;
    /// These units get no row, such as stop words, by their text: without white space at its ends, in whatever case.
    /// For tokens, words and sentences only. `Activations::left_out_count()` says how many units got no row.
    std::vector<std::string> stop_units = {};
    /// One batch holds this many tokens at most on a device, which wants much larger batches than the CPU. By default
    /// 16384. A batch for which the device has no memory is run in halves, and later batches are no larger than what
    /// did fit. Results do not depend on it.
    std::uint64_t device_batch_tokens = 16384;
    /// `true` leaves the rows in the memory of the device where the model computes, for fits and encoding there and for
    /// `Activations::to_dlpack()`. Then `memory_limit` does not count, and `folder` must be empty. Who reads such rows
    /// on the host copies them. On the CPU it changes nothing.
    bool keep_on_device = false;
    /// `true` gives no row to units that are nothing but punctuation: characters of Unicode's categories P, and those
    /// of ASCII that are neither letters, digits nor white space, as BERT's tokenizer has it. For tokens, words and
    /// sentences only.
    bool stop_punctuation = false;
    /// `true` leaves the first position of each text out of its unit: many models give it a row of its own kind and of
    /// a huge norm, whatever stands there (an attention sink). A unit that is nothing else gets no row, and the row of
    /// a longer one is made of its other tokens. Rows of a huge norm elsewhere: `Activations::without_high_norms()`.
    bool skip_first_position = false;
    /// This says what becomes of texts that are longer than what the model reads. By default they lose their end.
    OnLongText on_long_text = OnLongText::truncate;
};

/// These options say how a sparse autoencoder is trained.
struct SaeOptions {
    /// The training finds this many concepts. There is no default: 0 is an error.
    std::uint32_t concept_count = 0;
    /// The kind says how the number of codes of a row is kept small. By default batch-top-k.
    SaeKind kind = SaeKind::batch_top_k;
    /// A row has this many codes: exactly, at most or on average, as the kind says. 0, the default, is a twelfth of the
    /// columns, at most 64.
    std::uint32_t k = 0;
    /// The file that the state of the training is written to, and continued from if it is there; empty is none. A
    /// training that is cancelled writes it.
    std::string checkpoint = {};
    /// The weight of the penalty of a kind that has one. 0, the default, adapts it while it trains, so that a row has
    /// `k` codes on average.
    double penalty = 0.0;
    /// The width of the kernel by which the thresholds of a JumpReLU learn, for rows whose columns have the variance 1
    /// on average. 0, the default, is 1.
    double bandwidth = 0.0;
    /// The learning rate of Adam, for rows whose columns have the variance 1 on average; the dictionary of a kind with
    /// an encoder learns three times as fast. 0, the default, is `1e-3 * sqrt(16384 / concept_count)`, from 2.5e-4 to
    /// 5e-3.
    double learning_rate = 0.0;
    /// The share of the steps over which the learning rate rises from 0. By default 0.05.
    double warm_up = 0.05;
    /// The share of the steps at the end over which the learning rate falls to 0. By default 0.25.
    double decay = 0.25;
    /// The weight of the loss by which concepts that no row has learn what the others leave unexplained; 0 is none. By
    /// default 1.
    double dead_weight = 1.0;
    /// The share of the rows that the autoencoder is measured on, and not trained. By default 0.05.
    double held_out = 0.05;
    /// The parameters are changed this many times, each time for one batch. 0, the default, reads the rows twenty
    /// times, in at least 4000 and at most 30,000 steps.
    std::uint32_t steps = 0;
    /// A batch has this many rows. By default 1024.
    std::uint32_t batch_rows = 1024;
    /// A concept is dead when none of so many rows had it. 0, the default, is as many as have it two hundred times
    /// where all concepts are as frequent, and at least twenty batches; for matching pursuit fifty times; for a
    /// Matryoshka autoencoder a thousand times, but no more than a twentieth of what it is trained on.
    std::uint32_t dead_after = 0;
    /// So many rows are shuffled together. By default 65,536.
    std::uint32_t shuffled_rows = 65536;
    /// After so many steps the checkpoint is written; 0, the default, is only when the training is cancelled.
    std::uint32_t checkpoint_every = 0;
    /// The seed decides the start and the order of the rows. By default 0.
    std::uint32_t seed = 0;
    /// The training uses this many threads; 0, the default, is one per core. Results do not depend on it.
    std::uint32_t threads = 0;
    /// 1, the default, lets dead concepts begin anew at what the worst rows lack, as long as the learning rate is not
    /// falling; 0 does not.
    std::uint32_t restart_dead = 1;
    /// The thresholds of a JumpReLU learn by this kernel. By default a rectangle.
    ThresholdKernel kernel = ThresholdKernel::rectangle;
    /// The steps run on this device. By default on the CPU. On a GPU the result differs from that of the CPU by
    /// rounding, and the kind cannot be matching pursuit.
    Device device = Device::cpu;
    /// This is the number of the GPU that is used with `Device::cuda`, from 0.
    std::uint32_t device_index = 0;
};

/// These options say how logits are computed; results do not depend on them, but for `on_long_text`.
struct LogitsOptions {
    /// This many batches run at the same time on the CPU; 0, the default, is one per core.
    std::uint32_t threads = 0;
    /// One batch holds this many tokens at most; 0, the default, is as many as have 64 MiB of logits, and no more than
    /// 512; on a device as many as have 512 MiB, and no more than 16384.
    std::uint64_t batch_tokens = 0;
    /// The logits may take this many bytes in memory, 4 for each token and each id of the vocabulary; beyond that they
    /// go to temporary files without a name, and with 0 always. By default 4 GiB.
    std::uint64_t memory_limit = 4294967296;
    /// This says what becomes of texts that are longer than what the model reads. By default they lose their end.
    OnLongText on_long_text = OnLongText::truncate;
};

/// These options say which inputs an interpretation lists.
struct TopInputsOptions {
    /// `true` also lists the inputs with the most negative activations.
    bool negative_pole = false;
    /// This many inputs are listed for each concept; fewer where there are fewer. By default 5; 0 is an error.
    std::uint64_t k = 5;
    /// These concepts are interpreted, in the order wanted; empty means all.
    std::vector<std::size_t> concepts = {};
    /// The activations are encoded into concepts on this device. By default on the CPU. Activations that are not on
    /// that GPU are copied there in tiles.
    Device device = Device::cpu;
    /// They are encoded on this one of several GPUs, from 0.
    std::uint32_t device_index = 0;
    /// Units with these texts are not listed, in any case and with any white space around them; empty means none.
    std::vector<std::string> stop_units = {};
    /// `true` leaves out units that are nothing but punctuation.
    bool stop_punctuation = false;
    /// `true` takes texts that differ in their case, or in the white space around them, for the same input; the
    /// strongest one is listed.
    bool fold_case = false;
    /// Inputs that occur less often than this are not listed. By default 1.
    std::uint64_t least_occurrences = 1;
    /// The passage of an input has up to this many units on each side, within its text; with 0, the default, inputs are
    /// listed without one. It is in the JSON: `"passage": {"text", "begin", "end"}`, the last two in bytes.
    std::uint64_t context = 0;
};

/// These options say which concepts fire.
struct ExplainOptions {
    /// `true` lets concepts fire at their negative pole, too: with activations that far below the mean.
    bool negative_pole = false;
    /// This many concepts are listed for each unit; fewer where fewer fire. By default 5; 0 is an error.
    std::uint64_t k = 5;
    /// An activation fires from this many of the concept's standard deviations on, counted from its mean over the rows
    /// of the fit. By default 2.
    double least_deviations = 2.0;
    /// This many threads run the model and encode; 0, the default, is one per core. Results do not depend on it.
    std::uint32_t threads = 0;
};

/// These options say how concepts are measured.
struct MetricsOptions {
    /// The measuring uses this many threads; 0, the default, is one per core. Results do not depend on it.
    std::uint32_t threads = 0;
    /// A concept that is active on more than this share of the rows counts as dense. By default 0.1.
    double dense_share = 0.1;
    /// Two concepts of a dictionary whose cosine is at least this count as the same. By default 0.9.
    double redundant_cosine = 0.9;
    /// `true` also gives what there is for each column and concept: the explained variance of each column, the density
    /// of each concept and their histogram, the coherence of each.
    bool details = false;
};

/// These options say which language model is asked, and how.
struct ChatOptions {
    /// One answer may have this many tokens. By default 1024; models that think first need some thousands.
    std::uint32_t max_tokens = 1024;
    /// The server knows the model by this name. A caller's own model needs it for the cache only.
    std::string model = {};
    /// Requests go to this address with `/chat/completions` appended. Empty: `OPENAI_BASE_URL`, else
    /// `https://api.openai.com/v1`.
    std::string base_url = {};
    /// Requests are sent with this key of the account. Nothing: `OPENAI_API_KEY`, which is sent over https and to this
    /// very machine only; an empty string sends none. It appears in no error and in no cache.
    std::optional<std::string> api_key = {};
    /// This folder keeps every answer, so that the same question is paid for once and an interrupted run goes on where
    /// it stopped. It is made if it is not there. Empty: no cache.
    std::string cache_folder = {};
    /// One request may take this many seconds, with its answer. By default 120.
    std::uint32_t timeout_seconds = 120;
    /// A request that failed for a reason that may pass (no connection, 408, 409, 429, 5xx) is repeated this many
    /// times. By default 4.
    std::uint32_t retries = 4;
    /// This many requests of one call may be on their way at the same time. By default 4; a call asks the caller's own
    /// model one question at a time.
    std::uint32_t parallel_requests = 4;
    /// The temperature says how much chance there is in the answers; nothing leaves it to the server. By default 0.
    std::optional<double> temperature = 0.0;
    /// At most this many requests may be sent with the handle, repetitions counted. By default there is no limit.
    std::uint64_t request_budget = UINT64_MAX;
    /// At most this many tokens may be spent with the handle, of questions and answers together. A request that could
    /// exceed the budget is not sent. By default there is no limit.
    std::uint64_t token_budget = UINT64_MAX;
};

/// These options say how concepts are labelled.
struct LlmLabelsOptions {
    /// `true` also labels what the most negative activations mean.
    bool negative_pole = false;
    /// These concepts are labelled, in the order wanted; empty means all.
    std::vector<std::size_t> concepts = {};
    /// The sampling says how the examples are chosen. By default the strongest.
    Sampling sampling = Sampling::top;
    /// The model sees this many examples of each concept; fewer where there are fewer. By default 30. A piece of a text
    /// is shown once, around its strongest unit, and so are units that stand alone and look the same.
    std::uint32_t example_count = 30;
    /// An example has this many units of context on each side, as far as its text goes. By default 10; 0 shows the
    /// units alone. Whole texts, vocabularies and rows that a caller brought have no context.
    std::uint32_t context = 10;
    /// `Sampling::quantile` cuts the activations into this many quantiles. By default 5.
    std::uint32_t quantile_count = 5;
    /// The seed decides everything that is drawn at random. By default 0.
    std::uint32_t seed = 0;
    /// A label is scored on this many unseen passages that excite the concept, and on as many that do not. 0, the
    /// default, leaves the score out; 20 is a good number.
    std::uint32_t score_passages = 0;
    /// One request that scores a label holds this many passages. By default 10: more are cheaper and judged worse.
    std::uint32_t score_passages_per_request = 10;
    /// `true` asks nothing: the interpretation has the prompts instead of labels, and its usage is an estimate.
    bool dry_run = false;
    /// When labels are scored, a passage counts as exciting from this part of the concept's strongest activation on, up
    /// to 1; below half of that it is quiet. By default 0.5.
    double score_threshold = 0.5;
    /// These instructions take the place of those of Eidos. They should ask for `{"label": "..."}`. Empty: those of
    /// Eidos.
    std::string system_prompt = {};
};

/// These options say how much a report says.
struct ReportOptions {
    /// This many threads work; 0, the default, is one per core. Results do not depend on it.
    std::uint32_t threads = 0;
    /// This is the title. Empty names the model and the module.
    std::string title = {};
    /// This many inputs are listed for each pole of a concept. By default 6.
    std::uint64_t inputs = 6;
    /// This many passages are shown for each pole of a concept, each from another text. By default 3.
    std::uint64_t passages = 3;
    /// A passage has this many units on each side of its strongest one, and about 220 bytes of text at most. By default
    /// 6.
    std::uint64_t context = 6;
    /// This many of the nearest concepts are listed for a concept. By default 5.
    std::uint64_t neighbours = 5;
    /// This many texts are shown with what fires on their units, the first ones. By default 20.
    std::uint64_t texts = 20;
    /// This many concepts are shown where scripts do not run, and on paper: the strongest ones. By default 20.
    std::uint64_t concepts_without_scripts = 20;
};

namespace detail {

/// Options as eidos.h wants them; they point into `options`.
inline eidos_texts_options to_c(const TextsOptions &options EIDOS_LIFETIMEBOUND)
{
    eidos_texts_options result = defaults(eidos_texts_options_init);
    result.format = static_cast<std::uint32_t>(options.format);
    result.field = c_str_or_null(options.field);
    result.most_texts = options.most_texts;
    result.keep_empty = options.keep_empty ? 1 : 0;
    return result;
}

/// Options as eidos.h wants them; they point into `options`.
inline eidos_load_options to_c(const LoadOptions &options EIDOS_LIFETIMEBOUND)
{
    eidos_load_options result = defaults(eidos_load_options_init);
    result.head = static_cast<std::uint32_t>(options.head);
    result.device = static_cast<std::uint32_t>(options.device);
    result.device_index = options.device_index;
    result.network = static_cast<std::uint32_t>(options.network);
    result.whole = options.whole ? 1 : 0;
    result.revision = c_str_or_null(options.revision);
    result.token = c_str_or_null(options.token);
    result.cache_folder = c_str_or_null(options.cache_folder);
    result.endpoint = c_str_or_null(options.endpoint);
    result.copy = options.copy ? 1 : 0;
    result.precision = static_cast<std::uint32_t>(options.precision);
    result.use_max_seq_length = options.use_max_seq_length ? 1 : 0;
    return result;
}

/// Options as eidos.h wants them.
inline eidos_inputs_options to_c(const InputsOptions &options)
{
    eidos_inputs_options result = defaults(eidos_inputs_options_init);
    result.threads = options.threads;
    return result;
}

/// Options as eidos.h wants them.
inline eidos_ica_options to_c(const IcaOptions &options)
{
    eidos_ica_options result = defaults(eidos_ica_options_init);
    result.concept_count = options.concept_count;
    result.algorithm = static_cast<std::uint32_t>(options.algorithm);
    result.contrast = static_cast<std::uint32_t>(options.contrast);
    result.alpha = options.alpha;
    result.tolerance = options.tolerance;
    result.max_iterations = options.max_iterations;
    result.seed = options.seed;
    result.canonical_signs = options.canonical_signs ? 1 : 0;
    result.threads = options.threads;
    result.device = static_cast<std::uint32_t>(options.device);
    result.device_index = options.device_index;
    result.solver = static_cast<std::uint32_t>(options.solver);
    return result;
}

/// Options as eidos.h wants them.
inline eidos_pca_options to_c(const PcaOptions &options)
{
    eidos_pca_options result = defaults(eidos_pca_options_init);
    result.concept_count = options.concept_count;
    result.whiten = options.whiten ? 1 : 0;
    result.threads = options.threads;
    result.device = static_cast<std::uint32_t>(options.device);
    result.device_index = options.device_index;
    result.randomised = options.randomised ? 1 : 0;
    result.power_iterations = options.power_iterations;
    result.seed = options.seed;
    return result;
}

/// Options as eidos.h wants them.
inline eidos_svd_options to_c(const SvdOptions &options)
{
    eidos_svd_options result = defaults(eidos_svd_options_init);
    result.concept_count = options.concept_count;
    result.threads = options.threads;
    result.device = static_cast<std::uint32_t>(options.device);
    result.device_index = options.device_index;
    return result;
}

/// Options as eidos.h wants them.
inline eidos_kmeans_options to_c(const KmeansOptions &options)
{
    eidos_kmeans_options result = defaults(eidos_kmeans_options_init);
    result.concept_count = options.concept_count;
    result.codes = static_cast<std::uint32_t>(options.codes);
    result.max_iterations = options.max_iterations;
    result.temperature = options.temperature;
    result.tolerance = options.tolerance;
    result.seed = options.seed;
    result.threads = options.threads;
    result.batch_size = options.batch_size;
    return result;
}

/// Options as eidos.h wants them.
inline eidos_neurons_options to_c(const NeuronsOptions &options)
{
    eidos_neurons_options result = defaults(eidos_neurons_options_init);
    result.threads = options.threads;
    return result;
}

/// Options as eidos.h wants them.
inline eidos_random_directions_options to_c(const RandomDirectionsOptions &options)
{
    eidos_random_directions_options result = defaults(eidos_random_directions_options_init);
    result.concept_count = options.concept_count;
    result.seed = options.seed;
    result.threads = options.threads;
    return result;
}

/// Options as eidos.h wants them.
inline eidos_nmf_options to_c(const NmfOptions &options)
{
    eidos_nmf_options result = defaults(eidos_nmf_options_init);
    result.concept_count = options.concept_count;
    result.tolerance = options.tolerance;
    result.max_iterations = options.max_iterations;
    result.rectify = options.rectify ? 1 : 0;
    result.seed = options.seed;
    result.threads = options.threads;
    return result;
}

/// Options as eidos.h wants them.
inline eidos_semi_nmf_options to_c(const SemiNmfOptions &options)
{
    eidos_semi_nmf_options result = defaults(eidos_semi_nmf_options_init);
    result.concept_count = options.concept_count;
    result.tolerance = options.tolerance;
    result.max_iterations = options.max_iterations;
    result.seed = options.seed;
    result.threads = options.threads;
    return result;
}

/// Options as eidos.h wants them.
inline eidos_convex_nmf_options to_c(const ConvexNmfOptions &options)
{
    eidos_convex_nmf_options result = defaults(eidos_convex_nmf_options_init);
    result.concept_count = options.concept_count;
    result.tolerance = options.tolerance;
    result.max_iterations = options.max_iterations;
    result.candidate_count = options.candidate_count;
    result.seed = options.seed;
    result.threads = options.threads;
    return result;
}

/// Options as eidos.h wants them.
inline eidos_dictionary_learning_options to_c(const DictionaryLearningOptions &options)
{
    eidos_dictionary_learning_options result = defaults(eidos_dictionary_learning_options_init);
    result.concept_count = options.concept_count;
    result.penalty = options.penalty;
    result.tolerance = options.tolerance;
    result.max_iterations = options.max_iterations;
    result.positive_codes = options.positive_codes;
    result.seed = options.seed;
    result.threads = options.threads;
    return result;
}

/// Options as eidos.h wants them.
inline eidos_sparse_pca_options to_c(const SparsePcaOptions &options)
{
    eidos_sparse_pca_options result = defaults(eidos_sparse_pca_options_init);
    result.concept_count = options.concept_count;
    result.penalty = options.penalty;
    result.ridge = options.ridge;
    result.tolerance = options.tolerance;
    result.max_iterations = options.max_iterations;
    result.threads = options.threads;
    result.device = static_cast<std::uint32_t>(options.device);
    result.device_index = options.device_index;
    return result;
}

/// Options as eidos.h wants them; they point into `options`.
inline eidos_published_options to_c(const PublishedOptions &options EIDOS_LIFETIMEBOUND)
{
    eidos_published_options result = defaults(eidos_published_options_init);
    result.network = static_cast<std::uint32_t>(options.network);
    result.model = c_str_or_null(options.model);
    result.split_point = c_str_or_null(options.split_point);
    result.revision = c_str_or_null(options.revision);
    result.token = c_str_or_null(options.token);
    result.cache_folder = c_str_or_null(options.cache_folder);
    result.endpoint = c_str_or_null(options.endpoint);
    result.input_factor = options.input_factor;
    result.transcoder = options.transcoder ? 1 : 0;
    return result;
}

/// Options as eidos.h wants them.
inline eidos_encode_options to_c(const EncodeOptions &options)
{
    eidos_encode_options result = defaults(eidos_encode_options_init);
    result.threads = options.threads;
    result.device = static_cast<std::uint32_t>(options.device);
    result.device_index = options.device_index;
    result.format = static_cast<std::uint32_t>(options.format);
    return result;
}

/// Options as eidos.h wants them; they point into `options`.
inline WithStrings<eidos_activations_options> to_c(const ActivationsOptions &options EIDOS_LIFETIMEBOUND)
{
    WithStrings<eidos_activations_options> result(defaults(eidos_activations_options_init));
    result.granularity = static_cast<std::uint32_t>(options.granularity);
    result.aggregation = static_cast<std::uint32_t>(options.aggregation);
    result.threads = options.threads;
    result.batch_tokens = options.batch_tokens;
    result.memory_limit = options.memory_limit;
    result.shard_bytes = options.shard_bytes;
    result.folder = c_str_or_null(options.folder);
    result.word_rule = static_cast<std::uint32_t>(options.word_rule);
    result.stop_contractions = options.stop_contractions ? 1 : 0;
    result.stop_units = result.pointers_to(options.stop_units);
    result.stop_unit_count = options.stop_units.size();
    result.device_batch_tokens = options.device_batch_tokens;
    result.keep_on_device = options.keep_on_device ? 1 : 0;
    result.stop_punctuation = options.stop_punctuation ? 1 : 0;
    result.skip_first_position = options.skip_first_position ? 1 : 0;
    result.on_long_text = static_cast<std::uint32_t>(options.on_long_text);
    return result;
}

/// Options as eidos.h wants them; they point into `options`.
inline eidos_sae_options to_c(const SaeOptions &options EIDOS_LIFETIMEBOUND)
{
    eidos_sae_options result = defaults(eidos_sae_options_init);
    result.concept_count = options.concept_count;
    result.kind = static_cast<std::uint32_t>(options.kind);
    result.k = options.k;
    result.checkpoint = c_str_or_null(options.checkpoint);
    result.penalty = options.penalty;
    result.bandwidth = options.bandwidth;
    result.learning_rate = options.learning_rate;
    result.warm_up = options.warm_up;
    result.decay = options.decay;
    result.dead_weight = options.dead_weight;
    result.held_out = options.held_out;
    result.steps = options.steps;
    result.batch_rows = options.batch_rows;
    result.dead_after = options.dead_after;
    result.shuffled_rows = options.shuffled_rows;
    result.checkpoint_every = options.checkpoint_every;
    result.seed = options.seed;
    result.threads = options.threads;
    result.restart_dead = options.restart_dead;
    result.kernel = static_cast<std::uint32_t>(options.kernel);
    result.device = static_cast<std::uint32_t>(options.device);
    result.device_index = options.device_index;
    return result;
}

/// Options as eidos.h wants them.
inline eidos_logits_options to_c(const LogitsOptions &options)
{
    eidos_logits_options result = defaults(eidos_logits_options_init);
    result.threads = options.threads;
    result.batch_tokens = options.batch_tokens;
    result.memory_limit = options.memory_limit;
    result.on_long_text = static_cast<std::uint32_t>(options.on_long_text);
    return result;
}

/// Options as eidos.h wants them; they point into `options`.
inline WithStrings<eidos_top_inputs_options> to_c(const TopInputsOptions &options EIDOS_LIFETIMEBOUND)
{
    WithStrings<eidos_top_inputs_options> result(defaults(eidos_top_inputs_options_init));
    result.negative_pole = options.negative_pole ? 1 : 0;
    result.k = options.k;
    result.concepts = options.concepts.empty() ? nullptr : options.concepts.data();
    result.concept_count = options.concepts.size();
    result.device = static_cast<std::uint32_t>(options.device);
    result.device_index = options.device_index;
    result.stop_units = result.pointers_to(options.stop_units);
    result.stop_unit_count = options.stop_units.size();
    result.stop_punctuation = options.stop_punctuation ? 1 : 0;
    result.fold_case = options.fold_case ? 1 : 0;
    result.least_occurrences = options.least_occurrences;
    result.context = options.context;
    return result;
}

/// Options as eidos.h wants them.
inline eidos_explain_options to_c(const ExplainOptions &options)
{
    eidos_explain_options result = defaults(eidos_explain_options_init);
    result.negative_pole = options.negative_pole ? 1 : 0;
    result.k = options.k;
    result.least_deviations = options.least_deviations;
    result.threads = options.threads;
    return result;
}

/// Options as eidos.h wants them.
inline eidos_metrics_options to_c(const MetricsOptions &options)
{
    eidos_metrics_options result = defaults(eidos_metrics_options_init);
    result.threads = options.threads;
    result.dense_share = options.dense_share;
    result.redundant_cosine = options.redundant_cosine;
    result.details = options.details ? 1 : 0;
    return result;
}

/// Options as eidos.h wants them; they point into `options`.
inline eidos_chat_options to_c(const ChatOptions &options EIDOS_LIFETIMEBOUND)
{
    eidos_chat_options result = defaults(eidos_chat_options_init);
    result.max_tokens = options.max_tokens;
    result.model = c_str_or_null(options.model);
    result.base_url = c_str_or_null(options.base_url);
    result.api_key = c_str_or_null(options.api_key);
    result.cache_folder = c_str_or_null(options.cache_folder);
    result.timeout_seconds = options.timeout_seconds;
    result.retries = options.retries;
    result.parallel_requests = options.parallel_requests;
    result.temperature = options.temperature.value_or(-1);
    result.request_budget = options.request_budget;
    result.token_budget = options.token_budget;
    return result;
}

/// Options as eidos.h wants them; they point into `options`.
inline eidos_llm_labels_options to_c(const LlmLabelsOptions &options EIDOS_LIFETIMEBOUND)
{
    eidos_llm_labels_options result = defaults(eidos_llm_labels_options_init);
    result.negative_pole = options.negative_pole ? 1 : 0;
    result.concepts = options.concepts.empty() ? nullptr : options.concepts.data();
    result.concept_count = options.concepts.size();
    result.sampling = static_cast<std::uint32_t>(options.sampling);
    result.example_count = options.example_count;
    result.context = options.context;
    result.quantile_count = options.quantile_count;
    result.seed = options.seed;
    result.score_passages = options.score_passages;
    result.score_passages_per_request = options.score_passages_per_request;
    result.dry_run = options.dry_run ? 1 : 0;
    result.score_threshold = options.score_threshold;
    result.system_prompt = c_str_or_null(options.system_prompt);
    return result;
}

/// Options as eidos.h wants them; they point into `options`.
inline eidos_report_options to_c(const ReportOptions &options EIDOS_LIFETIMEBOUND)
{
    eidos_report_options result = defaults(eidos_report_options_init);
    result.threads = options.threads;
    result.title = c_str_or_null(options.title);
    result.inputs = options.inputs;
    result.passages = options.passages;
    result.context = options.context;
    result.neighbours = options.neighbours;
    result.texts = options.texts;
    result.concepts_without_scripts = options.concepts_without_scripts;
    return result;
}

} // namespace detail
} // namespace eidos

#endif
