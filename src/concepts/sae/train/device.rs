//! The steps of a training on a device: the same steps as on the CPU, as products of whole matrices.
//!
//! A CPU goes through the codes that are not zero, which are few; a GPU is faster where it multiplies all of them. Parameters and moments
//! stay on the device from the first step to the last. A batch goes up in each step, and what comes back is how often each concept was
//! had, with the error: `concepts + 2` values. Sums over the rows of a batch are products with ones, in one order, so that a training
//! gives the same bits again on the same device; those of the CPU differ by rounding.

use candle_core::{D, DType, Device, Result as TensorResult, Tensor};

use super::kernel::ThresholdKernel;
use super::options::SaeKind;
use super::restart::{Lately, Restart, restarts};
use super::state::{SCALARS, State, Trained};
use super::step::{Measured, Settings};
use super::update::DICTIONARY_RATE;
use super::vectors::Adam;
use crate::error::{Error, Result};
use crate::rows::no_room;

/// How many times the interval in which a bound lies is halved: to neighbouring numbers of 32 bits, from any that are not 65,536 times
/// as far apart as the bound is large.
const HALVINGS: usize = 40;
/// Below every pre-activation of a training that has not diverged.
const NEVER: f64 = -1e30;

/// Parameters on a device, with their moments.
struct TrainedTensor {
    values: Tensor,
    first: Tensor,
    second: Tensor,
}

/// The memory of the steps on a device.
pub(super) struct DeviceTrainer {
    settings: Settings,
    device: Device,
    encoder: TrainedTensor,
    dictionary: TrainedTensor,
    scalars: TrainedTensor,
    offset: TrainedTensor,
    /// The offset of the input of a transcoder.
    input_offset: Option<Tensor>,
    dead_concepts: Vec<u32>,
}

/// What a batch gives before anything is changed.
struct Pass {
    centred: Tensor,
    /// What each group and all larger ones together lack.
    errors: Vec<Tensor>,
    /// The gradients of the parameters.
    of_encoder: Tensor,
    of_dictionary: Tensor,
    of_scalars: Tensor,
    of_offset: Tensor,
    /// How many rows have each concept, the squared errors, and how many codes there are: f64.
    counts: Tensor,
}

/// The codes of a batch, (rows, concepts).
struct BatchCodes {
    codes: Tensor,
    /// One where a code is above zero.
    fires: Tensor,
    /// What gates and thresholds are compared with, and dead concepts are chosen by.
    before: Tensor,
}

impl DeviceTrainer {
    pub(super) fn new(settings: Settings, state: &State, device: &Device) -> Result<Self> {
        if settings.pursues() {
            return Err(Error::argument("matching pursuit is not trained on a device")
                .hint("leave out the device, or choose another kind, such as batch-top-k"));
        }
        let what = what(&settings);
        let upload = |trained: &Trained, shape: (usize, usize)| {
            let tensor = |values: &[f32]| Tensor::from_slice(values, shape, device).map_err(no_room(&what));
            let (values, first, second) = (tensor(&trained.values)?, tensor(&trained.first)?, tensor(&trained.second)?);
            Ok::<_, Error>(TrainedTensor { values, first, second })
        };
        let concepts = settings.concepts;
        let (encoder, dictionary) = (
            upload(&state.encoder, (concepts, settings.columns))?,
            upload(&state.dictionary, (concepts, settings.outputs))?,
        );
        let (scalars, offset) =
            (upload(&state.scalars, (concepts, SCALARS))?, upload(&state.offset, (1, settings.outputs))?);
        let input_offset = match &state.input_offset[..] {
            [] => None,
            values => Some(Tensor::from_slice(values, (1, values.len()), device).map_err(no_room(&what))?),
        };
        let (device, dead_concepts) = (device.clone(), Vec::new());
        Ok(Self { settings, device, encoder, dictionary, scalars, offset, input_offset, dead_concepts })
    }

