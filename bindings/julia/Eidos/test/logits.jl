# The logits when what a module gives is a matrix.
from(model, (path, matrix)::Pair, inputs; keywords...) =
    logits(model, inputs; interventions = replace!(Interventions(), path, matrix), keywords...)

@testset "token ids" begin
    films = ["a warm café film", "what a waste of two hours"]
    model = SplitModel("eidos:demo"; split = 1, whole = true)
    found = tokens(model, films[1])
    @test found[1].string == "<|begin_of_text|>" && isempty(found[1].range)
    @test found[2].string == "a" && films[1][found[2].range] == "a"
    @test all(token -> isvalid(films[1], first(token.range)), found[2:end-1])
    @test films[1][found[end-1].range] == " film" && logit_names(model)[found[end-1].id+1] == found[end-1].string
    @test "a\0film"[tokens(model, "a\0film")[end-1].range] |> endswith("film")
    ids = [[token.id for token in tokens(model, film)] for film in films]
    @test Matrix(logits(model, ids)) == Matrix(logits(model, films))
    acts = activations(model, ids)
    @test Matrix(acts) == Matrix(activations(model, films; granularity = :all_tokens))
    @test acts.granularity == :all_tokens && unit(acts, 2) == "a"
    @test Matrix(from(model, 1 => acts, films)) == Matrix(logits(model, films))
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
    @test Matrix(from(model, model.split => acts, films)) == Matrix(before)
    spilled = activations(model, films; granularity = :all_tokens, memory_limit = 1, shard_bytes = 4096)
    @test spilled.on_disk && status(() -> pointer(spilled)) == :unsupported # they lie in several shards
    @test Matrix(from(model, 1 => spilled, films)) == Matrix(before)
    @test Matrix(from(model, 1 => Matrix(acts), films)) == Matrix(before)
    @test Matrix(from(model, 1 => Activations(Matrix(acts)), films)) == Matrix(before)
    @test status(() -> from(model, 2 => acts, films)) == :mismatch
    @test status(() -> from(model, 1 => activations(model, films), films)) == :mismatch
    @test status(() -> from(model, 1 => acts, films[1:1])) == :mismatch
    close(spilled)
    @test status(() -> from(model, 1 => spilled, films)) == :invalid_handle
    changed = Matrix(acts)
    changed[1, 1] += 10
    @test Matrix(from(model, "model.layers.1" => changed, films; threads = 1)) != Matrix(before)
    @test logits(size, model, films) == size(before)
    @test status(() -> logits(SplitModel("eidos:demo"; split = 1), films)) == :invalid_argument
    @test status(() -> from(model, 1 => changed, films[1:1])) == :invalid_argument
    @test status(() -> from(model, "model.layers.9" => changed, films)) == :unknown_module
    changed[1, 1] = NaN
    @test status(() -> from(model, 1 => changed, films)) == :invalid_data
    @test status(() -> logits(model, String[])) == :invalid_argument
end

@testset "interventions" begin
    films = ["a warm and funny film", "what a waste of two hours"]
    model = SplitModel("eidos:demo"; split = 1, whole = true)
    inputs = Inputs(model, films)
    explainer = fit(ICA(4), activations(model, FEW))
    direction = dictionary(explainer)[:, 2]
    first = add_direction!(Interventions(), "model.layers.0", direction; scale = 3, tokens = [2, 3])
    both = add_direction!(Interventions(), 0, direction; scale = 3, tokens = [2, 3])
    clamp!(both, 1, explainer, 3, 1.5)
    ablate!(both, 1, explainer, 1)
    @test length(both) == 3 && occursin("3 Interventions", shown(both))
    under = activations(model, inputs; granularity = :all_tokens, interventions = first)
    @test Matrix(under) != Matrix(activations(model, inputs; granularity = :all_tokens))
    ablate!(clamp!(replace!(first, 1, under), 1, explainer, 3, 1.5), 1, explainer, 1)
    @test Matrix(logits(model, inputs; interventions = first)) == Matrix(logits(model, inputs; interventions = both))
    @test Matrix(logits(model, inputs; interventions = both)) != Matrix(logits(model, inputs))
    # Codes of what is left.
    codes = encode(explainer, activations(model, inputs; granularity = :all_tokens, interventions = both))
    @test all(abs.(codes[1, :]) .< 1e-3) && all(abs.(codes[3, :] .- 1.5) .< 1e-3)
    @test length(add_direction!(Interventions(), 0, direction; tokens = Int[])) == 0
    @test status(() -> logits(model, inputs; interventions = add_direction!(both, "model.layers.9", direction))) == :unknown_module
    @test status(() -> add_direction!(both, 1, [NaN])) == :invalid_data
    @test_throws ArgumentError ablate!(both, 1, explainer, 5)
    close(both)
    @test status(() -> logits(model, inputs; interventions = both)) == :invalid_handle
end
