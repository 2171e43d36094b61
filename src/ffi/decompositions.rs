//! Finding concepts by decompositions: singular vectors, centres, neurons, and random directions to compare with.

use super::activations::eidos_activations;
use super::arguments::{In, Out, Ref, call};
use super::control::{eidos_control, watched};
use super::error::eidos_error;
use super::explainer::eidos_explainer;
use super::options::{Options, options};
use super::split_model::{EIDOS_DEVICE_CPU, device_choice};
use super::status::eidos_status;
use super::strings::choice;
use crate::concepts::{
    Explainer, KMeans, KMeansCodes, KMeansOptions, Method, Neurons, NeuronsOptions, RandomDirections,
    RandomDirectionsOptions, Svd, SvdOptions,
};
use crate::error::Result;

/// Fits a method on activations with a caller's options.
pub(super) fn fit<M: Method, O: Options>(
    activations: &Ref<eidos_activations>,
    options: &In<O>,
    to_rust: impl FnOnce(O) -> Result<M::Options>,
    control: &Ref<eidos_control>,
    out: Out<*mut eidos_explainer>,
) -> Result<()> {
    let out = out.place("out")?;
    let activations = &activations.get()?.activations;
    let options = to_rust(options.read()?)?;
    let control = watched(control)?;
    out.handle(Explainer::fit::<M>(activations, &options, &control)?);
    Ok(())
}

/// These options say how singular vectors are found. Fill the struct with `eidos_svd_options_init` first.
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct eidos_svd_options {
    /// This is the size of the struct in bytes, set by `eidos_svd_options_init`.
    pub struct_size: u32,
    /// The fit finds this many concepts. There is no default: 0 is an error.
    pub concept_count: u32,
    /// The fit uses this many threads; 0, the default, is one per core. Results do not depend on it.
    pub threads: u32,
    /// The passes over the rows run on this device: one of `EIDOS_DEVICE_*`. By default on the CPU. On a GPU the
    /// vectors are those of the CPU up to rounding, and the same bits at each repetition. Rows that are not on that
    /// GPU are copied there in tiles.
    pub device: u32,
    /// The passes run on this one of several GPUs, from 0.
    pub device_index: u32,
}

options!(
    eidos_svd_options,
    Self {
        struct_size: size_of::<Self>() as u32,
        concept_count: 0,
        threads: 0,
        device: EIDOS_DEVICE_CPU,
        device_index: 0,
    }
);

impl eidos_svd_options {
    fn to_rust(self) -> Result<SvdOptions> {
        Ok(SvdOptions {
            concept_count: self.concept_count as usize,
            threads: self.threads as usize,
            device: device_choice(self.device, self.device_index)?,
        })
    }
}

/// Fills the options of a singular value decomposition with the defaults. `size` is `sizeof(eidos_svd_options)`.
///
/// # Safety
/// `options` can be written for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_svd_options_init(options: Out<eidos_svd_options>, size: usize) -> eidos_status {
    options.init(size)
}

/// Finds the right singular vectors of activations with the largest singular values: the orthogonal directions that reach the
/// farthest from zero, as principal components of activations that are not centred. The measures are `singular_values`,
/// `explained_variance` and `explained_variance_ratio`, a number for each concept. `control` and `err` may be NULL.
///
/// # Safety
/// `activations` is a live handle; `options` was filled by `eidos_svd_options_init`; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_svd_fit(
    activations: Ref<eidos_activations>,
    options: In<eidos_svd_options>,
    control: Ref<eidos_control>,
    out: Out<*mut eidos_explainer>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || fit::<Svd, _>(&activations, &options, eidos_svd_options::to_rust, &control, out))
}

/// 1 for the nearest centre, 0 for all others. They decode to that centre. The default.
///
/// # ABI
/// enumeration KmeansCode = EIDOS_KMEANS_*: The codes of k-means say how a row belongs to the centres.
pub const EIDOS_KMEANS_ONE_HOT: u32 = 0;
/// The share of each centre, which fall with the squared distance and add up to 1. They decode to the mean of the centres with these
/// shares.
pub const EIDOS_KMEANS_SOFT: u32 = 1;
/// How much nearer to each centre the row is than a radius, so that the inputs of the largest codes are the nearest ones. They
/// decode to the projection of the row on the plane of the centres. The radius is twice as far as the rows of the widest centre are from it.
pub const EIDOS_KMEANS_PROXIMITY: u32 = 2;