    /// Changes the parameters by a batch, as the steps of the CPU do. The state on the host learns what it knows of each concept, and its
    /// parameters from [`DeviceTrainer::store`].
    ///
    /// # Errors
    /// Those of the device.
    pub(super) fn step(
        &mut self,
        state: &mut State,
        rows: &[f32],
        wanted: &[f32],
        rate: f64,
        restarts: bool,
    ) -> Result<Measured> {
        let what = what(&self.settings);
        let room = no_room(&what);
        self.settings.find_dead(&state.silent, &mut self.dead_concepts);
        let pass = self.pass(state.penalty, rows, wanted).map_err(room)?;
        self.update(&pass, Adam::at(state.step, rate)).map_err(room)?;
        let counts = pass.counts.to_vec1::<f64>().map_err(room)?;
        let concepts = self.settings.concepts;
        for (silent, &count) in state.silent.iter_mut().zip(&counts) {
            *silent = if count > 0.0 { 0 } else { *silent + self.settings.batch_rows as u64 };
        }
        if restarts && !self.dead_concepts.is_empty() {
            for restart in self.restart_dead(&pass).map_err(room)? {
                state.silent[restart.concept] = 0;
            }
        }
        let measured = Measured {
            squares: counts[concepts],
            codes: counts[concepts + 1] as usize,
            dead: self.dead_concepts.len(),
        };
        self.settings.end_step(state, measured.codes);
        Ok(measured)
    }

    /// Brings the parameters and moments to the state on the host.
    pub(super) fn store(&self, state: &mut State) -> Result<()> {
        let what = what(&self.settings);
        let fetch = |from: &TrainedTensor, to: &mut Trained| {
            let values = |tensor: &Tensor| tensor.flatten_all()?.to_vec1::<f32>();
            *to = Trained { values: values(&from.values)?, first: values(&from.first)?, second: values(&from.second)? };
            Ok(())
        };
        fetch(&self.encoder, &mut state.encoder)
            .and_then(|()| fetch(&self.dictionary, &mut state.dictionary))
            .and_then(|()| fetch(&self.scalars, &mut state.scalars))
            .and_then(|()| fetch(&self.offset, &mut state.offset))
            .map_err(no_room(&what))
    }

    /// A number of each concept, (1, concepts).
    fn scalar(&self, index: usize) -> TensorResult<Tensor> {
        self.scalars.values.narrow(1, index, 1)?.t()?.contiguous()
    }

    /// The concepts of each group: where they begin, and how many they are.
    fn groups(&self) -> impl Iterator<Item = (usize, usize)> {
        let begins = std::iter::once(0).chain(self.settings.groups.iter().copied());
        begins.zip(&self.settings.groups).map(|(begin, &end)| (begin, end - begin))
    }

    /// The codes of some rows, from their products with the weights.
    fn codes(&self, products: &Tensor) -> TensorResult<BatchCodes> {
        let before = products.broadcast_add(&self.scalar(0)?)?;
        let k = self.settings.k;
        let fires = match self.settings.kind {
            SaeKind::TopK => largest_above_zero(&before, k, false)?,
            SaeKind::BatchTopK | SaeKind::Matryoshka => {
                largest_above_zero(&before, k.saturating_mul(self.settings.batch_rows), true)?
            }
            SaeKind::Vanilla | SaeKind::MatchingPursuit => as_ones(&before.gt(0.0)?)?,
            SaeKind::JumpRelu => {
                let is_above = before.broadcast_gt(&self.scalar(1)?.exp()?)?;
                (as_ones(&is_above)? * as_ones(&before.gt(0.0)?)?)?
            }
            SaeKind::Gated => {
                let scaled = products.broadcast_mul(&self.scalar(2)?.exp()?)?;
                let magnitudes = scaled.broadcast_add(&self.scalar(1)?)?.relu()?;
                let codes = (magnitudes * as_ones(&before.gt(0.0)?)?)?;
                let fires = as_ones(&codes.gt(0.0)?)?;
                return Ok(BatchCodes { codes, fires, before });
            }
        };
        Ok(BatchCodes { codes: (&before * &fires)?, fires, before })
    }

