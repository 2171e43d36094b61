//! Sparse principal components: directions that have few columns.
//!
//! scikit-learn's `SparsePCA(method="cd")` learns a dictionary of the transposed rows: each column has few codes, for atoms as long as
//! there are rows (Zou, Hastie & Tibshirani, 2006; Mairal and others, 2009). These atoms are sums of columns of the rows, so all of it
//! follows from the products of the columns, which two passes find; no atom is ever made.

use faer::{Mat, MatRef};
use serde::{Deserialize, Serialize};

use super::backend::Backend;
use super::directions::{Directions, check_count};
use super::factors::{Codes, Scratch};
use super::linear::{LinearModel, Parts};
use super::{FitReport, Method};
use crate::control::{Control, Stage};
use crate::device::DeviceChoice;
use crate::error::{Error, Result};
use crate::linalg::{product, symmetric_eigen};
use crate::log::LogLevel;
use crate::memory::Claim;
use crate::rows::Rows;

/// The options of sparse principal component analysis.
///
/// ```
/// assert_eq!(eidos::SparsePcaOptions::new(50).ridge, 0.01);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SparsePcaOptions {
    /// How many concepts to find.
    pub concept_count: usize,
    /// The weight of the sum of the magnitudes of the components' entries, scikit-learn's `alpha`: larger ones leave fewer columns. It is
    /// in the units of a column's length, which grows with the root of the number of rows.
    pub penalty: f64,
    /// The ridge that codes are computed with, scikit-learn's `ridge_alpha`; components need not be orthogonal.
    pub ridge: f64,
    /// Iterations stop when one of them lowers what is minimised by less than this part of it.
    pub tolerance: f64,
    /// The fit ends after so many iterations, converged or not.
    pub max_iterations: usize,
    /// How many threads work; 0 means one per core. The result does not depend on it.
    #[serde(skip)]
    pub threads: usize,
    /// Where the passes over the rows run. On a GPU the result differs from that of the CPU by rounding.
    #[serde(skip)]
    pub device: DeviceChoice,
}

impl SparsePcaOptions {
    /// Makes the default options for that many concepts.
    pub fn new(concept_count: usize) -> Self {
        Self {
            concept_count,
            penalty: 1.0,
            ridge: 0.01,
            tolerance: 1e-8,
            max_iterations: 1000,
            threads: 0,
            device: DeviceChoice::Cpu,
        }
    }
}

/// Finds directions that have few columns, from which sums come near to the centred rows.
///
/// Each component has length 1, and its entry of largest magnitude is positive. Codes are the ridge regression of a centred row on the
/// components. Everything equals scikit-learn's `SparsePCA` step by step, from the same start, the principal components. The report
/// measures `nonzero_columns`, how many entries of each component are not zero, and `objective`, half the squared difference and the
/// penalty.
///
/// Memory, and errors: those of [`crate::Pca`], and [`crate::ErrorCode::InvalidArgument`] for options that are out of range.
///
/// ```
/// use eidos::{Activations, Control, Explainer, SparsePca, SparsePcaOptions};
/// let values = vec![9.0, 0.1, -8.0, 0.0, 7.0, -0.1, -8.0, 0.0];
/// let activations = Activations::from_rows(values, 2, None)?;
/// let explainer = Explainer::fit::<SparsePca>(&activations, &SparsePcaOptions::new(1), &Control::new())?;
/// assert_eq!(explainer.dictionary(), [1.0, 0.0]);
/// # Ok::<(), eidos::Error>(())
/// ```
#[derive(Debug)]
pub struct SparsePca;

impl Method for SparsePca {
    const NAME: &'static str = "sparse_pca";
    type Options = SparsePcaOptions;
    type Model = LinearModel;

    fn placement(options: &SparsePcaOptions) -> (DeviceChoice, usize) {
        (options.device, options.threads)
    }

