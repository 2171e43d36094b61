# How good concepts are, as JSON.

Activations(randn(3, 200) .^ 3) do acts
    explainer, other = fit(ICA(2), acts), fit(PCA(3), acts)
    meaning = top_inputs(explainer, acts)
    alone = Eidos.compare(explainer, acts)
    @test occursin("\"format\": \"eidos.metrics\"", alone) && occursin("\"coherence\": null", alone)
    @test !occursin("\"coherence\": null", Eidos.compare(explainer, acts; interpretations = meaning))
    detailed = Eidos.compare(explainer, acts; details = true)
    @test !occursin("densities", alone) && occursin("\"densities\": [", detailed) && occursin("\"explained_variance\": [", detailed)
    both = Eidos.compare([explainer, other], acts; interpretations = [nothing, nothing], threads = 1)
    @test occursin("\"assigned_cosine\": ", both) && occursin("\"relative_error\": ", both)
    @test status(() -> Eidos.compare(Explainer[], acts)) === :invalid_argument
    @test status(() -> Eidos.compare(explainer, acts; dense_share = 2)) === :invalid_argument
    @test_throws DimensionMismatch Eidos.compare([explainer, other], acts; interpretations = [nothing])
    close(meaning)
    @test status(() -> Eidos.compare(explainer, acts; interpretations = meaning)) === :invalid_handle
    foreach(close, (explainer, other))
end

@testset "metrics through the model" begin
    films = ["a warm and funny film", "what a waste of two hours"]
    model = SplitModel("eidos:demo"; split = 1, whole = true)
    own = fit(Neurons(), activations(model, films))
    found = Eidos.compare_through_model(model, films, 1, own; threads = 1)
    # Rows that are put back as they are lose nothing.
    for part in ("\"format\": \"eidos.model_metrics\"", "\"predicted\": \"token\"", "\"loss_recovered\": 1.0")
        @test occursin(part, found)
    end
    @test Eidos.compare_through_model(model, Inputs(model, films), "model.layers.1", [own]) == found
    @test status(() -> Eidos.compare_through_model(model, films, 1, Explainer[])) === :invalid_argument
    @test status(() -> Eidos.compare_through_model(model, films, 0, own)) === :invalid_argument
    @test status(() -> Eidos.compare_through_model(model, films, 1, own; labels = [1, 0])) === :invalid_argument
end
