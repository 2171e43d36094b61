# Explainers: fitted concepts.

"""
    Explainer

A concept model that [`fit`](@ref) has fitted on activations. It never changes: any number of tasks and threads may use it at
the same time. `close` or the garbage collector frees it.

# Fields
* `method`: the method of the fit (`:ica`); `options`: the options of the fit, as JSON.
* `concepts`, `features`: how many concepts there are, and how many features the activations have.
* `model`, `split`: where the activations came from; empty for a matrix of your own.
* `converged`: whether the iterations ended by convergence; `steps`: how many there were. A method that does not iterate has
  `true` and 0.
* `measures`: the measures of the method, a `Dict` from names to vectors of one number, or of one for each concept.
* `warnings`: what may be wrong with the concepts, in sentences: that columns were few for them, for one.

[`encode`](@ref) and [`decode`](@ref) map activations to concepts and back, [`dictionary`](@ref) shows the concepts, and
[`top_inputs`](@ref) says what they mean; [`explain`](@ref) says which of them fire on new texts.
"""
struct Explainer
    handle::Handle{LibEidos.eidos_explainer}
    method::Symbol
    options::String
    concepts::Int
    features::Int
    model::String
    split::String
    converged::Bool
    steps::Int
    measures::Dict{Symbol,Vector{Float64}}
    warnings::Vector{String}
end

function Explainer(handle::Handle{LibEidos.eidos_explainer})
    use(handle) do pointer
        Explainer(handle,
                  Symbol(text(len -> LibEidos.eidos_explainer_method(pointer, len))),
                  text(len -> LibEidos.eidos_explainer_options(pointer, len)),
                  LibEidos.eidos_explainer_concept_count(pointer),
                  LibEidos.eidos_explainer_input_width(pointer),
                  text(len -> LibEidos.eidos_explainer_model(pointer, len)),
                  text(len -> LibEidos.eidos_explainer_split_point(pointer, len)),
                  LibEidos.eidos_explainer_converged(pointer) != 0, LibEidos.eidos_explainer_step_count(pointer), measures(pointer),
                  [text(len -> LibEidos.eidos_explainer_warning(pointer, index - 1, len))
                   for index in 1:LibEidos.eidos_explainer_warning_count(pointer)])
    end
end

Explainer(file::AbstractString) = throw(ArgumentError("open(Explainer, $(repr(file))) opens a saved explainer"))

"""
    Explainer(dictionary; encoder = dictionary, bias = nothing, offset = nothing, rectified = false)

An explainer of concepts that were found elsewhere, such as those of a sparse autoencoder or a probe:
`codes = encoder' * (x - offset) + bias` and `x = dictionary * codes + offset`. `dictionary` and `encoder` are
features x concepts; `rectified` makes negative codes zero (ReLU).
"""
function Explainer(dictionary::AbstractMatrix{<:Real}; encoder = dictionary, bias = nothing, offset = nothing, rectified = false)
    features, concepts = size(dictionary)
    size(encoder) == size(dictionary) || throw(DimensionMismatch("encoder and dictionary differ in size"))
    bias === nothing || length(bias) == concepts || throw(DimensionMismatch("bias needs one number for each concept"))
    offset === nothing || length(offset) == features || throw(DimensionMismatch("offset needs one number for each feature"))
    part(values) = values === nothing ? C_NULL : Array{Float32}(values)
    handle = Handle{LibEidos.eidos_explainer}()
    check(err -> LibEidos.eidos_explainer_from_dictionary(part(dictionary), part(encoder), part(bias), part(offset), concepts,
                                                          features, rectified, handle, err))
    Explainer(handle)
end

"""
    Explainer(dictionary, activation; k = nothing, thresholds = nothing, encoder = dictionary, bias = nothing, offset = nothing)

An [`Explainer`](@ref) of a sparse autoencoder that was trained elsewhere: `codes = activation.(encoder' * (x .- offset) .+ bias)`,
and `x = dictionary * codes .+ offset`. The `activation` is `:relu`, `:top_k` or `:abs_top_k`, of which a column keeps `k` codes, or
`:jump_relu` with a threshold for each concept. Matrices are features x concepts.
"""
function Explainer(dictionary::AbstractMatrix{<:Real}, activation::Symbol; k = nothing, thresholds = nothing, encoder = nothing,
                   bias = nothing, offset = nothing)
    features, concepts = size(dictionary)
    encoder === nothing || size(encoder) == (features, concepts) || throw(DimensionMismatch("encoder needs the size of the dictionary"))
    for (name, values, length_, what) in (("bias", bias, concepts, "concept"), ("thresholds", thresholds, concepts, "concept"),
                                          ("offset", offset, features, "feature"))
        values === nothing || length(values) == length_ || throw(DimensionMismatch("$name needs one number for each $what"))
    end
    k === nothing || k isa Integer && k >= 0 || throw(ArgumentError("`k` must be a whole number from 0"))
    part(values) = values === nothing ? C_NULL : Array{Float32}(values)
    handle = Handle{LibEidos.eidos_explainer}()
    check(err -> LibEidos.eidos_explainer_from_autoencoder(part(dictionary), part(encoder), part(bias), part(offset),
                                                           part(thresholds), concepts, features,
                                                           choice("activation", activation, ACTIVATIONS),
                                                           something(k, 0), handle, err))
    Explainer(handle)
