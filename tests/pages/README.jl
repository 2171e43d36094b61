# What the block in Julia of the README presupposes.
# prints: Concept 5: [" jokes", " joke"
using Eidos
texts = read_texts("assets/demo-texts.txt")
# BLOCKS
show(stdout, MIME"text/plain"(), top_inputs(explainer, acts; k = 10))
