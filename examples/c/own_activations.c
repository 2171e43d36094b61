/* Concepts of a matrix that came from elsewhere, without a model: own_activations
 *
 * Three independent sources are mixed into six columns; ICA finds the sources again. The numbers are drawn with integers
 * only, so that this example prints the same in every language. */
#include <eidos.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>

enum { ROWS = 2000, COLUMNS = 6, SOURCES = 3, INPUTS = 3 };

static const double mixing[SOURCES][COLUMNS] = {{2, -1, 0, 1, 3, 1}, {1, 1, -2, 0, 1, -3}, {0, 2, 1, -1, 1, 1}};

/* The next draw of a linear congruential generator, between -1 and 1, to the fifth power: mostly small, rarely large. */
static double draw(uint64_t *state)
{
    double u;
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    u = (double)(*state >> 40) / 8388608.0 - 1.0;
    return u * u * u * u * u;
}

int main(void)
{
    static float rows[ROWS * COLUMNS], codes[ROWS * SOURCES], decoded[ROWS * COLUMNS];
    static char names[ROWS][16];
    static const char *units[ROWS];
    uint64_t state = 1;
    size_t row, column, source, index, rank;
    double largest = 0;
    int failed;

    eidos_activations *activations = NULL;
    eidos_explainer *explainer = NULL;
    eidos_interpretation *meaning = NULL;
    eidos_error *error = NULL;
    eidos_ica_options ica;
    eidos_top_inputs_options top;

    for (row = 0; row < ROWS; row++) {
        double mixed[COLUMNS] = {0};
        for (source = 0; source < SOURCES; source++) {
            const double value = draw(&state);
            for (column = 0; column < COLUMNS; column++)
                mixed[column] += value * mixing[source][column];
        }
        for (column = 0; column < COLUMNS; column++)
            rows[row * COLUMNS + column] = (float)(mixed[column] + (double)column);
        snprintf(names[row], sizeof names[row], "row %zu", row);
        units[row] = names[row];
    }

    eidos_ica_options_init(&ica, sizeof ica);
    ica.concept_count = SOURCES;
    eidos_top_inputs_options_init(&top, sizeof top);
    top.k = INPUTS;
    failed = eidos_activations_from_rows(rows, ROWS, COLUMNS, units, ROWS, &activations, &error) ||
             eidos_ica_fit(activations, &ica, NULL, &explainer, &error) ||
             eidos_top_inputs_interpret(explainer, activations, &top, NULL, &meaning, &error) ||
             eidos_explainer_encode(explainer, rows, ROWS, COLUMNS, codes, ROWS * SOURCES, &error) ||
             eidos_explainer_decode(explainer, codes, ROWS, SOURCES, decoded, ROWS * COLUMNS, &error);
    if (failed) {
        fprintf(stderr, "error: %s\nhint:  %s\n", eidos_error_message(error, NULL), eidos_error_hint(error, NULL));
        eidos_error_free(error);
    } else {
        printf("%zu rows x %zu columns, %s\n", eidos_activations_row_count(activations),
               eidos_activations_column_count(activations), eidos_explainer_converged(explainer) ? "converged" : "not converged");
        for (index = 0; index < eidos_interpretation_concept_count(meaning); index++) {
            printf("Concept %zu:", eidos_interpretation_concept(meaning, index));
            for (rank = 0; rank < eidos_interpretation_size(meaning, index, EIDOS_POLE_POSITIVE); rank++)
                printf(" '%s' %.2f", eidos_interpretation_input(meaning, index, EIDOS_POLE_POSITIVE, rank, NULL),
                       eidos_interpretation_activation(meaning, index, EIDOS_POLE_POSITIVE, rank));
            printf("\n");
        }
        for (index = 0; index < ROWS * COLUMNS; index++)
            largest = fmax(largest, fabs((double)decoded[index] - (double)rows[index]));
        printf("decoding gives the rows back: %s\n", largest < 1e-4 ? "yes" : "no");
    }

    eidos_interpretation_free(meaning);
    eidos_explainer_free(explainer);
    eidos_activations_free(activations);
    return failed;
}
