# Generated from src/ffi by `make header`; do not edit.

# The words of enumerations, and options structs from keywords; options.jl has what they use.

# The status says whose fault a failure is, and what to do.
const STATUSES = (ok = 0, invalid_argument = 1, invalid_handle = 2, not_found = 3, unknown_module = 4, invalid_file = 5, unsupported = 6, invalid_data = 7, mismatch = 8, io = 9, network = 10, access_denied = 11, cancelled = 12, out_of_memory = 13, device = 14, internal = 15, unusable_answer = 16, budget_exhausted = 17, busy = 18)

# The stage says what a long call is busy with.
const STAGES = (idle = 0, download = 1, load = 2, tokenize = 3, forward = 4, covariance = 5, fit = 6, interpret = 7, write = 8, label = 9, filter = 10)

# The level says how important a message of a long call is.
const LOG_LEVELS = (warning = 1, info = 2, debug = 3)

# The format says how the texts are written.
const TEXT_FORMATS = (auto = 0, lines = 1, json_lines = 2)

# The model is built with this head.
const HEADS = (auto = 0, base = 1, masked_lm = 2, sequence_classification = 3, causal_lm = 4, token_classification = 5, seq2seq_lm = 6)

# The model runs on this device.
const DEVICES = (cpu = 0, cuda = 1, auto = 2)

# The model computes in this type of number, whatever type its files have.
const PRECISIONS = (f32 = 0, tf32 = 1, bf16 = 2, f16 = 3, int8 = 4)

# The network says whether files are downloaded.
const NETWORKS = (auto = 0, offline = 1, online = 2)

# Why units have no row.
const FILTERS = (stop_units = 1, stop_contractions = 2, stop_punctuation = 3, first_position = 4, high_norm = 5, no_embedding = 6)

# The algorithm of ICA says in which order components are found.
const ICA_ALGORITHMS = (parallel = 1, deflation = 2)

# The solver of ICA makes the contrast extreme.
const ICA_SOLVERS = (fast_ica = 0, picard_o = 1)

# The contrast function tells heavy tails from a normal distribution.
const CONTRASTS = (logcosh = 1, exp = 2, cube = 3)

# The codes of k-means say how a row belongs to the centres.
const KMEANS_CODES = (one_hot = 0, soft = 1, proximity = 2)

# The format of a dictionary says for which programs it is written.
const DICTIONARY_FORMATS = (sae_lens = 0, safetensors = 1)

# The activation of a sparse autoencoder leaves a row few codes.
const ACTIVATIONS = (relu = 0, top_k = 1, abs_top_k = 2, jump_relu = 3)

# The format of codes says which programs read them.
const CODES_FORMATS = (of_path = 0, npy = 1, npz = 2, safetensors = 3, parquet = 4)

# The granularity says what one row stands for.
const GRANULARITIES = (token = 1, word = 2, sentence = 3, sample = 4, all_tokens = 5, cls_token = 6)

# The word rule says where a word ends.
const WORD_RULES = (auto = 1, tokenizer = 2, unicode = 3)

# The aggregation says how the tokens of a unit become one row.
const AGGREGATIONS = (mean = 1, sum = 2, max = 3, min = 4, signed_max = 5, first = 6, last = 7)

# This says what becomes of texts that are longer than what the model reads.
const ON_LONG_TEXTS = (truncate = 1, error = 2)

# The kind of a sparse autoencoder says how the number of codes of a row is kept small.
const SAE_KINDS = (batch_top_k = 1, top_k = 2, vanilla = 3, jump_relu = 4, gated = 5, matryoshka = 6, matching_pursuit = 7)

# The kernel says by which pre-activations the threshold of a JumpReLU learns.
const THRESHOLD_KERNELS = (rectangle = 0, triangular = 1, epanechnikov = 2, quartic = 3, cosine = 4, gaussian = 5, silverman = 6, cauchy = 7)

# The pole says which end of a concept inputs excite.
const POLES = (positive = 0, negative = 1)

# The sampling says how the examples are chosen.
const SAMPLINGS = (top = 1, random = 2, quantile = 3)

# These options say how a file of texts is read.
texts_options(; format = :auto, field = nothing, most_texts = nothing, keep_empty = false) =
    Options{LibEidos.eidos_texts_options}(; format = choice(:format, format, TEXT_FORMATS), field, most_texts,
                                            keep_empty = Bool(keep_empty))
initialize!(o::Options{LibEidos.eidos_texts_options}, size) = LibEidos.eidos_texts_options_init(o, size)

const TEXTS_OPTIONS_DOCS = (
    format = (":auto", "The format says how the texts are written: `:auto`, `:lines` or `:json_lines`. By default what the name of the file says."),
    field = ("", "The text is the field of this name of a JSON object. `nothing` means `text`."),
    most_texts = ("", "This many texts are read at most, from the beginning of the file. By default all of them."),
    keep_empty = ("false", "`true` keeps texts that are empty or nothing but white space, so that there is one text for each line or JSON object. By default they are left out."),
)

# These options say how a model is loaded.
load_options(; head = :auto, device = :cpu, device_index = 0, network = :auto, whole = false, revision = nothing,
               token = nothing, cache_folder = nothing, endpoint = nothing, copy = false, precision = :f32,
               use_max_seq_length = false) =
    Options{LibEidos.eidos_load_options}(; head = choice(:head, head, HEADS), device = choice(:device, device, DEVICES),
                                           device_index, network = choice(:network, network, NETWORKS),
                                           whole = Bool(whole), revision, token, cache_folder, endpoint,
                                           copy = Bool(copy), precision = choice(:precision, precision, PRECISIONS),
                                           use_max_seq_length = Bool(use_max_seq_length))