    fn fit(rows: &dyn Rows, options: &SparsePcaOptions, control: &Control) -> Result<(LinearModel, FitReport)> {
        let (concepts, columns) = (options.concept_count, rows.column_count());
        check_count(concepts, rows)?;
        let wrong = |what: &str, value: f64, least: &str| {
            Err(Error::argument(format!("the {what} is {value}")).hint(format!("give a number {least}")))
        };
        if !(options.penalty >= 0.0 && options.penalty.is_finite()) {
            return wrong("penalty", options.penalty, "from 0 on, such as 1");
        }
        if !(options.ridge > 0.0 && options.ridge.is_finite()) {
            return wrong("ridge", options.ridge, "above 0, such as 0.01");
        }
        if !(options.tolerance >= 0.0 && options.tolerance.is_finite()) {
            return wrong("tolerance", options.tolerance, "from 0 on, such as 1e-8");
        }
        if options.max_iterations == 0 {
            return Err(Error::argument("0 iterations are allowed").hint("allow at least one iteration"));
        }
        let backend = Backend::open(options.device, options.threads, rows, control)?;
        let found = Directions::of(rows, concepts, &backend, control)?;
        let square = columns.saturating_add(8 * concepts).saturating_mul(columns).saturating_mul(size_of::<f64>());
        let _claim = Claim::of(square.saturating_mul(2), &format!("{concepts} components of {columns} columns"))?;
        let mut fit = Fit::new(&found, concepts)?;
        let kind = Codes { penalty: options.penalty, signed: true, ridge: 0.0 };
        control.begin(Stage::Fit, options.max_iterations as u64)?;
        let (mut converged, mut steps, mut before) = (false, 0, f64::INFINITY);
        while steps < options.max_iterations && !converged {
            steps += 1;
            fit.find_components(kind);
            fit.improve_atoms()?;
            let objective = fit.objective(options.penalty)?;
            converged = before - objective < options.tolerance * objective;
            before = objective;
            control.advance(1)?;
        }

        let components = fit.normalised();
        let nonzero = |concept: usize| (0..columns).filter(|&column| components[(concept, column)] != 0.0).count();
        let nonzero: Vec<f64> = (0..concepts).map(|concept| nonzero(concept) as f64).collect();
        let empty = nonzero.iter().filter(|&&count| count < 1.0).count();
        let mut report = FitReport { converged: Some(converged), steps, ..FitReport::default() }
            .with("nonzero_columns", nonzero)
            .with("objective", [before]);
        if empty > 0 {
            let warning = format!(
                "{empty} of {concepts} components have no column left: lower the penalty of {}, or ask for fewer concepts",
                options.penalty
            );
            control.log(LogLevel::Warning, c"fit", || warning.clone());
            report.warnings.push(warning);
        }
        let encoder = ridge_regression(&components, options.ridge)?;
        let narrow = |matrix: &Mat<f64>| -> Vec<f32> {
            (0..concepts * columns).map(|index| matrix[(index / columns, index % columns)] as f32).collect()
        };
        let parts = Parts {
            components: narrow(&encoder),
            mixing: narrow(&components),
            mean: found.mean,
            bias: Vec::new(),
            rectified: false,
        };
        Ok((LinearModel::new(Self::NAME, parts), report))
    }
}

/// The matrix that computes codes, (concepts, columns): `(C C^T + ridge)^-1 C`.
fn ridge_regression(components: &Mat<f64>, ridge: f64) -> Result<Mat<f64>> {
    let count = components.nrows();
    let (squares, vectors) = symmetric_eigen(product(components.as_ref(), components.transpose())?.as_ref())?;
    let scaled = Mat::from_fn(count, count, |row, column| vectors[(row, column)] / (squares[column].max(0.0) + ridge));
    product(product(scaled.as_ref(), vectors.transpose())?.as_ref(), components.as_ref())
}

/// The state of the iterations. Atoms, one value for each row, are `rows weights`, and only their products with the rows are known.
struct Fit {
    /// The products of the centred columns of the rows, (columns, columns).
    scatter: Mat<f64>,
    /// The components before they are scaled, (columns, concepts).
    components: Mat<f64>,
    /// The weights of the atoms, (columns, concepts).
    weights: Mat<f64>,
    /// The products of the rows' columns with the atoms, (columns, concepts).
    products: Mat<f64>,
}

impl Fit {
    /// Starts at the principal components: the atoms are the codes of the rows, as long as their singular values.
    fn new(found: &Directions, concepts: usize) -> Result<Self> {
        let columns = found.mean.len();
        let scaled = Mat::from_fn(columns, columns, |row, column| found.vectors[(row, column)] * found.squares[column]);
        let scatter = product(scaled.as_ref(), found.vectors.transpose())?;
        let weights = Mat::from_fn(columns, concepts, |row, column| found.vectors[(row, column)]);
        let products = Mat::from_fn(columns, concepts, |row, column| scaled[(row, column)]);
        Ok(Self { scatter, components: Mat::zeros(columns, concepts), weights, products })
    }

    /// Finds the entries of the components in each column, for the atoms as they are.
    fn find_components(&mut self, kind: Codes) {
        let (columns, concepts) = (self.weights.nrows(), self.weights.ncols());
        let gram = self.gram();
        let products: Vec<f64> =
            (0..columns * concepts).map(|index| self.products[(index / concepts, index % concepts)]).collect();
        let mut codes = vec![0.0; products.len()];
        kind.solve(&gram, &products, &mut codes, concepts, &mut Scratch::default());
        self.components = Mat::from_fn(columns, concepts, |column, concept| codes[column * concepts + concept]);
    }

    /// The products of the atoms with each other, row-major.
    fn gram(&self) -> Vec<f64> {
        let concepts = self.weights.ncols();
        // A dot product for each pair: the same bits on both sides of the diagonal.
        let dot = |left: usize, right: usize| -> f64 {
            self.weights.col(left).iter().zip(self.products.col(right).iter()).map(|(left, right)| left * right).sum()
        };
        let pair =
            |index: usize| dot((index / concepts).min(index % concepts), (index / concepts).max(index % concepts));
        (0..concepts * concepts).map(pair).collect()
    }

