model = SplitModel("eidos:demo"; split = SPLIT)
acts = activations(model, FEW)
explainer = fit(ICA(4; max_iterations = 50), acts)
meaning = top_inputs(explainer, acts; k = 3)

@testset "what fires is what the codes and moments say" begin
    explanation = explain(explainer, acts; k = 3, least_deviations = 0.5, negative_pole = true)
    codes = encode(explainer, acts)
    means, deviations = [moments(explainer, concept).mean for concept in 1:4], [moments(explainer, concept).deviation for concept in 1:4]
    scores = (codes .- means) ./ deviations
    poles = Set{Symbol}()
    for (index, unit) in enumerate(explanation)
        expected = sort(filter(concept -> abs(scores[concept, index]) >= 0.5, 1:4); by = concept -> -abs(scores[concept, index]))
        expected = expected[1:min(3, end)]
        @test [firing.concept for firing in unit.firings] == expected
        for firing in unit.firings
            @test firing.activation == codes[firing.concept, index]
            @test firing.deviations ≈ scores[firing.concept, index] rtol = 1e-4
            @test firing.pole == (firing.deviations < 0 ? :negative : :positive) && 0 <= firing.percentile <= 100
            push!(poles, firing.pole)
        end
        @test unit.firings == firings(explanation, index)
    end
    @test poles == Set([:positive, :negative])
    @test all(all(firing.deviations >= 2 for firing in unit.firings) for unit in explain(explainer, acts))
end

@testset "units" begin
    texts = ["a warm, funny film with a café", "", "ça – déjà vu"]
    explanation = explain(explainer, model, texts)
    @test source_texts(explanation) == texts
    other = activations(model, texts)
    @test length(explanation) == size(other, 2) > 8
    for (index, unit) in enumerate(explanation)
        @test unit.text == Eidos.unit(other, index) && unit.span == unit_span(other, index)
        @test texts[unit.span.text][unit.span.range] == unit.text
    end
    @test explanation[end].span.text == 3 && length(explanation[2:3]) == 2
    @test eltype(explanation) == ExplainedUnit == eltype(collect(explanation)) && last(collect(keys(explanation))) == length(explanation)
    @test_throws BoundsError explanation[0]
    @test_throws BoundsError explanation[length(explanation) + 1]
    @test_throws BoundsError firings(explanation, 0)
end

@testset "names" begin
    explanation = explain(explainer, model, "a funny film"; interpretation = meaning, k = 4, least_deviations = 0.01, negative_pole = true)
    found = [firing.concept for unit in explanation for firing in unit.firings]
    @test !isempty(found)
    for concept in found
        @test concept_name(explanation, concept) == join(("'$(input.text)'" for input in meaning[concept]), ", ")
        @test concept_name(explanation, concept, :negative) === nothing # it is not interpreted
    end
    @test concept_name(explanation, 5) === nothing
    @test_throws ArgumentError concept_name(explanation, 0)
    @test_throws ArgumentError concept_name(explanation, 1, :north)
    nameless = explain(explainer, model, "a funny film"; k = 4, least_deviations = 0.01)
    @test concept_name(nameless, nameless[1].firings[1].concept) === nothing
    @test_throws TypeError explain(explainer, acts; interpretation = explainer)
end

@testset "of texts, of inputs and of activations the same" begin
    expected = Eidos.json(explain(explainer, acts; interpretation = meaning))
    @test startswith(expected, "{\"format\":\"eidos.explanation\"")
    @test Eidos.json(explain(explainer, model, FEW; interpretation = meaning)) == expected
    @test Eidos.json(explain(explainer, model, FEW; interpretation = meaning, threads = 1)) == expected
    @test Eidos.json(explain(explainer, model, Inputs(model, FEW); interpretation = meaning)) == expected
end

@testset "a matrix and a dictionary of one's own" begin
    own = Explainer(Matrix(dictionary(explainer)))
    rows = Activations(Matrix(acts))
    @test status(() -> explain(own, rows)) == :invalid_argument
    @test status(() -> moments(own, 1)) == :invalid_argument
    calibrated = calibrate(own, rows)
    codes = encode(own, acts)
    @test moments(calibrated, 2).mean ≈ sum(codes[2, :]) / size(codes, 2) rtol = 1e-3
    @test moments(calibrated, 2).deviation > 0
    @test_throws ArgumentError moments(calibrated, 5)
    explanation = explain(calibrated, rows)
    @test length(explanation) == size(rows, 2) && isempty(source_texts(explanation))
    @test explanation[4].text == "row 3" && explanation[4].span === nothing
    # All rows twice are distributed as they are once: a share that another process has as well.
    summed = calibrate(own, spread(values -> values .*= 2, rows))
    @test moments(summed, 2).mean ≈ moments(calibrated, 2).mean
    @test_throws ErrorException calibrate(own, spread(values -> error("the network is gone"), rows))
end

@testset "wrong requests" begin
    @test status(() -> explain(explainer, acts; k = 0)) == :invalid_argument
    @test status(() -> explain(explainer, acts; least_deviations = -1)) == :invalid_argument
    @test_throws MethodError explain(explainer, acts; top = 1)
    other = SplitModel("eidos:demo"; split = 1)
    @test status(() -> explain(explainer, other, FEW)) == :mismatch
    close(other)
    control = Control()
    cancel!(control)
    @test status(() -> explain(explainer, acts; control)) == :cancelled
    @test status(() -> calibrate(explainer, acts; control)) == :cancelled
end

@testset "shown" begin
    explanation = explain(explainer, model, ["a funny film"]; interpretation = meaning, least_deviations = 0.01)
    @test startswith(shown(explanation), "Explanation of 3 units:\n a funny film\n   \"a\": ")
    firing = explanation[1].firings[1]
    @test occursin("\"a\": $(firing.concept) $(concept_name(explanation, firing.concept)) (", shown(explanation))
    @test sprint(show, Firing(3, :positive, 1, 4.125, 99)) == "concept 3 (4.1 sd)"
    @test sprint(show, ExplainedUnit(" film", nothing, [Firing(3, :negative, 1, -4.125, 1)])) == "\" film\": [concept 3 (-4.1 sd)]"
    close(explanation)
    @test shown(explanation) == "Explanation of 3 units (closed)"
    @test status(() -> explanation[1]) == :invalid_handle
end

foreach(close, (model, acts, explainer, meaning))
