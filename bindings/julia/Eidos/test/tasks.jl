# Several tasks read one model and fit different explainers at the same time.

model = SplitModel("eidos:demo"; split = SPLIT)

@testset "tasks ($(Threads.nthreads()) threads)" begin
    expected = activations(model, FEW)
    alone = [Matrix(dictionary(fit(ICA(n; seed = n, max_iterations = 30), expected))) for n in 2:6]
    tasks = map(2:6) do n
        Threads.@spawn begin
            acts = activations(model, FEW)
            explainer = fit(ICA(n; seed = n, max_iterations = 30), acts; progress = now -> yield())
            meaning = top_inputs(explainer, model, FEW)
            acts == expected, Matrix(dictionary(explainer)), length(meaning)
        end
    end
    for (n, (same, found, count)) in zip(2:6, fetch.(tasks))
        @test same && found == alone[n - 1] && count == n
    end
end

@testset "readers" begin
    acts = activations(model, FEW)
    explainer = fit(ICA(3; max_iterations = 20), acts)
    meaning = top_inputs(explainer, acts)
    read_all() = (sum(acts), units(acts), encode(explainer, acts), Eidos.json(meaning), [c[1].text for c in meaning])
    once = read_all()
    @test all(==(once), fetch.([Threads.@spawn read_all() for _ in 1:8]))
end

@testset "cancelled from another task" begin
    acts = Activations(randn(Float32, 100, 3000))
    control = Control()
    if Threads.nthreads() > 1
        fitting = Threads.@spawn status(() -> fit(ICA(50; max_iterations = 10^6, tolerance = 1e-300), acts; control))
        while Progress(control).stage !== :fit && !istaskdone(fitting)
            yield()
        end
        cancel!(control)
        @test fetch(fitting) == :cancelled
    else
        @async (sleep(0.05); cancel!(control)) # runs while the progress function waits
        @test status() do
            fit(ICA(50; max_iterations = 10^6, tolerance = 1e-300), acts; control, progress = now -> sleep(0.001))
        end == :cancelled
    end
end

# A C function that does nothing for a while, called as the long calls of the library are.
Core.eval(LibEidos, :(@long usleep(microseconds::UInt32)::Int32))
LibEidos.address_of_usleep[] = cglobal(:usleep)
delete!(LibEidos.FUNCTIONS, :usleep)

@testset "a long call does not hold up the garbage collector of other threads" begin
    if Threads.nthreads() > 1
        LibEidos.usleep(UInt32(1))
        asleep = Threads.Atomic{Bool}(false)
        sleeping = Threads.@spawn (asleep[] = true; LibEidos.usleep(UInt32(5_000_000)))
        while !asleep[]
            yield()
        end
        @test @elapsed(GC.gc()) < 4
        @test !istaskdone(sleeping)
        wait(sleeping)
    end
end

close(model)
