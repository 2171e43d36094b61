# Token ids, and texts that are token ids already.

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
    use(model.handle) do pointer
        check(err -> LibEidos.eidos_split_model_tokens(pointer, string, C_NULL, C_NULL, C_NULL, 0, count, err))
        ids, begins, ends = (Vector{UInt32}(undef, count[]) for _ in 1:3)
        check(err -> LibEidos.eidos_split_model_tokens(pointer, string, ids, begins, ends, count[], count, err))
        map(ids, begins, ends) do id, first, last
            (id = Int(id), string = Eidos.text(len -> LibEidos.eidos_split_model_token_string(pointer, id, len)),
             range = Int(first) + 1:prevind(string, Int(last) + 1))
        end
    end
end

# Texts as ids, as the library reads them: all of them, and how many each text has.
struct TokenIds
    ids::Vector{UInt32}
    lengths::Vector{Csize_t}
end

const Sequences = AbstractVector{<:AbstractVector{<:Integer}}

TokenIds(sequences::Sequences) = TokenIds(reduce(vcat, sequences; init = UInt32[]), length.(sequences))

source(sequences::Sequences) = TokenIds(sequences)

collect_activations(model, texts::TokenIds, options, control, out, err) =
    LibEidos.eidos_split_model_activations_of_token_ids(model, texts.ids, length(texts.ids), texts.lengths, length(texts.lengths),
                                                        options, control, out, length(out), err)

run_logits(model, texts::TokenIds, options, control, handle, err) =
    LibEidos.eidos_split_model_logits_of_token_ids(model, texts.ids, length(texts.ids), texts.lengths, length(texts.lengths),
                                                   options, control, handle, err)