initialize!(o::Options{LibEidos.eidos_load_options}, size) = LibEidos.eidos_load_options_init(o, size)

const LOAD_OPTIONS_DOCS = (
    head = (":auto", "The model is built with this head: `:auto`, `:base`, `:masked_lm`, `:sequence_classification`, `:causal_lm`, `:token_classification` or `:seq2seq_lm`."),
    device = (":cpu", "The model runs on this device: `:cpu`, `:cuda` or `:auto`."),
    device_index = ("0", "The model runs on this one of several GPUs, from 0."),
    network = (":auto", "The network says whether files are downloaded: `:auto`, `:offline` or `:online`."),
    whole = ("false", "`true` loads every weight up to the head, not only those up to the last split point, so that `logits` works."),
    revision = ("", "The model is loaded from this branch, tag or commit of its repository; `nothing` means `main`."),
    token = ("", "Downloads are asked for with this access token; `nothing` means `HF_TOKEN` or the token file."),
    cache_folder = ("", "Downloads are kept in this folder; `nothing` means `HF_HUB_CACHE`, `HF_HOME/hub` or `~/.cache/huggingface/hub`."),
    endpoint = ("", "The hub has this address; `nothing` means `HF_ENDPOINT` or the Hugging Face Hub."),
    copy = ("false", "`true` reads the files of weights into memory instead of mapping them: a program that cuts one of them while the model loads then makes an error and does not end the process. Loading takes as much memory more as the files have bytes, and tables of embeddings stay in memory."),
    precision = (":f32", "The model computes in this type of number, whatever type its files have: `:f32`, `:tf32`, `:bf16`, `:f16` or `:int8`. Activations and logits are given as `f32` always. The CPU computes in `f32`, `bf16` or `int8`; `products` says how."),
    use_max_seq_length = ("false", "`true` cuts texts to the `max_seq_length` that sentence-transformers has for the model (`sentence_bert_config.json`), special tokens included, as it does before it pools; a model without that file is an error. Otherwise texts are cut to what the model and its tokenizer can read."),
)

# These options say how texts become inputs; results do not depend on them.
inputs_options(; threads = 0) =
    Options{LibEidos.eidos_inputs_options}(; threads)
initialize!(o::Options{LibEidos.eidos_inputs_options}, size) = LibEidos.eidos_inputs_options_init(o, size)

const INPUTS_OPTIONS_DOCS = (
    threads = ("0", "This many threads tokenize; 0, the default, is one per core."),
)

# These options say how independent components are fitted.
ica_options(; concept_count = nothing, algorithm = :parallel, contrast = :logcosh, alpha = 1.0, tolerance = 0.0001,
              max_iterations = 200, seed = 0, canonical_signs = true, threads = 0, device = :cpu, device_index = 0,
              solver = :fast_ica) =
    Options{LibEidos.eidos_ica_options}(; concept_count, algorithm = choice(:algorithm, algorithm, ICA_ALGORITHMS),
                                          contrast = choice(:contrast, contrast, CONTRASTS), alpha, tolerance,
                                          max_iterations, seed, canonical_signs = Bool(canonical_signs), threads,
                                          device = choice(:device, device, DEVICES), device_index,
                                          solver = choice(:solver, solver, ICA_SOLVERS))
initialize!(o::Options{LibEidos.eidos_ica_options}, size) = LibEidos.eidos_ica_options_init(o, size)

const ICA_OPTIONS_DOCS = (
    concept_count = ("", "The fit finds this many concepts. There is no default: 0 is an error."),
    algorithm = (":parallel", "The algorithm says in which order components are found: `:parallel` or `:deflation`. By default all at once."),
    contrast = (":logcosh", "The contrast function tells heavy tails from a normal distribution: `:logcosh`, `:exp` or `:cube`. By default log cosh."),
    alpha = ("1.0", "This is the `alpha` of the contrast log cosh, from 1 to 2. By default 1."),
    tolerance = ("0.0001", "Iterations stop when no component turns by more than this tolerance (1 minus the cosine); those of Picard-O when no entry of the gradient is larger. By default 1e-4."),
    max_iterations = ("200", "The fit ends after this many iterations, converged or not. By default 200."),
    seed = ("0", "The seed decides the start matrix, which is drawn as NumPy's `RandomState(seed).normal`. By default 0."),
    canonical_signs = ("true", "`true` turns each component so that its heavy tail is positive, which is the default; `false` keeps the signs that the iteration ended with, which flip from one iteration to the next."),
    threads = ("0", "The fit uses this many threads; 0, the default, is one per core. Results do not depend on it."),
    device = (":cpu", "The passes over the columns run on this device: `:cpu`, `:cuda` or `:auto`. By default on the CPU. On a GPU the components are those of the CPU up to rounding, and the same bits at each repetition. Rows that are not on that GPU are copied there in tiles."),
    device_index = ("0", "The passes run on this one of several GPUs, from 0."),
    solver = (":fast_ica", "The solver makes the contrast extreme: `:fast_ica` or `:picard_o`. By default FastICA."),
)

# These options say how principal components are found.
pca_options(; concept_count = nothing, whiten = false, threads = 0, device = :cpu, device_index = 0, randomised = false,
              power_iterations = 5, seed = 0) =
    Options{LibEidos.eidos_pca_options}(; concept_count, whiten = Bool(whiten), threads,
                                          device = choice(:device, device, DEVICES), device_index,
                                          randomised = Bool(randomised), power_iterations, seed)
initialize!(o::Options{LibEidos.eidos_pca_options}, size) = LibEidos.eidos_pca_options_init(o, size)

