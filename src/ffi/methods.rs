//! Finding concepts: a fit for each method.

use std::ffi::c_void;

use super::activations::eidos_activations;
use super::arguments::{In, Out, Ref, call};
use super::control::{eidos_control, watched};
use super::error::eidos_error;
use super::explainer::eidos_explainer;
use super::options::options;
use super::split_model::{EIDOS_DEVICE_CPU, device_choice};
use super::status::{EIDOS_OK, eidos_status, error_code};
use super::strings::choice;
use super::user_data::UserData;
use crate::concepts::{Algorithm, Contrast, Explainer, Ica, IcaOptions, Pca, PcaOptions, Solver};
use crate::error::{Error, ErrorCode, Result};
use crate::rows::Reduce;

/// All components are found at once. The default.
///
/// # ABI
/// enumeration IcaAlgorithm = EIDOS_ICA_*: The algorithm of ICA says in which order components are found.
pub const EIDOS_ICA_PARALLEL: u32 = 1;
/// One component is found after the other.
pub const EIDOS_ICA_DEFLATION: u32 = 2;

/// The fixed-point iteration of FastICA, step by step as in scikit-learn. The default.
///
/// # ABI
/// enumeration IcaSolver = EIDOS_SOLVER_*: The solver of ICA makes the contrast extreme.
pub const EIDOS_SOLVER_FAST_ICA: u32 = 0;
/// Picard-O (Ablin, Cardoso, Gramfort, 2018): L-BFGS on the orthogonal matrices, which reads the rows fewer times for small
/// tolerances, and finds all components at once. Where the contrast has several extreme points, it may end at another one than
/// FastICA does.
pub const EIDOS_SOLVER_PICARD_O: u32 = 1;

/// The contrast is `log cosh(alpha x) / alpha`, a good general choice. The default.
pub const EIDOS_CONTRAST_LOGCOSH: u32 = 1;
/// The contrast is `-exp(-x^2 / 2)`, which is robust, for very heavy tails.
pub const EIDOS_CONTRAST_EXP: u32 = 2;
/// The contrast is `x^4 / 4`, kurtosis, which is sensitive to outliers.
pub const EIDOS_CONTRAST_CUBE: u32 = 3;

/// These options say how independent components are fitted. Fill the struct with `eidos_ica_options_init` first.
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct eidos_ica_options {
    /// This is the size of the struct in bytes, set by `eidos_ica_options_init`.
    pub struct_size: u32,
    /// The fit finds this many concepts. There is no default: 0 is an error.
    pub concept_count: u32,
    /// The algorithm says in which order components are found: one of `EIDOS_ICA_*`. By default all at once.
    pub algorithm: u32,
    /// The contrast function tells heavy tails from a normal distribution: one of `EIDOS_CONTRAST_*`. By default log
    /// cosh.
    pub contrast: u32,
    /// This is the `alpha` of the contrast log cosh, from 1 to 2. By default 1.
    pub alpha: f64,
    /// Iterations stop when no component turns by more than this tolerance (1 minus the cosine); those of Picard-O when no
    /// entry of the gradient is larger. By default 1e-4.
    pub tolerance: f64,
    /// The fit ends after this many iterations, converged or not. By default 200.
    pub max_iterations: u32,
    /// The seed decides the start matrix, which is drawn as NumPy's `RandomState(seed).normal`. By default 0.
    pub seed: u32,
    /// 1 turns each component so that its heavy tail is positive, which is the default; 0 keeps the signs that the
    /// iteration ended with, which flip from one iteration to the next.
    pub canonical_signs: u32,
    /// The fit uses this many threads; 0, the default, is one per core. Results do not depend on it.
    pub threads: u32,
    /// The passes over the rows run on this device: one of `EIDOS_DEVICE_*`. By default on the CPU. On a GPU the
    /// components are those of the CPU up to rounding, and the same bits at each repetition. Rows that are not on that
    /// GPU are copied there in tiles.
    pub device: u32,
    /// The passes run on this one of several GPUs, from 0.
    pub device_index: u32,
    /// The solver makes the contrast extreme: one of `EIDOS_SOLVER_*`. By default FastICA.
    pub solver: u32,
}

options!(
    eidos_ica_options,
    Self {
        struct_size: size_of::<Self>() as u32,
        concept_count: 0,
        algorithm: EIDOS_ICA_PARALLEL,
        contrast: EIDOS_CONTRAST_LOGCOSH,
        alpha: 1.0,
        tolerance: 1e-4,
        max_iterations: 200,
        seed: 0,
        canonical_signs: 1,
        threads: 0,
        device: EIDOS_DEVICE_CPU,
        device_index: 0,
        solver: EIDOS_SOLVER_FAST_ICA,
    }
);

