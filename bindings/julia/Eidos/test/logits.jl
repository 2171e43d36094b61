@testset "token ids" begin
    films = ["a warm café film", "what a waste of two hours"]
    model = SplitModel("eidos:demo"; split = 1, whole = true)
    found = tokens(model, films[1])
    @test found[1].string == "<|begin_of_text|>" && isempty(found[1].range)
    @test found[2].string == "a" && films[1][found[2].range] == "a"
    @test all(token -> isvalid(films[1], first(token.range)), found[2:end-1])
    @test films[1][found[end-1].range] == " film" && logit_names(model)[found[end-1].id+1] == found[end-1].string
    ids = [[token.id for token in tokens(model, film)] for film in films]
    @test Matrix(logits(model, ids)) == Matrix(logits(model, films))
    acts = activations(model, ids)
    @test Matrix(acts) == Matrix(activations(model, films; granularity = :all_tokens))
    @test acts.granularity == :all_tokens && unit(acts, 2) == "a"
    @test Matrix(logits(model, 1 => acts, films)) == Matrix(logits(model, films))
    @test size(activations(model, [Int[], UInt32[5, 6]]), 2) == 2
    @test status(() -> logits(model, [[6000]])) == :mismatch
    @test status(() -> logits(model, Vector{Int}[])) == :invalid_argument
    @test_throws InexactError logits(model, [[-1]])
end

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
