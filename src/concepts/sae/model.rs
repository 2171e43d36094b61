//! The model of a sparse autoencoder: encode, decode, reconstruct.

// A function is compiled with the vector instructions of its caller only where it is inlined into it.
#![allow(clippy::inline_always)]

use std::sync::{Arc, OnceLock};

use super::activation::{Largest, SaeActivation, for_each_place};
use super::normalisation::{InputNormalisation, Scale};
use super::parts::AutoencoderParts;
use super::{NAME, stored};
use crate::concepts::tensors::{NamedTensor, Tensors};
use crate::concepts::{Codes, Decoder, Encoder, RowCodes, SparseCodes};
use crate::error::{Error, ErrorCode, Result};
use crate::kernels::product::{F32Matrix, Factor, Scratch, SingleKernel};
use crate::linalg::{times_transposed, vectorised};
use crate::memory::{filled, fits};

/// A sparse autoencoder or transcoder, as an [`crate::Explainer`] holds it.
///
/// Its codes are sparse, and those of a row have the same bits whatever the other rows are.
pub struct SparseAutoencoder {
    parts: AutoencoderParts,
    /// The settings, as a file stores them.
    settings: stored::Settings,
    /// The weights as a kernel reads them, from the first rows on; nothing where the processor has no kernel for them, or they are
    /// too large to be there twice.
    packed: OnceLock<Option<(SingleKernel, F32Matrix)>>,
}

impl std::fmt::Debug for SparseAutoencoder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SparseAutoencoder").field("parts", &self.parts).finish_non_exhaustive()
    }
}

/// The weights that are kept a second time, in bytes, so that they are not packed again for each few rows.
const PACKED_BYTES: usize = 256 << 20;

/// How many rows are encoded at a time: centred, they fit in the cache of a core. Their number does not change the codes.
const TILE: usize = 256;
/// How many rows are dense at a time, before their codes become sparse.
const SPARSE_TILE: usize = 64;

impl SparseAutoencoder {
    /// Makes a model of its parts.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] naming the part whose length does not fit, or the setting that makes no sense;
    /// [`ErrorCode::InvalidData`] naming a value that is not finite.
    pub fn new(mut parts: AutoencoderParts) -> Result<Self> {
        parts.check()?;
        if parts.encoder.is_empty() {
            parts.encoder.clone_from(&parts.dictionary);
        }
        let settings = stored::Settings::of(&parts);
        Ok(Self { parts, settings, packed: OnceLock::new() })
    }

    /// Reads the model from the tensors of a file.
    pub(in crate::concepts) fn read(_: &'static str, tensors: &Tensors<'_>) -> Result<Arc<dyn Encoder>> {
        Ok(Arc::new(Self::new(stored::read(tensors)?)?))
    }

    /// The parts that it is made of.
    pub fn parts(&self) -> &AutoencoderParts {
        &self.parts
    }

    /// Normalises rows and subtracts the offset; returns what brings each row back.
    fn prepare(&self, rows: &[f32], prepared: &mut Vec<f32>) -> Vec<Scale> {
        prepared.clear();
        prepared.extend_from_slice(rows);
        let prepare = |row: &mut [f32]| {
            let scale = self.parts.normalisation.apply(row);
            row.iter_mut().zip(&self.parts.offset).for_each(|(value, offset)| *value -= offset);
            scale
        };
        prepared.chunks_exact_mut(self.parts.columns).map(prepare).collect()
    }

    /// Encodes a tile of rows; returns what brings each row back.
    fn encode_tile(&self, rows: &[f32], codes: &mut [f32], scratch: &mut TileScratch) -> Result<Vec<Scale>> {
        let scales = self.prepare(rows, &mut scratch.prepared);
        let concepts = self.concept_count();
        if let SaeActivation::MatchingPursuit { steps, least_residual, stops_on_repeat } = self.parts.activation {
            self.pursue(codes, steps, least_residual, stops_on_repeat, scratch)?;
        } else {
            self.multiply(codes, &scratch.prepared, &mut scratch.product)?;
            for codes in codes.chunks_exact_mut(concepts) {
                self.parts.activation.apply(codes, &self.parts.bias, &mut scratch.largest);
            }
        }
        Ok(scales)
    }

