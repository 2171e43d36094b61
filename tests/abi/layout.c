/* Generated from src/ffi by `make header`; do not edit. */
#include <assert.h>
#include <eidos.h>

#define FIELD(type, field, at) static_assert(offsetof(type, field) == at, #type "." #field " has moved")
#define SIZE(type, bytes) static_assert(sizeof(type) == bytes, #type " has another size")

FIELD(eidos_progress, struct_size, 0);
FIELD(eidos_progress, stage, 4);
FIELD(eidos_progress, done, 8);
FIELD(eidos_progress, total, 16);
FIELD(eidos_progress, elapsed_seconds, 24);
SIZE(eidos_progress, 32);

FIELD(eidos_log_message, struct_size, 0);
FIELD(eidos_log_message, level, 4);
FIELD(eidos_log_message, target, 8);
FIELD(eidos_log_message, target_len, 16);
FIELD(eidos_log_message, message, 24);
FIELD(eidos_log_message, message_len, 32);
FIELD(eidos_log_message, elapsed_seconds, 40);
SIZE(eidos_log_message, 48);

FIELD(eidos_texts_options, struct_size, 0);
FIELD(eidos_texts_options, format, 4);
FIELD(eidos_texts_options, field, 8);
FIELD(eidos_texts_options, most_texts, 16);
FIELD(eidos_texts_options, keep_empty, 24);
FIELD(eidos_texts_options, reserved, 28);
SIZE(eidos_texts_options, 32);

FIELD(eidos_load_options, struct_size, 0);
FIELD(eidos_load_options, head, 4);
FIELD(eidos_load_options, device, 8);
FIELD(eidos_load_options, device_index, 12);
FIELD(eidos_load_options, network, 16);
FIELD(eidos_load_options, whole, 20);
FIELD(eidos_load_options, revision, 24);
FIELD(eidos_load_options, token, 32);
FIELD(eidos_load_options, cache_folder, 40);
FIELD(eidos_load_options, endpoint, 48);
FIELD(eidos_load_options, copy, 56);
FIELD(eidos_load_options, precision, 60);
FIELD(eidos_load_options, use_max_seq_length, 64);
FIELD(eidos_load_options, reserved, 68);
SIZE(eidos_load_options, 72);

FIELD(eidos_inputs_options, struct_size, 0);
FIELD(eidos_inputs_options, threads, 4);
SIZE(eidos_inputs_options, 8);

FIELD(eidos_ica_options, struct_size, 0);
FIELD(eidos_ica_options, concept_count, 4);
FIELD(eidos_ica_options, algorithm, 8);
FIELD(eidos_ica_options, contrast, 12);
FIELD(eidos_ica_options, alpha, 16);
FIELD(eidos_ica_options, tolerance, 24);
FIELD(eidos_ica_options, max_iterations, 32);
FIELD(eidos_ica_options, seed, 36);
FIELD(eidos_ica_options, canonical_signs, 40);
FIELD(eidos_ica_options, threads, 44);
FIELD(eidos_ica_options, device, 48);
FIELD(eidos_ica_options, device_index, 52);
FIELD(eidos_ica_options, solver, 56);
SIZE(eidos_ica_options, 64);

FIELD(eidos_pca_options, struct_size, 0);
FIELD(eidos_pca_options, concept_count, 4);
FIELD(eidos_pca_options, whiten, 8);
FIELD(eidos_pca_options, threads, 12);
FIELD(eidos_pca_options, device, 16);
FIELD(eidos_pca_options, device_index, 20);
FIELD(eidos_pca_options, randomised, 24);
FIELD(eidos_pca_options, power_iterations, 28);
FIELD(eidos_pca_options, seed, 32);
SIZE(eidos_pca_options, 36);

FIELD(eidos_svd_options, struct_size, 0);
FIELD(eidos_svd_options, concept_count, 4);
FIELD(eidos_svd_options, threads, 8);
FIELD(eidos_svd_options, device, 12);
FIELD(eidos_svd_options, device_index, 16);
SIZE(eidos_svd_options, 20);

FIELD(eidos_kmeans_options, struct_size, 0);
FIELD(eidos_kmeans_options, concept_count, 4);
FIELD(eidos_kmeans_options, codes, 8);
FIELD(eidos_kmeans_options, max_iterations, 12);
FIELD(eidos_kmeans_options, temperature, 16);
FIELD(eidos_kmeans_options, tolerance, 24);
FIELD(eidos_kmeans_options, seed, 32);
FIELD(eidos_kmeans_options, threads, 36);
FIELD(eidos_kmeans_options, batch_size, 40);
FIELD(eidos_kmeans_options, reserved, 44);
SIZE(eidos_kmeans_options, 48);

