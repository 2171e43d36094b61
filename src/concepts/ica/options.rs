//! The options of independent component analysis.

use serde::{Deserialize, Serialize};

use crate::device::DeviceChoice;
use crate::error::{Error, Result};

/// The order in which components are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// All at once, kept orthogonal by symmetric decorrelation.
    #[default]
    Parallel,
    /// One after the other, each orthogonal to those before it.
    Deflation,
}

/// The algorithm that makes the contrast extreme. Where a contrast has one extreme point, both end there, up to the order of
/// components; rows of a model may have several, and then each solver ends at one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Solver {
    /// The fixed-point iteration of FastICA, step by step as in scikit-learn.
    #[default]
    FastIca,
    /// Picard-O: L-BFGS on the orthogonal matrices. For small tolerances it reads the rows fewer times. It finds all components
    /// at once.
    PicardO,
}

/// The contrast function, whose expectation each component makes extreme. It decides which kind of tails counts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contrast {
    /// `log cosh(alpha x) / alpha`, a good general choice; `alpha` from 1 to 2.
    LogCosh {
        /// The steepness.
        alpha: f64,
    },
    /// `-exp(-x^2 / 2)`, robust, for very heavy tails.
    Exp,
    /// `x^4 / 4`, kurtosis; sensitive to outliers.
    Cube,
}

impl Default for Contrast {
    fn default() -> Self {
        Self::LogCosh { alpha: 1.0 }
    }
}

/// The options of independent component analysis. The names and defaults are scikit-learn's where it has them.
///
/// ```
/// let options = eidos::IcaOptions { tolerance: 1e-8, max_iterations: 1000, ..eidos::IcaOptions::new(50) };
/// assert_eq!(options.seed, 0);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IcaOptions {
    /// How many concepts to find.
    pub concept_count: usize,
    /// The order in which components are found.
    pub algorithm: Algorithm,
    /// The algorithm that makes the contrast extreme.
    #[serde(default)]
    pub solver: Solver,
    /// The contrast function.
    pub contrast: Contrast,
    /// Iterations stop when no component changes by more than this (1 minus the absolute cosine); those of Picard-O when no
    /// entry of the gradient is larger.
    pub tolerance: f64,
    /// The most iterations; with deflation, for each component.
    pub max_iterations: usize,
    /// The seed of the start matrix, drawn as `numpy.random.RandomState(seed).normal` does.
    pub seed: u32,
    /// Flip each component so that the third moment of its activations is positive: its heavy tail is the positive one.
    /// Without this, signs are those of the last iteration, which are arbitrary.
    pub canonical_signs: bool,
    /// How many threads work; 0 means one per core. The result does not depend on it.
    #[serde(skip)]
    pub threads: usize,
    /// Where the passes over the rows run. On a GPU the result differs from that of the CPU by rounding.
    #[serde(skip)]
    pub device: DeviceChoice,
}

impl IcaOptions {
    /// Makes the default options for that many concepts.
    pub fn new(concept_count: usize) -> Self {
        Self {
            concept_count,
            algorithm: Algorithm::default(),
            solver: Solver::default(),
            contrast: Contrast::default(),
            tolerance: 1e-4,
            max_iterations: 200,
            seed: 0,
            canonical_signs: true,
            threads: 0,
            device: DeviceChoice::Cpu,
        }
    }

    /// Checks the options that do not depend on the rows.
    pub(super) fn check(&self) -> Result<()> {
        let wrong = |message: String, remedy: &str| Err(Error::argument(message).hint(remedy));
        if !(self.tolerance > 0.0 && self.tolerance.is_finite()) {
            return wrong(
                format!("the tolerance is {}", self.tolerance),
                "give a small number above zero, such as 1e-4",
            );
        }
        if self.max_iterations == 0 {
            return wrong("0 iterations were allowed".to_owned(), "allow at least one, 200 by default");
        }
        if self.solver == Solver::PicardO && self.algorithm == Algorithm::Deflation {
            return wrong(
                "Picard-O finds all components at once, not by deflation".to_owned(),
                "choose the parallel algorithm, or FastICA as the solver",
            );
        }
        match self.contrast {
            Contrast::LogCosh { alpha } if !(1.0..=2.0).contains(&alpha) => {
                wrong(format!("the alpha of log cosh is {alpha}"), "give a number from 1 to 2")
            }
            _ => Ok(()),
        }
    }
}
