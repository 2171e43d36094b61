model = SplitModel("eidos:demo"; split = SPLIT)

@testset "words" begin
    acts = activations(model, FEW; granularity = :word)
    @test acts isa DenseMatrix{Float32}
    @test size(acts, 1) == 192 && size(acts, 2) == length(units(acts)) > 300
    @test (acts.model, acts.split, acts.granularity, acts.aggregation) == ("eidos:demo", SPLIT, :word, :mean)
    @test acts.truncated == 0 && !acts.on_disk
    @test source_texts(acts) == FEW
    @test unit(acts, 1) == "The" && units(acts)[2] == unit(acts, 2) == " opening"
    for column in axes(acts, 2)
        span = unit_span(acts, column)
        @test FEW[span.text][span.range] == unit(acts, column)
    end
    @test_throws BoundsError unit(acts, 0)
    @test_throws BoundsError unit_span(acts, size(acts, 2) + 1)
    @test occursin("192×$(size(acts, 2)) Activations of $SPLIT in eidos:demo, one word a column", shown(acts))
    @test sprint(show, acts) == sprint(summary, acts)
end

@testset "characters of several bytes, NUL" begin
    text = "naïve café — “films” 🎬 été"
    acts = activations(model, text)
    spans = [unit_span(acts, column) for column in axes(acts, 2)]
    @test all(isvalid(text, span.range[1]) && isvalid(text, span.range[end]) for span in spans if !isempty(span.range))
    @test join(text[span.range] for span in spans) == text
    @test source_texts(activations(model, ["a\0b"])) == ["a\0b"]
    @test status(() -> activations(model, [String([0x63, 0xe9])])) == :invalid_argument
end

@testset "rules of words, and units without a column" begin
    text = "The film isn't the best."
    words = activations(model, text)
    @test words.word_rule === :tokenizer
    @test units(words) == ["The", " film", " isn", "'t", " the", " best", "."]
    others = activations(model, text; word_rule = :unicode)
    @test others.word_rule === :unicode
    @test units(others) == ["The", " film", " isn't", " the", " best", "."]
    fewer = activations(model, text; stop_units = ["the", "."], stop_contractions = true)
    @test units(fewer) == [" film", " isn", " best"] && fewer.left_out == 4
    @test fewer.left_out_by.stop_units == 3 && fewer.left_out_by.stop_contractions == 1
    @test fewer.filters == "{\"stop_units\":[\"the\",\".\"],\"stop_contractions\":true}" && words.filters == "{}"
    @test units(activations(model, text; stop_punctuation = true)) == ["The", " film", " isn", "'t", " the", " best"]
    later = activations(model, text; granularity = :all_tokens, skip_first_position = true)
    @test size(later, 2) + 1 == length(tokens(model, text)) && later.left_out_by.first_position == 1
    @test activations(model, text; granularity = :sample).word_rule === nothing
    @test_throws ArgumentError activations(model, text; word_rule = :letters)
    @test_throws ArgumentError activations(model, text; stop_units = ["a\0b"])
    @test status(() -> activations(model, text; stop_units = [" "])) == :invalid_argument
end

@testset "columns that are far longer than others" begin
    acts = Activations([1 0 0 2; 0 1 900 0]; units = ["a", "film", "the", "dull"])
    usual = without_high_norms(acts, 10)
    @test Matrix(usual) == [1 0 2; 0 1 0] && units(usual) == ["a", "film", "dull"]
    @test usual.left_out_by.high_norm == usual.left_out == 1 && usual.filters == "{\"max_norm_multiple\":10.0}"
    @test status(() -> without_high_norms(acts, 0.5)) == :invalid_argument
    sums = Vector{Float64}[]
    shared = without_high_norms(spread(values -> push!(sums, copy(values)), acts), 10)
    @test size(shared) == (2, 3) && !isempty(sums) && shared.reduce !== nothing
    @test_throws ErrorException("no network") without_high_norms(spread(values -> error("no network"), acts), 10)
end

@testset "long texts" begin
    texts = ["a", "film "^model.max_positions]
    @test activations(model, texts).truncated == 1
    @test status(() -> activations(model, texts; on_long_text = :error)) == :invalid_argument
    @test status(() -> stream_activations(model, texts; on_long_text = :error)) == :invalid_argument
    @test activations(model, "a"; on_long_text = :error).truncated == 0
end

@testset "granularities and aggregations" begin
    for granularity in keys(Eidos.GRANULARITIES)
        granularity === :cls_token && continue
        @test activations(model, FEW; granularity = granularity).granularity === granularity
    end
    for aggregation in keys(Eidos.AGGREGATIONS)
        @test activations(model, FEW; aggregation = aggregation).aggregation === aggregation
    end
    @test size(activations(model, FEW; granularity = :sample), 2) == length(FEW)
    @test_throws ArgumentError activations(model, FEW; granularity = :letter)
    @test_throws ArgumentError activations(model, FEW; batch_tokens = -1)
    @test_throws ArgumentError activations(model, FEW; threads = 1.5)
    @test_throws MethodError activations(model, FEW; batch_size = 1)
    @test_throws MethodError activations(model, [1, 2])
    @test_throws MethodError activations(model, nothing)
    @test activations(model, (text for text in FEW)) == activations(model, FEW)
end

@testset "a text, no texts, texts without tokens" begin
    @test size(activations(model, "hello"), 2) == 1
    @test activations(model, SubString.(FEW, 1, 5)) == activations(model, first.(FEW, 5))
    empty = activations(model, ["", ""])
    @test size(empty) == (192, 0) && isempty(units(empty)) && Matrix(empty) == zeros(Float32, 192, 0)
    @test shown(empty) isa String
    @test status(() -> activations(model, String[])) in (:ok, :invalid_argument)
