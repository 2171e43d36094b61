# The tests of the Julia package. They need the repository that it lies in, for the header and the demo texts, and run best
# with several threads (JULIA_NUM_THREADS=4). Arguments name the files that are to be run; without any, all are.

using Eidos, Test
using Eidos: ConvexNMF, DictionaryLearning, ICA, KMeans, LibEidos, NMF, Neurons, PCA, Progress, RandomDirections, SAE, SemiNMF, SparsePCA
using Eidos: TruncatedSVD
using Eidos: decode, dictionary, encode, estimate, fit, moments, reconstruct, save, spread, table, tokens, unit, units

const REPOSITORY = normpath(joinpath(@__DIR__, "..", "..", "..", ".."))
const SPLIT = "model.layers.2.mlp"
const TEXTS = readlines(joinpath(REPOSITORY, "assets", "demo-texts.txt"))
const FEW = TEXTS[1:40]

live_handles() = Int(LibEidos.eidos_debug_live_handles())

# The status of the EidosError that `call()` throws.
function status(call)
    try
        call()
        :ok
    catch error
        error isa EidosError || rethrow()
        isempty(error.message) ? :no_message : error.status
    end
end

# How something looks in the REPL.
shown(object) = sprint(io -> show(IOContext(io, :limit => true, :displaysize => (24, 80)), MIME"text/plain"(), object))

# A Julia process with this package: its exit code and what it printed.
function julia(code; environment...)
    output = IOBuffer()
    variables = merge(ENV, Dict(string(name) => value for (name, value) in environment))
    command = `$(Base.julia_cmd()) --startup-file=no --project=$(Base.active_project()) -e $code`
    process = run(pipeline(ignorestatus(setenv(command, variables)); stdout = output, stderr = output))
    process.exitcode, String(take!(output))
end

const FILES = ("header", "library", "devices", "texts", "split_model", "inputs", "activations", "logits", "explainer",
               "spread", "interpretation", "explanation", "metrics", "report", "labels", "errors", "control",
               "lifetimes", "tasks", "tables", "names")

@testset "Eidos" begin
    for file in (isempty(ARGS) ? FILES : ARGS)
        @testset "$file" begin
            include("$file.jl")
        end
    end
    @testset "no handle is left" begin
        global model = global acts = global explainer = global meaning = nothing
        Threads.@threads for _ in 1:Threads.nthreads() # each thread forgets the last task that it ran
        end
        foreach(_ -> GC.gc(), 1:3)
        @test live_handles() == 0
    end
end
