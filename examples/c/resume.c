/* A long job that is cancelled, goes on where it stopped, and is opened again later: resume FOLDER [TEXTS]
 *
 * FOLDER receives the results and must not hold those of another job; TEXTS is a file with one text a line or JSON lines. */
#include <eidos.h>
#include <stdio.h>
#include <stdlib.h>

enum { CONCEPTS = 10, WORDS = 5 };

/* Cancels once half of the tokens went through the model. */
static void cancel_halfway(const eidos_progress *progress, void *control)
{
    if (progress->stage == EIDOS_STAGE_FORWARD && 2 * progress->done >= progress->total)
        eidos_control_cancel(control);
}

/* Ends the program when a call failed, saying what to do. The error is a pointer to the variable that the call has written:
 * its value would be read before the call where a compiler evaluates that argument first. */
static void check(eidos_status status, eidos_error *const *error)
{
    if (!status)
        return;
    fprintf(stderr, "error: %s\nhint:  %s\n", eidos_error_message(*error, NULL), eidos_error_hint(*error, NULL));
    exit(1);
}

int main(int argc, char **argv)
{
    const char *split = "model.layers.2.mlp";
    char activations_folder[4096], explainer_file[4096];
    size_t index, rank;
    eidos_status status;

    eidos_texts *texts = NULL;
    eidos_split_model *model = NULL;
    eidos_inputs *inputs = NULL;
    eidos_activations *activations = NULL;
    eidos_explainer *explainer = NULL;
    eidos_interpretation *meaning = NULL;
    eidos_control *control = NULL;
    eidos_error *error = NULL;
    eidos_activations_options collect;
    eidos_ica_options ica;
    eidos_top_inputs_options top;

    if (argc < 2) {
        fprintf(stderr, "usage: resume FOLDER [TEXTS]\n");
        return 2;
    }
    check(eidos_texts_read(argc > 2 ? argv[2] : "assets/demo-texts.txt", NULL, NULL, &texts, &error), &error);
    snprintf(activations_folder, sizeof activations_folder, "%s/activations", argv[1]);
    snprintf(explainer_file, sizeof explainer_file, "%s/explainer.safetensors", argv[1]);

    /* 1. Collect into a folder, in small shards, and cancel halfway: the complete shards stay. */
    eidos_activations_options_init(&collect, sizeof collect);
    collect.folder = activations_folder;
    collect.shard_bytes = 1 << 18;
    collect.batch_tokens = 256;
    check(eidos_split_model_load("eidos:demo", &split, 1, NULL, NULL, &model, &error), &error);
    check(eidos_inputs_from_texts_handle(model, texts, NULL, NULL, &inputs, &error), &error);
    check(eidos_control_new(&control, &error), &error);
    check(eidos_control_set_callback(control, cancel_halfway, control, &error), &error);
    status = eidos_split_model_activations(model, inputs, NULL, &collect, control, &activations, 1, &error);
    printf("first run: %s\n", eidos_status_name(status));
    eidos_error_free(error);
    error = NULL;

    /* 2. The same call again goes on from there. */
    check(eidos_split_model_activations(model, inputs, NULL, &collect, NULL, &activations, 1, &error), &error);
    printf("second run: %zu words x %zu columns\n", eidos_activations_row_count(activations),
           eidos_activations_column_count(activations));
    eidos_inputs_free(inputs);
    eidos_split_model_free(model);

    /* 3. Fit and keep the concepts, and forget everything. */
    eidos_ica_options_init(&ica, sizeof ica);
    ica.concept_count = CONCEPTS;
    check(eidos_ica_fit(activations, &ica, NULL, &explainer, &error), &error);
    check(eidos_explainer_save(explainer, explainer_file, &error), &error);
    eidos_explainer_free(explainer);
    eidos_activations_free(activations);

    /* 4. Another day, perhaps in another language: open both and ask what the concepts mean. */
    check(eidos_activations_open(activations_folder, &activations, &error), &error);
    check(eidos_explainer_open(explainer_file, &explainer, &error), &error);
    printf("opened again: %zu words, %zu concepts of %s\n", eidos_activations_row_count(activations),
           eidos_explainer_concept_count(explainer), eidos_explainer_split_point(explainer, NULL));
    eidos_top_inputs_options_init(&top, sizeof top);
    top.k = WORDS;
    check(eidos_top_inputs_interpret(explainer, activations, &top, NULL, &meaning, &error), &error);
    for (index = 0; index < eidos_interpretation_concept_count(meaning); index++) {
        printf("Concept %zu: [", eidos_interpretation_concept(meaning, index));
        for (rank = 0; rank < eidos_interpretation_size(meaning, index, EIDOS_POLE_POSITIVE); rank++)
            printf("%s'%s'", rank ? ", " : "",
                   eidos_interpretation_input(meaning, index, EIDOS_POLE_POSITIVE, rank, NULL));
        printf("]\n");
    }

    eidos_interpretation_free(meaning);
    eidos_explainer_free(explainer);
    eidos_activations_free(activations);
    eidos_control_free(control);
    eidos_texts_free(texts);
    return status != EIDOS_CANCELLED;
}
