//! Finding concepts whose codes are sparse, or never negative: factorisations of the rows.

use super::activations::eidos_activations;
use super::arguments::{In, Out, Ref, call};
use super::control::eidos_control;
use super::decompositions::fit;
use super::error::eidos_error;
use super::explainer::eidos_explainer;
use super::options::options;
use super::split_model::{EIDOS_DEVICE_CPU, device_choice};
use super::status::eidos_status;
use crate::concepts::{
    ConvexNmf, ConvexNmfOptions, DictionaryLearning, DictionaryLearningOptions, Nmf, NmfOptions, SemiNmf,
    SemiNmfOptions, SparsePca, SparsePcaOptions,
};
use crate::error::Result;

/// These options say how non-negative parts are found. Fill the struct with `eidos_nmf_options_init` first.
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct eidos_nmf_options {
    /// This is the size of the struct in bytes, set by `eidos_nmf_options_init`.
    pub struct_size: u32,
    /// The fit finds this many parts. There is no default: 0 is an error.
    pub concept_count: u32,
    /// Iterations stop when one of them lowers the sum of the squared differences by no more than this part of it. By default 1e-4.
    pub tolerance: f64,
    /// The fit ends after this many iterations, converged or not. By default 200.
    pub max_iterations: u32,
    /// 1 takes negative values for zero, when the activations are fitted and when they are encoded; with 0, the default, they are an
    /// error of the fit.
    pub rectify: u32,
    /// The seed decides the first parts where there are more than directions in the activations. By default 0.
    pub seed: u32,
    /// The fit uses this many threads; 0, the default, is one per core. Results do not depend on it.
    pub threads: u32,
}

options!(
    eidos_nmf_options,
    Self {
        struct_size: size_of::<Self>() as u32,
        concept_count: 0,
        tolerance: 1e-4,
        max_iterations: 200,
        rectify: 0,
        seed: 0,
        threads: 0,
    }
);

impl eidos_nmf_options {
    #[allow(clippy::unnecessary_wraps, reason = "as those of the other methods")]
    fn to_rust(self) -> Result<NmfOptions> {
        Ok(NmfOptions {
            concept_count: self.concept_count as usize,
            rectify: self.rectify != 0,
            tolerance: self.tolerance,
            max_iterations: self.max_iterations as usize,
            seed: self.seed,
            threads: self.threads as usize,
        })
    }
}

/// Fills the options of non-negative matrix factorisation with the defaults. `size` is `sizeof(eidos_nmf_options)`.
///
/// # Safety
/// `options` can be written for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_nmf_options_init(options: Out<eidos_nmf_options>, size: usize) -> eidos_status {
    options.init(size)
}

/// Finds parts whose sums approximate activations that have no negative values (NMF; Lee and Seung, 1999), such as those behind a
/// ReLU. Each part has length 1; codes are never negative, and most are zero. The measures are `reconstruction_error`,
/// `relative_error` and `mean_nonzero_codes`. Not converging is a result, see `eidos_explainer_converged`. `control` and `err` may be
/// NULL.
///
/// # Safety
/// `activations` is a live handle; `options` was filled by `eidos_nmf_options_init`; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_nmf_fit(
    activations: Ref<eidos_activations>,
    options: In<eidos_nmf_options>,
    control: Ref<eidos_control>,
    out: Out<*mut eidos_explainer>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || fit::<Nmf, _>(&activations, &options, eidos_nmf_options::to_rust, &control, out))
}

/// These options say how atoms of codes that are not negative are found. Fill the struct with `eidos_semi_nmf_options_init` first.
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct eidos_semi_nmf_options {
    /// This is the size of the struct in bytes, set by `eidos_semi_nmf_options_init`.
    pub struct_size: u32,
    /// The fit finds this many concepts. There is no default: 0 is an error.
    pub concept_count: u32,
    /// Iterations stop when one of them lowers the sum of the squared differences by no more than this part of it. By default 1e-4.
    pub tolerance: f64,
    /// The fit ends after this many iterations, converged or not. By default 200.
    pub max_iterations: u32,
    /// The seed decides the first centres. By default 0.
    pub seed: u32,
    /// The fit uses this many threads; 0, the default, is one per core. Results do not depend on it.
    pub threads: u32,
}

