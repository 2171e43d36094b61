/* The contract of the header, from the outside: NULL for each pointer, wrong handles, readers on many threads, cancelling,
 * tensors of other libraries, and not one handle left at the end. Exits with 0 when all of it holds. */
#define _POSIX_C_SOURCE 200809L
#include <eidos.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define VALGRIND_CLO_CHANGE(option)
#endif

static int failures = 0;
static int checks = 0;

#define CHECK(condition)                                                              \
    do {                                                                              \
        checks++;                                                                     \
        if (!(condition)) {                                                           \
            failures++;                                                               \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
        }                                                                             \
    } while (0)

/* A call must fail with a status, and its error must carry the same status and a message. */
#define CHECK_FAILS(expected, call)                                     \
    do {                                                                \
        eidos_error *err = NULL;                                        \
        eidos_status returned = (call);                                 \
        CHECK(returned == (expected));                                  \
        CHECK(err && eidos_error_status(err) == returned);              \
        CHECK(err && strlen(eidos_error_message(err, NULL)) > 0);       \
        eidos_error_free(err);                                          \
    } while (0)

static const char *TEXTS[] = {
    "a warm and funny film , with a great cast .",
    "the plot is dull and the jokes are worse",
    "An unforgettable score; the actors carry every scene.",
    "too long by half, but the ending is moving",
    "what a waste of two hours",
    "",
    "one of the best documentaries of the year!",
    "the sequel is bigger, louder and emptier",
    "She plays the mother with quiet strength.",
    "children will love the talking dog",
};
enum { TEXT_COUNT = sizeof TEXTS / sizeof *TEXTS, CONCEPTS = 4 };
/* A few of the texts, one of them empty, where the model runs often: it is slow under valgrind. */
enum { FIRST = 4, FEW = 3 };
/* A model that has the demo model's modules and tokenizer: a narrow one, where arithmetic is slow. */
static const char *MODEL = "eidos:demo";
static const char *SPLIT = "model.layers.2.mlp";

static eidos_split_model *model;
static eidos_inputs *inputs; /* of TEXTS */
static eidos_activations *activations;
static eidos_explainer *explainer;
static eidos_interpretation *meaning;

static void make_everything(void)
{
    eidos_error *error = NULL;
    eidos_ica_options ica;
    CHECK(eidos_ica_options_init(&ica, sizeof ica) == EIDOS_OK);
    ica.concept_count = CONCEPTS;
    CHECK(eidos_split_model_load(MODEL, &SPLIT, 1, NULL, NULL, &model, &error) == EIDOS_OK);
    CHECK(eidos_inputs_from_texts(model, TEXTS, NULL, TEXT_COUNT, NULL, NULL, &inputs, &error) == EIDOS_OK);
    CHECK(eidos_split_model_activations(model, inputs, NULL, NULL, NULL, &activations, 1, &error) == EIDOS_OK);
    CHECK(eidos_ica_fit(activations, &ica, NULL, &explainer, &error) == EIDOS_OK);
    CHECK(eidos_top_inputs_interpret(explainer, activations, NULL, NULL, &meaning, &error) == EIDOS_OK);
    if (error) {
        fprintf(stderr, "%s (%s)\n", eidos_error_message(error, NULL), eidos_error_hint(error, NULL));
        exit(1);
    }
}

static void free_everything(void)
{
    /* Parents first, children last: the order must not matter. */
    eidos_split_model_free(model);
    eidos_inputs_free(inputs);
    eidos_activations_free(activations);
    eidos_explainer_free(explainer);
    CHECK(strlen(eidos_interpretation_json(meaning, NULL)) > 0);
    eidos_interpretation_free(meaning);
}

static eidos_status answer_nothing(const eidos_chat_request *request, eidos_chat_reply *reply, void *user_data)
{
    (void)request, (void)reply, (void)user_data;
    return EIDOS_OK;
}

static eidos_status no_more(const char **text, size_t *length, void *user_data)
{
    (void)text, (void)length, (void)user_data;
    return EIDOS_OK;
}

