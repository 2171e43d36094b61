# What a model says when a thought is put into it: steering.jl [TEXTS]
#
# Concepts are learned from TEXTS, one a line, at a module of the demo model. One of them is added there
# while the model reads a sentence, and it expects other words at the masked place.

using Eidos, Printf
using Eidos: ICA, dictionary, fit, units

const SENTENCE = "This movie is so<|mask|>."
const WORD = " funny" # the concept is the one that this word excites

function probabilities(logits)
    powers = exp.(Float64.(logits) .- maximum(logits))
    powers / sum(powers)
end

function main(file = "assets/demo-texts.txt")
    # 1. Concepts at a module of a model that is loaded as a whole, up to its head.
    model = SplitModel("eidos:demo"; split = "model.layers.2.mlp", whole = true)
    words = activations(model, read_texts(file))
    explainer = fit(ICA(20), words)
    meaning = top_inputs(explainer, words; k = 10)
    found = findfirst(concept -> any(input -> input.text == WORD, concept), meaning)
    found === nothing && error("no concept is about '$WORD'")
    concept = meaning[found]
    println("Concept $(concept.index - 1):", (" '$(input.text)'" for input in concept)...)

    # 2. The activations of a sentence, one column for each token. As they are, the model says the same as ever.
    sentence = Inputs(model, SENTENCE)
    acts = activations(model, sentence; granularity = :all_tokens)
    before = logits(model, sentence)
    same = logits(model, sentence; interventions = replace!(Interventions(), model.split, acts)) == before
    println(SENTENCE, "\nfrom the rows as they are, the same logits: ", same ? "yes" : "no")

    # 3. A column of the dictionary is what one unit of a concept adds. Over the words that it was learned from, a concept has
    # variance 1, so that its unit is a standard deviation: add as many as the word that excites it most has.
    strength = concept[1].activation
    steered = add_direction!(Interventions(), model.split, dictionary(explainer)[:, concept.index]; scale = strength)
    after = logits(model, sentence; interventions = steered)

    # 4. What the model expects at the masked place; Ġ is how the vocabulary writes a space.
    place = findfirst(==("<|mask|>"), units(acts))
    expected, expected_after = probabilities(before[:, place]), probabilities(after[:, place])
    names = logit_names(model)
    order = sortperm(expected_after - expected; rev = true)
    show_change(token) = @printf("  %4.1f %% -> %4.1f %%  %s\n", 100expected[token], 100expected_after[token], names[token])
    @printf("with %.1f standard deviations of the concept in each row, more expected:\n", strength)
    foreach(show_change, order[1:5])
    println("and less:")
    foreach(show_change, order[end:-1:end-4])
end

main(ARGS...)
