//! Element-wise functions between projections.

use candle_core::Tensor;

use super::{multiply, pairwise, vector, with_values};
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

    /// The function of each value.
    pub fn forward(self, rows: &Tensor) -> Result<Tensor> {
        match with_values(rows, |input| self.on_slice(input)) {
            Some(result) => Ok(Tensor::from_vec(result, rows.shape(), rows.device())?),
            None => self.composed(rows),
        }
    }

    /// The function of each value of `gate`, times the value of `up`: both steps of a gated MLP at once, with the
    /// bits of one after the other.
    pub fn gate(self, gate: &Tensor, up: &Tensor) -> Result<Tensor> {
        let Self::Silu = self else { return multiply(&self.forward(gate)?, up) };
        pairwise(
            gate,
            up,
            #[inline(always)]
            |gate, up| vector::silu(gate) * up,
        )
        .unwrap_or_else(|| Ok((self.composed(gate)? * up)?))
    }

    fn on_slice(self, input: &[f32]) -> Vec<f32> {
        match self {
            Self::Gelu => vector::map(input, vector::gelu),
            Self::GeluTanh => vector::map(input, vector::gelu_tanh),
            Self::GeluQuick => vector::map(
                input,
                #[inline(always)]
                |x| x / (1.0 + crate::linalg::exp(-1.702 * x)),
            ),
            Self::Silu => vector::map(input, vector::silu),
            Self::Relu => vector::map(
                input,
                #[inline(always)]
                |x| x.max(0.0),
            ),
            Self::Tanh => input.iter().map(|x| x.tanh()).collect(),
        }
    }

    fn composed(self, rows: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::Gelu => rows.gelu_erf()?,
            Self::GeluTanh => rows.gelu()?,
            Self::GeluQuick => (rows * candle_nn::ops::sigmoid(&(rows * 1.702)?)?)?,
            Self::Silu => rows.silu()?,
            Self::Relu => rows.relu()?,
            Self::Tanh => rows.tanh()?,
        })
    }
}

/// `cap tanh(x / cap)`: values that cannot grow beyond `cap`.
pub(crate) fn soft_cap(rows: &Tensor, cap: f32) -> Result<Tensor> {
    let capped = with_values(rows, |values| {
        vector::map(
            values,
            #[inline(always)]
            |value| vector::tanh(value / cap) * cap,
        )
    });
    match capped {
        Some(capped) => Ok(Tensor::from_vec(capped, rows.shape(), rows.device())?),
        None => Ok(((rows / f64::from(cap))?.tanh()? * f64::from(cap))?),
    }
}