static void null_is_an_error_for_each_pointer(void)
{
    eidos_explanation *no_explanation = NULL;
    eidos_firing firing;
    eidos_split_model *no_model = NULL;
    eidos_inputs *no_inputs = NULL;
    eidos_interventions *changes = NULL;
    eidos_activations *no_activations = NULL;
    eidos_explainer *no_explainer = NULL;
    eidos_interpretation *no_meaning = NULL;
    eidos_texts *no_texts = NULL;
    eidos_control *control = NULL;
    eidos_ica_options ica;
    eidos_chat *chat = NULL, *no_chat = NULL;
    eidos_chat_spending spent;
    eidos_label_usage usage;
    eidos_log_message told;
    eidos_progress progress;
    eidos_estimate estimate;
    float value = 0;
    const float *view = NULL;
    const char *const texts[] = {"a", NULL};
    const uint32_t id = 7, *ids = NULL;
    const size_t one = 1, huge[] = {(size_t)-1, 2}, two = 2;
    size_t size = 0;
    const eidos_status wrong = EIDOS_INVALID_ARGUMENT;

    CHECK_FAILS(wrong, eidos_split_model_load(NULL, NULL, 0, NULL, NULL, &no_model, &err));
    CHECK_FAILS(wrong, eidos_split_model_load(MODEL, NULL, 1, NULL, NULL, &no_model, &err));
    CHECK_FAILS(wrong, eidos_split_model_load(MODEL, NULL, 0, NULL, NULL, NULL, &err));
    CHECK_FAILS(wrong, eidos_inputs_from_texts(NULL, TEXTS, NULL, 1, NULL, NULL, &no_inputs, &err));
    CHECK_FAILS(wrong, eidos_inputs_from_texts(model, NULL, NULL, 1, NULL, NULL, &no_inputs, &err));
    CHECK_FAILS(wrong, eidos_inputs_from_texts(model, NULL, NULL, 0, NULL, NULL, &no_inputs, &err));
    CHECK_FAILS(wrong, eidos_inputs_from_texts(model, texts, NULL, 2, NULL, NULL, &no_inputs, &err));
    CHECK_FAILS(wrong, eidos_inputs_from_texts(model, texts, &huge[0], 1, NULL, NULL, &no_inputs, &err));
    CHECK_FAILS(wrong, eidos_inputs_from_texts(model, TEXTS, NULL, 1, NULL, NULL, NULL, &err));
    CHECK_FAILS(wrong, eidos_inputs_from_texts_handle(model, NULL, NULL, NULL, &no_inputs, &err));
    CHECK_FAILS(wrong, eidos_inputs_from_vocabulary(NULL, &no_inputs, &err));
    CHECK_FAILS(wrong, eidos_inputs_from_vocabulary(model, NULL, &err));
    CHECK_FAILS(wrong, eidos_inputs_token_ids(inputs, 0, NULL, &size, &err));
    CHECK_FAILS(wrong, eidos_inputs_token_ids(inputs, 0, &ids, NULL, &err));
    CHECK_FAILS(wrong, eidos_inputs_token_ids(inputs, TEXT_COUNT, &ids, &size, &err));
    CHECK_FAILS(wrong, eidos_inputs_token_ids(NULL, 0, &ids, &size, &err));
    CHECK_FAILS(wrong, eidos_split_model_activations(NULL, inputs, NULL, NULL, NULL, &no_activations, 1, &err));
    CHECK_FAILS(wrong, eidos_split_model_activations(model, NULL, NULL, NULL, NULL, &no_activations, 1, &err));
    CHECK_FAILS(wrong, eidos_split_model_activations(model, inputs, NULL, NULL, NULL, NULL, 1, &err));
    CHECK_FAILS(wrong, eidos_split_model_activations(model, inputs, NULL, NULL, NULL, &no_activations, 2, &err));
    CHECK_FAILS(wrong, eidos_split_model_estimate(NULL, inputs, NULL, NULL, &estimate, sizeof estimate, &err));
    CHECK_FAILS(wrong, eidos_split_model_estimate(model, NULL, NULL, NULL, &estimate, sizeof estimate, &err));
    CHECK_FAILS(wrong, eidos_split_model_estimate(model, inputs, NULL, NULL, NULL, sizeof estimate, &err));
    CHECK_FAILS(wrong, eidos_split_model_estimate(model, inputs, NULL, NULL, &estimate, 0, &err));
    CHECK_FAILS(wrong, eidos_split_model_stream_activations(NULL, no_more, NULL, NULL, NULL, NULL, &no_activations, 1, &err));
    CHECK_FAILS(wrong, eidos_split_model_stream_activations(model, NULL, NULL, NULL, NULL, NULL, &no_activations, 1, &err));
    CHECK_FAILS(wrong, eidos_split_model_stream_activations(model, no_more, NULL, NULL, NULL, NULL, NULL, 1, &err));
    CHECK_FAILS(wrong, eidos_split_model_stream_activations(model, no_more, NULL, NULL, NULL, NULL, &no_activations, 2, &err));
    CHECK_FAILS(wrong, eidos_split_model_stream_activations(model, no_more, NULL, NULL, NULL, NULL, &no_activations, 1, &err));
    CHECK_FAILS(wrong, eidos_split_model_logits(NULL, inputs, NULL, NULL, NULL, &no_activations, &err));
    CHECK_FAILS(wrong, eidos_split_model_logits(model, NULL, NULL, NULL, NULL, &no_activations, &err));
    CHECK_FAILS(wrong, eidos_split_model_logits(model, inputs, NULL, NULL, NULL, NULL, &err));
    CHECK_FAILS(wrong, eidos_split_model_logits(model, inputs, NULL, NULL, NULL, &no_activations, &err)); /* not whole */
    CHECK_FAILS(wrong, eidos_interventions_new(NULL, &err));
    CHECK(eidos_interventions_new(&changes, NULL) == EIDOS_OK);
    CHECK_FAILS(wrong, eidos_interventions_replace_rows(NULL, SPLIT, &value, 1, 1, &err));
    CHECK_FAILS(wrong, eidos_interventions_replace_rows(changes, NULL, &value, 1, 1, &err));
    CHECK_FAILS(wrong, eidos_interventions_replace_rows(changes, SPLIT, NULL, 1, 1, &err));
    CHECK_FAILS(wrong, eidos_interventions_replace_rows(changes, SPLIT, &value, (size_t)-1, 2, &err));
    CHECK_FAILS(wrong, eidos_interventions_replace_activations(NULL, SPLIT, activations, &err));
    CHECK_FAILS(wrong, eidos_interventions_replace_activations(changes, NULL, activations, &err));
    CHECK_FAILS(wrong, eidos_interventions_replace_activations(changes, SPLIT, NULL, &err));
    CHECK_FAILS(wrong, eidos_interventions_add_direction(NULL, SPLIT, &value, 1, 1, NULL, 0, &err));
    CHECK_FAILS(wrong, eidos_interventions_add_direction(changes, NULL, &value, 1, 1, NULL, 0, &err));
    CHECK_FAILS(wrong, eidos_interventions_add_direction(changes, SPLIT, NULL, 1, 1, NULL, 0, &err));
    CHECK_FAILS(wrong, eidos_interventions_add_direction(changes, SPLIT, &value, 0, 1, NULL, 0, &err));
    CHECK_FAILS(wrong, eidos_interventions_add_direction(changes, SPLIT, &value, 1, 1, NULL, 1, &err));
    CHECK_FAILS(EIDOS_INVALID_DATA, eidos_interventions_add_direction(changes, SPLIT, &value, 1, NAN, NULL, 0, &err));
    CHECK_FAILS(wrong, eidos_interventions_ablate_concept(NULL, SPLIT, explainer, 0, NULL, 0, &err));
    CHECK_FAILS(wrong, eidos_interventions_ablate_concept(changes, NULL, explainer, 0, NULL, 0, &err));
    CHECK_FAILS(wrong, eidos_interventions_ablate_concept(changes, SPLIT, NULL, 0, NULL, 0, &err));
    CHECK_FAILS(wrong, eidos_interventions_ablate_concept(changes, SPLIT, explainer, CONCEPTS, NULL, 0, &err));
    CHECK_FAILS(wrong, eidos_interventions_clamp_concept(changes, SPLIT, NULL, 0, 1, NULL, 0, &err));
    CHECK_FAILS(wrong, eidos_interventions_clamp_concept(changes, SPLIT, explainer, (size_t)-1, 1, NULL, 0, &err));
    CHECK_FAILS(EIDOS_INVALID_DATA, eidos_interventions_clamp_concept(changes, SPLIT, explainer, 0, INFINITY, NULL, 0, &err));
    CHECK(eidos_interventions_count(changes) == 0 && eidos_interventions_count(NULL) == 0);
    eidos_interventions_free(changes);
    CHECK_FAILS(wrong, eidos_split_model_tokens(NULL, "a", 1, NULL, NULL, NULL, 0, &size, &err));
    CHECK_FAILS(wrong, eidos_split_model_tokens(model, NULL, 1, NULL, NULL, NULL, 0, &size, &err));
    CHECK_FAILS(wrong, eidos_split_model_tokens(model, "caf\xe9", 4, NULL, NULL, NULL, 0, &size, &err));
    CHECK_FAILS(wrong, eidos_split_model_tokens(model, "a", 1, NULL, NULL, NULL, 0, NULL, &err));
    CHECK_FAILS(wrong, eidos_inputs_from_token_ids(NULL, &id, 1, &one, 1, &no_inputs, &err));
    CHECK_FAILS(wrong, eidos_inputs_from_token_ids(model, NULL, 1, &one, 1, &no_inputs, &err));
    CHECK_FAILS(wrong, eidos_inputs_from_token_ids(model, &id, 1, NULL, 1, &no_inputs, &err));
    CHECK_FAILS(wrong, eidos_inputs_from_token_ids(model, &id, 1, &one, 0, &no_inputs, &err));
    CHECK_FAILS(wrong, eidos_inputs_from_token_ids(model, &id, 0, NULL, 0, &no_inputs, &err));
    CHECK_FAILS(wrong, eidos_inputs_from_token_ids(model, &id, 1, &one, 1, NULL, &err));
    CHECK_FAILS(wrong, eidos_inputs_from_token_ids(model, &id, 1, huge, 2, &no_inputs, &err));
    CHECK_FAILS(wrong, eidos_inputs_from_token_ids(model, &id, 1, &two, 1, &no_inputs, &err));
    CHECK_FAILS(wrong, eidos_activations_from_rows(NULL, 2, 2, NULL, 0, &no_activations, &err));
    CHECK_FAILS(wrong, eidos_activations_from_rows(&value, 1, 0, NULL, 0, &no_activations, &err));
    CHECK_FAILS(wrong, eidos_activations_from_rows(&value, (size_t)-1, (size_t)-1, NULL, 0, &no_activations, &err));
    CHECK_FAILS(wrong, eidos_activations_from_rows(&value, 1, 1, NULL, 0, NULL, &err));
    CHECK_FAILS(wrong, eidos_activations_from_rows(&value, 1, 1, NULL, 1, &no_activations, &err));
    CHECK_FAILS(wrong, eidos_activations_from_rows(&value, 1, 1, texts, 2, &no_activations, &err));
    CHECK_FAILS(wrong, eidos_activations_from_dlpack(NULL, NULL, 0, &no_activations, &err));
    CHECK_FAILS(wrong, eidos_activations_to_dlpack(NULL, NULL, &err));
    CHECK_FAILS(wrong, eidos_activations_to_dlpack(activations, NULL, &err));
    CHECK_FAILS(wrong, eidos_activations_rows(NULL, 0, 1, &view, &err));
    CHECK_FAILS(wrong, eidos_activations_rows(activations, 0, 1, NULL, &err));
    CHECK_FAILS(wrong, eidos_activations_rows(activations, (size_t)-1, 2, &view, &err));
    CHECK_FAILS(wrong, eidos_activations_run(NULL, 0, &view, &size, &err));
    CHECK_FAILS(wrong, eidos_activations_run(activations, 0, NULL, &size, &err));
    CHECK_FAILS(wrong, eidos_activations_run(activations, 0, &view, NULL, &err));
    CHECK_FAILS(wrong, eidos_activations_run(activations, eidos_activations_row_count(activations), &view, &size, &err));
    CHECK_FAILS(wrong, eidos_activations_run(activations, (size_t)-1, &view, &size, &err));
    CHECK_FAILS(wrong, eidos_activations_copy_rows(NULL, 0, 1, &value, 1, &err));
    CHECK_FAILS(wrong, eidos_activations_copy_rows(activations, 0, 1, NULL, 1, &err));
    CHECK_FAILS(wrong, eidos_activations_copy_rows(activations, 0, 1, &value, 1, &err));
    CHECK_FAILS(wrong, eidos_activations_unit_span(NULL, 0, NULL, NULL, NULL, &err));
    CHECK_FAILS(wrong, eidos_activations_unit_span(activations, (size_t)-1, NULL, NULL, NULL, &err));
    CHECK_FAILS(wrong, eidos_activations_save(NULL, "x", NULL, &err));
    CHECK_FAILS(wrong, eidos_activations_save(activations, NULL, NULL, &err));
    CHECK_FAILS(wrong, eidos_activations_open(NULL, &no_activations, &err));
    CHECK_FAILS(wrong, eidos_activations_open("x", NULL, &err));
    CHECK_FAILS(wrong, eidos_activations_open_copy(NULL, &no_activations, &err));
    CHECK_FAILS(wrong, eidos_activations_open_copy("x", NULL, &err));
    CHECK_FAILS(wrong, eidos_activations_open_copy("", &no_activations, &err));
    CHECK_FAILS(wrong, eidos_activations_open("", &no_activations, &err));
    CHECK_FAILS(wrong, eidos_ica_fit(activations, NULL, NULL, &no_explainer, &err)); /* the default has no concept count */
    CHECK(eidos_ica_options_init(&ica, sizeof ica) == EIDOS_OK);
    ica.concept_count = 2;
    CHECK_FAILS(wrong, eidos_ica_fit(NULL, &ica, NULL, &no_explainer, &err));
    CHECK_FAILS(wrong, eidos_ica_fit(activations, &ica, NULL, NULL, &err));
    ica.struct_size = 0;
    CHECK_FAILS(wrong, eidos_ica_fit(activations, &ica, NULL, &no_explainer, &err));
    CHECK_FAILS(wrong, eidos_explainer_encode(NULL, &value, 1, 1, &value, 1, &err));
    CHECK_FAILS(EIDOS_MISMATCH, eidos_explainer_encode(explainer, &value, 1, 1, &value, 1, &err));
    CHECK_FAILS(wrong, eidos_explainer_encode(explainer, NULL, 1, eidos_explainer_input_width(explainer), &value, 1, &err));
    CHECK_FAILS(wrong, eidos_explainer_decode(NULL, &value, 1, 1, &value, 1, &err));
    CHECK_FAILS(wrong, eidos_explainer_decode(explainer, NULL, 1, CONCEPTS, &value, 1, &err));
    CHECK_FAILS(wrong, eidos_explainer_save(NULL, "x", &err));
    CHECK_FAILS(wrong, eidos_explainer_save(explainer, NULL, &err));
    CHECK_FAILS(wrong, eidos_explainer_open(NULL, &no_explainer, &err));
    CHECK_FAILS(wrong, eidos_explainer_open("x", NULL, &err));
    CHECK_FAILS(wrong, eidos_top_inputs_interpret(NULL, activations, NULL, NULL, &no_meaning, &err));
    CHECK_FAILS(wrong, eidos_top_inputs_interpret(explainer, NULL, NULL, NULL, &no_meaning, &err));
    CHECK_FAILS(wrong, eidos_top_inputs_interpret(explainer, activations, NULL, NULL, NULL, &err));
    CHECK_FAILS(wrong, eidos_top_inputs_interpret_inputs(NULL, model, inputs, NULL, NULL, NULL, &no_meaning, &err));
    CHECK_FAILS(wrong, eidos_top_inputs_interpret_inputs(explainer, NULL, inputs, NULL, NULL, NULL, &no_meaning, &err));
    CHECK_FAILS(wrong, eidos_top_inputs_interpret_inputs(explainer, model, NULL, NULL, NULL, NULL, &no_meaning, &err));
    CHECK_FAILS(wrong, eidos_top_inputs_interpret_inputs(explainer, model, inputs, NULL, NULL, NULL, NULL, &err));
    CHECK_FAILS(wrong, eidos_chat_new(NULL, &no_chat, &err)); /* a server, but no model named */
    CHECK_FAILS(wrong, eidos_chat_new(NULL, NULL, &err));
    CHECK_FAILS(wrong, eidos_chat_from_callback(NULL, NULL, NULL, NULL, &no_chat, &err));
    CHECK_FAILS(wrong, eidos_chat_from_callback(answer_nothing, NULL, NULL, NULL, NULL, &err));
    CHECK(eidos_chat_from_callback(answer_nothing, NULL, NULL, NULL, &chat, NULL) == EIDOS_OK);
    CHECK_FAILS(wrong, eidos_llm_labels_interpret(NULL, activations, chat, NULL, NULL, &no_meaning, &err));
    CHECK_FAILS(wrong, eidos_llm_labels_interpret(explainer, NULL, chat, NULL, NULL, &no_meaning, &err));
    CHECK_FAILS(wrong, eidos_llm_labels_interpret(explainer, activations, NULL, NULL, NULL, &no_meaning, &err));
    CHECK_FAILS(wrong, eidos_llm_labels_interpret(explainer, activations, chat, NULL, NULL, NULL, &err));
    CHECK_FAILS(wrong, eidos_chat_spent(NULL, &spent, sizeof spent, &err));
    CHECK_FAILS(wrong, eidos_chat_spent(chat, NULL, sizeof spent, &err));
    CHECK_FAILS(wrong, eidos_chat_spent(chat, &spent, 0, &err));
    CHECK_FAILS(wrong, eidos_chat_retain(NULL, &no_chat, &err));
    CHECK_FAILS(wrong, eidos_chat_retain(chat, NULL, &err));
    eidos_chat_free(chat);
    eidos_chat_free(NULL);
    CHECK_FAILS(wrong, eidos_chat_reply_set_text(NULL, "x", 1, &err));
    CHECK_FAILS(wrong, eidos_chat_reply_set_error(NULL, "x", &err));
    eidos_chat_reply_set_usage(NULL, 1, 1);
    CHECK_FAILS(wrong, eidos_interpretation_label_usage(NULL, &usage, sizeof usage, &err));
    CHECK_FAILS(wrong, eidos_interpretation_label_usage(meaning, NULL, sizeof usage, &err));
    CHECK_FAILS(wrong, eidos_interpretation_label_usage(meaning, &usage, 3, &err));
    CHECK_FAILS(wrong, eidos_interpretation_save(NULL, "x", &err));
    CHECK_FAILS(wrong, eidos_interpretation_save(meaning, NULL, &err));
    CHECK_FAILS(wrong, eidos_interpretation_open(NULL, &no_meaning, &err));
    CHECK_FAILS(wrong, eidos_interpretation_open("x", NULL, &err));
    CHECK_FAILS(wrong, eidos_interpretation_save_csv(NULL, "x", &err));
    CHECK_FAILS(wrong, eidos_interpretation_save_csv(meaning, NULL, &err));
    CHECK_FAILS(wrong, eidos_report_html(NULL, meaning, activations, NULL, NULL, NULL, &no_texts, &err));
    CHECK_FAILS(wrong, eidos_report_html(explainer, meaning, activations, NULL, NULL, NULL, NULL, &err));
    CHECK_FAILS(wrong, eidos_report_save(explainer, meaning, activations, NULL, NULL, NULL, NULL, &err));
    CHECK_FAILS(wrong, eidos_report_map_svg(NULL, meaning, NULL, &no_texts, &err));
    CHECK_FAILS(wrong, eidos_report_map_svg(explainer, meaning, NULL, NULL, &err));
    CHECK_FAILS(wrong, eidos_report_heat_map_svg(explainer, meaning, NULL, 0, 1, NULL, &no_texts, &err));
    CHECK_FAILS(wrong, eidos_report_heat_map_svg(explainer, meaning, activations, (size_t)-1, 1, NULL, &no_texts, &err));
    CHECK_FAILS(wrong, eidos_report_save_neuronpedia(explainer, meaning, NULL, "x", NULL, NULL, &err));
    CHECK_FAILS(wrong, eidos_report_save_codes_csv(explainer, meaning, activations, "x", NAN, NULL, &err));
    CHECK_FAILS(wrong, eidos_report_save_codes_csv(explainer, meaning, activations, NULL, 0, NULL, &err));
    CHECK(eidos_report_options_init(NULL, 8) == wrong);
    CHECK_FAILS(wrong, eidos_control_new(NULL, &err));
    CHECK_FAILS(wrong, eidos_control_progress(NULL, &progress, sizeof progress, &err));
    CHECK_FAILS(wrong, eidos_control_set_callback(NULL, NULL, NULL, &err));
    CHECK_FAILS(wrong, eidos_control_set_log_callback(NULL, EIDOS_LOG_INFO, NULL, NULL, &err));
    CHECK_FAILS(wrong, eidos_control_keep_log(NULL, EIDOS_LOG_INFO, &err));
    CHECK_FAILS(wrong, eidos_control_log(NULL, 0, &told, sizeof told, &err));
    CHECK(eidos_control_new(&control, NULL) == EIDOS_OK);
    CHECK_FAILS(wrong, eidos_control_progress(control, NULL, sizeof progress, &err));
    CHECK_FAILS(wrong, eidos_control_progress(control, &progress, (size_t)1 << 40, &err));
    CHECK_FAILS(wrong, eidos_control_set_log_callback(control, 0, NULL, NULL, &err));
    CHECK_FAILS(wrong, eidos_control_keep_log(control, 4, &err));
    CHECK_FAILS(wrong, eidos_control_log(control, 0, &told, sizeof told, &err));
    CHECK(eidos_control_log_count(control) == 0 && eidos_control_log_count(NULL) == 0);
    eidos_control_free(control);
    CHECK(eidos_load_options_init(NULL, 8) == wrong);
    CHECK(eidos_activations_options_init(NULL, 8) == wrong);
    CHECK(eidos_logits_options_init(NULL, 8) == wrong);
    CHECK(eidos_ica_options_init(&ica, 0) == wrong);
    CHECK(eidos_top_inputs_options_init(NULL, 8) == wrong);
    CHECK(eidos_explain_options_init(NULL, 8) == wrong);
    CHECK_FAILS(wrong, eidos_explain_inputs(NULL, NULL, model, inputs, NULL, NULL, &no_explanation, &err));
    CHECK_FAILS(wrong, eidos_explain_inputs(explainer, NULL, NULL, inputs, NULL, NULL, &no_explanation, &err));
    CHECK_FAILS(wrong, eidos_explain_inputs(explainer, NULL, model, NULL, NULL, NULL, &no_explanation, &err));
    CHECK_FAILS(wrong, eidos_explain_inputs(explainer, NULL, model, inputs, NULL, NULL, NULL, &err));
    CHECK_FAILS(wrong, eidos_explain_activations(NULL, NULL, activations, NULL, NULL, &no_explanation, &err));
    CHECK_FAILS(wrong, eidos_explain_activations(explainer, NULL, NULL, NULL, NULL, &no_explanation, &err));
    CHECK_FAILS(wrong, eidos_explain_activations(explainer, NULL, activations, NULL, NULL, NULL, &err));
    CHECK_FAILS(wrong, eidos_explanation_unit_span(NULL, 0, NULL, NULL, NULL, &err));
    CHECK_FAILS(wrong, eidos_explanation_firing(NULL, 0, 0, &firing, sizeof firing, &err));
    CHECK_FAILS(wrong, eidos_explanation_retain(NULL, &no_explanation, &err));
    CHECK_FAILS(wrong, eidos_explainer_calibrate(NULL, activations, NULL, &no_explainer, &err));
    CHECK_FAILS(wrong, eidos_explainer_calibrate(explainer, NULL, NULL, &no_explainer, &err));
    CHECK_FAILS(wrong, eidos_explainer_calibrate(explainer, activations, NULL, NULL, &err));
    CHECK_FAILS(wrong, eidos_explainer_moments(NULL, 0, NULL, NULL, &err));
    CHECK(!no_explanation);
    CHECK(eidos_chat_options_init(NULL, 8) == wrong);
    CHECK(eidos_llm_labels_options_init(NULL, 8) == wrong);

    /* Calls without a status answer NULL or 0, and freeing NULL does nothing. */
    CHECK(!eidos_split_model_name(NULL, NULL) && !eidos_split_model_module_path(NULL, 0, NULL));
    CHECK(!eidos_split_model_module_kind(NULL, 0, NULL) && !eidos_split_model_split_point(NULL, 0, NULL));
    CHECK(eidos_split_model_module_count(NULL) == 0 && eidos_split_model_module_can_split(NULL, 0) == 0);
    CHECK(eidos_split_model_module_width(NULL, 0) == 0 && eidos_split_model_module_cost(NULL, 0) <= 0);
    CHECK(eidos_split_model_module_is_recommended(NULL, 0) == 0);
    CHECK(eidos_activations_left_out_by(NULL, EIDOS_FILTER_HIGH_NORM) == 0 && !eidos_activations_filters(NULL, NULL));
    CHECK(eidos_explainer_warning_count(NULL) == 0 && !eidos_explainer_warning(NULL, 0, NULL));
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_activations_without_high_norms(NULL, 10, NULL, &no_activations, &err));
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_activations_without_high_norms(activations, 10, NULL, NULL, &err));
    CHECK(!eidos_split_model_products(NULL, NULL));
    CHECK(!eidos_split_model_family(NULL, NULL) && eidos_split_model_vocabulary_size(NULL) == 0);
    CHECK(eidos_split_model_max_positions(NULL) == 0 && eidos_split_model_weight_bytes(NULL) == 0);
    CHECK(eidos_split_model_split_point_count(NULL) == 0 && eidos_split_model_width(NULL, 0) == 0);
    CHECK(eidos_split_model_logit_count(NULL) == 0 && !eidos_split_model_logit_name(NULL, 0, NULL));
    CHECK(!eidos_split_model_token_string(NULL, 0, NULL));
    CHECK(eidos_activations_row_count(NULL) == 0 && eidos_activations_column_count(NULL) == 0);
    CHECK(eidos_activations_truncated_count(NULL) == 0 && eidos_activations_text_count(NULL) == 0);
    CHECK(eidos_activations_is_on_disk(NULL) == 0 && eidos_activations_granularity(NULL) == 0);
    CHECK(eidos_activations_aggregation(NULL) == 0 && !eidos_activations_unit(NULL, 0, NULL));
    CHECK(!eidos_activations_text(NULL, 0, NULL) && !eidos_activations_model(NULL, NULL));
    CHECK(!eidos_activations_split_point(NULL, NULL) && !eidos_explainer_dictionary(NULL, NULL));
    CHECK(eidos_explainer_concept_count(NULL) == 0 && eidos_explainer_input_width(NULL) == 0);
    CHECK(eidos_explainer_converged(NULL) == 0 && eidos_explainer_step_count(NULL) == 0);
    CHECK(!eidos_explainer_options(NULL, &size) && size == 0);
    CHECK(!eidos_explainer_method(NULL, NULL) && !eidos_explainer_model(NULL, NULL));
    CHECK(!eidos_explainer_split_point(NULL, NULL) && eidos_interpretation_concept_count(NULL) == 0);
    CHECK(eidos_explanation_unit_count(NULL) == 0 && !eidos_explanation_unit(NULL, 0, NULL));
    CHECK(eidos_explanation_text_count(NULL) == 0 && !eidos_explanation_text(NULL, 0, NULL));
    CHECK(eidos_explanation_firing_count(NULL, 0) == 0 && !eidos_explanation_name(NULL, 0, 0, NULL));
    CHECK(!eidos_explanation_json(NULL, NULL));
    CHECK(eidos_interpretation_size(NULL, 0, 0) == 0 && !eidos_interpretation_input(NULL, 0, 0, 0, NULL));
    CHECK(isnan(eidos_interpretation_activation(NULL, 0, 0, 0)) && isnan(eidos_interpretation_activation(meaning, 0, 0, 99)));
    CHECK(eidos_interpretation_row(meaning, 0, 0, 99) == SIZE_MAX && eidos_interpretation_concept(meaning, 99) == SIZE_MAX);
    CHECK( !eidos_interpretation_json(NULL, NULL));
    CHECK(eidos_interpretation_concept(NULL, 0) == (size_t)-1 && eidos_interpretation_row(NULL, 0, 0, 0) == (size_t)-1);
    CHECK(!eidos_interpretation_label(NULL, 0, 0, NULL) && !eidos_interpretation_label_error(NULL, 0, 0, NULL));
    CHECK(!eidos_interpretation_label_prompt(NULL, 0, 0, NULL) && isnan(eidos_interpretation_label_score(NULL, 0, 0)));
    CHECK(eidos_interpretation_label_status(NULL, 0, 0) == EIDOS_INVALID_ARGUMENT);
    CHECK(!eidos_error_message(NULL, NULL) && !eidos_error_hint(NULL, NULL) && eidos_error_detail_count(NULL) == 0);
    CHECK(!eidos_error_detail_key(NULL, 0, NULL) && !eidos_error_detail_value(NULL, 0, NULL));
    CHECK(eidos_error_status(NULL) == EIDOS_INVALID_HANDLE && eidos_control_is_cancelled(NULL) == 0);
    eidos_control_cancel(NULL);
    eidos_error_free(NULL);
    eidos_control_free(NULL);
    eidos_split_model_free(NULL);
    eidos_activations_free(NULL);
    eidos_explainer_free(NULL);
    eidos_interpretation_free(NULL);
    eidos_explanation_free(NULL);

    /* The error may be NULL too, and outputs are untouched on failure. */
    CHECK(eidos_split_model_load(NULL, NULL, 0, NULL, NULL, &no_model, NULL) == wrong);
    CHECK(!no_model && !no_activations && !no_explainer && !no_meaning && !view);
}

