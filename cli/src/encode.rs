//! `eidos encode`: activations become codes in a file that other programs read.

use clap::{ArgMatches, Command};
use eidos::{CodesFormat, Encode};
use serde_json::json;

use crate::arguments::{
    activations, counted, device, explainer, opened_activations, opened_explainer, path, path_of, placement,
};
use crate::collect::unit_name;
use crate::failure::Outcome;
use crate::session::Session;
use crate::shown::{bytes, plural, shown};

/// Where codes go, unless somebody says otherwise.
const CODES: &str = "codes.npz";

pub fn command() -> Command {
    Command::new("encode")
        .about("Write how strongly each concept fires on each unit, for NumPy, SciPy, PyTorch or pandas")
        .args([explainer(), activations()])
        .arg(
            path(
                "out",
                "FILE",
                "Where the codes go; what is there is replaced. Its name says the format: .npy is a dense matrix for numpy.load, .npz a \
                 sparse one for scipy.sparse.load_npz, .safetensors a dense one, .parquet a table of those that are not zero",
            )
            .short('o')
            .default_value(CODES),
        )
        .args(placement())
}

pub fn run(given: &ArgMatches, session: &mut Session) -> Outcome {
    let file = path_of(given, "out");
    let format = CodesFormat::of_path(file)?;
    let explainer = opened_explainer(given)?;
    let activations = opened_activations(given)?;
    let encode = Encode { threads: counted(given, "threads"), device: device(given) };
    session.resume_by("nothing was written");
    encode.save(&explainer, &activations, file, format, &session.control)?;
    session.progress.clear();
    let size = std::fs::metadata(file).map_or(0, |about| about.len());
    let (rows, concepts) = (activations.row_count(), explainer.concept_count());
    let out = &mut session.output;
    if out.is_json() {
        let (name, file) = ("eidos.encoded", file.to_string_lossy());
        let told =
            json!({ "format": name, "version": 1, "file": file, "rows": rows, "concepts": concepts, "bytes": size });
        return Ok(out.json(&told)?);
    }
    let units = plural(rows, unit_name(&activations));
    out.line(format!(
        "{units} x {}, {}, in {}",
        plural(concepts, "concept"),
        bytes(size),
        shown(&file.to_string_lossy())
    ))?;
    Ok(())
}
