# Texts as a model reads them, and texts that come one after the other.

model = SplitModel("eidos:demo"; split = SPLIT)

@testset "inputs" begin
    inputs = Inputs(model, FEW; threads = 2)
    @test length(inputs) == 40 && inputs[2] == FEW[2] && inputs[end] == FEW[40]
    @test_throws BoundsError inputs[41]
    @test token_ids(inputs, 3) == [token.id for token in tokens(model, FEW[3])]
    @test token_count(inputs) == sum(text -> length(tokens(model, text)), FEW)
    @test occursin("40 texts", shown(inputs))
    @test Matrix(activations(model, inputs)) == Matrix(activations(model, FEW))
    @test Inputs(length, model, FEW) == 40
    @test Inputs(model, [token_ids(inputs, 1)])[1] === nothing
    @test length(Inputs(model, Vocabulary())) == 6000
    # Another module of a model with that tokenizer reads them, too.
    @test size(activations(SplitModel("eidos:demo"; split = 1), inputs), 2) == size(activations(model, FEW), 2)
    close(inputs)
    @test occursin("closed", shown(inputs)) && status(() -> activations(model, inputs)) == :invalid_handle
    @test status(() -> Inputs(model, ["caf\xe9"])) == :invalid_argument
end

@testset "estimates" begin
    expected = activations(model, FEW)
    found = estimate(model, FEW)
    @test (found.texts, found.columns, found.on_disk) == (40, size(expected, 2), false)
    @test found.bytes == sizeof(Float32) * length(expected)
    @test found.tokens == token_count(Inputs(model, FEW)) && found.seconds > 0
    @test estimate(model, Inputs(model, FEW); memory_limit = 0).on_disk
    control = Control()
    cancel!(control)
    @test status(() -> estimate(model, FEW; control)) == :cancelled
end

@testset "a NUL is a character like others" begin
    @test Inputs(model, ["a\0b"])[1] == "a\0b"
    @test source_texts(activations(model, "a\0b")) == ["a\0b"]
    @test source_texts(stream_activations(model, ["a\0b", ""])) == ["a\0b", ""]
end

@testset "streams" begin
    expected = Matrix(activations(model, FEW))
    @test Matrix(stream_activations(model, FEW)) == expected
    @test Matrix(stream_activations(model, (text for text in FEW))) == expected
    channel = Channel{String}(2) do channel
        foreach(text -> put!(channel, text), FEW)
    end
    @test Matrix(stream_activations(model, channel; threads = 1)) == expected
    @test length(stream_activations(SplitModel("eidos:demo"; split = [1, 2]), FEW)) == 2
    steer = add_direction!(Interventions(), model.split, expected[:, 1]; scale = 2)
    steered = Matrix(activations(model, FEW; interventions = steer))
    @test steered != expected && Matrix(stream_activations(model, FEW; interventions = steer)) == steered
    @test status(() -> stream_activations(model, String[])) == :invalid_argument
    @test_throws ArgumentError stream_activations(model, [1, 2])
    @test status(() -> stream_activations(model, ["caf\xe9"])) == :invalid_argument
    control = Control()
    cancel!(control)
    @test status(() -> stream_activations(model, FEW; control)) == :cancelled
    mktempdir() do folder
        place = joinpath(folder, "rows")
        failing = (index == 39 ? error("the line is cut") : FEW[index] for index in 1:40)
        @test_throws ErrorException("the line is cut") stream_activations(model, failing; folder = place, shard_bytes = 8192)
        @test isfile(joinpath(place, "rows-00000.safetensors"))
        @test status(() -> open(Activations, place)) == :invalid_file
        again = stream_activations(model, FEW; folder = place, shard_bytes = 8192)
        @test again.on_disk && Matrix(again) == expected && units(again) == units(activations(model, FEW))
        @test status(() -> stream_activations(model, reverse(FEW); folder = place, shard_bytes = 8192)) == :mismatch
    end
    close(model)
end
