/* What a model says when a thought is put into it: steering [TEXTS]
 *
 * Concepts are learned from TEXTS, one a line, at a module of the demo model. One of them is added there
 * while the model reads a sentence, and it expects other words at the masked place. */
#include <eidos.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONCEPTS = 20, WORDS = 10, SHOWN = 5 };

static const char *split = "model.layers.2.mlp";
static const char *sentence = "This movie is so<|mask|>.";
static const char *word = " funny"; /* the concept is the one that this word excites */

/* Ends the program when a call failed, saying what to do. The error is a pointer to the variable that the call has written:
 * its value would be read before the call where a compiler evaluates that argument first. */
static void check(eidos_status status, eidos_error *const *error)
{
    if (!status)
        return;
    fprintf(stderr, "error: %s\nhint:  %s\n", eidos_error_message(*error, NULL), eidos_error_hint(*error, NULL));
    exit(1);
}

/* The first entry that has `word` among those that excite its concept most. */
static size_t find_concept(const eidos_interpretation *meaning)
{
    size_t index, rank;
    for (index = 0; index < eidos_interpretation_concept_count(meaning); index++)
        for (rank = 0; rank < eidos_interpretation_size(meaning, index, EIDOS_POLE_POSITIVE); rank++)
            if (!strcmp(eidos_interpretation_input(meaning, index, EIDOS_POLE_POSITIVE, rank, NULL), word))
                return index;
    fprintf(stderr, "no concept is about '%s'\n", word);
    exit(1);
}

static double *probabilities(const float *logits, size_t count)
{
    double *result = malloc(count * sizeof *result);
    double largest = -INFINITY, sum = 0;
    size_t token;
    for (token = 0; token < count; token++)
        largest = fmax(largest, logits[token]);
    for (token = 0; token < count; token++)
        sum += result[token] = exp(logits[token] - largest);
    for (token = 0; token < count; token++)
        result[token] /= sum;
    return result;
}

/* Prints the tokens that grew most, or shrank most where `sign` is -1. */
static void print_changes(const eidos_split_model *model, const double *before, double *after, size_t count, int sign)
{
    size_t rank, token, most;
    for (rank = 0; rank < SHOWN; rank++) {
        for (most = token = 0; token < count; token++)
            if (sign * (after[token] - before[token]) > sign * (after[most] - before[most]))
                most = token;
        printf("  %4.1f %% -> %4.1f %%  %s\n", 100 * before[most], 100 * after[most],
               eidos_split_model_logit_name(model, most, NULL));
        after[most] = before[most]; /* it is not the most any more */
    }
}