    /// The products of prepared rows with the weights: the same bits with a kernel and without.
    fn multiply(&self, out: &mut [f32], rows: &[f32], scratch: &mut Scratch) -> Result<()> {
        let packed = self.packed.get_or_init(|| {
            let (concepts, columns) = (self.concept_count(), self.parts.columns);
            let bytes = F32Matrix::bytes_of(concepts, columns);
            let kernel = SingleKernel::find().filter(|_| bytes <= PACKED_BYTES && fits(bytes))?;
            let mut matrix = F32Matrix::zeros(concepts, columns).ok()?;
            matrix.parts_mut(concepts.next_multiple_of(16)).for_each(|mut part| part.pack(&self.parts.encoder));
            Some((kernel, matrix))
        });
        if let Some((kernel, matrix)) = packed
            && let Some(weights) = matrix.part(0..matrix.rows)
        {
            return kernel.multiply(out, rows, Factor::F32(weights), false, scratch);
        }
        times_transposed(out, rows, &self.parts.encoder, self.parts.columns)
    }

    /// Encodes prepared rows by matching pursuit.
    fn pursue(
        &self,
        codes: &mut [f32],
        steps: usize,
        least_residual: f32,
        stops_on_repeat: bool,
        scratch: &mut TileScratch,
    ) -> Result<()> {
        let (columns, concepts) = (self.parts.columns, self.concept_count());
        let residuals = &mut scratch.prepared;
        codes.fill(0.0);
        let mut scores = filled(0.0, codes.len()).ok_or_else(|| no_memory("the scores of some rows"))?;
        let mut is_done = vec![false; codes.len() / concepts];
        for _ in 0..steps {
            if is_done.iter().all(|done| *done) {
                break;
            }
            self.multiply(&mut scores, residuals, &mut scratch.product)?;
            let rows = residuals.chunks_exact_mut(columns).zip(codes.chunks_exact_mut(concepts));
            for ((done, scores), (residual, codes)) in is_done.iter_mut().zip(scores.chunks_exact(concepts)).zip(rows) {
                let Some(&best) = scratch.largest.find(scores, 1, false).first().filter(|_| !*done) else { continue };
                let best = best as usize;
                let score = scores[best];
                // A score that is not a number goes into the code, where it is found.
                if score <= 0.0 {
                    *done = true;
                    continue;
                }
                let is_repeated = codes[best] != 0.0;
                codes[best] += score;
                let atom = &self.parts.dictionary[best * columns..][..columns];
                residual.iter_mut().zip(atom).for_each(|(value, atom)| *value -= score * atom);
                let rest = || residual.iter().map(|&value| f64::from(value) * f64::from(value)).sum::<f64>().sqrt();
                *done = !score.is_finite()
                    || (stops_on_repeat && is_repeated)
                    || (least_residual > 0.0 && rest() < f64::from(least_residual));
            }
        }
        Ok(())
    }

    /// Decodes codes without what only the row can tell.
    fn decode_codes(&self, codes: &[f32], out: &mut [f32]) {
        let outputs = self.parts.output_columns;
        for (codes, out) in codes.chunks_exact(self.concept_count()).zip(out.chunks_exact_mut(outputs)) {
            self.decode_row(out, |add| {
                for_each_place(codes, |code| code != 0.0, |concept| add(concept, codes[concept]));
            });
        }
    }

    /// Decodes the codes of a row that `each` gives, ascending, without what only the row can tell.
    #[inline(always)]
    fn decode_row(&self, out: &mut [f32], each: impl FnOnce(&mut dyn FnMut(usize, f32))) {
        let outputs = self.parts.output_columns;
        out.fill(0.0);
        each(&mut |concept, code| {
            let atom = &self.parts.dictionary[concept * outputs..][..outputs];
            vectorised(
                #[inline(always)]
                || out.iter_mut().zip(atom).for_each(|(value, atom)| *value += code * atom),
            );
        });
        out.iter_mut().zip(&self.parts.output_offset).for_each(|(value, offset)| *value += offset);
    }

    /// Decodes sparse codes, of rows that need neither be brought back to their scale nor be added to the output.
    pub(super) fn decode_sparse(&self, codes: &Codes, out: &mut [f32]) {
        for (codes, out) in codes.rows().zip(out.chunks_exact_mut(self.parts.output_columns)) {
            if let RowCodes::Sparse(concepts, values) = codes {
                self.decode_row(out, |add| {
                    concepts.iter().zip(values).for_each(|(&concept, &code)| add(concept as usize, code));
                });
            }
        }
    }

    /// Whether the output has to be brought back to the scale of its row.
    fn is_scaled(&self) -> bool {
        self.parts.normalisation != InputNormalisation::None && !self.parts.transcoder
    }
}

