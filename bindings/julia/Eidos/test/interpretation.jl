model = SplitModel("eidos:demo"; split = SPLIT)
acts = activations(model, FEW)
explainer = fit(ICA(4; max_iterations = 50), acts)

@testset "top inputs" begin
    meaning = top_inputs(explainer, acts; k = 3)
    @test length(meaning) == 4 && [concept.index for concept in meaning] == 1:4
    @test all(length(concept) == 3 for concept in meaning)
    codes = encode(explainer, acts)
    for concept in meaning
        @test concept[1].activation ≈ maximum(codes[concept.index, :])
        @test issorted([input.activation for input in concept]; rev = true)
        @test allunique(input.text for input in concept)
        for input in concept
            @test unit(acts, input.column) == input.text
            @test codes[concept.index, input.column] ≈ input.activation
        end
        @test isempty(concept.negative)
    end
    @test meaning[end].index == 4 && length(meaning[2:3]) == 2 && collect(meaning) isa Vector{Concept}
    @test_throws BoundsError meaning[5]
    @test_throws BoundsError meaning[0]
    @test_throws BoundsError meaning[1][4]
    @test length(top_inputs(explainer, acts)[1]) == 5
end

@testset "some concepts, both poles" begin
    meaning = top_inputs(explainer, acts; concepts = [3, 1], negative_pole = true, k = 2)
    @test [concept.index for concept in meaning] == [3, 1]
    @test length(meaning[1].negative) == 2 && meaning[1].negative[1].activation < 0
    @test_throws ArgumentError top_inputs(explainer, acts; concepts = [0])
    @test_throws ArgumentError top_inputs(explainer, acts; concepts = 5:5)
    @test_throws ArgumentError top_inputs(explainer, acts; concepts = Int[])
    @test_throws ArgumentError top_inputs(explainer, acts; k = -1)
    @test_throws MethodError top_inputs(explainer, acts; top = 1)
    @test status(() -> top_inputs(explainer, acts; k = 0)) == :invalid_argument
end

@testset "inputs that are left out, folded and counted" begin
    all_of_them = top_inputs(explainer, acts; k = 1000)
    known = [input.text for input in all_of_them[1]]
    without = top_inputs(explainer, acts; k = 1000, stop_units = [uppercase(known[1])], stop_punctuation = true)
    @test !(known[1] in [input.text for input in without[1]])
    folded = top_inputs(explainer, acts; k = 1000, fold_case = true)
    @test allunique(lowercase(strip(input.text)) for input in folded[1])
    @test all(concept -> length(concept) == 0, top_inputs(explainer, acts; least_occurrences = 10^6))
    @test occursin("\"passage\":{\"text\":", Eidos.json(top_inputs(explainer, acts; context = 3)))
end

@testset "of new texts and of the vocabulary" begin
    of_texts = top_inputs(explainer, model, FEW; k = 3, granularity = :word)
    @test Eidos.json(of_texts) == Eidos.json(top_inputs(explainer, acts; k = 3))
    of_vocabulary = top_inputs(explainer, model, Vocabulary(); k = 3)
    @test length(of_vocabulary) == 4 && 1 <= of_vocabulary[1][1].column <= 6000
    other = SplitModel("eidos:demo"; split = 1)
    @test status(() -> top_inputs(explainer, other, FEW)) == :mismatch
    @test status(() -> top_inputs(explainer, Activations(ones(Float32, 3, 4)))) == :mismatch
end

@testset "table" begin
    meaning = top_inputs(explainer, acts; k = 2, negative_pole = true)
    columns = table(meaning)
    @test propertynames(columns) == (:concept, :pole, :rank, :text, :activation, :column)
    @test length(columns) == 16 && all(name -> length(getproperty(columns, name)) == 16, propertynames(columns))
    @test columns.concept == repeat(1:4; inner = 4) && columns.rank == repeat(1:2, 8)
    @test columns.pole == repeat([:positive, :positive, :negative, :negative], 4)
    @test columns.text[1] == meaning[1][1].text && eltype(columns.activation) == Float32
    @test columns.column isa Vector{Int} && columns.text isa Vector{String}
end

@testset "shown" begin
    meaning = top_inputs(explainer, acts; k = 3)
    @test occursin("Interpretation of 4 concepts:\n Concept 1: [\"", shown(meaning))
    @test startswith(sprint(show, meaning[2]), "Concept 2: [\"")
    @test startswith(shown(meaning[2]), "Concept 2:\n")
    @test occursin(r"^\" ?\w+\" \(\d+\.\d+\)$", sprint(show, TopInput(" film", 3.14159, 7)))
    @test shown(Concept(3, [], [])) == "Concept 3 (dead)"
end

@testset "saved and opened" begin
    meaning = top_inputs(explainer, acts; k = 3)
    @test startswith(Eidos.json(meaning), "{")
    path = tempname() * ".json"
    save(path, meaning)
    open(Interpretation, path) do again
        @test Eidos.json(again) == Eidos.json(meaning) && table(again) == table(meaning)
    end
    write(path, "{}")
    @test status(() -> open(Interpretation, path)) == :invalid_file
    rm(path)
end

@testset "one file with the explainer" begin
    mktempdir() do folder
        path = joinpath(folder, "concepts.safetensors")
        meaning = top_inputs(explainer, acts; k = 3)
        save(path, explainer, meaning)
        again, found = open_interpreted(path)
        @test again.concepts == explainer.concepts && Eidos.json(found) == Eidos.json(meaning)
        @test open(m -> Eidos.json(m), Interpretation, path) == Eidos.json(meaning)
        foreach(close, (again, found))
        save(path, explainer)
        again, found = open_interpreted(path)
        @test found === nothing
        close(again)
        @test status(() -> open(Interpretation, path)) == :invalid_file
    end
end

foreach(close, (model, acts, explainer))