int main(int argc, char **argv)
{
    size_t found, concept, rank, row_count, width, place, token_count;
    const float *direction, *before, *again, *after;
    float strength;
    double *expected, *expected_after;

    eidos_texts *texts = NULL;
    eidos_split_model *model = NULL;
    eidos_inputs *reviews = NULL, *input = NULL;
    eidos_interventions *same = NULL, *steered = NULL;
    eidos_activations *words = NULL, *rows = NULL, *logits = NULL, *logits_again = NULL, *logits_after = NULL;
    eidos_explainer *explainer = NULL;
    eidos_interpretation *meaning = NULL;
    eidos_error *error = NULL;
    eidos_load_options whole;
    eidos_ica_options ica;
    eidos_top_inputs_options top;
    eidos_activations_options every_token;

    eidos_load_options_init(&whole, sizeof whole);
    whole.whole = 1;
    eidos_ica_options_init(&ica, sizeof ica);
    ica.concept_count = CONCEPTS;
    eidos_top_inputs_options_init(&top, sizeof top);
    top.k = WORDS;
    eidos_activations_options_init(&every_token, sizeof every_token);
    every_token.granularity = EIDOS_GRANULARITY_ALL_TOKENS;

    /* 1. Concepts at a module of a model that is loaded as a whole, up to its head. */
    check(eidos_texts_read(argc > 1 ? argv[1] : "assets/demo-texts.txt", NULL, NULL, &texts, &error), &error);
    check(eidos_split_model_load("eidos:demo", &split, 1, &whole, NULL, &model, &error), &error);
    check(eidos_inputs_from_texts_handle(model, texts, NULL, NULL, &reviews, &error), &error);
    check(eidos_split_model_activations(model, reviews, NULL, NULL, NULL, &words, 1, &error), &error);
    check(eidos_ica_fit(words, &ica, NULL, &explainer, &error), &error);
    check(eidos_top_inputs_interpret(explainer, words, &top, NULL, &meaning, &error), &error);
    found = find_concept(meaning);
    concept = eidos_interpretation_concept(meaning, found);
    printf("Concept %zu:", concept);
    for (rank = 0; rank < eidos_interpretation_size(meaning, found, EIDOS_POLE_POSITIVE); rank++)
        printf(" '%s'", eidos_interpretation_input(meaning, found, EIDOS_POLE_POSITIVE, rank, NULL));

    /* 2. The rows of a sentence, one for each token. As they are, the model says the same as ever. */
    check(eidos_inputs_from_texts(model, &sentence, NULL, 1, NULL, NULL, &input, &error), &error);
    check(eidos_split_model_activations(model, input, NULL, &every_token, NULL, &rows, 1, &error), &error);
    check(eidos_split_model_logits(model, input, NULL, NULL, NULL, &logits, &error), &error);
    check(eidos_interventions_new(&same, &error), &error);
    check(eidos_interventions_replace_activations(same, split, rows, &error), &error);
    check(eidos_split_model_logits(model, input, same, NULL, NULL, &logits_again, &error), &error);
    row_count = eidos_activations_row_count(rows);
    token_count = eidos_split_model_logit_count(model);
    check(eidos_activations_rows(logits, 0, row_count, &before, &error), &error);
    check(eidos_activations_rows(logits_again, 0, row_count, &again, &error), &error);
    printf("\n%s\nfrom the rows as they are, the same logits: %s\n", sentence,
           memcmp(before, again, row_count * token_count * sizeof *before) ? "no" : "yes");

    /* 3. A row of the dictionary is what one unit of a concept adds. Over the words that it was learned from, a concept has
     * variance 1, so that its unit is a standard deviation: add as many as the word that excites it most has. */
    width = eidos_explainer_input_width(explainer);
    direction = eidos_explainer_dictionary(explainer, NULL) + concept * width;
    strength = eidos_interpretation_activation(meaning, found, EIDOS_POLE_POSITIVE, 0);
    check(eidos_interventions_new(&steered, &error), &error);
    check(eidos_interventions_add_direction(steered, split, direction, width, strength, NULL, 0, &error), &error);
    check(eidos_split_model_logits(model, input, steered, NULL, NULL, &logits_after, &error), &error);

    /* 4. What the model expects at the masked place; Ġ is how the vocabulary writes a space. */
    for (place = 0; strcmp(eidos_activations_unit(rows, place, NULL), "<|mask|>"); place++)
        ;
    check(eidos_activations_rows(logits, place, 1, &before, &error), &error);
    check(eidos_activations_rows(logits_after, place, 1, &after, &error), &error);
    expected = probabilities(before, token_count);
    expected_after = probabilities(after, token_count);
    printf("with %.1f standard deviations of the concept in each row, more expected:\n", strength);
    print_changes(model, expected, expected_after, token_count, 1);
    printf("and less:\n");
    print_changes(model, expected, expected_after, token_count, -1);

    free(expected);
    free(expected_after);
    eidos_interventions_free(steered);
    eidos_interventions_free(same);
    eidos_activations_free(logits_after);
    eidos_activations_free(logits_again);
    eidos_activations_free(logits);
    eidos_activations_free(rows);
    eidos_interpretation_free(meaning);
    eidos_explainer_free(explainer);
    eidos_activations_free(words);
    eidos_inputs_free(input);
    eidos_inputs_free(reviews);
    eidos_split_model_free(model);
    eidos_texts_free(texts);
    return 0;
}
