@testset "the modules, without a split point" begin
    tree = SplitModel("eidos:demo")
    @test tree.name == "eidos:demo" && tree.family == "eurobert"
    @test (tree.vocabulary_size, tree.max_positions, tree.weight_bytes) == (6000, 512, 0)
    @test tree.products == ""
    @test isempty(tree.split) && isempty(tree.features)
    @test tree.modules[1].path == ""
    @test any(m -> m == (path = "model.layers.2.mlp.down_proj", kind = "Linear(512 -> 192)", can_split = true, width = 192,
                         cost = 0.75, is_recommended = false), tree.modules)
    @test [m.path for m in tree.modules if m.is_recommended] == ["model.layers.$n" for n in 0:3]
    @test !all(m -> m.can_split, tree.modules)
    @test occursin("can be split points", shown(tree)) && occursin("⋮", shown(tree))
    @test status(() -> activations(tree, FEW)) in (:ok, :invalid_argument)
end

@testset "one split point and several" begin
    model = SplitModel("eidos:demo"; split = SPLIT)
    @test model.split == SPLIT && model.features == 192 && model.weight_bytes > 1_000_000
    @test occursin("(", model.products) && startswith(SplitModel("eidos:demo"; split = SPLIT, precision = :bf16).products, "bf16 (")
    @test sprint(show, model) == "SplitModel(\"eidos:demo\"; split = \"$SPLIT\")"
    @test occursin("$SPLIT: 192 features", shown(model))
    @test SplitModel("eidos:demo"; split = 2).split == "model.layers.2"
    both = SplitModel("eidos:demo"; split = [1, SPLIT])
    @test both.split == ["model.layers.1", SPLIT] && both.features == [192, 192]
    @test SplitModel("eidos:demo"; split = [SPLIT]).split == [SPLIT]
end

@testset "options" begin
    model = SplitModel("eidos:demo"; split = SPLIT, head = :base, device = :cpu, network = :offline, revision = "main",
                       token = "secret", cache_folder = tempdir(), endpoint = "http://localhost",
                       copy = true)
    @test isopen(model)
    @test_throws ArgumentError SplitModel("eidos:demo"; head = :none)
    @test_throws ArgumentError SplitModel("eidos:demo"; device = :tpu)
    @test_throws ArgumentError SplitModel("eidos:demo"; device_index = -1)
    @test_throws ArgumentError SplitModel("eidos:demo"; revision = "a\0b")
end

@testset "do blocks and close" begin
    kept = SplitModel("eidos:demo"; split = SPLIT) do model
        @test isopen(model)
        model
    end
    @test !isopen(kept)
    @test occursin("(closed)", sprint(show, kept))
    close(kept)
    @test status(() -> activations(kept, FEW)) == :invalid_handle
    @test_throws ErrorException SplitModel(model -> error("mine"), "eidos:demo")
end

@testset "what is not there" begin
    @test status(() -> SplitModel("eidos:demo"; split = "model.layer.2")) == :unknown_module
    @test status(() -> SplitModel("/no/such/folder"; split = SPLIT)) == :not_found
    @test status(() -> SplitModel("eidos:demo"; split = 99)) == :unknown_module
    @test_throws ArgumentError SplitModel("a\0b")
    @test_throws MethodError SplitModel(7)
    @test_throws MethodError SplitModel("eidos:demo"; split = 1.5)
end
