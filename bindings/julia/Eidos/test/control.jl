model = SplitModel("eidos:demo"; split = SPLIT)
acts = activations(model, FEW)

@testset "progress" begin
    seen = Progress[]
    report = now -> push!(seen, now)
    activations(model, FEW; progress = report)
    fit(ICA(3; max_iterations = 20), acts; progress = report)
    explainer = fit(ICA(3; max_iterations = 20), acts; progress = report)
    top_inputs(explainer, acts; progress = report)
    top_inputs(explainer, model, FEW; progress = report)
    @test issubset([:tokenize, :forward, :covariance, :fit, :interpret], [now.stage for now in seen])
    @test all(0 <= now.done && now.seconds >= 0 && (now.total == 0 || now.done <= now.total) for now in seen)
    empty!(seen)
    SplitModel("eidos:demo"; split = SPLIT, progress = report)
    @test any(now -> now.stage === :load, seen)
    mktempdir(folder -> save(joinpath(folder, "acts"), acts; progress = report))
    @test occursin(r"^load \d+ of \d+ after \d+\.\d s$", sprint(show, Progress(:load, 1, 2, 0.5)))
    activations(model, FEW; progress = true) # no bar where there is no terminal
    activations(model, FEW; progress = false)
end

@testset "messages" begin
    heard = LogMessage[]
    control = Control(log = message -> push!(heard, message))
    SplitModel(close, "eidos:demo"; split = SPLIT, control)
    @test [(message.level, message.target) for message in heard] == [(:info, :model)]
    @test startswith(heard[1].text, "loaded eidos:demo") && occursin("safetensors", heard[1].text) && heard[1].seconds >= 0
    @test startswith(sprint(show, heard[1]), "info model: loaded")
    empty!(heard)
    close(control)
    SplitModel(close, "eidos:demo"; split = SPLIT, control = Control(log = message -> push!(heard, message), level = :warning))
    SplitModel(close, "eidos:demo"; split = SPLIT, control = Control(level = :debug))
    @test isempty(heard)
    @test_throws ErrorException("mine") SplitModel("eidos:demo"; split = SPLIT, control = Control(log = _ -> error("mine")))
    @test_throws ArgumentError Control(level = :loud)
end

@testset "a bar" begin
    bar = Eidos.ProgressBar(-1)
    output = tempname()
    open(output, "w") do file
        redirect_stderr(() -> bar(Progress(:forward, 5, 10, 1.0)), file)
    end
    @test read(output, String) == "\rforward    [###############               ]   1.0 s "
    rm(output)
end

@testset "what a progress function throws" begin
    stop = now -> now.stage === :forward && error("mine")
    @test_throws ErrorException("mine") activations(model, FEW; progress = stop)
    @test_throws ErrorException("mine") fit(ICA(3), acts; progress = now -> error("mine"))
    @test_throws DivideError top_inputs(fit(ICA(2; max_iterations = 2), acts), acts; progress = now -> div(1, 0))
    @test_throws MethodError fit(ICA(3), acts; progress = "not a function")
    @test size(activations(model, FEW)) == size(acts)
end

@testset "Julia inside a progress function" begin
    # It may allocate, collect garbage, wait, print, and make other long calls.
    inner = []
    fit(ICA(3; max_iterations = 5), acts; progress = function (now)
        GC.gc()
        sleep(0.001)
        yield()
        isempty(inner) && push!(inner, fit(ICA(2; max_iterations = 3), acts; progress = _ -> GC.gc(false)))
    end)
    @test inner[1].concepts == 2
end

@testset "cancelling" begin
    for stage in (:tokenize, :forward, :covariance, :fit, :interpret)
        control = Control()
        report = now -> now.stage === stage && cancel!(control)
        @test status() do
            top_inputs(fit(ICA(3; max_iterations = 3), activations(model, FEW; control, progress = report);
                           control, progress = report), acts; control, progress = report)
        end == :cancelled
        @test iscancelled(control) && Progress(control).stage === stage
        @test status(() -> fit(ICA(3), acts; control)) == :cancelled
        @test occursin("cancelled", sprint(show, control))
    end
    control = Control()
    @test !iscancelled(control) && Progress(control).stage === :idle
    for _ in 1:2
        fit(ICA(3; max_iterations = 3), acts; control)
    end
    @test Progress(control).stage === :fit
end

@testset "one call at a time" begin
    control = Control()
    fit(ICA(3; max_iterations = 3), acts; control, progress = now -> (@test_throws ArgumentError fit(ICA(3), acts; control)))
    fit(ICA(3; max_iterations = 3), acts; control)
    kept = Control()
    fit(ICA(3; max_iterations = 3), acts; control = kept, progress = now -> close(kept)) # the call goes on
    @test !isopen(kept)
end

@testset "Ctrl-C" begin
    code, output = julia("""
        using Eidos
        using Eidos: ICA, fit
        acts = Activations(randn(Float32, 100, 5000))
        forever = ICA(50; max_iterations = 10^6, tolerance = 1e-300)
        interrupt_soon() = run(`sh -c "sleep 0.5; kill -2 \$(getpid())"`; wait = false)
        for progress in (nothing, now -> sleep(0.001), now -> zeros(1000)), attempt in 1:2
            fit(ICA(2; max_iterations = 2), acts; progress = progress)
            interrupting = interrupt_soon()
            try
                fit(forever, acts; progress = progress)
            catch error
                println(error isa InterruptException ? "interrupted" : error)
            end
            wait(interrupting)
        end
        close(acts)
        foreach(_ -> GC.gc(), 1:3)
        println(Int(Eidos.LibEidos.eidos_debug_live_handles()), " left")
        """)
    @test (code, output) == (0, "interrupted\n"^6 * "0 left\n")
end

foreach(close, (model, acts))
