@testset "what an error says" begin
    error = try
        SplitModel("eidos:demo"; split = "model.layer.2")
    catch error
        error
    end
    @test error isa EidosError && error.status === :unknown_module
    @test occursin("model.layer.2", error.message) && !isempty(error.hint)
    @test sprint(showerror, error) == "EidosError (unknown_module): $(error.message)\n  hint: $(error.hint)"
    found = try
        open(Explainer, "/no/such/file")
    catch error
        error
    end
    @test found.details isa Dict{String,String} && get(found.details, "path", "/no/such/file") == "/no/such/file"
end

@testset "closed objects" begin
    model = SplitModel("eidos:demo"; split = SPLIT)
    acts = activations(model, FEW)
    unseen = activations(model, FEW)
    explainer = fit(ICA(2; max_iterations = 5), acts)
    meaning = top_inputs(explainer, acts)
    control = Control()
    numbers, concepts, wrapped = acts[:, 1], dictionary(explainer), view(acts, :, 1:3)
    before = Matrix(concepts)
    acts[1, 1]
    foreach(close, (model, acts, unseen, explainer, meaning, control))
    for use in (() -> activations(model, FEW), () -> unit(acts, 1), () -> units(acts), () -> source_texts(acts), () -> acts[1, 1],
                () -> sum(acts), () -> unseen[1], () -> Matrix(unseen), () -> pointer(unseen), () -> pointer(acts),
                () -> acts[:, 1], () -> acts[:, 1:2], () -> unit_span(acts, 1), () -> save(tempname(), acts),
                () -> Eidos.to_dlpack(acts), () -> fit(ICA(2), acts), () -> sum(wrapped), () -> encode(explainer, numbers),
                () -> decode(explainer, [1, 2]), () -> dictionary(explainer), () -> save(tempname(), explainer),
                () -> top_inputs(explainer, acts), () -> top_inputs(explainer, model, FEW), () -> meaning[1],
                () -> collect(meaning), () -> Eidos.json(meaning), () -> table(meaning), () -> save(tempname(), meaning),
                () -> label_usage(meaning), () -> llm_labels(_ -> "a", explainer, acts),
                () -> cancel!(control), () -> iscancelled(control), () -> Progress(control))
        @test status(use) == :invalid_handle
    end
    @test concepts == before # a view outlives its owner
    @test all(!isopen, (model, acts, explainer, meaning, control))
    for object in (model, acts, explainer, meaning, control)
        @test occursin("(closed)", sprint(show, object)) && occursin("(closed)", shown(object))
        close(object)
    end
end