FIELD(eidos_neurons_options, struct_size, 0);
FIELD(eidos_neurons_options, threads, 4);
SIZE(eidos_neurons_options, 8);

FIELD(eidos_random_directions_options, struct_size, 0);
FIELD(eidos_random_directions_options, concept_count, 4);
FIELD(eidos_random_directions_options, seed, 8);
FIELD(eidos_random_directions_options, threads, 12);
SIZE(eidos_random_directions_options, 16);

FIELD(eidos_nmf_options, struct_size, 0);
FIELD(eidos_nmf_options, concept_count, 4);
FIELD(eidos_nmf_options, tolerance, 8);
FIELD(eidos_nmf_options, max_iterations, 16);
FIELD(eidos_nmf_options, rectify, 20);
FIELD(eidos_nmf_options, seed, 24);
FIELD(eidos_nmf_options, threads, 28);
SIZE(eidos_nmf_options, 32);

FIELD(eidos_semi_nmf_options, struct_size, 0);
FIELD(eidos_semi_nmf_options, concept_count, 4);
FIELD(eidos_semi_nmf_options, tolerance, 8);
FIELD(eidos_semi_nmf_options, max_iterations, 16);
FIELD(eidos_semi_nmf_options, seed, 20);
FIELD(eidos_semi_nmf_options, threads, 24);
SIZE(eidos_semi_nmf_options, 32);

FIELD(eidos_convex_nmf_options, struct_size, 0);
FIELD(eidos_convex_nmf_options, concept_count, 4);
FIELD(eidos_convex_nmf_options, tolerance, 8);
FIELD(eidos_convex_nmf_options, max_iterations, 16);
FIELD(eidos_convex_nmf_options, candidate_count, 20);
FIELD(eidos_convex_nmf_options, seed, 24);
FIELD(eidos_convex_nmf_options, threads, 28);
SIZE(eidos_convex_nmf_options, 32);

FIELD(eidos_dictionary_learning_options, struct_size, 0);
FIELD(eidos_dictionary_learning_options, concept_count, 4);
FIELD(eidos_dictionary_learning_options, penalty, 8);
FIELD(eidos_dictionary_learning_options, tolerance, 16);
FIELD(eidos_dictionary_learning_options, max_iterations, 24);
FIELD(eidos_dictionary_learning_options, positive_codes, 28);
FIELD(eidos_dictionary_learning_options, seed, 32);
FIELD(eidos_dictionary_learning_options, threads, 36);
SIZE(eidos_dictionary_learning_options, 40);

FIELD(eidos_sparse_pca_options, struct_size, 0);
FIELD(eidos_sparse_pca_options, concept_count, 4);
FIELD(eidos_sparse_pca_options, penalty, 8);
FIELD(eidos_sparse_pca_options, ridge, 16);
FIELD(eidos_sparse_pca_options, tolerance, 24);
FIELD(eidos_sparse_pca_options, max_iterations, 32);
FIELD(eidos_sparse_pca_options, threads, 36);
FIELD(eidos_sparse_pca_options, device, 40);
FIELD(eidos_sparse_pca_options, device_index, 44);
SIZE(eidos_sparse_pca_options, 48);

FIELD(eidos_published_options, struct_size, 0);
FIELD(eidos_published_options, network, 4);
FIELD(eidos_published_options, model, 8);
FIELD(eidos_published_options, split_point, 16);
FIELD(eidos_published_options, revision, 24);
FIELD(eidos_published_options, token, 32);
FIELD(eidos_published_options, cache_folder, 40);
FIELD(eidos_published_options, endpoint, 48);
FIELD(eidos_published_options, input_factor, 56);
FIELD(eidos_published_options, transcoder, 64);
FIELD(eidos_published_options, reserved, 68);
SIZE(eidos_published_options, 72);

FIELD(eidos_encode_options, struct_size, 0);
FIELD(eidos_encode_options, threads, 4);
FIELD(eidos_encode_options, device, 8);
FIELD(eidos_encode_options, device_index, 12);
FIELD(eidos_encode_options, format, 16);
FIELD(eidos_encode_options, reserved, 20);
SIZE(eidos_encode_options, 24);

