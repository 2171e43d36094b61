//! Attention over packed texts, from rows to rows.

use std::ops::Range;

use candle_core::{CudaStorage, DType, Device, Tensor};
use cudarc::driver::DeviceRepr;

use super::launch::{ATTENTION, ATTENTION_HALF, Argument, CudaRows, address, constant, launch, memory};
use super::product::{Factor, Product, Products};
use crate::error::Result;
use crate::kernels::Mask;

/// Queries of one row of the list of work.
const QUERIES: usize = 64;

/// Memory for the products of contents and distances of some heads at a time, in bytes.
const PRODUCT_BYTES: usize = 128 << 20;

/// The settings of attention as the kernels read them, see `scores.cuh`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct Settings {
    heads: i32,
    group: i32,
    head_width: i32,
    causal: i32,
    window: i32,
    longest: i32,
    table_rows: i32,
    scale: f32,
    soft_cap: f32,
}

// SAFETY: plain numbers, in the layout of C.
unsafe impl DeviceRepr for Settings {}

/// Attention with all that it reads beside queries, keys and values, in device memory.
pub(crate) struct AttentionWork<'a> {
    /// Heads of queries.
    pub heads: usize,
    /// Heads of keys and values; divides `heads`.
    pub key_value_heads: usize,
    /// Columns of one head.
    pub head_width: usize,
    /// What scores are multiplied by before the softmax.
    pub scale: f32,
    /// Scores `s` become `cap tanh(s / cap)`.
    pub soft_cap: Option<f32>,
    /// Which keys a query reads.
    pub mask: Mask,
    /// Tokens of the longest text.
    pub longest: usize,
    /// The list that [`work_list`] made.
    pub work: &'a Tensor,
    /// What each head adds to the scores of the key at each position, `(heads, longest)`, f32.
    pub key_bias: Option<&'a Tensor>,
    /// What each head adds by the distance of key and query, `(heads, 2 longest - 1)`, f32.
    pub distance_bias: Option<&'a Tensor>,
    /// Tables that contents are compared with.
    pub tables: Option<Tables<'a>>,
}

/// Rows for distances that queries and keys are multiplied with.
pub(crate) struct Tables<'a> {
    /// Of queries and of keys, `(table rows, heads * head_width)`, in the type of the rows.
    pub of_contents: [Option<&'a Tensor>; 2],
    /// The table's row for each distance, u32: the query's position minus the key's, from `1 - longest` on.
    pub distance_rows: &'a Tensor,
    /// What multiplies.
    pub products: &'a Products,
}

/// The parts that attention is computed in, as the kernels read them: 64 queries of one text each, `(parts, 4)`.
pub(crate) fn work_list(texts: &[Range<usize>], device: &Device) -> Result<Tensor> {
    let parts = texts.iter().flat_map(|text| {
        let part = move |first: usize| [text.start as u32, text.len() as u32, first as u32, 0];
        (0..text.len()).step_by(QUERIES).flat_map(part)
    });
    let list: Vec<u32> = parts.collect();
    let count = list.len() / 4;
    Ok(Tensor::from_vec(list, (count, 4), device)?)
}