    /// What a batch teaches.
    fn pass(&self, penalty: f64, rows: &[f32], wanted: &[f32]) -> TensorResult<Pass> {
        let settings = &self.settings;
        let count = settings.batch_rows;
        let scale = 2.0 / count as f64;
        let rows = Tensor::from_slice(rows, (count, settings.columns), &self.device)?;
        let wanted = match self.input_offset {
            None => rows.clone(),
            Some(_) => Tensor::from_slice(wanted, (count, settings.outputs), &self.device)?,
        };
        let centred = rows.broadcast_sub(self.input_offset.as_ref().unwrap_or(&self.offset.values))?;
        let products = centred.matmul(&self.encoder.values.t()?)?;
        let BatchCodes { codes, fires, before } = self.codes(&products)?;
        let base = wanted.neg()?.broadcast_add(&self.offset.values)?;

        // What each group and the smaller ones together lack, then what each and the larger ones do.
        let (mut own, mut error) = (Vec::new(), base.clone());
        for (begin, length) in self.groups() {
            error = (error + self.decoded(&codes, begin, length)?)?;
            own.push(error.clone());
        }
        let squares = error.sqr()?.sum(1)?.to_dtype(DType::F64)?.sum_all()?;
        let mut errors = own.clone();
        for group in (1..errors.len()).rev() {
            errors[group - 1] = (&errors[group - 1] + &errors[group])?;
        }

        let along = (self.along(&errors)? * scale)?;
        let mut of_dictionary = (self.of_atoms(&codes, &errors)? * scale)?;
        let (mut gradients, scalars) =
            self.gradients(&along, &products, &before, &fires, &base, penalty / count as f64)?;
        let mut of_scalars = match scalars {
            None => [Some(column_sums(&gradients)?), None, None],
            Some(scalars) => scalars.map(Some),
        };
        if settings.dead_weight > 0.0 && !self.dead_concepts.is_empty() {
            let dead = self.dead_codes(&before)?;
            let lacking = own.iter().zip(self.groups());
            let lacking = lacking.map(|(error, (begin, length))| error + self.decoded(&dead, begin, length)?);
            let lacking: Vec<Tensor> = lacking.collect::<TensorResult<_>>()?;
            let share = settings.dead_codes(self.dead_concepts.len()) as f64 / (settings.outputs / 2).max(1) as f64;
            let scale = scale * f64::from(settings.dead_weight) * share;
            let of_dead = ((self.along(&lacking)? * scale)? * as_ones(&dead.ne(0.0)?)?)?;
            of_dictionary = (of_dictionary + (self.of_atoms(&dead, &lacking)? * scale)?)?;
            let sums = column_sums(&of_dead)?;
            of_scalars[0] = Some(of_scalars[0].take().map_or(Ok(sums.clone()), |all| all + sums)?);
            gradients = (gradients + of_dead)?;
        }
        let zeros = Tensor::zeros((1, settings.concepts), DType::F32, &self.device)?;
        let of_scalars =
            Tensor::cat(&of_scalars.map(|sums| sums.unwrap_or_else(|| zeros.clone())), 0)?.t()?.contiguous()?;
        let mut of_offset = (column_sums(&errors[0])? * scale)?;
        if self.input_offset.is_none() {
            // The offset is subtracted from the rows as well.
            of_offset = (of_offset - column_sums(&gradients)?.matmul(&self.encoder.values)?)?;
        }
        let fired = column_sums(&fires)?.to_dtype(DType::F64)?.flatten_all()?;
        let counts = Tensor::cat(&[&fired, &squares.reshape(1)?, &fired.sum_all()?.reshape(1)?], 0)?;
        let of_encoder = gradients.t()?.contiguous()?.matmul(&centred)?;
        Ok(Pass { centred, errors, of_encoder, of_dictionary, of_scalars, of_offset, counts })
    }

    /// What the codes of a group add to the output.
    fn decoded(&self, codes: &Tensor, begin: usize, length: usize) -> TensorResult<Tensor> {
        codes.narrow(1, begin, length)?.contiguous()?.matmul(&self.dictionary.values.narrow(0, begin, length)?)
    }

