# Reading files of texts.

"""
    read_texts(file; format = :auto, field = "text", most = nothing, keep_empty = false)

The texts of a file in UTF-8, as a `Vector{String}`. Line ends (`\\n` or `\\r\\n`) and a byte order mark at the beginning are no
part of a text.

# Keywords
$(keyword_docs(TEXTS_OPTIONS_DOCS; most_texts = :most))
* `control`: a [`Control`](@ref).

Throws an [`EidosError`](@ref): `:invalid_file` for bytes that are not UTF-8, lines that are no JSON objects, and fields that
are missing or no text, with the number of the line as `details["line"]`; `:not_found`, `:cancelled`, ...
"""
function read_texts(file::AbstractString; most = nothing, control = nothing, keywords...)
    options = texts_options(; most_texts = most, keywords...)
    handle = Handle{LibEidos.eidos_texts}()
    path = String(file)
    long_call(control, nothing) do control
        check(err -> LibEidos.eidos_texts_read(path, options, control, handle, err))
    end
    texts = use(handle) do pointer
        count = LibEidos.eidos_texts_count(pointer)
        String[text(len -> LibEidos.eidos_texts_get(pointer, index - 1, len)) for index in 1:count]
    end
    close(handle)
    texts
end

# The only text of what a call wrote.
function only_text(call)
    handle = Handle{LibEidos.eidos_texts}()
    call(handle)
    found = use(pointer -> text(len -> LibEidos.eidos_texts_get(pointer, 0, len)), handle)
    close(handle)
    found
end
