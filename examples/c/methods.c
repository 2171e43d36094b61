/* Concepts of the same words by every method: methods [MODEL [SPLIT [TEXTS]]]
 *
 * For each method: how many concepts there are, the share of the words' variance that is lost between encoding and decoding,
 * how many codes of a word are not zero, and the words that excite its first concept most. */
#include <eidos.h>
#include <stdio.h>
#include <stdlib.h>

enum { CONCEPTS = 20, WORDS = 3 };

typedef int fit_function(const eidos_activations *words, eidos_explainer **explainer, eidos_error **error);

static int ica(const eidos_activations *words, eidos_explainer **explainer, eidos_error **error)
{
    eidos_ica_options options;
    eidos_ica_options_init(&options, sizeof options);
    options.concept_count = CONCEPTS;
    return eidos_ica_fit(words, &options, NULL, explainer, error);
}

static int pca(const eidos_activations *words, eidos_explainer **explainer, eidos_error **error)
{
    eidos_pca_options options;
    eidos_pca_options_init(&options, sizeof options);
    options.concept_count = CONCEPTS;
    return eidos_pca_fit(words, &options, NULL, explainer, error);
}

static int svd(const eidos_activations *words, eidos_explainer **explainer, eidos_error **error)
{
    eidos_svd_options options;
    eidos_svd_options_init(&options, sizeof options);
    options.concept_count = CONCEPTS;
    return eidos_svd_fit(words, &options, NULL, explainer, error);
}

/* Few columns for each concept: the penalty grows with the length of a column. */
static int sparse_pca(const eidos_activations *words, eidos_explainer **explainer, eidos_error **error)
{
    eidos_sparse_pca_options options;
    eidos_sparse_pca_options_init(&options, sizeof options);
    options.concept_count = CONCEPTS;
    options.penalty = 10;
    options.tolerance = 1e-3;
    return eidos_sparse_pca_fit(words, &options, NULL, explainer, error);
}

static int kmeans(const eidos_activations *words, eidos_explainer **explainer, eidos_error **error)
{
    eidos_kmeans_options options;
    eidos_kmeans_options_init(&options, sizeof options);
    options.concept_count = CONCEPTS;
    return eidos_kmeans_fit(words, &options, NULL, explainer, error);
}

/* The activations have negative values, which it takes for zero: what they say is lost. */
static int nmf(const eidos_activations *words, eidos_explainer **explainer, eidos_error **error)
{
    eidos_nmf_options options;
    eidos_nmf_options_init(&options, sizeof options);
    options.concept_count = CONCEPTS;
    options.rectify = 1;
    return eidos_nmf_fit(words, &options, NULL, explainer, error);
}

static int semi_nmf(const eidos_activations *words, eidos_explainer **explainer, eidos_error **error)
{
    eidos_semi_nmf_options options;
    eidos_semi_nmf_options_init(&options, sizeof options);
    options.concept_count = CONCEPTS;
    return eidos_semi_nmf_fit(words, &options, NULL, explainer, error);
}

static int convex_nmf(const eidos_activations *words, eidos_explainer **explainer, eidos_error **error)
{
    eidos_convex_nmf_options options;
    eidos_convex_nmf_options_init(&options, sizeof options);
    options.concept_count = CONCEPTS;
    return eidos_convex_nmf_fit(words, &options, NULL, explainer, error);
}

static int dictionary_learning(const eidos_activations *words, eidos_explainer **explainer, eidos_error **error)
{
    eidos_dictionary_learning_options options;
    eidos_dictionary_learning_options_init(&options, sizeof options);
    options.concept_count = CONCEPTS;
    options.penalty = 0.5;
    return eidos_dictionary_learning_fit(words, &options, NULL, explainer, error);
}

/* Few steps for few words: by default it makes at least 4000. */
static int sae(const eidos_activations *words, eidos_explainer **explainer, eidos_error **error)
{
    eidos_sae_options options;
    eidos_sae_options_init(&options, sizeof options);
    options.concept_count = CONCEPTS;
    options.kind = EIDOS_SAE_TOP_K;
    options.k = 5;
    options.steps = 500;
    return eidos_sae_fit(words, &options, NULL, explainer, error);
}

static int neurons(const eidos_activations *words, eidos_explainer **explainer, eidos_error **error)
{
    return eidos_neurons_fit(words, NULL, NULL, explainer, error);
}

static int random_directions(const eidos_activations *words, eidos_explainer **explainer, eidos_error **error)
{
    eidos_random_directions_options options;
    eidos_random_directions_options_init(&options, sizeof options);
    options.concept_count = CONCEPTS;
    return eidos_random_directions_fit(words, &options, NULL, explainer, error);
}

