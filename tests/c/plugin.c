/* A program that opens the library while it runs, as plugins do: `plugin LIBRARY`. */
#include <eidos_api.h>

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#define CHECK(condition) \
    do { \
        if (!(condition)) return fprintf(stderr, "plugin.c:%d: %s\n", __LINE__, #condition), 1; \
    } while (0)

int main(int argc, char **argv)
{
    const char *split = "model.layers.0";
    eidos_split_model *model = NULL;
    eidos_error *error = NULL;
    const eidos_api_table *eidos;
    const void *(*api)(uint32_t);
    void *library = argc > 1 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;

    CHECK(library != NULL);
    eidos = eidos_api_from(dlsym(library, "eidos_api"));
    CHECK(eidos != NULL);
    CHECK(eidos_api_from(dlsym(library, "eidos_of_another_time")) == NULL);
    *(void **)&api = dlsym(library, "eidos_api");
    CHECK(api(EIDOS_ABI_VERSION + 1) == NULL && api(0) == NULL);
    CHECK(EIDOS_API_HAS(eidos, version) && EIDOS_API_HAS(eidos, explain_inputs));
    CHECK(eidos->size == sizeof *eidos);
    CHECK(strcmp(eidos->version(), "0.1.0") == 0);

    CHECK(eidos->split_model_load("eidos:demo", &split, 1, NULL, NULL, &model, &error) == EIDOS_OK);
    CHECK(eidos->split_model_width(model, 0) == 192);
    split = "no.such.module";
    CHECK(eidos->split_model_load("eidos:demo", &split, 1, NULL, NULL, &model, &error) == EIDOS_UNKNOWN_MODULE);
    CHECK(strstr(eidos->error_message(error, NULL), split) != NULL);
    eidos->error_free(error);
    eidos->split_model_free(model);
    CHECK(eidos->debug_live_handles() == 0);
    return 0;
}