options!(
    eidos_semi_nmf_options,
    Self {
        struct_size: size_of::<Self>() as u32,
        concept_count: 0,
        tolerance: 1e-4,
        max_iterations: 200,
        seed: 0,
        threads: 0,
    }
);

impl eidos_semi_nmf_options {
    #[allow(clippy::unnecessary_wraps, reason = "as those of the other methods")]
    fn to_rust(self) -> Result<SemiNmfOptions> {
        Ok(SemiNmfOptions {
            concept_count: self.concept_count as usize,
            tolerance: self.tolerance,
            max_iterations: self.max_iterations as usize,
            seed: self.seed,
            threads: self.threads as usize,
        })
    }
}

/// Fills the options of semi-non-negative matrix factorisation with the defaults. `size` is `sizeof(eidos_semi_nmf_options)`.
///
/// # Safety
/// `options` can be written for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_semi_nmf_options_init(
    options: Out<eidos_semi_nmf_options>,
    size: usize,
) -> eidos_status {
    options.init(size)
}

/// Finds atoms whose sums approximate any activations, with codes that are not negative (semi-NMF; Ding, Li and Jordan, 2010): k-means
/// whose rows may belong to several centres. Each atom has length 1. The measures are those of `eidos_nmf_fit`. Not converging is a
/// result, see `eidos_explainer_converged`. `control` and `err` may be NULL.
///
/// # Safety
/// `activations` is a live handle; `options` was filled by `eidos_semi_nmf_options_init`; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_semi_nmf_fit(
    activations: Ref<eidos_activations>,
    options: In<eidos_semi_nmf_options>,
    control: Ref<eidos_control>,
    out: Out<*mut eidos_explainer>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || fit::<SemiNmf, _>(&activations, &options, eidos_semi_nmf_options::to_rust, &control, out))
}

/// These options say how atoms that are sums of rows are found. Fill the struct with `eidos_convex_nmf_options_init` first.
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct eidos_convex_nmf_options {
    /// This is the size of the struct in bytes, set by `eidos_convex_nmf_options_init`.
    pub struct_size: u32,
    /// The fit finds this many concepts. There is no default: 0 is an error.
    pub concept_count: u32,
    /// Iterations stop when one of them lowers the sum of the squared differences by no more than this part of it. By default 1e-4.
    pub tolerance: f64,
    /// The fit ends after this many iterations, converged or not. By default 200.
    pub max_iterations: u32,
    /// The atoms may be sums of this many of the rows. By default 4096.
    pub candidate_count: u32,
    /// The seed decides which rows these are, and the first centres. By default 0.
    pub seed: u32,
    /// The fit uses this many threads; 0, the default, is one per core. Results do not depend on it.
    pub threads: u32,
}

options!(
    eidos_convex_nmf_options,
    Self {
        struct_size: size_of::<Self>() as u32,
        concept_count: 0,
        tolerance: 1e-4,
        max_iterations: 200,
        candidate_count: 4096,
        seed: 0,
        threads: 0,
    }
);

impl eidos_convex_nmf_options {
    #[allow(clippy::unnecessary_wraps, reason = "as those of the other methods")]
    fn to_rust(self) -> Result<ConvexNmfOptions> {
        Ok(ConvexNmfOptions {
            concept_count: self.concept_count as usize,
            candidate_count: self.candidate_count as usize,
            tolerance: self.tolerance,
            max_iterations: self.max_iterations as usize,
            seed: self.seed,
            threads: self.threads as usize,
        })
    }
}

/// Fills the options of convex non-negative matrix factorisation with the defaults. `size` is `sizeof(eidos_convex_nmf_options)`.
///
/// # Safety
/// `options` can be written for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_convex_nmf_options_init(
    options: Out<eidos_convex_nmf_options>,
    size: usize,
) -> eidos_status {
    options.init(size)
}

