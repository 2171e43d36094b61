@testset "logits, and logits from activations" begin
    films = ["a warm and funny film", "what a waste of two hours"]
    model = SplitModel("eidos:demo"; split = 1, whole = true)
    before = logits(model, films)
    names = logit_names(model)
    @test size(before, 1) == length(names) == 6000
    @test before.granularity == :all_tokens && any(name -> occursin("film", name), names)
    acts = activations(model, films; granularity = :all_tokens)
    @test Matrix(logits(model, model.split => acts, films)) == Matrix(before)
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
