//! How many units have no row, and why.

use serde::{Deserialize, Serialize};

/// How many units have no row, or lost it, by the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LeftOut {
    /// The options name them ([`crate::CollectOptions::stop_units`]).
    pub stop_units: usize,
    /// They are pieces of contractions ([`crate::CollectOptions::stop_contractions`]).
    pub stop_contractions: usize,
    /// They are nothing but punctuation ([`crate::CollectOptions::stop_punctuation`]).
    pub stop_punctuation: usize,
    /// They are nothing but the first position of a text ([`crate::CollectOptions::skip_first_position`]).
    pub first_position: usize,
    /// Their row was far longer than others ([`crate::Activations::without_high_norms`]).
    pub high_norm: usize,
    /// They are entries of a vocabulary that the model has no embedding for.
    pub no_embedding: usize,
}

impl LeftOut {
    /// How many they are together.
    pub fn total(self) -> usize {
        self.named().iter().map(|(_, count)| count).sum()
    }

    pub(crate) fn add(&mut self, more: Self) {
        self.stop_units += more.stop_units;
        self.stop_contractions += more.stop_contractions;
        self.stop_punctuation += more.stop_punctuation;
        self.first_position += more.first_position;
        self.high_norm += more.high_norm;
        self.no_embedding += more.no_embedding;
    }

    /// Each count, with what it counts in words.
    fn named(self) -> [(&'static str, usize); 6] {
        [
            ("stop units", self.stop_units),
            ("pieces of contractions", self.stop_contractions),
            ("punctuation", self.stop_punctuation),
            ("first positions of texts", self.first_position),
            ("rows of a high norm", self.high_norm),
            ("entries without an embedding", self.no_embedding),
        ]
    }

    /// The reasons with their counts, for people: `3 stop units, 2 punctuation`.
    pub(crate) fn shown(self) -> String {
        let parts = self.named().into_iter().filter(|(_, count)| *count > 0);
        parts.map(|(name, count)| format!("{count} {name}")).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_added_and_named() {
        let mut all = LeftOut { stop_units: 2, high_norm: 1, ..LeftOut::default() };
        all.add(LeftOut { stop_units: 1, stop_punctuation: 4, ..LeftOut::default() });
        assert_eq!(all.total(), 8);
        assert_eq!(all.shown(), "3 stop units, 4 punctuation, 1 rows of a high norm");
        assert_eq!(LeftOut::default().shown(), "");
    }
}
