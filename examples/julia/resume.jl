# A long job that is cancelled, goes on where it stopped, and is opened again later: resume.jl FOLDER [TEXTS]
#
# FOLDER receives the results and must not hold those of another job; TEXTS is a file with one text a line or JSON lines.

using Eidos
using Eidos: ICA, fit, save

# Collects activations into a folder, in small shards, and cancels halfway: the complete shards stay.
function cancelled_halfway(model, texts; keywords...)
    control = Control()
    halfway(now) = now.stage === :forward && 2 * now.done >= now.total
    try
        activations(model, texts; keywords..., control = control, progress = now -> halfway(now) && cancel!(control))
        :ok
    catch error
        error isa EidosError ? error.status : rethrow()
    end
end

function main(folder, file = "assets/demo-texts.txt")
    texts = read_texts(file)
    shards = (folder = joinpath(folder, "activations"), shard_bytes = 2^18, batch_tokens = 256)
    explainer_file = joinpath(folder, "explainer.safetensors")

    # 1. and 2. The same call again goes on from there. 3. Fit and keep the concepts, and forget everything.
    SplitModel("eidos:demo"; split = "model.layers.2.mlp") do model
        println("first run: ", cancelled_halfway(model, texts; shards...))
        activations(model, texts; shards...) do acts
            println("second run: ", size(acts, 2), " words x ", size(acts, 1), " columns")
            save(explainer_file, fit(ICA(10), acts))
        end
    end

    # 4. Another day, perhaps in another language: open both and ask what the concepts mean.
    acts = open(Activations, shards.folder)
    explainer = open(Explainer, explainer_file)
    println("opened again: ", size(acts, 2), " words, ", explainer.concepts, " concepts of ", explainer.split)
    for concept in top_inputs(explainer, acts; k = 5)
        println("Concept $(concept.index - 1): [", join(("'$(input.text)'" for input in concept), ", "), "]")
    end
end

isempty(ARGS) ? (println(stderr, "usage: resume.jl FOLDER [TEXTS]"); exit(2)) : main(ARGS...)