end

function measures(explainer)
    map(0:Int(LibEidos.eidos_explainer_measure_count(explainer))-1) do index
        count = Ref{Csize_t}()
        values = LibEidos.eidos_explainer_measure_values(explainer, index, count)
        name = Symbol(text(len -> LibEidos.eidos_explainer_measure_name(explainer, index, len)))
        name => [unsafe_load(values, i) for i in 1:count[]]
    end |> Dict{Symbol,Vector{Float64}}
end

"""
    encode(explainer, matrix)

The activation of each concept: concepts x observations, from a matrix of features x observations; or a vector from a
vector. Throws an [`EidosError`](@ref) of `:mismatch` when the number of features differs.
"""
function encode(explainer::Explainer, matrix::AbstractMatrix{<:Real})
    codes = Matrix{Float32}(undef, explainer.concepts, size(matrix, 2))
    map_columns!(LibEidos.eidos_explainer_encode, codes, explainer, matrix)
end

"""
    decode(explainer, codes)

The activations of concepts, the inverse of [`encode`](@ref): features x observations, from a matrix of concepts x
observations; or a vector from a vector.
"""
function decode(explainer::Explainer, codes::AbstractMatrix{<:Real})
    matrix = Matrix{Float32}(undef, decoded_features(explainer), size(codes, 2))
    map_columns!(LibEidos.eidos_explainer_decode, matrix, explainer, codes)
end

"""
    encode(explainer, acts; ...)

The same of [`Activations`](@ref), wherever their rows lie. Takes `threads`, `device`, `device_index`, `progress` and `control`.
"""
function encode(explainer::Explainer, acts::Activations; progress = nothing, control = nothing, keywords...)
    options = encode_options(; keywords...)
    codes = Matrix{Float32}(undef, explainer.concepts, size(acts, 2))
    use(explainer.handle, acts.handle) do explainer, acts
        long_call(control, progress) do control
            check(err -> LibEidos.eidos_explainer_encode_activations(explainer, acts, options, control, codes, length(codes), err))
        end
    end
    codes
end

"""
    encode_sparse(explainer, acts; ...)

The codes that are not zero, of each column of [`Activations`](@ref): `(; starts, concepts, values)`, where the entries of column `i` are
those from `starts[i]` to `starts[i + 1] - 1`. `SparseMatrixCSC(explainer.concepts, size(acts, 2), starts, concepts, values)` of
SparseArrays is the matrix of concepts x observations. Takes `threads`, `device`, `device_index`, `progress` and `control`.
"""
function encode_sparse(explainer::Explainer, acts::Activations; progress = nothing, control = nothing, keywords...)
    options = encode_options(; keywords...)
    columns, count = size(acts, 2), Ref{Csize_t}(0)
    starts = Vector{Csize_t}(undef, columns + 1)
    room = columns * min(explainer.concepts, 64) # most sparse codes have fewer; where there are more, the call says how many
    while true
        concepts, values = Vector{UInt32}(undef, room), Vector{Float32}(undef, room)
        use(explainer.handle, acts.handle) do explainer, acts
            long_call(control, progress) do control
                check() do err
                    LibEidos.eidos_explainer_encode_sparse(explainer, acts, options, control, starts, concepts, values, room, count, err)
                end
            end
        end
        if count[] <= room
            entries = 1:Int(count[])
            return (starts = Int.(starts) .+ 1, concepts = Int.(concepts[entries]) .+ 1, values = values[entries])
        end
        room = Int(count[])
    end
end

"""
    save_codes(file, explainer, acts; format = :of_path, ...)

Encodes [`Activations`](@ref) into a file that other programs read, whole or not at all: `.npy` for `numpy.load`, `.npz` for
`scipy.sparse.load_npz`, `.safetensors`, or `.parquet`. Its matrices are observations x concepts, as these programs have them, and indices
count from 0. Memory does not grow with the number of columns of `acts`.

# Keywords
$(keyword_docs(ENCODE_OPTIONS_DOCS))
* `progress`, `control`: see [`SplitModel`](@ref).
"""
function save_codes(file::AbstractString, explainer::Explainer, acts::Activations; progress = nothing, control = nothing, keywords...)
    options = encode_options(; keywords...)
    path = String(file)
    use(explainer.handle, acts.handle) do explainer, acts
        long_call(control, progress) do control
            check(err -> LibEidos.eidos_explainer_save_codes(explainer, acts, path, options, control, err))
        end
    end
    nothing
end

encode(explainer::Explainer, vector::AbstractVector{<:Real}) = vec(encode(explainer, reshape(vector, :, 1)))
decode(explainer::Explainer, vector::AbstractVector{<:Real}) = vec(decode(explainer, reshape(vector, :, 1)))

