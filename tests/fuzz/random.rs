//! Numbers by chance that a seed gives again.

/// The generator SplitMix64 (Steele, Lea & Flood, 2014).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `count`; 0 where there is none.
    pub fn below(&mut self, count: usize) -> usize {
        if count == 0 { 0 } else { (self.next() % count as u64) as usize }
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    /// A whole number that breaks programs, or one near to what was there.
    pub fn odd_integer(&mut self, was: u64) -> u64 {
        if self.one_in(2) {
            let near =
                [was.wrapping_add(1), was.wrapping_sub(1), was.wrapping_mul(2), was / 2, !was, was ^ 32, was ^ 256];
            return self.pick(&near);
        }
        let powers = [0, 7, 8, 15, 16, 24, 30, 31, 32, 40, 47, 53, 60, 62, 63];
        let power = 1_u64 << self.pick(&powers);
        let any = [power, power - 1, power.wrapping_neg(), 0, u64::MAX];
        self.pick(&any)
    }
}