    /// Improves the atoms one by one for the components, and shortens them to length 1 where they are longer. One whose component has no
    /// columns left becomes the column that is approximated worst; scikit-learn draws one.
    fn improve_atoms(&mut self) -> Result<()> {
        /// The square below which a component has nothing to say about its atom: scikit-learn's.
        const LEAST: f64 = 1e-6;
        let concepts = self.weights.ncols();
        let each_other = product(self.components.transpose(), self.components.as_ref())?;
        let through = product(self.scatter.as_ref(), self.components.as_ref())?;
        let mut worst = None;
        for concept in 0..concepts {
            let square = each_other[(concept, concept)];
            if square > LEAST {
                let improved = |matrix: &Mat<f64>, wanted: MatRef<'_, f64>| {
                    let mut change: Vec<f64> = wanted.col(concept).iter().copied().collect();
                    for other in 0..concepts {
                        let scale = each_other[(other, concept)];
                        change.iter_mut().zip(matrix.col(other).iter()).for_each(|(sum, value)| *sum -= scale * value);
                    }
                    change.iter_mut().zip(matrix.col(concept).iter()).for_each(|(sum, own)| *sum = own + *sum / square);
                    change
                };
                let weights = improved(&self.weights, self.components.as_ref());
                let products = improved(&self.products, through.as_ref());
                self.weights.col_mut(concept).iter_mut().zip(weights).for_each(|(to, value)| *to = value);
                self.products.col_mut(concept).iter_mut().zip(products).for_each(|(to, value)| *to = value);
            } else if let Some(column) = worst.get_or_insert_with(|| self.worst_columns().into_iter()).next() {
                for row in 0..self.weights.nrows() {
                    self.weights[(row, concept)] = f64::from(u8::from(row == column));
                    self.products[(row, concept)] = self.scatter[(row, column)];
                }
            }
            let own = self.weights.col(concept).iter().zip(self.products.col(concept).iter());
            let length = own.map(|(weight, product)| weight * product).sum::<f64>().max(0.0).sqrt().max(1.0);
            self.weights.col_mut(concept).iter_mut().for_each(|value| *value /= length);
            self.products.col_mut(concept).iter_mut().for_each(|value| *value /= length);
        }
        Ok(())
    }

    /// The columns of the rows, those that are approximated worst first.
    fn worst_columns(&self) -> Vec<usize> {
        let (gram, concepts) = (self.gram(), self.weights.ncols());
        let error = |column: usize| -> f64 {
            let entries: Vec<f64> = self.components.row(column).iter().copied().collect();
            let along: f64 =
                entries.iter().zip(self.products.row(column).iter()).map(|(entry, product)| entry * product).sum();
            let square: f64 = (0..concepts * concepts)
                .map(|index| gram[index] * entries[index / concepts] * entries[index % concepts])
                .sum();
            self.scatter[(column, column)] - 2.0 * along + square
        };
        let errors: Vec<f64> = (0..self.weights.nrows()).map(error).collect();
        let mut order: Vec<usize> = (0..errors.len()).collect();
        order.sort_by(|&left, &right| errors[right].total_cmp(&errors[left]));
        order
    }

    /// Half the squared difference between the rows and what they are approximated by, and the penalty.
    fn objective(&self, penalty: f64) -> Result<f64> {
        let dot = |left: MatRef<'_, f64>, right: MatRef<'_, f64>| -> f64 {
            (0..left.ncols())
                .flat_map(|column| left.col(column).iter().zip(right.col(column).iter()))
                .map(|(left, right)| left * right)
                .sum()
        };
        let each_other = product(self.components.transpose(), self.components.as_ref())?;
        let gram = product(self.weights.transpose(), self.products.as_ref())?;
        let total: f64 = (0..self.scatter.nrows()).map(|column| self.scatter[(column, column)]).sum();
        let error = total - 2.0 * dot(self.components.as_ref(), self.products.as_ref())
            + dot(each_other.as_ref(), gram.as_ref());
        let magnitudes: f64 = (0..self.components.ncols())
            .flat_map(|concept| self.components.col(concept).iter())
            .map(|value| value.abs())
            .sum();
        Ok(error / 2.0 + penalty * magnitudes)
    }

    /// The components as rows of length 1, each with its entry of largest magnitude positive; those without entries stay zero.
    fn normalised(&self) -> Mat<f64> {
        let scale = |concept: usize| {
            let column = self.components.col(concept);
            let largest = column
                .iter()
                .fold(0.0_f64, |largest, &value| if value.abs() > largest.abs() { value } else { largest });
            let length = column.norm_l2();
            if length > 0.0 { largest.signum() / length } else { 1.0 }
        };
        let scales: Vec<f64> = (0..self.components.ncols()).map(scale).collect();
        Mat::from_fn(scales.len(), self.components.nrows(), |row, column| self.components[(column, row)] * scales[row])
    }
}
