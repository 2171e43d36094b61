# An interpretation is a table for Tables.jl, and with it for DataFrames, CSV and the others.
module EidosTablesExt

using Eidos: Interpretation, table
import Tables

Tables.istable(::Type{Interpretation}) = true
Tables.columnaccess(::Type{Interpretation}) = true
Tables.columns(meaning::Interpretation) = table(meaning)
Tables.schema(meaning::Interpretation) = Tables.schema(table(meaning))

end
