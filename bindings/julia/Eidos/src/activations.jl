# Activations: features x observations.

"""
    Activations <: DenseMatrix{Float32}

A matrix of activations, features x observations: each column is one unit of text, such as a word. It is read-only and lies
in the memory of the library, without a copy; linear algebra takes it like a `Matrix`.

# Fields
* `model`, `split`: the model's name and the module path of the split point; empty for a matrix of your own.
* `granularity`: what one column stands for (`:word`), and `aggregation`: how its tokens became one column (`:mean`);
  `nothing` for a matrix of your own.
* `word_rule`: where a word ended, `:tokenizer` or `:unicode`; `nothing` where columns do not stand for words.
* `truncated`: how many texts were longer than the model can read and lost their end.
* `left_out`: how many units have no column, and `left_out_by`: how many for each reason, a named tuple (`left_out_by.high_norm`).
* `filters`: the filters that left them out, as JSON; `"{}"` for none.
* `on_disk`: whether the numbers are memory-mapped from a folder.
* `on_device`: whether the numbers are in the memory of a GPU (`keep_on_device`). Looking at them copies all of them to the host.

[`unit`](@ref), [`units`](@ref), [`unit_span`](@ref) and [`source_texts`](@ref) say what the columns stand for.

Activations on disk may lie in several shards. They can be indexed, copied, fitted and encoded as always, but are not one
piece of memory: linear algebra on them throws, and wants `Matrix(acts)` or some columns `acts[:, 1:1000]`.

`close` frees them, and so does the garbage collector. Numbers that were looked at stay in memory until the garbage
collector finds that no array shows them.

    Activations(matrix; units = nothing)
    Activations(f, matrix; units = nothing)

Activations from a matrix of your own, features x observations, which is copied. `units` names each column. Throws an
[`EidosError`](@ref) of `:invalid_argument` or `:invalid_data`.

```julia
acts = Activations(randn(Float32, 64, 1000))
```
"""
mutable struct Activations <: DenseMatrix{Float32}
    handle::Handle{LibEidos.eidos_activations}
    size::Tuple{Int,Int}
    model::String
    split::String
    granularity::Union{Symbol,Nothing}
    aggregation::Union{Symbol,Nothing}
    word_rule::Union{Symbol,Nothing}
    truncated::Int
    left_out::Int
    left_out_by::NamedTuple
    filters::String
    on_disk::Bool
    on_device::Bool
    first::Ptr{Float32} # the numbers, once they were looked at and where they are one piece of memory; else NULL
    shards::Vector{MatrixView{LibEidos.eidos_activations}} # what keeps them alive
    lock::ReentrantLock
    reduce::Any # adds values across processes where they are spread over several, see `spread`; else `nothing`
end

function Activations(handle::Handle{LibEidos.eidos_activations})
    use(handle) do acts
        shape = (LibEidos.eidos_activations_column_count(acts), LibEidos.eidos_activations_row_count(acts))
        Activations(handle, shape,
                    text(len -> LibEidos.eidos_activations_model(acts, len)),
                    text(len -> LibEidos.eidos_activations_split_point(acts, len)),
                    chosen(LibEidos.eidos_activations_granularity(acts), GRANULARITIES),
                    chosen(LibEidos.eidos_activations_aggregation(acts), AGGREGATIONS),
                    chosen(LibEidos.eidos_activations_word_rule(acts), WORD_RULES),
                    LibEidos.eidos_activations_truncated_count(acts),
                    LibEidos.eidos_activations_left_out_count(acts),
                    map(filter -> Int(LibEidos.eidos_activations_left_out_by(acts, filter)), FILTERS),
                    text(len -> LibEidos.eidos_activations_filters(acts, len)),
                    LibEidos.eidos_activations_is_on_disk(acts) != 0,
                    LibEidos.eidos_activations_is_on_device(acts) != 0,
                    C_NULL, [], ReentrantLock(), nothing)
    end
end

function Activations(matrix::AbstractMatrix{<:Real}; units = nothing)
    rows = columns(matrix)
    units === nothing || length(units) == size(matrix, 2) ||
        throw(DimensionMismatch("there are $(length(units)) units for $(size(matrix, 2)) columns"))
    names = unit_names(units)
    handle = Handle{LibEidos.eidos_activations}()
    check(err -> LibEidos.eidos_activations_from_rows(rows, size(rows, 2), size(rows, 1), names, length(names),
                                                      handle, err))
    Activations(handle)
