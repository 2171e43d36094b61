# Prints the docstrings of the Julia package as one HTML page.
using Eidos, Markdown

function page(io)
    names = sort!([binding.var for binding in keys(Docs.meta(Eidos))])
    print(io, "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">",
          "<title>Eidos for Julia</title><style>body{font:16px/1.5 system-ui;max-width:50rem;margin:2rem auto;padding:0 1rem}",
          "pre{background:#8881;padding:.6rem;overflow:auto}section{border-top:1px solid #8885}</style><h1>Eidos for Julia</h1><nav>")
    for name in names
        print(io, "<a href=\"#", name, "\">", name, "</a> ")
    end
    print(io, "</nav>")
    for name in names
        print(io, "<section id=\"", name, "\"><h2>", name, "</h2>")
        for doc in values(Docs.meta(Eidos)[Docs.Binding(Eidos, name)].docs)
            show(io, MIME"text/html"(), Markdown.parse(replace(join(doc.text), r"\[(.*?)\]\(@ref\)" => s"\1")))
        end
        print(io, "</section>")
    end
    print(io, "</html>")
end

page(stdout)