/* The logits when the rows of a module are others: a caller's own, or activations. */
static eidos_status logits_under(const eidos_split_model *whole, const eidos_inputs *read, const char *path, const float *rows,
                                 size_t row_count, size_t column_count, const eidos_activations *found,
                                 eidos_activations **out)
{
    eidos_interventions *changes = NULL;
    eidos_error *error = NULL;
    eidos_status status;
    CHECK(eidos_interventions_new(&changes, &error) == EIDOS_OK);
    CHECK((found ? eidos_interventions_replace_activations(changes, path, found, &error)
                 : eidos_interventions_replace_rows(changes, path, rows, row_count, column_count, &error)) == EIDOS_OK);
    status = eidos_split_model_logits(whole, read, changes, NULL, NULL, out, &error);
    CHECK((status == EIDOS_OK) == !error);
    eidos_error_free(error);
    eidos_interventions_free(changes);
    return status;
}

/* A direction, then a concept, at two modules: the rows in between are those that the first one leads to. */
static void several_interventions_follow_one_another(const eidos_split_model *whole, const eidos_inputs *few,
                                                     const eidos_activations *rows, const float *before, size_t bytes)
{
    const size_t width = eidos_activations_column_count(rows), count = eidos_activations_row_count(rows), tokens[] = {1, 4};
    const float *direction = eidos_explainer_dictionary(explainer, NULL), *found = NULL, *other = NULL;
    eidos_interventions *first = NULL, *both = NULL, *shared = NULL;
    eidos_activations *under = NULL, *logits = NULL, *plain = NULL, *again = NULL;
    eidos_activations_options all;
    eidos_error *error = NULL;

    CHECK(eidos_activations_options_init(&all, sizeof all) == EIDOS_OK);
    all.granularity = EIDOS_GRANULARITY_ALL_TOKENS;
    CHECK(eidos_interventions_new(&both, &error) == EIDOS_OK && eidos_interventions_new(&first, &error) == EIDOS_OK);
    CHECK(eidos_interventions_add_direction(first, "model.layers.1", direction, width, 3, tokens, 2, &error) == EIDOS_OK);
    CHECK(eidos_interventions_add_direction(both, "1", direction, width, 3, tokens, 2, &error) == EIDOS_OK);
    CHECK(eidos_interventions_retain(both, &shared, &error) == EIDOS_OK);
    CHECK(eidos_interventions_clamp_concept(shared, SPLIT, explainer, 1, 2, NULL, 0, &error) == EIDOS_OK);
    CHECK(eidos_interventions_ablate_concept(shared, SPLIT, explainer, 0, NULL, 0, &error) == EIDOS_OK);
    CHECK(eidos_interventions_count(both) == 3);
    eidos_interventions_free(both);

    CHECK(eidos_split_model_activations(whole, few, first, &all, NULL, &under, 1, &error) == EIDOS_OK);
    CHECK(eidos_activations_rows(under, 0, count, &found, &error) == EIDOS_OK);
    CHECK(eidos_activations_rows(rows, 0, count, &other, &error) == EIDOS_OK && memcmp(found, other, count * width * sizeof *found));
    CHECK(eidos_interventions_replace_activations(first, SPLIT, under, &error) == EIDOS_OK);
    CHECK(eidos_interventions_clamp_concept(first, SPLIT, explainer, 1, 2, NULL, 0, &error) == EIDOS_OK);
    CHECK(eidos_interventions_ablate_concept(first, SPLIT, explainer, 0, NULL, 0, &error) == EIDOS_OK);
    CHECK(eidos_split_model_logits(whole, few, first, NULL, NULL, &plain, &error) == EIDOS_OK);
    CHECK(eidos_split_model_logits(whole, few, shared, NULL, NULL, &logits, &error) == EIDOS_OK);
    CHECK(eidos_activations_rows(plain, 0, count, &found, &error) == EIDOS_OK && memcmp(found, before, bytes));
    CHECK(eidos_activations_rows(logits, 0, count, &other, &error) == EIDOS_OK && !memcmp(found, other, bytes));

    CHECK(eidos_interventions_ablate_concept(shared, "model.layers.9", explainer, 0, NULL, 0, &error) == EIDOS_OK);
    CHECK_FAILS(EIDOS_UNKNOWN_MODULE, eidos_split_model_logits(whole, few, shared, NULL, NULL, &again, &err));
    CHECK_FAILS(EIDOS_UNKNOWN_MODULE, eidos_split_model_activations(whole, few, shared, &all, NULL, &again, 1, &err));
    CHECK(!error && !again);
    eidos_interventions_free(first);
    eidos_interventions_free(shared);
    eidos_activations_free(under);
    eidos_activations_free(plain);
    eidos_activations_free(logits);
}

/* With the rows that the model gave, the logits are the same bits; with others, they are others. */
static void logits_go_on_from_rows(void)
{
    eidos_inputs *few = NULL, *fewer = NULL;
    eidos_split_model *whole = NULL;
    eidos_activations *rows = NULL, *own = NULL, *logits = NULL, *again = NULL, *changed = NULL, *nothing = NULL;
    eidos_load_options load;
    eidos_activations_options all;
    eidos_error *error = NULL;
    const float *before = NULL, *after = NULL;
    float *copy;
    size_t count, width, bytes, begin = 0, text = 0;

    CHECK(eidos_load_options_init(&load, sizeof load) == EIDOS_OK && load.whole == 0);
    load.whole = 1;
    CHECK(eidos_split_model_load(MODEL, &SPLIT, 1, &load, NULL, &whole, &error) == EIDOS_OK);
    CHECK(eidos_inputs_from_texts(whole, TEXTS + FIRST, NULL, FEW, NULL, NULL, &few, &error) == EIDOS_OK);
    CHECK(eidos_activations_options_init(&all, sizeof all) == EIDOS_OK);
    all.granularity = EIDOS_GRANULARITY_ALL_TOKENS;
    CHECK(eidos_split_model_activations(whole, few, NULL, &all, NULL, &rows, 1, &error) == EIDOS_OK);
    CHECK(eidos_split_model_logits(whole, few, NULL, NULL, NULL, &logits, &error) == EIDOS_OK);
    count = eidos_activations_row_count(rows);
    width = eidos_activations_column_count(rows);
    CHECK(eidos_activations_row_count(logits) == count);
    CHECK(eidos_activations_column_count(logits) == eidos_split_model_logit_count(whole));
    CHECK(eidos_activations_granularity(logits) == EIDOS_GRANULARITY_ALL_TOKENS);
    CHECK(eidos_activations_unit_span(logits, count - 1, &text, &begin, NULL, &error) == EIDOS_OK && text == FEW - 1);
    CHECK(strlen(eidos_split_model_logit_name(whole, 5, NULL)) > 0);
    CHECK(!eidos_split_model_logit_name(whole, eidos_split_model_logit_count(whole), NULL));

    copy = malloc(count * width * sizeof *copy);
    CHECK(copy && eidos_activations_copy_rows(rows, 0, count, copy, count * width, &error) == EIDOS_OK);
    CHECK(logits_under(whole, few, SPLIT, copy, count, width, NULL, &again) == EIDOS_OK);
    bytes = count * eidos_activations_column_count(logits) * sizeof *copy;
    CHECK(eidos_activations_rows(logits, 0, count, &before, &error) == EIDOS_OK);
    CHECK(eidos_activations_rows(again, 0, count, &after, &error) == EIDOS_OK && !memcmp(before, after, bytes));
    eidos_activations_free(again);
    again = NULL;
    CHECK(logits_under(whole, few, SPLIT, NULL, 0, 0, rows, &again) == EIDOS_OK);
    CHECK(eidos_activations_rows(again, 0, count, &after, &error) == EIDOS_OK && !memcmp(before, after, bytes));
    CHECK(eidos_inputs_from_texts(whole, TEXTS + FIRST, NULL, FEW - 1, NULL, NULL, &fewer, &error) == EIDOS_OK);
    CHECK(logits_under(whole, few, "model.layers.1", NULL, 0, 0, rows, &nothing) == EIDOS_MISMATCH);
    CHECK(logits_under(whole, few, SPLIT, NULL, 0, 0, activations, &nothing) == EIDOS_MISMATCH);
    CHECK(logits_under(whole, fewer, SPLIT, NULL, 0, 0, rows, &nothing) == EIDOS_MISMATCH);
    CHECK(eidos_activations_from_rows(copy, count, width, NULL, 0, &own, &error) == EIDOS_OK);
    CHECK(logits_under(whole, few, "model.layers.1", NULL, 0, 0, own, &changed) == EIDOS_OK);
    CHECK(eidos_activations_rows(changed, 0, count, &after, &error) == EIDOS_OK && memcmp(before, after, bytes));
    eidos_activations_free(changed);
    changed = NULL;
    CHECK(logits_under(whole, fewer, SPLIT, NULL, 0, 0, own, &nothing) == EIDOS_INVALID_ARGUMENT);
    copy[0] += 10;
    CHECK(logits_under(whole, few, SPLIT, copy, count, width, NULL, &changed) == EIDOS_OK);
    CHECK(eidos_activations_rows(changed, 0, count, &after, &error) == EIDOS_OK && memcmp(before, after, bytes));
    CHECK(logits_under(whole, few, SPLIT, copy, count - 1, width, NULL, &nothing) == EIDOS_INVALID_ARGUMENT);
    CHECK(logits_under(whole, few, SPLIT, copy, count, width - 1, NULL, &nothing) == EIDOS_INVALID_ARGUMENT);
    CHECK(logits_under(whole, few, "model.layers.2.mpl", copy, count, width, NULL, &nothing) == EIDOS_UNKNOWN_MODULE);
    copy[1] = NAN;
    CHECK(logits_under(whole, few, SPLIT, copy, count, width, NULL, &nothing) == EIDOS_INVALID_DATA);
    eidos_inputs_free(fewer);
    several_interventions_follow_one_another(whole, few, rows, before, bytes);
    CHECK(!error && !nothing);
    eidos_inputs_free(few);
    free(copy);
    eidos_split_model_free(whole);
    eidos_activations_free(rows);
    eidos_activations_free(own);
    eidos_activations_free(logits);
    eidos_activations_free(again);
    eidos_activations_free(changed);
}

/* The ids of a text lead to what the text leads to. */
static void texts_can_be_token_ids(void)
{
    static const char *text = "caf\xc3\xa9 films";
    eidos_inputs *of_text = NULL, *of_ids = NULL;
    const uint32_t *view = NULL;
    eidos_split_model *whole = NULL;
    eidos_activations *expected = NULL, *found = NULL;
    eidos_load_options load;
    eidos_activations_options all;
    eidos_error *error = NULL;
    uint32_t ids[32], begins[32], ends[32];
    size_t count = 0, again = 0, length = 0, index;
    const float *before = NULL, *after = NULL;

    CHECK(eidos_load_options_init(&load, sizeof load) == EIDOS_OK);
    load.whole = 1;
    CHECK(eidos_split_model_load(MODEL, &SPLIT, 1, &load, NULL, &whole, &error) == EIDOS_OK);
    CHECK(eidos_activations_options_init(&all, sizeof all) == EIDOS_OK);
    all.granularity = EIDOS_GRANULARITY_ALL_TOKENS;

    CHECK(eidos_split_model_tokens(whole, text, strlen(text), NULL, NULL, NULL, 0, &count, &error) == EIDOS_OK);
    CHECK(count > 3 && count <= 32);
    memset(ids, 0xff, sizeof ids);
    CHECK(eidos_split_model_tokens(whole, text, strlen(text), ids, begins, ends, 2, &again, &error) == EIDOS_OK && again == count);
    CHECK(ids[1] != UINT32_MAX && ids[2] == UINT32_MAX); /* no more than there is room for */
    /* A NUL inside is a character like others. */
    CHECK(eidos_split_model_tokens(whole, "a\0film", 6, ids, begins, ends, 32, &again, &error) == EIDOS_OK);
    CHECK(again > 3 && ends[again - 2] == 6);
    CHECK(eidos_split_model_tokens(whole, text, strlen(text), ids, begins, ends, 32, &again, &error) == EIDOS_OK);
    CHECK(again == count);
    CHECK(begins[0] == ends[0] && begins[1] == 0 && ends[count - 2] == strlen(text));
    for (index = 0; index < count; index++)
        CHECK(begins[index] <= ends[index] && (text[begins[index]] & 0xc0) != 0x80);
    CHECK(!strcmp(eidos_split_model_token_string(whole, ids[0], &length), "<|begin_of_text|>") && length == 17);
    CHECK(eidos_split_model_token_string(whole, 5999, NULL) && !eidos_split_model_token_string(whole, 6000, &length));
    CHECK(length == 0 && !eidos_split_model_token_string(whole, UINT32_MAX, NULL));

    CHECK(eidos_inputs_from_texts(whole, &text, NULL, 1, NULL, NULL, &of_text, &error) == EIDOS_OK);
    CHECK(eidos_inputs_token_ids(of_text, 0, &view, &again, &error) == EIDOS_OK && again == count);
    CHECK(!memcmp(view, ids, count * sizeof *ids) && eidos_inputs_token_count(of_text) == count);
    CHECK(eidos_inputs_from_token_ids(whole, ids, count, &count, 1, &of_ids, &error) == EIDOS_OK);
    CHECK(eidos_inputs_text_count(of_ids) == 1 && !eidos_inputs_text(of_ids, 0, &length) && length == 0);
    CHECK(eidos_split_model_activations(whole, of_text, NULL, &all, NULL, &expected, 1, &error) == EIDOS_OK);
    CHECK(eidos_split_model_activations(whole, of_ids, NULL, NULL, NULL, &found, 1, &error) == EIDOS_OK);
    CHECK(eidos_activations_granularity(found) == EIDOS_GRANULARITY_ALL_TOKENS && eidos_activations_text_count(found) == 0);
    CHECK(eidos_activations_rows(expected, 0, count, &before, &error) == EIDOS_OK);
    CHECK(eidos_activations_rows(found, 0, count, &after, &error) == EIDOS_OK);
    CHECK(!memcmp(before, after, count * eidos_activations_column_count(found) * sizeof *before));
    for (index = 0; index < count; index++)
        CHECK(!strcmp(eidos_activations_unit(expected, index, NULL), eidos_activations_unit(found, index, NULL)));
    eidos_activations_free(expected);
    eidos_activations_free(found);
    CHECK(eidos_split_model_logits(whole, of_text, NULL, NULL, NULL, &expected, &error) == EIDOS_OK);
    CHECK(eidos_split_model_logits(whole, of_ids, NULL, NULL, NULL, &found, &error) == EIDOS_OK);
    CHECK(eidos_activations_rows(expected, 0, count, &before, &error) == EIDOS_OK);
    CHECK(eidos_activations_rows(found, 0, count, &after, &error) == EIDOS_OK);
    CHECK(!memcmp(before, after, count * eidos_activations_column_count(found) * sizeof *before));
    ids[1] = 6000;
    eidos_inputs_free(of_text);
    eidos_inputs_free(of_ids);
    of_ids = NULL;
    CHECK_FAILS(EIDOS_MISMATCH, eidos_inputs_from_token_ids(whole, ids, count, &count, 1, &of_ids, &err));
    CHECK(!error);
    eidos_activations_free(expected);
    eidos_activations_free(found);
    eidos_split_model_free(whole);
}