static fit_function *const methods[] = {ica,      pca,        svd,                 sparse_pca, kmeans,  nmf,
                                        semi_nmf, convex_nmf, dictionary_learning, sae,        neurons, random_directions};

/* The sum of the squared differences between values and others, or their means by column. */
static double squared(const float *values, const float *others, const double *means, size_t rows, size_t columns)
{
    double sum = 0;
    size_t index;
    for (index = 0; index < rows * columns; index++) {
        const double other = others ? (double)others[index] : means[index % columns];
        sum += ((double)values[index] - other) * ((double)values[index] - other);
    }
    return sum;
}

/* One line of the table. */
static int print_method(fit_function *fit, const eidos_activations *words, const float *values, double variance, eidos_error **error)
{
    const size_t rows = eidos_activations_row_count(words), columns = eidos_activations_column_count(words);
    const size_t first = 0;
    size_t index, concepts, used = 0;
    float *codes = NULL, *decoded = NULL;
    eidos_explainer *explainer = NULL;
    eidos_interpretation *meaning = NULL;
    eidos_top_inputs_options top;
    int failed;

    eidos_top_inputs_options_init(&top, sizeof top);
    top.k = WORDS;
    top.concepts = &first;
    top.concept_count = 1;
    failed = fit(words, &explainer, error);
    concepts = eidos_explainer_concept_count(explainer);
    if (!failed) {
        codes = malloc(rows * concepts * sizeof *codes);
        decoded = malloc(rows * columns * sizeof *decoded);
        failed = eidos_explainer_encode(explainer, values, rows, columns, codes, rows * concepts, error) ||
                 eidos_explainer_decode(explainer, codes, rows, concepts, decoded, rows * columns, error) ||
                 eidos_top_inputs_interpret(explainer, words, &top, NULL, &meaning, error);
    }
    if (!failed) {
        for (index = 0; index < rows * concepts; index++)
            used += codes[index] != 0;
        printf("%-20s%8zu%8.1f %%%8.1f  [", eidos_explainer_method(explainer, NULL), concepts,
               100 * squared(values, decoded, NULL, rows, columns) / variance, (double)used / (double)rows);
        for (index = 0; index < eidos_interpretation_size(meaning, 0, EIDOS_POLE_POSITIVE); index++)
            printf("%s'%s'", index ? ", " : "", eidos_interpretation_input(meaning, 0, EIDOS_POLE_POSITIVE, index, NULL));
        printf("]\n");
    }
    free(codes);
    free(decoded);
    eidos_interpretation_free(meaning);
    eidos_explainer_free(explainer);
    return failed;
}

int main(int argc, char **argv)
{
    const char *id = argc > 1 ? argv[1] : "eidos:demo";
    const char *split = argc > 2 ? argv[2] : "model.layers.2.mlp";
    const char *path = argc > 3 ? argv[3] : "assets/demo-texts.txt";
    size_t index, rows, columns;
    double *means = NULL, variance;
    float *values = NULL;
    int failed;

    eidos_texts *texts = NULL;
    eidos_split_model *model = NULL;
    eidos_inputs *inputs = NULL;
    eidos_activations *words = NULL;
    eidos_error *error = NULL;

    failed = eidos_texts_read(path, NULL, NULL, &texts, &error) ||
             eidos_split_model_load(id, &split, 1, NULL, NULL, &model, &error) ||
             eidos_inputs_from_texts_handle(model, texts, NULL, NULL, &inputs, &error) ||
             eidos_split_model_activations(model, inputs, NULL, NULL, NULL, &words, 1, &error);
    if (!failed) {
        rows = eidos_activations_row_count(words);
        columns = eidos_activations_column_count(words);
        values = malloc(rows * columns * sizeof *values);
        means = calloc(columns, sizeof *means);
        failed = eidos_activations_copy_rows(words, 0, rows, values, rows * columns, &error);
        for (index = 0; !failed && index < rows * columns; index++)
            means[index % columns] += (double)values[index] / (double)rows;
        variance = squared(values, NULL, means, rows, columns);
        printf("%-20s%8s%10s%8s  %s\n", "method", "concepts", "lost", "codes", "words of the first concept");
        for (index = 0; !failed && index < sizeof methods / sizeof *methods; index++)
            failed = print_method(methods[index], words, values, variance, &error);
    }
    if (failed) {
        fprintf(stderr, "error: %s\nhint:  %s\n", eidos_error_message(error, NULL), eidos_error_hint(error, NULL));
        eidos_error_free(error);
    }
    free(means);
    free(values);
    eidos_activations_free(words);
    eidos_inputs_free(inputs);
    eidos_split_model_free(model);
    eidos_texts_free(texts);
    return failed;
}