FIELD(eidos_activations_options, struct_size, 0);
FIELD(eidos_activations_options, granularity, 4);
FIELD(eidos_activations_options, aggregation, 8);
FIELD(eidos_activations_options, threads, 12);
FIELD(eidos_activations_options, batch_tokens, 16);
FIELD(eidos_activations_options, memory_limit, 24);
FIELD(eidos_activations_options, shard_bytes, 32);
FIELD(eidos_activations_options, folder, 40);
FIELD(eidos_activations_options, word_rule, 48);
FIELD(eidos_activations_options, stop_contractions, 52);
FIELD(eidos_activations_options, stop_units, 56);
FIELD(eidos_activations_options, stop_unit_count, 64);
FIELD(eidos_activations_options, device_batch_tokens, 72);
FIELD(eidos_activations_options, keep_on_device, 80);
FIELD(eidos_activations_options, stop_punctuation, 84);
FIELD(eidos_activations_options, skip_first_position, 88);
FIELD(eidos_activations_options, on_long_text, 92);
SIZE(eidos_activations_options, 96);

FIELD(eidos_sae_options, struct_size, 0);
FIELD(eidos_sae_options, concept_count, 4);
FIELD(eidos_sae_options, kind, 8);
FIELD(eidos_sae_options, k, 12);
FIELD(eidos_sae_options, checkpoint, 16);
FIELD(eidos_sae_options, penalty, 24);
FIELD(eidos_sae_options, bandwidth, 32);
FIELD(eidos_sae_options, learning_rate, 40);
FIELD(eidos_sae_options, warm_up, 48);
FIELD(eidos_sae_options, decay, 56);
FIELD(eidos_sae_options, dead_weight, 64);
FIELD(eidos_sae_options, held_out, 72);
FIELD(eidos_sae_options, steps, 80);
FIELD(eidos_sae_options, batch_rows, 84);
FIELD(eidos_sae_options, dead_after, 88);
FIELD(eidos_sae_options, shuffled_rows, 92);
FIELD(eidos_sae_options, checkpoint_every, 96);
FIELD(eidos_sae_options, seed, 100);
FIELD(eidos_sae_options, threads, 104);
FIELD(eidos_sae_options, restart_dead, 108);
FIELD(eidos_sae_options, kernel, 112);
FIELD(eidos_sae_options, device, 116);
FIELD(eidos_sae_options, device_index, 120);
SIZE(eidos_sae_options, 128);

FIELD(eidos_estimate, struct_size, 0);
FIELD(eidos_estimate, on_disk, 4);
FIELD(eidos_estimate, text_count, 8);
FIELD(eidos_estimate, token_count, 16);
FIELD(eidos_estimate, row_count, 24);
FIELD(eidos_estimate, sampled_token_count, 32);
FIELD(eidos_estimate, row_bytes, 40);
FIELD(eidos_estimate, seconds, 48);
SIZE(eidos_estimate, 56);

FIELD(eidos_logits_options, struct_size, 0);
FIELD(eidos_logits_options, threads, 4);
FIELD(eidos_logits_options, batch_tokens, 8);
FIELD(eidos_logits_options, memory_limit, 16);
FIELD(eidos_logits_options, on_long_text, 24);
FIELD(eidos_logits_options, reserved, 28);
SIZE(eidos_logits_options, 32);

FIELD(eidos_top_inputs_options, struct_size, 0);
FIELD(eidos_top_inputs_options, negative_pole, 4);
FIELD(eidos_top_inputs_options, k, 8);
FIELD(eidos_top_inputs_options, concepts, 16);
FIELD(eidos_top_inputs_options, concept_count, 24);
FIELD(eidos_top_inputs_options, device, 32);
FIELD(eidos_top_inputs_options, device_index, 36);
FIELD(eidos_top_inputs_options, stop_units, 40);
FIELD(eidos_top_inputs_options, stop_unit_count, 48);
FIELD(eidos_top_inputs_options, stop_punctuation, 56);
FIELD(eidos_top_inputs_options, fold_case, 60);
FIELD(eidos_top_inputs_options, least_occurrences, 64);
FIELD(eidos_top_inputs_options, context, 72);
SIZE(eidos_top_inputs_options, 80);

FIELD(eidos_explain_options, struct_size, 0);
FIELD(eidos_explain_options, negative_pole, 4);
FIELD(eidos_explain_options, k, 8);
FIELD(eidos_explain_options, least_deviations, 16);
FIELD(eidos_explain_options, threads, 24);
FIELD(eidos_explain_options, reserved, 28);
SIZE(eidos_explain_options, 32);

