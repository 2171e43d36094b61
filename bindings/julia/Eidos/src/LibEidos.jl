# Generated from src/ffi by `make header`; do not edit.

# The C functions and structs of include/eidos.h under their own names. Nothing here is meant for users.
module LibEidos

include("ccall.jl")

# --- Constants, without the prefix EIDOS_ -----------------------------------------------------------------------------

const ABI_VERSION = 2
const VERSION_MAJOR = 0
const VERSION_MINOR = 1
const VERSION_PATCH = 0

const OK = Int32(0)
const INVALID_ARGUMENT = Int32(1)
const INVALID_HANDLE = Int32(2)
const NOT_FOUND = Int32(3)
const UNKNOWN_MODULE = Int32(4)
const INVALID_FILE = Int32(5)
const UNSUPPORTED = Int32(6)
const INVALID_DATA = Int32(7)
const MISMATCH = Int32(8)
const IO = Int32(9)
const NETWORK = Int32(10)
const ACCESS_DENIED = Int32(11)
const CANCELLED = Int32(12)
const OUT_OF_MEMORY = Int32(13)
const DEVICE = Int32(14)
const INTERNAL = Int32(15)
const UNUSABLE_ANSWER = Int32(16)
const BUDGET_EXHAUSTED = Int32(17)
const BUSY = Int32(18)

const STAGE_IDLE = UInt32(0)
const STAGE_DOWNLOAD = UInt32(1)
const STAGE_LOAD = UInt32(2)
const STAGE_TOKENIZE = UInt32(3)
const STAGE_FORWARD = UInt32(4)
const STAGE_COVARIANCE = UInt32(5)
const STAGE_FIT = UInt32(6)
const STAGE_INTERPRET = UInt32(7)
const STAGE_WRITE = UInt32(8)
const STAGE_LABEL = UInt32(9)
const STAGE_FILTER = UInt32(10)

const LOG_WARNING = UInt32(1)
const LOG_INFO = UInt32(2)
const LOG_DEBUG = UInt32(3)

const TEXT_FORMAT_AUTO = UInt32(0)
const TEXT_FORMAT_LINES = UInt32(1)
const TEXT_FORMAT_JSON_LINES = UInt32(2)

const HEAD_AUTO = UInt32(0)
const HEAD_BASE = UInt32(1)
const HEAD_MASKED_LM = UInt32(2)
const HEAD_SEQUENCE_CLASSIFICATION = UInt32(3)
const HEAD_CAUSAL_LM = UInt32(4)
const HEAD_TOKEN_CLASSIFICATION = UInt32(5)
const HEAD_SEQ2SEQ_LM = UInt32(6)

const DEVICE_CPU = UInt32(0)
const DEVICE_CUDA = UInt32(1)
const DEVICE_AUTO = UInt32(2)

const PRECISION_F32 = UInt32(0)
const PRECISION_TF32 = UInt32(1)
const PRECISION_BF16 = UInt32(2)
const PRECISION_F16 = UInt32(3)
const PRECISION_INT8 = UInt32(4)

const NETWORK_AUTO = UInt32(0)
const NETWORK_OFFLINE = UInt32(1)
const NETWORK_ONLINE = UInt32(2)

const FILTER_STOP_UNITS = UInt32(1)
const FILTER_STOP_CONTRACTIONS = UInt32(2)
const FILTER_STOP_PUNCTUATION = UInt32(3)
const FILTER_FIRST_POSITION = UInt32(4)
const FILTER_HIGH_NORM = UInt32(5)
const FILTER_NO_EMBEDDING = UInt32(6)

const ICA_PARALLEL = UInt32(1)
const ICA_DEFLATION = UInt32(2)

const SOLVER_FAST_ICA = UInt32(0)
const SOLVER_PICARD_O = UInt32(1)

const CONTRAST_LOGCOSH = UInt32(1)
const CONTRAST_EXP = UInt32(2)
const CONTRAST_CUBE = UInt32(3)

const KMEANS_ONE_HOT = UInt32(0)
const KMEANS_SOFT = UInt32(1)
const KMEANS_PROXIMITY = UInt32(2)

const DICTIONARY_SAE_LENS = UInt32(0)
const DICTIONARY_SAFETENSORS = UInt32(1)

const ACTIVATION_RELU = UInt32(0)
const ACTIVATION_TOP_K = UInt32(1)
const ACTIVATION_ABS_TOP_K = UInt32(2)
const ACTIVATION_JUMP_RELU = UInt32(3)

const CODES_OF_PATH = UInt32(0)
const CODES_NPY = UInt32(1)
const CODES_NPZ = UInt32(2)
const CODES_SAFETENSORS = UInt32(3)
const CODES_PARQUET = UInt32(4)

const GRANULARITY_TOKEN = UInt32(1)
const GRANULARITY_WORD = UInt32(2)
const GRANULARITY_SENTENCE = UInt32(3)
const GRANULARITY_SAMPLE = UInt32(4)
const GRANULARITY_ALL_TOKENS = UInt32(5)
const GRANULARITY_CLS_TOKEN = UInt32(6)

const WORD_RULE_AUTO = UInt32(1)
const WORD_RULE_TOKENIZER = UInt32(2)
const WORD_RULE_UNICODE = UInt32(3)

const AGGREGATION_MEAN = UInt32(1)
const AGGREGATION_SUM = UInt32(2)
const AGGREGATION_MAX = UInt32(3)
const AGGREGATION_MIN = UInt32(4)
const AGGREGATION_SIGNED_MAX = UInt32(5)
const AGGREGATION_FIRST = UInt32(6)
const AGGREGATION_LAST = UInt32(7)

const ON_LONG_TEXT_TRUNCATE = UInt32(1)
const ON_LONG_TEXT_ERROR = UInt32(2)

const SAE_BATCH_TOP_K = UInt32(1)
const SAE_TOP_K = UInt32(2)
const SAE_VANILLA = UInt32(3)
const SAE_JUMP_RELU = UInt32(4)
const SAE_GATED = UInt32(5)
const SAE_MATRYOSHKA = UInt32(6)
const SAE_MATCHING_PURSUIT = UInt32(7)

const KERNEL_RECTANGLE = UInt32(0)
const KERNEL_TRIANGULAR = UInt32(1)
const KERNEL_EPANECHNIKOV = UInt32(2)
const KERNEL_QUARTIC = UInt32(3)
const KERNEL_COSINE = UInt32(4)
const KERNEL_GAUSSIAN = UInt32(5)
const KERNEL_SILVERMAN = UInt32(6)
const KERNEL_CAUCHY = UInt32(7)

const POLE_POSITIVE = UInt32(0)
const POLE_NEGATIVE = UInt32(1)

const SAMPLING_TOP = UInt32(1)
const SAMPLING_RANDOM = UInt32(2)
const SAMPLING_QUANTILE = UInt32(3)

# --- Types ------------------------------------------------------------------------------------------------------------

abstract type eidos_error end
abstract type eidos_control end
abstract type eidos_texts end
abstract type eidos_devices end
abstract type eidos_split_model end
abstract type eidos_inputs end
abstract type eidos_activations end
abstract type eidos_explainer end
abstract type eidos_interventions end
abstract type eidos_interpretation end
abstract type eidos_explanation end
abstract type eidos_chat end
abstract type eidos_chat_reply end
abstract type DLManagedTensorVersioned end

const eidos_status = Int32
const eidos_progress_callback = Ptr{Cvoid}
const eidos_log_callback = Ptr{Cvoid}
const eidos_reduce_callback = Ptr{Cvoid}
const eidos_destroy_callback = Ptr{Cvoid}
const eidos_text_callback = Ptr{Cvoid}
const eidos_chat_callback = Ptr{Cvoid}