const PCA_OPTIONS_DOCS = (
    concept_count = ("", "The fit finds this many concepts. There is no default: 0 is an error."),
    whiten = ("false", "`true` scales codes to unit variance; 0, the default, leaves them."),
    threads = ("0", "The fit uses this many threads; 0, the default, is one per core. Results do not depend on it."),
    device = (":cpu", "The passes over the columns run on this device: `:cpu`, `:cuda` or `:auto`. By default on the CPU. On a GPU the components are those of the CPU up to rounding, and the same bits at each repetition. Rows that are not on that GPU are copied there in tiles."),
    device_index = ("0", "The passes run on this one of several GPUs, from 0."),
    randomised = ("false", "`true` improves directions from random ones, without the covariance of the features: less memory and work where there are thousands of features and few concepts, on the CPU only. 0, the default, finds the exact ones."),
    power_iterations = ("5", "Random directions are improved this many times, with a pass over the activations each. By default 5."),
    seed = ("0", "The seed decides the random directions. By default 0."),
)

# These options say how singular vectors are found.
svd_options(; concept_count = nothing, threads = 0, device = :cpu, device_index = 0) =
    Options{LibEidos.eidos_svd_options}(; concept_count, threads, device = choice(:device, device, DEVICES),
                                          device_index)
initialize!(o::Options{LibEidos.eidos_svd_options}, size) = LibEidos.eidos_svd_options_init(o, size)

const SVD_OPTIONS_DOCS = (
    concept_count = ("", "The fit finds this many concepts. There is no default: 0 is an error."),
    threads = ("0", "The fit uses this many threads; 0, the default, is one per core. Results do not depend on it."),
    device = (":cpu", "The passes over the columns run on this device: `:cpu`, `:cuda` or `:auto`. By default on the CPU. On a GPU the vectors are those of the CPU up to rounding, and the same bits at each repetition. Rows that are not on that GPU are copied there in tiles."),
    device_index = ("0", "The passes run on this one of several GPUs, from 0."),
)

# These options say how k-means finds centres.
kmeans_options(; concept_count = nothing, codes = :one_hot, max_iterations = 300, temperature = 0.1, tolerance = 0.0001,
                 seed = 0, threads = 0, batch_size = 0) =
    Options{LibEidos.eidos_kmeans_options}(; concept_count, codes = choice(:codes, codes, KMEANS_CODES), max_iterations,
                                             temperature, tolerance, seed, threads, batch_size)
initialize!(o::Options{LibEidos.eidos_kmeans_options}, size) = LibEidos.eidos_kmeans_options_init(o, size)

const KMEANS_OPTIONS_DOCS = (
    concept_count = ("", "The fit finds this many centres. There is no default: 0 is an error."),
    codes = (":one_hot", "The codes say how a column belongs to the centres: `:one_hot`, `:soft` or `:proximity`. By default 1 for the nearest one."),
    max_iterations = ("300", "The fit ends after this many iterations, converged or not. By default 300."),
    temperature = ("0.1", "This is how soft soft codes are: the share of a centre falls by the factor e for this part of the mean squared distance between a column and its nearest centre. By default 0.1."),
    tolerance = ("0.0001", "Iterations stop when the sum of the squared moves of all centres is at most this part of the mean variance of a feature. By default 1e-4."),
    seed = ("0", "The seed decides the first centres. By default 0."),
    threads = ("0", "The fit uses this many threads; 0, the default, is one per core. Results do not depend on it."),
    batch_size = ("0", "Centres move after this many activations each (mini-batches; Sculley, 2010), and an iteration is a pass over all of them; 0, the default, moves them after all (Lloyd). Mini-batches need fewer passes and end a little higher."),
)

# These options say how neurons become concepts.
neurons_options(; threads = 0) =
    Options{LibEidos.eidos_neurons_options}(; threads)
initialize!(o::Options{LibEidos.eidos_neurons_options}, size) = LibEidos.eidos_neurons_options_init(o, size)

const NEURONS_OPTIONS_DOCS = (
    threads = ("0", "The columns are read by this many threads; 0, the default, is one per core. Results do not depend on it."),
)

# These options say which random directions are drawn.
random_directions_options(; concept_count = nothing, seed = 0, threads = 0) =
    Options{LibEidos.eidos_random_directions_options}(; concept_count, seed, threads)
initialize!(o::Options{LibEidos.eidos_random_directions_options}, size) = LibEidos.eidos_random_directions_options_init(o, size)

const RANDOM_DIRECTIONS_OPTIONS_DOCS = (
    concept_count = ("", "This many directions are drawn; there may be more than columns. There is no default: 0 is an error."),
    seed = ("0", "The seed decides the directions, whose entries are drawn as NumPy's `RandomState(seed).normal`. By default 0."),
    threads = ("0", "The columns are read by this many threads; 0, the default, is one per core. Results do not depend on it."),
)

# These options say how non-negative parts are found.
nmf_options(; concept_count = nothing, tolerance = 0.0001, max_iterations = 200, rectify = false, seed = 0, threads = 0) =
    Options{LibEidos.eidos_nmf_options}(; concept_count, tolerance, max_iterations, rectify = Bool(rectify), seed,
                                          threads)
initialize!(o::Options{LibEidos.eidos_nmf_options}, size) = LibEidos.eidos_nmf_options_init(o, size)

const NMF_OPTIONS_DOCS = (
    concept_count = ("", "The fit finds this many parts. There is no default: 0 is an error."),
    tolerance = ("0.0001", "Iterations stop when one of them lowers the sum of the squared differences by no more than this part of it. By default 1e-4."),
    max_iterations = ("200", "The fit ends after this many iterations, converged or not. By default 200."),
    rectify = ("false", "`true` takes negative values for zero, when the activations are fitted and when they are encoded; with 0, the default, they are an error of the fit."),
    seed = ("0", "The seed decides the first parts where there are more than directions in the activations. By default 0."),
    threads = ("0", "The fit uses this many threads; 0, the default, is one per core. Results do not depend on it."),
)

