/* Generated from src/ffi by `make header`; do not edit. */
/*
 * All functions of eidos.h in one table, for programs that open the library while they run and would look up each by its name:
 *
 *     void *library = dlopen("libeidos.so.0", RTLD_NOW);
 *     const eidos_api_table *eidos = eidos_api_from(dlsym(library, "eidos_api"));
 *     if (eidos != NULL)
 *         puts(eidos->version());
 *
 * A member has the name of its function without `eidos_`, and its docs are there. Within one version of the ABI members are added
 * at the end only. A library that is older than this header lacks the last of them: EIDOS_API_HAS(eidos, member) says whether it
 * has one.
 */
#ifndef EIDOS_API_H
#define EIDOS_API_H

#include <eidos.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The functions of the library that gave it. It lives as long as the library is loaded. */
typedef struct eidos_api_table {
    /* The size of the library's own table in bytes. */
    size_t size;
    uint32_t (*abi_version)(void);
    const char *(*version)(void);
    const char *(*status_name)(eidos_status status);
    eidos_status (*error_status)(const eidos_error *error);
    const char *(*error_message)(const eidos_error *error, size_t *len);
    const char *(*error_hint)(const eidos_error *error, size_t *len);
    size_t (*error_detail_count)(const eidos_error *error);
    const char *(*error_detail_key)(const eidos_error *error, size_t index, size_t *len);
    const char *(*error_detail_value)(const eidos_error *error, size_t index, size_t *len);
    void (*error_free)(eidos_error *error);
    const char *(*stage_name)(uint32_t stage);
    eidos_status (*control_new)(eidos_control **out, eidos_error **err);
    void (*control_cancel)(const eidos_control *control);
    int32_t (*control_is_cancelled)(const eidos_control *control);
    eidos_status (*control_progress)(const eidos_control *control, eidos_progress *out, size_t size, eidos_error **err);
    eidos_status (*control_set_callback)(eidos_control *control, eidos_progress_callback callback, void *user_data, eidos_error **err);
    eidos_status (*control_retain)(const eidos_control *control, eidos_control **out, eidos_error **err);
    void (*control_free)(eidos_control *control);
    eidos_status (*control_set_log_callback)(eidos_control *control, uint32_t level, eidos_log_callback callback, void *user_data, eidos_error **err);
    eidos_status (*control_keep_log)(eidos_control *control, uint32_t level, eidos_error **err);
    size_t (*control_log_count)(const eidos_control *control);
    eidos_status (*control_log)(const eidos_control *control, size_t index, eidos_log_message *out, size_t size, eidos_error **err);
    eidos_status (*texts_options_init)(eidos_texts_options *options, size_t size);
    eidos_status (*texts_read)(const char *path, const eidos_texts_options *options, const eidos_control *control, eidos_texts **out, eidos_error **err);
    size_t (*texts_count)(const eidos_texts *texts);
    const char *(*texts_get)(const eidos_texts *texts, size_t index, size_t *len);
    eidos_status (*texts_retain)(const eidos_texts *texts, eidos_texts **out, eidos_error **err);
    void (*texts_free)(eidos_texts *texts);
    const char *(*features)(void);
    eidos_status (*devices_list)(eidos_devices **out, eidos_error **err);
    size_t (*devices_count)(const eidos_devices *devices);
    const char *(*devices_reason)(const eidos_devices *devices, size_t *len);
    const char *(*devices_name)(const eidos_devices *devices, size_t index, size_t *len);
    const char *(*devices_problem)(const eidos_devices *devices, size_t index, size_t *len);
    uint64_t (*devices_total_memory)(const eidos_devices *devices, size_t index);
    uint64_t (*devices_free_memory)(const eidos_devices *devices, size_t index);
    uint32_t (*devices_compute_capability)(const eidos_devices *devices, size_t index);
    size_t (*devices_library_count)(const eidos_devices *devices);
    const char *(*devices_library_name)(const eidos_devices *devices, size_t index, size_t *len);
    const char *(*devices_library_version)(const eidos_devices *devices, size_t index, size_t *len);
    void (*devices_free)(eidos_devices *devices);
    eidos_status (*load_options_init)(eidos_load_options *options, size_t size);
    eidos_status (*split_model_load)(const char *id_or_path, const char *const *split_points, size_t split_point_count, const eidos_load_options *options, const eidos_control *control, eidos_split_model **out, eidos_error **err);
    const char *(*split_model_name)(const eidos_split_model *model, size_t *len);
    const char *(*split_model_family)(const eidos_split_model *model, size_t *len);
    const char *(*split_model_products)(const eidos_split_model *model, size_t *len);
    size_t (*split_model_vocabulary_size)(const eidos_split_model *model);
    size_t (*split_model_max_positions)(const eidos_split_model *model);
    size_t (*split_model_weight_bytes)(const eidos_split_model *model);
    size_t (*split_model_module_count)(const eidos_split_model *model);
    const char *(*split_model_module_path)(const eidos_split_model *model, size_t index, size_t *len);
    const char *(*split_model_module_kind)(const eidos_split_model *model, size_t index, size_t *len);
    int32_t (*split_model_module_can_split)(const eidos_split_model *model, size_t index);
    size_t (*split_model_module_width)(const eidos_split_model *model, size_t index);
    double (*split_model_module_cost)(const eidos_split_model *model, size_t index);
    int32_t (*split_model_module_is_recommended)(const eidos_split_model *model, size_t index);
    size_t (*split_model_split_point_count)(const eidos_split_model *model);
    const char *(*split_model_split_point)(const eidos_split_model *model, size_t index, size_t *len);
    size_t (*split_model_width)(const eidos_split_model *model, size_t index);
    eidos_status (*split_model_retain)(const eidos_split_model *model, eidos_split_model **out, eidos_error **err);
    void (*split_model_free)(eidos_split_model *model);
    eidos_status (*inputs_options_init)(eidos_inputs_options *options, size_t size);
    eidos_status (*inputs_from_texts)(const eidos_split_model *model, const char *const *texts, const size_t *lengths, size_t text_count, const eidos_inputs_options *options, const eidos_control *control, eidos_inputs **out, eidos_error **err);
    eidos_status (*inputs_from_texts_handle)(const eidos_split_model *model, const eidos_texts *texts, const eidos_inputs_options *options, const eidos_control *control, eidos_inputs **out, eidos_error **err);
    eidos_status (*inputs_from_token_ids)(const eidos_split_model *model, const uint32_t *ids, size_t id_count, const size_t *lengths, size_t sequence_count, eidos_inputs **out, eidos_error **err);
    eidos_status (*inputs_from_vocabulary)(const eidos_split_model *model, eidos_inputs **out, eidos_error **err);
    size_t (*inputs_text_count)(const eidos_inputs *inputs);
    const char *(*inputs_text)(const eidos_inputs *inputs, size_t index, size_t *len);
    size_t (*inputs_token_count)(const eidos_inputs *inputs);
    eidos_status (*inputs_token_ids)(const eidos_inputs *inputs, size_t index, const uint32_t **ids, size_t *count, eidos_error **err);
    size_t (*inputs_truncated_count)(const eidos_inputs *inputs);
    eidos_status (*inputs_retain)(const eidos_inputs *inputs, eidos_inputs **out, eidos_error **err);
    void (*inputs_free)(eidos_inputs *inputs);
    eidos_status (*split_model_tokens)(const eidos_split_model *model, const char *text, size_t length, uint32_t *ids, uint32_t *begins, uint32_t *ends, size_t capacity, size_t *count, eidos_error **err);
    const char *(*split_model_token_string)(const eidos_split_model *model, uint32_t id, size_t *len);
    eidos_status (*activations_from_rows)(const float *rows, size_t row_count, size_t column_count, const char *const *unit_texts, size_t unit_text_count, eidos_activations **out, eidos_error **err);
    eidos_status (*activations_from_dlpack)(struct DLManagedTensorVersioned *tensor, const char *const *unit_texts, size_t unit_text_count, eidos_activations **out, eidos_error **err);
    eidos_status (*activations_to_dlpack)(const eidos_activations *activations, struct DLManagedTensorVersioned **out, eidos_error **err);
    size_t (*activations_row_count)(const eidos_activations *activations);
    size_t (*activations_column_count)(const eidos_activations *activations);
    size_t (*activations_truncated_count)(const eidos_activations *activations);
    size_t (*activations_left_out_by)(const eidos_activations *activations, uint32_t filter);
    const char *(*activations_filters)(const eidos_activations *activations, size_t *len);
    eidos_status (*activations_without_high_norms)(const eidos_activations *activations, double max_multiple, const eidos_control *control, eidos_activations **out, eidos_error **err);
    size_t (*activations_left_out_count)(const eidos_activations *activations);
    size_t (*activations_text_count)(const eidos_activations *activations);
    int32_t (*activations_is_on_disk)(const eidos_activations *activations);
    int32_t (*activations_is_on_device)(const eidos_activations *activations);
    uint32_t (*activations_granularity)(const eidos_activations *activations);
    uint32_t (*activations_word_rule)(const eidos_activations *activations);
    uint32_t (*activations_aggregation)(const eidos_activations *activations);
    const char *(*activations_model)(const eidos_activations *activations, size_t *len);
    const char *(*activations_split_point)(const eidos_activations *activations, size_t *len);
    eidos_status (*activations_rows)(const eidos_activations *activations, size_t first, size_t count, const float **out, eidos_error **err);
    eidos_status (*activations_run)(const eidos_activations *activations, size_t first, const float **rows, size_t *count, eidos_error **err);
    eidos_status (*activations_copy_rows)(const eidos_activations *activations, size_t first, size_t count, float *out, size_t out_len, eidos_error **err);
    const char *(*activations_unit)(const eidos_activations *activations, size_t row, size_t *len);
    eidos_status (*activations_unit_span)(const eidos_activations *activations, size_t row, size_t *text_index, size_t *begin, size_t *end, eidos_error **err);
    const char *(*activations_text)(const eidos_activations *activations, size_t index, size_t *len);
    eidos_status (*activations_save)(const eidos_activations *activations, const char *folder, const eidos_control *control, eidos_error **err);
    eidos_status (*activations_open)(const char *folder, eidos_activations **out, eidos_error **err);
    eidos_status (*activations_open_copy)(const char *folder, eidos_activations **out, eidos_error **err);
    eidos_status (*activations_retain)(const eidos_activations *activations, eidos_activations **out, eidos_error **err);
    void (*activations_free)(eidos_activations *activations);
    size_t (*explainer_concept_count)(const eidos_explainer *explainer);
    size_t (*explainer_input_width)(const eidos_explainer *explainer);
    const char *(*explainer_method)(const eidos_explainer *explainer, size_t *len);
    const char *(*explainer_model)(const eidos_explainer *explainer, size_t *len);
    const char *(*explainer_split_point)(const eidos_explainer *explainer, size_t *len);
    const char *(*explainer_options)(const eidos_explainer *explainer, size_t *len);
    int32_t (*explainer_converged)(const eidos_explainer *explainer);
    size_t (*explainer_step_count)(const eidos_explainer *explainer);
    size_t (*explainer_warning_count)(const eidos_explainer *explainer);
    const char *(*explainer_warning)(const eidos_explainer *explainer, size_t index, size_t *len);
    size_t (*explainer_measure_count)(const eidos_explainer *explainer);
    const char *(*explainer_measure_name)(const eidos_explainer *explainer, size_t index, size_t *len);
    const double *(*explainer_measure_values)(const eidos_explainer *explainer, size_t index, size_t *len);
    eidos_status (*explainer_encode)(const eidos_explainer *explainer, const float *rows, size_t row_count, size_t column_count, float *out, size_t out_len, eidos_error **err);
    eidos_status (*explainer_decode)(const eidos_explainer *explainer, const float *codes, size_t row_count, size_t concept_count, float *out, size_t out_len, eidos_error **err);
    const float *(*explainer_dictionary)(const eidos_explainer *explainer, size_t *len);
    eidos_status (*explainer_from_dictionary)(const float *dictionary, const float *encoder, const float *bias, const float *offset, size_t concept_count, size_t input_width, uint32_t rectified, eidos_explainer **out, eidos_error **err);
    eidos_status (*explainer_save)(const eidos_explainer *explainer, const char *path, eidos_error **err);
    eidos_status (*explainer_open)(const char *path, eidos_explainer **out, eidos_error **err);
    eidos_status (*explainer_calibrate)(const eidos_explainer *explainer, const eidos_activations *activations, const eidos_control *control, eidos_explainer **out, eidos_error **err);
    eidos_status (*explainer_moments)(const eidos_explainer *explainer, size_t concept_index, double *mean, double *deviation, eidos_error **err);
    eidos_status (*explainer_retain)(const eidos_explainer *explainer, eidos_explainer **out, eidos_error **err);
    void (*explainer_free)(eidos_explainer *explainer);
    eidos_status (*ica_options_init)(eidos_ica_options *options, size_t size);
    eidos_status (*ica_fit)(const eidos_activations *activations, const eidos_ica_options *options, const eidos_control *control, eidos_explainer **out, eidos_error **err);
    eidos_status (*pca_options_init)(eidos_pca_options *options, size_t size);
    eidos_status (*pca_fit)(const eidos_activations *activations, const eidos_pca_options *options, const eidos_control *control, eidos_explainer **out, eidos_error **err);
    eidos_status (*activations_spread)(const eidos_activations *activations, eidos_reduce_callback callback, void *user_data, eidos_destroy_callback destroy, eidos_activations **out, eidos_error **err);
    eidos_status (*interventions_new)(eidos_interventions **out, eidos_error **err);
    eidos_status (*interventions_replace_rows)(eidos_interventions *interventions, const char *module_path, const float *rows, size_t row_count, size_t column_count, eidos_error **err);
    eidos_status (*interventions_replace_activations)(eidos_interventions *interventions, const char *module_path, const eidos_activations *activations, eidos_error **err);
    eidos_status (*interventions_add_direction)(eidos_interventions *interventions, const char *module_path, const float *direction, size_t column_count, float scale, const size_t *tokens, size_t token_count, eidos_error **err);
    eidos_status (*interventions_ablate_concept)(eidos_interventions *interventions, const char *module_path, const eidos_explainer *explainer, size_t concept_index, const size_t *tokens, size_t token_count, eidos_error **err);
    eidos_status (*interventions_clamp_concept)(eidos_interventions *interventions, const char *module_path, const eidos_explainer *explainer, size_t concept_index, float value, const size_t *tokens, size_t token_count, eidos_error **err);
    size_t (*interventions_count)(const eidos_interventions *interventions);
    eidos_status (*interventions_retain)(const eidos_interventions *interventions, eidos_interventions **out, eidos_error **err);
    void (*interventions_free)(eidos_interventions *interventions);
    eidos_status (*activations_options_init)(eidos_activations_options *options, size_t size);
    eidos_status (*split_model_activations)(const eidos_split_model *model, const eidos_inputs *inputs, const eidos_interventions *interventions, const eidos_activations_options *options, const eidos_control *control, eidos_activations **out, size_t out_count, eidos_error **err);
    eidos_status (*split_model_stream_activations)(const eidos_split_model *model, eidos_text_callback callback, void *user_data, const eidos_interventions *interventions, const eidos_activations_options *options, const eidos_control *control, eidos_activations **out, size_t out_count, eidos_error **err);
    eidos_status (*split_model_estimate)(const eidos_split_model *model, const eidos_inputs *inputs, const eidos_activations_options *options, const eidos_control *control, eidos_estimate *out, size_t size, eidos_error **err);
    eidos_status (*logits_options_init)(eidos_logits_options *options, size_t size);
    eidos_status (*split_model_logits)(const eidos_split_model *model, const eidos_inputs *inputs, const eidos_interventions *interventions, const eidos_logits_options *options, const eidos_control *control, eidos_activations **out, eidos_error **err);
    size_t (*split_model_logit_count)(const eidos_split_model *model);
    const char *(*split_model_logit_name)(const eidos_split_model *model, size_t column, size_t *len);
    eidos_status (*top_inputs_options_init)(eidos_top_inputs_options *options, size_t size);
    eidos_status (*top_inputs_interpret)(const eidos_explainer *explainer, const eidos_activations *activations, const eidos_top_inputs_options *options, const eidos_control *control, eidos_interpretation **out, eidos_error **err);
    eidos_status (*top_inputs_interpret_inputs)(const eidos_explainer *explainer, const eidos_split_model *model, const eidos_inputs *inputs, const eidos_top_inputs_options *options, const eidos_activations_options *activations_options, const eidos_control *control, eidos_interpretation **out, eidos_error **err);
    size_t (*interpretation_concept_count)(const eidos_interpretation *interpretation);
    size_t (*interpretation_concept)(const eidos_interpretation *interpretation, size_t index);
    size_t (*interpretation_size)(const eidos_interpretation *interpretation, size_t index, uint32_t pole);
    const char *(*interpretation_input)(const eidos_interpretation *interpretation, size_t index, uint32_t pole, size_t rank, size_t *len);
    float (*interpretation_activation)(const eidos_interpretation *interpretation, size_t index, uint32_t pole, size_t rank);
    size_t (*interpretation_row)(const eidos_interpretation *interpretation, size_t index, uint32_t pole, size_t rank);
    const char *(*interpretation_json)(const eidos_interpretation *interpretation, size_t *len);
    eidos_status (*interpretation_save)(const eidos_interpretation *interpretation, const char *path, eidos_error **err);
    eidos_status (*interpretation_open)(const char *path, eidos_interpretation **out, eidos_error **err);
    eidos_status (*interpretation_retain)(const eidos_interpretation *interpretation, eidos_interpretation **out, eidos_error **err);
    void (*interpretation_free)(eidos_interpretation *interpretation);
    eidos_status (*explain_options_init)(eidos_explain_options *options, size_t size);
    eidos_status (*explain_inputs)(const eidos_explainer *explainer, const eidos_interpretation *interpretation, const eidos_split_model *model, const eidos_inputs *inputs, const eidos_explain_options *options, const eidos_control *control, eidos_explanation **out, eidos_error **err);
    eidos_status (*explain_activations)(const eidos_explainer *explainer, const eidos_interpretation *interpretation, const eidos_activations *activations, const eidos_explain_options *options, const eidos_control *control, eidos_explanation **out, eidos_error **err);
    size_t (*explanation_unit_count)(const eidos_explanation *explanation);
    const char *(*explanation_unit)(const eidos_explanation *explanation, size_t unit, size_t *len);
    eidos_status (*explanation_unit_span)(const eidos_explanation *explanation, size_t unit, size_t *text_index, size_t *begin, size_t *end, eidos_error **err);
    size_t (*explanation_text_count)(const eidos_explanation *explanation);
    const char *(*explanation_text)(const eidos_explanation *explanation, size_t index, size_t *len);
    size_t (*explanation_firing_count)(const eidos_explanation *explanation, size_t unit);
    eidos_status (*explanation_firing)(const eidos_explanation *explanation, size_t unit, size_t rank, eidos_firing *out, size_t size, eidos_error **err);
    const char *(*explanation_name)(const eidos_explanation *explanation, size_t concept_index, uint32_t pole, size_t *len);
    const char *(*explanation_json)(const eidos_explanation *explanation, size_t *len);
    eidos_status (*explanation_retain)(const eidos_explanation *explanation, eidos_explanation **out, eidos_error **err);
    void (*explanation_free)(eidos_explanation *explanation);
    eidos_status (*chat_options_init)(eidos_chat_options *options, size_t size);
    eidos_status (*chat_new)(const eidos_chat_options *options, eidos_chat **out, eidos_error **err);
    eidos_status (*chat_spent)(const eidos_chat *chat, eidos_chat_spending *out, size_t size, eidos_error **err);
    eidos_status (*chat_retain)(const eidos_chat *chat, eidos_chat **out, eidos_error **err);
    void (*chat_free)(eidos_chat *chat);
    eidos_status (*chat_from_callback)(eidos_chat_callback callback, void *user_data, eidos_destroy_callback destroy, const eidos_chat_options *options, eidos_chat **out, eidos_error **err);
    eidos_status (*chat_reply_set_text)(eidos_chat_reply *reply, const char *answer, size_t length, eidos_error **err);
    void (*chat_reply_set_usage)(eidos_chat_reply *reply, uint64_t prompt_tokens, uint64_t completion_tokens);
    eidos_status (*chat_reply_set_error)(eidos_chat_reply *reply, const char *message, eidos_error **err);
    eidos_status (*llm_labels_options_init)(eidos_llm_labels_options *options, size_t size);
    eidos_status (*llm_labels_interpret)(const eidos_explainer *explainer, const eidos_activations *activations, const eidos_chat *chat, const eidos_llm_labels_options *options, const eidos_control *control, eidos_interpretation **out, eidos_error **err);
    const char *(*interpretation_label)(const eidos_interpretation *interpretation, size_t index, uint32_t pole, size_t *len);
    double (*interpretation_label_score)(const eidos_interpretation *interpretation, size_t index, uint32_t pole);
    const char *(*interpretation_label_error)(const eidos_interpretation *interpretation, size_t index, uint32_t pole, size_t *len);
    eidos_status (*interpretation_label_status)(const eidos_interpretation *interpretation, size_t index, uint32_t pole);
    const char *(*interpretation_label_prompt)(const eidos_interpretation *interpretation, size_t index, uint32_t pole, size_t *len);
    eidos_status (*interpretation_label_usage)(const eidos_interpretation *interpretation, eidos_label_usage *out, size_t size, eidos_error **err);
    size_t (*debug_live_handles)(void);
    eidos_status (*published_options_init)(eidos_published_options *options, size_t size);
    eidos_status (*explainer_open_published)(const char *id_or_path, const eidos_published_options *options, const eidos_control *control, eidos_explainer **out, eidos_error **err);
    eidos_status (*explainer_save_as)(const eidos_explainer *explainer, const char *path, uint32_t format, eidos_error **err);
    eidos_status (*explainer_from_autoencoder)(const float *dictionary, const float *encoder, const float *bias, const float *offset, const float *thresholds, size_t concept_count, size_t input_width, uint32_t activation, size_t k, eidos_explainer **out, eidos_error **err);
    eidos_status (*metrics_options_init)(eidos_metrics_options *options, size_t size);
    eidos_status (*metrics_compare)(const eidos_explainer *const *explainers, const eidos_interpretation *const *interpretations, size_t count, const eidos_activations *activations, const eidos_metrics_options *options, const eidos_control *control, eidos_texts **out, eidos_error **err);
    eidos_status (*report_options_init)(eidos_report_options *options, size_t size);
    eidos_status (*report_html)(const eidos_explainer *explainer, const eidos_interpretation *interpretation, const eidos_activations *activations, const eidos_explanation *explanation, const eidos_report_options *options, const eidos_control *control, eidos_texts **out, eidos_error **err);
    eidos_status (*report_save)(const eidos_explainer *explainer, const eidos_interpretation *interpretation, const eidos_activations *activations, const eidos_explanation *explanation, const char *path, const eidos_report_options *options, const eidos_control *control, eidos_error **err);
    eidos_status (*report_map_svg)(const eidos_explainer *explainer, const eidos_interpretation *interpretation, const eidos_control *control, eidos_texts **out, eidos_error **err);
    eidos_status (*report_heat_map_svg)(const eidos_explainer *explainer, const eidos_interpretation *interpretation, const eidos_activations *activations, size_t text_index, size_t concept_count, const eidos_control *control, eidos_texts **out, eidos_error **err);
    eidos_status (*report_save_neuronpedia)(const eidos_explainer *explainer, const eidos_interpretation *interpretation, const eidos_activations *activations, const char *path, const eidos_report_options *options, const eidos_control *control, eidos_error **err);
    eidos_status (*report_save_codes_csv)(const eidos_explainer *explainer, const eidos_interpretation *interpretation, const eidos_activations *activations, const char *path, double least_deviations, const eidos_control *control, eidos_error **err);
    eidos_status (*interpretation_save_csv)(const eidos_interpretation *interpretation, const char *path, eidos_error **err);
    eidos_status (*svd_options_init)(eidos_svd_options *options, size_t size);
    eidos_status (*svd_fit)(const eidos_activations *activations, const eidos_svd_options *options, const eidos_control *control, eidos_explainer **out, eidos_error **err);
    eidos_status (*kmeans_options_init)(eidos_kmeans_options *options, size_t size);
    eidos_status (*kmeans_fit)(const eidos_activations *activations, const eidos_kmeans_options *options, const eidos_control *control, eidos_explainer **out, eidos_error **err);
    eidos_status (*neurons_options_init)(eidos_neurons_options *options, size_t size);
    eidos_status (*neurons_fit)(const eidos_activations *activations, const eidos_neurons_options *options, const eidos_control *control, eidos_explainer **out, eidos_error **err);
    eidos_status (*random_directions_options_init)(eidos_random_directions_options *options, size_t size);
    eidos_status (*random_directions_fit)(const eidos_activations *activations, const eidos_random_directions_options *options, const eidos_control *control, eidos_explainer **out, eidos_error **err);
    eidos_status (*nmf_options_init)(eidos_nmf_options *options, size_t size);
    eidos_status (*nmf_fit)(const eidos_activations *activations, const eidos_nmf_options *options, const eidos_control *control, eidos_explainer **out, eidos_error **err);
    eidos_status (*semi_nmf_options_init)(eidos_semi_nmf_options *options, size_t size);
    eidos_status (*semi_nmf_fit)(const eidos_activations *activations, const eidos_semi_nmf_options *options, const eidos_control *control, eidos_explainer **out, eidos_error **err);
    eidos_status (*dictionary_learning_options_init)(eidos_dictionary_learning_options *options, size_t size);
    eidos_status (*dictionary_learning_fit)(const eidos_activations *activations, const eidos_dictionary_learning_options *options, const eidos_control *control, eidos_explainer **out, eidos_error **err);
    eidos_status (*sparse_pca_options_init)(eidos_sparse_pca_options *options, size_t size);
    eidos_status (*sparse_pca_fit)(const eidos_activations *activations, const eidos_sparse_pca_options *options, const eidos_control *control, eidos_explainer **out, eidos_error **err);
    size_t (*explainer_output_width)(const eidos_explainer *explainer);
    eidos_status (*explainer_reconstruct)(const eidos_explainer *explainer, const float *rows, size_t row_count, size_t column_count, float *out, size_t out_len, eidos_error **err);
    eidos_status (*sae_options_init)(eidos_sae_options *options, size_t size);
    eidos_status (*sae_fit)(const eidos_activations *activations, const eidos_sae_options *options, const eidos_control *control, eidos_explainer **out, eidos_error **err);
    eidos_status (*sae_fit_transcoder)(const eidos_activations *inputs, const eidos_activations *outputs, const eidos_sae_options *options, const eidos_control *control, eidos_explainer **out, eidos_error **err);
    eidos_status (*interventions_reconstruct)(eidos_interventions *interventions, const char *module_path, const eidos_explainer *explainer, const size_t *tokens, size_t token_count, eidos_error **err);
    eidos_status (*encode_options_init)(eidos_encode_options *options, size_t size);
    eidos_status (*explainer_encode_activations)(const eidos_explainer *explainer, const eidos_activations *activations, const eidos_encode_options *options, const eidos_control *control, float *out, size_t out_len, eidos_error **err);
    eidos_status (*explainer_save_codes)(const eidos_explainer *explainer, const eidos_activations *activations, const char *path, const eidos_encode_options *options, const eidos_control *control, eidos_error **err);
    eidos_status (*explainer_save_interpreted)(const eidos_explainer *explainer, const eidos_interpretation *interpretation, const char *path, eidos_error **err);
    eidos_status (*explainer_open_interpreted)(const char *path, eidos_explainer **out, eidos_interpretation **interpretation, eidos_error **err);
    eidos_status (*interpretation_save_parquet)(const eidos_interpretation *interpretation, const char *path, eidos_error **err);
    eidos_status (*convex_nmf_options_init)(eidos_convex_nmf_options *options, size_t size);
    eidos_status (*convex_nmf_fit)(const eidos_activations *activations, const eidos_convex_nmf_options *options, const eidos_control *control, eidos_explainer **out, eidos_error **err);
    eidos_status (*explainer_encode_sparse)(const eidos_explainer *explainer, const eidos_activations *activations, const eidos_encode_options *options, const eidos_control *control, size_t *starts, uint32_t *concepts, float *values, size_t capacity, size_t *count, eidos_error **err);
    eidos_status (*metrics_compare_through_model)(const eidos_split_model *model, const eidos_inputs *inputs, const char *split_point, const eidos_explainer *const *explainers, size_t explainer_count, const uint32_t *labels, size_t label_count, const eidos_logits_options *options, const eidos_control *control, eidos_texts **out, eidos_error **err);
    eidos_status (*sae_fit_texts)(const eidos_split_model *model, const eidos_inputs *inputs, size_t split_point, const eidos_activations_options *activations_options, const eidos_sae_options *options, const eidos_control *control, eidos_explainer **out, eidos_error **err);
    eidos_status (*sae_fit_transcoder_texts)(const eidos_split_model *model, const eidos_inputs *inputs, size_t split_point, size_t output_split_point, const eidos_activations_options *activations_options, const eidos_sae_options *options, const eidos_control *control, eidos_explainer **out, eidos_error **err);
} eidos_api_table;

/* The table of a library, of which `symbol` is the address of eidos_api; NULL where that is NULL, or for another version of the ABI. */
static inline const eidos_api_table *eidos_api_from(void *symbol)
{
    const void *(*api)(uint32_t) = NULL;
    *(void **)&api = symbol;
    return (const eidos_api_table *)(api == NULL ? NULL : api(EIDOS_ABI_VERSION));
}

/* Whether a library has a function that was added within this version of the ABI: EIDOS_API_HAS(eidos, explain_inputs). */
#define EIDOS_API_HAS(table, member) \
    ((table)->size >= offsetof(eidos_api_table, member) + sizeof((table)->member))

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* EIDOS_API_H */
