"""
Eidos says which concepts the activations of a language model are made of.

It opens a Hugging Face model at a module, collects the activations of texts word by word, learns the concepts that they
are made of, and says which inputs excite each concept most:

```julia
using Eidos

model = SplitModel("eidos:demo"; split = "model.layers.2.mlp")
acts = activations(model, read_texts("assets/demo-texts.txt"); granularity = :word)
explainer = Eidos.fit(Eidos.ICA(20), acts)
meaning = top_inputs(explainer, acts; k = 10)
```

Activations are features x observations: each column is a word. Whatever is an index counts from 1; module paths and the
numbers in files stay as they are.

Names that other packages have too are not exported: `fit`, `encode`, `decode`, `dictionary`, `save`, `table`, `unit`, `units`, `tokens`,
`spread`, `estimate`, `moments`, `Progress`, and the methods. Write `Eidos.fit`, or `using Eidos: fit, ICA`. Where StatsAPI or
MultivariateStats is loaded, its `fit`, `predict` and `reconstruct` do what [`fit`](@ref), [`encode`](@ref) and [`decode`](@ref) do.

Errors are [`EidosError`](@ref)s, with a hint what to do. Long calls take `progress` and `control`, stop at Ctrl-C, and
leave the garbage collector of other threads alone; `Threads.@spawn` runs several at the same time. Memory is freed by the
garbage collector, by `close`, or at the end of a `do` block.
"""
module Eidos

import Libdl

export read_texts
export SplitModel, Activations, activations, without_high_norms, Vocabulary, unit_span, source_texts
export Inputs, token_ids, token_count, stream_activations
export Interventions, add_direction!, ablate!
export logits, logit_names
export Explainer
export open_published, save_as, open_interpreted, save_codes, encode_sparse
export top_inputs, Interpretation, Concept, TopInput
export explain, Explanation, ExplainedUnit, Firing, firings, concept_name, calibrate
export report, Report, map_svg, heat_map_svg, save_csv, save_parquet, save_neuronpedia
export llm_labels, label_usage, Chat, ChatAnswer, spent
export Control, cancel!, iscancelled, LogMessage, EidosError

include("LibEidos.jl")
include("library.jl")
include("errors.jl")
include("handles.jl")
include("options.jl")
include("generated.jl")
include("control.jl")
include("MatrixView.jl")
include("devices.jl")
include("texts.jl")
include("table.jl")
include("split_model.jl")
include("inputs.jl")
include("activations.jl")
include("tokens.jl")
include("dlpack.jl")
include("explainer.jl")
include("interventions.jl")
include("logits.jl")
include("stream.jl")
include("spread.jl")
include("methods.jl")
include("decompositions.jl")
include("sae.jl")
include("labels.jl")
include("interpretation.jl")
include("explanation.jl")
include("metrics.jl")
include("report.jl")
include("chat.jl")
include("llm_labels.jl")

const Closable = Union{Control,SplitModel,Inputs,Interventions,Activations,Explainer,Interpretation,Explanation,Chat}

Base.isopen(object::Closable) = isopen(object.handle)
Base.close(object::Closable) = close(object.handle)
function Base.close(acts::Activations)
    acts.first = C_NULL # so that `getindex` looks whether they are open
    close(acts.handle)
end

# What a `do` block opens, it closes; a vector of activations where the model has several split points.
function closing(f, object)
    try
        f(object)
    finally
        foreach(close, object isa Vector ? object : (object,))
    end
end

end
