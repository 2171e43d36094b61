model = SplitModel("eidos:demo"; split = SPLIT)
acts = activations(model, FEW)
explainer = fit(ICA(4; max_iterations = 50), acts)
meaning = top_inputs(explainer, acts; k = 3)

@testset "a page has what was found" begin
    keywords = (; interpretation = meaning, acts, title = "A <title>", concepts_without_scripts = 3, texts = 2)
    page = String(report(explainer; keywords...))
    @test startswith(page, "<!doctype html>") && endswith(page, "</html>")
    @test occursin("<title>A &#60;title&#62;</title>", page)
    @test length(collect(eachmatch(r"<details class=\"concept\"", page))) == 3
    @test length(collect(eachmatch(r"<article class=\"text\"", page))) == 2
    mktempdir() do folder
        file = joinpath(folder, "report.html")
        @test report(file, explainer; keywords...) === nothing
        @test read(file, String) == page
        other = report(explainer)
        link = joinpath(folder, "link.html")
        symlink("report.html", link)
        open(file) do before # what has it open goes on reading the old one
            save(link, other)
            @test read(before, String) == page
        end
        @test islink(link) && read(file, String) == String(other)
        @test status(() -> save(folder, other)) == :io && isdir(folder)
        @test status(() -> save(joinpath(folder, "missing", "report.html"), other)) == :not_found
        symlink("loop.html", joinpath(folder, "loop.html"))
        @test status(() -> save(joinpath(folder, "loop.html"), other)) == :io
        @test sort(readdir(folder)) == ["link.html", "loop.html", "report.html"]
    end
    few = explain(explainer, model, FEW[1:3])
    @test length(collect(eachmatch(r"<article class=\"text\"", String(report(explainer; explanation = few))))) == 3
    close(few)
end

@testset "a notebook shows it in a frame" begin
    made = report(explainer; interpretation = meaning)
    shown_html = sprint(show, MIME"text/html"(), made)
    @test startswith(shown_html, "<iframe ") && endswith(shown_html, "\"></iframe>")
    inside = match(r"srcdoc=\"([^\"]*)\"", shown_html)[1]
    @test replace(replace(inside, "&quot;" => "\""), "&amp;" => "&") == String(made)
    @test startswith(shown(made), "Report of ")
end

@testset "figures and tables apart" begin
    @test length(collect(eachmatch(r"<circle", map_svg(explainer; interpretation = meaning)))) == 4
    heat = heat_map_svg(explainer, acts, 2; interpretation = meaning, concepts = 3)
    @test startswith(heat, "<svg ") && length(collect(eachmatch(r"<text text-anchor=\"end\"", heat))) == 3
    @test status(() -> heat_map_svg(explainer, acts, length(FEW) + 1)) == :invalid_argument
    @test_throws ArgumentError heat_map_svg(explainer, acts, 0)
    mktempdir() do folder
        file = joinpath(folder, "table")
        save_csv(file, meaning)
        @test startswith(read(file, String), "concept,pole,label,score,rank,input,activation,row\r\n0,positive,,,1,\"")
        save_csv(file, explainer, acts; least_deviations = 2)
        few_lines = countlines(file)
        save_csv(file, explainer, acts)
        @test 1 < few_lines < countlines(file) == 1 + 4 * size(acts, 2)
        save_neuronpedia(file, explainer, acts; interpretation = meaning, passages = 2)
        @test length(collect(eachmatch(r"\"feature_index\":", read(file, String)))) == 4
    end
end

@testset "what is not of the explainer is an error" begin
    @test status(() -> report(explainer; acts = Activations(rand(Float32, 3, 4)))) == :mismatch
    @test status(() -> report("/no/such/folder/report.html", explainer)) == :not_found
    @test_throws ArgumentError report(explainer; passages = -1)
end
