acts = SplitModel(model -> activations(model, FEW), "eidos:demo"; split = SPLIT)
explainer = fit(ICA(6; seed = 3), acts)

@testset "fit" begin
    @test (explainer.method, explainer.concepts, explainer.features) == (:ica, 6, 192)
    @test (explainer.model, explainer.split) == ("eidos:demo", SPLIT)
    @test explainer.steps > 1
    @test collect(keys(explainer.measures)) == [:last_change] && only(explainer.measures[:last_change]) >= 0
    @test occursin("Explainer of 6 concepts (ica) in 192 features of $SPLIT in eidos:demo", shown(explainer))
    @test fit(ICA(6; seed = 3, threads = 1), acts) |> dictionary == dictionary(explainer)
    @test dictionary(fit(ICA(6; seed = 4), acts)) != dictionary(explainer)
end

@testset "principal components" begin
    found, whitened = fit(PCA(3), acts), fit(PCA(3; whiten = true), acts)
    @test found.method == :pca && found.converged
    @test sort(collect(keys(found.measures))) == [:explained_variance, :explained_variance_ratio, :noise_variance]
    variances = found.measures[:explained_variance]
    @test length(variances) == 3 && issorted(variances; rev = true) && variances[end] > 0
    @test encode(found, acts) ≈ sqrt.(variances) .* encode(whitened, acts) rtol = 1e-4
    @test_throws MethodError PCA(3; tolerance = 1)
    @test status(() -> fit(PCA(1000), acts)) == :invalid_argument
end

@testset "decompositions" begin
    @test length(fit(TruncatedSVD(3), acts).measures[:singular_values]) == 3
    hard, soft = fit(KMeans(3), acts), fit(KMeans(3; codes = :soft, temperature = 0.5), acts)
    @test hard.method == :kmeans && sum(hard.measures[:cluster_sizes]) == size(acts, 2)
    @test all(sum(encode(hard, acts); dims = 1) .== 1) && all(sum(encode(soft, acts); dims = 1) .≈ 1)
    @test encode(fit(Neurons(), acts), acts) == Matrix(acts)
    directions = Matrix(dictionary(fit(RandomDirections(4; seed = 1), acts)))
    @test directions' * directions ≈ [i == j for i in 1:4, j in 1:4] atol = 1e-5
    @test length(fit(SparsePCA(2; penalty = 5), acts).measures[:nonzero_columns]) == 2
    @test status(() -> fit(NMF(2), acts)) == :invalid_data
    for method in (NMF(2; rectify = true, max_iterations = 3), SemiNMF(3; max_iterations = 3), ConvexNMF(3; max_iterations = 3),
                   DictionaryLearning(3; penalty = 0.5, max_iterations = 3))
        found = fit(method, acts)
        @test all(encode(found, acts) .>= 0) && only(found.measures[:relative_error]) < 1
    end
    @test_throws MethodError KMeans(3; whiten = true)
    @test_throws MethodError Neurons(; seed = 1)
    @test_throws ArgumentError fit(KMeans(3; codes = :hard), acts)
    @test status(() -> fit(KMeans(0), acts)) == :invalid_argument
end

@testset "sparse autoencoders and transcoders" begin
    sae = fit(SAE(64; kind = :top_k, k = 4, steps = 200, batch_rows = 64), acts)
    @test sae.method == :sae
    @test sort(collect(keys(sae.measures))) == [:dead, :dense, :fvu, :l0, :loss]
    @test 0 < sae.measures[:l0][1] <= 4
    matrix = Matrix(acts)
    codes = encode(sae, matrix)
    @test all(<=(4), count(!iszero, codes; dims = 1))
    @test reconstruct(sae, matrix) == decode(sae, codes)
    @test reconstruct(sae, matrix[:, 1]) == reconstruct(sae, matrix)[:, 1]
    transcoder = fit(SAE(64; k = 4, steps = 50, batch_rows = 64), acts, acts)
    @test size(reconstruct(transcoder, matrix)) == size(matrix)
    few = SAE(64; k = 4, steps = 20, batch_rows = 64)
    SplitModel("eidos:demo"; split = SPLIT) do model
        tokens = activations(model, FEW; granularity = :token)
        @test encode(fit(few, model, FEW; granularity = :token), tokens) == encode(fit(few, tokens), tokens)
        @test status(() -> fit(few, model, FEW; split = 2)) == :invalid_argument
        transcoder = fit(few, model, FEW; granularity = :token, output_split = 1)
        @test encode(transcoder, tokens) == encode(fit(few, tokens, tokens), tokens)
        @test status(() -> fit(few, model, FEW; output_split = 2)) == :invalid_argument
    end
    @test_throws MethodError SAE(3; whiten = true)
    @test status(() -> fit(SAE(4; k = 5), acts)) == :invalid_argument
end

@testset "options" begin
    sources = randn(3, 2000) .^ 5
    matrix = randn(6, 3) * sources
    for algorithm in keys(Eidos.ICA_ALGORITHMS), contrast in keys(Eidos.CONTRASTS)
        found = fit(ICA(3; algorithm, contrast, alpha = 1.5, tolerance = 1e-3, max_iterations = 500, canonical_signs = false), matrix)
        @test found.concepts == 3 && isempty(found.model)
    end
    @test !fit(ICA(3; max_iterations = 1, tolerance = 1e-12), matrix).converged
    @test fit(ICA(3), Float32.(matrix)).features == 6
    @test occursin("\"concept_count\":3,", fit(ICA(3), matrix).options)
    found = fit(ICA(3; solver = :picard_o), matrix)
    @test found.converged && found.measures[:gradient_norm][1] < 1e-4 && found.measures[:passes][1] >= 1
    @test_throws ArgumentError fit(ICA(3; contrast = :tanh), matrix)
    @test_throws ArgumentError fit(ICA(-1), matrix)
    @test_throws InexactError ICA(1.5)
    @test_throws MethodError fit(:ica, matrix)
    @test status(() -> fit(ICA(0), matrix)) == :invalid_argument
    @test status(() -> fit(ICA(7), matrix)) == :invalid_argument
    @test status(() -> fit(ICA(3; alpha = 7), matrix)) == :invalid_argument
    @test status(() -> fit(ICA(3), fill(NaN32, 6, 100))) == :invalid_data
    @test status(() -> fit(ICA(3), zeros(6, 100))) == :invalid_data
