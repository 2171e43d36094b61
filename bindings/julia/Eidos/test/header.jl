# The declarations of LibEidos.jl, which are generated: Julia lays structs as C does, and every function is used.

@testset "functions in use" begin
    folder = joinpath(dirname(pathof(Eidos)))
    used = join(read(joinpath(folder, file), String) for file in readdir(folder) if file != "LibEidos.jl")
    unused = filter(name -> !occursin(Regex("\\b$name\\b"), used), collect(keys(LibEidos.FUNCTIONS)))
    # For tests only, for callbacks that know no Julia, for those who keep strings in the library or see some rows, for those who
    # would rather look at a log than be called, and for those who have no garbage collector.
    retained = filter(endswith("_retain") ∘ string, unused)
    @test length(retained) == 10
    @test sort(setdiff(unused, retained)) ==
          [:eidos_activations_rows, :eidos_api, :eidos_control_keep_log, :eidos_control_log, :eidos_control_log_count,
           :eidos_debug_live_handles, :eidos_inputs_from_texts_handle, :eidos_inputs_truncated_count]
end

@testset "statuses" begin
    for (name, number) in pairs(Eidos.STATUSES)
        @test (name, Eidos.status_number(name)) == (name, name === :ok ? nothing : number)
    end
    @test Eidos.status_number(:unknown) === Eidos.status_number(:nonsense) === nothing
end

@testset "structs" begin
    for (name, (size, offsets)) in pairs(LibEidos.LAYOUT)
        type = getfield(LibEidos, name)
        measured = NamedTuple{fieldnames(type)}(Int(fieldoffset(type, i)) for i in 1:fieldcount(type))
        @test (name, sizeof(type), measured) == (name, size, offsets)
    end
end

@testset "versions" begin
    version = string(Eidos.version())
    @test version == "$(LibEidos.VERSION_MAJOR).$(LibEidos.VERSION_MINOR).$(LibEidos.VERSION_PATCH)"
    project = read(joinpath(dirname(dirname(pathof(Eidos))), "Project.toml"), String)
    @test occursin("version = \"$version\"", project)
end

@testset "docs of keywords" begin
    docs = Eidos.keyword_docs(Eidos.TOP_INPUTS_OPTIONS_DOCS; hidden = (:k,), negative_pole = :both_poles)
    @test startswith(docs, "* `both_poles = false`: ") && !occursin("`k`", docs)
    for (name, docs) in ((SplitModel, Eidos.LOAD_OPTIONS_DOCS), (activations, Eidos.ACTIVATIONS_OPTIONS_DOCS))
        text = string(Base.Docs.doc(name))
        @test all(field -> occursin("`$field", text), keys(docs))
    end
end

@testset "defaults" begin
    # What keywords say is what the library sets.
    fields(options) = [getfield(options.fields, name) for name in fieldnames(typeof(options.fields))]
    for (name, _) in pairs(LibEidos.LAYOUT)
        endswith(String(name), "_options") || continue
        keywords = getfield(Eidos, Symbol(replace(String(name), r"^eidos_" => "")))
        @test fields(keywords()) == fields(Eidos.Options{getfield(LibEidos, name)}())
    end
    @test Eidos.ica_options().fields.tolerance == 1e-4
    @test Eidos.chat_options().fields.token_budget == typemax(UInt64)
end
