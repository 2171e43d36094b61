//! NumPy's legacy random numbers, so that a seed gives the same numbers here as there.

/// The generator `numpy.random.RandomState(seed)`: the Mersenne Twister MT19937 (Matsumoto & Nishimura, 1998), with
/// normal numbers by the polar method (Marsaglia & Bray, 1964), which makes them in pairs.
#[derive(Debug, Clone)]
pub struct RandomState {
    words: [u32; WORDS],
    next: usize,
    spare: Option<f64>,
}

const WORDS: usize = 624;
const MIDDLE: usize = 397;

impl RandomState {
    /// Makes the generator of a seed.
    ///
    /// ```
    /// let mut random = eidos::linalg::RandomState::new(0);
    /// assert!((random.normal() - 1.764_052_345_967_664).abs() < 1e-15);
    /// ```
    pub fn new(seed: u32) -> Self {
        let mut words = [seed; WORDS];
        for index in 1..WORDS {
            let previous = words[index - 1];
            words[index] = (previous ^ (previous >> 30)).wrapping_mul(1_812_433_253).wrapping_add(index as u32);
        }
        Self { words, next: WORDS, spare: None }
    }

    /// The next number from the normal distribution with mean 0 and standard deviation 1.
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        loop {
            let first = 2.0 * self.uniform() - 1.0;
            let second = 2.0 * self.uniform() - 1.0;
            let square = first * first + second * second;
            if square < 1.0 && square != 0.0 {
                let factor = (-2.0 * square.ln() / square).sqrt();
                self.spare = Some(factor * first);
                return factor * second;
            }
        }
    }

    /// The next integer from 0 to `largest`, all equally likely.
    pub fn up_to(&mut self, largest: u32) -> u32 {
        if largest == 0 {
            return 0;
        }
        let mask = u32::MAX >> largest.leading_zeros();
        loop {
            let value = self.word() & mask;
            if value <= largest {
                return value;
            }
        }
    }

    /// Shuffles items in place, as NumPy's `shuffle` does, for fewer than 2^32 items.
    ///
    /// ```
    /// let mut items: Vec<u32> = (0..10).collect();
    /// eidos::linalg::RandomState::new(0).shuffle(&mut items);
    /// assert_eq!(items, [2, 8, 4, 9, 1, 6, 7, 3, 0, 5]); // numpy.random.RandomState(0).permutation(10)
    /// ```
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.up_to(last as u32) as usize);
        }
    }

    /// The next number from 0 up to but not including 1, with 53 random bits.
    fn uniform(&mut self) -> f64 {
        let (high, low) = (self.word() >> 5, self.word() >> 6);
        (f64::from(high) * 67_108_864.0 + f64::from(low)) / 9_007_199_254_740_992.0
    }

    fn word(&mut self) -> u32 {
        if self.next == WORDS {
            self.twist();
        }
        let mut word = self.words[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    fn twist(&mut self) {
        for index in 0..WORDS {
            let joined = (self.words[index] & 0x8000_0000) | (self.words[(index + 1) % WORDS] & 0x7fff_ffff);
            let odd = if joined & 1 == 1 { 0x9908_b0df } else { 0 };
            self.words[index] = self.words[(index + MIDDLE) % WORDS] ^ (joined >> 1) ^ odd;
        }
        self.next = 0;
    }
}