/* A NUL is a character like others where lengths are given; inputs know their texts and refuse another tokenizer. */
static void inputs_are_texts_as_a_model_reads_them(void)
{
    static const char *const texts[] = {"a warm\0film", "dull"};
    static const size_t lengths[] = {11, 4};
    eidos_inputs *found = NULL, *shared = NULL, *vocabulary = NULL;
    eidos_activations *rows = NULL;
    eidos_interpretation *top = NULL;
    eidos_inputs_options options;
    eidos_error *error = NULL;
    size_t len = 0, begin = 0, end = 0;

    CHECK(eidos_inputs_options_init(&options, sizeof options) == EIDOS_OK);
    options.threads = 2;
    CHECK(eidos_inputs_from_texts(model, texts, lengths, 2, &options, NULL, &found, &error) == EIDOS_OK);
    CHECK(eidos_inputs_text_count(found) == 2 && eidos_inputs_truncated_count(found) == 0);
    CHECK(!memcmp(eidos_inputs_text(found, 0, &len), texts[0], 12) && len == 11);
    CHECK(!eidos_inputs_text(found, 2, &len) && len == 0);
    CHECK(eidos_inputs_retain(found, &shared, &error) == EIDOS_OK);
    eidos_inputs_free(found);
    CHECK_FAILS(EIDOS_INVALID_HANDLE, eidos_split_model_activations(model, found, NULL, NULL, NULL, &rows, 1, &err));
    CHECK(eidos_split_model_activations(model, shared, NULL, NULL, NULL, &rows, 1, &error) == EIDOS_OK);
    CHECK(eidos_activations_text_count(rows) == 2 && !memcmp(eidos_activations_text(rows, 0, &len), texts[0], 12) && len == 11);
    CHECK(eidos_activations_unit_span(rows, eidos_activations_row_count(rows) - 1, NULL, &begin, &end, &error) == EIDOS_OK);
    CHECK(begin == 0 && end == 4);
    eidos_activations_free(rows);

    CHECK(eidos_inputs_from_vocabulary(model, &vocabulary, &error) == EIDOS_OK);
    CHECK(eidos_inputs_text_count(vocabulary) == eidos_split_model_vocabulary_size(model));
    CHECK(eidos_top_inputs_interpret_inputs(explainer, model, shared, NULL, NULL, NULL, &top, &error) == EIDOS_OK);
    CHECK(eidos_interpretation_concept_count(top) == CONCEPTS);
    CHECK(!error);
    eidos_interpretation_free(top);
    eidos_inputs_free(vocabulary);
    eidos_inputs_free(shared);
}

/* Gives TEXTS one after the other, each from memory that the next one overwrites; fails at a text. */
struct source {
    size_t next, fails_at;
    char text[128];
};

static eidos_status next_text(const char **text, size_t *length, void *user_data)
{
    struct source *source = user_data;
    if (source->next == source->fails_at)
        return EIDOS_NETWORK;
    if (source->next == TEXT_COUNT)
        return EIDOS_OK;
    strcpy(source->text, TEXTS[source->next]);
    *text = source->text;
    if (source->next++ % 2) /* the others end in a NUL */
        *length = strlen(source->text);
    return EIDOS_OK;
}

static eidos_status not_a_text(const char **text, size_t *length, void *user_data)
{
    (void)user_data;
    *text = "caf\xe9";
    *length = 4;
    return EIDOS_OK;
}

/* The direction is what the split point gives for the first word. */
static void a_stream_under_interventions(void)
{
    struct source source = {0, SIZE_MAX, ""};
    eidos_interventions *steer = NULL;
    eidos_activations *at_once = NULL, *rows = NULL;
    eidos_error *error = NULL;
    const float *direction = NULL, *expected = NULL, *found = NULL;
    const size_t count = eidos_activations_row_count(activations), width = eidos_activations_column_count(activations);

    CHECK(eidos_activations_rows(activations, 0, 1, &direction, &error) == EIDOS_OK);
    CHECK(eidos_interventions_new(&steer, &error) == EIDOS_OK);
    CHECK(eidos_interventions_add_direction(steer, SPLIT, direction, width, 2, NULL, 0, &error) == EIDOS_OK);
    CHECK(eidos_split_model_activations(model, inputs, steer, NULL, NULL, &at_once, 1, &error) == EIDOS_OK);
    CHECK(eidos_split_model_stream_activations(model, next_text, &source, steer, NULL, NULL, &rows, 1, &error) == EIDOS_OK);
    CHECK(eidos_activations_rows(at_once, 0, count, &expected, &error) == EIDOS_OK);
    CHECK(eidos_activations_rows(rows, 0, count, &found, &error) == EIDOS_OK);
    CHECK(!memcmp(expected, found, count * width * sizeof *found));
    CHECK(eidos_activations_rows(activations, 0, count, &expected, &error) == EIDOS_OK);
    CHECK(memcmp(expected, found, count * width * sizeof *found));
    eidos_activations_free(at_once);
    eidos_activations_free(rows);
    eidos_interventions_free(steer);
}

static void texts_come_one_after_the_other(const char *folder)
{
    struct source source = {0, SIZE_MAX, ""};
    eidos_activations *rows = NULL;
    eidos_activations_options options;
    eidos_control *control = NULL;
    eidos_error *error = NULL;
    const float *expected = NULL, *found = NULL;
    const size_t count = eidos_activations_row_count(activations), width = eidos_activations_column_count(activations);
    char path[512];
    size_t row;

    CHECK(eidos_activations_rows(activations, 0, count, &expected, &error) == EIDOS_OK);
    CHECK(eidos_split_model_stream_activations(model, next_text, &source, NULL, NULL, NULL, &rows, 1, &error) == EIDOS_OK);
    CHECK(eidos_activations_row_count(rows) == count && eidos_activations_text_count(rows) == TEXT_COUNT);
    CHECK(eidos_activations_rows(rows, 0, count, &found, &error) == EIDOS_OK);
    CHECK(!memcmp(expected, found, count * width * sizeof *found));
    eidos_activations_free(rows);
    a_stream_under_interventions();

    snprintf(path, sizeof path, "%s/stream", folder);
    CHECK(eidos_activations_options_init(&options, sizeof options) == EIDOS_OK);
    options.folder = path;
    options.shard_bytes = 4096;
    source.next = 0;
    source.fails_at = TEXT_COUNT - 1;
    CHECK_FAILS(EIDOS_NETWORK, eidos_split_model_stream_activations(model, next_text, &source, NULL, &options, NULL, &rows, 1, &err));
    CHECK_FAILS(EIDOS_INVALID_FILE, eidos_activations_open(path, &rows, &err));
    source.next = 0;
    source.fails_at = SIZE_MAX;
    CHECK(eidos_split_model_stream_activations(model, next_text, &source, NULL, &options, NULL, &rows, 1, &error) == EIDOS_OK);
    CHECK(eidos_activations_is_on_disk(rows) && eidos_activations_row_count(rows) == count);
    for (row = 0; row < count; row++) {
        CHECK(eidos_activations_rows(rows, row, 1, &found, &error) == EIDOS_OK);
        CHECK(!memcmp(expected + row * width, found, width * sizeof *found));
        CHECK(!strcmp(eidos_activations_unit(activations, row, NULL), eidos_activations_unit(rows, row, NULL)));
    }
    eidos_activations_free(rows);
    source.next = 1;
    CHECK_FAILS(EIDOS_MISMATCH, eidos_split_model_stream_activations(model, next_text, &source, NULL, &options, NULL, &rows, 1, &err));
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_split_model_stream_activations(model, not_a_text, NULL, NULL, NULL, NULL, &rows, 1, &err));
    CHECK(eidos_control_new(&control, &error) == EIDOS_OK);
    eidos_control_cancel(control);
    CHECK_FAILS(EIDOS_CANCELLED, eidos_split_model_stream_activations(model, next_text, &source, NULL, NULL, control, &rows, 1, &err));
    eidos_control_free(control);
    CHECK(!error);
}

static void units_and_rows_are_left_out(void)
{
    /* The third row is far longer than the others. */
    const float values[] = {1, 0, 0, 1, 0, 900, 2, 0};
    const char *const names[] = {"a", "film", "the", "dull"};
    char *longer = malloc(5 * eidos_split_model_max_positions(model) + 1);
    const char *const texts[] = {"a", longer};
    struct source source = {0, SIZE_MAX, ""};
    eidos_activations_options options;
    eidos_pca_options pca;
    eidos_inputs *both = NULL;
    eidos_activations *rows = NULL, *usual = NULL;
    eidos_explainer *few = NULL;
    eidos_error *error = NULL;
    const float *found = NULL;
    size_t word;

    CHECK(eidos_activations_from_rows(values, 4, 2, names, 4, &rows, &error) == EIDOS_OK);
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_activations_without_high_norms(rows, 0.5, NULL, &usual, &err));
    CHECK(eidos_activations_without_high_norms(rows, 10, NULL, &usual, &error) == EIDOS_OK);
    CHECK(eidos_activations_row_count(usual) == 3 && !strcmp(eidos_activations_unit(usual, 2, NULL), "dull"));
    CHECK(eidos_activations_left_out_count(usual) == 1 && eidos_activations_left_out_by(usual, EIDOS_FILTER_HIGH_NORM) == 1);
    CHECK(!strcmp(eidos_activations_filters(usual, NULL), "{\"max_norm_multiple\":10.0}"));
    CHECK(!strcmp(eidos_activations_filters(rows, NULL), "{}") && eidos_activations_left_out_by(usual, 99) == 0);
    CHECK(eidos_activations_rows(usual, 2, 1, &found, &error) == EIDOS_OK && found[0] >= 2);
    CHECK(eidos_pca_options_init(&pca, sizeof pca) == EIDOS_OK);
    pca.concept_count = 1;
    CHECK(eidos_pca_fit(usual, &pca, NULL, &few, &error) == EIDOS_OK);
    CHECK(eidos_explainer_warning_count(few) == 1 && strstr(eidos_explainer_warning(few, 0, NULL), "3 rows are few"));
    CHECK(!eidos_explainer_warning(few, 1, NULL));
    CHECK(!eidos_explainer_measure_name(few, 3, NULL));
    eidos_explainer_free(few);
    eidos_activations_free(usual);
    eidos_activations_free(rows);

    CHECK(eidos_activations_options_init(&options, sizeof options) == EIDOS_OK);
    options.granularity = EIDOS_GRANULARITY_ALL_TOKENS;
    options.skip_first_position = 1;
    CHECK(eidos_split_model_stream_activations(model, next_text, &source, NULL, &options, NULL, &rows, 1, &error) == EIDOS_OK);
    CHECK(eidos_activations_row_count(rows) == eidos_inputs_token_count(inputs) - TEXT_COUNT);
    CHECK(eidos_activations_left_out_by(rows, EIDOS_FILTER_FIRST_POSITION) == TEXT_COUNT);
    eidos_activations_free(rows);

    *longer = 0;
    for (word = 0; word < eidos_split_model_max_positions(model); word++)
        memcpy(longer + 5 * word, "film ", 6);
    CHECK(eidos_inputs_from_texts(model, texts, NULL, 2, NULL, NULL, &both, &error) == EIDOS_OK);
    CHECK(eidos_inputs_truncated_count(both) == 1);
    CHECK(eidos_activations_options_init(&options, sizeof options) == EIDOS_OK);
    options.on_long_text = EIDOS_ON_LONG_TEXT_ERROR;
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_split_model_activations(model, both, NULL, &options, NULL, &rows, 1, &err));
    options.on_long_text = 9;
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_split_model_activations(model, inputs, NULL, &options, NULL, &rows, 1, &err));
    eidos_inputs_free(both);
    free(longer);
    CHECK(!error);
}

/* What a model and a fit are, without the files that they came from. */
static void models_and_explainers_say_what_they_are(void)
{
    eidos_split_model *tree = NULL;
    size_t len = 0;
    CHECK(!strcmp(eidos_split_model_family(model, &len), "eurobert") && len == 8);
    CHECK(eidos_split_model_vocabulary_size(model) == 6000 && eidos_split_model_max_positions(model) == 512);
    CHECK(eidos_split_model_weight_bytes(model) > 100000);
    CHECK(eidos_split_model_load(MODEL, NULL, 0, NULL, NULL, &tree, NULL) == EIDOS_OK);
    CHECK(eidos_split_model_weight_bytes(tree) == 0 && eidos_split_model_vocabulary_size(tree) == 6000);
    CHECK(!strcmp(eidos_split_model_products(tree, &len), "") && len == 0);
    CHECK(strstr(eidos_split_model_products(model, &len), " (") && len > 5);
    CHECK(strlen(eidos_split_model_products(model, NULL)) == len);
    eidos_split_model_free(tree);
    CHECK(strstr(eidos_explainer_options(explainer, &len), "\"concept_count\":4,") && len > 20);
    CHECK(strlen(eidos_explainer_options(explainer, NULL)) == len);
}

