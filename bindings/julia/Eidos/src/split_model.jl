# Models, split at modules.

"""
    SplitModel(id; split, ...)
    SplitModel(f, id; split, ...)

A language model that runs up to one of its modules, or to several. `id` is the path of a folder, the id of a repository
of the Hugging Face Hub such as `"EuroBERT/EuroBERT-210m"`, or `"eidos:demo"` for the small model inside the library.

`split` is the path of a module as the checkpoint names it (`"model.layers.10.mlp"`), or its number among the blocks, from 0
as in the path; or a vector of them. Without it nothing but the tree of modules is loaded, to choose from: see `modules`.

The model never changes: any number of tasks and threads may use it at the same time. `close` frees it; the garbage
collector does, too. With a function as first argument (`do`), it is closed after the function.

# Fields
* `name`: the `id`.
* `family`: the family of the model, as `model_type` of its configuration names it (`"eurobert"`).
* `vocabulary_size`: how many token ids it knows; `max_positions`: how many tokens of a text it was made for, special ones
  included; `weight_bytes`: how many bytes of memory the weights take that were loaded.
* `products`: how it multiplies rows with its weights, for people: `"f32 (AVX-512)"`, `"bf16 x 3 (AMX)"`; behind a semicolon,
  why not faster. Empty without a split point.
* `modules`: a vector with `path`, `kind` (such as `"Linear(768 -> 3072)"`) and `can_split` of each module, in the order of
  PyTorch's `named_modules()`; and with `width`, how many features it gives, `cost`, the part of the model's blocks that a run up to it
  takes, and `is_recommended`, whether it is a place to start: a block, which gives all that the model knows of each token up to there.
* `split`: the module path of the split point, or a vector of them where `split` was one.
* `features`: how many features the activations of the split point have, or a vector of these numbers.

# Keywords
$(keyword_docs(LOAD_OPTIONS_DOCS))
* `progress = nothing`: a function of a [`Progress`](@ref), or `true` for a bar on the terminal.
* `control = nothing`: a [`Control`](@ref) to watch and cancel it.

Throws an [`EidosError`](@ref): `:not_found`, `:unknown_module`, `:invalid_file`, `:unsupported`, `:network`,
`:access_denied`, `:device`, `:cancelled`, ...

```julia
SplitModel("eidos:demo").modules
model = SplitModel("eidos:demo"; split = "model.layers.2.mlp")
```
"""
struct SplitModel
    handle::Handle{LibEidos.eidos_split_model}
    name::String
    family::String
    vocabulary_size::Int
    max_positions::Int
    weight_bytes::Int
    products::String
    modules::Vector{NamedTuple{(:path, :kind, :can_split, :width, :cost, :is_recommended),
                               Tuple{String,String,Bool,Int,Float64,Bool}}}
    split::Union{String,Vector{String}}
    features::Union{Int,Vector{Int}}
end

function SplitModel(id::AbstractString; split = String[], progress = nothing, control = nothing, keywords...)
    options = load_options(; keywords...)
    points = split isa AbstractVector ? split_point.(split) : [split_point(split)]
    handle = Handle{LibEidos.eidos_split_model}()
    long_call(control, progress) do control
        check(err -> LibEidos.eidos_split_model_load(id, strings(points), length(points), options, control, handle, err))
    end
    use(pointer -> SplitModel(handle, pointer, split isa AbstractVector), handle)
end

function SplitModel(handle::Handle, model::Ptr, several::Bool)
    about = (text(len -> LibEidos.eidos_split_model_name(model, len)),
             text(len -> LibEidos.eidos_split_model_family(model, len)),
             LibEidos.eidos_split_model_vocabulary_size(model), LibEidos.eidos_split_model_max_positions(model),
             LibEidos.eidos_split_model_weight_bytes(model),
             text(len -> LibEidos.eidos_split_model_products(model, len)))
    modules = map(1:LibEidos.eidos_split_model_module_count(model)) do index
        (path = text(len -> LibEidos.eidos_split_model_module_path(model, index - 1, len)),
         kind = text(len -> LibEidos.eidos_split_model_module_kind(model, index - 1, len)),
         can_split = LibEidos.eidos_split_model_module_can_split(model, index - 1) != 0,
         width = Int(LibEidos.eidos_split_model_module_width(model, index - 1)),
         cost = LibEidos.eidos_split_model_module_cost(model, index - 1),
         is_recommended = LibEidos.eidos_split_model_module_is_recommended(model, index - 1) != 0)
    end
    indices = 1:LibEidos.eidos_split_model_split_point_count(model)
    split = [text(len -> LibEidos.eidos_split_model_split_point(model, index - 1, len)) for index in indices]
    features = [Int(LibEidos.eidos_split_model_width(model, index - 1)) for index in indices]
    several || ((split, features) = (split[1], features[1]))
    SplitModel(handle, about..., modules, split, features)
end

SplitModel(f::Function, id::AbstractString; keywords...) = closing(f, SplitModel(id; keywords...))

split_point(path::AbstractString) = String(path)
split_point(number::Integer) = string(number)

# Strings as `const char *const *` takes them; one string is a list of one.
strings(texts) = String[text for text in texts]
strings(text::AbstractString) = [String(text)]

function Base.show(io::IO, model::SplitModel)
    print(io, "SplitModel(", repr(model.name))
    isempty(model.split) || print(io, "; split = ", repr(model.split))
    print(io, ")", isopen(model) ? "" : " (closed)")
end

function Base.show(io::IO, ::MIME"text/plain", model::SplitModel)
    println(io, model, ":")
    choices = filter(item -> item.can_split, model.modules)
    print(io, length(model.modules), " modules, ", length(choices), " of them can be split points")
    if isempty(model.split)
        rows = get(io, :limit, false) ? max(displaysize(io)[1] - 6, 1) : length(choices)
        for item in Iterators.take(choices, rows)
            print(io, "\n  ", rpad(item.path, 40), " ", item.kind)
        end
        length(choices) > rows && print(io, "\n  ⋮")
    else
        for (path, features) in zip(vcat(model.split), vcat(model.features))
            print(io, "\n  ", path, ": ", features, " features")
        end
    end
end
