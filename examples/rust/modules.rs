//! The modules of a model, to choose a split point from: `modules [MODEL]`.
//!
//! MODEL is a folder, a Hub id or `eidos:demo`. No weights are read.
#![allow(clippy::print_stdout, reason = "an example talks to a person")]

use eidos::{Control, LoadOptions, SplitModel};

fn main() -> eidos::Result<()> {
    let id = std::env::args().nth(1).unwrap_or_else(|| "eidos:demo".to_owned());
    let model = SplitModel::load(&id, &[], &LoadOptions::default(), &Control::new())?;
    for module in model.modules() {
        println!("{} {:<40} {}", if module.can_split { "*" } else { " " }, module.path, module.kind);
    }
    let split_points = model.modules().iter().filter(|module| module.can_split).count();
    println!("{} modules, {split_points} of them (*) can be split points", model.modules().len());
    println!("where to start, and what part of the blocks a run up to there takes:");
    for module in model.modules().iter().filter(|module| module.is_recommended) {
        let percent = (100.0 * module.cost.unwrap_or(0.0) + 0.5).floor();
        println!("  {:<40} {} columns, {percent} %", module.path, module.width.unwrap_or(0));
    }
    Ok(())
}
