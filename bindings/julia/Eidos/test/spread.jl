# Fits on columns that are spread over several processes; here, each task plays one.

# Adds the values of two tasks: the first one waits for the second.
struct Meeting
    there::Channel{Vector{Float64}}
    back::Channel{Vector{Float64}}
end
Meeting() = Meeting(Channel{Vector{Float64}}(1), Channel{Vector{Float64}}(1))

function first_of(pair)
    values -> begin
        put!(pair.there, copy(values))
        values .= take!(pair.back)
    end
end

function second_of(pair)
    values -> begin
        values .+= take!(pair.there)
        put!(pair.back, copy(values))
    end
end

@testset "two tasks with a part of the columns each find what one finds" begin
    sources = randn(4, 3000) .^ 3
    matrix = Float32.(randn(6, 4) * sources)
    for method in (ICA(4; threads = 1), PCA(4; threads = 1))
        alone, pair = fit(method, Activations(matrix)), Meeting()
        shares = (spread(first_of(pair), Activations(matrix[:, 1:1100])), spread(second_of(pair), Activations(matrix[:, 1101:end])))
        fits = map(share -> @async(fit(method, share)), shares)
        left, right = fetch.(fits)
        @test dictionary(left) == dictionary(right)
        @test dictionary(left) ≈ dictionary(alone) rtol = 1e-3
        @test left.steps == right.steps
        @test size(encode(left, shares[1])) == (4, 1100)
    end
end

@testset "a sum that fails ends the fit" begin
    acts = Activations(randn(Float32, 5, 400))
    calls = 0
    broken = spread(acts) do values
        (calls += 1) == 2 && error("the network is gone")
    end
    @test_throws ErrorException("the network is gone") fit(ICA(3), broken)
    @test calls == 2
    # The share goes on where no sums are needed, and the function is called with the next fit.
    @test Matrix(broken) == Matrix(acts)
    @test fit(ICA(3; seed = 1), broken).concepts == 3
    once = Ref(0)
    @test dictionary(fit(PCA(3), spread(values -> (once[] += length(values)), acts))) == dictionary(fit(PCA(3), acts))
    @test once[] > 0
end

@testset "an interrupt in a sum is thrown" begin
    acts = spread(_ -> throw(InterruptException()), Activations(randn(Float32, 5, 400)))
    @test_throws InterruptException fit(ICA(3), acts)
end
