# The extension for Tables.jl, where Julia has extensions and the test environment has Tables.jl.

meaning = Activations(randn(3, 200) .^ 3) do acts
    top_inputs(fit(ICA(2), acts), acts; k = 2)
end

if isdefined(Base, :get_extension) && Base.find_package("Tables") !== nothing
    @eval import Tables
    @test Base.invokelatest(() -> Tables.istable(meaning))
    @test Base.invokelatest(() -> Tables.columntable(meaning)) == table(meaning)
else
    # The same definitions, with a Tables of the few functions that they extend.
    stub = Module(:Tables)
    Core.eval(stub, :(istable(::Type) = false; columnaccess(::Type) = false; columns(x) = x; schema(x) = keys(x)))
    code = read(joinpath(dirname(@__DIR__), "ext", "EidosTablesExt.jl"), String)
    extension = Meta.parse(replace(code, "import Tables" => ""))
    pushfirst!(extension.args[3].args, :(const Tables = $stub))
    Core.eval(Main, extension)
    @test Base.invokelatest(stub.istable, Interpretation) && Base.invokelatest(stub.columnaccess, Interpretation)
    @test Base.invokelatest(stub.columns, meaning) == table(meaning)
end

close(meaning)