/// Finds atoms that are sums of activations with weights that are not negative, and whose sums approximate activations with codes that
/// are not negative (convex NMF; Ding, Li and Jordan, 2010): semi-NMF whose atoms stay among the rows. Each atom has length 1. The
/// measures are those of `eidos_nmf_fit` and `rows_per_concept`, a number for each concept. Not converging is a result, see
/// `eidos_explainer_converged`. `control` and `err` may be NULL.
///
/// # Safety
/// `activations` is a live handle; `options` was filled by `eidos_convex_nmf_options_init`; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_convex_nmf_fit(
    activations: Ref<eidos_activations>,
    options: In<eidos_convex_nmf_options>,
    control: Ref<eidos_control>,
    out: Out<*mut eidos_explainer>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || fit::<ConvexNmf, _>(&activations, &options, eidos_convex_nmf_options::to_rust, &control, out))
}

/// These options say how a dictionary is learned. Fill the struct with `eidos_dictionary_learning_options_init` first.
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct eidos_dictionary_learning_options {
    /// This is the size of the struct in bytes, set by `eidos_dictionary_learning_options_init`.
    pub struct_size: u32,
    /// The fit finds this many atoms; there may be more than columns. There is no default: 0 is an error.
    pub concept_count: u32,
    /// This is the weight of the sum of the magnitudes of the codes: larger ones leave fewer that are not zero. It is in the units of
    /// the activations. By default 1.
    pub penalty: f64,
    /// Iterations stop when one of them lowers what is minimised by no more than this part of it. By default 1e-4.
    pub tolerance: f64,
    /// The fit ends after this many iterations, converged or not. By default 200.
    pub max_iterations: u32,
    /// 1, the default, allows no negative codes; 0 allows them.
    pub positive_codes: u32,
    /// The seed decides the first atoms where there are more than directions in the activations. By default 0.
    pub seed: u32,
    /// The fit uses this many threads; 0, the default, is one per core. Results do not depend on it.
    pub threads: u32,
}

options!(
    eidos_dictionary_learning_options,
    Self {
        struct_size: size_of::<Self>() as u32,
        concept_count: 0,
        penalty: 1.0,
        tolerance: 1e-4,
        max_iterations: 200,
        positive_codes: 1,
        seed: 0,
        threads: 0,
    }
);

impl eidos_dictionary_learning_options {
    #[allow(clippy::unnecessary_wraps, reason = "as those of the other methods")]
    fn to_rust(self) -> Result<DictionaryLearningOptions> {
        Ok(DictionaryLearningOptions {
            concept_count: self.concept_count as usize,
            penalty: self.penalty,
            positive_codes: self.positive_codes != 0,
            tolerance: self.tolerance,
            max_iterations: self.max_iterations as usize,
            seed: self.seed,
            threads: self.threads as usize,
        })
    }
}

/// Fills the options of dictionary learning with the defaults. `size` is `sizeof(eidos_dictionary_learning_options)`.
///
/// # Safety
/// `options` can be written for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_dictionary_learning_options_init(
    options: Out<eidos_dictionary_learning_options>,
    size: usize,
) -> eidos_status {
    options.init(size)
}

/// Finds atoms of which each row of activations needs few (dictionary learning; Mairal and others, 2009): it minimises half the squared
/// difference between rows and sums of atoms, and a penalty on the magnitudes of the codes. No atom is longer than 1. The measures are
/// those of `eidos_nmf_fit`. Not converging is a result, see `eidos_explainer_converged`. `control` and `err` may be NULL.
///
/// # Safety
/// `activations` is a live handle; `options` was filled by `eidos_dictionary_learning_options_init`; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_dictionary_learning_fit(
    activations: Ref<eidos_activations>,
    options: In<eidos_dictionary_learning_options>,
    control: Ref<eidos_control>,
    out: Out<*mut eidos_explainer>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        fit::<DictionaryLearning, _>(&activations, &options, eidos_dictionary_learning_options::to_rust, &control, out)
    })
}

