# The C functions and structs of include/eidos.h under their own names, one line each. test/header.jl compares every line
# with the header, and every struct with tests/abi/layout.json. Nothing here is meant for users.
module LibEidos

const ABI_VERSION = 1
const OK = Int32(0)
const CANCELLED = Int32(12)
const UNUSABLE_ANSWER = Int32(16)

# --- Types -------------------------------------------------------------------------------------------------------------

abstract type eidos_error end
abstract type eidos_control end
abstract type eidos_texts end
abstract type eidos_split_model end
abstract type eidos_activations end
abstract type eidos_explainer end
abstract type eidos_interpretation end
abstract type eidos_chat_reply end
abstract type DLManagedTensorVersioned end

const eidos_status = Int32
const eidos_progress_callback = Ptr{Cvoid}
const eidos_reduce_callback = Ptr{Cvoid}
const eidos_chat_callback = Ptr{Cvoid}

struct eidos_progress
    stage::UInt32
    reserved::UInt32
    done::UInt64
    total::UInt64
    elapsed_seconds::Cdouble
end

struct eidos_fit_report
    converged::UInt32
    iterations::UInt32
    last_change::Cdouble
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

struct eidos_label_usage
    requests::UInt64
    cached::UInt64
    prompt_tokens::UInt64
    completion_tokens::UInt64
    unreported::UInt64
    dry_run::UInt64
end

# Options are filled by their `..._init` first and then field by field, so they are mutable; see options.jl.

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
    reserved::UInt32
    eidos_load_options() = new()
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
    eidos_activations_options() = new()
end

mutable struct eidos_logits_options
    struct_size::UInt32
    threads::UInt32
    batch_tokens::UInt64
    memory_limit::UInt64
    eidos_logits_options() = new()
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
    raw_signs::UInt32
    threads::UInt32
    eidos_ica_options() = new()
end

mutable struct eidos_pca_options
    struct_size::UInt32
    concept_count::UInt32
    whiten::UInt32
    threads::UInt32
    eidos_pca_options() = new()
end

mutable struct eidos_top_inputs_options
    struct_size::UInt32
    negative_pole::UInt32
    k::UInt64
    concepts::Ptr{Csize_t}
    concept_count::UInt64
    eidos_top_inputs_options() = new()
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
    callback::eidos_chat_callback
    user_data::Ptr{Cvoid}
    eidos_chat_options() = new()
end

mutable struct eidos_llm_labels_options
    struct_size::UInt32
    negative_pole::UInt32
    concepts::Ptr{Csize_t}
    concept_count::UInt64
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

# --- How a function is declared ----------------------------------------------------------------------------------------

# What was declared: where the function's address is kept (NULL until the library is loaded), its arguments and its result.
const FUNCTIONS = Dict{Symbol,Tuple{Base.RefValue{Ptr{Cvoid}},Vector{Any},Any}}()

"Fills in the address of each function of a library that `Libdl.dlopen` has opened."
function bind!(address)
    for (name, (pointer, _, _)) in FUNCTIONS
        pointer[] = address(name)
    end
end

"`@c name(argument::Type, ...)::Result`: a C function that returns at once."
macro c(signature)
    declare(signature, false)
end

"""
As `@c`, for a call that may take long. While it runs, its thread counts as safe for the garbage collector, so that other
Julia threads can collect without waiting for it. It touches no Julia memory but what its arguments keep alive.
"""
macro long(signature)
    declare(signature, true)
end

function declare(signature, is_long)
    call, result = signature.args
    name, arguments = call.args[1], call.args[2:end]
    names = [argument.args[1] for argument in arguments]
    types = [argument.args[2] for argument in arguments]
    address = Symbol("address_of_", name)
    body = is_long ? gc_safe_call(address, result, names, types) :
           :(ccall($address[], $result, ($(types...),), $(names...)))
    quote
        const $address = Ref{Ptr{Cvoid}}(C_NULL)
        FUNCTIONS[$(QuoteNode(name))] = ($address, Any[$(types...)], $result)
        @inline $name($(names...)) = $body
    end |> esc
end

