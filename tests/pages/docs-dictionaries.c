/*
 * What the block of docs/dictionaries.md presupposes.
 * prints: my_sae: 20 concepts
 */
#include <eidos.h>
#include <stdio.h>

int main(void)
{
    eidos_explainer *gemma_scope = NULL, *explainer = NULL;
    eidos_error *err = NULL;
    /* BLOCKS */
    if (err != NULL)
        printf("%s (%s)\n", eidos_error_message(err, NULL), eidos_error_hint(err, NULL));
    printf("my_sae: %zu concepts\n", eidos_explainer_concept_count(explainer));
    eidos_error_free(err);
    eidos_explainer_free(explainer);
    eidos_explainer_free(gemma_scope);
    return eidos_debug_live_handles() != 0;
}