end

Activations(f::Function, matrix::AbstractMatrix; keywords...) = closing(f, Activations(matrix; keywords...))

unit_names(::Nothing) = String[]
unit_names(units) = strings(units)

"""
    activations(model, inputs; granularity = :word, aggregation = :mean, interventions = nothing, ...)
    activations(f, model, inputs; ...)

The [`Activations`](@ref) of texts at the split point of a [`SplitModel`](@ref), or a vector of them where the model was
split at a vector of modules. `inputs` are [`Inputs`](@ref), or what they are made of: texts, vectors of token ids, or a
[`Vocabulary`](@ref). A text without tokens gives no columns. Under [`Interventions`](@ref) the model goes on with what they make
of what its modules give. With a function as first argument (`do`), they are closed after it.

# Keywords
$(keyword_docs(ACTIVATIONS_OPTIONS_DOCS))
* `progress = nothing`: a function of a [`Progress`](@ref), or `true` for a bar on the terminal.
* `control = nothing`: a [`Control`](@ref) to watch and cancel it.

Throws an [`EidosError`](@ref): `:invalid_argument`, `:io`, `:mismatch` for a folder of another job, `:busy` for one
that another call writes into, `:cancelled`, ...

```julia
acts = activations(model, ["a warm and funny film", "too long by half"])
acts[:, 1]     # the activation of the first word
unit(acts, 1)  # "a"
```
"""
function activations(model::SplitModel, inputs; interventions = nothing, progress = nothing, control = nothing, threads = 0,
                     keywords...)
    options = activations_options(; threads, keywords...)
    handles = with_inputs(model, inputs; threads, control, progress) do inputs
        use(model.handle, inputs) do pointer, inputs
            use_interventions(interventions) do interventions
                long_call(control, progress) do control
                    out = fill(Ptr{LibEidos.eidos_activations}(C_NULL), length(model.features))
                    check() do err
                        LibEidos.eidos_split_model_activations(pointer, inputs, interventions, options, control, out, length(out),
                                                               err)
                    end
                    Handle{LibEidos.eidos_activations}.(out)
                end
            end
        end
    end
    model.split isa String ? Activations(handles[1]) : Activations.(handles)
end

activations(f::Function, model::SplitModel, inputs; keywords...) = closing(f, activations(model, inputs; keywords...))

"""
    estimate(model, inputs; granularity = :word, aggregation = :mean, ...)

What [`activations`](@ref) will take with the same inputs and keywords, before it is run: a named tuple of `texts`, `tokens`,
`columns` of each split point and `bytes` of all of them, which are exact, `on_disk`, and the `seconds` on this machine from a
sample of the texts that is run for about a second, of `sampled_tokens`.

```julia
estimate(model, ["a warm and funny film", "too long by half"]).columns
```
"""
function estimate(model::SplitModel, inputs; progress = nothing, control = nothing, threads = 0, keywords...)
    options = activations_options(; threads, keywords...)
    found = Ref{LibEidos.eidos_estimate}()
    with_inputs(model, inputs; threads, control, progress) do inputs
        use(model.handle, inputs) do pointer, inputs
            long_call(control, progress) do control
                check() do err
                    LibEidos.eidos_split_model_estimate(pointer, inputs, options, control, found, sizeof(LibEidos.eidos_estimate),
                                                        err)
                end
            end
        end
    end
    found = found[]
    (texts = Int(found.text_count), tokens = Int(found.token_count), columns = Int(found.row_count),
     bytes = Int(found.row_bytes), on_disk = found.on_disk != 0, seconds = found.seconds,
     sampled_tokens = Int(found.sampled_token_count))
end

# --- The numbers -------------------------------------------------------------------------------------------------------

Base.size(acts::Activations) = acts.size
Base.IndexStyle(::Type{Activations}) = IndexLinear()
Base.strides(acts::Activations) = (1, acts.size[1])
Base.elsize(::Type{Activations}) = sizeof(Float32)

@inline function Base.getindex(acts::Activations, index::Int)
    @boundscheck checkbounds(acts, index)
    first = acts.first
    first == C_NULL ? element(acts, index) : GC.@preserve acts unsafe_load(first, index)
