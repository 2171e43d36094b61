# The code in the README runs, and gives what the comments beside it say: `expression # value` or `# value, and a remark`.

readme = read(joinpath(REPOSITORY, "bindings", "julia", "README.md"), String)
blocks = [String(found[1]) for found in eachmatch(r"^```julia\n(.*?)^```$"ms, readme)]
here = filter(block -> !occursin(r"llm_labels|open_published", block), blocks) # the others ask a language model or a hub
sandbox = Module(:Readme)
compared = 0

mktempdir() do folder
    symlink(joinpath(REPOSITORY, "assets"), joinpath(folder, "assets"))
    quietly(call) = open("output", "w") do output
        pushdisplay(TextDisplay(output))
        try
            redirect_stdout(() -> redirect_stderr(call, output), output)
        finally
            popdisplay()
        end
    end
    cd(folder) do
        for block in here
            quietly(() -> include_string(sandbox, block))
            for line in split(block, '\n')
                claim = match(r"^(\S.*?)\s+# (true|\".*\"|\(.*\))(, .*)?$", line)
                claim === nothing && continue
                @test repr(include_string(sandbox, claim[1])) == claim[2]
                global compared += 1
            end
        end
    end
end
@test length(here) >= 4 && compared >= 3

for name in names(sandbox; all = true) # its handles
    isconst(sandbox, name) || Core.eval(sandbox, :($name = nothing))
end