/* Which concepts fire on the units of texts, of activations in memory, and with a dictionary that was given a scale. */
static void what_fires_is_explained(void)
{
    eidos_explain_options options;
    eidos_inputs *few = NULL;
    eidos_explanation *found = NULL, *same = NULL;
    eidos_explainer *plain = NULL, *calibrated = NULL;
    eidos_error *error = NULL;
    size_t unit = 0, rank = 0, len = 0, text = 0, begin = 0, end = 0, fired = 0, concepts = eidos_explainer_concept_count(explainer);
    double mean = 9, deviation = 9;
    eidos_firing none;

    CHECK(eidos_explain_options_init(&options, sizeof options) == EIDOS_OK && options.k == 5);
    options.negative_pole = 1;
    options.least_deviations = 0.5;
    CHECK(eidos_inputs_from_texts(model, TEXTS + FIRST, NULL, FEW, NULL, NULL, &few, &error) == EIDOS_OK);
    CHECK(eidos_explain_inputs(explainer, meaning, model, few, &options, NULL, &found, &error) == EIDOS_OK);
    CHECK(eidos_explanation_text_count(found) == FEW && !strcmp(eidos_explanation_text(found, 0, &len), TEXTS[FIRST]));
    CHECK(len == strlen(TEXTS[FIRST]) && !eidos_explanation_text(found, FEW, NULL));
    CHECK(eidos_explanation_unit_count(found) > 5 && !eidos_explanation_unit(found, eidos_explanation_unit_count(found), NULL));
    for (unit = 0; unit < eidos_explanation_unit_count(found); unit++) {
        const char *word = eidos_explanation_unit(found, unit, &len);
        float last = 1e30f;
        CHECK(eidos_explanation_unit_span(found, unit, &text, &begin, &end, &error) == EIDOS_OK && end - begin == len);
        CHECK(!strncmp(eidos_explanation_text(found, text, NULL) + begin, word, len));
        for (rank = 0; rank < eidos_explanation_firing_count(found, unit); rank++, fired++) {
            eidos_firing firing;
            CHECK(eidos_explanation_firing(found, unit, rank, &firing, sizeof firing, &error) == EIDOS_OK);
            CHECK(firing.concept_index < concepts && fabsf(firing.deviations) >= 0.5f && fabsf(firing.deviations) <= last);
            CHECK((firing.pole == EIDOS_POLE_NEGATIVE) == (firing.deviations < 0) && firing.percentile <= 100);
            last = fabsf(firing.deviations);
            /* The interpretation has positive poles alone. */
            CHECK(eidos_explanation_name(found, firing.concept_index, EIDOS_POLE_POSITIVE, &len) && len > 2);
            CHECK(!eidos_explanation_name(found, firing.concept_index, EIDOS_POLE_NEGATIVE, NULL));
        }
        CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_explanation_firing(found, unit, rank, &none, sizeof none, &err));
    }
    CHECK(fired > 0 && !eidos_explanation_name(found, concepts, EIDOS_POLE_POSITIVE, NULL));
    CHECK(strstr(eidos_explanation_json(found, &len), "\"format\":\"eidos.explanation\"") && len > 100);
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_explanation_unit_span(found, unit, &text, NULL, NULL, &err));
    CHECK(eidos_explanation_retain(found, &same, &error) == EIDOS_OK);
    eidos_explanation_free(found);
    CHECK(eidos_explanation_unit_count(same) == unit);
    eidos_explanation_free(same);

    CHECK(eidos_explainer_moments(explainer, 0, &mean, &deviation, &error) == EIDOS_OK);
    CHECK(fabs(mean) < 1e-4 && fabs(deviation - 1) < 1e-3);
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_explainer_moments(explainer, concepts, &mean, NULL, &err));
    options.k = 0;
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_explain_inputs(explainer, meaning, model, few, &options, NULL, &found, &err));

    CHECK(eidos_explainer_from_dictionary(eidos_explainer_dictionary(explainer, NULL), NULL, NULL, NULL, concepts,
                                          eidos_explainer_input_width(explainer), 0, &plain, &error) == EIDOS_OK);
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_explain_activations(plain, NULL, activations, NULL, NULL, &found, &err));
    CHECK(eidos_explainer_calibrate(plain, activations, NULL, &calibrated, &error) == EIDOS_OK);
    CHECK(eidos_explain_activations(calibrated, NULL, activations, NULL, NULL, &found, &error) == EIDOS_OK);
    CHECK(eidos_explanation_unit_count(found) == eidos_activations_row_count(activations) && !error);
    CHECK(!eidos_explanation_name(found, 0, EIDOS_POLE_POSITIVE, NULL));
    eidos_explanation_free(found);
    eidos_explainer_free(plain);
    eidos_explainer_free(calibrated);
    eidos_inputs_free(few);
}

/* Rows in several shards are seen run by run, and are those that memory has. */
static void rows_are_seen_in_runs(const char *folder)
{
    eidos_activations_options options;
    eidos_activations *shards = NULL;
    eidos_error *error = NULL;
    const float *rows = NULL, *run = NULL;
    const size_t width = eidos_activations_column_count(activations), row_count = eidos_activations_row_count(activations);
    size_t first = 0, count = 0, runs = 0;
    char path[1024];

    CHECK(eidos_activations_run(activations, 0, &rows, &count, &error) == EIDOS_OK && count == row_count);
    CHECK(eidos_activations_run(activations, 3, &run, &count, &error) == EIDOS_OK && count == row_count - 3);
    CHECK(run == rows + 3 * width);
    snprintf(path, sizeof path, "%s/shards", folder);
    CHECK(eidos_activations_options_init(&options, sizeof options) == EIDOS_OK);
    options.folder = path;
    options.shard_bytes = 20 * width * sizeof *rows;
    CHECK(eidos_split_model_activations(model, inputs, NULL, &options, NULL, &shards, 1, &error) == EIDOS_OK);
    for (first = 0; first < row_count && eidos_activations_run(shards, first, &run, &count, &error) == EIDOS_OK; runs++) {
        CHECK(count > 0 && !memcmp(run, rows + first * width, count * width * sizeof *run));
        first += count;
    }
    CHECK(first == row_count && runs > 2 && !error);
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_activations_rows(shards, 0, row_count, &run, &err));
    eidos_activations_free(shards);
}

static void a_handle_of_another_type_is_an_error(void)
{
    const eidos_activations *not_activations = (const eidos_activations *)(const void *)explainer;
    const eidos_activations *no_handle = (const eidos_activations *)(const void *)TEXTS;
    const float *view = NULL;
    CHECK_FAILS(EIDOS_INVALID_HANDLE, eidos_activations_rows(not_activations, 0, 1, &view, &err));
    CHECK_FAILS(EIDOS_INVALID_HANDLE, eidos_activations_rows(no_handle, 0, 1, &view, &err));
    CHECK(eidos_activations_row_count(not_activations) == 0 && eidos_activations_row_count(no_handle) == 0);
    eidos_activations_free((eidos_activations *)(void *)explainer); /* leaves it alone */
    CHECK(eidos_explainer_concept_count(explainer) == CONCEPTS);
    CHECK(eidos_explainer_step_count(explainer) > 0 && eidos_explainer_converged(explainer) <= 1);
}

/* Of a freed handle nothing is read, whatever has its place since: the call says so. */
static void a_freed_handle_is_an_error(void)
{
    const float values[] = {1, 2, 3, 4};
    const float *view = NULL;
    const size_t live = eidos_debug_live_handles();
    eidos_activations *freed = NULL, *others[100], *result = NULL;
    eidos_control *control = NULL;
    size_t index;
    CHECK(eidos_activations_from_rows(values, 2, 2, NULL, 0, &freed, NULL) == EIDOS_OK);
    eidos_activations_free(freed);
    CHECK_FAILS(EIDOS_INVALID_HANDLE, eidos_activations_rows(freed, 0, 1, &view, &err));
    for (index = 0; index < 100; index++)
        CHECK(eidos_activations_from_rows(values, 2, 2, NULL, 0, &others[index], NULL) == EIDOS_OK);
    CHECK_FAILS(EIDOS_INVALID_HANDLE, eidos_activations_rows(freed, 0, 1, &view, &err));
    CHECK(eidos_activations_row_count(freed) == 0 && !eidos_activations_unit(freed, 0, NULL));
    eidos_activations_free(freed); /* does nothing */
    CHECK(eidos_debug_live_handles() == live + 100);
    for (index = 0; index < 100; index++) {
        CHECK(eidos_activations_row_count(others[index]) == 2);
        eidos_activations_free(others[index]);
    }
    CHECK(eidos_control_new(&control, NULL) == EIDOS_OK);
    eidos_control_free(control);
    eidos_control_cancel(control);
    CHECK_FAILS(EIDOS_INVALID_HANDLE, eidos_split_model_activations(model, inputs, NULL, NULL, control, &result, 1, &err));
    CHECK(!result && eidos_debug_live_handles() == live);
}

/* Each owner has a handle of its own, and the thing lives as long as one of them. */
static void retained_handles_share(void)
{
    const float values[] = {1, 2, 3, 4};
    const char *const units[] = {"one", "two"};
    const float *before = NULL, *after = NULL;
    const char *unit = NULL;
    const eidos_status wrong = EIDOS_INVALID_ARGUMENT, freed = EIDOS_INVALID_HANDLE;
    eidos_activations *first = NULL, *second = NULL, *third = NULL;
    eidos_split_model *same_model = NULL;
    eidos_explainer *same_explainer = NULL;
    eidos_interpretation *same_meaning = NULL;
    eidos_control *control = NULL, *same_control = NULL;
    eidos_texts *same_texts = NULL;
    eidos_inputs *same_inputs = NULL;
    eidos_interventions *same_changes = NULL;

    CHECK(eidos_activations_from_rows(values, 2, 2, units, 2, &first, NULL) == EIDOS_OK);
    CHECK(eidos_activations_rows(first, 0, 2, &before, NULL) == EIDOS_OK);
    unit = eidos_activations_unit(first, 1, NULL);
    CHECK(eidos_activations_retain(first, &second, NULL) == EIDOS_OK && second && second != first);
    eidos_activations_free(first);
    CHECK_FAILS(freed, eidos_activations_retain(first, &third, &err));
    CHECK(!third && eidos_activations_row_count(second) == 2);
    CHECK(eidos_activations_rows(second, 0, 2, &after, NULL) == EIDOS_OK && after == before && after[3] == 4);
    CHECK(unit == eidos_activations_unit(second, 1, NULL) && !strcmp(unit, "two"));
    eidos_activations_free(second);

    CHECK(eidos_split_model_retain(model, &same_model, NULL) == EIDOS_OK);
    CHECK(eidos_split_model_name(same_model, NULL) == eidos_split_model_name(model, NULL));
    eidos_split_model_free(same_model);
    CHECK(eidos_explainer_retain(explainer, &same_explainer, NULL) == EIDOS_OK);
    CHECK(eidos_explainer_dictionary(same_explainer, NULL) == eidos_explainer_dictionary(explainer, NULL));
    eidos_explainer_free(same_explainer);
    CHECK(eidos_interpretation_retain(meaning, &same_meaning, NULL) == EIDOS_OK);
    CHECK(eidos_interpretation_json(same_meaning, NULL) == eidos_interpretation_json(meaning, NULL));
    eidos_interpretation_free(same_meaning);
    CHECK(eidos_control_new(&control, NULL) == EIDOS_OK);
    CHECK(eidos_control_retain(control, &same_control, NULL) == EIDOS_OK);
    eidos_control_cancel(same_control);
    CHECK(eidos_control_is_cancelled(control));
    eidos_control_free(control);
    CHECK(eidos_control_is_cancelled(same_control));
    eidos_control_free(same_control);

    CHECK_FAILS(wrong, eidos_split_model_retain(NULL, &same_model, &err));
    CHECK_FAILS(wrong, eidos_split_model_retain(model, NULL, &err));
    CHECK_FAILS(wrong, eidos_activations_retain(NULL, &third, &err));
    CHECK_FAILS(wrong, eidos_activations_retain(activations, NULL, &err));
    CHECK_FAILS(wrong, eidos_explainer_retain(NULL, &same_explainer, &err));
    CHECK_FAILS(wrong, eidos_explainer_retain(explainer, NULL, &err));
    CHECK_FAILS(wrong, eidos_interpretation_retain(NULL, &same_meaning, &err));
    CHECK_FAILS(wrong, eidos_interpretation_retain(meaning, NULL, &err));
    CHECK_FAILS(wrong, eidos_control_retain(NULL, &control, &err));
    CHECK_FAILS(wrong, eidos_texts_retain(NULL, &same_texts, &err));
    CHECK_FAILS(wrong, eidos_inputs_retain(NULL, &same_inputs, &err));
    CHECK_FAILS(wrong, eidos_inputs_retain(inputs, NULL, &err));
    CHECK_FAILS(wrong, eidos_interventions_retain(NULL, &same_changes, &err));
    CHECK_FAILS(freed, eidos_texts_retain((const eidos_texts *)(const void *)model, &same_texts, &err));
}

/* Init writes the values that a call without options works with, and none of them stands for another one. */
static void init_writes_the_defaults(void)
{
    eidos_activations_options collect;
    eidos_logits_options logits;
    eidos_ica_options ica;
    eidos_top_inputs_options top;
    eidos_texts_options texts;
    eidos_chat_options chat;
    eidos_llm_labels_options labels;
    CHECK(eidos_activations_options_init(&collect, sizeof collect) == EIDOS_OK);
    CHECK(collect.granularity == EIDOS_GRANULARITY_WORD && collect.aggregation == EIDOS_AGGREGATION_MEAN);
    CHECK(collect.batch_tokens == 512 && collect.memory_limit == 4ull << 30 && collect.shard_bytes == 256ull << 20);
    CHECK(collect.word_rule == EIDOS_WORD_RULE_AUTO && collect.threads == 0);
    CHECK(eidos_logits_options_init(&logits, sizeof logits) == EIDOS_OK && logits.memory_limit == 4ull << 30);
    CHECK(eidos_ica_options_init(&ica, sizeof ica) == EIDOS_OK);
    CHECK(ica.algorithm == EIDOS_ICA_PARALLEL && ica.contrast == EIDOS_CONTRAST_LOGCOSH && ica.alpha == 1.0);
    CHECK(ica.tolerance == 1e-4 && ica.max_iterations == 200 && ica.seed == 0 && ica.canonical_signs == 1);
    CHECK(ica.solver == EIDOS_SOLVER_FAST_ICA);
    CHECK(eidos_top_inputs_options_init(&top, sizeof top) == EIDOS_OK && top.k == 5);
    CHECK(eidos_texts_options_init(&texts, sizeof texts) == EIDOS_OK && texts.most_texts == UINT64_MAX);
    CHECK(eidos_chat_options_init(&chat, sizeof chat) == EIDOS_OK);
    CHECK(chat.max_tokens == 1024 && chat.timeout_seconds == 120 && chat.retries == 4 && chat.parallel_requests == 4);
    CHECK(chat.temperature == 0 && chat.request_budget == UINT64_MAX && chat.token_budget == UINT64_MAX);
    CHECK(eidos_llm_labels_options_init(&labels, sizeof labels) == EIDOS_OK);
    CHECK(labels.sampling == EIDOS_SAMPLING_TOP && labels.example_count == 30 && labels.context == 10);
    CHECK(labels.quantile_count == 5 && labels.score_passages == 0 && labels.score_passages_per_request == 10);
    CHECK(labels.score_threshold == 0.5);
}

static void wrong_text_and_numbers_are_errors(void)
{
    const char *not_utf8[] = {"caf\xe9"};
    const char *unknown[] = {"model.layer.1.mlp"};
    eidos_activations *result = NULL;
    eidos_inputs *none = NULL;
    eidos_split_model *loaded = NULL;
    eidos_interpretation *found = NULL;
    eidos_ica_options ica;
    eidos_explainer *fitted = NULL;
    eidos_top_inputs_options top;
    eidos_activations_options options;
    size_t concept = CONCEPTS;

    CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_inputs_from_texts(model, not_utf8, NULL, 1, NULL, NULL, &none, &err));
    CHECK_FAILS(EIDOS_UNKNOWN_MODULE, eidos_split_model_load(MODEL, unknown, 1, NULL, NULL, &loaded, &err));
    CHECK_FAILS(EIDOS_NOT_FOUND, eidos_explainer_open("/no/such/file", &fitted, &err));
    CHECK_FAILS(EIDOS_NOT_FOUND, eidos_activations_open("/no/such/folder", &result, &err));
    eidos_ica_options_init(&ica, sizeof ica);
    ica.concept_count = 1000000;
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_ica_fit(activations, &ica, NULL, &fitted, &err));
    ica.concept_count = 2;
    ica.contrast = 99;
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_ica_fit(activations, &ica, NULL, &fitted, &err));
    ica.contrast = EIDOS_CONTRAST_LOGCOSH;
    ica.alpha = 0;
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_ica_fit(activations, &ica, NULL, &fitted, &err));
    ica.alpha = 1;
    ica.tolerance = 0;
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_ica_fit(activations, &ica, NULL, &fitted, &err));
    ica.tolerance = 1;
    ica.max_iterations = 0;
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_ica_fit(activations, &ica, NULL, &fitted, &err));
    eidos_top_inputs_options_init(&top, sizeof top);
    top.k = 0;
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_top_inputs_interpret(explainer, activations, &top, NULL, &found, &err));
    top.k = 1;
    top.concepts = &concept;
    top.concept_count = 1;
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_top_inputs_interpret(explainer, activations, &top, NULL, &found, &err));
    eidos_activations_options_init(&options, sizeof options);
    options.granularity = 77;
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_split_model_activations(model, inputs, NULL, &options, NULL, &result, 1, &err));
    options.granularity = 0; /* no value stands for another one */
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_split_model_activations(model, inputs, NULL, &options, NULL, &result, 1, &err));
    eidos_activations_options_init(&options, sizeof options);
    options.batch_tokens = 0;
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_split_model_activations(model, inputs, NULL, &options, NULL, &result, 1, &err));
    options.batch_tokens = 1;
    options.folder = "";
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_split_model_activations(model, inputs, NULL, &options, NULL, &result, 1, &err));
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_activations_save(activations, "", NULL, &err));
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_explainer_save(explainer, "", &err));
    CHECK(!result && !loaded && !found && !fitted);
}

