# Every declaration of the package is that of the header.

const HEADER = read(joinpath(REPOSITORY, "include", "eidos.h"), String)
const CODE = replace(HEADER, r"/\*.*?\*/"s => "")

# The Julia type of a C type: `const eidos_error *` is Ptr{eidos_error}.
function julia_type(c)
    stars = count(==('*'), c)
    name = strip(replace(replace(replace(c, "const" => ""), "struct" => ""), "*" => ""))
    if name == "char" && stars > 0
        name, stars = "Cstring", stars - 1
    end
    base = Dict("void" => Cvoid, "float" => Cfloat, "double" => Cdouble, "int32_t" => Int32, "uint32_t" => UInt32,
                "uint64_t" => UInt64, "size_t" => Csize_t, "Cstring" => Cstring)
    type = haskey(base, name) ? base[name] : getfield(LibEidos, Symbol(name))
    foldl((inner, _) -> Ptr{inner}, 1:stars; init = type)
end

function argument_type(argument)
    argument = strip(argument)
    julia_type(match(r"^(.*?)\w+$"s, argument)[1])
end

declared = Dict{Symbol,Tuple{Any,Any}}()
for found in eachmatch(r"^([\w ]+[ *]+)(eidos_\w+)\(([^()]*)\);"ms, CODE)
    occursin("typedef", found[1]) && continue
    arguments = strip(found[3]) == "void" ? [] : Any[argument_type(argument) for argument in split(found[3], ",")]
    declared[Symbol(found[2])] = (arguments, julia_type(found[1]))
end

@testset "functions" begin
    @test length(declared) == count(r"^[a-z].*\beidos_\w+\("m, replace(CODE, r"typedef[^;]*;"s => ""))
    @test setdiff(keys(declared), keys(LibEidos.FUNCTIONS)) == Set() # what the header has and the package lacks
    @test setdiff(keys(LibEidos.FUNCTIONS), keys(declared)) == Set()
    for (name, (arguments, result)) in declared
        @test (name, LibEidos.FUNCTIONS[name][2:3]) == (name, (arguments, result))
    end
end

# Every function is called somewhere outside of its declaration.
@testset "functions in use" begin
    folder = joinpath(dirname(pathof(Eidos)))
    used = join(read(joinpath(folder, file), String) for file in readdir(folder) if file != "LibEidos.jl")
    unused = filter(name -> !occursin(Regex("\\b$name\\b"), used), collect(keys(declared)))
    # For tests only, for those who pass strings that they did not copy, and for callbacks that know no Julia.
    @test sort(unused) == [:eidos_activations_spread, :eidos_debug_live_handles, :eidos_texts_array]
end

constant(name) = (found = match(Regex("#define $name (\\d+)"), CODE); found === nothing ? nothing : parse(Int, found[1]))

@testset "constants" begin
    groups = (TEXT_FORMAT = Eidos.TEXT_FORMATS, HEAD = Eidos.HEADS, DEVICE = Eidos.DEVICES, NETWORK = Eidos.NETWORKS, GRANULARITY = Eidos.GRANULARITIES, WORD_RULE = Eidos.WORD_RULES,
              AGGREGATION = Eidos.AGGREGATIONS, ICA = Eidos.ALGORITHMS, CONTRAST = Eidos.CONTRASTS, POLE = Eidos.POLES,
              SAMPLING = Eidos.SAMPLINGS)
    for (group, choices) in pairs(groups)
        expected = Dict(Symbol(lowercase(found[1])) => parse(Int, found[2])
                        for found in eachmatch(Regex("#define EIDOS_$(group)_(\\w+) (\\d+)"), CODE))
        @test Dict(pairs(choices)) == expected
    end
    @test LibEidos.ABI_VERSION == constant("EIDOS_ABI_VERSION")
    for status in (:OK, :CANCELLED, :UNUSABLE_ANSWER)
        @test getfield(LibEidos, status) == constant("EIDOS_$status")
        name = Symbol(lowercase(string(status)))
        @test Eidos.status_number(name) == (status === :OK ? nothing : constant("EIDOS_$status"))
    end
    @test Eidos.status_number(:unknown) === Eidos.status_number(:nonsense) === nothing
end

@testset "structs" begin
    layout = read(joinpath(REPOSITORY, "tests", "abi", "layout.json"), String)
    structs = collect(eachmatch(r"\"(eidos_\w+)\": \{([^}]*)\}", layout))
    @test length(structs) == length(collect(eachmatch(r"^\} eidos_\w+;"m, CODE)))
    for found in structs
        type = getfield(LibEidos, Symbol(found[1]))
        expected = [(Symbol(field[1]), parse(Int, field[2])) for field in eachmatch(r"\"(\w+)\": (\d+)", found[2])]
        measured = [(:size, sizeof(type)); [(fieldname(type, i), Int(fieldoffset(type, i))) for i in 1:fieldcount(type)]]
        @test (type, measured) == (type, expected)
    end
end

@testset "versions" begin
    version = string(Eidos.version())
    @test version == join((constant("EIDOS_VERSION_$part") for part in ("MAJOR", "MINOR", "PATCH")), ".")
    project = read(joinpath(dirname(dirname(pathof(Eidos))), "Project.toml"), String)
    @test occursin("version = \"$version\"", project)
end