# These options say how atoms of codes that are not negative are found.
semi_nmf_options(; concept_count = nothing, tolerance = 0.0001, max_iterations = 200, seed = 0, threads = 0) =
    Options{LibEidos.eidos_semi_nmf_options}(; concept_count, tolerance, max_iterations, seed, threads)
initialize!(o::Options{LibEidos.eidos_semi_nmf_options}, size) = LibEidos.eidos_semi_nmf_options_init(o, size)

const SEMI_NMF_OPTIONS_DOCS = (
    concept_count = ("", "The fit finds this many concepts. There is no default: 0 is an error."),
    tolerance = ("0.0001", "Iterations stop when one of them lowers the sum of the squared differences by no more than this part of it. By default 1e-4."),
    max_iterations = ("200", "The fit ends after this many iterations, converged or not. By default 200."),
    seed = ("0", "The seed decides the first centres. By default 0."),
    threads = ("0", "The fit uses this many threads; 0, the default, is one per core. Results do not depend on it."),
)

# These options say how atoms that are sums of rows are found.
convex_nmf_options(; concept_count = nothing, tolerance = 0.0001, max_iterations = 200, candidate_count = 4096,
                     seed = 0, threads = 0) =
    Options{LibEidos.eidos_convex_nmf_options}(; concept_count, tolerance, max_iterations, candidate_count, seed,
                                                 threads)
initialize!(o::Options{LibEidos.eidos_convex_nmf_options}, size) = LibEidos.eidos_convex_nmf_options_init(o, size)

const CONVEX_NMF_OPTIONS_DOCS = (
    concept_count = ("", "The fit finds this many concepts. There is no default: 0 is an error."),
    tolerance = ("0.0001", "Iterations stop when one of them lowers the sum of the squared differences by no more than this part of it. By default 1e-4."),
    max_iterations = ("200", "The fit ends after this many iterations, converged or not. By default 200."),
    candidate_count = ("4096", "The atoms may be sums of this many of the columns. By default 4096."),
    seed = ("0", "The seed decides which columns these are, and the first centres. By default 0."),
    threads = ("0", "The fit uses this many threads; 0, the default, is one per core. Results do not depend on it."),
)

# These options say how a dictionary is learned.
dictionary_learning_options(; concept_count = nothing, penalty = 1.0, tolerance = 0.0001, max_iterations = 200,
                              positive_codes = 1, seed = 0, threads = 0) =
    Options{LibEidos.eidos_dictionary_learning_options}(; concept_count, penalty, tolerance, max_iterations,
                                                          positive_codes, seed, threads)
initialize!(o::Options{LibEidos.eidos_dictionary_learning_options}, size) = LibEidos.eidos_dictionary_learning_options_init(o, size)

const DICTIONARY_LEARNING_OPTIONS_DOCS = (
    concept_count = ("", "The fit finds this many atoms; there may be more than columns. There is no default: 0 is an error."),
    penalty = ("1.0", "This is the weight of the sum of the magnitudes of the codes: larger ones leave fewer that are not zero. It is in the units of the activations. By default 1."),
    tolerance = ("0.0001", "Iterations stop when one of them lowers what is minimised by no more than this part of it. By default 1e-4."),
    max_iterations = ("200", "The fit ends after this many iterations, converged or not. By default 200."),
    positive_codes = ("1", "1, the default, allows no negative codes; 0 allows them."),
    seed = ("0", "The seed decides the first atoms where there are more than directions in the activations. By default 0."),
    threads = ("0", "The fit uses this many threads; 0, the default, is one per core. Results do not depend on it."),
)

# These options say how sparse principal components are found.
sparse_pca_options(; concept_count = nothing, penalty = 1.0, ridge = 0.01, tolerance = 1e-8, max_iterations = 1000,
                     threads = 0, device = :cpu, device_index = 0) =
    Options{LibEidos.eidos_sparse_pca_options}(; concept_count, penalty, ridge, tolerance, max_iterations, threads,
                                                 device = choice(:device, device, DEVICES), device_index)
initialize!(o::Options{LibEidos.eidos_sparse_pca_options}, size) = LibEidos.eidos_sparse_pca_options_init(o, size)

const SPARSE_PCA_OPTIONS_DOCS = (
    concept_count = ("", "The fit finds this many concepts. There is no default: 0 is an error."),
    penalty = ("1.0", "This is the weight of the sum of the magnitudes of the components' entries: larger ones leave fewer that are not zero. It grows with the root of the number of activations. By default 1."),
    ridge = ("0.01", "This is the ridge that codes are computed with. By default 0.01."),
    tolerance = ("1e-8", "Iterations stop when one of them lowers what is minimised by less than this part of it. By default 1e-8."),
    max_iterations = ("1000", "The fit ends after this many iterations, converged or not. By default 1000."),
    threads = ("0", "The fit uses this many threads; 0, the default, is one per core. Results do not depend on it."),
    device = (":cpu", "The passes over the columns run on this device: `:cpu`, `:cuda` or `:auto`. By default on the CPU. On a GPU the components are those of the CPU up to rounding, and the same bits at each repetition. Rows that are not on that GPU are copied there in tiles."),
    device_index = ("0", "The passes run on this one of several GPUs, from 0."),
)