static eidos_inputs *first_inputs; /* of the first of the texts */

/* Each thread encodes and reads the same handles and must see the same numbers. */
static void *read_on_a_thread(void *sum)
{
    const size_t rows = eidos_activations_row_count(activations);
    const size_t columns = eidos_activations_column_count(activations);
    float *codes = malloc(rows * CONCEPTS * sizeof *codes);
    const float *view = NULL;
    double total = 0;
    size_t index;
    eidos_activations *again = NULL;
    if (eidos_activations_rows(activations, 0, rows, &view, NULL) == EIDOS_OK &&
        eidos_explainer_encode(explainer, view, rows, columns, codes, rows * CONCEPTS, NULL) == EIDOS_OK)
        for (index = 0; index < rows * CONCEPTS; index++)
            total += (double)codes[index];
    for (index = 0; index < rows; index++)
        total += (double)strlen(eidos_activations_unit(activations, index, NULL));
    if (eidos_split_model_activations(model, first_inputs, NULL, NULL, NULL, &again, 1, NULL) == EIDOS_OK) {
        const size_t fewer = eidos_activations_row_count(again);
        const float *other = NULL;
        if (fewer > 0 && eidos_activations_rows(again, 0, fewer, &other, NULL) == EIDOS_OK)
            total += memcmp(view, other, fewer * columns * sizeof *view) ? 1e9 : 1;
    }
    eidos_activations_free(again);
    free(codes);
    *(double *)sum = total;
    return NULL;
}

static void many_threads_read_the_same_handles(void)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    double sums[THREADS], alone = 0;
    int index;
    CHECK(eidos_inputs_from_texts(model, TEXTS, NULL, 2, NULL, NULL, &first_inputs, NULL) == EIDOS_OK);
    read_on_a_thread(&alone);
    CHECK(alone > 0 && alone < 1e8);
    for (index = 0; index < THREADS; index++)
        CHECK(pthread_create(&threads[index], NULL, read_on_a_thread, &sums[index]) == 0);
    for (index = 0; index < THREADS; index++) {
        pthread_join(threads[index], NULL);
        CHECK(sums[index] == alone);
    }
    eidos_inputs_free(first_inputs);
}

struct watch {
    eidos_control *control;
    uint32_t cancel_at;
    int calls;
};

static void watch_and_cancel(const eidos_progress *progress, void *user_data)
{
    struct watch *watch = user_data;
    watch->calls++;
    if (progress->stage == watch->cancel_at)
        eidos_control_cancel(watch->control);
}

static void cancelling_is_honoured_at_every_stage(void)
{
    const uint32_t stages[] = {EIDOS_STAGE_TOKENIZE, EIDOS_STAGE_FORWARD, EIDOS_STAGE_COVARIANCE, EIDOS_STAGE_FIT,
                               EIDOS_STAGE_INTERPRET};
    size_t index;
    for (index = 0; index < sizeof stages / sizeof *stages; index++) {
        struct watch watch = {NULL, 0, 0};
        eidos_inputs *read = NULL;
        eidos_activations *result = NULL;
        eidos_explainer *fitted = NULL;
        eidos_interpretation *found = NULL;
        eidos_ica_options ica;
        eidos_progress progress;
        eidos_error *error = NULL;
        eidos_status status = EIDOS_OK;
        eidos_ica_options_init(&ica, sizeof ica);
        ica.concept_count = CONCEPTS;
        watch.cancel_at = stages[index];
        CHECK(eidos_control_new(&watch.control, NULL) == EIDOS_OK);
        CHECK(eidos_control_set_callback(watch.control, watch_and_cancel, &watch, NULL) == EIDOS_OK);
        status = eidos_inputs_from_texts(model, TEXTS + FIRST, NULL, FEW, NULL, watch.control, &read, &error);
        if (status == EIDOS_OK)
            status = eidos_split_model_activations(model, read, NULL, NULL, watch.control, &result, 1, &error);
        if (status == EIDOS_OK)
            status = eidos_ica_fit(result, &ica, watch.control, &fitted, &error);
        if (status == EIDOS_OK)
            status = eidos_top_inputs_interpret(fitted, result, NULL, watch.control, &found, &error);
        CHECK(status == EIDOS_CANCELLED && error && eidos_error_status(error) == EIDOS_CANCELLED);
        CHECK(watch.calls > 0 && eidos_control_is_cancelled(watch.control));
        CHECK(eidos_control_progress(watch.control, &progress, sizeof progress, NULL) == EIDOS_OK && progress.stage == stages[index]);
        CHECK(strcmp(eidos_stage_name(progress.stage), "unknown") != 0);
        CHECK(!found);
        eidos_error_free(error);
        eidos_explainer_free(fitted);
        eidos_activations_free(result);
        eidos_inputs_free(read);
        eidos_control_free(watch.control);
    }
}

/* The parts of dlpack.h that the test needs, with its names and layout. */
typedef struct {
    uint32_t major, minor;
} Version;
typedef struct {
    void *data;
    int32_t device_type, device_id, ndim;
    uint8_t code, bits;
    uint16_t lanes;
    int64_t *shape, *strides;
    uint64_t byte_offset;
} Tensor;
typedef struct DLManagedTensorVersioned {
    Version version;
    void *manager_ctx;
    void (*deleter)(struct DLManagedTensorVersioned *self);
    uint64_t flags;
    Tensor tensor;
} DLManagedTensorVersioned;

static eidos_control *interrupted = NULL;

static void on_signal(int number)
{
    (void)number;
    eidos_control_cancel(interrupted);
}

static void send_signal(const eidos_progress *progress, void *user_data)
{
    (void)user_data;
    if (progress->stage == EIDOS_STAGE_FORWARD && !eidos_control_is_cancelled(interrupted))
        raise(SIGUSR1);
}

static void a_signal_handler_may_cancel(void)
{
    struct sigaction action;
    eidos_activations *result = NULL;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    CHECK(eidos_control_new(&interrupted, NULL) == EIDOS_OK);
    CHECK(eidos_control_set_callback(interrupted, send_signal, NULL, NULL) == EIDOS_OK);
    CHECK_FAILS(EIDOS_CANCELLED,
                eidos_split_model_activations(model, inputs, NULL, NULL, interrupted, &result, 1, &err));
    CHECK(!result);
    eidos_control_free(interrupted);
}

static void an_estimate_says_the_rows_of_a_collection(void)
{
    eidos_estimate estimate;
    eidos_control *control = NULL;
    CHECK(eidos_split_model_estimate(model, inputs, NULL, NULL, &estimate, sizeof estimate, NULL) == EIDOS_OK);
    CHECK(estimate.struct_size == sizeof estimate && estimate.text_count == TEXT_COUNT && !estimate.on_disk);
    CHECK(estimate.row_count == eidos_activations_row_count(activations));
    CHECK(estimate.row_bytes == estimate.row_count * eidos_activations_column_count(activations) * sizeof(float));
    CHECK(estimate.seconds > 0 && estimate.sampled_token_count <= estimate.token_count);
    CHECK(eidos_control_new(&control, NULL) == EIDOS_OK);
    eidos_control_cancel(control);
    CHECK_FAILS(EIDOS_CANCELLED, eidos_split_model_estimate(model, inputs, NULL, control, &estimate, sizeof estimate, &err));
    eidos_control_free(control);
}

static void a_child_process_goes_on(void)
{
    int status = -1;
    const pid_t child = fork();
    if (child == 0) {
        /* What only the threads of the parent knew is lost in a child, where they are not. */
        VALGRIND_CLO_CHANGE("--leak-check=no");
        eidos_activations *result = NULL;
        const eidos_status found = eidos_split_model_activations(model, inputs, NULL, NULL, NULL, &result, 1, NULL);
        const int same = eidos_activations_row_count(result) == eidos_activations_row_count(activations);
        eidos_activations_free(result);
        _exit(found == EIDOS_OK && same ? 0 : 1);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static int deleted = 0;

static void count_deleted(DLManagedTensorVersioned *self)
{
    (void)self;
    deleted++;
}

static void tensors_travel_without_a_copy(void)
{
    float values[6] = {1, 2, 3, 4, 5, 6};
    int64_t shape[2] = {3, 2}, strides[2] = {1, 3};
    DLManagedTensorVersioned given = {{1, 0}, NULL, count_deleted, 0, {values, 1, 0, 2, 2, 32, 1, shape, NULL, 0}};
    DLManagedTensorVersioned *taken = NULL;
    eidos_activations *rows = NULL;
    const float *view = NULL;
    eidos_error *error = NULL;

    given.tensor.strides = strides; /* column by column */
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_activations_from_dlpack(&given, NULL, 0, &rows, &err));
    given.tensor.strides = NULL;
    given.tensor.bits = 64;
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_activations_from_dlpack(&given, NULL, 0, &rows, &err));
    given.tensor.bits = 32;
    given.tensor.device_type = 10; /* ROCm */
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_activations_from_dlpack(&given, NULL, 0, &rows, &err));
    given.tensor.device_type = 2; /* a GPU that no machine has */
    given.tensor.device_id = 99;
    CHECK_FAILS(EIDOS_DEVICE, eidos_activations_from_dlpack(&given, NULL, 0, &rows, &err));
    given.tensor.device_type = 1;
    given.tensor.device_id = 0;
    given.version.major = 2;
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_activations_from_dlpack(&given, NULL, 0, &rows, &err));
    given.version.major = 1;
    given.tensor.data = NULL;
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_activations_from_dlpack(&given, NULL, 0, &rows, &err));
    given.tensor.byte_offset = 4;
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_activations_from_dlpack(&given, NULL, 0, &rows, &err));
    given.tensor.byte_offset = 0;
    given.tensor.data = values;
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_activations_from_dlpack(&given, TEXTS, 2, &rows, &err)); /* for 3 rows */
    CHECK(deleted == 0 && !rows);

    CHECK(eidos_activations_from_dlpack(&given, NULL, 0, &rows, &error) == EIDOS_OK);
    CHECK(eidos_activations_row_count(rows) == 3 && eidos_activations_column_count(rows) == 2);
    CHECK(eidos_activations_rows(rows, 0, 3, &view, NULL) == EIDOS_OK && view == values);
    CHECK(eidos_activations_to_dlpack(rows, &taken, &error) == EIDOS_OK);
    CHECK(taken && taken->tensor.data == values && taken->tensor.shape[0] == 3 && taken->tensor.strides[0] == 2);
    eidos_activations_free(rows);
    CHECK(deleted == 0); /* the exported tensor still needs the memory */
    taken->deleter(taken);
    CHECK(deleted == 1);
}

static void what_is_saved_opens_the_same(const char *folder)
{
    char path[3][1024];
    eidos_activations *rows = NULL, *copy = NULL;
    eidos_explainer *fitted = NULL;
    eidos_interpretation *found = NULL;
    eidos_error *error = NULL;
    const size_t count = eidos_activations_row_count(activations);
    const size_t columns = eidos_activations_column_count(activations);
    const float *before = NULL, *after = NULL, *copied = NULL;
    size_t text = 0, begin = 0, end = 0, index;

    snprintf(path[0], sizeof path[0], "%s/activations", folder);
    snprintf(path[1], sizeof path[1], "%s/explainer.safetensors", folder);
    snprintf(path[2], sizeof path[2], "%s/meaning.json", folder);
    CHECK(eidos_activations_save(activations, path[0], NULL, &error) == EIDOS_OK);
    CHECK(eidos_explainer_save(explainer, path[1], &error) == EIDOS_OK);
    CHECK(eidos_interpretation_save(meaning, path[2], &error) == EIDOS_OK);
    CHECK(eidos_activations_open(path[0], &rows, &error) == EIDOS_OK);
    CHECK(eidos_explainer_open(path[1], &fitted, &error) == EIDOS_OK);
    CHECK(eidos_interpretation_open(path[2], &found, &error) == EIDOS_OK);
    CHECK(eidos_activations_is_on_disk(rows) && eidos_activations_row_count(rows) == count);
    CHECK(eidos_activations_rows(activations, 0, count, &before, NULL) == EIDOS_OK);
    CHECK(eidos_activations_rows(rows, 0, count, &after, NULL) == EIDOS_OK);
    CHECK(before && after && memcmp(before, after, count * columns * sizeof *before) == 0);
    CHECK(eidos_activations_open_copy(path[0], &copy, &error) == EIDOS_OK && !eidos_activations_is_on_disk(copy));
    CHECK(eidos_activations_rows(copy, 0, count, &copied, NULL) == EIDOS_OK);
    CHECK(copied && memcmp(before, copied, count * columns * sizeof *before) == 0);
    eidos_activations_free(copy);
    for (index = 0; index < count; index++)
        CHECK(strcmp(eidos_activations_unit(activations, index, NULL), eidos_activations_unit(rows, index, NULL)) == 0);
    CHECK(eidos_activations_unit_span(rows, count - 1, &text, &begin, &end, NULL) == EIDOS_OK);
    CHECK(text == TEXT_COUNT - 1 && begin < end && end <= strlen(eidos_activations_text(rows, text, NULL)));
    CHECK(strcmp(eidos_activations_split_point(rows, NULL), SPLIT) == 0);
    CHECK(strcmp(eidos_explainer_split_point(fitted, NULL), SPLIT) == 0);
    CHECK(strcmp(eidos_explainer_method(fitted, NULL), "ica") == 0);
    CHECK(memcmp(eidos_explainer_dictionary(fitted, NULL), eidos_explainer_dictionary(explainer, &index),
                 CONCEPTS * columns * sizeof *before) == 0);
    CHECK(index == CONCEPTS * columns);
    CHECK(strcmp(eidos_interpretation_json(found, NULL), eidos_interpretation_json(meaning, NULL)) == 0);
    CHECK(!error);
    eidos_activations_free(rows);
    eidos_explainer_free(fitted);
    eidos_interpretation_free(found);
}

struct own_model {
    int asked, judged, wrong, destroyed;
    pthread_t thread;
    eidos_chat_reply *last;
};

/* What a chat was made with is given back once. */
static void count_destroyed(void *user_data)
{
    ((struct own_model *)user_data)->destroyed++;
}

/* A model of the caller: it names each concept after how often it was asked, finds that every passage fits, and has no
 * answer to the second question. */
