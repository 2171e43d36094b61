//! The split model: a transformer that is read at the outputs of its modules.
//!
//! ```text
//! config.json ──► families ──► Blueprint ──► module tree ──► split points
//!                                 │               │
//!                              weights ───►  layers by site ──► forward pass ──► tap ──► rows
//! ```
//!
//! An architecture is data: a family maps a configuration to a blueprint, which lists the modules with the point of the
//! forward pass where each one's output lies. From that one list come the paths a user splits at, the names of the
//! weights and the steps of the pass, which is written once. A step is an operation with a kernel, a reference and a
//! gradient, so that one pass serves the CPU, a device and gradients.

mod adapter;
mod batch;
mod blueprint;
mod config;
mod demo;
mod device_memory;
mod families;
mod forward;
mod gguf;
mod gradient;
mod layer_names;
mod load;
mod module_path;
mod ops;
mod options;
mod parameters;
mod plan;
mod same_prefix;
#[cfg(test)]
mod some_rows;
mod split_model;
mod tap;
mod weights;
#[cfg(test)]
mod whole;

pub use batch::plan_batches;
pub(crate) use batch::plan_sharing;
pub(crate) use blueprint::Site;
pub use gradient::TargetLogit;
pub use load::ModelParts;
pub use module_path::Module;
pub use options::{HeadChoice, LoadOptions, Precision};
pub use plan::ModelPlan;
pub(crate) use split_model::{PassOptions, Target};
pub use split_model::{SplitModel, SplitPoint};
pub(crate) use tap::{Change, Edit};
pub use weights::WeightSource;
#[cfg(test)]
pub(crate) use whole::golden;