# These options say what the files of a published dictionary do not, and how they are fetched.
published_options(; network = :auto, model = nothing, split_point = nothing, revision = nothing, token = nothing,
                    cache_folder = nothing, endpoint = nothing, input_factor = 0.0, transcoder = false) =
    Options{LibEidos.eidos_published_options}(; network = choice(:network, network, NETWORKS), model, split_point,
                                                revision, token, cache_folder, endpoint, input_factor,
                                                transcoder = Bool(transcoder))
initialize!(o::Options{LibEidos.eidos_published_options}, size) = LibEidos.eidos_published_options_init(o, size)

const PUBLISHED_OPTIONS_DOCS = (
    network = (":auto", "The network says whether files are downloaded: `:auto`, `:offline` or `:online`."),
    model = ("", "The dictionary is for this model; `nothing` means what the files say."),
    split_point = ("", "The dictionary reads columns of this split point, a module path or a hook of TransformerLens (`blocks.5.hook_resid_post`); `nothing` means what the files say."),
    revision = ("", "The files are those of this branch, tag or commit of their repository; `nothing` means `main`."),
    token = ("", "Downloads are asked for with this access token; `nothing` means `HF_TOKEN` or the token file."),
    cache_folder = ("", "Downloads are kept in this folder; `nothing` means `HF_HUB_CACHE`, `HF_HOME/hub` or `~/.cache/huggingface/hub`."),
    endpoint = ("", "The hub has this address; `nothing` means `HF_ENDPOINT` or the Hugging Face Hub."),
    input_factor = ("0.0", "Rows were multiplied by this factor in training, where the files say that there is one but not which (`expected_average_only_in` of SAELens); it is folded into the weights. 0, the default, means that nobody knows it."),
    transcoder = ("false", "`true` says that the dictionary is a transcoder, for files that do not say it; `false` leaves it to them."),
)

# These options say where activations are encoded, and how codes are written.
encode_options(; threads = 0, device = :cpu, device_index = 0, format = :of_path) =
    Options{LibEidos.eidos_encode_options}(; threads, device = choice(:device, device, DEVICES), device_index,
                                             format = choice(:format, format, CODES_FORMATS))
initialize!(o::Options{LibEidos.eidos_encode_options}, size) = LibEidos.eidos_encode_options_init(o, size)

const ENCODE_OPTIONS_DOCS = (
    threads = ("0", "This many threads encode; 0, the default, is one per core. Results do not depend on it."),
    device = (":cpu", "The activations are encoded on this device: `:cpu`, `:cuda` or `:auto`. By default on the CPU."),
    device_index = ("0", "They are encoded on this one of several GPUs, from 0."),
    format = (":of_path", "The format of a file: `:of_path`, `:npy`, `:npz`, `:safetensors` or `:parquet`. By default what the name of the file says."),
)

# These options say how activations are collected.
activations_options(; granularity = :word, aggregation = :mean, threads = 0, batch_tokens = 512,
                      memory_limit = 4294967296, shard_bytes = 268435456, folder = nothing, word_rule = :auto,
                      stop_contractions = false, stop_units = nothing, device_batch_tokens = 16384,
                      keep_on_device = false, stop_punctuation = false, skip_first_position = false,
                      on_long_text = :truncate) =
    Options{LibEidos.eidos_activations_options}(; granularity = choice(:granularity, granularity, GRANULARITIES),
                                                  aggregation = choice(:aggregation, aggregation, AGGREGATIONS),
                                                  threads, batch_tokens, memory_limit, shard_bytes, folder,
                                                  word_rule = choice(:word_rule, word_rule, WORD_RULES),
                                                  stop_contractions = Bool(stop_contractions),
                                                  stop_units = strings_of(stop_units),
                                                  stop_unit_count = count_of(strings_of(stop_units)),
                                                  device_batch_tokens, keep_on_device = Bool(keep_on_device),
                                                  stop_punctuation = Bool(stop_punctuation),
                                                  skip_first_position = Bool(skip_first_position),
                                                  on_long_text = choice(:on_long_text, on_long_text, ON_LONG_TEXTS))
initialize!(o::Options{LibEidos.eidos_activations_options}, size) = LibEidos.eidos_activations_options_init(o, size)

const ACTIVATIONS_OPTIONS_DOCS = (
    granularity = (":word", "The granularity says what one column stands for: `:token`, `:word`, `:sentence`, `:sample`, `:all_tokens` or `:cls_token`. By default a word."),
    aggregation = (":mean", "The aggregation says how the tokens of a unit become one row: `:mean`, `:sum`, `:max`, `:min`, `:signed_max`, `:first` or `:last`. By default the mean of the tokens."),
    threads = ("0", "This many batches run at the same time on the CPU; 0, the default, is one per core. Results do not depend on it."),
    batch_tokens = ("512", "One batch holds this many tokens at most on the CPU. By default 512. Results do not depend on it."),
    memory_limit = ("4294967296", "The columns of all split points may take this many bytes in memory; beyond that they go to shards on disk, and with 0 always. By default 4 GiB."),
    shard_bytes = ("268435456", "A shard has this many bytes at most. By default 256 MiB."),
    folder = ("", "The shards go into this folder. When given, columns always go there, and an interrupted collection resumes from its last complete shard; a second call that writes into the same folder meanwhile is `:busy`. The columns of the result are mapped as those of `open`. `nothing` means memory, and beyond the memory limit files without a name in the folder for temporary files (`TMPDIR`), of which nothing is left however the process ends."),
    word_rule = (":auto", "The word rule says where a word ends: `:auto`, `:tokenizer` or `:unicode`. By default `:auto`."),
    stop_contractions = ("false", "`true` gives no column to the pieces of contractions: the apostrophe between letters, and `s`, `t`, `d`, `m`, `ll`, `re` and `ve` behind it, in one unit with it or not. For tokens, words and sentences only."),
    stop_units = ("", "These units get no column, such as stop words, by their text: without white space at its ends, in whatever case. For tokens, words and sentences only. `left_out_count` says how many units got no column."),
    device_batch_tokens = ("16384", "One batch holds this many tokens at most on a device, which wants much larger batches than the CPU. By default 16384. A batch for which the device has no memory is run in halves, and later batches are no larger than what did fit. Results do not depend on it."),
    keep_on_device = ("false", "`true` leaves the columns in the memory of the device where the model computes, for fits and encoding there and for `to_dlpack`. Then `memory_limit` does not count, and `folder` must be `nothing`. Who reads such columns on the host copies them. On the CPU it changes nothing."),
    stop_punctuation = ("false", "`true` gives no column to units that are nothing but punctuation: characters of Unicode's categories P, and those of ASCII that are neither letters, digits nor white space, as BERT's tokenizer has it. For tokens, words and sentences only."),
    skip_first_position = ("false", "`true` leaves the first position of each text out of its unit: many models give it a column of its own kind and of a huge norm, whatever stands there (an attention sink). A unit that is nothing else gets no column, and the column of a longer one is made of its other tokens. Rows of a huge norm elsewhere: `without_high_norms`."),
    on_long_text = (":truncate", "This says what becomes of texts that are longer than what the model reads: `:truncate` or `:error`. By default they lose their end."),
)

