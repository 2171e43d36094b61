/*
 * What the block in C of the README presupposes.
 * prints: Concept 4: ' jokes'
 */
#include <eidos.h>
#include <stdio.h>

int main(void)
{
    const char *split = "model.layers.2.mlp";
    const char *texts[400];
    size_t text_count;
    eidos_texts *file = NULL;
    eidos_split_model *model = NULL;
    eidos_inputs *inputs = NULL;
    eidos_activations *activations = NULL;
    eidos_explainer *explainer = NULL;
    eidos_interpretation *meaning = NULL;
    eidos_error *error = NULL;
    eidos_ica_options options;

    eidos_ica_options_init(&options, sizeof options);
    options.concept_count = 20;
    eidos_texts_read("assets/demo-texts.txt", NULL, NULL, &file, &error);
    for (text_count = 0; text_count < eidos_texts_count(file); text_count++)
        texts[text_count] = eidos_texts_get(file, text_count, NULL);
    /* BLOCKS */
    printf("Concept 4: '%s'\n", eidos_interpretation_input(meaning, 4, EIDOS_POLE_POSITIVE, 0, NULL));

    eidos_error_free(error);
    eidos_interpretation_free(meaning);
    eidos_explainer_free(explainer);
    eidos_activations_free(activations);
    eidos_inputs_free(inputs);
    eidos_split_model_free(model);
    eidos_texts_free(file);
    return eidos_debug_live_handles() != 0;
}
