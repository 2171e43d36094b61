# An interpretation is a table for Tables.jl, and with it for DataFrames, CSV and the others.
module EidosTablesExt

using Eidos: Interpretation, columns_of, table
import Tables

Tables.istable(::Type{Interpretation}) = true
Tables.columnaccess(::Type{Interpretation}) = true
Tables.columns(meaning::Interpretation) = columns_of(table(meaning))
Tables.schema(meaning::Interpretation) = Tables.schema(columns_of(table(meaning)))

end