impl eidos_ica_options {
    fn to_rust(self) -> Result<IcaOptions> {
        let contrasts = [
            (EIDOS_CONTRAST_LOGCOSH, Contrast::LogCosh { alpha: self.alpha }),
            (EIDOS_CONTRAST_EXP, Contrast::Exp),
            (EIDOS_CONTRAST_CUBE, Contrast::Cube),
        ];
        let algorithms = [(EIDOS_ICA_PARALLEL, Algorithm::Parallel), (EIDOS_ICA_DEFLATION, Algorithm::Deflation)];
        let solvers = [(EIDOS_SOLVER_FAST_ICA, Solver::FastIca), (EIDOS_SOLVER_PICARD_O, Solver::PicardO)];
        Ok(IcaOptions {
            concept_count: self.concept_count as usize,
            algorithm: choice(self.algorithm, "algorithm", &algorithms)?,
            solver: choice(self.solver, "solver", &solvers)?,
            contrast: choice(self.contrast, "contrast", &contrasts)?,
            tolerance: self.tolerance,
            max_iterations: self.max_iterations as usize,
            seed: self.seed,
            canonical_signs: self.canonical_signs != 0,
            threads: self.threads as usize,
            device: device_choice(self.device, self.device_index)?,
        })
    }
}

/// Fills the options of ICA with the defaults. `size` is `sizeof(eidos_ica_options)`.
///
/// # Safety
/// `options` can be written for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_ica_options_init(options: Out<eidos_ica_options>, size: usize) -> eidos_status {
    options.init(size)
}

/// Finds the independent components of activations with FastICA (Hyvarinen, 1999): directions along which the
/// activations have heavy tails; or with Picard-O, see `solver`. Not converging is a result, see
/// `eidos_explainer_converged`. `control` and `err` may be NULL.
///
/// # Safety
/// `activations` is a live handle; `options` was filled by `eidos_ica_options_init`; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_ica_fit(
    activations: Ref<eidos_activations>,
    options: In<eidos_ica_options>,
    control: Ref<eidos_control>,
    out: Out<*mut eidos_explainer>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let out = out.place("out")?;
        let activations = &activations.get()?.activations;
        let options = options.read()?.to_rust()?;
        let control = watched(&control)?;
        out.handle(Explainer::fit::<Ica>(activations, &options, &control)?);
        Ok(())
    })
}

/// These options say how principal components are found. Fill the struct with `eidos_pca_options_init` first; zero
/// means the default.
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct eidos_pca_options {
    /// This is the size of the struct in bytes, set by `eidos_pca_options_init`.
    pub struct_size: u32,
    /// The fit finds this many concepts. There is no default: 0 is an error.
    pub concept_count: u32,
    /// 1 scales codes to unit variance; 0, the default, leaves them.
    pub whiten: u32,
    /// The fit uses this many threads; 0, the default, is one per core. Results do not depend on it.
    pub threads: u32,
    /// The passes over the rows run on this device: one of `EIDOS_DEVICE_*`. By default on the CPU. On a GPU the
    /// components are those of the CPU up to rounding, and the same bits at each repetition. Rows that are not on that
    /// GPU are copied there in tiles.
    pub device: u32,
    /// The passes run on this one of several GPUs, from 0.
    pub device_index: u32,
    /// 1 improves directions from random ones, without the covariance of the features: less memory and work where there are thousands of
    /// features and few concepts, on the CPU only. 0, the default, finds the exact ones.
    pub randomised: u32,
    /// Random directions are improved this many times, with a pass over the activations each. By default 5.
    pub power_iterations: u32,
    /// The seed decides the random directions. By default 0.
    pub seed: u32,
}

options!(
    eidos_pca_options,
    Self {
        struct_size: size_of::<Self>() as u32,
        concept_count: 0,
        whiten: 0,
        threads: 0,
        device: EIDOS_DEVICE_CPU,
        device_index: 0,
        randomised: 0,
        power_iterations: 5,
        seed: 0,
    }
);

impl eidos_pca_options {
    fn to_rust(self) -> Result<PcaOptions> {
        Ok(PcaOptions {
            concept_count: self.concept_count as usize,
            whiten: self.whiten != 0,
            randomised: self.randomised != 0,
            power_iterations: self.power_iterations as usize,
            seed: self.seed,
            threads: self.threads as usize,
            device: device_choice(self.device, self.device_index)?,
        })
    }
}