/// These options say how k-means finds centres. Fill the struct with `eidos_kmeans_options_init` first.
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct eidos_kmeans_options {
    /// This is the size of the struct in bytes, set by `eidos_kmeans_options_init`.
    pub struct_size: u32,
    /// The fit finds this many centres. There is no default: 0 is an error.
    pub concept_count: u32,
    /// The codes say how a row belongs to the centres: one of `EIDOS_KMEANS_*`. By default 1 for the nearest one.
    pub codes: u32,
    /// The fit ends after this many iterations, converged or not. By default 300.
    pub max_iterations: u32,
    /// This is how soft soft codes are: the share of a centre falls by the factor e for this part of the mean squared distance
    /// between a row and its nearest centre. By default 0.1.
    pub temperature: f64,
    /// Iterations stop when the sum of the squared moves of all centres is at most this part of the mean variance of a feature.
    /// By default 1e-4.
    pub tolerance: f64,
    /// The seed decides the first centres. By default 0.
    pub seed: u32,
    /// The fit uses this many threads; 0, the default, is one per core. Results do not depend on it.
    pub threads: u32,
    /// Centres move after this many activations each (mini-batches; Sculley, 2010), and an iteration is a pass over all of them; 0, the
    /// default, moves them after all (Lloyd). Mini-batches need fewer passes and end a little higher.
    pub batch_size: u32,
    /// This field is always 0.
    pub reserved: u32,
}

options!(
    eidos_kmeans_options,
    Self {
        struct_size: size_of::<Self>() as u32,
        concept_count: 0,
        codes: EIDOS_KMEANS_ONE_HOT,
        max_iterations: 300,
        temperature: 0.1,
        tolerance: 1e-4,
        seed: 0,
        threads: 0,
        batch_size: 0,
        reserved: 0,
    }
);

impl eidos_kmeans_options {
    fn to_rust(self) -> Result<KMeansOptions> {
        let codes = [
            (EIDOS_KMEANS_ONE_HOT, KMeansCodes::OneHot),
            (EIDOS_KMEANS_SOFT, KMeansCodes::Soft),
            (EIDOS_KMEANS_PROXIMITY, KMeansCodes::Proximity),
        ];
        Ok(KMeansOptions {
            concept_count: self.concept_count as usize,
            codes: choice(self.codes, "codes", &codes)?,
            temperature: self.temperature,
            tolerance: self.tolerance,
            max_iterations: self.max_iterations as usize,
            seed: self.seed,
            batch_size: self.batch_size as usize,
            initial_centres: Vec::new(),
            threads: self.threads as usize,
        })
    }
}

/// Fills the options of k-means with the defaults. `size` is `sizeof(eidos_kmeans_options)`.
///
/// # Safety
/// `options` can be written for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_kmeans_options_init(options: Out<eidos_kmeans_options>, size: usize) -> eidos_status {
    options.init(size)
}

/// Finds centres of activations with k-means (Lloyd, 1982), each the mean of the rows that are nearest to it, from a start by
/// greedy k-means++. The dictionary are the centres; what codes are is a choice, see `codes`. The measures are `inertia`, the sum of
/// the squared distances between rows and their nearest centres, and `cluster_sizes`, a number for each concept. Not converging is a
/// result, see `eidos_explainer_converged`. `control` and `err` may be NULL.
///
/// # Safety
/// `activations` is a live handle; `options` was filled by `eidos_kmeans_options_init`; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_kmeans_fit(
    activations: Ref<eidos_activations>,
    options: In<eidos_kmeans_options>,
    control: Ref<eidos_control>,
    out: Out<*mut eidos_explainer>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || fit::<KMeans, _>(&activations, &options, eidos_kmeans_options::to_rust, &control, out))
}

