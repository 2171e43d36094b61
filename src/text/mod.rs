//! Texts, and the units that rows of activations stand for.

mod encoded;
mod granularity;
mod strings;
mod units;

pub use encoded::EncodedTexts;
pub use granularity::{Aggregation, Granularity};
pub use strings::{StringTable, StringTableBuilder};
pub use units::{UnitSpan, Units, UnitsBuilder};
