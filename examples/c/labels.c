/* Concepts with names, written by a language model: labels [CHAT_MODEL [MODEL [SPLIT [TEXTS [CONCEPTS]]]]]
 *
 * CHAT_MODEL is a model behind an OpenAI-compatible server: OPENAI_BASE_URL says where (by default OpenAI itself) and
 * OPENAI_API_KEY who pays. Answers are kept in the folder labels-cache. Without CHAT_MODEL, or with -, nothing is asked: the
 * first prompt and an estimate of the cost are printed. TEXTS is a file with one text a line or JSON lines. */
#include <eidos.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A string of an interpretation, or another one where it has none. */
static const char *string_or(const char *string, const char *other)
{
    return string ? string : other;
}

/*    3 0.85 negations */
static void print_label(const eidos_interpretation *meaning, size_t index)
{
    const double value = eidos_interpretation_label_score(meaning, index, EIDOS_POLE_POSITIVE);
    char score[16] = "";
    if (!isnan(value))
        snprintf(score, sizeof score, "%.2f", value);
    printf("%4zu %4s %s %s\n", eidos_interpretation_concept(meaning, index), score,
           string_or(eidos_interpretation_label(meaning, index, EIDOS_POLE_POSITIVE, NULL), "-"),
           string_or(eidos_interpretation_label_error(meaning, index, EIDOS_POLE_POSITIVE, NULL), ""));
}

static void print_usage(const eidos_label_usage *usage)
{
    printf("%llu requests and %llu answers from the cache: %llu tokens of questions, %llu of answers\n",
           (unsigned long long)usage->requests, (unsigned long long)usage->cached, (unsigned long long)usage->prompt_tokens,
           (unsigned long long)usage->completion_tokens);
}

int main(int argc, char **argv)
{
    const char *chat_model = argc > 1 ? argv[1] : "-";
    const char *id = argc > 2 ? argv[2] : "eidos:demo";
    const char *split = argc > 3 ? argv[3] : "model.layers.2.mlp";
    const char *path = argc > 4 ? argv[4] : "assets/demo-texts.txt";
    size_t index;
    int failed;

    eidos_texts *texts = NULL;
    eidos_split_model *model = NULL;
    eidos_inputs *inputs = NULL;
    eidos_activations *activations = NULL;
    eidos_explainer *explainer = NULL;
    eidos_chat *chat = NULL;
    eidos_interpretation *meaning = NULL;
    eidos_error *error = NULL;
    eidos_ica_options ica;
    eidos_chat_options chat_options;
    eidos_llm_labels_options labels;
    eidos_label_usage usage;

    eidos_ica_options_init(&ica, sizeof ica);
    ica.concept_count = argc > 5 ? (uint32_t)strtoul(argv[5], NULL, 10) : 20;
    eidos_chat_options_init(&chat_options, sizeof chat_options);
    chat_options.model = chat_model;
    eidos_llm_labels_options_init(&labels, sizeof labels);
    labels.score_passages = 20;
    labels.dry_run = strcmp(chat_model, "-") == 0;
    if (!labels.dry_run)
        chat_options.cache_folder = "labels-cache";

    failed = eidos_texts_read(path, NULL, NULL, &texts, &error) ||
             eidos_split_model_load(id, &split, 1, NULL, NULL, &model, &error) ||
             eidos_inputs_from_texts_handle(model, texts, NULL, NULL, &inputs, &error) ||
             eidos_split_model_activations(model, inputs, NULL, NULL, NULL, &activations, 1, &error) ||
             eidos_ica_fit(activations, &ica, NULL, &explainer, &error) ||
             eidos_chat_new(&chat_options, &chat, &error) ||
             eidos_llm_labels_interpret(explainer, activations, chat, &labels, NULL, &meaning, &error) ||
             eidos_interpretation_label_usage(meaning, &usage, sizeof usage, &error);
    if (failed) {
        fprintf(stderr, "error: %s\nhint:  %s\n", eidos_error_message(error, NULL), eidos_error_hint(error, NULL));
        eidos_error_free(error);
    } else if (labels.dry_run) {
        printf("%sAbout ", string_or(eidos_interpretation_label_prompt(meaning, 0, EIDOS_POLE_POSITIVE, NULL), ""));
        print_usage(&usage);
    } else {
        for (index = 0; index < eidos_interpretation_concept_count(meaning); index++)
            print_label(meaning, index);
        print_usage(&usage);
    }

    eidos_interpretation_free(meaning);
    eidos_chat_free(chat);
    eidos_explainer_free(explainer);
    eidos_activations_free(activations);
    eidos_inputs_free(inputs);
    eidos_split_model_free(model);
    eidos_texts_free(texts);
    return failed;
}