end

@testset "encode and decode" begin
    codes = encode(explainer, acts)
    @test size(codes) == (6, size(acts, 2)) && codes isa Matrix{Float32}
    @test codes == encode(explainer, Matrix(acts)) == encode(explainer, Float64.(acts))
    @test encode(explainer, acts[:, 9]) == codes[:, 9] == vec(encode(explainer, view(acts, :, 9:9)))
    decoded = decode(explainer, codes)
    @test size(decoded) == size(acts)
    @test encode(explainer, decoded) ≈ codes atol = 1e-2
    @test decode(explainer, codes[:, 1]) == decoded[:, 1]
    @test size(encode(explainer, zeros(Float32, 192, 0))) == (6, 0)
    @test status(() -> encode(explainer, zeros(Float32, 191, 2))) == :mismatch
    @test status(() -> decode(explainer, zeros(Float32, 7, 2))) == :mismatch
end

@testset "dictionary" begin
    concepts = dictionary(explainer)
    @test concepts isa Eidos.MatrixView && size(concepts) == (192, 6)
    codes = encode(explainer, acts)
    # Decoding is the dictionary and the mean.
    @test decode(explainer, codes) .- decode(explainer, zero(codes)) ≈ concepts * codes atol = 1e-3
    @test Matrix(concepts)[:, 2] == concepts[:, 2] && strides(concepts) == (1, 192)
    @test concepts' * concepts ≈ Matrix(concepts)' * Matrix(concepts)
    @test_throws BoundsError concepts[193, 1]
    @test_throws BoundsError copyto!(zeros(Float32, 3), concepts)
    @test encode(explainer, concepts) isa Matrix
end

@testset "saved and opened" begin
    mktempdir() do folder
        path = joinpath(folder, "explainer.safetensors")
        save(path, explainer)
        open(Explainer, path) do again
            @test dictionary(again) == dictionary(explainer) && encode(again, acts) == encode(explainer, acts)
            @test (again.split, again.concepts) == (explainer.split, explainer.concepts)
        end
        write(path, "not an explainer")
        @test status(() -> open(Explainer, path)) == :invalid_file
        @test status(() -> open(Explainer, joinpath(folder, "none"))) == :not_found
    end
end

@testset "codes in a file" begin
    mktempdir() do folder
        path = joinpath(folder, "codes.npy")
        save_codes(path, explainer, acts)
        codes = encode(explainer, acts)
        bytes = read(path)
        @test reinterpret(Float32, bytes[end-sizeof(codes)+1:end]) == vec(codes)
        @test encode(explainer, acts; threads = 1) == encode(explainer, Matrix(acts))
        sparse = encode_sparse(explainer, acts)
        again = zero(codes)
        for column in axes(codes, 2), at in sparse.starts[column]:sparse.starts[column+1]-1
            again[sparse.concepts[at], column] = sparse.values[at]
        end
        @test again == codes
        @test status(() -> save_codes(joinpath(folder, "codes"), explainer, acts)) == :invalid_argument
        save_codes(joinpath(folder, "codes"), explainer, acts; format = :npz)
        @test isfile(joinpath(folder, "codes"))
    end
end

foreach(close, (acts, explainer))

@testset "a dictionary of one's own" begin
    own = Explainer([1 0 1; 0 2 1]; encoder = [1 0 1; 0 0.5 1], bias = [0, 0.5, -1], offset = [10, 20], rectified = true)
    @test (own.method, own.concepts, own.features) == (:dictionary, 3, 2)
    @test encode(own, [9, 22]) == [0, 1.5, 0]
    @test decode(own, [0, 1.5, 0]) == [10, 23]
    @test_throws DimensionMismatch Explainer([1 2; 3 4]; bias = [1])
    @test status(() -> Explainer(fill(NaN, 2, 2))) == :invalid_data
end

@testset "an autoencoder of one's own, saved for others and opened" begin
    matrix = [1 0 0.5; 0 1 0.5]
    @test encode(Explainer(matrix, :top_k; k = 1), [1, 2]) == [0, 2, 0]
    above = Explainer(matrix, :jump_relu; thresholds = [0.5, 0, 2])
    @test encode(above, [1, 2]) == [1, 2, 0]
    @test status(() -> Explainer(matrix, :jump_relu)) == :invalid_argument
    @test_throws ArgumentError Explainer(matrix, :softmax)
    @test_throws DimensionMismatch Explainer(matrix, :jump_relu; thresholds = [1])
    mktempdir() do folder
        save_as(joinpath(folder, "sae"), above, :sae_lens)
        opened = open_published(joinpath(folder, "sae"); split_point = "model.layers.1")
        @test encode(opened, [1, 2]) == [1, 2, 0]
        @test opened.split == "model.layers.1"
        save_as(joinpath(folder, "one.safetensors"), above, :safetensors)
        @test encode(open(Explainer, joinpath(folder, "one.safetensors")), [1, 2]) == [1, 2, 0]
    end
    @test status(() -> open_published("./no/such/folder")) == :not_found
end