# These options say how a sparse autoencoder is trained.
sae_options(; concept_count = nothing, kind = :batch_top_k, k = 0, checkpoint = nothing, penalty = 0.0, bandwidth = 0.0,
              learning_rate = 0.0, warm_up = 0.05, decay = 0.25, dead_weight = 1.0, held_out = 0.05, steps = 0,
              batch_rows = 1024, dead_after = 0, shuffled_rows = 65536, checkpoint_every = 0, seed = 0, threads = 0,
              restart_dead = 1, kernel = :rectangle, device = :cpu, device_index = 0) =
    Options{LibEidos.eidos_sae_options}(; concept_count, kind = choice(:kind, kind, SAE_KINDS), k, checkpoint, penalty,
                                          bandwidth, learning_rate, warm_up, decay, dead_weight, held_out, steps,
                                          batch_rows, dead_after, shuffled_rows, checkpoint_every, seed, threads,
                                          restart_dead, kernel = choice(:kernel, kernel, THRESHOLD_KERNELS),
                                          device = choice(:device, device, DEVICES), device_index)
initialize!(o::Options{LibEidos.eidos_sae_options}, size) = LibEidos.eidos_sae_options_init(o, size)

const SAE_OPTIONS_DOCS = (
    concept_count = ("", "The training finds this many concepts. There is no default: 0 is an error."),
    kind = (":batch_top_k", "The kind says how the number of codes of a column is kept small: `:batch_top_k`, `:top_k`, `:vanilla`, `:jump_relu`, `:gated`, `:matryoshka` or `:matching_pursuit`. By default batch-top-k."),
    k = ("0", "A column has this many codes: exactly, at most or on average, as the kind says. 0, the default, is a twelfth of the columns, at most 64."),
    checkpoint = ("", "The file that the state of the training is written to, and continued from if it is there; `nothing` is none. A training that is cancelled writes it."),
    penalty = ("0.0", "The weight of the penalty of a kind that has one. 0, the default, adapts it while it trains, so that a column has `k` codes on average."),
    bandwidth = ("0.0", "The width of the kernel by which the thresholds of a JumpReLU learn, for columns whose columns have the variance 1 on average. 0, the default, is 1."),
    learning_rate = ("0.0", "The learning rate of Adam, for columns whose columns have the variance 1 on average; the dictionary of a kind with an encoder learns three times as fast. 0, the default, is `1e-3 * sqrt(16384 / concept_count)`, from 2.5e-4 to 5e-3."),
    warm_up = ("0.05", "The share of the steps over which the learning rate rises from 0. By default 0.05."),
    decay = ("0.25", "The share of the steps at the end over which the learning rate falls to 0. By default 0.25."),
    dead_weight = ("1.0", "The weight of the loss by which concepts that no column has learn what the others leave unexplained; 0 is none. By default 1."),
    held_out = ("0.05", "The share of the columns that the autoencoder is measured on, and not trained. By default 0.05."),
    steps = ("0", "The parameters are changed this many times, each time for one batch. 0, the default, reads the columns twenty times, in at least 4000 and at most 30,000 steps."),
    batch_rows = ("1024", "A batch has this many columns. By default 1024."),
    dead_after = ("0", "A concept is dead when none of so many columns had it. 0, the default, is as many as have it two hundred times where all concepts are as frequent, and at least twenty batches; for matching pursuit fifty times; for a Matryoshka autoencoder a thousand times, but no more than a twentieth of what it is trained on."),
    shuffled_rows = ("65536", "So many columns are shuffled together. By default 65,536."),
    checkpoint_every = ("0", "After so many steps the checkpoint is written; 0, the default, is only when the training is cancelled."),
    seed = ("0", "The seed decides the start and the order of the columns. By default 0."),
    threads = ("0", "The training uses this many threads; 0, the default, is one per core. Results do not depend on it."),
    restart_dead = ("1", "1, the default, lets dead concepts begin anew at what the worst columns lack, as long as the learning rate is not falling; 0 does not."),
    kernel = (":rectangle", "The thresholds of a JumpReLU learn by this kernel: `:rectangle`, `:triangular`, `:epanechnikov`, `:quartic`, `:cosine`, `:gaussian`, `:silverman` or `:cauchy`. By default a rectangle."),
    device = (":cpu", "The steps run on this device: `:cpu`, `:cuda` or `:auto`. By default on the CPU. On a GPU the result differs from that of the CPU by rounding, and the kind cannot be matching pursuit."),
    device_index = ("0", "This is the number of the GPU that is used with `:cuda`, from 0."),
)

