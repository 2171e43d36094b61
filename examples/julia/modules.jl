# The modules of a model, to choose a split point from: modules.jl [MODEL]
#
# MODEL is a folder, a Hub id or eidos:demo. No weights are read.

using Eidos

function main(id = "eidos:demo")
    modules = SplitModel(id).modules
    for (path, kind, can_split) in modules
        println(can_split ? "* " : "  ", rpad(path, 40), " ", kind)
    end
    println(length(modules), " modules, ", count(m -> m.can_split, modules), " of them (*) can be split points")
    println("where to start, and what part of the blocks a run up to there takes:")
    for m in filter(m -> m.is_recommended, modules)
        println("  ", rpad(m.path, 40), " ", m.width, " columns, ", floor(Int, 100m.cost + 0.5), " %")
    end
end

main(ARGS...)
