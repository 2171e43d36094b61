# Matrices in the library's memory, without a copy.

"""
    MatrixView <: DenseMatrix{Float32}

A read-only matrix in the memory of the library, without a copy. The memory stays valid as long as this object lives, even
after its owner was closed. Linear algebra accepts it like a `Matrix`; `Matrix(view)` copies.
"""
struct MatrixView{T} <: DenseMatrix{Float32}
    owner::Retained{T}
    pointer::Ptr{Float32}
    size::Tuple{Int,Int}
end

Base.size(view::MatrixView) = view.size
Base.IndexStyle(::Type{<:MatrixView}) = IndexLinear()
Base.strides(view::MatrixView) = (1, view.size[1])
Base.elsize(::Type{<:MatrixView}) = sizeof(Float32)
Base.cconvert(::Type{Ptr{Float32}}, view::MatrixView) = view
Base.unsafe_convert(::Type{Ptr{Float32}}, view::MatrixView) = view.pointer

@inline function Base.getindex(view::MatrixView, index::Int)
    @boundscheck checkbounds(view, index)
    owner = view.owner
    GC.@preserve owner unsafe_load(view.pointer, index)
end

function Base.copyto!(target::Array{Float32}, view::MatrixView)
    length(target) >= length(view) || throw(BoundsError(target, length(view)))
    GC.@preserve target view unsafe_copyto!(pointer(target), view.pointer, length(view))
    target
end

# A matrix in the memory layout of the library, one observation after the other; copied only if it has another layout.
columns(matrix::Union{Matrix{Float32},MatrixView}) = matrix
columns(matrix::AbstractMatrix{<:Real}) = Matrix{Float32}(matrix)
