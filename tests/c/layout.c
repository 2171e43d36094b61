/* The layout of every struct of the header as C sees it, as JSON: other languages are held to it. */
#include <eidos.h>
#include <stdio.h>

#define STRUCT(type) printf("%s  \"%s\": {\"size\": %zu", separator, #type, sizeof(type)), separator = ",\n"
#define FIELD(type, field) printf(", \"%s\": %zu", #field, offsetof(type, field))
#define END printf("}")

int main(void)
{
    const char *separator = "{\n";

    STRUCT(eidos_progress);
    FIELD(eidos_progress, stage);
    FIELD(eidos_progress, reserved);
    FIELD(eidos_progress, done);
    FIELD(eidos_progress, total);
    FIELD(eidos_progress, elapsed_seconds);
    END;

    STRUCT(eidos_load_options);
    FIELD(eidos_load_options, struct_size);
    FIELD(eidos_load_options, head);
    FIELD(eidos_load_options, device);
    FIELD(eidos_load_options, device_index);
    FIELD(eidos_load_options, network);
    FIELD(eidos_load_options, reserved);
    FIELD(eidos_load_options, revision);
    FIELD(eidos_load_options, token);
    FIELD(eidos_load_options, cache_folder);
    FIELD(eidos_load_options, endpoint);
    END;

    STRUCT(eidos_activations_options);
    FIELD(eidos_activations_options, struct_size);
    FIELD(eidos_activations_options, granularity);
    FIELD(eidos_activations_options, aggregation);
    FIELD(eidos_activations_options, threads);
    FIELD(eidos_activations_options, batch_tokens);
    FIELD(eidos_activations_options, memory_limit);
    FIELD(eidos_activations_options, shard_bytes);
    FIELD(eidos_activations_options, folder);
    END;

    STRUCT(eidos_fit_report);
    FIELD(eidos_fit_report, converged);
    FIELD(eidos_fit_report, iterations);
    FIELD(eidos_fit_report, last_change);
    END;

    STRUCT(eidos_ica_options);
    FIELD(eidos_ica_options, struct_size);
    FIELD(eidos_ica_options, concept_count);
    FIELD(eidos_ica_options, algorithm);
    FIELD(eidos_ica_options, contrast);
    FIELD(eidos_ica_options, alpha);
    FIELD(eidos_ica_options, tolerance);
    FIELD(eidos_ica_options, max_iterations);
    FIELD(eidos_ica_options, seed);
    FIELD(eidos_ica_options, raw_signs);
    FIELD(eidos_ica_options, threads);
    END;

    STRUCT(eidos_top_inputs_options);
    FIELD(eidos_top_inputs_options, struct_size);
    FIELD(eidos_top_inputs_options, negative_pole);
    FIELD(eidos_top_inputs_options, k);
    FIELD(eidos_top_inputs_options, concepts);
    FIELD(eidos_top_inputs_options, concept_count);
    END;

    printf("\n}\n");
    return 0;
}
