//! The MLP of a block as a mixture of experts: a router, the experts, and in some families an MLP beside them.

use super::llama_parts::Classes;
use crate::error::Result;
use crate::model::blueprint::{Activation, BlockSite, ExpertSettings, Part, Site};
use crate::model::config::Config;

/// How the MLP of a block is made of experts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mixture {
    /// The class of the MLP.
    pub class: &'static str,
    /// The router's name and class.
    pub router: (&'static str, &'static str),
    /// Whether the router has a bias.
    pub router_bias: bool,
    /// The class of the experts.
    pub experts_class: &'static str,
    /// Whether the experts are defined before the router.
    pub experts_first: bool,
    /// Whether the function between the projections is a module.
    pub has_function: bool,
    /// The experts.
    pub experts: ExpertSettings,
    /// Columns between the projections of an MLP that stands beside the experts, if there is one.
    pub shared: Option<usize>,
    /// What transformers 4 called the router, within its block.
    pub older_router: Option<&'static str>,
}

/// The sizes of the experts of a configuration: how many there are, and how many each row goes through.
pub(super) fn counts(
    config: &Config,
    (field, experts): (&str, usize),
    chosen: usize,
    blocks: usize,
) -> Result<(usize, usize)> {
    let experts = config.experts(field, experts, blocks)?;
    let chosen = config.size("num_experts_per_tok", chosen)?;
    if chosen > experts {
        let rule = format!("it must be at most `{field}`, {experts}");
        return Err(Config::wrong("num_experts_per_tok", chosen as f64, &rule));
    }
    Ok((experts, chosen))
}

impl Mixture {
    /// The MLP of a block; `activation` is the function of its MLPs and the name of its class.
    pub fn part(&self, index: usize, classes: &Classes, activation: (Activation, &'static str)) -> Part {
        use BlockSite::{Experts, MlpActivation, MlpDown, MlpInner, MlpUp, Router, SharedDown, SharedGate};
        let at = |site| Site::Block(index, site);
        let (function, function_class) = activation;
        let ExpertSettings { count, width, .. } = self.experts;
        let (name, class) = self.router;
        let mut router = Part::linear_of(name, class, width, count, self.router_bias).gives(at(Router));
        if let Some(older) = self.older_router {
            router = router.or_from("weight", format!("model.layers.{index}.{older}.weight"));
        }
        let functions = if self.has_function {
            vec![Part::activation("act_fn", function_class, function).gives_routed()]
        } else {
            Vec::new()
        };
        let experts = Part::experts("experts", self.experts_class, self.experts, functions).gives(at(Experts));
        let mut children = if self.experts_first { vec![experts, router] } else { vec![router, experts] };
        if let Some(inner) = self.shared {
            let linear = |name, inputs, outputs, site| Part::linear(name, inputs, outputs, false).gives(at(site));
            let parts = vec![
                linear("gate_proj", width, inner, MlpInner),
                linear("up_proj", width, inner, MlpUp),
                linear("down_proj", inner, width, SharedDown),
                Part::activation("act_fn", function_class, function).gives(at(MlpActivation)),
            ];
            children.push(Part::container("shared_expert", classes.mlp, parts).gives(at(SharedDown)));
            children.push(linear("shared_expert_gate", width, 1, SharedGate));
        }
        Part::container("mlp", self.class, children).gives(at(MlpDown))
    }
}