# These options say how logits are computed; results do not depend on them, but for `on_long_text`.
logits_options(; threads = 0, batch_tokens = 0, memory_limit = 4294967296, on_long_text = :truncate) =
    Options{LibEidos.eidos_logits_options}(; threads, batch_tokens, memory_limit,
                                             on_long_text = choice(:on_long_text, on_long_text, ON_LONG_TEXTS))
initialize!(o::Options{LibEidos.eidos_logits_options}, size) = LibEidos.eidos_logits_options_init(o, size)

const LOGITS_OPTIONS_DOCS = (
    threads = ("0", "This many batches run at the same time on the CPU; 0, the default, is one per core."),
    batch_tokens = ("0", "One batch holds this many tokens at most; 0, the default, is as many as have 64 MiB of logits, and no more than 512; on a device as many as have 512 MiB, and no more than 16384."),
    memory_limit = ("4294967296", "The logits may take this many bytes in memory, 4 for each token and each id of the vocabulary; beyond that they go to temporary files without a name, and with 0 always. By default 4 GiB."),
    on_long_text = (":truncate", "This says what becomes of texts that are longer than what the model reads: `:truncate` or `:error`. By default they lose their end."),
)

# These options say which inputs an interpretation lists.
top_inputs_options(; negative_pole = false, k = 5, concepts = nothing, device = :cpu, device_index = 0,
                     stop_units = nothing, stop_punctuation = false, fold_case = false, least_occurrences = 1,
                     context = 0) =
    Options{LibEidos.eidos_top_inputs_options}(; negative_pole = Bool(negative_pole), k, concepts,
                                                 concept_count = count_of(concepts),
                                                 device = choice(:device, device, DEVICES), device_index,
                                                 stop_units = strings_of(stop_units),
                                                 stop_unit_count = count_of(strings_of(stop_units)),
                                                 stop_punctuation = Bool(stop_punctuation), fold_case = Bool(fold_case),
                                                 least_occurrences, context)
initialize!(o::Options{LibEidos.eidos_top_inputs_options}, size) = LibEidos.eidos_top_inputs_options_init(o, size)

const TOP_INPUTS_OPTIONS_DOCS = (
    negative_pole = ("false", "`true` also lists the inputs with the most negative activations."),
    k = ("5", "This many inputs are listed for each concept; fewer where there are fewer. By default 5; 0 is an error."),
    concepts = ("", "These concepts are interpreted, from 1, in the order wanted; `nothing` means all."),
    device = (":cpu", "The activations are encoded into concepts on this device: `:cpu`, `:cuda` or `:auto`. By default on the CPU. Activations that are not on that GPU are copied there in tiles."),
    device_index = ("0", "They are encoded on this one of several GPUs, from 0."),
    stop_units = ("", "Units with these texts are not listed, in any case and with any white space around them; `nothing` means none."),
    stop_punctuation = ("false", "`true` leaves out units that are nothing but punctuation."),
    fold_case = ("false", "`true` takes texts that differ in their case, or in the white space around them, for the same input; the strongest one is listed."),
    least_occurrences = ("1", "Inputs that occur less often than this are not listed. By default 1."),
    context = ("0", "The passage of an input has up to this many units on each side, within its text; with 0, the default, inputs are listed without one. It is in the JSON: `\"passage\": {\"text\", \"begin\", \"end\"}`, the last two in bytes."),
)

# These options say which concepts fire.
explain_options(; negative_pole = false, k = 5, least_deviations = 2.0, threads = 0) =
    Options{LibEidos.eidos_explain_options}(; negative_pole = Bool(negative_pole), k, least_deviations, threads)
initialize!(o::Options{LibEidos.eidos_explain_options}, size) = LibEidos.eidos_explain_options_init(o, size)

const EXPLAIN_OPTIONS_DOCS = (
    negative_pole = ("false", "`true` lets concepts fire at their negative pole, too: with activations that far below the mean."),
    k = ("5", "This many concepts are listed for each unit; fewer where fewer fire. By default 5; 0 is an error."),
    least_deviations = ("2.0", "An activation fires from this many of the concept's standard deviations on, counted from its mean over the columns of the fit. By default 2."),
    threads = ("0", "This many threads run the model and encode; 0, the default, is one per core. Results do not depend on it."),
)

# These options say how concepts are measured.
metrics_options(; threads = 0, dense_share = 0.1, redundant_cosine = 0.9, details = false) =
    Options{LibEidos.eidos_metrics_options}(; threads, dense_share, redundant_cosine, details = Bool(details))
initialize!(o::Options{LibEidos.eidos_metrics_options}, size) = LibEidos.eidos_metrics_options_init(o, size)

const METRICS_OPTIONS_DOCS = (
    threads = ("0", "The measuring uses this many threads; 0, the default, is one per core. Results do not depend on it."),
    dense_share = ("0.1", "A concept that is active on more than this share of the columns counts as dense. By default 0.1."),
    redundant_cosine = ("0.9", "Two concepts of a dictionary whose cosine is at least this count as the same. By default 0.9."),
    details = ("false", "`true` also gives what there is for each column and concept: the explained variance of each column, the density of each concept and their histogram, the coherence of each."),
)