    /// The products of what each group lacks with its atoms, (rows, concepts).
    fn along(&self, errors: &[Tensor]) -> TensorResult<Tensor> {
        let atoms = |begin, length| self.dictionary.values.narrow(0, begin, length)?.t();
        let groups = errors.iter().zip(self.groups());
        let groups = groups.map(|(error, (begin, length))| error.matmul(&atoms(begin, length)?));
        Tensor::cat(&groups.collect::<TensorResult<Vec<_>>>()?, 1)
    }

    /// The sums over the rows of what each group lacks, by their codes, (concepts, outputs).
    fn of_atoms(&self, codes: &Tensor, errors: &[Tensor]) -> TensorResult<Tensor> {
        let codes = codes.t()?.contiguous()?;
        let groups = errors.iter().zip(self.groups());
        let groups = groups.map(|(error, (begin, length))| codes.narrow(0, begin, length)?.matmul(error));
        Tensor::cat(&groups.collect::<TensorResult<Vec<_>>>()?, 0)
    }

    /// The gradients of the products of the rows with the weights, (rows, concepts), and those of the scalars where they are not just
    /// the sums of these, (1, concepts) each.
    fn gradients(
        &self,
        along: &Tensor,
        products: &Tensor,
        before: &Tensor,
        fires: &Tensor,
        base: &Tensor,
        penalty: f64,
    ) -> TensorResult<(Tensor, Option<[Tensor; SCALARS]>)> {
        let of_codes = (along * fires)?;
        Ok(match self.settings.kind {
            SaeKind::Vanilla => ((of_codes + (fires * penalty)?)?, None),
            SaeKind::JumpRelu => {
                let threshold = self.scalar(1)?.exp()?;
                let half = f64::from(self.settings.half_bandwidth);
                let distance = (before.broadcast_sub(&threshold)? / half)?;
                let near = (kernel_at(self.settings.kernel, &distance)? * as_ones(&before.gt(0.0)?)?)?;
                let near = (near.broadcast_mul(&threshold)? / -half)?;
                // Of the logarithm of the threshold.
                let of_thresholds = (near * (along.broadcast_mul(&threshold)? + penalty)?)?;
                let scalars = [column_sums(&of_codes)?, column_sums(&of_thresholds)?, threshold.zeros_like()?];
                (of_codes, Some(scalars))
            }
            SaeKind::Gated => {
                let opens = as_ones(&before.gt(0.0)?)?;
                let by_gates = (base + self.decoded(&before.relu()?, 0, self.settings.concepts)?)?;
                let gates = (by_gates.matmul(&self.dictionary.values.t()?)? * (2.0 / self.settings.batch_rows as f64))?;
                let gates = ((gates + penalty)? * opens)?;
                let scaled = of_codes.broadcast_mul(&self.scalar(2)?.exp()?)?;
                let scalars = [column_sums(&gates)?, column_sums(&of_codes)?, column_sums(&(&scaled * products)?)?];
                ((gates + scaled)?, Some(scalars))
            }
            _ => (of_codes, None),
        })
    }

    /// The codes of the dead concepts whose pre-activations are largest, whatever their signs, (rows, concepts).
    fn dead_codes(&self, before: &Tensor) -> TensorResult<Tensor> {
        let mut dead = vec![0.0_f32; self.settings.concepts];
        self.dead_concepts.iter().for_each(|&concept| dead[concept as usize] = 1.0);
        let dead = Tensor::from_vec(dead, (1, self.settings.concepts), &self.device)?;
        let count = self.settings.dead_codes(self.dead_concepts.len());
        let codes = before.broadcast_mul(&dead)?;
        if count == self.dead_concepts.len() {
            return Ok(codes);
        }
        let living = dead.affine(-NEVER, NEVER)?;
        let dead_ones = codes.broadcast_add(&living)?;
        let highest = dead_ones.max_keepdim(D::Minus1)?;
        let lowest = (codes.abs()?.max_keepdim(D::Minus1)?.affine(-1.0, -1.0))?;
        codes * largest(&dead_ones, lowest, highest, count, false)?
    }

