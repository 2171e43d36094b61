# Concepts of a matrix that came from elsewhere, without a model: own_activations.jl
#
# Three independent sources are mixed into six features; ICA finds the sources again. The numbers are drawn with integers
# only, so that this example prints the same in every language.

using Eidos, Printf
using Eidos: ICA, decode, encode, fit

const MIXING = [2 -1 0 1 3 1; 1 1 -2 0 1 -3; 0 2 1 -1 1 1]

# The next draw of a linear congruential generator, between -1 and 1, to the fifth power: mostly small, rarely large.
function draw!(state)
    state[] = state[] * 0x5851f42d4c957f2d + 0x14057b7ef767814f
    u = (state[] >> 40) / 8388608 - 1
    u * u * u * u * u
end

# One observation: each feature mixes the three sources and has a mean of its own.
function observation(state)
    sources = [draw!(state) for _ in 1:3]
    [Float32(sum(sources .* MIXING[:, feature]) + (feature - 1)) for feature in 1:6]
end

function main()
    state = Ref(UInt64(1))
    X = reduce(hcat, [observation(state) for _ in 1:2000]) # features x observations
    acts = Activations(X; units = ["row $row" for row in 0:1999])
    explainer = fit(ICA(3), acts)

    println(size(acts, 2), " rows x ", size(acts, 1), " columns, ", explainer.converged ? "converged" : "not converged")
    for concept in top_inputs(explainer, acts; k = 3)
        print("Concept ", concept.index - 1, ":")
        for input in concept
            @printf(" '%s' %.2f", input.text, input.activation)
        end
        println()
    end

    decoded = decode(explainer, encode(explainer, X))
    println("decoding gives the rows back: ", maximum(abs, decoded - X) < 1e-4 ? "yes" : "no")
end

main()
