# The tokens of a text.

"""
    tokens(model, text)

The tokens of a text as a [`SplitModel`](@ref) reads them, special ones included and cut to what it can read: a vector with
`id`, `string` (the vocabulary's own, such as `"Ġfilm"`) and `range` of each, the indices of the text that it stands for, which
are none for a special token. Ids are those of the tokenizer's files, from 0: the logit of an id is in row `id + 1`.

[`activations`](@ref) and [`logits`](@ref) take vectors of ids where they take texts:

```julia
ids = [token.id for token in tokens(model, "a warm film")]
logits(model, [ids])
```
"""
function tokens(model::SplitModel, text::AbstractString)
    string, count = String(text), Ref{Csize_t}(0)
    # A pointer, since the string may have a NUL inside, which a `Cstring` could not hold.
    GC.@preserve string use(model.handle) do pointer
        bytes, len = Cstring(Base.pointer(string)), sizeof(string)
        read(arrays...) = check(err -> LibEidos.eidos_split_model_tokens(pointer, bytes, len, arrays..., count, err))
        read(C_NULL, C_NULL, C_NULL, 0)
        ids, begins, ends = (Vector{UInt32}(undef, count[]) for _ in 1:3)
        read(ids, begins, ends, count[])
        map(ids, begins, ends) do id, first, last
            (id = Int(id), string = Eidos.text(len -> LibEidos.eidos_split_model_token_string(pointer, id, len)),
             range = Int(first) + 1:prevind(string, Int(last) + 1))
        end
    end
end
