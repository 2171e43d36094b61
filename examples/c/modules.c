/* The modules of a model, to choose a split point from: modules [MODEL]
 *
 * MODEL is a folder, a Hub id or eidos:demo. No weights are read. */
#include <eidos.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    const char *id = argc > 1 ? argv[1] : "eidos:demo";
    eidos_split_model *model = NULL;
    eidos_error *error = NULL;
    size_t index, count, split_points = 0;

    if (eidos_split_model_load(id, NULL, 0, NULL, NULL, &model, &error)) {
        fprintf(stderr, "error: %s\nhint:  %s\n", eidos_error_message(error, NULL), eidos_error_hint(error, NULL));
        eidos_error_free(error);
        return 1;
    }
    count = eidos_split_model_module_count(model);
    for (index = 0; index < count; index++) {
        const int can_split = eidos_split_model_module_can_split(model, index);
        printf("%s %-40s %s\n", can_split ? "*" : " ", eidos_split_model_module_path(model, index, NULL),
               eidos_split_model_module_kind(model, index, NULL));
        split_points += (size_t)can_split;
    }
    printf("%zu modules, %zu of them (*) can be split points\n", count, split_points);
    printf("where to start, and what part of the blocks a run up to there takes:\n");
    for (index = 0; index < count; index++)
        if (eidos_split_model_module_is_recommended(model, index))
            printf("  %-40s %zu columns, %d %%\n", eidos_split_model_module_path(model, index, NULL),
                   eidos_split_model_module_width(model, index),
                   (int)(100 * eidos_split_model_module_cost(model, index) + 0.5));
    eidos_split_model_free(model);
    return 0;
}
