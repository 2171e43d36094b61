/* From texts to concepts in words: concepts [MODEL [SPLIT [TEXTS [FOLDER]]]]
 *
 * MODEL is a folder, a Hub id or eidos:demo; SPLIT is a module path of it; TEXTS is a file with one text a line or
 * JSON lines; results are saved in FOLDER. */
#include <eidos.h>
#include <stdio.h>

enum { CONCEPTS = 20, WORDS = 10 };

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

int main(int argc, char **argv)
{
    const char *id = argc > 1 ? argv[1] : "eidos:demo";
    const char *split = argc > 2 ? argv[2] : "model.layers.2.mlp";
    const char *path = argc > 3 ? argv[3] : "assets/demo-texts.txt";
    const char *folder = argc > 4 ? argv[4] : NULL;
    size_t index;
    int failed = 0;

    eidos_texts *texts = NULL;
    eidos_split_model *tree = NULL, *model = NULL;
    eidos_inputs *inputs = NULL;
    eidos_activations *activations = NULL;
    eidos_explainer *explainer = NULL;
    eidos_interpretation *meaning = NULL;
    eidos_control *control = NULL;
    eidos_error *error = NULL;
    eidos_ica_options ica;
    eidos_top_inputs_options top;

    eidos_ica_options_init(&ica, sizeof ica);
    ica.concept_count = CONCEPTS;
    eidos_top_inputs_options_init(&top, sizeof top);
    top.k = WORDS;
    if (eidos_control_new(&control, &error) || eidos_control_set_callback(control, show_progress, NULL, &error))
        return report(error);

    /* 1. The modules of the model, to choose a split point from: no weights are read for that. */
    if (eidos_split_model_load(id, NULL, 0, NULL, control, &tree, &error))
        return report(error);
    for (index = 0; index < eidos_split_model_module_count(tree); index++)
        if (eidos_split_model_module_can_split(tree, index))
            printf("%-40s %s\n", eidos_split_model_module_path(tree, index, NULL),
                   eidos_split_model_module_kind(tree, index, NULL));
    eidos_split_model_free(tree);

    /* 2. to 5. Read the texts, split, collect, fit, and ask for the words that excite each concept most. */
    failed = eidos_texts_read(path, NULL, control, &texts, &error) ||
             eidos_split_model_load(id, &split, 1, NULL, control, &model, &error) ||
             eidos_inputs_from_texts_handle(model, texts, NULL, control, &inputs, &error) ||
             eidos_split_model_activations(model, inputs, NULL, NULL, control, &activations, 1, &error) ||
             eidos_ica_fit(activations, &ica, control, &explainer, &error) ||
             eidos_top_inputs_interpret(explainer, activations, &top, control, &meaning, &error);
    fputc('\n', stderr);
    if (!failed) {
        printf("%zu words x %zu columns\n", eidos_activations_row_count(activations),
               eidos_activations_column_count(activations));
        for (index = 0; index < eidos_interpretation_concept_count(meaning); index++)
            print_concept(meaning, index);
    }

    /* 6. Keep everything for later, or for another language. */
    if (!failed && folder) {
        char file[3][4096];
        snprintf(file[0], sizeof file[0], "%s/activations", folder);
        snprintf(file[1], sizeof file[1], "%s/explainer.safetensors", folder);
        snprintf(file[2], sizeof file[2], "%s/meaning.json", folder);
        failed = eidos_activations_save(activations, file[0], NULL, &error) ||
                 eidos_explainer_save(explainer, file[1], &error) || eidos_interpretation_save(meaning, file[2], &error);
    }
    if (failed)
        report(error);

    eidos_interpretation_free(meaning);
    eidos_explainer_free(explainer);
    eidos_activations_free(activations);
    eidos_inputs_free(inputs);
    eidos_split_model_free(model);
    eidos_texts_free(texts);
    eidos_control_free(control);
    return failed;
}