/// Fills the options of PCA with the defaults. `size` is `sizeof(eidos_pca_options)`.
///
/// # Safety
/// `options` can be written for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_pca_options_init(options: Out<eidos_pca_options>, size: usize) -> eidos_status {
    options.init(size)
}

/// Finds the principal components of activations: the orthogonal directions along which they vary most, each with its
/// entry of largest magnitude positive. The measures are `explained_variance` and `explained_variance_ratio`, a number
/// for each concept, and `noise_variance`. `control` and `err` may be NULL.
///
/// # Safety
/// `activations` is a live handle; `options` was filled by `eidos_pca_options_init`; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_pca_fit(
    activations: Ref<eidos_activations>,
    options: In<eidos_pca_options>,
    control: Ref<eidos_control>,
    out: Out<*mut eidos_explainer>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let out = out.place("out")?;
        let activations = &activations.get()?.activations;
        let options = options.read()?.to_rust()?;
        let control = watched(&control)?;
        out.handle(Explainer::fit::<Pca>(activations, &options, &control)?);
        Ok(())
    })
}

/// Adds values across processes, as `MPI_Allreduce` does: it replaces each of `count` values by its sum over all
/// processes, the same bits in each of them, and returns `EIDOS_OK`. Any other status ends the fit with it. It runs on
/// the thread that fits, and must not unwind.
#[allow(non_camel_case_types)]
pub type eidos_reduce_callback =
    Option<unsafe extern "C" fn(values: *mut f64, count: usize, user_data: *mut c_void) -> eidos_status>;

/// Frees what a callback was called with: it runs once, when the last handle that could call the callback is gone, on
/// the thread that frees it. It must not unwind.
#[allow(non_camel_case_types)]
pub type eidos_destroy_callback = Option<unsafe extern "C" fn(user_data: *mut c_void)>;

/// What a caller's function is called with.
struct Callback {
    function: unsafe extern "C" fn(*mut f64, usize, *mut c_void) -> eidos_status,
    user_data: UserData,
}

impl Reduce for Callback {
    fn add(&self, values: &mut [f64]) -> Result<()> {
        // SAFETY: the caller promises that the callback may be called with its data while the activations live.
        let status = unsafe { (self.function)(values.as_mut_ptr(), values.len(), self.user_data.pointer()) };
        if status == EIDOS_OK {
            return Ok(());
        }
        let code = error_code(status).unwrap_or(ErrorCode::Io);
        Err(Error::new(code, format!("the sum over processes failed: the callback returned the status {status}"))
            .hint("see what the callback says"))
    }
}

/// Makes activations of the same rows, without a copy, as the share that this process has of rows that are spread over
/// several. A fit on them (`eidos_ica_fit`) adds its sums to those of the other processes with `callback`: every
/// process calls the same fit with the same options on its own share, and all of them end with the same concepts. A
/// process that fails, or that somebody cancels, ends the others too, with `EIDOS_CANCELLED`. Whatever is not a fit
/// sees the rows of this process alone. `callback` is called with `user_data` on each thread that fits. `destroy`, which
/// may be NULL, is called with `user_data` once: when the last handle of the new activations is freed, or, where this call
/// fails, before it returns. So `user_data` must live until then. `err` may be NULL.
///
/// # Safety
/// `activations` is a live handle; `callback` may be called with `user_data` on any thread that fits the new activations,
/// and `destroy` on the one that frees them; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_spread(
    activations: Ref<eidos_activations>,
    callback: eidos_reduce_callback,
    user_data: *mut c_void,
    destroy: eidos_destroy_callback,
    out: Out<*mut eidos_activations>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let user_data = UserData::new(user_data, destroy);
        let out = out.place("out")?;
        let activations = &activations.get()?.activations;
        let function = callback.ok_or_else(|| {
            Error::argument("the `callback` is NULL").hint("pass a function that adds values across processes")
        })?;
        out.handle(activations.spread(Callback { function, user_data }));
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::options::Options;

    #[test]
    fn the_defaults_are_those_of_rust() {
        assert_eq!(eidos_ica_options::DEFAULT.to_rust().unwrap(), IcaOptions::new(0));
        assert_eq!(eidos_pca_options::DEFAULT.to_rust().unwrap(), PcaOptions::new(0));
    }
}
