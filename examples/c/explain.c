/* Which concepts fire on the words of new texts: explain [MODEL [SPLIT [TEXTS]]]
 *
 * Concepts are learned from TEXTS, one text a line or JSON lines, at the module SPLIT of MODEL: a folder, a Hub id or
 * eidos:demo. */
#include <eidos.h>
#include <stdio.h>

enum { CONCEPTS = 20, NEW_TEXTS = 2 };

/* None of them is among the texts that the concepts are learned from. */
static const char *new_texts[NEW_TEXTS] = {"His jokes are tired, but her voice is wonderful.",
                                           "A quiet film about war, with beautiful songs."};

/* A progress bar on a terminal's last line. */
static void show_progress(const eidos_progress *progress, void *user_data)
{
    const int width = 30;
    const int filled = progress->total ? (int)((double)progress->done / (double)progress->total * width) : 0;
    (void)user_data;
    fprintf(stderr, "\r%-10s [%.*s%*s] %5.1fs ", eidos_stage_name(progress->stage), filled,
            "##############################", width - filled, "", progress->elapsed_seconds);
}

/* Says what went wrong and what to do about it. */
static int report(eidos_error *error)
{
    fprintf(stderr, "error: %s\n", eidos_error_message(error, NULL));
    fprintf(stderr, "hint:  %s\n", eidos_error_hint(error, NULL));
    eidos_error_free(error);
    return 1;
}

/* Concept 0: [' all', ' everything'] */
static void print_concept(const eidos_interpretation *meaning, size_t index)
{
    size_t rank, size = eidos_interpretation_size(meaning, index, EIDOS_POLE_POSITIVE);
    printf("Concept %zu: [", eidos_interpretation_concept(meaning, index));
    for (rank = 0; rank < size; rank++)
        printf("%s'%s'", rank ? ", " : "", eidos_interpretation_input(meaning, index, EIDOS_POLE_POSITIVE, rank, NULL));
    printf("]\n");
}

/* ' film': concept 3 ' film', ' movie' (4.1 standard deviations, above 99.8 % of the words) */
static int print_unit(const eidos_explanation *explanation, size_t unit, eidos_error **error)
{
    size_t rank, count = eidos_explanation_firing_count(explanation, unit);
    printf("  '%s':%s", eidos_explanation_unit(explanation, unit, NULL), count ? "" : " nothing");
    for (rank = 0; rank < count; rank++) {
        eidos_firing firing;
        const char *name;
        if (eidos_explanation_firing(explanation, unit, rank, &firing, sizeof firing, error))
            return 1;
        name = eidos_explanation_name(explanation, firing.concept_index, firing.pole, NULL);
        printf("%s concept %zu %s (%.1f standard deviations, above %.1f %% of the words)", rank ? ";" : "",
               (size_t)firing.concept_index, name ? name : "", firing.deviations, firing.percentile);
    }
    printf("\n");
    return 0;
}

/* Each text, and below it its words. */
static int print_explanation(const eidos_explanation *explanation, eidos_error **error)
{
    size_t unit, text = 0, last = (size_t)-1;
    for (unit = 0; unit < eidos_explanation_unit_count(explanation); unit++, last = text) {
        if (eidos_explanation_unit_span(explanation, unit, &text, NULL, NULL, error))
            return 1;
        if (text != last)
            printf("%s\n", eidos_explanation_text(explanation, text, NULL));
        if (print_unit(explanation, unit, error))
            return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    const char *id = argc > 1 ? argv[1] : "eidos:demo";
    const char *split = argc > 2 ? argv[2] : "model.layers.2.mlp";
    const char *path = argc > 3 ? argv[3] : "assets/demo-texts.txt";
    size_t index;
    int failed = 0;

    eidos_texts *texts = NULL;
    eidos_split_model *model = NULL;
    eidos_inputs *inputs = NULL, *new_inputs = NULL;
    eidos_activations *words = NULL;
    eidos_explainer *explainer = NULL;
    eidos_interpretation *meaning = NULL;
    eidos_explanation *explanation = NULL;
    eidos_control *control = NULL;
    eidos_error *error = NULL;
    eidos_ica_options ica;
    eidos_explain_options explain;

    eidos_ica_options_init(&ica, sizeof ica);
    ica.concept_count = CONCEPTS;
    eidos_explain_options_init(&explain, sizeof explain);
    explain.k = 2;
    if (eidos_control_new(&control, &error) || eidos_control_set_callback(control, show_progress, NULL, &error))
        return report(error);

    /* 1. Concepts, and the words that excite each of them most, by which it is known. */
    failed = eidos_texts_read(path, NULL, control, &texts, &error) ||
             eidos_split_model_load(id, &split, 1, NULL, control, &model, &error) ||
             eidos_inputs_from_texts_handle(model, texts, NULL, control, &inputs, &error) ||
             eidos_split_model_activations(model, inputs, NULL, NULL, control, &words, 1, &error) ||
             eidos_ica_fit(words, &ica, control, &explainer, &error) ||
             eidos_top_inputs_interpret(explainer, words, NULL, control, &meaning, &error);

    /* 2. New texts: the two concepts that fire most on each word, where they lie two standard deviations from their mean. */
    failed = failed || eidos_inputs_from_texts(model, new_texts, NULL, NEW_TEXTS, NULL, control, &new_inputs, &error) ||
             eidos_explain_inputs(explainer, meaning, model, new_inputs, &explain, control, &explanation, &error);
    fputc('\n', stderr);
    if (!failed) {
        for (index = 0; index < eidos_interpretation_concept_count(meaning); index++)
            print_concept(meaning, index);
        failed = print_explanation(explanation, &error);
    }
    if (failed)
        report(error);

    eidos_explanation_free(explanation);
    eidos_interpretation_free(meaning);
    eidos_explainer_free(explainer);
    eidos_activations_free(words);
    eidos_inputs_free(new_inputs);
    eidos_inputs_free(inputs);
    eidos_split_model_free(model);
    eidos_texts_free(texts);
    eidos_control_free(control);
    return failed;
}