    /// Changes the parameters by their gradients.
    fn update(&mut self, pass: &Pass, adam: Adam) -> TensorResult<()> {
        // Along the row itself there is no gradient, since its norm stays 1.
        let atoms = &self.dictionary.values;
        let along = (&pass.of_dictionary * atoms)?.sum_keepdim(1)?;
        let of_dictionary = (&pass.of_dictionary - atoms.broadcast_mul(&along)?)?;
        self.encoder.step(adam, &pass.of_encoder)?;
        self.dictionary.step(adam.times(DICTIONARY_RATE), &of_dictionary)?;
        self.scalars.step(adam, &pass.of_scalars)?;
        self.offset.step(adam, &pass.of_offset)?;
        let norms = self.dictionary.values.sqr()?.sum_keepdim(1)?.sqrt()?;
        let norms = (&norms + as_ones(&norms.eq(0.0)?)?)?;
        self.dictionary.values = self.dictionary.values.broadcast_div(&norms)?;
        Ok(())
    }

    /// Lets dead concepts begin anew where the rows of the batch are explained worst.
    fn restart_dead(&mut self, pass: &Pass) -> TensorResult<Vec<Restart>> {
        let fetch = |tensor: &Tensor| tensor.flatten_all()?.to_vec1::<f32>();
        let lately = LatelyOnDevice {
            settings: &self.settings,
            errors: pass.errors.iter().map(fetch).collect::<TensorResult<_>>()?,
            centred: if self.input_offset.is_some() { fetch(&pass.centred)? } else { Vec::new() },
            norms: fetch(&self.encoder.values.sqr()?.sum(1)?.sqrt()?)?,
            scalars: fetch(&self.scalars.values)?,
        };
        let restarts = restarts(&self.settings, &self.dead_concepts, self.input_offset.is_some(), &lately);
        if restarts.is_empty() {
            return Ok(restarts);
        }
        let places: Vec<u32> = restarts.iter().map(|restart| restart.concept as u32).collect();
        let places = Tensor::from_vec(places, restarts.len(), &self.device)?;
        let all =
            |each: &dyn Fn(&Restart) -> &[f32]| restarts.iter().flat_map(|restart| each(restart).to_vec()).collect();
        self.encoder.restart(&places, all(&|restart| &restart.weights))?;
        self.dictionary.restart(&places, all(&|restart| &restart.atom))?;
        self.scalars.restart(&places, all(&|restart| &restart.scalars))?;
        Ok(restarts)
    }
}

impl TrainedTensor {
    /// Changes all values by their gradient.
    fn step(&mut self, adam: Adam, gradient: &Tensor) -> TensorResult<()> {
        let (first, second) = Adam::DECAY;
        let (first, second) = (f64::from(first), f64::from(second));
        self.first = ((&self.first * first)? + (gradient * (1.0 - first))?)?;
        self.second = ((&self.second * second)? + (gradient.sqr()? * (1.0 - second))?)?;
        let size = ((&self.second * f64::from(adam.correction))?.sqrt()? + f64::from(Adam::EPSILON))?;
        self.values = (&self.values - ((&self.first * f64::from(adam.rate))? / size)?)?;
        Ok(())
    }

    /// Gives some concepts other values, without a past.
    fn restart(&mut self, places: &Tensor, values: Vec<f32>) -> TensorResult<()> {
        let (concepts, columns) = self.values.dims2()?;
        let (count, device) = (places.elem_count(), self.values.device());
        let begins = Tensor::zeros((concepts, 1), DType::F32, device)?;
        let begins = begins.index_add(places, &Tensor::ones((count, 1), DType::F32, device)?, 0)?;
        let goes_on = begins.affine(-1.0, 1.0)?;
        let zeros = Tensor::zeros((concepts, columns), DType::F32, device)?;
        let values = zeros.index_add(places, &Tensor::from_vec(values, (count, columns), device)?, 0)?;
        self.values = (self.values.broadcast_mul(&goes_on)? + values)?;
        self.first = self.first.broadcast_mul(&goes_on)?;
        self.second = self.second.broadcast_mul(&goes_on)?;
        Ok(())
    }
}