end

# An element of activations that were not looked at yet, were closed, or lie in several shards.
@noinline function element(acts, index)
    for piece in shards(acts)
        index <= length(piece) && return piece[index]
        index -= length(piece)
    end
    throw(BoundsError(acts, index))
end

Base.cconvert(::Type{Ptr{Float32}}, acts::Activations) = acts
function Base.unsafe_convert(::Type{Ptr{Float32}}, acts::Activations)
    pieces = shards(acts)
    length(pieces) <= 1 || throw(EidosError(:unsupported, "the activations lie in $(length(pieces)) shards on disk, " *
        "not in one piece of memory", "copy them with Matrix(acts), or some columns with acts[:, 1:1000]"))
    isempty(pieces) ? Ptr{Float32}(C_NULL) : pieces[1].pointer
end

# Views of the pieces of memory that the numbers lie in, one after the other.
function shards(acts::Activations)
    isopen(acts) || throw(closed(acts.handle))
    lock(acts.lock) do
        if isempty(acts.shards) && !isempty(acts)
            acts.shards = view_shards(acts.handle, acts.size...)
            length(acts.shards) == 1 && (acts.first = acts.shards[1].pointer)
        end
        acts.shards
    end
end

function view_shards(handle, features, observations)
    owner = Retained(handle)
    shards = MatrixView{LibEidos.eidos_activations}[]
    first = 0
    while first < observations
        count, pointer = longest_view(handle.pointer, first)
        push!(shards, MatrixView(owner, pointer, (features, count)))
        first += count
    end
    shards
end

# The observations from `first`, counted from 0, that are one piece of memory.
function longest_view(acts, first)
    pointer, count = Ref{Ptr{Float32}}(C_NULL), Ref{Csize_t}(0)
    check(err -> LibEidos.eidos_activations_run(acts, first, pointer, count, err))
    Int(count[]), pointer[]
end

function copy_columns!(target::Array{Float32}, acts::Activations, first, count)
    use(acts.handle) do pointer
        check(err -> LibEidos.eidos_activations_copy_rows(pointer, first - 1, count, target, count * size(acts, 1), err))
    end
    target
end

function Base.copyto!(target::Array{Float32}, acts::Activations)
    length(target) >= length(acts) || throw(BoundsError(target, length(acts)))
    copy_columns!(target, acts, 1, size(acts, 2))
end

function Base.getindex(acts::Activations, ::Colon, column::Int)
    @boundscheck checkbounds(acts, :, column)
    copy_columns!(Vector{Float32}(undef, size(acts, 1)), acts, column, 1)
end

function Base.getindex(acts::Activations, ::Colon, columns::AbstractUnitRange{Int})
    @boundscheck checkbounds(acts, :, columns)
    copy_columns!(Matrix{Float32}(undef, size(acts, 1), length(columns)), acts, first(columns), length(columns))
end

# --- What the columns stand for ----------------------------------------------------------------------------------------

"""
    unit(acts, column)

The text of the unit that a column stands for, such as `" film"`; `nothing` for columns that have no names.
"""
function unit(acts::Activations, column::Integer)
    checkbounds(acts, :, column)
    use(pointer -> unit(pointer, column), acts.handle)
end
unit(acts::Ptr, column) = text_or_nothing(len -> LibEidos.eidos_activations_unit(acts, column - 1, len))

"""
    units(acts)

The text of each column's unit, as a vector.
"""
units(acts::Activations) = use(pointer -> map(column -> unit(pointer, column), axes(acts, 2)), acts.handle)

"""
    source_texts(acts)

The texts that activations were collected from, as a vector; empty for a matrix of your own.
"""
source_texts(acts::Activations) = use(acts.handle) do pointer
    [text(pointer, index) for index in 1:LibEidos.eidos_activations_text_count(pointer)]
end
text(acts::Ptr, index) = text(len -> LibEidos.eidos_activations_text(acts, index - 1, len))