# Options are filled by their `..._init` first and then field by field, so they are mutable; see options.jl.

struct eidos_progress
    struct_size::UInt32
    stage::UInt32
    done::UInt64
    total::UInt64
    elapsed_seconds::Cdouble
end

struct eidos_log_message
    struct_size::UInt32
    level::UInt32
    target::Ptr{UInt8}
    target_len::Csize_t
    message::Ptr{UInt8}
    message_len::Csize_t
    elapsed_seconds::Cdouble
end

mutable struct eidos_texts_options
    struct_size::UInt32
    format::UInt32
    field::Ptr{UInt8}
    most_texts::UInt64
    keep_empty::UInt32
    reserved::UInt32
    eidos_texts_options() = new()
end

mutable struct eidos_load_options
    struct_size::UInt32
    head::UInt32
    device::UInt32
    device_index::UInt32
    network::UInt32
    whole::UInt32
    revision::Ptr{UInt8}
    token::Ptr{UInt8}
    cache_folder::Ptr{UInt8}
    endpoint::Ptr{UInt8}
    copy::UInt32
    precision::UInt32
    use_max_seq_length::UInt32
    reserved::UInt32
    eidos_load_options() = new()
end

mutable struct eidos_inputs_options
    struct_size::UInt32
    threads::UInt32
    eidos_inputs_options() = new()
end

mutable struct eidos_ica_options
    struct_size::UInt32
    concept_count::UInt32
    algorithm::UInt32
    contrast::UInt32
    alpha::Cdouble
    tolerance::Cdouble
    max_iterations::UInt32
    seed::UInt32
    canonical_signs::UInt32
    threads::UInt32
    device::UInt32
    device_index::UInt32
    solver::UInt32
    eidos_ica_options() = new()
end

mutable struct eidos_pca_options
    struct_size::UInt32
    concept_count::UInt32
    whiten::UInt32
    threads::UInt32
    device::UInt32
    device_index::UInt32
    randomised::UInt32
    power_iterations::UInt32
    seed::UInt32
    eidos_pca_options() = new()
end

mutable struct eidos_svd_options
    struct_size::UInt32
    concept_count::UInt32
    threads::UInt32
    device::UInt32
    device_index::UInt32
    eidos_svd_options() = new()
end

mutable struct eidos_kmeans_options
    struct_size::UInt32
    concept_count::UInt32
    codes::UInt32
    max_iterations::UInt32
    temperature::Cdouble
    tolerance::Cdouble
    seed::UInt32
    threads::UInt32
    batch_size::UInt32
    reserved::UInt32
    eidos_kmeans_options() = new()
end

mutable struct eidos_neurons_options
    struct_size::UInt32
    threads::UInt32
    eidos_neurons_options() = new()
end

mutable struct eidos_random_directions_options
    struct_size::UInt32
    concept_count::UInt32
    seed::UInt32
    threads::UInt32
    eidos_random_directions_options() = new()
end

mutable struct eidos_nmf_options
    struct_size::UInt32
    concept_count::UInt32
    tolerance::Cdouble
    max_iterations::UInt32
    rectify::UInt32
    seed::UInt32
    threads::UInt32
    eidos_nmf_options() = new()
end

mutable struct eidos_semi_nmf_options
    struct_size::UInt32
    concept_count::UInt32
    tolerance::Cdouble
    max_iterations::UInt32
    seed::UInt32
    threads::UInt32
    eidos_semi_nmf_options() = new()
end

mutable struct eidos_convex_nmf_options
    struct_size::UInt32
    concept_count::UInt32
    tolerance::Cdouble
    max_iterations::UInt32
    candidate_count::UInt32
    seed::UInt32
    threads::UInt32
    eidos_convex_nmf_options() = new()
end

mutable struct eidos_dictionary_learning_options
    struct_size::UInt32
    concept_count::UInt32
    penalty::Cdouble
    tolerance::Cdouble
    max_iterations::UInt32
    positive_codes::UInt32
    seed::UInt32
    threads::UInt32
    eidos_dictionary_learning_options() = new()
end

mutable struct eidos_sparse_pca_options
    struct_size::UInt32
    concept_count::UInt32
    penalty::Cdouble
    ridge::Cdouble
    tolerance::Cdouble
    max_iterations::UInt32
    threads::UInt32
    device::UInt32
    device_index::UInt32
    eidos_sparse_pca_options() = new()
end

mutable struct eidos_published_options
    struct_size::UInt32
    network::UInt32
    model::Ptr{UInt8}
    split_point::Ptr{UInt8}
    revision::Ptr{UInt8}
    token::Ptr{UInt8}
    cache_folder::Ptr{UInt8}
    endpoint::Ptr{UInt8}
    input_factor::Cdouble
    transcoder::UInt32
    reserved::UInt32
    eidos_published_options() = new()
end

mutable struct eidos_encode_options
    struct_size::UInt32
    threads::UInt32
    device::UInt32
    device_index::UInt32
    format::UInt32
    reserved::UInt32
    eidos_encode_options() = new()
end

mutable struct eidos_activations_options
    struct_size::UInt32
    granularity::UInt32
    aggregation::UInt32
    threads::UInt32
    batch_tokens::UInt64
    memory_limit::UInt64
    shard_bytes::UInt64
    folder::Ptr{UInt8}
    word_rule::UInt32
    stop_contractions::UInt32
    stop_units::Ptr{Cstring}
    stop_unit_count::Csize_t
    device_batch_tokens::UInt64
    keep_on_device::UInt32
    stop_punctuation::UInt32
    skip_first_position::UInt32
    on_long_text::UInt32
    eidos_activations_options() = new()
end

mutable struct eidos_sae_options
    struct_size::UInt32
    concept_count::UInt32
    kind::UInt32
    k::UInt32
    checkpoint::Ptr{UInt8}
    penalty::Cdouble
    bandwidth::Cdouble
    learning_rate::Cdouble
    warm_up::Cdouble
    decay::Cdouble
    dead_weight::Cdouble
    held_out::Cdouble
    steps::UInt32
    batch_rows::UInt32
    dead_after::UInt32
    shuffled_rows::UInt32
    checkpoint_every::UInt32
    seed::UInt32
    threads::UInt32
    restart_dead::UInt32
    kernel::UInt32
    device::UInt32
    device_index::UInt32
    eidos_sae_options() = new()
end

struct eidos_estimate
    struct_size::UInt32
    on_disk::UInt32
    text_count::Csize_t
    token_count::Csize_t
    row_count::Csize_t
    sampled_token_count::Csize_t
    row_bytes::UInt64
    seconds::Cdouble
end

mutable struct eidos_logits_options
    struct_size::UInt32
    threads::UInt32
    batch_tokens::UInt64
    memory_limit::UInt64
    on_long_text::UInt32
    reserved::UInt32
    eidos_logits_options() = new()
end

mutable struct eidos_top_inputs_options
    struct_size::UInt32
    negative_pole::UInt32
    k::UInt64
    concepts::Ptr{Csize_t}
    concept_count::Csize_t
    device::UInt32
    device_index::UInt32
    stop_units::Ptr{Cstring}
    stop_unit_count::Csize_t
    stop_punctuation::UInt32
    fold_case::UInt32
    least_occurrences::UInt64
    context::UInt64
    eidos_top_inputs_options() = new()
end

mutable struct eidos_explain_options
    struct_size::UInt32
    negative_pole::UInt32
    k::UInt64
    least_deviations::Cdouble
    threads::UInt32
    reserved::UInt32
    eidos_explain_options() = new()
