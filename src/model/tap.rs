//! Reading what flows through a model at its modules, and stopping after the last one that is wanted.

use std::sync::Arc;

use candle_core::Tensor;

use crate::error::{Error, Result};
use crate::model::blueprint::{BlockSite, Blueprint, Site, Stack};
use crate::model::ops::RowSelection;

/// Why a forward pass ended before its last step.
#[derive(Debug)]
pub(crate) enum Halt {
    /// All that was wanted is there.
    Done,
    /// Something went wrong.
    Failed(Error),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<candle_core::Error> for Halt {
    fn from(error: candle_core::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// What a step of the forward pass returns: a value to go on with, or the reason to stop.
pub(crate) type Flow<T> = std::result::Result<T, Halt>;

/// A change to the values at a site.
pub(crate) struct Edit<'a> {
    pub site: Site,
    pub change: Change<'a>,
}

/// What becomes of the values at a site.
pub(crate) enum Change<'a> {
    /// These stand in their place.
    Replace(Tensor),
    /// What a function makes of them.
    Map(Function<'a>),
}

/// A function of the values at a site.
pub(crate) type Function<'a> = Box<dyn Fn(&Tensor) -> Result<Tensor> + 'a>;

/// Stands at every site of a forward pass: each value goes through [`Tap::at`], which edits it, keeps it if it is wanted
/// and ends the pass when nothing more is. The pass goes on with what `at` returns.
#[derive(Default)]
pub(crate) struct Tap<'a> {
    wanted: &'a [Site],
    captured: Vec<Option<Tensor>>,
    last: Option<Site>,
    /// The changes, of which those to one site follow one another.
    edits: Vec<Edit<'a>>,
    /// The rows that somebody reads; all of them where there is none.
    rows: Option<Arc<RowSelection>>,
    /// How many rows went through the projection of each site.
    #[cfg(test)]
    pub projected: Vec<(Site, usize)>,
}

impl<'a> Tap<'a> {
    /// Captures the values at `wanted` under some changes, and stops after the last of them.
    pub fn capture(wanted: &'a [Site], edits: Vec<Edit<'a>>) -> Self {
        Self {
            wanted,
            captured: vec![None; wanted.len()],
            last: wanted.iter().max().copied(),
            edits,
            ..Self::default()
        }
    }

    /// Captures nothing and lets the pass run to its end under some changes.
    pub fn pass(edits: Vec<Edit<'a>>) -> Self {
        Self { edits, ..Self::default() }
    }

    /// Puts `rows` in the place of the values at `site` and lets the pass run to its end.
    pub fn replace(site: Site, rows: Tensor) -> Self {
        Self::pass(vec![Edit { site, change: Change::Replace(rows) }])
    }

    /// Reads some rows only: what is captured, or what the pass ends with, has these rows and no others.
    pub fn of_rows(self, rows: Option<RowSelection>) -> Self {
        Self { rows: rows.map(Arc::new), ..self }
    }

    /// The rows that somebody reads, unless all are.
    pub fn rows(&self) -> Option<&Arc<RowSelection>> {
        self.rows.as_ref()
    }

    /// How many blocks of a stack must know all rows: the last one of them for its keys and values, while its queries, and all
    /// that follows, are computed for the rows that somebody reads. `None` where all rows go on to the end of the stack.
    pub fn blocks_of_all_rows(&self, stack: Stack, blueprint: &Blueprint) -> Option<usize> {
        self.rows.as_ref()?;
        let blocks = blueprint.attention(stack).len();
        let until = |index: usize, site: BlockSite| if site.is_before_attention() { index } else { index + 1 };
        let count = match (stack, self.last) {
            (Stack::First, Some(Site::Embedding(_))) | (Stack::Decoder, Some(Site::DecoderEmbedding(_))) => 0,
            (Stack::First, Some(Site::Block(index, site)))
            | (Stack::Decoder, Some(Site::DecoderBlock(index, site))) => until(index, site),
            // The decoder reads all rows of the encoder.
            (Stack::First, last) if blueprint.decoder.is_some() && last != Some(Site::EncoderNorm) => return None,
            _ => blocks,
        };
        // A change is one of all rows.
        let first = stack.block(count.saturating_sub(1)).at(BlockSite::AttentionInputNorm);
        if self.edits.iter().any(|edit| edit.site >= first) { None } else { Some(count) }
    }

    /// If the output of a block of this stack is replaced, and nobody reads what comes before, the later blocks included: the
    /// index of the block after the last such one, with what it reads. No block of the stack before it need run.
    ///
    /// # Errors
    /// Those of [`Tap::at`].
    pub fn replaced_block(&mut self, stack: Stack, blueprint: &Blueprint) -> Flow<Option<(usize, Tensor)>> {
        let replaced = |edit: &Edit<'_>| match &edit.change {
            Change::Replace(rows) => Some((stack.after_output(edit.site)?, edit.site, rows.clone())),
            Change::Map(_) => None,
        };
        let Some((next, site, rows)) = self.edits.iter().filter_map(replaced).max_by_key(|(next, ..)| *next) else {
            return Ok(None);
        };
        if !blueprint.begins_anew(stack, next) || self.wanted.iter().any(|wanted| *wanted < site) {
            return Ok(None);
        }
        Ok(Some((next, self.at(site, rows)?)))
    }

    /// Whether somebody reads or changes the value at a site, so that it must not be skipped over by a fused step.
    pub fn touches(&self, site: Site) -> bool {
        self.wanted.contains(&site) || self.edits.iter().any(|edit| edit.site == site)
    }

    /// Lets a value pass through a site.
    ///
    /// # Errors
    /// [`Halt::Done`] after the last site that is wanted.
    pub fn at(&mut self, site: Site, value: Tensor) -> Flow<Tensor> {
        let mut value = value;
        for edit in self.edits.iter().filter(|edit| edit.site == site) {
            value = match &edit.change {
                Change::Replace(rows) => rows.clone(),
                Change::Map(change) => change(&value)?,
            };
        }
        for (wanted, slot) in self.wanted.iter().zip(&mut self.captured) {
            if *wanted == site {
                // A tensor is never changed in place, so sharing it is as good as a copy.
                *slot = Some(match &self.rows {
                    Some(rows) if value.dim(0)? != rows.len() => rows.select(&value)?,
                    _ => value.clone(),
                });
            }
        }
        if self.last == Some(site) { Err(Halt::Done) } else { Ok(value) }
    }

    /// What was captured, in the order of `wanted`.
    pub fn into_captured(self) -> Vec<Option<Tensor>> {
        self.captured
    }
}
