# The extension for Tables.jl, where Julia has extensions and the test environment has Tables.jl.

meaning = Activations(randn(3, 200) .^ 3) do acts
    top_inputs(fit(ICA(2), acts), acts; k = 2)
end

if isdefined(Base, :get_extension) && Base.find_package("Tables") !== nothing
    @eval import Tables
    @test Base.invokelatest(() -> Tables.istable(meaning))
    @test Base.invokelatest(() -> Tables.columntable(meaning)) == Eidos.columns_of(table(meaning))
else
    # The same definitions, with a Tables of the few functions that they extend.
    stub = Module(:Tables)
    Core.eval(stub, :(istable(::Type) = false; columnaccess(::Type) = false; columns(x) = x; schema(x) = keys(x)))
    code = read(joinpath(dirname(@__DIR__), "ext", "EidosTablesExt.jl"), String)
    extension = Meta.parse(replace(code, "import Tables" => ""))
    pushfirst!(extension.args[3].args, :(const Tables = $stub))
    Core.eval(Main, extension)
    @test Base.invokelatest(stub.istable, Interpretation) && Base.invokelatest(stub.columnaccess, Interpretation)
    @test Base.invokelatest(stub.columns, meaning) == Eidos.columns_of(table(meaning))
end

@testset "a table prints as one" begin
    rows = table(meaning)
    @test rows[3] == (concept = 2, pole = :positive, rank = 1, text = rows.text[3], activation = rows.activation[3],
                      column = rows.column[3])
    @test length(rows) == 4 && rows == collect(rows) && propertynames(rows) == keys(rows[1])
    lines = split(shown(Eidos.Table((text = [" film", "a"], count = [7, 12], share = [0.12345f0, 1.0f0]))), '\n')
    @test lines == ["Table of 2 rows: text, count, share", " text     count  share", " ───────  ─────  ─────",
                    " \" film\"      7  0.123", " \"a\"         12    1.0"]
    long = Eidos.Table((n = collect(1:100),))
    @test endswith(shown(long), " ⋮") && count(==('\n'), shown(long)) < 24
    @test endswith(sprint(show, MIME"text/plain"(), long), "\n 100")
    @test shown(Eidos.Table((n = Int[],))) == "Table of 0 rows: n"
end

close(meaning)