end

struct eidos_firing
    struct_size::UInt32
    pole::UInt32
    concept_index::UInt64
    activation::Cfloat
    deviations::Cfloat
    percentile::Cfloat
    reserved::UInt32
end

mutable struct eidos_metrics_options
    struct_size::UInt32
    threads::UInt32
    dense_share::Cdouble
    redundant_cosine::Cdouble
    details::UInt32
    reserved::UInt32
    eidos_metrics_options() = new()
end

mutable struct eidos_chat_options
    struct_size::UInt32
    max_tokens::UInt32
    model::Ptr{UInt8}
    base_url::Ptr{UInt8}
    api_key::Ptr{UInt8}
    cache_folder::Ptr{UInt8}
    timeout_seconds::UInt32
    retries::UInt32
    parallel_requests::UInt32
    reserved::UInt32
    temperature::Cdouble
    request_budget::UInt64
    token_budget::UInt64
    eidos_chat_options() = new()
end

struct eidos_chat_spending
    struct_size::UInt32
    reserved::UInt32
    requests::UInt64
    cached::UInt64
    prompt_tokens::UInt64
    completion_tokens::UInt64
    unreported::UInt64
    requests_left::UInt64
    tokens_left::UInt64
end

struct eidos_chat_request
    struct_size::UInt32
    max_tokens::UInt32
    system_prompt::Ptr{UInt8}
    system_prompt_len::Csize_t
    user_prompt::Ptr{UInt8}
    user_prompt_len::Csize_t
    json_schema::Ptr{UInt8}
    json_schema_len::Csize_t
end

mutable struct eidos_llm_labels_options
    struct_size::UInt32
    negative_pole::UInt32
    concepts::Ptr{Csize_t}
    concept_count::Csize_t
    sampling::UInt32
    example_count::UInt32
    context::UInt32
    quantile_count::UInt32
    seed::UInt32
    score_passages::UInt32
    score_passages_per_request::UInt32
    dry_run::UInt32
    score_threshold::Cdouble
    system_prompt::Ptr{UInt8}
    eidos_llm_labels_options() = new()
end

struct eidos_label_usage
    struct_size::UInt32
    dry_run::UInt32
    requests::UInt64
    cached::UInt64
    prompt_tokens::UInt64
    completion_tokens::UInt64
    unreported::UInt64
end

mutable struct eidos_report_options
    struct_size::UInt32
    threads::UInt32
    title::Ptr{UInt8}
    inputs::UInt64
    passages::UInt64
    context::UInt64
    neighbours::UInt64
    texts::UInt64
    concepts_without_scripts::UInt64
    eidos_report_options() = new()
end

# How the structs lie in C, for the tests: the size, and where each field begins.
const LAYOUT = (
    eidos_progress = (32, (struct_size = 0, stage = 4, done = 8, total = 16, elapsed_seconds = 24)),
    eidos_log_message = (48, (struct_size = 0, level = 4, target = 8, target_len = 16, message = 24, message_len = 32, elapsed_seconds = 40)),
    eidos_texts_options = (32, (struct_size = 0, format = 4, field = 8, most_texts = 16, keep_empty = 24, reserved = 28)),
    eidos_load_options = (72, (struct_size = 0, head = 4, device = 8, device_index = 12, network = 16, whole = 20, revision = 24, token = 32, cache_folder = 40, endpoint = 48, copy = 56, precision = 60, use_max_seq_length = 64, reserved = 68)),
    eidos_inputs_options = (8, (struct_size = 0, threads = 4)),
    eidos_ica_options = (64, (struct_size = 0, concept_count = 4, algorithm = 8, contrast = 12, alpha = 16, tolerance = 24, max_iterations = 32, seed = 36, canonical_signs = 40, threads = 44, device = 48, device_index = 52, solver = 56)),
    eidos_pca_options = (36, (struct_size = 0, concept_count = 4, whiten = 8, threads = 12, device = 16, device_index = 20, randomised = 24, power_iterations = 28, seed = 32)),
    eidos_svd_options = (20, (struct_size = 0, concept_count = 4, threads = 8, device = 12, device_index = 16)),
    eidos_kmeans_options = (48, (struct_size = 0, concept_count = 4, codes = 8, max_iterations = 12, temperature = 16, tolerance = 24, seed = 32, threads = 36, batch_size = 40, reserved = 44)),
    eidos_neurons_options = (8, (struct_size = 0, threads = 4)),
    eidos_random_directions_options = (16, (struct_size = 0, concept_count = 4, seed = 8, threads = 12)),
    eidos_nmf_options = (32, (struct_size = 0, concept_count = 4, tolerance = 8, max_iterations = 16, rectify = 20, seed = 24, threads = 28)),
    eidos_semi_nmf_options = (32, (struct_size = 0, concept_count = 4, tolerance = 8, max_iterations = 16, seed = 20, threads = 24)),
    eidos_convex_nmf_options = (32, (struct_size = 0, concept_count = 4, tolerance = 8, max_iterations = 16, candidate_count = 20, seed = 24, threads = 28)),
    eidos_dictionary_learning_options = (40, (struct_size = 0, concept_count = 4, penalty = 8, tolerance = 16, max_iterations = 24, positive_codes = 28, seed = 32, threads = 36)),
    eidos_sparse_pca_options = (48, (struct_size = 0, concept_count = 4, penalty = 8, ridge = 16, tolerance = 24, max_iterations = 32, threads = 36, device = 40, device_index = 44)),
    eidos_published_options = (72, (struct_size = 0, network = 4, model = 8, split_point = 16, revision = 24, token = 32, cache_folder = 40, endpoint = 48, input_factor = 56, transcoder = 64, reserved = 68)),
    eidos_encode_options = (24, (struct_size = 0, threads = 4, device = 8, device_index = 12, format = 16, reserved = 20)),
    eidos_activations_options = (96, (struct_size = 0, granularity = 4, aggregation = 8, threads = 12, batch_tokens = 16, memory_limit = 24, shard_bytes = 32, folder = 40, word_rule = 48, stop_contractions = 52, stop_units = 56, stop_unit_count = 64, device_batch_tokens = 72, keep_on_device = 80, stop_punctuation = 84, skip_first_position = 88, on_long_text = 92)),
    eidos_sae_options = (128, (struct_size = 0, concept_count = 4, kind = 8, k = 12, checkpoint = 16, penalty = 24, bandwidth = 32, learning_rate = 40, warm_up = 48, decay = 56, dead_weight = 64, held_out = 72, steps = 80, batch_rows = 84, dead_after = 88, shuffled_rows = 92, checkpoint_every = 96, seed = 100, threads = 104, restart_dead = 108, kernel = 112, device = 116, device_index = 120)),
    eidos_estimate = (56, (struct_size = 0, on_disk = 4, text_count = 8, token_count = 16, row_count = 24, sampled_token_count = 32, row_bytes = 40, seconds = 48)),
    eidos_logits_options = (32, (struct_size = 0, threads = 4, batch_tokens = 8, memory_limit = 16, on_long_text = 24, reserved = 28)),
    eidos_top_inputs_options = (80, (struct_size = 0, negative_pole = 4, k = 8, concepts = 16, concept_count = 24, device = 32, device_index = 36, stop_units = 40, stop_unit_count = 48, stop_punctuation = 56, fold_case = 60, least_occurrences = 64, context = 72)),
    eidos_explain_options = (32, (struct_size = 0, negative_pole = 4, k = 8, least_deviations = 16, threads = 24, reserved = 28)),
    eidos_firing = (32, (struct_size = 0, pole = 4, concept_index = 8, activation = 16, deviations = 20, percentile = 24, reserved = 28)),
    eidos_metrics_options = (32, (struct_size = 0, threads = 4, dense_share = 8, redundant_cosine = 16, details = 24, reserved = 28)),
    eidos_chat_options = (80, (struct_size = 0, max_tokens = 4, model = 8, base_url = 16, api_key = 24, cache_folder = 32, timeout_seconds = 40, retries = 44, parallel_requests = 48, reserved = 52, temperature = 56, request_budget = 64, token_budget = 72)),
    eidos_chat_spending = (64, (struct_size = 0, reserved = 4, requests = 8, cached = 16, prompt_tokens = 24, completion_tokens = 32, unreported = 40, requests_left = 48, tokens_left = 56)),
    eidos_chat_request = (56, (struct_size = 0, max_tokens = 4, system_prompt = 8, system_prompt_len = 16, user_prompt = 24, user_prompt_len = 32, json_schema = 40, json_schema_len = 48)),
    eidos_llm_labels_options = (72, (struct_size = 0, negative_pole = 4, concepts = 8, concept_count = 16, sampling = 24, example_count = 28, context = 32, quantile_count = 36, seed = 40, score_passages = 44, score_passages_per_request = 48, dry_run = 52, score_threshold = 56, system_prompt = 64)),
    eidos_label_usage = (48, (struct_size = 0, dry_run = 4, requests = 8, cached = 16, prompt_tokens = 24, completion_tokens = 32, unreported = 40)),
    eidos_report_options = (64, (struct_size = 0, threads = 4, title = 8, inputs = 16, passages = 24, context = 32, neighbours = 40, texts = 48, concepts_without_scripts = 56)),
)

