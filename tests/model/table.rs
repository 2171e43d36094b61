//! The table of measured differences in `docs/architectures.md`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use crate::model::golden::{self, Listed};

/// The columns of the table, in order.
const KINDS: &[&str] = &[
    "embeddings",
    "blocks",
    "attention",
    "attention projections",
    "MLP",
    "MLP parts",
    "norms",
    "final norm",
    "heads",
    "logits",
    "bf16",
    "f16",
    "int8",
];

/// What the paths of heads begin with.
const HEADS: &[&str] = &["cls", "classifier", "generator_", "head", "lm_head", "predictions", "score", "vocab_"];

const START: &str = "<!-- the table: made by a test, see above -->\n";

/// What a module is, as a place to split at.
pub fn kind_of_split(module: &Listed) -> &'static str {
    let path = module.path.to_lowercase();
    let Some((number, name)) = path.split('.').enumerate().filter(|(_, name)| name.parse::<u32>().is_ok()).last()
    else {
        return match path.as_str() {
            _ if path.contains("embed")
                || ["shared", "wte", "wpe", "rotary", "per_layer"].iter().any(|name| path.contains(name)) =>
            {
                "embeddings"
            }
            "encoder" | "decoder" | "transformer" | "model" => "blocks",
            _ if module.list.is_some() => "blocks",
            _ if HEADS.iter().any(|head| path.starts_with(head)) => "heads",
            _ if ["norm", "ln_f"].iter().any(|name| path.rsplit('.').next().unwrap().contains(name)) => "final norm",
            _ if module.class.ends_with("Model") || module.class.contains("Encoder") => "blocks",
            _ if module.class.ends_with("Stack") || module.class.contains("Transformer") => "blocks",
            _ => "heads",
        };
    };
    let inside = &path.split('.').collect::<Vec<_>>()[number + 1..].join(".");
    let class = module.class.to_lowercase();
    let simple =
        module.linear.is_some() || ["conv1d", "dropout"].contains(&class.as_str()) || class.ends_with("activation");
    let of_attention = ["attn", "attention"].iter().any(|name| inside.contains(name) || class.contains(name));
    match inside.as_str() {
        _ if class.contains("norm") => "norms",
        "" if class.contains("attention") => "attention",
        "" if class.ends_with("ff") => "MLP",
        "" => {
            assert!(name.parse::<u32>().is_ok());
            "blocks"
        }
        _ if of_attention && simple => "attention projections",
        _ if of_attention => "attention",
        _ if simple || ["relu", "gelu", "silu", "tanh"].iter().any(|name| class.contains(name)) => "MLP parts",
        _ => "MLP",
    }
}

/// The largest difference of each family at each kind of split point.
#[derive(Default)]
pub struct Table {
    worst: BTreeMap<String, BTreeMap<&'static str, f32>>,
}

impl Table {
    /// Adds a difference.
    pub fn add(&mut self, family: &str, kind: &'static str, difference: f32) {
        let worst = self.worst.entry(family.to_owned()).or_default().entry(kind).or_default();
        *worst = worst.max(difference);
    }

    /// Checks that the page has this table, but for the numbers, whose last bits are each machine's own; writes it where
    /// `EIDOS_UPDATE_TABLE` is set.
    pub fn check(&self) {
        let page = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/architectures.md");
        let text = std::fs::read_to_string(&page).unwrap();
        let (before, committed) = text.split_once(START).unwrap();
        let ours = self.rows();
        if std::env::var_os("EIDOS_UPDATE_TABLE").is_some() {
            std::fs::write(&page, format!("{before}{START}{ours}")).unwrap();
            return;
        }
        let without_numbers = |table: &str| {
            let cell = |cell: &str| if cell.contains("e-") || cell.trim() == "0" { "number" } else { cell }.to_owned();
            table.lines().map(|row| row.split('|').map(cell).collect::<Vec<_>>()).collect::<Vec<_>>()
        };
        assert_eq!(without_numbers(committed), without_numbers(&ours), "run this test with EIDOS_UPDATE_TABLE=1");
    }

    fn rows(&self) -> String {
        let mut rows =
            format!("\n| family | `model_type` | {} |\n|---|---{}|\n", KINDS.join(" | "), "|---".repeat(KINDS.len()));
        for (family, variants) in golden::variants() {
            let mut types = Vec::new();
            for variant in &variants {
                let of_this = format!("`{}`", golden::config(&family, variant)["model_type"].as_str().unwrap());
                if !types.contains(&of_this) {
                    types.push(of_this);
                }
            }
            let worst = &self.worst[&family];
            let number = |kind| worst.get(kind).map_or("-".to_owned(), |worst| format!("{worst:.1e}"));
            let numbers: Vec<String> = KINDS.iter().map(number).collect();
            writeln!(rows, "| {family} | {} | {} |", types.join(", "), numbers.join(" | ")).unwrap();
        }
        rows
    }
}
