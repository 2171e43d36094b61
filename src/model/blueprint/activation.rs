//! Which function stands between two projections.

use crate::error::{Error, ErrorCode, Result};
use crate::model::config::Config;

/// An element-wise function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    /// `x/2 (1 + erf(x / sqrt 2))` (Hendrycks & Gimpel 2016).
    Gelu,
    /// Its approximation with `tanh`.
    GeluTanh,
    /// `x sigmoid(1.702 x)`, another approximation of it.
    GeluQuick,
    /// `x sigmoid(x)`.
    Silu,
    /// `max(x, 0)`.
    Relu,
    /// `tanh(x)`.
    Tanh,
    /// `1 / (1 + e^-x)`.
    Logistic,
}

/// What configurations call the functions, and the classes that PyTorch makes of these names.
const NAMES: &[(&str, Activation, &str)] = &[
    ("gelu", Activation::Gelu, "GELUActivation"),
    ("gelu_python", Activation::Gelu, "GELUActivation"),
    ("gelu_new", Activation::GeluTanh, "NewGELUActivation"),
    ("gelu_fast", Activation::GeluTanh, "FastGELUActivation"),
    ("gelu_accurate", Activation::GeluTanh, "AccurateGELUActivation"),
    ("gelu_pytorch_tanh", Activation::GeluTanh, "GELUTanh"),
    ("gelu_python_tanh", Activation::GeluTanh, "GELUTanh"),
    ("quick_gelu", Activation::GeluQuick, "QuickGELUActivation"),
    ("silu", Activation::Silu, "SiLUActivation"),
    ("swish", Activation::Silu, "SiLU"),
    ("relu", Activation::Relu, "ReLU"),
    ("tanh", Activation::Tanh, "Tanh"),
    ("sigmoid", Activation::Logistic, "Sigmoid"),
];

impl Activation {
    /// Reads a function's name from a field: the function and the name of its class.
    ///
    /// # Errors
    /// [`ErrorCode::Unsupported`] naming the field, its value and the names that are built.
    pub fn named(config: &Config, field: &str, default: &str) -> Result<(Self, &'static str)> {
        Self::by_name(field, config.text(field, default)?)
    }

    /// The function of that name, which stands in a field: the function and the name of its class.
    ///
    /// # Errors
    /// [`ErrorCode::Unsupported`] naming the field, its value and the names that are built.
    pub fn by_name(field: &str, name: &str) -> Result<(Self, &'static str)> {
        if let Some((_, function, class)) = NAMES.iter().find(|(known, ..)| *known == name) {
            return Ok((*function, class));
        }
        let known: Vec<_> = NAMES.iter().map(|(known, ..)| *known).collect();
        let message = format!("config.json: `{field}` is `{name}`, a function that Eidos does not build");
        Err(Error::new(ErrorCode::Unsupported, message)
            .hint(format!("use a model with one of these: {}", known.join(", ")))
            .detail("field", field)
            .detail("value", name))
    }
}