# These options say which language model is asked, and how.
chat_options(; max_tokens = 1024, model = nothing, base_url = nothing, api_key = nothing, cache_folder = nothing,
               timeout_seconds = 120, retries = 4, parallel_requests = 4, temperature = 0.0, request_budget = nothing,
               token_budget = nothing) =
    Options{LibEidos.eidos_chat_options}(; max_tokens, model, base_url, api_key, cache_folder, timeout_seconds, retries,
                                           parallel_requests, temperature, request_budget, token_budget)
initialize!(o::Options{LibEidos.eidos_chat_options}, size) = LibEidos.eidos_chat_options_init(o, size)

const CHAT_OPTIONS_DOCS = (
    max_tokens = ("1024", "One answer may have this many tokens. By default 1024; models that think first need some thousands."),
    model = ("", "The server knows the model by this name. A caller's own model needs it for the cache only."),
    base_url = ("", "Requests go to this address with `/chat/completions` appended. `nothing`: `OPENAI_BASE_URL`, else `https://api.openai.com/v1`."),
    api_key = ("", "Requests are sent with this key of the account. `nothing`: `OPENAI_API_KEY`, which is sent over https and to this very machine only; an empty string sends none. It appears in no error and in no cache."),
    cache_folder = ("", "This folder keeps every answer, so that the same question is paid for once and an interrupted run goes on where it stopped. It is made if it is not there. `nothing`: no cache."),
    timeout_seconds = ("120", "One request may take this many seconds, with its answer. By default 120."),
    retries = ("4", "A request that failed for a reason that may pass (no connection, 408, 409, 429, 5xx) is repeated this many times. By default 4."),
    parallel_requests = ("4", "This many requests of one call may be on their way at the same time. By default 4; a call asks the caller's own model one question at a time."),
    temperature = ("0.0", "The temperature says how much chance there is in the answers; negative leaves it to the server. By default 0."),
    request_budget = ("", "At most this many requests may be sent with the handle, repetitions counted. By default there is no limit."),
    token_budget = ("", "At most this many tokens may be spent with the handle, of questions and answers together. A request that could exceed the budget is not sent. By default there is no limit."),
)

# These options say how concepts are labelled.
llm_labels_options(; negative_pole = false, concepts = nothing, sampling = :top, example_count = 30, context = 10,
                     quantile_count = 5, seed = 0, score_passages = 0, score_passages_per_request = 10, dry_run = false,
                     score_threshold = 0.5, system_prompt = nothing) =
    Options{LibEidos.eidos_llm_labels_options}(; negative_pole = Bool(negative_pole), concepts,
                                                 concept_count = count_of(concepts),
                                                 sampling = choice(:sampling, sampling, SAMPLINGS), example_count,
                                                 context, quantile_count, seed, score_passages,
                                                 score_passages_per_request, dry_run = Bool(dry_run), score_threshold,
                                                 system_prompt)
initialize!(o::Options{LibEidos.eidos_llm_labels_options}, size) = LibEidos.eidos_llm_labels_options_init(o, size)

const LLM_LABELS_OPTIONS_DOCS = (
    negative_pole = ("false", "`true` also labels what the most negative activations mean."),
    concepts = ("", "These concepts are labelled, from 1, in the order wanted; `nothing` means all."),
    sampling = (":top", "The sampling says how the examples are chosen: `:top`, `:random` or `:quantile`. By default the strongest."),
    example_count = ("30", "The model sees this many examples of each concept; fewer where there are fewer. By default 30. A piece of a text is shown once, around its strongest unit, and so are units that stand alone and look the same."),
    context = ("10", "An example has this many units of context on each side, as far as its text goes. By default 10; 0 shows the units alone. Whole texts, vocabularies and columns that a caller brought have no context."),
    quantile_count = ("5", "`:quantile` cuts the activations into this many quantiles. By default 5."),
    seed = ("0", "The seed decides everything that is drawn at random. By default 0."),
    score_passages = ("0", "A label is scored on this many unseen passages that excite the concept, and on as many that do not. 0, the default, leaves the score out; 20 is a good number."),
    score_passages_per_request = ("10", "One request that scores a label holds this many passages. By default 10: more are cheaper and judged worse."),
    dry_run = ("false", "`true` asks nothing: the interpretation has the prompts instead of labels, and its usage is an estimate."),
    score_threshold = ("0.5", "When labels are scored, a passage counts as exciting from this part of the concept's strongest activation on, up to 1; below half of that it is quiet. By default 0.5."),
    system_prompt = ("", "These instructions take the place of those of Eidos. They should ask for `{\"label\": \"...\"}`. `nothing`: those of Eidos."),
)

# These options say how much a report says.
report_options(; threads = 0, title = nothing, inputs = 6, passages = 3, context = 6, neighbours = 5, texts = 20,
                 concepts_without_scripts = 20) =
    Options{LibEidos.eidos_report_options}(; threads, title, inputs, passages, context, neighbours, texts,
                                             concepts_without_scripts)
initialize!(o::Options{LibEidos.eidos_report_options}, size) = LibEidos.eidos_report_options_init(o, size)

const REPORT_OPTIONS_DOCS = (
    threads = ("0", "This many threads work; 0, the default, is one per core. Results do not depend on it."),
    title = ("", "This is the title. `nothing` names the model and the module."),
    inputs = ("6", "This many inputs are listed for each pole of a concept. By default 6."),
    passages = ("3", "This many passages are shown for each pole of a concept, each from another text. By default 3."),
    context = ("6", "A passage has this many units on each side of its strongest one, and about 220 bytes of text at most. By default 6."),
    neighbours = ("5", "This many of the nearest concepts are listed for a concept. By default 5."),
    texts = ("20", "This many texts are shown with what fires on their units, the first ones. By default 20."),
    concepts_without_scripts = ("20", "This many concepts are shown where scripts do not run, and on paper: the strongest ones. By default 20."),
)
