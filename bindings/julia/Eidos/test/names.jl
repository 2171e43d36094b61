# Names beside those of other packages, and what is said of calls that nothing answers.

@testset "nothing is exported that other packages call something else" begin
    taken = (:fit, :fit!, :predict, :reconstruct, :transform, :ICA, :PCA, :encode, :decode, :dictionary, :save, :load, :table, :unit,
             :units, :tokens, :spread, :estimate, :moments, :Progress, :mean, :std, :KMeans, :NMF, :TruncatedSVD, :SparsePCA, :DictionaryLearning, :SAE)
    @test isempty(intersect(names(Eidos), taken))
end

@testset "fit, predict and reconstruct of other packages" begin
    # The extensions, with packages of the few functions that they extend.
    for (package, functions) in (:StatsAPI => (:fit, :predict), :MultivariateStats => (:reconstruct,))
        if isdefined(Base, :get_extension) && Base.find_package(string(package)) !== nothing
            @eval import $package
            continue
        end
        stub = Module(package)
        foreach(name -> Core.eval(stub, :(function $name end)), functions)
        code = read(joinpath(dirname(@__DIR__), "ext", "Eidos$(package)Ext.jl"), String)
        extension = Meta.parse(replace(code, "import $package\n" => "\n"))
        pushfirst!(extension.args[3].args, :(const $package = $stub))
        Core.eval(Main, :(const $package = $stub))
        Core.eval(Main, extension)
    end
    matrix = randn(3, 200) .^ 3
    explainer = Base.invokelatest(StatsAPI.fit, ICA(2), matrix)
    codes = Base.invokelatest(StatsAPI.predict, explainer, matrix)
    @test codes == encode(explainer, matrix) && codes[:, 1] == Base.invokelatest(StatsAPI.predict, explainer, matrix[:, 1])
    @test Base.invokelatest(MultivariateStats.reconstruct, explainer, codes) == decode(explainer, codes)
    close(explainer)
end

@testset "a call that nothing answers says what there is" begin
    said(call) = try
        call()
        "nothing"
    catch error
        sprint(showerror, error)
    end
    message = said(() -> fit(ICA(2), "rows"))
    @test occursin("Eidos accepts:\n  fit(", message) && occursin("\n  fit(ICA(50), acts; progress = nothing, control = nothing)", message)
    @test occursin("Eidos accepts:\n  dictionary(explainer)", said(() -> dictionary(5)))
    @test !occursin("Eidos accepts", said(() -> sin("x")))
end