static eidos_status answer(const eidos_chat_request *request, eidos_chat_reply *reply, void *user_data)
{
    struct own_model *own = user_data;
    char label[64];
    own->last = reply;
    own->wrong += request->struct_size < sizeof *request || !pthread_equal(own->thread, pthread_self());
    own->wrong += strlen(request->system_prompt) != request->system_prompt_len;
    own->wrong += strlen(request->user_prompt) != request->user_prompt_len;
    own->wrong += !strstr(request->json_schema, "\"type\"") || request->max_tokens != 1024;
    if (strstr(request->json_schema, "answers")) {
        own->judged++;
        return eidos_chat_reply_set_text(reply, "[1, 1, 1, 1]", 12, NULL);
    }
    own->wrong += !strstr(request->user_prompt, "1. (10) ");
    if (own->asked++ == 1) {
        eidos_chat_reply_set_error(reply, "the model went to lunch", NULL);
        return EIDOS_NETWORK;
    }
    snprintf(label, sizeof label, "{\"label\": \"concept %d\"} and more", own->asked);
    eidos_chat_reply_set_usage(reply, 100, 5);
    return eidos_chat_reply_set_text(reply, label, strlen(label) - 9, NULL);
}

static eidos_chat *own_chat(struct own_model *own, const eidos_chat_options *options)
{
    eidos_chat *chat = NULL;
    CHECK(eidos_chat_from_callback(answer, own, count_destroyed, options, &chat, NULL) == EIDOS_OK);
    return chat;
}

static void a_model_of_the_caller_labels_concepts(const char *folder)
{
    struct own_model own = {0, 0, 0, 0, pthread_self(), NULL};
    eidos_chat_options with;
    eidos_chat *chat = NULL, *other = NULL;
    eidos_chat_spending spent;
    eidos_llm_labels_options options;
    eidos_label_usage usage;
    eidos_interpretation *labelled = NULL, *again = NULL;
    eidos_error *error = NULL;
    char cache[1024], path[1024];
    size_t len = 0;

    snprintf(cache, sizeof cache, "%s/answers", folder);
    snprintf(path, sizeof path, "%s/labels.json", folder);
    CHECK(eidos_chat_options_init(&with, sizeof with) == EIDOS_OK && with.retries == 4);
    CHECK(eidos_llm_labels_options_init(&options, sizeof options) == EIDOS_OK && options.context == 10);
    with.cache_folder = cache;
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_chat_from_callback(answer, &own, count_destroyed, &with, &chat, &err));
    CHECK(own.destroyed == 1 && !chat);
    with.model = "own";
    with.request_budget = 0;
    chat = own_chat(&own, &with);
    options.example_count = 0;
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT,
                eidos_llm_labels_interpret(explainer, activations, chat, &options, NULL, &labelled, &err));
    options.example_count = 30;
    CHECK_FAILS(EIDOS_BUDGET_EXHAUSTED,
                eidos_llm_labels_interpret(explainer, activations, chat, &options, NULL, &labelled, &err));
    eidos_chat_free(chat);
    CHECK(own.destroyed == 2);
    with.request_budget = 100;
    chat = own_chat(&own, &with);
    options.dry_run = 1;
    CHECK(eidos_llm_labels_interpret(explainer, activations, chat, &options, NULL, &labelled, &error) == EIDOS_OK);
    CHECK(own.asked == 0 && !eidos_interpretation_label(labelled, 0, 0, NULL));
    CHECK(strstr(eidos_interpretation_label_prompt(labelled, 0, 0, &len), "1. (10) ") && len > 20);
    CHECK(eidos_interpretation_label_usage(labelled, &usage, sizeof usage, &error) == EIDOS_OK);
    CHECK(usage.dry_run == 1 && usage.requests == CONCEPTS && usage.prompt_tokens > 100);
    eidos_interpretation_free(labelled);

    options.dry_run = 0;
    CHECK(eidos_llm_labels_interpret(explainer, activations, chat, &options, NULL, &labelled, &error) == EIDOS_OK);
    CHECK(own.asked == CONCEPTS && own.wrong == 0 && own.judged == 0);
    CHECK(eidos_interpretation_concept_count(labelled) == CONCEPTS);
    CHECK(strcmp(eidos_interpretation_label(labelled, 0, EIDOS_POLE_POSITIVE, &len), "concept 1") == 0 && len == 9);
    CHECK(!eidos_interpretation_label(labelled, 0, EIDOS_POLE_NEGATIVE, NULL));
    CHECK(!eidos_interpretation_label_error(labelled, 0, 0, NULL) && !eidos_interpretation_label(labelled, CONCEPTS, 0, NULL));
    CHECK(isnan(eidos_interpretation_label_score(labelled, 0, 0)));
    CHECK(!eidos_interpretation_label(labelled, 1, 0, NULL));
    CHECK(strstr(eidos_interpretation_label_error(labelled, 1, 0, NULL), "went to lunch"));
    CHECK(eidos_interpretation_label_status(labelled, 1, 0) == EIDOS_NETWORK);
    CHECK(eidos_interpretation_label_status(labelled, 0, 0) == EIDOS_OK);
    CHECK(eidos_interpretation_label_status(labelled, SIZE_MAX, 0) == EIDOS_INVALID_ARGUMENT);
    CHECK(eidos_interpretation_label_status(labelled, 0, 2) == EIDOS_INVALID_ARGUMENT);
    CHECK(eidos_interpretation_label_status((const eidos_interpretation *)explainer, 0, 0) == EIDOS_INVALID_HANDLE);
    CHECK(eidos_interpretation_label_usage(labelled, &usage, sizeof usage, &error) == EIDOS_OK);
    CHECK(usage.requests == CONCEPTS && usage.prompt_tokens == 100 * (CONCEPTS - 1) && usage.dry_run == 0);
    CHECK(strstr(eidos_interpretation_json(labelled, NULL), "\"positive_label\":{\"text\":\"concept 1\"}"));
    CHECK(eidos_interpretation_save(labelled, path, &error) == EIDOS_OK);
    CHECK(eidos_interpretation_open(path, &again, &error) == EIDOS_OK);
    CHECK(strcmp(eidos_interpretation_label(again, 0, 0, NULL), "concept 1") == 0);
    eidos_interpretation_free(again);
    eidos_interpretation_free(labelled);

    /* Only the concept that failed is asked for again. */
    again = NULL;
    CHECK(eidos_llm_labels_interpret(explainer, activations, chat, &options, NULL, &again, &error) == EIDOS_OK);
    CHECK(own.asked == CONCEPTS + 1 && strcmp(eidos_interpretation_label(again, 1, 0, NULL), "concept 5") == 0);
    eidos_interpretation_free(again);

    /* A model that finds that everything fits has judged nothing. */
    again = NULL;
    options.score_passages = 2;
    options.example_count = 3;
    options.context = 0;
    options.score_passages_per_request = 4;
    own.asked = 2;
    CHECK(eidos_llm_labels_interpret(explainer, activations, chat, &options, NULL, &again, &error) == EIDOS_OK);
    CHECK(own.judged > 0 && own.wrong == 0);
    for (len = 0; len < CONCEPTS; len++)
        CHECK(eidos_interpretation_label_score(again, len, 0) == 0.5 || eidos_interpretation_label_error(again, len, 0, NULL));
    eidos_interpretation_free(again);

    /* Handles of the same model share what was spent; the last one of them gives the caller's data back. */
    CHECK(eidos_chat_retain(chat, &other, &error) == EIDOS_OK);
    eidos_chat_free(chat);
    CHECK(eidos_chat_spent(other, &spent, sizeof spent, &error) == EIDOS_OK && spent.struct_size == sizeof spent);
    CHECK(spent.requests == (uint64_t)(CONCEPTS + 1 + own.judged + own.asked - 2) && spent.requests_left == 100 - spent.requests);
    CHECK(spent.prompt_tokens > 0 && spent.completion_tokens > 0 && spent.cached > 0 && spent.tokens_left == UINT64_MAX);
    CHECK_FAILS(EIDOS_INVALID_HANDLE, eidos_chat_spent(chat, &spent, sizeof spent, &err));
    CHECK_FAILS(EIDOS_INVALID_HANDLE, eidos_chat_spent((const eidos_chat *)explainer, &spent, sizeof spent, &err));
    CHECK(own.destroyed == 2);
    eidos_chat_free(other);
    CHECK(own.destroyed == 3);

    again = NULL;
    CHECK(eidos_chat_from_callback(answer_nothing, NULL, NULL, NULL, &chat, &error) == EIDOS_OK);
    options.sampling = 99;
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT,
                eidos_llm_labels_interpret(explainer, activations, chat, &options, NULL, &again, &err));
    options.sampling = EIDOS_SAMPLING_QUANTILE;
    CHECK_FAILS(EIDOS_UNUSABLE_ANSWER,
                eidos_llm_labels_interpret(explainer, activations, chat, &options, NULL, &again, &err));
    CHECK(!error && !again);
    eidos_chat_free(chat);
}

/* Many threads ask with the same chat, which a model of their own answers on each of them. */
static eidos_status answer_on_any_thread(const eidos_chat_request *request, eidos_chat_reply *reply, void *user_data)
{
    (void)request, (void)user_data;
    eidos_chat_reply_set_usage(reply, 10, 1);
    return eidos_chat_reply_set_text(reply, "a label", 7, NULL);
}

static void *label_on_a_thread(void *chat)
{
    eidos_interpretation *labelled = NULL;
    eidos_label_usage usage;
    const int good = eidos_llm_labels_interpret(explainer, activations, chat, NULL, NULL, &labelled, NULL) == EIDOS_OK &&
                     eidos_interpretation_label_usage(labelled, &usage, sizeof usage, NULL) == EIDOS_OK &&
                     usage.requests == CONCEPTS && usage.prompt_tokens == 10 * CONCEPTS;
    eidos_interpretation_free(labelled);
    return good ? chat : NULL;
}

static void many_threads_ask_with_one_chat(void)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    eidos_chat *chat = NULL;
    eidos_chat_spending spent;
    void *result = NULL;
    int index;

    CHECK(eidos_chat_from_callback(answer_on_any_thread, NULL, NULL, NULL, &chat, NULL) == EIDOS_OK);
    for (index = 0; index < THREADS; index++)
        CHECK(pthread_create(&threads[index], NULL, label_on_a_thread, chat) == 0);
    for (index = 0; index < THREADS; index++)
        CHECK(pthread_join(threads[index], &result) == 0 && result == chat);
    CHECK(eidos_chat_spent(chat, &spent, sizeof spent, NULL) == EIDOS_OK);
    CHECK(spent.requests == THREADS * CONCEPTS && spent.completion_tokens == THREADS * CONCEPTS && spent.unreported == 0);
    eidos_chat_free(chat);
}

struct listener {
    int count, wrong, cancel;
    pthread_t thread;
    eidos_control *control;
    char last[256];
};

static void listen_to(const eidos_log_message *message, void *user_data)
{
    struct listener *listener = user_data;
    listener->count++;
    listener->wrong += message->struct_size < sizeof *message || !pthread_equal(listener->thread, pthread_self());
    listener->wrong += strlen(message->target) != message->target_len || strlen(message->message) != message->message_len;
    listener->wrong += message->level > EIDOS_LOG_INFO || message->elapsed_seconds < 0;
    snprintf(listener->last, sizeof listener->last, "%s", message->message);
    if (listener->cancel)
        eidos_control_cancel(listener->control);
}

static void messages_come_to_those_who_asked_for_them(void)
{
    struct listener listener = {0, 0, 0, pthread_self(), NULL, ""};
    eidos_split_model *loaded = NULL;
    eidos_log_message message;
    uint32_t older[2] = {0, 0};
    int round;

    CHECK(eidos_control_new(&listener.control, NULL) == EIDOS_OK);
    CHECK(eidos_control_set_log_callback(listener.control, EIDOS_LOG_INFO, listen_to, &listener, NULL) == EIDOS_OK);
    CHECK(eidos_control_keep_log(listener.control, EIDOS_LOG_DEBUG, NULL) == EIDOS_OK);
    CHECK(eidos_split_model_load(MODEL, &SPLIT, 1, NULL, listener.control, &loaded, NULL) == EIDOS_OK);
    eidos_split_model_free(loaded);
    CHECK(listener.count == 1 && listener.wrong == 0 && strstr(listener.last, "loaded ") && strstr(listener.last, MODEL));
    CHECK(strstr(listener.last, "safetensors"));

    /* The kept ones can be read at any time; an older caller gets what it knows. */
    CHECK(eidos_control_log_count(listener.control) == 1);
    CHECK(eidos_control_log(listener.control, 0, &message, sizeof message, NULL) == EIDOS_OK);
    CHECK(message.struct_size == sizeof message && message.level == EIDOS_LOG_INFO);
    CHECK(strcmp(message.message, listener.last) == 0 && strcmp(message.target, "model") == 0);
    CHECK(eidos_control_log(listener.control, 0, (eidos_log_message *)older, sizeof older, NULL) == EIDOS_OK);
    CHECK(older[0] == sizeof older && older[1] == EIDOS_LOG_INFO);

    /* Another level, and none at all. */
    CHECK(eidos_control_set_log_callback(listener.control, EIDOS_LOG_WARNING, listen_to, &listener, NULL) == EIDOS_OK);
    for (round = 0; round < 2; round++) {
        loaded = NULL;
        CHECK(eidos_split_model_load(MODEL, &SPLIT, 1, NULL, listener.control, &loaded, NULL) == EIDOS_OK);
        eidos_split_model_free(loaded);
        CHECK(eidos_control_set_log_callback(listener.control, EIDOS_LOG_DEBUG, NULL, NULL, NULL) == EIDOS_OK);
    }
    CHECK(listener.count == 1 && eidos_control_log_count(listener.control) == 3);
    CHECK(eidos_control_log(listener.control, 2, &message, sizeof message, NULL) == EIDOS_OK);

    /* Who listens may cancel. */
    listener.cancel = 1;
    CHECK(eidos_control_set_log_callback(listener.control, EIDOS_LOG_INFO, listen_to, &listener, NULL) == EIDOS_OK);
    {
        eidos_chat *chat = NULL;
        CHECK(eidos_chat_from_callback(answer_on_any_thread, NULL, NULL, NULL, &chat, NULL) == EIDOS_OK);
        eidos_interpretation *labelled = NULL;
        CHECK_FAILS(EIDOS_CANCELLED,
                    eidos_llm_labels_interpret(explainer, activations, chat, NULL, listener.control, &labelled, &err));
        eidos_chat_free(chat);
    }
    CHECK(listener.count == 2 && listener.wrong == 0);
    eidos_control_free(listener.control);
}

/* Writes a file of a folder and gives its path, which the next call overwrites. */
static const char *written(const char *folder, const char *name, const char *content, size_t size)
{
    static char path[4096];
    FILE *file;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "wb");
    CHECK(file && fwrite(content, 1, size, file) == size && !fclose(file));
    return path;
}

