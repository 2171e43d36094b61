/* A program of somebody else, in C. */
#include <eidos.h>
#include <stdio.h>

int main(void)
{
    const char *split = "model.layers.2.mlp", *texts[] = {"a word", "and more"};
    eidos_split_model *model = NULL;
    eidos_inputs *inputs = NULL;
    eidos_activations *activations = NULL;
    if (eidos_split_model_load("eidos:demo", &split, 1, NULL, NULL, &model, NULL) ||
        eidos_inputs_from_texts(model, texts, NULL, 2, NULL, NULL, &inputs, NULL) ||
        eidos_split_model_activations(model, inputs, NULL, NULL, NULL, &activations, 1, NULL))
        return 1;
    printf("Eidos %s: %zu words\n", eidos_version(), eidos_activations_row_count(activations));
    eidos_activations_free(activations);
    eidos_inputs_free(inputs);
    eidos_split_model_free(model);
    return 0;
}
