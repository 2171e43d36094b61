# `reconstruct` of MultivariateStats decodes concepts.
module EidosMultivariateStatsExt

using Eidos: Explainer
import Eidos
import MultivariateStats

MultivariateStats.reconstruct(explainer::Explainer, codes::AbstractVecOrMat) = Eidos.decode(explainer, codes)

end
