/* The layout of every struct of the header as C sees it, as JSON: other languages are held to it. */
#include <eidos.h>
#include <stdio.h>

#define STRUCT(type) printf("%s  \"%s\": {\"size\": %zu", separator, #type, sizeof(type)), separator = ",\n"
#define FIELD(type, field) printf(", \"%s\": %zu", #field, offsetof(type, field))
#define END printf("}")

int main(void)
{
    const char *separator = "{\n";

    STRUCT(eidos_progress);
    FIELD(eidos_progress, stage);
    FIELD(eidos_progress, reserved);
    FIELD(eidos_progress, done);
    FIELD(eidos_progress, total);
    FIELD(eidos_progress, elapsed_seconds);
    END;

    STRUCT(eidos_texts_options);
    FIELD(eidos_texts_options, struct_size);
    FIELD(eidos_texts_options, format);
    FIELD(eidos_texts_options, field);
    FIELD(eidos_texts_options, most_texts);
    FIELD(eidos_texts_options, keep_empty);
    FIELD(eidos_texts_options, reserved);
    END;

    STRUCT(eidos_load_options);
    FIELD(eidos_load_options, struct_size);
    FIELD(eidos_load_options, head);
    FIELD(eidos_load_options, device);
    FIELD(eidos_load_options, device_index);
    FIELD(eidos_load_options, network);
    FIELD(eidos_load_options, whole);
    FIELD(eidos_load_options, revision);
    FIELD(eidos_load_options, token);
    FIELD(eidos_load_options, cache_folder);
    FIELD(eidos_load_options, endpoint);
    FIELD(eidos_load_options, copy);
    FIELD(eidos_load_options, reserved);
    END;

    STRUCT(eidos_activations_options);
    FIELD(eidos_activations_options, struct_size);
    FIELD(eidos_activations_options, granularity);
    FIELD(eidos_activations_options, aggregation);
    FIELD(eidos_activations_options, threads);
    FIELD(eidos_activations_options, batch_tokens);
    FIELD(eidos_activations_options, memory_limit);
    FIELD(eidos_activations_options, shard_bytes);
    FIELD(eidos_activations_options, folder);
    FIELD(eidos_activations_options, word_rule);
    FIELD(eidos_activations_options, stop_contractions);
    FIELD(eidos_activations_options, stop_units);
    FIELD(eidos_activations_options, stop_unit_count);
    END;

    STRUCT(eidos_logits_options);
    FIELD(eidos_logits_options, struct_size);
    FIELD(eidos_logits_options, threads);
    FIELD(eidos_logits_options, batch_tokens);
    FIELD(eidos_logits_options, memory_limit);
    END;

    STRUCT(eidos_fit_report);
    FIELD(eidos_fit_report, converged);
    FIELD(eidos_fit_report, iterations);
    FIELD(eidos_fit_report, last_change);
    END;

    STRUCT(eidos_ica_options);
    FIELD(eidos_ica_options, struct_size);
    FIELD(eidos_ica_options, concept_count);
    FIELD(eidos_ica_options, algorithm);
    FIELD(eidos_ica_options, contrast);
    FIELD(eidos_ica_options, alpha);
    FIELD(eidos_ica_options, tolerance);
    FIELD(eidos_ica_options, max_iterations);
    FIELD(eidos_ica_options, seed);
    FIELD(eidos_ica_options, raw_signs);
    FIELD(eidos_ica_options, threads);
    END;

    STRUCT(eidos_pca_options);
    FIELD(eidos_pca_options, struct_size);
    FIELD(eidos_pca_options, concept_count);
    FIELD(eidos_pca_options, whiten);
    FIELD(eidos_pca_options, threads);
    END;

    STRUCT(eidos_top_inputs_options);
    FIELD(eidos_top_inputs_options, struct_size);
    FIELD(eidos_top_inputs_options, negative_pole);
    FIELD(eidos_top_inputs_options, k);
    FIELD(eidos_top_inputs_options, concepts);
    FIELD(eidos_top_inputs_options, concept_count);
    END;

    STRUCT(eidos_chat_request);
    FIELD(eidos_chat_request, struct_size);
    FIELD(eidos_chat_request, max_tokens);
    FIELD(eidos_chat_request, system_prompt);
    FIELD(eidos_chat_request, system_prompt_len);
    FIELD(eidos_chat_request, user_prompt);
    FIELD(eidos_chat_request, user_prompt_len);
    FIELD(eidos_chat_request, json_schema);
    FIELD(eidos_chat_request, json_schema_len);
    END;

    STRUCT(eidos_chat_options);
    FIELD(eidos_chat_options, struct_size);
    FIELD(eidos_chat_options, max_tokens);
    FIELD(eidos_chat_options, model);
    FIELD(eidos_chat_options, base_url);
    FIELD(eidos_chat_options, api_key);
    FIELD(eidos_chat_options, cache_folder);
    FIELD(eidos_chat_options, timeout_seconds);
    FIELD(eidos_chat_options, retries);
    FIELD(eidos_chat_options, parallel_requests);
    FIELD(eidos_chat_options, reserved);
    FIELD(eidos_chat_options, temperature);
    FIELD(eidos_chat_options, request_budget);
    FIELD(eidos_chat_options, token_budget);
    FIELD(eidos_chat_options, callback);
    FIELD(eidos_chat_options, user_data);
    END;

    STRUCT(eidos_llm_labels_options);
    FIELD(eidos_llm_labels_options, struct_size);
    FIELD(eidos_llm_labels_options, negative_pole);
    FIELD(eidos_llm_labels_options, concepts);
    FIELD(eidos_llm_labels_options, concept_count);
    FIELD(eidos_llm_labels_options, sampling);
    FIELD(eidos_llm_labels_options, example_count);
    FIELD(eidos_llm_labels_options, context);
    FIELD(eidos_llm_labels_options, quantile_count);
    FIELD(eidos_llm_labels_options, seed);
    FIELD(eidos_llm_labels_options, score_passages);
    FIELD(eidos_llm_labels_options, score_passages_per_request);
    FIELD(eidos_llm_labels_options, dry_run);
    FIELD(eidos_llm_labels_options, score_threshold);
    FIELD(eidos_llm_labels_options, system_prompt);
    END;

    STRUCT(eidos_label_usage);
    FIELD(eidos_label_usage, requests);
    FIELD(eidos_label_usage, cached);
    FIELD(eidos_label_usage, prompt_tokens);
    FIELD(eidos_label_usage, completion_tokens);
    FIELD(eidos_label_usage, unreported);
    FIELD(eidos_label_usage, dry_run);
    END;

    printf("\n}\n");
    return 0;
}