# Arguments are converted before the thread is declared safe, so that only the call itself happens between the two.
function gc_safe_call(address, result, names, types)
    roots = [gensym(name) for name in names]
    values = [gensym(name) for name in names]
    convert_all = [:($root = Base.cconvert($type, $name)) for (root, type, name) in zip(roots, types, names)]
    unsafe_all = [:($value = Base.unsafe_convert($type, $root)) for (value, type, root) in zip(values, types, roots)]
    quote
        $(convert_all...)
        GC.@preserve $(roots...) begin
            $(unsafe_all...)
            function_address = $address[]
            gc_state = ccall(:jl_gc_safe_enter, Int8, ())
            returned = ccall(function_address, $result, ($(types...),), $(values...))
            ccall(:jl_gc_safe_leave, Cvoid, (Int8,), gc_state)
            returned
        end
    end
end

# --- The functions, in the order of the header -------------------------------------------------------------------------

@c eidos_abi_version()::UInt32
@c eidos_version()::Cstring
@c eidos_status_name(status::eidos_status)::Cstring

@c eidos_error_status(error::Ptr{eidos_error})::eidos_status
@c eidos_error_message(error::Ptr{eidos_error}, len::Ptr{Csize_t})::Cstring
@c eidos_error_hint(error::Ptr{eidos_error}, len::Ptr{Csize_t})::Cstring
@c eidos_error_detail_count(error::Ptr{eidos_error})::Csize_t
@c eidos_error_detail_key(error::Ptr{eidos_error}, index::Csize_t, len::Ptr{Csize_t})::Cstring
@c eidos_error_detail_value(error::Ptr{eidos_error}, index::Csize_t, len::Ptr{Csize_t})::Cstring
@c eidos_error_free(error::Ptr{eidos_error})::Cvoid

