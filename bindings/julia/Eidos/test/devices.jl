# The features of the library, and the GPUs that it could use; where there is none, the reason.

@testset "features" begin
    @test Symbol("demo-model") in Eidos.features()
    @test allunique(Eidos.features())
end

@testset "devices or a reason" begin
    found = Eidos.devices()
    cuda = :cuda in Eidos.features()
    @test (found.reason === nothing) == any(gpu -> gpu.problem === nothing, found.gpus)
    @test isempty(found.libraries) == !cuda
    cuda || @test isempty(found.gpus) && occursin("no CUDA", found.reason)
    @test all(gpu -> !isempty(gpu.name) && gpu.free_memory <= gpu.total_memory, found.gpus)
    count = length(found.gpus)
    error = try SplitModel("eidos:demo"; split = SPLIT, device = :cuda, device_index = count) catch error error end
    @test error isa EidosError && error.status == :device
    @test occursin("no CUDA device $count", error.message) && !isempty(error.hint)
end

@testset "a GPU where one works, else the CPU" begin
    if Eidos.devices().reason !== nothing
        SplitModel("eidos:demo"; split = SPLIT, device = :auto) do model
            SplitModel("eidos:demo"; split = SPLIT) do expected
                @test activations(model, FEW[1:2]) == activations(expected, FEW[1:2])
            end
        end
    end
end