end

@testset "several split points" begin
    both = SplitModel("eidos:demo"; split = ["model.layers.1", SPLIT])
    found = activations(both, FEW)
    @test found isa Vector{Activations} && [acts.split for acts in found] == both.split
    @test found[2] == activations(model, FEW)
    kept = activations(identity, both, FEW)
    @test !any(isopen, kept)
end

@testset "the vocabulary" begin
    acts = activations(model, Vocabulary())
    @test size(acts) == (192, 6000)
    @test unit(acts, 1000) isa String
end

@testset "as a matrix" begin
    acts = activations(model, FEW)
    copied = Matrix(acts)
    @test copied isa Matrix{Float32} && copied == acts && size(copied) == size(acts)
    @test acts[3, 5] == copied[3, 5] && acts[end] == copied[end]
    @test acts[:, 5] == copied[:, 5] && acts[:, 2:7] == copied[:, 2:7] && acts[1:2, [1, 3]] == copied[1:2, [1, 3]]
    @test acts[:, 5:4] == zeros(Float32, 192, 0)
    @test view(acts, :, 2:3) == copied[:, 2:3]
    @test sum(acts) ≈ sum(copied) && sum(acts; dims = 2) ≈ sum(copied; dims = 2)
    @test acts * acts' ≈ copied * copied' && acts' * ones(Float32, 192) ≈ copied' * ones(Float32, 192)
    @test strides(acts) == (1, 192) && pointer(acts) == pointer(acts)
    @test unsafe_load(pointer(acts), 200) == copied[200]
    @test_throws BoundsError acts[193, 1]
    @test_throws BoundsError acts[:, size(acts, 2) + 1]
    @test_throws BoundsError acts[:, 0:1]
    @test_throws Exception acts[1, 1] = 0
    @test_throws BoundsError copyto!(zeros(Float32, 3), acts)
    @test similar(acts) isa Matrix{Float32} && acts .+ 1 isa Matrix{Float32}
end

@testset "no copy" begin
    matrix = randn(Float32, 64, 1000)
    acts = Activations(matrix)
    acts[1]
    @test (@allocated sum(acts)) < 1000
    @test pointer(acts) == pointer(view(acts, :, 1:2))
end

@testset "a matrix of one's own" begin
    matrix = randn(Float32, 5, 40)
    acts = Activations(matrix; units = ["row $i" for i in 1:40])
    @test acts == matrix && unit(acts, 40) == "row 40" && (acts.granularity, acts.model) == (nothing, "")
    @test Activations(Float64.(matrix)) == matrix
    @test Activations(matrix[1:3, 2:2:40]) == Activations(view(matrix, 1:3, 2:2:40)) == matrix[1:3, 2:2:40]
    @test Activations(transpose(collect(transpose(matrix)))) == matrix
    @test units(Activations(matrix)) == fill(nothing, 40) && isempty(source_texts(acts))
    @test status(() -> unit_span(acts, 1)) == :invalid_argument
    @test_throws DimensionMismatch Activations(matrix; units = ["one"])
    @test status(() -> Activations(zeros(Float32, 0, 3))) == :invalid_argument
    @test_throws MethodError Activations(["a" "b"])
    @test Activations(sum, matrix) ≈ sum(matrix)
end

@testset "saved and opened" begin
    mktempdir() do folder
        acts = activations(model, FEW)
        path = joinpath(folder, "acts")
        save(path, acts)
        open(Activations, path) do again
            @test again == acts && units(again) == units(acts) && source_texts(again) == FEW && again.on_disk
            @test (again.model, again.split, again.granularity) == (acts.model, acts.split, acts.granularity)
            @test unit_span(again, 7) == unit_span(acts, 7)
        end
        open(Activations, path; copy = true) do again
            @test again == acts && !again.on_disk
        end
        @test status(() -> open(Activations, joinpath(folder, "none"))) == :not_found
        @test status(() -> open(Activations, ""; copy = true)) == :invalid_argument
        @test status(() -> activations(model, FEW; folder = "")) == :invalid_argument
        @test status(() -> save("/proc/no/such", acts)) in (:io, :not_found)
    end
end

@testset "several shards" begin
    mktempdir() do folder
        acts = activations(model, FEW; folder = joinpath(folder, "acts"), shard_bytes = 1 << 16)
        whole = activations(model, FEW)
        @test acts.on_disk && length(Eidos.shards(acts)) > 2
        @test acts == whole && Matrix(acts) == Matrix(whole) && acts[end] == whole[end]
        @test acts[:, 80:95] == whole[:, 80:95]
        @test status(() -> pointer(acts)) == :unsupported
        @test status(() -> acts * acts') == :unsupported
        @test status(() -> Eidos.to_dlpack(acts)) != :ok
        @test_throws BoundsError acts[length(acts) + 1]
        explainer = fit(ICA(3; max_iterations = 5), acts)
        @test encode(explainer, acts) == encode(explainer, whole)
    end
end

@testset "DLPack" begin
    matrix = randn(Float32, 4, 30)
    names = string.(1:30)
    tensor = Eidos.to_dlpack(Activations(matrix)) # the owner may go
    GC.gc()
    acts = Eidos.from_dlpack(tensor; units = names)
    @test acts == matrix && units(acts) == names
    again = Eidos.to_dlpack(acts)
    close(acts)
    @test unsafe_wrap(Array, unsafe_load(Ptr{Ptr{Float32}}(again + 32)), (4, 30)) == matrix
    @test status(() -> Eidos.from_dlpack(again; units = ["one"])) == :invalid_argument
    Eidos.delete_dlpack(again)
    @test status(() -> Eidos.from_dlpack(Ptr{Eidos.DLTensor}(C_NULL))) == :invalid_argument
end

close(model)