"""
    unit_span(acts, column)

Where a column's unit stands: `text`, the index of its text, and `range`, the indices of that `String` which the unit covers,
so that `source_texts(acts)[text][range]` is the unit as it is written there. A matrix of your own has no spans: an
[`EidosError`](@ref).
"""
function unit_span(acts::Activations, column::Integer)
    checkbounds(acts, :, column)
    index, start, stop = Ref{Csize_t}(0), Ref{Csize_t}(0), Ref{Csize_t}(0)
    use(acts.handle) do pointer
        check(err -> LibEidos.eidos_activations_unit_span(pointer, column - 1, index, start, stop, err))
        bytes = LibEidos.eidos_activations_text(pointer, index[], C_NULL)
        (text = Int(index[]) + 1, range = characters(Ptr{UInt8}(bytes), Int(start[]), Int(stop[])))
    end
end

# The indices of the characters of a string from behind its byte `start` to its byte `stop`: where the last of them begins.
function characters(bytes, start, stop)
    last = stop
    while last > start && unsafe_load(bytes, last) & 0xc0 == 0x80
        last -= 1
    end
    start + 1:last
end

"""
    without_high_norms(acts, max_multiple; progress = nothing, control = nothing)

The same [`Activations`](@ref) without the columns whose norm is more than `max_multiple` times the median of all columns' norms,
such as 10. Some models give one token in hundreds a column of a thousand times the length of others, wherever it stands; a fit finds
such columns instead of concepts, and they lead every list of inputs. Which ones are left out does not depend on their order, on shards
or on threads. Columns on disk are not copied.

Where columns are spread over processes, it is the median of all of them, and each process must make this call. Throws an
[`EidosError`](@ref) of `:invalid_argument` for a multiple below 1, and of `:invalid_data` where half of the columns are zero.

```julia
usual = without_high_norms(acts, 10)
usual.left_out_by.high_norm   # how many they were
```
"""
function without_high_norms(acts::Activations, max_multiple::Real; progress = nothing, control = nothing)
    handle = Handle{LibEidos.eidos_activations}()
    summed(acts) do
        use(acts.handle) do pointer
            long_call(control, progress) do control
                check(err -> LibEidos.eidos_activations_without_high_norms(pointer, max_multiple, control, handle, err))
            end
        end
    end
    usual = Activations(handle)
    usual.reduce = acts.reduce
    usual
end

# --- Keeping and showing them ------------------------------------------------------------------------------------------

"""
    save(folder, acts; progress = nothing, control = nothing)
    save(file, explainer)
    save(file, interpretation)
    save(file, report)

Writes activations to a folder, which is made where missing, an explainer to a `.safetensors` file, an interpretation to
a `.json` file, or a [`Report`](@ref) to an `.html` file; each file whole or not at all. Every language reads the first three,
Julia with `open(Activations, folder)`, `open(Explainer, file)` and `open(Interpretation, file)`. Throws an
[`EidosError`](@ref) of `:io`, or of `:busy` while another call writes into the folder.
"""
function save(folder::AbstractString, acts::Activations; progress = nothing, control = nothing)
    use(acts.handle) do pointer
        long_call(control, progress) do control
            check(err -> LibEidos.eidos_activations_save(pointer, folder, control, err))
        end
    end
end

"""
    open(Activations, folder; copy = false)

Opens a folder that [`save`](@ref) or [`activations`](@ref) wrote. The numbers are memory-mapped: a program that cuts one of the
files while they are in use ends Julia. With `copy = true` they are read into memory, 4 bytes each, and what happens to the
files does not matter.
"""
function Base.open(::Type{Activations}, folder::AbstractString; copy = false)
    handle = Handle{LibEidos.eidos_activations}()
    open = Bool(copy) ? LibEidos.eidos_activations_open_copy : LibEidos.eidos_activations_open
    check(err -> open(folder, handle, err))
    Activations(handle)
end

function Base.summary(io::IO, acts::Activations)
    print(io, size(acts, 1), "×", size(acts, 2), " Activations")
    isempty(acts.split) || print(io, " of ", acts.split, " in ", acts.model)
    acts.granularity === nothing || print(io, ", one ", acts.granularity, " a column")
    isopen(acts) || print(io, " (closed)")
end

Base.show(io::IO, acts::Activations) = summary(io, acts)

# As every matrix shows itself, but closed ones have nothing to show.
Base.show(io::IO, mime::MIME"text/plain", acts::Activations) =
    isopen(acts) ? invoke(show, Tuple{IO,MIME"text/plain",AbstractArray}, io, mime, acts) : summary(io, acts)
