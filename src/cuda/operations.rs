//! Kernels for operations on rows, but for attention and products. Each gives nothing where there is no kernel for the type
//! of number.

use std::ops::Range;

use candle_core::{CudaStorage, DType, Tensor};

use super::launch::{
    Argument, CudaRows, ELEMENTWISE, Module, NORM, ROTARY, THREADS, address, by_rows, constant, launch, memory, suffix,
};
use crate::error::Result;
use crate::kernels::Rotation;

/// Bytes that a thread reads of each tensor.
pub(super) const PACK: usize = 16;

/// Groups up to this width are normed by a warp each, wider ones by a block of threads: of a block, half of the threads and
/// more would have nothing to do.
const WARP_WIDTH: usize = 1024;

/// How many numbers a thread reads at a time.
fn pack(numbers: DType) -> usize {
    PACK / numbers.size_in_bytes()
}

/// Starts a kernel on inputs of one shape, with a thread for each pack of numbers.
fn start(
    module: &Module,
    name: &str,
    inputs: &[CudaRows<'_>],
    setting: Option<Argument<'_>>,
) -> Result<Option<CudaStorage>> {
    let (Some(first), Some(suffix)) = (inputs.first(), inputs.first().and_then(|first| suffix(first.numbers()))) else {
        return Ok(None);
    };
    let result = memory(first.device(), first.numbers(), first.count())?;
    let mut arguments = inputs.iter().map(CudaRows::address).collect::<Result<Vec<_>>>()?;
    arguments.push(Argument::Address(address(&result, 0)?));
    arguments.push(Argument::long(first.count()));
    arguments.extend(setting);
    let blocks = first.count().div_ceil(pack(first.numbers()) * THREADS as usize);
    launch(first.device(), module, &format!("{name}_{suffix}"), ((blocks, 1, 1), (THREADS, 1)), &arguments)?;
    Ok(Some(result))
}

/// A function of each value; `setting` is what it depends on.
pub(crate) fn map(name: &str, rows: CudaRows<'_>, setting: Argument<'_>) -> Result<Option<CudaStorage>> {
    start(&ELEMENTWISE, name, &[rows], Some(setting))
}

/// A function of each pair of values.
pub(crate) fn map_pairs(
    name: &str,
    pairs: [CudaRows<'_>; 2],
    setting: Option<Argument<'_>>,
) -> Result<Option<CudaStorage>> {
    start(&ELEMENTWISE, name, &pairs, setting)
}

/// The columns in some runs, side by side.
pub(crate) fn gather_columns(rows: CudaRows<'_>, runs: &[Range<usize>]) -> Result<Option<CudaStorage>> {
    let Some(suffix) = suffix(rows.numbers()) else { return Ok(None) };
    let columns: usize = runs.iter().map(ExactSizeIterator::len).sum();
    let result = memory(rows.device(), rows.numbers(), rows.rows * columns)?;
    let mut column = 0;
    for (run, stride, count) in regular(runs) {
        let width = run.len() * count;
        let mut arguments = vec![rows.address()?, Argument::Address(address(&result, 0)?), Argument::long(rows.rows)];
        for number in [rows.columns, run.start, stride, run.len(), count, columns, column] {
            arguments.push(Argument::int(number)?);
        }
        let shape = by_rows(rows.rows, width.div_ceil(pack(rows.numbers())));
        launch(rows.device(), &ELEMENTWISE, &format!("columns_{suffix}"), shape, &arguments)?;
        column += width;
    }
    Ok(Some(result))
}

/// Runs that are as long and as far apart as their neighbours, taken together: the first of them, how far apart they are
/// and how many there are.
fn regular(runs: &[Range<usize>]) -> Vec<(Range<usize>, usize, usize)> {
    let mut all: Vec<(Range<usize>, usize, usize)> = Vec::new();
    for run in runs {
        if let Some((first, stride, count)) = all.last_mut()
            && first.len() == run.len()
            && run.start > first.start
            && (*count == 1 || run.start == first.start + *stride * *count)
        {
            *stride = if *count == 1 { run.start - first.start } else { *stride };
            *count += 1;
        } else {
            all.push((run.clone(), run.len(), 1));
        }
    }
    all
}

/// A norm of groups of columns that are as wide as the weight: a layer norm with a bias, a root-mean-square norm without.
pub(crate) fn norm(
    rows: CudaRows<'_>,
    weight: &Tensor,
    bias: Option<&Tensor>,
    epsilon: f64,
) -> Result<Option<CudaStorage>> {
    let Some(suffix) = suffix(rows.numbers()) else { return Ok(None) };
    let width = weight.dim(0)?;
    let groups = rows.count() / width.max(1);
    let result = memory(rows.device(), rows.numbers(), rows.count())?;
    let arguments = [
        rows.address()?,
        Argument::Address(constant(weight, DType::F32)?),
        bias.map_or(Ok(Argument::NONE), |bias| constant(bias, DType::F32).map(Argument::Address))?,
        Argument::Address(address(&result, 0)?),
        Argument::long(groups),
        Argument::int(width)?,
        Argument::Float(epsilon as f32),
    ];
    let (team, blocks) =
        if width <= WARP_WIDTH { ("warp", groups.div_ceil(THREADS as usize / 32)) } else { ("block", groups) };
    launch(rows.device(), &NORM, &format!("norm_{team}_{suffix}"), ((blocks, 1, 1), (THREADS, 1)), &arguments)?;
    Ok(Some(result))
}

/// Each head of rows, rotated by the angles of its row.
pub(crate) fn rotate(
    rows: CudaRows<'_>,
    cosines: &Tensor,
    sines: &Tensor,
    rotation: Rotation,
) -> Result<Option<CudaStorage>> {
    let Some(suffix) = suffix(rows.numbers()) else { return Ok(None) };
    let result = memory(rows.device(), rows.numbers(), rows.count())?;
    let Rotation { head_width, rotary_dim, interleaved } = rotation;
    let arguments = [
        rows.address()?,
        Argument::Address(constant(cosines, DType::F32)?),
        Argument::Address(constant(sines, DType::F32)?),
        Argument::Address(address(&result, 0)?),
        Argument::long(rows.rows),
        Argument::int(rows.columns)?,
        Argument::int(head_width)?,
        Argument::int(rotary_dim)?,
        Argument::Int(i32::from(interleaved)),
    ];
    // As many as there are where pairs lie in packs; where they do not, a thread has several.
    let units = rows.columns / head_width * (head_width - rotary_dim / 2).div_ceil(pack(rows.numbers()));
    launch(rows.device(), &ROTARY, &format!("rotate_{suffix}"), by_rows(rows.rows, units), &arguments)?;
    Ok(Some(result))
}
