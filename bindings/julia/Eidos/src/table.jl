# Tables: columns of the same length, which print as a table.

"""
    Eidos.Table

A table, as [`Eidos.table`](@ref) makes it: a vector whose elements are the rows, `NamedTuple`s, and whose properties are the columns,
vectors: `table.text[3] == table[3].text`. For Tables.jl, DataFrames, CSV and the others it is a table as it is.
"""
struct Table{Row<:NamedTuple,Columns<:NamedTuple} <: AbstractVector{Row}
    columns::Columns
end

Table(columns::NamedTuple{names}) where {names} =
    Table{NamedTuple{names,Tuple{map(eltype, values(columns))...}},typeof(columns)}(columns)

columns_of(table::Table) = getfield(table, :columns)

Base.size(table::Table) = (length(first(columns_of(table))),)
Base.@propagate_inbounds Base.getindex(table::Table, row::Int) = map(column -> column[row], columns_of(table))
Base.getproperty(table::Table, name::Symbol) = getproperty(columns_of(table), name)
Base.propertynames(table::Table, private::Bool = false) = keys(columns_of(table))

Base.show(io::IO, table::Table) = print(io, "Table of ", length(table), " rows: ", join(keys(columns_of(table)), ", "))

# How a value looks in a table: numbers are rounded, texts show that they begin with a space.
cell(value) = string(value)
cell(value::AbstractFloat) = string(round(value; digits = 3))
cell(value::AbstractString) = repr(value)

function Base.show(io::IO, ::MIME"text/plain", table::Table)
    print(io, table)
    isempty(table) && return
    height, width = displaysize(io)
    limited = get(io, :limit, false)
    shown = limited ? min(length(table), max(height - 6, 1)) : length(table)
    texts = map(column -> cell.(view(column, 1:shown)), columns_of(table))
    widths = map((name, column) -> maximum(textwidth, [string(name); column]), keys(texts), values(texts))
    aligned = map(column -> eltype(column) <: Number ? lpad : rpad, values(columns_of(table)))
    line(cells) = rstrip(join(map((pad, text, wide) -> pad(text, wide + length(text) - textwidth(text)), aligned, cells, widths), "  "))
    fitting(text) = limited && textwidth(text) > width - 1 ? first(text, width - 2) * "…" : text
    print(io, "\n ", fitting(line(map(string, keys(texts)))), "\n ", fitting(join(map(wide -> "─"^wide, widths), "  ")))
    for row in 1:shown
        print(io, "\n ", fitting(line(map(column -> column[row], values(texts)))))
    end
    shown < length(table) && print(io, "\n ⋮")
end