static void texts_are_read_from_files(const char *folder)
{
    static const char lines[] = "\xef\xbb\xbf" "a warm film\r\n\r\n cold ";
    static const char records[] = "{\"text\": \"a\\u0000b\"}\n{\"sentence\": 7}\n";
    const eidos_status wrong = EIDOS_INVALID_ARGUMENT;
    const char *path, *text;
    eidos_inputs *of_file = NULL;
    size_t len = 7;
    eidos_texts *texts = NULL;
    eidos_control *control = NULL;
    eidos_error *error = NULL;
    eidos_texts *shared = NULL;
    eidos_texts_options options;

    CHECK(eidos_texts_options_init(&options, sizeof options) == EIDOS_OK);
    path = written(folder, "texts.txt", lines, sizeof lines - 1);
    CHECK(eidos_texts_read(path, NULL, NULL, &texts, &error) == EIDOS_OK);
    CHECK(eidos_texts_count(texts) == 2 && strcmp(eidos_texts_get(texts, 1, &len), " cold ") == 0 && len == 6);
    CHECK(!eidos_texts_get(texts, 2, &len) && len == 0 && !eidos_texts_get(texts, SIZE_MAX, NULL));
    text = eidos_texts_get(texts, 1, NULL);
    CHECK_FAILS(wrong, eidos_texts_retain(texts, NULL, &err));
    CHECK(eidos_texts_retain(texts, &shared, &error) == EIDOS_OK);
    eidos_texts_free(texts);
    CHECK(eidos_texts_count(shared) == 2 && text == eidos_texts_get(shared, 1, NULL));
    eidos_texts_free(shared);

    options.keep_empty = 1;
    options.most_texts = 2;
    CHECK(eidos_texts_read(path, &options, NULL, &texts, &error) == EIDOS_OK);
    CHECK(eidos_texts_count(texts) == 2 && *eidos_texts_get(texts, 1, &len) == 0 && len == 0);
    eidos_texts_free(texts);
    CHECK(eidos_control_new(&control, &error) == EIDOS_OK);
    eidos_control_cancel(control);
    CHECK_FAILS(EIDOS_CANCELLED, eidos_texts_read(path, NULL, control, &texts, &err));
    eidos_control_free(control);

    path = written(folder, "texts.jsonl", records, sizeof records - 1);
    options.most_texts = 1;
    CHECK(eidos_texts_read(path, &options, NULL, &texts, &error) == EIDOS_OK);
    CHECK(memcmp(eidos_texts_get(texts, 0, &len), "a\0b", 4) == 0 && len == 3);
    CHECK(eidos_inputs_from_texts_handle(model, texts, NULL, NULL, &of_file, &error) == EIDOS_OK);
    CHECK(eidos_inputs_text_count(of_file) == 1);
    CHECK(memcmp(eidos_inputs_text(of_file, 0, &len), "a\0b", 4) == 0 && len == 3);
    eidos_inputs_free(of_file);
    eidos_texts_free(texts);
    CHECK(eidos_texts_read(path, NULL, NULL, &texts, &error) == EIDOS_INVALID_FILE);
    CHECK(strstr(eidos_error_message(error, NULL), "line 2: there is no field `text`"));
    CHECK(strcmp(eidos_error_detail_key(error, 1, NULL), "line") == 0 && *eidos_error_detail_value(error, 1, NULL) == '2');
    eidos_error_free(error);
    options.most_texts = 0;
    CHECK(eidos_texts_read(path, &options, NULL, &texts, NULL) == EIDOS_OK && eidos_texts_count(texts) == 0);
    eidos_texts_free(texts);
    options.most_texts = UINT64_MAX;
    options.field = "sentence";
    CHECK_FAILS(EIDOS_INVALID_FILE, eidos_texts_read(path, &options, NULL, &texts, &err));
    options.format = 9;
    CHECK_FAILS(wrong, eidos_texts_read(path, &options, NULL, &texts, &err));

    CHECK_FAILS(wrong, eidos_texts_read(NULL, NULL, NULL, &texts, &err));
    CHECK_FAILS(wrong, eidos_texts_read(path, NULL, NULL, NULL, &err));
    CHECK_FAILS(EIDOS_INVALID_FILE, eidos_texts_read(folder, NULL, NULL, &texts, &err));
    CHECK_FAILS(EIDOS_NOT_FOUND, eidos_texts_read("no such file", NULL, NULL, &texts, &err));
    CHECK_FAILS(EIDOS_INVALID_HANDLE, eidos_inputs_from_texts_handle(model, (const eidos_texts *)model, NULL, NULL, &of_file, &err));
    CHECK(eidos_texts_count(NULL) == 0 && eidos_texts_count((const eidos_texts *)model) == 0);
    CHECK(!eidos_texts_get(NULL, 0, NULL) && !eidos_texts_get((const eidos_texts *)model, 0, NULL));
    eidos_texts_free(NULL);
}

/* Adds nothing: this process is the only one. */
static eidos_status alone(double *values, size_t count, void *user_data)
{
    CHECK(values != NULL && count > 0);
    ++*(int *)user_data;
    return EIDOS_OK;
}

static int given_back_count = 0;

static void given_back(void *user_data)
{
    CHECK(user_data != NULL);
    given_back_count++;
}

static eidos_status broken(double *values, size_t count, void *user_data)
{
    (void)values, (void)count, (void)user_data;
    return EIDOS_NETWORK;
}

static void sums_go_through_the_function_of_the_caller(void)
{
    float rows[40];
    for (int i = 0; i < 40; ++i) rows[i] = (float)((i * i * 7) % 23) - (float)(i % 5);
    eidos_error *err = NULL;
    eidos_activations *activations = NULL, *spread = NULL, *none = NULL;
    CHECK(eidos_activations_from_rows(rows, 10, 4, NULL, 0, &activations, &err) == EIDOS_OK);
    int calls = 0;
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_activations_spread(activations, NULL, NULL, NULL, &none, &err));
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_activations_spread(NULL, alone, &calls, given_back, &none, &err));
    CHECK(given_back_count == 1); /* a call that fails gives back what it was given */
    CHECK(eidos_activations_spread(activations, alone, &calls, given_back, &spread, &err) == EIDOS_OK);
    eidos_ica_options ica;
    CHECK(eidos_ica_options_init(&ica, sizeof ica) == EIDOS_OK);
    ica.concept_count = 2;
    ica.max_iterations = 5;
    eidos_explainer *one = NULL, *other = NULL, *failed = NULL;
    CHECK(eidos_ica_fit(activations, &ica, NULL, &one, &err) == EIDOS_OK && calls == 0);
    CHECK(eidos_ica_fit(spread, &ica, NULL, &other, &err) == EIDOS_OK && calls > 2);
    size_t length = 0;
    const float *left = eidos_explainer_dictionary(one, &length), *right = eidos_explainer_dictionary(other, NULL);
    CHECK(length == 8 && memcmp(left, right, length * sizeof *left) == 0);
    CHECK(eidos_explainer_measure_count(one) == 1 && eidos_explainer_measure_count(NULL) == 0);
    CHECK(strcmp(eidos_explainer_measure_name(one, 0, NULL), "last_change") == 0);
    const double *change = eidos_explainer_measure_values(one, 0, &length);
    CHECK(length == 1 && change[0] >= 0);
    CHECK(eidos_explainer_measure_name(one, 1, &length) == NULL && length == 0);
    CHECK(eidos_explainer_measure_values(one, 1, &length) == NULL && length == 0);
    CHECK(eidos_activations_retain(spread, &none, &err) == EIDOS_OK);
    eidos_activations_free(spread);
    CHECK(given_back_count == 1);
    eidos_activations_free(none);
    CHECK(given_back_count == 2);
    CHECK(eidos_activations_spread(activations, broken, NULL, NULL, &spread, &err) == EIDOS_OK);
    CHECK_FAILS(EIDOS_NETWORK, eidos_ica_fit(spread, &ica, NULL, &failed, &err));
    eidos_activations_free(spread);
    eidos_activations_free(activations);
    eidos_explainer_free(one);
    eidos_explainer_free(other);
}

static void a_dictionary_of_the_caller_explains(void)
{
    const float dictionary[] = {1, 0, 0, 2, 1, 1}, encoder[] = {1, 0, 0, 0.5f, 1, 1};
    const float bias[] = {0, 0.5f, -1}, offset[] = {10, 20}, row[] = {9, 22};
    eidos_error *err = NULL;
    eidos_explainer *explainer = NULL, *none = NULL;
    CHECK(eidos_explainer_from_dictionary(dictionary, encoder, bias, offset, 3, 2, 1, &explainer, &err) == EIDOS_OK);
    float codes[3], back[2];
    CHECK(eidos_explainer_encode(explainer, row, 1, 2, codes, 3, &err) == EIDOS_OK);
    CHECK(codes[0] == 0 && codes[1] == 1.5f && codes[2] == 0);
    CHECK(eidos_explainer_decode(explainer, codes, 1, 3, back, 2, &err) == EIDOS_OK);
    CHECK(back[0] == 10 && back[1] == 23);
    eidos_explainer_free(explainer);
    CHECK(eidos_explainer_from_dictionary(dictionary, NULL, NULL, NULL, 3, 2, 0, &explainer, &err) == EIDOS_OK);
    CHECK(eidos_explainer_encode(explainer, row, 1, 2, codes, 3, &err) == EIDOS_OK);
    CHECK(codes[0] == 9 && codes[1] == 44 && codes[2] == 31);
    eidos_explainer_free(explainer);
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_explainer_from_dictionary(NULL, NULL, NULL, NULL, 3, 2, 0, &none, &err));
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_explainer_from_dictionary(dictionary, NULL, NULL, NULL, 3, 0, 0, &none, &err));
    const float hole[] = {0, 0, NAN};
    CHECK_FAILS(EIDOS_INVALID_DATA, eidos_explainer_from_dictionary(dictionary, NULL, hole, NULL, 3, 2, 0, &none, &err));
}

/* A library without CUDA, or a machine without a GPU, is no error for the list: it is empty, and has a reason. */
static void devices_are_listed_or_a_reason_is_given(void)
{
    const char *const features = eidos_features();
    const int cuda = strstr(features, "cuda") != NULL;
    const char *const split[] = {"model.layers.1.mlp"};
    eidos_devices *devices = NULL;
    eidos_error *error = NULL;
    eidos_split_model *chosen = NULL;
    eidos_load_options options;
    size_t len = 7, count;

    CHECK(strstr(features, "demo-model") != NULL);
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_devices_list(NULL, &err));
    CHECK(eidos_devices_list(&devices, &error) == EIDOS_OK);
    count = eidos_devices_count(devices);
    for (size_t index = 0; index < count; index++) {
        CHECK(eidos_devices_name(devices, index, &len) && len > 0);
        CHECK(eidos_devices_free_memory(devices, index) <= eidos_devices_total_memory(devices, index));
        CHECK(eidos_devices_problem(devices, index, NULL) || eidos_devices_compute_capability(devices, index) >= 80);
    }
    CHECK(!eidos_devices_name(devices, count, &len) && len == 0 && !eidos_devices_problem(devices, SIZE_MAX, NULL));
    CHECK(!eidos_devices_total_memory(devices, count) && !eidos_devices_compute_capability(devices, SIZE_MAX));
    CHECK((eidos_devices_library_count(devices) > 0) == cuda && (count == 0 || cuda));
    CHECK(!cuda || !strcmp(eidos_devices_library_name(devices, 1, NULL), "cuBLASLt"));
    CHECK(!eidos_devices_library_name(devices, 9, NULL) && !eidos_devices_library_version(devices, 9, &len) && len == 0);
    CHECK(cuda || strstr(eidos_devices_reason(devices, NULL), "has no CUDA"));
    CHECK(eidos_devices_count(NULL) == 0 && !eidos_devices_reason(NULL, &len) && !eidos_devices_free_memory(NULL, 0));

    CHECK(eidos_load_options_init(&options, sizeof options) == EIDOS_OK && options.device == EIDOS_DEVICE_CPU);
    options.device = EIDOS_DEVICE_CUDA;
    options.device_index = (uint32_t)count;
    CHECK_FAILS(EIDOS_DEVICE, eidos_split_model_load(MODEL, split, 1, &options, NULL, &chosen, &err));
    options.device = EIDOS_DEVICE_AUTO;
    CHECK(eidos_split_model_load(MODEL, split, 1, &options, NULL, &chosen, &error) == EIDOS_OK);
    eidos_split_model_free(chosen);
    options.device = 77;
    CHECK_FAILS(EIDOS_INVALID_ARGUMENT, eidos_split_model_load(MODEL, split, 1, &options, NULL, &chosen, &err));
    eidos_devices_free(devices);
    CHECK(eidos_devices_count(devices) == 0);
    eidos_devices_free(NULL);
}

/* A report is a page, the only one of its texts, and the file that is saved; figures and tables stand apart. */
static void a_report_is_a_page(const char *folder)
{
    eidos_report_options options;
    eidos_texts *page = NULL, *figure = NULL;
    eidos_error *error = NULL;
    char path[1000], *saved = NULL;
    size_t len = 0;
    FILE *file;

    CHECK(eidos_report_options_init(&options, sizeof options) == EIDOS_OK);
    options.title = "<b>", options.concepts_without_scripts = 1;
    CHECK(eidos_report_html(explainer, meaning, activations, NULL, &options, NULL, &page, &error) == EIDOS_OK);
    CHECK(eidos_texts_count(page) == 1 && eidos_texts_get(page, 1, NULL) == NULL);
    CHECK(!strncmp(eidos_texts_get(page, 0, &len), "<!doctype html>", 15) && strlen(eidos_texts_get(page, 0, NULL)) == len);
    CHECK(strstr(eidos_texts_get(page, 0, NULL), "<title>&#60;b&#62;</title>") != NULL);
    snprintf(path, sizeof path, "%s/report.html", folder);
    CHECK(eidos_report_save(explainer, meaning, activations, NULL, path, &options, NULL, &error) == EIDOS_OK);
    file = fopen(path, "rb");
    saved = (char *)calloc(len + 2, 1);
    CHECK(file && saved && fread(saved, 1, len + 1, file) == len && !strcmp(saved, eidos_texts_get(page, 0, NULL)));
    free(saved);
    if (file) fclose(file);
    CHECK(eidos_report_map_svg(explainer, NULL, NULL, &figure, &error) == EIDOS_OK);
    CHECK(!strncmp(eidos_texts_get(figure, 0, NULL), "<svg ", 5));
    eidos_texts_free(figure);
    CHECK(eidos_report_heat_map_svg(explainer, meaning, activations, 0, 2, NULL, &figure, &error) == EIDOS_OK);
    CHECK(!strncmp(eidos_texts_get(figure, 0, NULL), "<svg ", 5));
    eidos_texts_free(figure);
    CHECK(eidos_interpretation_save_csv(meaning, path, &error) == EIDOS_OK);
    CHECK(eidos_report_save_codes_csv(explainer, meaning, activations, path, 2, NULL, &error) == EIDOS_OK);
    CHECK(eidos_report_save_neuronpedia(explainer, meaning, activations, path, NULL, NULL, &error) == EIDOS_OK);
    snprintf(path, sizeof path, "%s/none/report.html", folder);
    CHECK_FAILS(EIDOS_NOT_FOUND, eidos_report_save(explainer, meaning, activations, NULL, path, NULL, NULL, &err));
    eidos_texts_free(page);
}

int main(int argc, char **argv)
{
    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: abi FOLDER [MODEL]\n");
        return 2;
    }
    if (argc == 3) MODEL = argv[2];
    CHECK(eidos_abi_version() == EIDOS_ABI_VERSION);
    CHECK(eidos_debug_live_handles() == 0);
    make_everything();
    null_is_an_error_for_each_pointer();
    logits_go_on_from_rows();
    texts_can_be_token_ids();
    inputs_are_texts_as_a_model_reads_them();
    texts_come_one_after_the_other(argv[1]);
    units_and_rows_are_left_out();
    models_and_explainers_say_what_they_are();
    what_fires_is_explained();
    rows_are_seen_in_runs(argv[1]);
    a_handle_of_another_type_is_an_error();
    a_freed_handle_is_an_error();
    retained_handles_share();
    init_writes_the_defaults();
    wrong_text_and_numbers_are_errors();
    many_threads_read_the_same_handles();
    cancelling_is_honoured_at_every_stage();
    a_signal_handler_may_cancel();
    an_estimate_says_the_rows_of_a_collection();
    a_child_process_goes_on();
    tensors_travel_without_a_copy();
    sums_go_through_the_function_of_the_caller();
    a_dictionary_of_the_caller_explains();
    devices_are_listed_or_a_reason_is_given();
    texts_are_read_from_files(argv[1]);
    what_is_saved_opens_the_same(argv[1]);
    a_model_of_the_caller_labels_concepts(argv[1]);
    a_report_is_a_page(argv[1]);
    many_threads_ask_with_one_chat();
    messages_come_to_those_who_asked_for_them();
    free_everything();
    CHECK(eidos_debug_live_handles() == 0);
    printf("%d checks, %d failed\n", checks, failures);
    return failures != 0;
}
