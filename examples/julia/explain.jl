# Which concepts fire on the words of new texts: explain.jl [MODEL [SPLIT [TEXTS]]]
#
# Concepts are learned from TEXTS, one text a line or JSON lines, at the module SPLIT of MODEL: a folder, a Hub id or
# eidos:demo. Concepts are printed as files and the other languages count them, from 0.

using Eidos, Printf
using Eidos: ICA, fit

# None of them is among the texts that the concepts are learned from.
const NEW_TEXTS = ["His jokes are tired, but her voice is wonderful.", "A quiet film about war, with beautiful songs."]

# "concept 3 ' film', ' movie' (4.1 standard deviations, above 99.8 % of the words)"
described(explanation, firing) =
    @sprintf("concept %d %s (%.1f standard deviations, above %.1f %% of the words)", firing.concept - 1,
             something(concept_name(explanation, firing.concept, firing.pole), ""), firing.deviations, firing.percentile)

function main(id = "eidos:demo", split = "model.layers.2.mlp", file = "assets/demo-texts.txt")
    # 1. Concepts, and the words that excite each of them most, by which it is known.
    model = SplitModel(id; split = split, progress = true)
    words = activations(model, read_texts(file); progress = true)
    explainer = fit(ICA(20), words; progress = true)
    meaning = top_inputs(explainer, words)
    for concept in meaning
        println("Concept $(concept.index - 1): [", join(("'$(input.text)'" for input in concept), ", "), "]")
    end

    # 2. New texts: the two concepts that fire most on each word, where they lie two standard deviations from their mean.
    explanation = explain(explainer, model, NEW_TEXTS; interpretation = meaning, k = 2)
    text = 0
    for unit in explanation
        if unit.span.text != text
            text = unit.span.text
            println(source_texts(explanation)[text])
        end
        fires = join((described(explanation, firing) for firing in unit.firings), "; ")
        println("  '$(unit.text)': ", isempty(fires) ? "nothing" : fires)
    end
end

main(ARGS...)