@c eidos_stage_name(stage::UInt32)::Cstring
@c eidos_control_new(out::Ptr{Ptr{eidos_control}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_control_cancel(control::Ptr{eidos_control})::Cvoid
@c eidos_control_is_cancelled(control::Ptr{eidos_control})::Int32
@c eidos_control_progress(control::Ptr{eidos_control}, out::Ptr{eidos_progress}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_control_set_callback(control::Ptr{eidos_control}, callback::eidos_progress_callback, user_data::Ptr{Cvoid}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_control_free(control::Ptr{eidos_control})::Cvoid

@c eidos_texts_options_init(options::Ptr{eidos_texts_options}, size::Csize_t)::eidos_status
@long eidos_texts_read(path::Cstring, options::Ptr{eidos_texts_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_texts}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_texts_count(texts::Ptr{eidos_texts})::Csize_t
@c eidos_texts_get(texts::Ptr{eidos_texts}, index::Csize_t, len::Ptr{Csize_t})::Cstring
@c eidos_texts_array(texts::Ptr{eidos_texts}, out::Ptr{Ptr{Cstring}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_texts_free(texts::Ptr{eidos_texts})::Cvoid

@c eidos_load_options_init(options::Ptr{eidos_load_options}, size::Csize_t)::eidos_status
@long eidos_split_model_load(id_or_path::Cstring, split_points::Ptr{Cstring}, split_point_count::Csize_t, options::Ptr{eidos_load_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_split_model}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_split_model_name(model::Ptr{eidos_split_model}, len::Ptr{Csize_t})::Cstring
@c eidos_split_model_module_count(model::Ptr{eidos_split_model})::Csize_t
@c eidos_split_model_module_path(model::Ptr{eidos_split_model}, index::Csize_t, len::Ptr{Csize_t})::Cstring
@c eidos_split_model_module_kind(model::Ptr{eidos_split_model}, index::Csize_t, len::Ptr{Csize_t})::Cstring
@c eidos_split_model_module_can_split(model::Ptr{eidos_split_model}, index::Csize_t)::Int32
@c eidos_split_model_split_point_count(model::Ptr{eidos_split_model})::Csize_t
@c eidos_split_model_split_point(model::Ptr{eidos_split_model}, index::Csize_t, len::Ptr{Csize_t})::Cstring
@c eidos_split_model_width(model::Ptr{eidos_split_model}, index::Csize_t)::Csize_t
@c eidos_split_model_free(model::Ptr{eidos_split_model})::Cvoid

@c eidos_activations_options_init(options::Ptr{eidos_activations_options}, size::Csize_t)::eidos_status
@long eidos_split_model_activations(model::Ptr{eidos_split_model}, texts::Ptr{Cstring}, text_count::Csize_t, options::Ptr{eidos_activations_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_activations}}, out_count::Csize_t, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_split_model_vocabulary_activations(model::Ptr{eidos_split_model}, options::Ptr{eidos_activations_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_activations}}, out_count::Csize_t, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_activations_from_rows(rows::Ptr{Cfloat}, row_count::Csize_t, column_count::Csize_t, unit_texts::Ptr{Cstring}, out::Ptr{Ptr{eidos_activations}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_activations_from_dlpack(tensor::Ptr{DLManagedTensorVersioned}, unit_texts::Ptr{Cstring}, out::Ptr{Ptr{eidos_activations}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_activations_to_dlpack(activations::Ptr{eidos_activations}, out::Ptr{Ptr{DLManagedTensorVersioned}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_activations_row_count(activations::Ptr{eidos_activations})::Csize_t
@c eidos_activations_column_count(activations::Ptr{eidos_activations})::Csize_t
@c eidos_activations_truncated_count(activations::Ptr{eidos_activations})::Csize_t
@c eidos_activations_left_out_count(activations::Ptr{eidos_activations})::Csize_t
@c eidos_activations_text_count(activations::Ptr{eidos_activations})::Csize_t
@c eidos_activations_is_on_disk(activations::Ptr{eidos_activations})::Int32
@c eidos_activations_granularity(activations::Ptr{eidos_activations})::UInt32
@c eidos_activations_word_rule(activations::Ptr{eidos_activations})::UInt32
@c eidos_activations_aggregation(activations::Ptr{eidos_activations})::UInt32
@c eidos_activations_model(activations::Ptr{eidos_activations}, len::Ptr{Csize_t})::Cstring
@c eidos_activations_split_point(activations::Ptr{eidos_activations}, len::Ptr{Csize_t})::Cstring
@c eidos_activations_rows(activations::Ptr{eidos_activations}, first::Csize_t, count::Csize_t, out::Ptr{Ptr{Cfloat}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_activations_copy_rows(activations::Ptr{eidos_activations}, first::Csize_t, count::Csize_t, out::Ptr{Cfloat}, out_len::Csize_t, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_activations_unit(activations::Ptr{eidos_activations}, row::Csize_t, len::Ptr{Csize_t})::Cstring
@c eidos_activations_unit_span(activations::Ptr{eidos_activations}, row::Csize_t, text_index::Ptr{Csize_t}, begin_::Ptr{Csize_t}, end_::Ptr{Csize_t}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_activations_text(activations::Ptr{eidos_activations}, index::Csize_t, len::Ptr{Csize_t})::Cstring
@long eidos_activations_save(activations::Ptr{eidos_activations}, folder::Cstring, control::Ptr{eidos_control}, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_activations_open(folder::Cstring, out::Ptr{Ptr{eidos_activations}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_activations_open_copy(folder::Cstring, out::Ptr{Ptr{eidos_activations}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_activations_free(activations::Ptr{eidos_activations})::Cvoid

@c eidos_logits_options_init(options::Ptr{eidos_logits_options}, size::Csize_t)::eidos_status
@long eidos_split_model_logits(model::Ptr{eidos_split_model}, texts::Ptr{Cstring}, text_count::Csize_t, options::Ptr{eidos_logits_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_activations}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_split_model_logits_from(model::Ptr{eidos_split_model}, module_path::Cstring, rows::Ptr{Cfloat}, row_count::Csize_t, column_count::Csize_t, texts::Ptr{Cstring}, text_count::Csize_t, options::Ptr{eidos_logits_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_activations}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_split_model_logits_from_activations(model::Ptr{eidos_split_model}, module_path::Cstring, rows::Ptr{eidos_activations}, texts::Ptr{Cstring}, text_count::Csize_t, options::Ptr{eidos_logits_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_activations}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_split_model_logit_count(model::Ptr{eidos_split_model})::Csize_t
@c eidos_split_model_logit_name(model::Ptr{eidos_split_model}, column::Csize_t, len::Ptr{Csize_t})::Cstring

@c eidos_split_model_tokens(model::Ptr{eidos_split_model}, text::Cstring, ids::Ptr{UInt32}, begins::Ptr{UInt32}, ends::Ptr{UInt32}, capacity::Csize_t, count::Ptr{Csize_t}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_split_model_token_string(model::Ptr{eidos_split_model}, id::UInt32, len::Ptr{Csize_t})::Cstring
@long eidos_split_model_activations_of_token_ids(model::Ptr{eidos_split_model}, ids::Ptr{UInt32}, id_counts::Ptr{Csize_t}, sequence_count::Csize_t, options::Ptr{eidos_activations_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_activations}}, out_count::Csize_t, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_split_model_logits_of_token_ids(model::Ptr{eidos_split_model}, ids::Ptr{UInt32}, id_counts::Ptr{Csize_t}, sequence_count::Csize_t, options::Ptr{eidos_logits_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_activations}}, err::Ptr{Ptr{eidos_error}})::eidos_status

@c eidos_explainer_concept_count(explainer::Ptr{eidos_explainer})::Csize_t
@c eidos_explainer_input_width(explainer::Ptr{eidos_explainer})::Csize_t
@c eidos_explainer_method(explainer::Ptr{eidos_explainer}, len::Ptr{Csize_t})::Cstring
@c eidos_explainer_model(explainer::Ptr{eidos_explainer}, len::Ptr{Csize_t})::Cstring
@c eidos_explainer_split_point(explainer::Ptr{eidos_explainer}, len::Ptr{Csize_t})::Cstring
@c eidos_explainer_fit_report(explainer::Ptr{eidos_explainer}, out::Ptr{eidos_fit_report}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_explainer_measure_count(explainer::Ptr{eidos_explainer})::Csize_t
@c eidos_explainer_measure_name(explainer::Ptr{eidos_explainer}, index::Csize_t, len::Ptr{Csize_t})::Cstring
@c eidos_explainer_measure_values(explainer::Ptr{eidos_explainer}, index::Csize_t, len::Ptr{Csize_t})::Ptr{Cdouble}
@long eidos_explainer_encode(explainer::Ptr{eidos_explainer}, rows::Ptr{Cfloat}, row_count::Csize_t, column_count::Csize_t, out::Ptr{Cfloat}, out_len::Csize_t, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_explainer_decode(explainer::Ptr{eidos_explainer}, codes::Ptr{Cfloat}, row_count::Csize_t, concept_count::Csize_t, out::Ptr{Cfloat}, out_len::Csize_t, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_explainer_dictionary(explainer::Ptr{eidos_explainer}, len::Ptr{Csize_t})::Ptr{Cfloat}
@c eidos_explainer_from_dictionary(dictionary::Ptr{Cfloat}, encoder::Ptr{Cfloat}, bias::Ptr{Cfloat}, offset::Ptr{Cfloat}, concept_count::Csize_t, input_width::Csize_t, rectified::UInt32, out::Ptr{Ptr{eidos_explainer}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_explainer_save(explainer::Ptr{eidos_explainer}, path::Cstring, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_explainer_open(path::Cstring, out::Ptr{Ptr{eidos_explainer}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_explainer_free(explainer::Ptr{eidos_explainer})::Cvoid

@c eidos_ica_options_init(options::Ptr{eidos_ica_options}, size::Csize_t)::eidos_status
@long eidos_ica_fit(activations::Ptr{eidos_activations}, options::Ptr{eidos_ica_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_explainer}}, err::Ptr{Ptr{eidos_error}})::eidos_status

@c eidos_pca_options_init(options::Ptr{eidos_pca_options}, size::Csize_t)::eidos_status
@long eidos_pca_fit(activations::Ptr{eidos_activations}, options::Ptr{eidos_pca_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_explainer}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_activations_spread(activations::Ptr{eidos_activations}, callback::eidos_reduce_callback, user_data::Ptr{Cvoid}, out::Ptr{Ptr{eidos_activations}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_top_inputs_options_init(options::Ptr{eidos_top_inputs_options}, size::Csize_t)::eidos_status
@long eidos_interpret_top_inputs(explainer::Ptr{eidos_explainer}, activations::Ptr{eidos_activations}, options::Ptr{eidos_top_inputs_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_interpretation}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_interpret_top_inputs_of_texts(explainer::Ptr{eidos_explainer}, model::Ptr{eidos_split_model}, texts::Ptr{Cstring}, text_count::Csize_t, options::Ptr{eidos_top_inputs_options}, activations_options::Ptr{eidos_activations_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_interpretation}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_interpret_top_inputs_of_vocabulary(explainer::Ptr{eidos_explainer}, model::Ptr{eidos_split_model}, options::Ptr{eidos_top_inputs_options}, activations_options::Ptr{eidos_activations_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_interpretation}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_interpretation_concept_count(interpretation::Ptr{eidos_interpretation})::Csize_t
@c eidos_interpretation_concept(interpretation::Ptr{eidos_interpretation}, index::Csize_t)::Csize_t
@c eidos_interpretation_size(interpretation::Ptr{eidos_interpretation}, index::Csize_t, pole::UInt32)::Csize_t
@c eidos_interpretation_input(interpretation::Ptr{eidos_interpretation}, index::Csize_t, pole::UInt32, rank::Csize_t, len::Ptr{Csize_t})::Cstring
@c eidos_interpretation_activation(interpretation::Ptr{eidos_interpretation}, index::Csize_t, pole::UInt32, rank::Csize_t)::Cfloat
@c eidos_interpretation_row(interpretation::Ptr{eidos_interpretation}, index::Csize_t, pole::UInt32, rank::Csize_t)::Csize_t
@c eidos_interpretation_json(interpretation::Ptr{eidos_interpretation}, len::Ptr{Csize_t})::Cstring
@long eidos_interpretation_save(interpretation::Ptr{eidos_interpretation}, path::Cstring, err::Ptr{Ptr{eidos_error}})::eidos_status
@long eidos_interpretation_open(path::Cstring, out::Ptr{Ptr{eidos_interpretation}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_interpretation_free(interpretation::Ptr{eidos_interpretation})::Cvoid

@c eidos_chat_options_init(options::Ptr{eidos_chat_options}, size::Csize_t)::eidos_status
@c eidos_chat_reply_set_text(reply::Ptr{eidos_chat_reply}, answer::Cstring, length::Csize_t, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_chat_reply_set_usage(reply::Ptr{eidos_chat_reply}, prompt_tokens::UInt64, completion_tokens::UInt64)::Cvoid
@c eidos_chat_reply_set_error(reply::Ptr{eidos_chat_reply}, message::Cstring, err::Ptr{Ptr{eidos_error}})::eidos_status

@c eidos_llm_labels_options_init(options::Ptr{eidos_llm_labels_options}, size::Csize_t)::eidos_status
@long eidos_interpret_llm_labels(explainer::Ptr{eidos_explainer}, activations::Ptr{eidos_activations}, chat::Ptr{eidos_chat_options}, options::Ptr{eidos_llm_labels_options}, control::Ptr{eidos_control}, out::Ptr{Ptr{eidos_interpretation}}, err::Ptr{Ptr{eidos_error}})::eidos_status
@c eidos_interpretation_label(interpretation::Ptr{eidos_interpretation}, index::Csize_t, pole::UInt32, len::Ptr{Csize_t})::Cstring
@c eidos_interpretation_label_score(interpretation::Ptr{eidos_interpretation}, index::Csize_t, pole::UInt32)::Cdouble
@c eidos_interpretation_label_error(interpretation::Ptr{eidos_interpretation}, index::Csize_t, pole::UInt32, len::Ptr{Csize_t})::Cstring
@c eidos_interpretation_label_status(interpretation::Ptr{eidos_interpretation}, index::Csize_t, pole::UInt32)::eidos_status
@c eidos_interpretation_label_prompt(interpretation::Ptr{eidos_interpretation}, index::Csize_t, pole::UInt32, len::Ptr{Csize_t})::Cstring
@c eidos_interpretation_label_usage(interpretation::Ptr{eidos_interpretation}, out::Ptr{eidos_label_usage}, err::Ptr{Ptr{eidos_error}})::eidos_status

@c eidos_debug_live_handles()::Csize_t

end