/// What was copied from a device to begin anew from.
struct LatelyOnDevice<'a> {
    settings: &'a Settings,
    errors: Vec<Vec<f32>>,
    centred: Vec<f32>,
    norms: Vec<f32>,
    scalars: Vec<f32>,
}

impl Lately for LatelyOnDevice<'_> {
    fn lacking(&self, row: usize, group: usize) -> &[f32] {
        &self.errors[group][row * self.settings.outputs..][..self.settings.outputs]
    }

    fn centred(&self, row: usize) -> &[f32] {
        &self.centred[row * self.settings.columns..][..self.settings.columns]
    }

    fn weight_norm(&self, concept: usize) -> f32 {
        self.norms[concept]
    }

    fn scalars(&self, concept: usize) -> [f32; SCALARS] {
        std::array::from_fn(|index| self.scalars[concept * SCALARS + index])
    }
}

fn what(settings: &Settings) -> String {
    format!("the training of {} concepts on batches of {} rows", settings.concepts, settings.batch_rows)
}

fn as_ones(mask: &Tensor) -> TensorResult<Tensor> {
    mask.to_dtype(DType::F32)
}

/// The sums over the rows, (1, columns), in the order of the rows.
fn column_sums(values: &Tensor) -> TensorResult<Tensor> {
    Tensor::ones((1, values.dim(0)?), DType::F32, values.device())?.matmul(values)
}

/// Ones at the largest values above zero: so many of each row, or of all rows together.
fn largest_above_zero(values: &Tensor, count: usize, together: bool) -> TensorResult<Tensor> {
    let mut highest = values.max_keepdim(D::Minus1)?;
    if together {
        highest = highest.max_keepdim(0)?;
    }
    largest(values, highest.zeros_like()?, highest, count, together)
}

/// Ones at the largest values above the lowest bound: so many of each row, or of all rows together. The bound lies between the lowest
/// and the highest, and is found by halving. Where several values are the last one, they are all taken.
fn largest(values: &Tensor, lowest: Tensor, highest: Tensor, count: usize, together: bool) -> TensorResult<Tensor> {
    let (mut low, mut high) = (lowest, highest);
    for _ in 0..HALVINGS {
        let middle = ((&low + &high)? * 0.5)?;
        let mut above = as_ones(&values.broadcast_gt(&middle)?)?.sum_keepdim(1)?.to_dtype(DType::F64)?;
        if together {
            above = above.sum_keepdim(0)?;
        }
        let is_enough = above.ge(count as f64)?;
        low = is_enough.where_cond(&middle, &low)?;
        high = is_enough.where_cond(&high, &middle)?;
    }
    as_ones(&values.broadcast_gt(&low)?)
}

/// [`ThresholdKernel::at`] of distances.
fn kernel_at(kernel: ThresholdKernel, distance: &Tensor) -> TensorResult<Tensor> {
    use std::f64::consts::{FRAC_1_SQRT_2, FRAC_PI_2, FRAC_PI_4, PI};
    let reach = f64::from(kernel.reach());
    let distance = distance.abs()?;
    let within = as_ones(&distance.lt(reach)?)?;
    let distance = distance.minimum(reach)?;
    let parabola = || distance.sqr()?.affine(-1.0, 1.0);
    let values = match kernel {
        ThresholdKernel::Rectangle => return within * 0.5,
        ThresholdKernel::Triangular => distance.affine(-1.0, 1.0)?,
        ThresholdKernel::Epanechnikov => (parabola()? * 0.75)?,
        ThresholdKernel::Quartic => (parabola()?.sqr()? * 0.9375)?,
        ThresholdKernel::Cosine => (distance * FRAC_PI_2)?.cos()?.affine(0.25, 0.25)?,
        ThresholdKernel::Gaussian => ((distance.sqr()? * -0.5)?.exp()? / (2.0 * PI).sqrt())?,
        ThresholdKernel::Silverman => {
            let scaled = (distance * FRAC_1_SQRT_2)?;
            ((scaled.neg()?.exp()? * (scaled + FRAC_PI_4)?.sin()?)? * 0.5)?
        }
        ThresholdKernel::Cauchy => (distance.sqr()?.affine(PI, PI)?).recip()?,
    };
    values * within
}