/// Memory that is kept from one tile to the next.
#[derive(Default)]
struct TileScratch {
    prepared: Vec<f32>,
    largest: Largest,
    product: Scratch,
}

impl Encoder for SparseAutoencoder {
    fn method(&self) -> &str {
        NAME
    }

    fn input_width(&self) -> usize {
        self.parts.columns
    }

    fn concept_count(&self) -> usize {
        self.parts.concept_count()
    }

    fn encode(&self, rows: &[f32], out: &mut [f32]) -> Result<()> {
        let mut scratch = TileScratch::default();
        let tiles = rows.chunks(TILE * self.parts.columns).zip(out.chunks_mut(TILE * self.concept_count()));
        for (rows, out) in tiles {
            self.encode_tile(rows, out, &mut scratch)?;
        }
        Ok(())
    }

    fn codes(&self, rows: &[f32]) -> Result<Codes> {
        let (columns, concepts) = (self.parts.columns, self.concept_count());
        let mut sparse = SparseCodes::new(concepts)?;
        let mut scratch = TileScratch::default();
        let length = SPARSE_TILE.min(rows.len() / columns).checked_mul(concepts);
        let mut codes =
            length.and_then(|length| filled(0.0, length)).ok_or_else(|| no_memory("the codes of some rows"))?;
        let mut entries = Vec::new();
        for rows in rows.chunks(SPARSE_TILE * columns) {
            let codes = &mut codes[..rows.len() / columns * concepts];
            self.encode_tile(rows, codes, &mut scratch)?;
            for codes in codes.chunks_exact(concepts) {
                entries.clear();
                for_each_place(codes, |code| code != 0.0, |concept| entries.push((concept as u32, codes[concept])));
                sparse.push_row(entries.iter().copied())?;
            }
        }
        Ok(Codes::Sparse(sparse))
    }

    fn tensors(&self) -> Vec<NamedTensor<'_>> {
        stored::tensors(&self.parts, &self.settings)
    }

    fn autoencoder(&self) -> Option<&AutoencoderParts> {
        Some(&self.parts)
    }

    fn decoder(&self) -> Option<&dyn Decoder> {
        Some(self)
    }
}

impl Decoder for SparseAutoencoder {
    fn decode(&self, codes: &[f32], out: &mut [f32]) -> Result<()> {
        if self.is_scaled() {
            return Err(Error::new(
                ErrorCode::Unsupported,
                "the autoencoder normalises each row, and codes alone do not say how to bring it back",
            )
            .hint("reconstruct the rows instead of decoding their codes"));
        }
        self.decode_codes(codes, out);
        Ok(())
    }

    fn dictionary(&self) -> &[f32] {
        &self.parts.dictionary
    }

    fn output_width(&self) -> usize {
        self.parts.output_columns
    }

    fn is_transcoder(&self) -> bool {
        self.parts.transcoder
    }

    fn scale(&self, row: &[f32]) -> f32 {
        if !self.is_scaled() {
            return 1.0;
        }
        self.parts.normalisation.apply(&mut row.to_vec()).scale as f32
    }

    fn reconstruct(&self, rows: &[f32], out: &mut [f32]) -> Result<()> {
        let (columns, outputs, concepts) = (self.parts.columns, self.parts.output_columns, self.concept_count());
        let mut scratch = TileScratch::default();
        let length = SPARSE_TILE.min(rows.len() / columns).checked_mul(concepts);
        let mut codes =
            length.and_then(|length| filled(0.0, length)).ok_or_else(|| no_memory("the codes of some rows"))?;
        let mut skipped = Vec::new();
        for (rows, out) in rows.chunks(SPARSE_TILE * columns).zip(out.chunks_mut(SPARSE_TILE * outputs)) {
            let codes = &mut codes[..rows.len() / columns * concepts];
            let scales = self.encode_tile(rows, codes, &mut scratch)?;
            self.decode_codes(codes, out);
            if !self.parts.skip.is_empty() {
                skipped.resize(out.len(), 0.0);
                times_transposed(&mut skipped, rows, &self.parts.skip, columns)?;
                out.iter_mut().zip(&skipped).for_each(|(value, skipped)| *value += skipped);
            }
            if self.is_scaled() {
                scales.iter().zip(out.chunks_exact_mut(outputs)).for_each(|(scale, row)| scale.undo(row));
            }
        }
        Ok(())
    }
}

fn no_memory(what: &str) -> Error {
    Error::new(ErrorCode::OutOfMemory, format!("there is no memory for {what}"))
        .hint("free some memory, or ask for fewer threads")
}