/// The context of every query; nothing where there is no kernel for the type of number or the width of a head.
pub(crate) fn attend(
    attention: &AttentionWork<'_>,
    [queries, keys, values]: [CudaRows<'_>; 3],
) -> Result<Option<CudaStorage>> {
    let width = attention.head_width;
    // What kernels there are, with the queries of a block of each.
    let (module, suffix, kinds): (_, _, &[(usize, usize, u32)]) = match queries.numbers() {
        DType::F32 => (&ATTENTION, "f32", &[(32, 64, 128), (64, 64, 128), (128, 32, 128), (256, 16, 128)]),
        DType::BF16 => (&ATTENTION_HALF, "bf16", &[(64, 64, 128), (128, 64, 128), (256, 32, 64)]),
        DType::F16 => (&ATTENTION_HALF, "f16", &[(64, 64, 128), (128, 64, 128), (256, 32, 64)]),
        _ => return Ok(None),
    };
    let Some(&(widest, block_queries, threads)) = kinds.iter().find(|(widest, ..)| *widest >= width) else {
        return Ok(None);
    };
    let device = queries.device();
    let context = memory(device, queries.numbers(), queries.count())?;
    let at = |tensor: Option<&Tensor>, numbers| tensor.map_or(Ok(0), |tensor| constant(tensor, numbers));
    let table_rows = attention.tables.iter().flat_map(|tables| tables.of_contents).flatten().next();
    let table_rows = table_rows.map_or(Ok(0), |table| table.dim(0))?;
    let settings = Settings {
        heads: attention.heads as i32,
        group: (attention.heads / attention.key_value_heads) as i32,
        head_width: width as i32,
        causal: i32::from(attention.mask.causal),
        window: attention.mask.window.map_or(0, |window| i32::try_from(window).unwrap_or(i32::MAX)),
        longest: attention.longest as i32,
        table_rows: table_rows as i32,
        scale: attention.scale,
        soft_cap: attention.soft_cap.unwrap_or(0.0),
    };
    let by_key = at(attention.key_bias, DType::F32)?;
    let by_distance = at(attention.distance_bias, DType::F32)?;
    let distance_rows = at(attention.tables.as_ref().map(|tables| tables.distance_rows), DType::U32)?;
    // All heads at once, but where memory for products of each is needed.
    let of_head = queries.rows * table_rows * size_of::<f32>() * 2;
    let at_once = (PRODUCT_BYTES / of_head.max(1)).clamp(1, attention.heads);
    for first in (0..attention.heads).step_by(at_once) {
        let heads = at_once.min(attention.heads - first);
        let products = match &attention.tables {
            Some(tables) => table_products(attention, tables, [queries, keys], first..first + heads, table_rows)?,
            None => [None, None],
        };
        let address_of = |product: &Option<CudaStorage>| product.as_ref().map_or(Ok(0), |product| address(product, 0));
        let arguments = [
            queries.address()?,
            keys.address()?,
            values.address()?,
            Argument::Address(address(&context, 0)?),
            Argument::Address(constant(attention.work, DType::U32)?),
            Argument::long(queries.rows),
            Argument::int(first)?,
            Argument::Settings(&settings),
            Argument::Address(by_key),
            Argument::Address(by_distance),
            Argument::Address(address_of(&products[0])?),
            Argument::Address(address_of(&products[1])?),
            Argument::Address(distance_rows),
        ];
        let grid = (attention.work.dim(0)?, heads, QUERIES / block_queries);
        launch(device, module, &format!("attention_{widest}_{suffix}"), (grid, (threads, 1)), &arguments)?;
    }
    Ok(Some(context))
}

/// The products of some heads of queries and of keys with their tables, `(heads, rows, table rows)`, f32.
fn table_products(
    attention: &AttentionWork<'_>,
    tables: &Tables<'_>,
    contents: [CudaRows<'_>; 2],
    heads: Range<usize>,
    table_rows: usize,
) -> Result<[Option<CudaStorage>; 2]> {
    let width = attention.head_width;
    let of = |table: Option<&Tensor>, contents: CudaRows<'_>, group: usize| -> Result<Option<CudaStorage>> {
        let Some(table) = table else { return Ok(None) };
        let numbers = contents.numbers();
        let result = memory(contents.device(), DType::F32, heads.len() * contents.rows * table_rows)?;
        for head in heads.clone() {
            let content = head / group * width;
            tables.products.multiply(&Product {
                left: Factor { rows: contents, first: content, stride: contents.columns },
                count: contents.rows,
                inner: width,
                right: constant(table, numbers)? + (head * width * numbers.size_in_bytes()) as u64,
                right_stride: attention.heads * width,
                right_in_rows: true,
                columns: table_rows,
                result: address(&result, (head - heads.start) * contents.rows * table_rows)?,
                result_stride: table_rows,
                result_numbers: DType::F32,
                bias: None,
                adds: false,
            })?;
        }
        Ok(Some(result))
    };
    let group = attention.heads / attention.key_value_heads;
    Ok([of(tables.of_contents[0], contents[0], 1)?, of(tables.of_contents[1], contents[1], group)?])
}