FIELD(eidos_firing, struct_size, 0);
FIELD(eidos_firing, pole, 4);
FIELD(eidos_firing, concept_index, 8);
FIELD(eidos_firing, activation, 16);
FIELD(eidos_firing, deviations, 20);
FIELD(eidos_firing, percentile, 24);
FIELD(eidos_firing, reserved, 28);
SIZE(eidos_firing, 32);

FIELD(eidos_metrics_options, struct_size, 0);
FIELD(eidos_metrics_options, threads, 4);
FIELD(eidos_metrics_options, dense_share, 8);
FIELD(eidos_metrics_options, redundant_cosine, 16);
FIELD(eidos_metrics_options, details, 24);
FIELD(eidos_metrics_options, reserved, 28);
SIZE(eidos_metrics_options, 32);

FIELD(eidos_chat_options, struct_size, 0);
FIELD(eidos_chat_options, max_tokens, 4);
FIELD(eidos_chat_options, model, 8);
FIELD(eidos_chat_options, base_url, 16);
FIELD(eidos_chat_options, api_key, 24);
FIELD(eidos_chat_options, cache_folder, 32);
FIELD(eidos_chat_options, timeout_seconds, 40);
FIELD(eidos_chat_options, retries, 44);
FIELD(eidos_chat_options, parallel_requests, 48);
FIELD(eidos_chat_options, reserved, 52);
FIELD(eidos_chat_options, temperature, 56);
FIELD(eidos_chat_options, request_budget, 64);
FIELD(eidos_chat_options, token_budget, 72);
SIZE(eidos_chat_options, 80);

FIELD(eidos_chat_spending, struct_size, 0);
FIELD(eidos_chat_spending, reserved, 4);
FIELD(eidos_chat_spending, requests, 8);
FIELD(eidos_chat_spending, cached, 16);
FIELD(eidos_chat_spending, prompt_tokens, 24);
FIELD(eidos_chat_spending, completion_tokens, 32);
FIELD(eidos_chat_spending, unreported, 40);
FIELD(eidos_chat_spending, requests_left, 48);
FIELD(eidos_chat_spending, tokens_left, 56);
SIZE(eidos_chat_spending, 64);

FIELD(eidos_chat_request, struct_size, 0);
FIELD(eidos_chat_request, max_tokens, 4);
FIELD(eidos_chat_request, system_prompt, 8);
FIELD(eidos_chat_request, system_prompt_len, 16);
FIELD(eidos_chat_request, user_prompt, 24);
FIELD(eidos_chat_request, user_prompt_len, 32);
FIELD(eidos_chat_request, json_schema, 40);
FIELD(eidos_chat_request, json_schema_len, 48);
SIZE(eidos_chat_request, 56);

FIELD(eidos_llm_labels_options, struct_size, 0);
FIELD(eidos_llm_labels_options, negative_pole, 4);
FIELD(eidos_llm_labels_options, concepts, 8);
FIELD(eidos_llm_labels_options, concept_count, 16);
FIELD(eidos_llm_labels_options, sampling, 24);
FIELD(eidos_llm_labels_options, example_count, 28);
FIELD(eidos_llm_labels_options, context, 32);
FIELD(eidos_llm_labels_options, quantile_count, 36);
FIELD(eidos_llm_labels_options, seed, 40);
FIELD(eidos_llm_labels_options, score_passages, 44);
FIELD(eidos_llm_labels_options, score_passages_per_request, 48);
FIELD(eidos_llm_labels_options, dry_run, 52);
FIELD(eidos_llm_labels_options, score_threshold, 56);
FIELD(eidos_llm_labels_options, system_prompt, 64);
SIZE(eidos_llm_labels_options, 72);

FIELD(eidos_label_usage, struct_size, 0);
FIELD(eidos_label_usage, dry_run, 4);
FIELD(eidos_label_usage, requests, 8);
FIELD(eidos_label_usage, cached, 16);
FIELD(eidos_label_usage, prompt_tokens, 24);
FIELD(eidos_label_usage, completion_tokens, 32);
FIELD(eidos_label_usage, unreported, 40);
SIZE(eidos_label_usage, 48);

FIELD(eidos_report_options, struct_size, 0);
FIELD(eidos_report_options, threads, 4);
FIELD(eidos_report_options, title, 8);
FIELD(eidos_report_options, inputs, 16);
FIELD(eidos_report_options, passages, 24);
FIELD(eidos_report_options, context, 32);
FIELD(eidos_report_options, neighbours, 40);
FIELD(eidos_report_options, texts, 48);
FIELD(eidos_report_options, concepts_without_scripts, 56);
SIZE(eidos_report_options, 64);