# --- Versions ---------------------------------------------------------------------------------------------------------

@c eidos_abi_version()::UInt32
@c eidos_version()::Cstring

# --- All functions in one table ---------------------------------------------------------------------------------------

@c eidos_api(abi_version::UInt32)::Ptr{Cvoid}

# --- Status codes -----------------------------------------------------------------------------------------------------

@c eidos_status_name(status::eidos_status)::Cstring

# --- Errors as handles ------------------------------------------------------------------------------------------------

@c eidos_error_status(error::Ptr{eidos_error})::eidos_status
@c eidos_error_message(error::Ptr{eidos_error}, len::Ptr{Csize_t})::Cstring
@c eidos_error_hint(error::Ptr{eidos_error}, len::Ptr{Csize_t})::Cstring
@c eidos_error_detail_count(error::Ptr{eidos_error})::Csize_t
@c eidos_error_detail_key(error::Ptr{eidos_error}, index::Csize_t, len::Ptr{Csize_t})::Cstring
@c eidos_error_detail_value(error::Ptr{eidos_error}, index::Csize_t, len::Ptr{Csize_t})::Cstring
@c eidos_error_free(error::Ptr{eidos_error})::Cvoid

# --- Progress and cancellation of long calls --------------------------------------------------------------------------

@c eidos_stage_name(stage::UInt32)::Cstring
@c eidos_control_new(out::Ptr{Ptr{eidos_control}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_control_cancel(control::Ptr{eidos_control})::Cvoid
@c eidos_control_is_cancelled(control::Ptr{eidos_control})::Int32
@c eidos_control_progress(control::Ptr{eidos_control}, out::Ptr{eidos_progress}, size::Csize_t, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_control_set_callback(control::Ptr{eidos_control}, callback::eidos_progress_callback, user_data::Ptr{Cvoid}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_control_retain(control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_control}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_control_free(control::Ptr{eidos_control})::Cvoid

# --- Messages of long calls -------------------------------------------------------------------------------------------

@c eidos_control_set_log_callback(control::Ptr{eidos_control}, level::UInt32, callback::eidos_log_callback, user_data::Ptr{Cvoid}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_control_keep_log(control::Ptr{eidos_control}, level::UInt32, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_control_log_count(control::Ptr{eidos_control})::Csize_t
@c eidos_control_log(control::Ptr{eidos_control}, index::Csize_t, out::Ptr{eidos_log_message}, size::Csize_t, err::Ptr{Ptr{eidos_error}})::eidos_status

# --- Files of texts: one text a line, or JSON lines -------------------------------------------------------------------

@c eidos_texts_options_init(options::Ptr{eidos_texts_options}, size::Csize_t)::eidos_status
@long eidos_texts_read(path::Cstring, options::Ptr{eidos_texts_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_texts}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_texts_count(texts::Ptr{eidos_texts})::Csize_t
@c eidos_texts_get(texts::Ptr{eidos_texts}, index::Csize_t, len::Ptr{Csize_t})::Cstring
@c eidos_texts_retain(texts::Ptr{eidos_texts}, out::Ptr{Ptr{eidos_texts}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_texts_free(texts::Ptr{eidos_texts})::Cvoid

# --- What this build can do, and the GPUs that it could use -----------------------------------------------------------

@c eidos_features()::Cstring
@c eidos_devices_list(out::Ptr{Ptr{eidos_devices}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_devices_count(devices::Ptr{eidos_devices})::Csize_t
@c eidos_devices_reason(devices::Ptr{eidos_devices}, len::Ptr{Csize_t})::Cstring
@c eidos_devices_name(devices::Ptr{eidos_devices}, index::Csize_t, len::Ptr{Csize_t})::Cstring
@c eidos_devices_problem(devices::Ptr{eidos_devices}, index::Csize_t, len::Ptr{Csize_t})::Cstring
@c eidos_devices_total_memory(devices::Ptr{eidos_devices}, index::Csize_t)::UInt64
@c eidos_devices_free_memory(devices::Ptr{eidos_devices}, index::Csize_t)::UInt64
@c eidos_devices_compute_capability(devices::Ptr{eidos_devices}, index::Csize_t)::UInt32
@c eidos_devices_library_count(devices::Ptr{eidos_devices})::Csize_t
@c eidos_devices_library_name(devices::Ptr{eidos_devices}, index::Csize_t, len::Ptr{Csize_t})::Cstring
@c eidos_devices_library_version(devices::Ptr{eidos_devices}, index::Csize_t, len::Ptr{Csize_t})::Cstring
@c eidos_devices_free(devices::Ptr{eidos_devices})::Cvoid

# --- Models split at modules ------------------------------------------------------------------------------------------

@c eidos_load_options_init(options::Ptr{eidos_load_options}, size::Csize_t)::eidos_status
@long eidos_split_model_load(id_or_path::Cstring, split_points::Ptr{Cstring}, split_point_count::Csize_t, options::Ptr{eidos_load_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_split_model}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_split_model_name(model::Ptr{eidos_split_model}, len::Ptr{Csize_t})::Cstring
@c eidos_split_model_family(model::Ptr{eidos_split_model}, len::Ptr{Csize_t})::Cstring
@c eidos_split_model_products(model::Ptr{eidos_split_model}, len::Ptr{Csize_t})::Cstring
@c eidos_split_model_vocabulary_size(model::Ptr{eidos_split_model})::Csize_t
@c eidos_split_model_max_positions(model::Ptr{eidos_split_model})::Csize_t
@c eidos_split_model_weight_bytes(model::Ptr{eidos_split_model})::Csize_t
@c eidos_split_model_module_count(model::Ptr{eidos_split_model})::Csize_t
@c eidos_split_model_module_path(model::Ptr{eidos_split_model}, index::Csize_t, len::Ptr{Csize_t})::Cstring
@c eidos_split_model_module_kind(model::Ptr{eidos_split_model}, index::Csize_t, len::Ptr{Csize_t})::Cstring
@c eidos_split_model_module_can_split(model::Ptr{eidos_split_model}, index::Csize_t)::Int32
@c eidos_split_model_module_width(model::Ptr{eidos_split_model}, index::Csize_t)::Csize_t
@c eidos_split_model_module_cost(model::Ptr{eidos_split_model}, index::Csize_t)::Cdouble
@c eidos_split_model_module_is_recommended(model::Ptr{eidos_split_model}, index::Csize_t)::Int32
@c eidos_split_model_split_point_count(model::Ptr{eidos_split_model})::Csize_t
@c eidos_split_model_split_point(model::Ptr{eidos_split_model}, index::Csize_t, len::Ptr{Csize_t})::Cstring
@c eidos_split_model_width(model::Ptr{eidos_split_model}, index::Csize_t)::Csize_t
@c eidos_split_model_retain(model::Ptr{eidos_split_model}, out::Ptr{Ptr{eidos_split_model}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_split_model_free(model::Ptr{eidos_split_model})::Cvoid

# --- Texts as a model reads them --------------------------------------------------------------------------------------

@c eidos_inputs_options_init(options::Ptr{eidos_inputs_options}, size::Csize_t)::eidos_status
@long eidos_inputs_from_texts(model::Ptr{eidos_split_model}, texts::Ptr{Cstring}, lengths::Ptr{Csize_t}, text_count::Csize_t, options::Ptr{eidos_inputs_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_inputs}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_inputs_from_texts_handle(model::Ptr{eidos_split_model}, texts::Ptr{eidos_texts}, options::Ptr{eidos_inputs_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_inputs}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_inputs_from_token_ids(model::Ptr{eidos_split_model}, ids::Ptr{UInt32}, id_count::Csize_t, lengths::Ptr{Csize_t}, sequence_count::Csize_t, out::Ptr{Ptr{eidos_inputs}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_inputs_from_vocabulary(model::Ptr{eidos_split_model}, out::Ptr{Ptr{eidos_inputs}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_inputs_text_count(inputs::Ptr{eidos_inputs})::Csize_t
@c eidos_inputs_text(inputs::Ptr{eidos_inputs}, index::Csize_t, len::Ptr{Csize_t})::Cstring
@c eidos_inputs_token_count(inputs::Ptr{eidos_inputs})::Csize_t
@c eidos_inputs_token_ids(inputs::Ptr{eidos_inputs}, index::Csize_t, ids::Ptr{Ptr{UInt32}}, count::Ptr{Csize_t}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_inputs_truncated_count(inputs::Ptr{eidos_inputs})::Csize_t
@c eidos_inputs_retain(inputs::Ptr{eidos_inputs}, out::Ptr{Ptr{eidos_inputs}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_inputs_free(inputs::Ptr{eidos_inputs})::Cvoid

# --- The tokens of a text ---------------------------------------------------------------------------------------------

@c eidos_split_model_tokens(model::Ptr{eidos_split_model}, text::Cstring, length::Csize_t, ids::Ptr{UInt32}, begins::Ptr{UInt32}, ends::Ptr{UInt32}, capacity::Csize_t, count::Ptr{Csize_t}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_split_model_token_string(model::Ptr{eidos_split_model}, id::UInt32, len::Ptr{Csize_t})::Cstring

# --- Activations ------------------------------------------------------------------------------------------------------

@long eidos_activations_from_rows(rows::Ptr{Cfloat}, row_count::Csize_t, column_count::Csize_t, unit_texts::Ptr{Cstring}, unit_text_count::Csize_t, out::Ptr{Ptr{eidos_activations}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_activations_from_dlpack(tensor::Ptr{DLManagedTensorVersioned}, unit_texts::Ptr{Cstring}, unit_text_count::Csize_t, out::Ptr{Ptr{eidos_activations}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_activations_to_dlpack(activations::Ptr{eidos_activations}, out::Ptr{Ptr{DLManagedTensorVersioned}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_activations_row_count(activations::Ptr{eidos_activations})::Csize_t
@c eidos_activations_column_count(activations::Ptr{eidos_activations})::Csize_t
@c eidos_activations_truncated_count(activations::Ptr{eidos_activations})::Csize_t
@c eidos_activations_left_out_by(activations::Ptr{eidos_activations}, filter::UInt32)::Csize_t
@c eidos_activations_filters(activations::Ptr{eidos_activations}, len::Ptr{Csize_t})::Cstring
@long eidos_activations_without_high_norms(activations::Ptr{eidos_activations}, max_multiple::Cdouble, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_activations}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_activations_left_out_count(activations::Ptr{eidos_activations})::Csize_t
@c eidos_activations_text_count(activations::Ptr{eidos_activations})::Csize_t
@c eidos_activations_is_on_disk(activations::Ptr{eidos_activations})::Int32
@c eidos_activations_is_on_device(activations::Ptr{eidos_activations})::Int32
@c eidos_activations_granularity(activations::Ptr{eidos_activations})::UInt32
@c eidos_activations_word_rule(activations::Ptr{eidos_activations})::UInt32
@c eidos_activations_aggregation(activations::Ptr{eidos_activations})::UInt32
@c eidos_activations_model(activations::Ptr{eidos_activations}, len::Ptr{Csize_t})::Cstring
@c eidos_activations_split_point(activations::Ptr{eidos_activations}, len::Ptr{Csize_t})::Cstring
@c eidos_activations_rows(activations::Ptr{eidos_activations}, first::Csize_t, count::Csize_t, out::Ptr{Ptr{Cfloat}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_activations_run(activations::Ptr{eidos_activations}, first::Csize_t, rows::Ptr{Ptr{Cfloat}}, count::Ptr{Csize_t}, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_activations_copy_rows(activations::Ptr{eidos_activations}, first::Csize_t, count::Csize_t, out::Ptr{Cfloat}, out_len::Csize_t, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_activations_unit(activations::Ptr{eidos_activations}, row::Csize_t, len::Ptr{Csize_t})::Cstring
@c eidos_activations_unit_span(activations::Ptr{eidos_activations}, row::Csize_t, text_index::Ptr{Csize_t}, begin_::Ptr{Csize_t}, end_::Ptr{Csize_t}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_activations_text(activations::Ptr{eidos_activations}, index::Csize_t, len::Ptr{Csize_t})::Cstring
@long eidos_activations_save(activations::Ptr{eidos_activations}, folder::Cstring, control::Ptr{eidos_control}, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_activations_open(folder::Cstring, out::Ptr{Ptr{eidos_activations}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_activations_open_copy(folder::Cstring, out::Ptr{Ptr{eidos_activations}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_activations_retain(activations::Ptr{eidos_activations}, out::Ptr{Ptr{eidos_activations}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_activations_free(activations::Ptr{eidos_activations})::Cvoid

# --- Explainers: fitted concepts --------------------------------------------------------------------------------------

@c eidos_explainer_concept_count(explainer::Ptr{eidos_explainer})::Csize_t
@c eidos_explainer_input_width(explainer::Ptr{eidos_explainer})::Csize_t
@c eidos_explainer_output_width(explainer::Ptr{eidos_explainer})::Csize_t
@c eidos_explainer_method(explainer::Ptr{eidos_explainer}, len::Ptr{Csize_t})::Cstring
@c eidos_explainer_model(explainer::Ptr{eidos_explainer}, len::Ptr{Csize_t})::Cstring
@c eidos_explainer_split_point(explainer::Ptr{eidos_explainer}, len::Ptr{Csize_t})::Cstring
@c eidos_explainer_options(explainer::Ptr{eidos_explainer}, len::Ptr{Csize_t})::Cstring
@c eidos_explainer_converged(explainer::Ptr{eidos_explainer})::Int32
@c eidos_explainer_step_count(explainer::Ptr{eidos_explainer})::Csize_t
@c eidos_explainer_warning_count(explainer::Ptr{eidos_explainer})::Csize_t
@c eidos_explainer_warning(explainer::Ptr{eidos_explainer}, index::Csize_t, len::Ptr{Csize_t})::Cstring
@c eidos_explainer_measure_count(explainer::Ptr{eidos_explainer})::Csize_t
@c eidos_explainer_measure_name(explainer::Ptr{eidos_explainer}, index::Csize_t, len::Ptr{Csize_t})::Cstring
@c eidos_explainer_measure_values(explainer::Ptr{eidos_explainer}, index::Csize_t, len::Ptr{Csize_t})::Ptr{Cdouble}
@long eidos_explainer_encode(explainer::Ptr{eidos_explainer}, rows::Ptr{Cfloat}, row_count::Csize_t, column_count::Csize_t, out::Ptr{Cfloat}, out_len::Csize_t, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_explainer_decode(explainer::Ptr{eidos_explainer}, codes::Ptr{Cfloat}, row_count::Csize_t, concept_count::Csize_t, out::Ptr{Cfloat}, out_len::Csize_t, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_explainer_reconstruct(explainer::Ptr{eidos_explainer}, rows::Ptr{Cfloat}, row_count::Csize_t, column_count::Csize_t, out::Ptr{Cfloat}, out_len::Csize_t, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_explainer_dictionary(explainer::Ptr{eidos_explainer}, len::Ptr{Csize_t})::Ptr{Cfloat}
@c eidos_explainer_from_dictionary(dictionary::Ptr{Cfloat}, encoder::Ptr{Cfloat}, bias::Ptr{Cfloat}, offset::Ptr{Cfloat}, concept_count::Csize_t, input_width::Csize_t, rectified::UInt32, out::Ptr{Ptr{eidos_explainer}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_explainer_save(explainer::Ptr{eidos_explainer}, path::Cstring, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_explainer_open(path::Cstring, out::Ptr{Ptr{eidos_explainer}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_explainer_calibrate(explainer::Ptr{eidos_explainer}, activations::Ptr{eidos_activations}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_explainer}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_explainer_moments(explainer::Ptr{eidos_explainer}, concept_index::Csize_t, mean::Ptr{Cdouble}, deviation::Ptr{Cdouble}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_explainer_retain(explainer::Ptr{eidos_explainer}, out::Ptr{Ptr{eidos_explainer}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_explainer_free(explainer::Ptr{eidos_explainer})::Cvoid

# --- Finding concepts: a fit for each method --------------------------------------------------------------------------

@c eidos_ica_options_init(options::Ptr{eidos_ica_options}, size::Csize_t)::eidos_status
@long eidos_ica_fit(activations::Ptr{eidos_activations}, options::Ptr{eidos_ica_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_explainer}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_pca_options_init(options::Ptr{eidos_pca_options}, size::Csize_t)::eidos_status
@long eidos_pca_fit(activations::Ptr{eidos_activations}, options::Ptr{eidos_pca_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_explainer}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_activations_spread(activations::Ptr{eidos_activations}, callback::eidos_reduce_callback, user_data::Ptr{Cvoid}, destroy::eidos_destroy_callback, out::Ptr{Ptr{eidos_activations}}, err::Ptr{Ptr{eidos_error}})::eidos_status

# --- Finding concepts by decompositions: singular vectors, centres, neurons, and random directions to compare with ----

@c eidos_svd_options_init(options::Ptr{eidos_svd_options}, size::Csize_t)::eidos_status
@long eidos_svd_fit(activations::Ptr{eidos_activations}, options::Ptr{eidos_svd_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_explainer}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_kmeans_options_init(options::Ptr{eidos_kmeans_options}, size::Csize_t)::eidos_status
@long eidos_kmeans_fit(activations::Ptr{eidos_activations}, options::Ptr{eidos_kmeans_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_explainer}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_neurons_options_init(options::Ptr{eidos_neurons_options}, size::Csize_t)::eidos_status
@long eidos_neurons_fit(activations::Ptr{eidos_activations}, options::Ptr{eidos_neurons_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_explainer}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_random_directions_options_init(options::Ptr{eidos_random_directions_options}, size::Csize_t)::eidos_status
@long eidos_random_directions_fit(activations::Ptr{eidos_activations}, options::Ptr{eidos_random_directions_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_explainer}}, err::Ptr{Ptr{eidos_error}})::eidos_status

# --- Finding concepts whose codes are sparse, or never negative: factorisations of the rows ---------------------------

@c eidos_nmf_options_init(options::Ptr{eidos_nmf_options}, size::Csize_t)::eidos_status
@long eidos_nmf_fit(activations::Ptr{eidos_activations}, options::Ptr{eidos_nmf_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_explainer}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_semi_nmf_options_init(options::Ptr{eidos_semi_nmf_options}, size::Csize_t)::eidos_status
@long eidos_semi_nmf_fit(activations::Ptr{eidos_activations}, options::Ptr{eidos_semi_nmf_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_explainer}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_convex_nmf_options_init(options::Ptr{eidos_convex_nmf_options}, size::Csize_t)::eidos_status
@long eidos_convex_nmf_fit(activations::Ptr{eidos_activations}, options::Ptr{eidos_convex_nmf_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_explainer}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_dictionary_learning_options_init(options::Ptr{eidos_dictionary_learning_options}, size::Csize_t)::eidos_status
@long eidos_dictionary_learning_fit(activations::Ptr{eidos_activations}, options::Ptr{eidos_dictionary_learning_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_explainer}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_sparse_pca_options_init(options::Ptr{eidos_sparse_pca_options}, size::Csize_t)::eidos_status
@long eidos_sparse_pca_fit(activations::Ptr{eidos_activations}, options::Ptr{eidos_sparse_pca_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_explainer}}, err::Ptr{Ptr{eidos_error}})::eidos_status

# --- Dictionaries of others: opened in the formats in which they are published, written in them, and made of a caller's own matrices 

@c eidos_published_options_init(options::Ptr{eidos_published_options}, size::Csize_t)::eidos_status
@long eidos_explainer_open_published(id_or_path::Cstring, options::Ptr{eidos_published_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_explainer}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_explainer_save_as(explainer::Ptr{eidos_explainer}, path::Cstring, format::UInt32, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_explainer_from_autoencoder(dictionary::Ptr{Cfloat}, encoder::Ptr{Cfloat}, bias::Ptr{Cfloat}, offset::Ptr{Cfloat}, thresholds::Ptr{Cfloat}, concept_count::Csize_t, input_width::Csize_t, activation::UInt32, k::Csize_t, out::Ptr{Ptr{eidos_explainer}}, err::Ptr{Ptr{eidos_error}})::eidos_status

# --- Codes of activations, in memory or in a file that other programs read --------------------------------------------

@c eidos_encode_options_init(options::Ptr{eidos_encode_options}, size::Csize_t)::eidos_status
@long eidos_explainer_encode_activations(explainer::Ptr{eidos_explainer}, activations::Ptr{eidos_activations}, options::Ptr{eidos_encode_options}, control::Ptr{eidos_control}, out::Ptr{Cfloat}, out_len::Csize_t, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_explainer_encode_sparse(explainer::Ptr{eidos_explainer}, activations::Ptr{eidos_activations}, options::Ptr{eidos_encode_options}, control::Ptr{eidos_control}, starts::Ptr{Csize_t}, concepts::Ptr{UInt32}, values::Ptr{Cfloat}, capacity::Csize_t, count::Ptr{Csize_t}, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_explainer_save_codes(explainer::Ptr{eidos_explainer}, activations::Ptr{eidos_activations}, path::Cstring, options::Ptr{eidos_encode_options}, control::Ptr{eidos_control}, err::Ptr{Ptr{eidos_error}})::eidos_status

# --- Changes to what the modules of a model give, while it runs -------------------------------------------------------

@c eidos_interventions_new(out::Ptr{Ptr{eidos_interventions}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_interventions_replace_rows(interventions::Ptr{eidos_interventions}, module_path::Cstring, rows::Ptr{Cfloat}, row_count::Csize_t, column_count::Csize_t, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_interventions_replace_activations(interventions::Ptr{eidos_interventions}, module_path::Cstring, activations::Ptr{eidos_activations}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_interventions_add_direction(interventions::Ptr{eidos_interventions}, module_path::Cstring, direction::Ptr{Cfloat}, column_count::Csize_t, scale::Cfloat, tokens::Ptr{Csize_t}, token_count::Csize_t, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_interventions_ablate_concept(interventions::Ptr{eidos_interventions}, module_path::Cstring, explainer::Ptr{eidos_explainer}, concept_index::Csize_t, tokens::Ptr{Csize_t}, token_count::Csize_t, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_interventions_clamp_concept(interventions::Ptr{eidos_interventions}, module_path::Cstring, explainer::Ptr{eidos_explainer}, concept_index::Csize_t, value::Cfloat, tokens::Ptr{Csize_t}, token_count::Csize_t, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_interventions_reconstruct(interventions::Ptr{eidos_interventions}, module_path::Cstring, explainer::Ptr{eidos_explainer}, tokens::Ptr{Csize_t}, token_count::Csize_t, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_interventions_count(interventions::Ptr{eidos_interventions})::Csize_t
@c eidos_interventions_retain(interventions::Ptr{eidos_interventions}, out::Ptr{Ptr{eidos_interventions}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_interventions_free(interventions::Ptr{eidos_interventions})::Cvoid

# --- Collecting activations -------------------------------------------------------------------------------------------

@c eidos_activations_options_init(options::Ptr{eidos_activations_options}, size::Csize_t)::eidos_status
@long eidos_split_model_activations(model::Ptr{eidos_split_model}, inputs::Ptr{eidos_inputs}, interventions::Ptr{eidos_interventions}, options::Ptr{eidos_activations_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_activations}}, out_count::Csize_t, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_split_model_stream_activations(model::Ptr{eidos_split_model}, callback::eidos_text_callback, user_data::Ptr{Cvoid}, interventions::Ptr{eidos_interventions}, options::Ptr{eidos_activations_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_activations}}, out_count::Csize_t, err::Ptr{Ptr{eidos_error}})::eidos_status

# --- Sparse autoencoders and transcoders: training --------------------------------------------------------------------

@c eidos_sae_options_init(options::Ptr{eidos_sae_options}, size::Csize_t)::eidos_status
@long eidos_sae_fit(activations::Ptr{eidos_activations}, options::Ptr{eidos_sae_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_explainer}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_sae_fit_texts(model::Ptr{eidos_split_model}, inputs::Ptr{eidos_inputs}, split_point::Csize_t, activations_options::Ptr{eidos_activations_options}, options::Ptr{eidos_sae_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_explainer}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_sae_fit_transcoder(inputs::Ptr{eidos_activations}, outputs::Ptr{eidos_activations}, options::Ptr{eidos_sae_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_explainer}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_sae_fit_transcoder_texts(model::Ptr{eidos_split_model}, inputs::Ptr{eidos_inputs}, split_point::Csize_t, output_split_point::Csize_t, activations_options::Ptr{eidos_activations_options}, options::Ptr{eidos_sae_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_explainer}}, err::Ptr{Ptr{eidos_error}})::eidos_status

# --- What a collection of activations will take, before it is run -----------------------------------------------------

@long eidos_split_model_estimate(model::Ptr{eidos_split_model}, inputs::Ptr{eidos_inputs}, options::Ptr{eidos_activations_options}, control::Ptr{eidos_control}, out::Ptr{eidos_estimate}, size::Csize_t, err::Ptr{Ptr{eidos_error}})::eidos_status

# --- Logits -----------------------------------------------------------------------------------------------------------

@c eidos_logits_options_init(options::Ptr{eidos_logits_options}, size::Csize_t)::eidos_status
@long eidos_split_model_logits(model::Ptr{eidos_split_model}, inputs::Ptr{eidos_inputs}, interventions::Ptr{eidos_interventions}, options::Ptr{eidos_logits_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_activations}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_split_model_logit_count(model::Ptr{eidos_split_model})::Csize_t
@c eidos_split_model_logit_name(model::Ptr{eidos_split_model}, column::Csize_t, len::Ptr{Csize_t})::Cstring

# --- What concepts mean: the inputs that excite them most -------------------------------------------------------------

@c eidos_top_inputs_options_init(options::Ptr{eidos_top_inputs_options}, size::Csize_t)::eidos_status
@long eidos_top_inputs_interpret(explainer::Ptr{eidos_explainer}, activations::Ptr{eidos_activations}, options::Ptr{eidos_top_inputs_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_interpretation}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_top_inputs_interpret_inputs(explainer::Ptr{eidos_explainer}, model::Ptr{eidos_split_model}, inputs::Ptr{eidos_inputs}, options::Ptr{eidos_top_inputs_options}, activations_options::Ptr{eidos_activations_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_interpretation}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_interpretation_concept_count(interpretation::Ptr{eidos_interpretation})::Csize_t
@c eidos_interpretation_concept(interpretation::Ptr{eidos_interpretation}, index::Csize_t)::Csize_t
@c eidos_interpretation_size(interpretation::Ptr{eidos_interpretation}, index::Csize_t, pole::UInt32)::Csize_t
@c eidos_interpretation_input(interpretation::Ptr{eidos_interpretation}, index::Csize_t, pole::UInt32, rank::Csize_t, len::Ptr{Csize_t})::Cstring
@c eidos_interpretation_activation(interpretation::Ptr{eidos_interpretation}, index::Csize_t, pole::UInt32, rank::Csize_t)::Cfloat
@c eidos_interpretation_row(interpretation::Ptr{eidos_interpretation}, index::Csize_t, pole::UInt32, rank::Csize_t)::Csize_t
@c eidos_interpretation_json(interpretation::Ptr{eidos_interpretation}, len::Ptr{Csize_t})::Cstring
@long eidos_interpretation_save(interpretation::Ptr{eidos_interpretation}, path::Cstring, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_interpretation_open(path::Cstring, out::Ptr{Ptr{eidos_interpretation}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_explainer_save_interpreted(explainer::Ptr{eidos_explainer}, interpretation::Ptr{eidos_interpretation}, path::Cstring, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_explainer_open_interpreted(path::Cstring, out::Ptr{Ptr{eidos_explainer}}, interpretation::Ptr{Ptr{eidos_interpretation}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_interpretation_retain(interpretation::Ptr{eidos_interpretation}, out::Ptr{Ptr{eidos_interpretation}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_interpretation_free(interpretation::Ptr{eidos_interpretation})::Cvoid

# --- Which concepts fire on the units of texts ------------------------------------------------------------------------

@c eidos_explain_options_init(options::Ptr{eidos_explain_options}, size::Csize_t)::eidos_status
@long eidos_explain_inputs(explainer::Ptr{eidos_explainer}, interpretation::Ptr{eidos_interpretation}, model::Ptr{eidos_split_model}, inputs::Ptr{eidos_inputs}, options::Ptr{eidos_explain_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_explanation}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_explain_activations(explainer::Ptr{eidos_explainer}, interpretation::Ptr{eidos_interpretation}, activations::Ptr{eidos_activations}, options::Ptr{eidos_explain_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_explanation}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_explanation_unit_count(explanation::Ptr{eidos_explanation})::Csize_t
@c eidos_explanation_unit(explanation::Ptr{eidos_explanation}, unit::Csize_t, len::Ptr{Csize_t})::Cstring
@c eidos_explanation_unit_span(explanation::Ptr{eidos_explanation}, unit::Csize_t, text_index::Ptr{Csize_t}, begin_::Ptr{Csize_t}, end_::Ptr{Csize_t}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_explanation_text_count(explanation::Ptr{eidos_explanation})::Csize_t
@c eidos_explanation_text(explanation::Ptr{eidos_explanation}, index::Csize_t, len::Ptr{Csize_t})::Cstring
@c eidos_explanation_firing_count(explanation::Ptr{eidos_explanation}, unit::Csize_t)::Csize_t
@c eidos_explanation_firing(explanation::Ptr{eidos_explanation}, unit::Csize_t, rank::Csize_t, out::Ptr{eidos_firing}, size::Csize_t, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_explanation_name(explanation::Ptr{eidos_explanation}, concept_index::Csize_t, pole::UInt32, len::Ptr{Csize_t})::Cstring
@c eidos_explanation_json(explanation::Ptr{eidos_explanation}, len::Ptr{Csize_t})::Cstring
@c eidos_explanation_retain(explanation::Ptr{eidos_explanation}, out::Ptr{Ptr{eidos_explanation}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_explanation_free(explanation::Ptr{eidos_explanation})::Cvoid

# --- How good concepts are --------------------------------------------------------------------------------------------

@c eidos_metrics_options_init(options::Ptr{eidos_metrics_options}, size::Csize_t)::eidos_status
@long eidos_metrics_compare(explainers::Ptr{Ptr{eidos_explainer}}, interpretations::Ptr{Ptr{eidos_interpretation}}, count::Csize_t, activations::Ptr{eidos_activations}, options::Ptr{eidos_metrics_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_texts}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_metrics_compare_through_model(model::Ptr{eidos_split_model}, inputs::Ptr{eidos_inputs}, split_point::Cstring, explainers::Ptr{Ptr{eidos_explainer}}, explainer_count::Csize_t, labels::Ptr{UInt32}, label_count::Csize_t, options::Ptr{eidos_logits_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_texts}}, err::Ptr{Ptr{eidos_error}})::eidos_status

# --- Language models that label concepts ------------------------------------------------------------------------------

@c eidos_chat_options_init(options::Ptr{eidos_chat_options}, size::Csize_t)::eidos_status
@c eidos_chat_new(options::Ptr{eidos_chat_options}, out::Ptr{Ptr{eidos_chat}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_chat_spent(chat::Ptr{eidos_chat}, out::Ptr{eidos_chat_spending}, size::Csize_t, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_chat_retain(chat::Ptr{eidos_chat}, out::Ptr{Ptr{eidos_chat}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_chat_free(chat::Ptr{eidos_chat})::Cvoid

# --- Language models of the caller's own ------------------------------------------------------------------------------

@c eidos_chat_from_callback(callback::eidos_chat_callback, user_data::Ptr{Cvoid}, destroy::eidos_destroy_callback, options::Ptr{eidos_chat_options}, out::Ptr{Ptr{eidos_chat}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_chat_reply_set_text(reply::Ptr{eidos_chat_reply}, answer::Cstring, length::Csize_t, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_chat_reply_set_usage(reply::Ptr{eidos_chat_reply}, prompt_tokens::UInt64, completion_tokens::UInt64)::Cvoid
@c eidos_chat_reply_set_error(reply::Ptr{eidos_chat_reply}, message::Cstring, err::Ptr{Ptr{eidos_error}})::eidos_status

# --- Labels for concepts, written by a language model -----------------------------------------------------------------

@c eidos_llm_labels_options_init(options::Ptr{eidos_llm_labels_options}, size::Csize_t)::eidos_status
@long eidos_llm_labels_interpret(explainer::Ptr{eidos_explainer}, activations::Ptr{eidos_activations}, chat::Ptr{eidos_chat}, options::Ptr{eidos_llm_labels_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_interpretation}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_interpretation_label(interpretation::Ptr{eidos_interpretation}, index::Csize_t, pole::UInt32, len::Ptr{Csize_t})::Cstring
@c eidos_interpretation_label_score(interpretation::Ptr{eidos_interpretation}, index::Csize_t, pole::UInt32)::Cdouble
@c eidos_interpretation_label_error(interpretation::Ptr{eidos_interpretation}, index::Csize_t, pole::UInt32, len::Ptr{Csize_t})::Cstring
@c eidos_interpretation_label_status(interpretation::Ptr{eidos_interpretation}, index::Csize_t, pole::UInt32)::eidos_status
@c eidos_interpretation_label_prompt(interpretation::Ptr{eidos_interpretation}, index::Csize_t, pole::UInt32, len::Ptr{Csize_t})::Cstring
@c eidos_interpretation_label_usage(interpretation::Ptr{eidos_interpretation}, out::Ptr{eidos_label_usage}, size::Csize_t, err::Ptr{Ptr{eidos_error}})::eidos_status

# --- Something to look at: what was found, as a page ------------------------------------------------------------------

@c eidos_report_options_init(options::Ptr{eidos_report_options}, size::Csize_t)::eidos_status
@long eidos_report_html(explainer::Ptr{eidos_explainer}, interpretation::Ptr{eidos_interpretation}, activations::Ptr{eidos_activations}, explanation::Ptr{eidos_explanation}, options::Ptr{eidos_report_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_texts}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_report_save(explainer::Ptr{eidos_explainer}, interpretation::Ptr{eidos_interpretation}, activations::Ptr{eidos_activations}, explanation::Ptr{eidos_explanation}, path::Cstring, options::Ptr{eidos_report_options}, control::Ptr{eidos_control}, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_report_map_svg(explainer::Ptr{eidos_explainer}, interpretation::Ptr{eidos_interpretation}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_texts}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_report_heat_map_svg(explainer::Ptr{eidos_explainer}, interpretation::Ptr{eidos_interpretation}, activations::Ptr{eidos_activations}, text_index::Csize_t, concept_count::Csize_t, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_texts}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_report_save_neuronpedia(explainer::Ptr{eidos_explainer}, interpretation::Ptr{eidos_interpretation}, activations::Ptr{eidos_activations}, path::Cstring, options::Ptr{eidos_report_options}, control::Ptr{eidos_control}, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_report_save_codes_csv(explainer::Ptr{eidos_explainer}, interpretation::Ptr{eidos_interpretation}, activations::Ptr{eidos_activations}, path::Cstring, least_deviations::Cdouble, control::Ptr{eidos_control}, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_interpretation_save_csv(interpretation::Ptr{eidos_interpretation}, path::Cstring, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_interpretation_save_parquet(interpretation::Ptr{eidos_interpretation}, path::Cstring, err::Ptr{Ptr{eidos_error}})::eidos_status

# --- Opaque handles: numbers, which a table leads to the values -------------------------------------------------------

@c eidos_debug_live_handles()::Csize_t

end
