# How good concepts are, as JSON.

Activations(randn(3, 200) .^ 3) do acts
    explainer, other = fit(ICA(2), acts), fit(PCA(3), acts)
    meaning = top_inputs(explainer, acts)
    alone = Eidos.compare(explainer, acts)
    @test occursin("\"format\": \"eidos.metrics\"", alone) && occursin("\"coherence\": null", alone)
    @test !occursin("\"coherence\": null", Eidos.compare(explainer, acts; interpretations = meaning))
    both = Eidos.compare([explainer, other], acts; interpretations = [nothing, nothing], threads = 1)
    @test occursin("\"assigned_cosine\": ", both) && occursin("\"relative_error\": ", both)
    @test status(() -> Eidos.compare(Explainer[], acts)) === :invalid_argument
    @test status(() -> Eidos.compare(explainer, acts; dense_share = 2)) === :invalid_argument
    @test_throws DimensionMismatch Eidos.compare([explainer, other], acts; interpretations = [nothing])
    close(meaning)
    @test status(() -> Eidos.compare(explainer, acts; interpretations = meaning)) === :invalid_handle
    foreach(close, (explainer, other))
end
