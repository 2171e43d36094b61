//! Reading what flows through a model at its modules, and stopping after the last one that is wanted.

use candle_core::Tensor;

use crate::error::Error;
use crate::model::blueprint::{Site, Stack};

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
pub(crate) type Flow<T> = Result<T, Halt>;

/// Stands at every site of a forward pass: each value goes through [`Tap::at`], which keeps it if it is wanted
/// and ends the pass when nothing more is. The pass goes on with what `at` returns, which is another value where one is
/// replaced.
#[derive(Debug)]
pub(crate) struct Tap<'a> {
    wanted: &'a [Site],
    captured: Vec<Option<Tensor>>,
    last: Option<Site>,
    /// Values that stand for those of a site.
    replaced: Option<(Site, Tensor)>,
}

impl<'a> Tap<'a> {
    /// Captures the values at `wanted` and stops after the last of them.
    pub fn capture(wanted: &'a [Site]) -> Self {
        Self { wanted, captured: vec![None; wanted.len()], last: wanted.iter().max().copied(), replaced: None }
    }

    /// Captures nothing and lets the pass run to its end.
    pub fn pass() -> Self {
        Self { wanted: &[], captured: Vec::new(), last: None, replaced: None }
    }

    /// Puts `rows` in the place of the values at `site` and lets the pass run to its end.
    pub fn replace(site: Site, rows: Tensor) -> Self {
        Self { replaced: Some((site, rows)), ..Self::pass() }
    }

    /// If the output of a block of this stack is replaced: the index of the block after it, with what it reads. No
    /// block of the stack before it need run.
    pub fn replaced_block(&self, stack: Stack) -> Option<(usize, Tensor)> {
        let (site, rows) = self.replaced.as_ref()?;
        Some((stack.after_output(*site)?, rows.clone()))
    }

    /// Whether somebody reads or replaces the value at a site, so that it must not be skipped over by a fused step.
    pub fn touches(&self, site: Site) -> bool {
        self.wanted.contains(&site) || self.replaced.as_ref().is_some_and(|(replaced, _)| *replaced == site)
    }

    /// Lets a value pass through a site.
    ///
    /// # Errors
    /// [`Halt::Done`] after the last site that is wanted.
    pub fn at(&mut self, site: Site, value: Tensor) -> Flow<Tensor> {
        let value = match &self.replaced {
            Some((replaced, rows)) if *replaced == site => rows.clone(),
            _ => value,
        };
        for (wanted, slot) in self.wanted.iter().zip(&mut self.captured) {
            if *wanted == site {
                // A tensor is never changed in place, so sharing it is as good as a copy.
                *slot = Some(value.clone());
            }
        }
        if self.last == Some(site) { Err(Halt::Done) } else { Ok(value) }
    }

    /// What was captured, in the order of `wanted`.
    pub fn into_captured(self) -> Vec<Option<Tensor>> {
        self.captured
    }
}