/// These options say how sparse principal components are found. Fill the struct with `eidos_sparse_pca_options_init` first.
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct eidos_sparse_pca_options {
    /// This is the size of the struct in bytes, set by `eidos_sparse_pca_options_init`.
    pub struct_size: u32,
    /// The fit finds this many concepts. There is no default: 0 is an error.
    pub concept_count: u32,
    /// This is the weight of the sum of the magnitudes of the components' entries: larger ones leave fewer that are not zero. It grows
    /// with the root of the number of activations. By default 1.
    pub penalty: f64,
    /// This is the ridge that codes are computed with. By default 0.01.
    pub ridge: f64,
    /// Iterations stop when one of them lowers what is minimised by less than this part of it. By default 1e-8.
    pub tolerance: f64,
    /// The fit ends after this many iterations, converged or not. By default 1000.
    pub max_iterations: u32,
    /// The fit uses this many threads; 0, the default, is one per core. Results do not depend on it.
    pub threads: u32,
    /// The passes over the rows run on this device: one of `EIDOS_DEVICE_*`. By default on the CPU. On a GPU the
    /// components are those of the CPU up to rounding, and the same bits at each repetition. Rows that are not on that
    /// GPU are copied there in tiles.
    pub device: u32,
    /// The passes run on this one of several GPUs, from 0.
    pub device_index: u32,
}

options!(
    eidos_sparse_pca_options,
    Self {
        struct_size: size_of::<Self>() as u32,
        concept_count: 0,
        penalty: 1.0,
        ridge: 0.01,
        tolerance: 1e-8,
        max_iterations: 1000,
        threads: 0,
        device: EIDOS_DEVICE_CPU,
        device_index: 0,
    }
);

impl eidos_sparse_pca_options {
    fn to_rust(self) -> Result<SparsePcaOptions> {
        Ok(SparsePcaOptions {
            concept_count: self.concept_count as usize,
            penalty: self.penalty,
            ridge: self.ridge,
            tolerance: self.tolerance,
            max_iterations: self.max_iterations as usize,
            threads: self.threads as usize,
            device: device_choice(self.device, self.device_index)?,
        })
    }
}

/// Fills the options of sparse principal component analysis with the defaults. `size` is `sizeof(eidos_sparse_pca_options)`.
///
/// # Safety
/// `options` can be written for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_sparse_pca_options_init(
    options: Out<eidos_sparse_pca_options>,
    size: usize,
) -> eidos_status {
    options.init(size)
}

/// Finds directions that have few columns, from which sums come near to the centred activations, as scikit-learn's `SparsePCA` does. Each
/// has length 1 and its entry of largest magnitude positive. The measures are `nonzero_columns`, a number for each concept, and
/// `objective`. Not converging is a result, see `eidos_explainer_converged`. `control` and `err` may be NULL.
///
/// # Safety
/// `activations` is a live handle; `options` was filled by `eidos_sparse_pca_options_init`; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_sparse_pca_fit(
    activations: Ref<eidos_activations>,
    options: In<eidos_sparse_pca_options>,
    control: Ref<eidos_control>,
    out: Out<*mut eidos_explainer>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || fit::<SparsePca, _>(&activations, &options, eidos_sparse_pca_options::to_rust, &control, out))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::options::Options;

    #[test]
    fn the_defaults_are_those_of_rust() {
        assert_eq!(eidos_nmf_options::DEFAULT.to_rust().unwrap(), NmfOptions::new(0));
        assert_eq!(eidos_semi_nmf_options::DEFAULT.to_rust().unwrap(), SemiNmfOptions::new(0));
        assert_eq!(eidos_convex_nmf_options::DEFAULT.to_rust().unwrap(), ConvexNmfOptions::new(0));
        let learning = eidos_dictionary_learning_options::DEFAULT.to_rust().unwrap();
        assert_eq!(learning, DictionaryLearningOptions::new(0));
        assert_eq!(eidos_sparse_pca_options::DEFAULT.to_rust().unwrap(), SparsePcaOptions::new(0));
    }
}
