//! The fields about rotary positions, in the spellings of transformers 5 (`rope_parameters`) and before
//! (`rope_scaling`, `rope_theta`).

use std::f64::consts::PI;

use serde_json::json;

use crate::error::Result;
use crate::model::blueprint::{RotaryScaling, RotarySettings};
use crate::model::config::Config;

/// What a family takes where its configuration says nothing.
pub(super) struct RotaryDefaults {
    /// What the base is called at top level.
    pub theta_field: &'static str,
    /// The base.
    pub theta: f64,
    /// The field at top level of the part of a head's columns that is rotated, and that part where the field is absent;
    /// `None` where the family rotates all of them.
    pub partial: Option<(&'static str, f64)>,
    /// How many positions the model was made for.
    pub positions: usize,
    /// How many it was first trained on, where a family has a number of its own that counts before the one with the
    /// rotation.
    pub first_positions: Option<usize>,
}

impl Default for RotaryDefaults {
    fn default() -> Self {
        Self { theta_field: "rope_theta", theta: 10_000.0, partial: None, positions: 2048, first_positions: None }
    }
}

/// Reads the rotation of a model that has one.
pub(super) fn settings(config: &Config, head_width: usize, defaults: &RotaryDefaults) -> Result<RotarySettings> {
    let name = if config.inner("rope_scaling")?.is_some() { "rope_scaling" } else { "rope_parameters" };
    settings_in(config, &[name], head_width, defaults)
}

/// The same, from the fields inside `path`: `["rope_parameters", "full_attention"]`.
pub(super) fn settings_in(
    config: &Config,
    path: &[&str],
    head_width: usize,
    defaults: &RotaryDefaults,
) -> Result<RotarySettings> {
    settings_from(config, (path[0], inside(config, path)?), head_width, defaults)
}

/// The rotation of the blocks that read all tokens, in a model that has another one for those that read a window. Older
/// files have one `rope_scaling`, which is this one's; what it says counts over `rope_parameters`.
pub(super) fn settings_of_full_attention(
    config: &Config,
    head_width: usize,
    defaults: &RotaryDefaults,
) -> Result<RotarySettings> {
    let older = config.inner("rope_scaling")?;
    let name = if older.is_some() { "rope_scaling" } else { "rope_parameters" };
    let fields = Config::overlaid(inside(config, &["rope_parameters", "full_attention"])?, older);
    settings_from(config, (name, fields), head_width, defaults)
}

/// The fields inside a path, where it is there.
fn inside(config: &Config, path: &[&str]) -> Result<Option<Config>> {
    let mut fields = Some(config.clone());
    for step in path {
        fields = fields.map(|fields| fields.inner(step)).transpose()?.flatten();
    }
    Ok(fields)
}

/// The same, from fields and what they stand in.
fn settings_from(
    config: &Config,
    (name, fields): (&str, Option<Config>),
    head_width: usize,
    defaults: &RotaryDefaults,
) -> Result<RotarySettings> {
    let fields = fields.unwrap_or_else(Config::empty);
    let theta = fields.number("rope_theta", config.number(defaults.theta_field, defaults.theta)?)?;
    if theta < 1.0 || !(theta as f32).is_finite() {
        return Err(Config::wrong("rope_theta", theta, "it must be at least 1"));
    }
    if kind_of(&fields)? == "proportional" {
        let scaling = proportional(config, &fields, head_width, defaults)?;
        return Ok(RotarySettings {
            rotary_dim: head_width,
            interleaved: false,
            theta,
            scaling,
            amplitude: 1.0,
            by_pair: false,
        });
    }
    let rotary_dim = rotated_columns(config, &fields, head_width, defaults)?;
    let positions = config.size("max_position_embeddings", defaults.positions)?;
    let field = "original_max_position_embeddings";
    // A family that has no such number of its own does not read one beside the rotation.
    let first_positions = match defaults.first_positions {
        Some(first) => config.size(field, first)?,
        None => fields.size(field, positions)?,
    };
    let (scaling, amplitude) = scaling(config, &fields, name, theta, rotary_dim, (positions, first_positions))?;
    Ok(RotarySettings { rotary_dim, interleaved: false, theta, scaling, amplitude, by_pair: false })
}

/// What the fields call the kind of rotation.
fn kind_of(fields: &Config) -> Result<&str> {
    fields.text("rope_type", fields.text("type", "default")?)
}

/// A rotation of all columns of a head, of which only the first pairs turn.
fn proportional(
    config: &Config,
    fields: &Config,
    head_width: usize,
    defaults: &RotaryDefaults,
) -> Result<RotaryScaling> {
    Config::even("head_dim", head_width)?;
    let (field, default) = defaults.partial.unwrap_or(("partial_rotary_factor", 1.0));
    let part = fields.number("partial_rotary_factor", config.number(field, default)?)?;
    if part > 1.0 {
        return Err(Config::wrong("partial_rotary_factor", part, "a head has no more columns than all"));
    }
    let factor = fields.optional_number("factor")?.unwrap_or(1.0);
    Ok(RotaryScaling::Proportional { pairs: (part * head_width as f64 / 2.0) as usize, factor })
}

/// How many columns of a head are rotated.
fn rotated_columns(config: &Config, fields: &Config, head_width: usize, defaults: &RotaryDefaults) -> Result<usize> {
    let Some((field, default)) = defaults.partial else {
        for place in [config, fields] {
            place.only("partial_rotary_factor", &[json!(1.0), json!(1)])?;
        }
        Config::even("head_dim", head_width)?;
        return Ok(head_width);
    };
    let part = fields.number("partial_rotary_factor", config.number(field, default)?)?;
    let width = (head_width as f64 * part) as usize;
    if width == 0 || width > head_width {
        return Err(Config::wrong(field, part, "it must leave at least 1 column of a head, and at most all"));
    }
    Config::even(if part < 1.0 { field } else { "head_dim" }, width)?;
    Ok(width)
}

fn scaling(
    config: &Config,
    fields: &Config,
    name: &str,
    theta: f64,
    width: usize,
    (positions, first_positions): (usize, usize),
) -> Result<(RotaryScaling, f32)> {
    let factor = || match fields.optional_number("factor")? {
        Some(factor) => Ok(factor),
        None => Err(Config::missing(&format!("{name}.factor"))),
    };
    let original = first_positions as f64;
    Ok(match kind_of(fields)? {
        "default" => (RotaryScaling::None, 1.0),
        "linear" => (RotaryScaling::Linear { factor: factor()? }, 1.0),
        "dynamic" => {
            if width < 4 {
                return Err(Config::wrong("head_dim", width as f64, "dynamic rotary positions need 4 columns"));
            }
            (RotaryScaling::Dynamic { factor: factor()?, positions }, 1.0)
        }
        "llama3" => {
            let low = fields.number("low_freq_factor", 1.0)?;
            let high = fields.number("high_freq_factor", 4.0)?;
            (RotaryScaling::Llama3 { factor: factor()?, low, high, positions: original }, 1.0)
        }
        // Phi-3's first files called LongRoPE by other names.
        "longrope" | "su" => per_wave(fields, width, positions as f64, original)?,
        "yarn" if fields.get("short_factor").is_some() => per_wave(fields, width, positions as f64, original)?,
        "yarn" => {
            let factor = fields.optional_number("factor")?.unwrap_or(positions as f64 / original);
            let column = |turns: f64| width as f64 * (original / (turns * 2.0 * PI)).ln() / (2.0 * theta.ln());
            let (mut low, mut high) = (
                column(fields.optional_number("beta_fast")?.unwrap_or(32.0)),
                column(fields.optional_number("beta_slow")?.unwrap_or(1.0)),
            );
            if fields.flag("truncate", true)? {
                (low, high) = (low.floor(), high.ceil());
            }
            (low, high) = (low.max(0.0), high.min(width as f64 - 1.0));
            // What prevents a division by zero there prevents it here.
            #[allow(clippy::float_cmp, reason = "both were rounded to the same number")]
            if low == high {
                high += 0.001;
            }
            (RotaryScaling::Yarn { factor, low, high }, yarn_amplitude(fields, factor)? as f32)
        }
        _ => return Err(config.not_built(name)),
    })
}

fn yarn_amplitude(fields: &Config, factor: f64) -> Result<f64> {
    let of = |scale: f64| if factor <= 1.0 { 1.0 } else { 0.1 * scale * factor.ln() + 1.0 };
    if let Some(amplitude) = fields.optional_number("attention_factor")? {
        return Ok(amplitude);
    }
    // Zero stands for none.
    let (one, all) = (fields.number("mscale", 0.0)?, fields.number("mscale_all_dim", 0.0)?);
    Ok(if one > 0.0 && all > 0.0 { of(one) / of(all) } else { of(1.0) })
}

fn per_wave(fields: &Config, width: usize, positions: f64, original: f64) -> Result<(RotaryScaling, f32)> {
    let factor = fields.optional_number("factor")?.unwrap_or(positions / original);
    let amplitude = match fields.optional_number("attention_factor")? {
        Some(amplitude) => amplitude,
        None if factor <= 1.0 => 1.0,
        None => (1.0 + factor.ln() / original.ln()).sqrt(),
    };
    let factors = |field| -> Result<Vec<f32>> {
        Ok(fields.numbers(field, width / 2)?.into_iter().map(|factor| factor as f32).collect())
    };
    let (short, long) = (factors("short_factor")?, factors("long_factor")?);
    Ok((RotaryScaling::LongRope { short, long, positions: original as usize }, amplitude as f32))
}
