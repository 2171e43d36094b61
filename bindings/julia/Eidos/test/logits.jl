@testset "logits, and logits from activations" begin
    films = ["a warm and funny film", "what a waste of two hours"]
    model = SplitModel("eidos:demo"; split = 1, whole = true)
    before = logits(model, films)
    names = logit_names(model)
    @test size(before, 1) == length(names) == 6000
    @test before.granularity == :all_tokens && any(name -> occursin("film", name), names)
    acts = activations(model, films; granularity = :all_tokens)
    @test Matrix(logits(model, model.split => acts, films)) == Matrix(before)
    spilled = activations(model, films; granularity = :all_tokens, memory_limit = 1, shard_bytes = 4096)
    @test spilled.on_disk && status(() -> pointer(spilled)) == :unsupported # they lie in several shards
    @test Matrix(logits(model, 1 => spilled, films)) == Matrix(before)
    @test Matrix(logits(model, 1 => Matrix(acts), films)) == Matrix(before)
    @test Matrix(logits(model, 1 => Activations(Matrix(acts)), films)) == Matrix(before)
    @test status(() -> logits(model, 2 => acts, films)) == :mismatch
    @test status(() -> logits(model, 1 => activations(model, films), films)) == :mismatch
    @test status(() -> logits(model, 1 => acts, films[1:1])) == :mismatch
    close(spilled)
    @test status(() -> logits(model, 1 => spilled, films)) == :invalid_handle
    changed = Matrix(acts)
    changed[1, 1] += 10
    @test Matrix(logits(model, "model.layers.1" => changed, films; threads = 1)) != Matrix(before)
    @test logits(size, model, films) == size(before)
    @test status(() -> logits(SplitModel("eidos:demo"; split = 1), films)) == :invalid_argument
    @test status(() -> logits(model, 1 => changed, films[1:1])) == :invalid_argument
    @test status(() -> logits(model, "model.layers.9" => changed, films)) == :unknown_module
    changed[1, 1] = NaN
    @test status(() -> logits(model, 1 => changed, films)) == :invalid_data
    @test status(() -> logits(model, String[])) == :invalid_argument
end
