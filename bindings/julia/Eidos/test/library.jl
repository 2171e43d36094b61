# Finding the library, and what is said where that fails.

@testset "the library that was found" begin
    @test isfile(Eidos.library())
end

@testset "a library that is not there" begin
    code, output = julia("using Eidos"; EIDOS_LIBRARY = "/no/such/libeidos.so")
    @test code != 0
    @test occursin("/no/such/libeidos.so", output) && occursin("cargo build --release", output)
    @test occursin("No such file", output) # what the system says
end

@testset "a library that is another one" begin
    other = first(filter(path -> occursin("libjulia", path), Eidos.Libdl.dllist()))
    code, output = julia("using Eidos"; EIDOS_LIBRARY = other)
    @test code != 0 && occursin("binary interface 0", output)
end

@testset "the order" begin
    withenv("EIDOS_LIBRARY" => "here.so") do
        @test Eidos.find_library() == "here.so"
    end
    project = Base.active_project()
    mktempdir() do folder
        write(joinpath(folder, "Project.toml"), "[deps]\nEidos = \"$(Base.PkgId(Eidos).uuid)\"\n")
        preferences = joinpath(folder, "LocalPreferences.toml")
        preferred(text) = (write(preferences, text); withenv(Eidos.find_library, "EIDOS_LIBRARY" => nothing))
        try
            Base.ACTIVE_PROJECT[] = joinpath(folder, "Project.toml")
            @test preferred("[Other]\nlibrary = \"wrong.so\"\n\n[Eidos]\nlibrary = \"/right.so\"\n") == "/right.so"
            @test preferred("[Eidos]\nlibrary = 'C:\\right.dll' # here\n") == "C:\\right.dll"
            @test preferred("[Eidos]\nlibrary = \"C:\\\\right.dll\"\n") == "C:\\right.dll"
            @test occursin("libeidos", preferred("[Eidos]\n[Other]\nlibrary = \"wrong.so\"\n"))
        finally
            Base.ACTIVE_PROJECT[] = project
        end
    end
end
