# Reading files of texts.

"""
    read_texts(file; format = :auto, field = "text", most = nothing, keep_empty = false)

The texts of a file in UTF-8, as a `Vector{String}`. Line ends (`\\n` or `\\r\\n`) and a byte order mark at the beginning are no
part of a text.

# Keywords
* `format`: one text a line (`:lines`), or one JSON object a line (`:json_lines`); with `:auto`, names that end in `.jsonl`,
  `.ndjson` or `.json` are JSON lines, and all others lines.
* `field`: the field of a JSON object that is the text.
* `most`: how many texts are read at most, from the beginning of the file (all).
* `keep_empty`: keep texts that are empty or nothing but white space, so that there is one text for each line or JSON object
  (`false`).
* `control`: a [`Control`](@ref).

Throws an [`EidosError`](@ref): `:invalid_file` for bytes that are not UTF-8, lines that are no JSON objects, and fields that
are missing or no text, with the number of the line as `details["line"]`; `:not_found`, `:cancelled`, ...
"""
function read_texts(file::AbstractString; format = :auto, field = nothing, most = nothing, keep_empty = false, control = nothing)
    options = Options{LibEidos.eidos_texts_options}(; format = choice(:format, format, TEXT_FORMATS), field, most_texts = most,
                                                    keep_empty)
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