/// These options say how neurons become concepts. Fill the struct with `eidos_neurons_options_init` first.
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct eidos_neurons_options {
    /// This is the size of the struct in bytes, set by `eidos_neurons_options_init`.
    pub struct_size: u32,
    /// The rows are read by this many threads; 0, the default, is one per core. Results do not depend on it.
    pub threads: u32,
}

options!(eidos_neurons_options, Self { struct_size: size_of::<Self>() as u32, threads: 0 });

impl eidos_neurons_options {
    #[allow(clippy::unnecessary_wraps, reason = "as those of the other methods")]
    fn to_rust(self) -> Result<NeuronsOptions> {
        Ok(NeuronsOptions { threads: self.threads as usize })
    }
}

/// Fills the options of neurons with the defaults. `size` is `sizeof(eidos_neurons_options)`.
///
/// # Safety
/// `options` can be written for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_neurons_options_init(options: Out<eidos_neurons_options>, size: usize) -> eidos_status {
    options.init(size)
}

/// Takes each neuron of the module, a column of its rows, for a concept: codes are the rows themselves. Nothing is learnt but how the
/// codes are distributed. `control` and `err` may be NULL.
///
/// # Safety
/// `activations` is a live handle; `options` was filled by `eidos_neurons_options_init`; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_neurons_fit(
    activations: Ref<eidos_activations>,
    options: In<eidos_neurons_options>,
    control: Ref<eidos_control>,
    out: Out<*mut eidos_explainer>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || fit::<Neurons, _>(&activations, &options, eidos_neurons_options::to_rust, &control, out))
}

/// These options say which random directions are drawn. Fill the struct with `eidos_random_directions_options_init` first.
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct eidos_random_directions_options {
    /// This is the size of the struct in bytes, set by `eidos_random_directions_options_init`.
    pub struct_size: u32,
    /// This many directions are drawn; there may be more than columns. There is no default: 0 is an error.
    pub concept_count: u32,
    /// The seed decides the directions, whose entries are drawn as NumPy's `RandomState(seed).normal`. By default 0.
    pub seed: u32,
    /// The rows are read by this many threads; 0, the default, is one per core. Results do not depend on it.
    pub threads: u32,
}

options!(
    eidos_random_directions_options,
    Self { struct_size: size_of::<Self>() as u32, concept_count: 0, seed: 0, threads: 0 }
);

impl eidos_random_directions_options {
    #[allow(clippy::unnecessary_wraps, reason = "as those of the other methods")]
    fn to_rust(self) -> Result<RandomDirectionsOptions> {
        Ok(RandomDirectionsOptions {
            concept_count: self.concept_count as usize,
            seed: self.seed,
            threads: self.threads as usize,
        })
    }
}

/// Fills the options of random directions with the defaults. `size` is `sizeof(eidos_random_directions_options)`.
///
/// # Safety
/// `options` can be written for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_random_directions_options_init(
    options: Out<eidos_random_directions_options>,
    size: usize,
) -> eidos_status {
    options.init(size)
}

/// Draws directions at random, the baseline that concepts of any method must beat: what is said of concepts should not hold for
/// them. Up to as many as columns are orthonormal; more have length 1. Only the mean of the activations is learnt, and how the codes
/// are distributed. `control` and `err` may be NULL.
///
/// # Safety
/// `activations` is a live handle; `options` was filled by `eidos_random_directions_options_init`; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_random_directions_fit(
    activations: Ref<eidos_activations>,
    options: In<eidos_random_directions_options>,
    control: Ref<eidos_control>,
    out: Out<*mut eidos_explainer>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        fit::<RandomDirections, _>(&activations, &options, eidos_random_directions_options::to_rust, &control, out)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_rust() {
        assert_eq!(eidos_svd_options::DEFAULT.to_rust().unwrap(), SvdOptions::new(0));
        assert_eq!(eidos_kmeans_options::DEFAULT.to_rust().unwrap(), KMeansOptions::new(0));
        assert_eq!(eidos_neurons_options::DEFAULT.to_rust().unwrap(), NeuronsOptions::default());
        let random = eidos_random_directions_options::DEFAULT.to_rust().unwrap();
        assert_eq!(random, RandomDirectionsOptions::new(0));
    }
}
