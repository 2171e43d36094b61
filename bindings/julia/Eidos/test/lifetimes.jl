# Handles are freed in any order, on any thread, and never during a call.

import Random

function everything()
    model = SplitModel("eidos:demo"; split = SPLIT)
    acts = activations(model, FEW[1:5])
    explainer = fit(ICA(2; max_iterations = 3), acts)
    meaning = top_inputs(explainer, acts)
    explanation = explain(explainer, acts; interpretation = meaning)
    Any[model, acts, explainer, meaning, explanation, dictionary(explainer), view(acts, :, 1:3), Control()]
end

collect_all() = foreach(_ -> GC.gc(), 1:3)

@testset "in random order" begin
    collect_all()
    before = live_handles()
    for round in 1:5
        objects = Random.shuffle(everything())
        for object in objects
            rand(Bool) && object isa Eidos.Closable && close(object)
        end
        while !isempty(objects)
            pop!(objects)
            rand(1:3) == 1 && GC.gc(rand(Bool))
        end
    end
    collect_all()
    @test live_handles() <= before
end

@testset "close frees at once" begin
    collect_all()
    before = live_handles()
    acts = Activations(randn(Float32, 3, 4))
    @test live_handles() == before + 1
    close(acts)
    @test live_handles() == before
    seen = Activations(randn(Float32, 3, 4))
    total = sum(seen)
    column = view(seen, :, 2)
    close(seen)
    @test live_handles() == before + 1 # somebody looked at the numbers: the garbage collector decides
    seen = column = nothing
    collect_all()
    @test live_handles() == before
end

@testset "a view alone keeps its memory" begin
    concepts = dictionary(everything()[3])
    before = Matrix(concepts)
    collect_all()
    junk = [randn(Float32, 192, 100) for _ in 1:50]
    @test concepts == before
end

@testset "handles dropped while long calls run" begin
    model = SplitModel("eidos:demo"; split = SPLIT)
    acts = activations(model, FEW)
    expected = Matrix(dictionary(fit(ICA(4; max_iterations = 20), acts)))
    stop = Threads.Atomic{Bool}(false)
    dropper = Threads.@spawn while !stop[]
        everything()
        GC.gc(rand(1:10) == 1) # now and then a full collection
        yield()
    end
    callers = map(1:4) do _
        Threads.@spawn map(1:5) do _
            # Nobody else holds the activations of this call, nor its explainer.
            found = fit(ICA(4; max_iterations = 20), activations(model, FEW); progress = now -> [randn(10) for _ in 1:10])
            dictionary(found) == expected
        end
    end
    @test all(all.(fetch.(callers)))
    stop[] = true
    wait(dropper)
end

@testset "closed during a call" begin
    for round in 1:10
        model = SplitModel("eidos:demo"; split = SPLIT)
        acts = activations(model, FEW)
        others = [Threads.@spawn(status(() -> fit(ICA(3; max_iterations = 30), acts))) for _ in 1:2]
        reader = Threads.@spawn status(() -> [sum(acts) for _ in 1:200])
        from_model = Threads.@spawn status(() -> [activations(model, FEW) for _ in 1:3])
        # From within a call, on its own thread, and from here.
        inside = status(() -> fit(ICA(3; max_iterations = 3), acts; progress = now -> rand(1:5) == 1 && close(acts)))
        sleep(rand() / 100)
        foreach(close, (acts, model))
        @test issubset(fetch.([others; reader; from_model]), (:ok, :invalid_handle)) && inside in (:ok, :invalid_handle)
    end
end
