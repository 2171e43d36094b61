//! Attention over packed texts, from rows to rows.

use std::ops::Range;

use candle_core::{CudaStorage, DType, Device, Tensor};
use cudarc::driver::DeviceRepr;

use super::launch::{
    ATTENTION, ATTENTION_HALF, Argument, CudaRows, MOST_BLOCKS, address, constant, launch, memory, suffix,
};
use super::operations::PACK;
use super::product::{Factor, Product, Products};
use crate::error::Result;
use crate::kernels::Mask;

/// The most queries of one part of the work, and of one part where texts are short.
const QUERIES: [usize; 2] = [64, 32];

/// Memory for the products of contents and distances of some heads at a time, in bytes.
const PRODUCT_BYTES: usize = 128 << 20;

/// The settings of attention as the kernels read them, see `scores.cuh`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct Settings {
    heads: i32,
    key_heads: i32,
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
    /// The parts that it is computed in.
    pub work: &'a WorkList,
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

/// The parts that attention is computed in, as the kernels read them: up to 64 queries of one text each, and then the same
/// with up to 32, `(parts, 4)`.
#[derive(Debug, Clone)]
pub(crate) struct WorkList {
    list: Tensor,
    /// How many parts there are of 64 queries, and how many of 32.
    counts: [usize; 2],
}

impl WorkList {
    /// The parts of some texts, which are ranges of rows.
    pub fn new(texts: &[Range<usize>], device: &Device) -> Result<Self> {
        let mut list: Vec<u32> = Vec::new();
        let counts = QUERIES.map(|queries| {
            let before = list.len();
            for text in texts {
                // Backwards, because the last part has the most keys where a query reads those before it, and the parts that
                // are begun last are to be short.
                for first in (0..text.len()).step_by(queries).rev() {
                    list.extend([text.start as u32, text.len() as u32, first as u32, 0]);
                }
            }
            (list.len() - before) / 4
        });
        let list = Tensor::from_vec(list, (counts[0] + counts[1], 4), device)?;
        Ok(Self { list, counts })
    }

    /// How many parts there are with so many queries, and the address of the first.
    fn parts(&self, queries: usize) -> Result<(usize, u64)> {
        let start = constant(&self.list, DType::U32)?;
        let [many, few] = self.counts;
        Ok(if queries == QUERIES[0] { (many, start) } else { (few, start + (many * 4 * size_of::<u32>()) as u64) })
    }

    /// Whether most parts of 64 queries have no more than 32, so that half of most blocks of 64 would be idle.
    fn is_of_short_texts(&self) -> bool {
        2 * self.counts[1] < 3 * self.counts[0]
    }
}

/// A kernel of attention, and how it is launched.
struct Kernel {
    name: String,
    /// The queries of a part in its list of work.
    part_queries: usize,
    /// The queries of a block.
    block_queries: usize,
    threads: u32,
}

/// The kernel for this type of number and heads of this width, if there is one; `packed` is whether the heads of rows lie in
/// packs. Which one it is depends on the texts in no more than how many queries a block has, which no bit of a row does.
fn kernel(attention: &AttentionWork<'_>, numbers: DType, packed: bool) -> Option<Kernel> {
    let [many, few] = QUERIES;
    let widest = |widths: &[usize]| widths.iter().copied().find(|widest| *widest >= attention.head_width);
    if numbers == DType::F32 {
        let width = widest(&[32, 64, 128, 256])?;
        let block_queries = if width <= 64 { many } else { 32 * 128 / width };
        return Some(Kernel {
            name: format!("attention_{width}_f32"),
            part_queries: many,
            block_queries,
            threads: 128,
        });
    }
    let suffix = suffix(numbers)?;
    let width = widest(&[64, 128, 256])?;
    let queries = if width > 128 || attention.work.is_of_short_texts() { few } else { many };
    let plain = packed
        && attention.key_bias.is_none()
        && attention.distance_bias.is_none()
        && attention.tables.is_none()
        && attention.soft_cap.is_none()
        && attention.scale > 0.0;
    let plain = if plain { "plain_" } else { "" };
    let name = format!("attention_{width}_{queries}_{plain}{suffix}");
    // A warp for 16 queries.
    Some(Kernel { name, part_queries: queries, block_queries: queries, threads: 2 * queries as u32 })
}

/// The context of every query; nothing where there is no kernel for the type of number or the width of a head.
pub(crate) fn attend(
    attention: &AttentionWork<'_>,
    [queries, keys, values]: [CudaRows<'_>; 3],
) -> Result<Option<CudaStorage>> {
    let width = attention.head_width;
    let inputs = [queries.address()?, keys.address()?, values.address()?];
    let aligned = |input: &Argument<'_>| matches!(input, Argument::Address(at) if at.is_multiple_of(PACK as u64));
    let packed = (width * queries.numbers().size_in_bytes()).is_multiple_of(PACK) && inputs.iter().all(aligned);
    let Some(kernel) = kernel(attention, queries.numbers(), packed) else { return Ok(None) };
    let module = if queries.numbers() == DType::F32 { &ATTENTION } else { &ATTENTION_HALF };
    let (parts, work) = attention.work.parts(kernel.part_queries)?;
    let device = queries.device();
    let context = memory(device, queries.numbers(), queries.count())?;
    let at = |tensor: Option<&Tensor>, numbers| tensor.map_or(Ok(0), |tensor| constant(tensor, numbers));
    let table_rows = attention.tables.iter().flat_map(|tables| tables.of_contents).flatten().next();
    let table_rows = table_rows.map_or(Ok(0), |table| table.dim(0))?;
    let settings = Settings {
        heads: attention.heads as i32,
        key_heads: attention.key_value_heads as i32,
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
            inputs[0],
            inputs[1],
            inputs[2],
            Argument::Address(address(&context, 0)?),
            Argument::Address(work),
            Argument::long(queries.rows),
            Argument::int(first)?,
            Argument::int(parts)?,
            Argument::Settings(&settings),
            Argument::Address(by_key),
            Argument::Address(by_distance),
            Argument::Address(address_of(&products[0])?),
            Argument::Address(address_of(&products[1])?),
            Argument::Address(distance_rows),
        ];
        let rows = parts.min(MOST_BLOCKS);
        let grid = (heads * (kernel.part_queries / kernel.block_queries), rows, parts.div_ceil(rows.max(1)));
        launch(device, module, &kernel.name, (grid, (kernel.threads, 1)), &arguments)?;
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
