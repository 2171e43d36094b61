# `fit` and `predict` of StatsAPI, which StatsBase and MultivariateStats share, work with concepts.
module EidosStatsAPIExt

using Eidos: Activations, Explainer, Method
import Eidos
import StatsAPI

StatsAPI.fit(method::Method, rows::Union{Activations,AbstractMatrix}; keywords...) = Eidos.fit(method, rows; keywords...)
StatsAPI.predict(explainer::Explainer, rows::Union{Activations,AbstractVecOrMat}) = Eidos.encode(explainer, rows)

end
