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
end

main(ARGS...)
