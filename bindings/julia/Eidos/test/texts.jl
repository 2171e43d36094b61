# Files of texts.

mktempdir() do folder
    file(name, content) = (path = joinpath(folder, name); write(path, content); path)

    @testset "lines" begin
        lines = file("texts.txt", "\ufeffa warm film\r\n\r\n café ")
        @test read_texts(lines) == ["a warm film", " café "]
        @test read_texts(lines; keep_empty = true) == ["a warm film", "", " café "]
        @test read_texts(lines; most = 1) == ["a warm film"]
        @test read_texts(file("empty.txt", "")) == String[]
        @test read_texts(joinpath(REPOSITORY, "assets", "demo-texts.txt")) == TEXTS
    end

    @testset "JSON lines" begin
        records = file("texts.jsonl", "{\"text\": \"a\\u0000b\"}\n{\"text\": \"c\", \"sentence\": \"d\"}\n")
        @test read_texts(records) == ["a\0b", "c"]
        @test read_texts(records; format = :lines)[2] == "{\"text\": \"c\", \"sentence\": \"d\"}"
        @test read_texts(file("records", "{\"x\": \"d\"}"); format = :json_lines, field = "x") == ["d"]
        error = try read_texts(records; field = "sentence") catch error error end
        @test (error.status, error.details["line"]) == (:invalid_file, "1")
    end

    @testset "what is wrong" begin
        @test status(() -> read_texts(joinpath(folder, "missing.txt"))) == :not_found
        @test status(() -> read_texts(file("latin1.txt", UInt8[0x63, 0xe9, 0x0a]))) == :invalid_file
        @test status(() -> read_texts(folder)) == :invalid_file
        @test_throws ArgumentError read_texts("x"; format = :csv)
        @test_throws ArgumentError read_texts("x"; most = -1)
        control = Control()
        cancel!(control)
        @test status(() -> read_texts(file("a.txt", "a"); control = control)) == :cancelled
    end
end
