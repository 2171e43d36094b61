# Concepts of the same words by every method: methods.jl [MODEL [SPLIT [TEXTS]]]
#
# For each method: how many concepts there are, the share of the words' variance that is lost between encoding and decoding, how many
# codes of a word are not zero, and the words that excite its first concept most.

using Eidos, Printf
using Eidos: ConvexNMF, DictionaryLearning, ICA, KMeans, NMF, Neurons, PCA, RandomDirections, SAE, SemiNMF, SparsePCA, TruncatedSVD,
             decode, encode, fit

const CONCEPTS = 20

const METHODS = [
    ICA(CONCEPTS), PCA(CONCEPTS), TruncatedSVD(CONCEPTS),
    SparsePCA(CONCEPTS; penalty = 10, tolerance = 1e-3), # few features for each concept
    KMeans(CONCEPTS),
    NMF(CONCEPTS; rectify = true), # negative values count as zero: what they say is lost
    SemiNMF(CONCEPTS), ConvexNMF(CONCEPTS), DictionaryLearning(CONCEPTS; penalty = 0.5),
    SAE(CONCEPTS; kind = :top_k, k = 5, steps = 500), # few steps for few words: by default at least 4000
    Neurons(), RandomDirections(CONCEPTS),
]

function main(id = "eidos:demo", split = "model.layers.2.mlp", file = "assets/demo-texts.txt")
    words = activations(SplitModel(id; split = split), read_texts(file))
    values = Float64.(Matrix(words))
    means = sum(values; dims = 2) ./ size(values, 2)
    variance = sum(abs2, values .- means)

    @printf("%-20s%8s%10s%8s  %s\n", "method", "concepts", "lost", "codes", "words of the first concept")
    for method in METHODS
        explainer = fit(method, words)
        codes = encode(explainer, words)
        lost = sum(abs2, values .- decode(explainer, codes))
        listed = join(("'$(input.text)'" for input in only(top_inputs(explainer, words; k = 3, concepts = [1]))), ", ")
        @printf("%-20s%8d%8.1f %%%8.1f  [%s]\n", explainer.method, explainer.concepts, 100lost / variance,
                count(!iszero, codes) / size(codes, 2), listed)
    end
end

main(ARGS...)
