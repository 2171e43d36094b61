# From texts to concepts in words: concepts.jl [MODEL [SPLIT [TEXTS [FOLDER]]]]
#
# MODEL is a folder, a Hub id or eidos:demo; SPLIT is a module path of it; TEXTS is a file with one text a line or
# JSON lines; results are saved in FOLDER.

using Eidos
using Eidos: ICA, fit, save

function main(id = "eidos:demo", split = "model.layers.2.mlp", file = "assets/demo-texts.txt", folder = nothing)
    # 1. The modules of the model, to choose a split point from: no weights are read for that.
    for (path, kind, can_split) in SplitModel(id).modules
        can_split && println(rpad(path, 40), " ", kind)
    end

    # 2. Split the model, and collect the activations of each word: features x words.
    model = SplitModel(id; split = split, progress = true)
    acts = activations(model, read_texts(file); granularity = :word, progress = true)
    features, words = size(acts)
    println("$words words x $features columns")

    # 3. Fit concepts, and ask for the words that excite each one most.
    explainer = fit(ICA(20), acts; progress = true)
    meaning = top_inputs(explainer, acts; k = 10)
    for concept in meaning
        println("Concept $(concept.index - 1): [", join(("'$(input.text)'" for input in concept), ", "), "]")
    end

    # 4. Keep everything for later, or for another language (which counts concepts from 0, and so does this output).
    if folder !== nothing
        save(joinpath(folder, "activations"), acts)
        save(joinpath(folder, "explainer.safetensors"), explainer)
        save(joinpath(folder, "meaning.json"), meaning)
    end
end

main(ARGS...)
