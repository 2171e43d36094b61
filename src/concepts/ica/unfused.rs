//! Where the loops of `fused.rs` are not: on processors of another kind than x86-64.

use super::contrast::Sums;
use super::options::Contrast;

/// There is none.
pub(super) enum Fused {}

impl Fused {
    pub(super) fn new(_directions: &[f32], _width: usize) -> Option<Self> {
        None
    }

    pub(super) fn sums(&self, _rows: &[f32], _contrast: Contrast) -> Sums {
        match *self {}
    }
}