# Applies `call` to each column of a matrix and writes the results to `out`, from its column `at` on.
function map_columns!(call, out, explainer, matrix, at = 1)
    rows = columns(matrix)
    features, count = size(rows)
    use(explainer.handle) do pointer
        GC.@preserve out check() do err
            target = isempty(out) ? pointer_to(out, 1) : pointer_to(out, at)
            call(pointer, rows, count, features, target, size(out, 1) * count, err)
        end
    end
    out
end
pointer_to(matrix, column) = pointer(matrix) + (column - 1) * size(matrix, 1) * sizeof(Float32)

function map_columns!(call, out, explainer, acts::Activations)
    at = 1
    for shard in shards(acts)
        map_columns!(call, out, explainer, shard, at)
        at += size(shard, 2)
    end
    out
end

"""
    dictionary(explainer)

The concepts as directions among the activations: features x concepts, a read-only [`Eidos.MatrixView`](@ref) without a copy.
"""
function dictionary(explainer::Explainer)
    owner = Retained(explainer.handle)
    pointer = LibEidos.eidos_explainer_dictionary(explainer.handle.pointer, C_NULL)
    MatrixView(owner, pointer, (decoded_features(explainer), explainer.concepts))
end

"""
    calibrate(explainer, acts; progress = nothing, control = nothing)

An [`Explainer`](@ref) with the same concepts that knows how their activations are distributed over these columns, by which
[`explain`](@ref) judges new ones. A fit does so with its own columns; an explainer that was made from a dictionary, and files from
before Eidos kept the distributions, have none. Of columns that are spread over processes it is the distribution of all of them,
and each process must make this call.
"""
function calibrate(explainer::Explainer, acts::Activations; progress = nothing, control = nothing)
    handle = Handle{LibEidos.eidos_explainer}()
    summed(acts) do
        use(explainer.handle, acts.handle) do explainer, acts
            long_call(control, progress) do control
                check(err -> LibEidos.eidos_explainer_calibrate(explainer, acts, control, handle, err))
            end
        end
    end
    Explainer(handle)
end

"""
    moments(explainer, concept)

The `mean` and the standard `deviation` of a concept's activations over the columns of the fit, or of [`calibrate`](@ref). An
explainer that does not know them throws an [`EidosError`](@ref) of `:invalid_argument`.
"""
function moments(explainer::Explainer, concept::Integer)
    concept in 1:explainer.concepts || throw(ArgumentError("`concept` must be among the indices 1 to $(explainer.concepts)"))
    mean, deviation = Ref(0.0), Ref(0.0)
    use(explainer.handle) do pointer
        check(err -> LibEidos.eidos_explainer_moments(pointer, concept - 1, mean, deviation, err))
    end
    (mean = mean[], deviation = deviation[])
end

save(file::AbstractString, explainer::Explainer) =
    use(pointer -> check(err -> LibEidos.eidos_explainer_save(pointer, file, err)), explainer.handle)

"""
    save_as(path, explainer, format)

Writes the dictionary of an explainer for other programs: `:sae_lens` makes a folder of SAELens, `:safetensors` one file of the same
tensors.
"""
save_as(path::AbstractString, explainer::Explainer, format::Symbol) =
    use(explainer.handle) do pointer
        check(err -> LibEidos.eidos_explainer_save_as(pointer, path, choice("format", format, DICTIONARY_FORMATS), err))
    end

"""
    open_published(id_or_path; keywords...)

Opens a dictionary that somebody trained and published, as an [`Explainer`](@ref): its folder or a file of it on this machine, or a
folder in a repository of a hub, `"google/gemma-scope-2b-pt-res/layer_20/width_16k/average_l0_71"`. The formats are those of SAELens,
Gemma Scope, Llama Scope, sparsify and dictionary_learning. What may be wrong with the codes is in `explainer.warnings`.

# Keywords
$(keyword_docs(PUBLISHED_OPTIONS_DOCS))
* `progress`, `control`: see [`SplitModel`](@ref).
"""
function open_published(id::AbstractString; progress = nothing, control = nothing, keywords...)
    options = published_options(; keywords...)
    handle = Handle{LibEidos.eidos_explainer}()
    long_call(control, progress) do control
        check(err -> LibEidos.eidos_explainer_open_published(id, options, control, handle, err))
    end
    Explainer(handle)
end

"""
    open(Explainer, file)

Opens a file that [`save`](@ref) wrote, or a published dictionary by its folder or a file of it.
"""
function Base.open(::Type{Explainer}, file::AbstractString)
    handle = Handle{LibEidos.eidos_explainer}()
    check(err -> LibEidos.eidos_explainer_open(file, handle, err))
    Explainer(handle)
end

function Base.show(io::IO, explainer::Explainer)
    print(io, "Explainer of ", explainer.concepts, " concepts (", explainer.method, ") in ",
          explainer.features, " features")
    isempty(explainer.split) || print(io, " of ", explainer.split, " in ", explainer.model)
    isopen(explainer) || print(io, " (closed)")
end

function Base.show(io::IO, ::MIME"text/plain", explainer::Explainer)
    print(io, explainer)
    explainer.steps > 0 || return
    print(io, explainer.converged ? ":\nconverged in " : ":\nnot converged in ", explainer.steps, " iterations")
end
