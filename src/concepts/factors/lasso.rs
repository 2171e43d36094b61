//! The codes of a row for a fixed dictionary: least squares with a penalty, and without negative codes where they are not allowed.
//!
//! Codes `z` minimise `|row - z D|^2 / 2 + penalty |z|_1`, which the products of the atoms, `D D^T`, and those of the row with the atoms
//! decide. Coordinate descent (Friedman and others, 2007) from zero finds which codes are not zero, for some rows side by side, and the
//! equations of those are solved row by row, as in Lawson and Hanson's method (1974). The conditions of the minimum end it, so that the
//! codes do not depend on a number of iterations, nor on what other rows there are.

// A function is compiled with the vector instructions of its caller only where it is inlined into it.
#![allow(clippy::inline_always)]

use crate::linalg::vectorised;

/// How far the conditions of the minimum may be from holding, as a part of the largest product of the row with an atom.
const TOLERANCE: f64 = 1e-10;

/// How many rows are improved side by side, one in each lane of the vectors.
const LANES: usize = 16;

/// With how many atoms rows are improved side by side: that computes with each pair of atoms, while a row alone skips those that it has not,
/// which are nearly all of many.
const MOST_SIDE_BY_SIDE: usize = 256;

/// How many times each code is improved side by side, from zero. More of them would find more of what is zero than solving costs.
const FIRST_SWEEPS: usize = 8;

/// How many times each code is improved before those that are not zero are solved for once more.
const SWEEPS: usize = 3;

/// How often all codes become zero at once that would change their sign, before they do one by one.
const AT_ONCE: usize = 4;

/// After how many rounds the codes are taken as they are. Atoms that are nearly the same can need many.
const ROUNDS: usize = 200;

/// What codes may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::concepts) struct Codes {
    /// The weight of the sum of their magnitudes.
    pub(in crate::concepts) penalty: f64,
    /// Whether they may be negative.
    pub(in crate::concepts) signed: bool,
    /// The weight of half the sum of their squares. The products of the atoms have it on their diagonal already.
    pub(in crate::concepts) ridge: f64,
}

/// What is computed of a row, and of rows side by side.
#[derive(Debug, Default)]
pub(in crate::concepts) struct Scratch {
    gradient: Vec<f64>,
    support: Vec<usize>,
    factor: Factor,
    solution: Vec<f64>,
    products: Vec<[f64; LANES]>,
    codes: Vec<[f64; LANES]>,
}

impl Codes {
    /// Finds the codes of rows, (rows, atoms), from their products with the atoms and the products of the atoms, (atoms, atoms). Those of a
    /// row have the same bits whatever the others are.
    pub(in crate::concepts) fn solve(
        self,
        gram: &[f64],
        products: &[f64],
        codes: &mut [f64],
        count: usize,
        scratch: &mut Scratch,
    ) {
        vectorised(
            #[inline(always)]
            || {
                // It is that of another dictionary's atoms.
                scratch.factor.atoms.clear();
                let is_descended = count <= MOST_SIDE_BY_SIDE;
                for (products, codes) in products.chunks(LANES * count).zip(codes.chunks_mut(LANES * count)) {
                    if is_descended {
                        self.descend(gram, products, codes, count, scratch);
                    }
                    for (products, codes) in products.chunks_exact(count).zip(codes.chunks_exact_mut(count)) {
                        self.finish(gram, products, codes, is_descended, scratch);
                    }
                }
            },
        );
    }

    /// Coordinate descent from zero, side by side. Lanes without a row compute with zeros.
    #[inline(always)]
    fn descend(self, gram: &[f64], products: &[f64], codes: &mut [f64], count: usize, scratch: &mut Scratch) {
        let Scratch { products: along, codes: side_by_side, .. } = scratch;
        along.clear();
        along.resize(count, [0.0; LANES]);
        side_by_side.clear();
        side_by_side.resize(count, [0.0; LANES]);
        for (lane, products) in products.chunks_exact(count).enumerate() {
            along.iter_mut().zip(products).for_each(|(along, &product)| along[lane] = product);
        }
        for _ in 0..FIRST_SWEEPS {
            for atom in 0..count {
                let row = &gram[atom * count..][..count];
                let square = row[atom];
                if square <= 0.0 {
                    continue;
                }
                let (mut even, mut odd) = (along[atom], [0.0; LANES]);
                let (row, last) = row.as_chunks::<2>();
                let (pairs, rest) = side_by_side.as_chunks::<2>();
                for (weights, codes) in row.iter().zip(pairs) {
                    for lane in 0..LANES {
                        even[lane] -= weights[0] * codes[0][lane];
                        odd[lane] -= weights[1] * codes[1][lane];
                    }
                }
                for (weight, codes) in last.iter().zip(rest) {
                    for lane in 0..LANES {
                        even[lane] -= weight * codes[lane];
                    }
                }
                let (step, signed) = (self.penalty / square, if self.signed { 1.0 } else { 0.0 });
                let own = &mut side_by_side[atom];
                for lane in 0..LANES {
                    let free = own[lane] + (even[lane] + odd[lane]) / square;
                    own[lane] = (free - step).max(0.0) + signed * (free + step).min(0.0);
                }
            }
        }
        for (lane, codes) in codes.chunks_exact_mut(count).enumerate() {
            codes.iter_mut().zip(&*side_by_side).for_each(|(code, side)| *code = side[lane]);
        }
    }

    /// Ends the search for the codes of a row, from those that coordinate descent has found, if there are any.
    #[inline(always)]
    fn finish(self, gram: &[f64], products: &[f64], codes: &mut [f64], is_descended: bool, scratch: &mut Scratch) {
        let largest = products.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
        if largest == 0.0 || !largest.is_finite() {
            codes.fill(0.0);
            return;
        }
        let bound = TOLERANCE * largest;
        if !is_descended {
            codes.fill(0.0);
            scratch.gradient.clear();
            scratch.gradient.extend(products.iter().map(|value| -value));
        }
        for round in 0..ROUNDS {
            if round > 0 || !is_descended {
                self.sweep(gram, codes, scratch);
                if self.violation(codes, &scratch.gradient) <= bound {
                    return;
                }
            }
            // At first many codes may be wrong; what that finds need not be nearer to the minimum, but what follows is.
            let at_once = if round == 0 { AT_ONCE } else { 0 };
            self.solve_support(gram, products, codes, at_once, scratch);
            if self.violation(codes, &scratch.gradient) <= bound {
                return;
            }
        }
    }

    /// Improves each code of a row some times.
    #[inline(always)]
    fn sweep(self, gram: &[f64], codes: &mut [f64], scratch: &mut Scratch) {
        let count = codes.len();
        for _ in 0..SWEEPS {
            for atom in 0..count {
                let row = &gram[atom * count..][..count];
                let square = row[atom];
                if square <= 0.0 {
                    continue;
                }
                let before = codes[atom];
                let after = self.shrunk(before - scratch.gradient[atom] / square, square);
                let change = after - before;
                if change != 0.0 {
                    codes[atom] = after;
                    add(&mut scratch.gradient, change, row);
                }
            }
        }
    }

    /// The minimum along one code, from the one without a penalty.
    #[inline(always)]
    fn shrunk(self, free: f64, square: f64) -> f64 {
        let step = self.penalty / square;
        if free > step {
            free - step
        } else if self.signed && free < -step {
            free + step
        } else {
            0.0
        }
    }

    /// How far the conditions of the minimum are from holding.
    #[inline(always)]
    fn violation(self, codes: &[f64], gradient: &[f64]) -> f64 {
        let of = |(&code, &slope): (&f64, &f64)| {
            if code > 0.0 {
                (slope + self.penalty).abs()
            } else if code < 0.0 {
                (slope - self.penalty).abs()
            } else if self.signed {
                (slope.abs() - self.penalty).max(0.0)
            } else {
                (-slope - self.penalty).max(0.0)
            }
        };
        codes.iter().zip(gradient).map(of).fold(0.0, f64::max)
    }

    /// Solves for the codes that are not zero. Where that would change the sign of some, these become zero, so many times; then it goes as far
    /// as the first that becomes zero, and never away from the minimum. Then it solves for the others. Of atoms that depend on each
    /// other one is given up, at no cost.
    #[inline(always)]
    fn solve_support(
        self,
        gram: &[f64],
        products: &[f64],
        codes: &mut [f64],
        mut at_once: usize,
        scratch: &mut Scratch,
    ) {
        let count = products.len();
        let Scratch { gradient, support, factor, solution, .. } = scratch;
        support.clear();
        support.extend((0..count).filter(|&atom| codes[atom] != 0.0));
        while !support.is_empty() {
            if let Some(place) = factor.factorise(gram, count, support) {
                factor.dependence(place, solution);
                self.give_up_one(&support[..=place], solution, codes);
                support.retain(|&atom| codes[atom] != 0.0);
                continue;
            }
            solution.clear();
            solution.extend(support.iter().map(|&atom| products[atom] - self.penalty * codes[atom].signum()));
            factor.substitute(solution);
            if at_once > 0 {
                at_once -= 1;
                let mut is_done = true;
                for (&atom, &after) in support.iter().zip(&*solution) {
                    let is_kept = codes[atom] * after > 0.0;
                    codes[atom] = if is_kept { after } else { 0.0 };
                    is_done &= is_kept;
                }
                if is_done {
                    break;
                }
                support.retain(|&atom| codes[atom] != 0.0);
                continue;
            }
            // How far to go: to the solution, or to where the first code becomes zero.
            let (mut share, mut first) = (1.0, None);
            for (place, &atom) in support.iter().enumerate() {
                let (before, after) = (codes[atom], solution[place]);
                if before * after <= 0.0 {
                    let to_zero = before / (before - after);
                    if first.is_none() || to_zero < share {
                        (share, first) = (to_zero, Some(place));
                    }
                }
            }
            for (place, &atom) in support.iter().enumerate() {
                codes[atom] = if first.is_none() {
                    solution[place]
                } else {
                    codes[atom] + share * (solution[place] - codes[atom])
                };
            }
            let Some(first) = first else { break };
            codes[support[first]] = 0.0;
            // Rounding can bring others to zero, or past it.
            support.retain(|&atom| codes[atom] != 0.0);
        }
        gradient.clear();
        gradient.extend(products.iter().map(|value| -value));
        for &atom in support.iter() {
            add(gradient, codes[atom], &gram[atom * count..][..count]);
        }
    }

    /// Moves codes along weights with which their atoms cancel each other out, to where the first of them becomes zero. What they add up
    /// to stays, and of the two ways it is the one in which their magnitudes do not grow.
    #[inline(always)]
    fn give_up_one(self, atoms: &[usize], weights: &[f64], codes: &mut [f64]) {
        let slope: f64 = atoms.iter().zip(weights).map(|(&atom, weight)| codes[atom].signum() * weight).sum();
        let way = if self.penalty > 0.0 && slope > 0.0 { -1.0 } else { 1.0 };
        let nearest = |way: f64| {
            let to_zero = |(&atom, &weight): (&usize, &f64)| {
                let speed = way * weight;
                (codes[atom] * speed < 0.0).then(|| (-codes[atom] / speed, atom))
            };
            atoms
                .iter()
                .zip(weights)
                .filter_map(to_zero)
                .reduce(|nearest, next| if next.0 < nearest.0 { next } else { nearest })
        };
        // One of the two ways leads to a zero: the weight of the last atom is 1.
        let found = nearest(way).map(|found| (way, found)).or_else(|| nearest(-way).map(|found| (-way, found)));
        if let Some((way, (distance, first))) = found {
            atoms.iter().zip(weights).for_each(|(&atom, weight)| codes[atom] += way * distance * weight);
            codes[first] = 0.0;
        }
    }
}

/// Adds `scale * values` to sums.
#[inline(always)]
fn add(sums: &mut [f64], scale: f64, values: &[f64]) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += scale * value);
}

/// The part of an atom's square below which what is left of it beside other atoms is rounding, or nearly so.
const DEPENDENT: f64 = 1e-10;

/// How many values of a column of a factor are computed with together.
const BLOCK: usize = 8;

/// Cholesky's factor of the products of some atoms.
#[derive(Debug, Default)]
struct Factor {
    /// The atoms that it is of; none where it is of none.
    atoms: Vec<usize>,
    /// The columns, each of whole blocks, with zeros above the diagonal and behind the last atom.
    columns: Vec<[f64; BLOCK]>,
    /// How many blocks a column has.
    blocks: usize,
}

impl Factor {
    /// Factorises the products of some atoms, if that was not done before; the place of the first atom that depends on those before it, if one
    /// does.
    #[inline(always)]
    fn factorise(&mut self, gram: &[f64], count: usize, atoms: &[usize]) -> Option<usize> {
        if self.atoms == atoms {
            return None;
        }
        let size = atoms.len();
        self.blocks = size.div_ceil(BLOCK);
        self.atoms.clear();
        self.columns.clear();
        self.columns.resize(size * self.blocks, [0.0; BLOCK]);
        for (place, (column, &atom)) in self.columns.chunks_exact_mut(self.blocks).zip(atoms).enumerate() {
            let products = &gram[atom * count..][..count];
            let values = column.as_flattened_mut()[place..].iter_mut();
            values.zip(&atoms[place..]).for_each(|(value, &other)| *value = products[other]);
        }
        for place in 0..size {
            let (done, rest) = self.columns.split_at_mut((place + 1) * self.blocks);
            let column = &mut done[place * self.blocks..];
            let first = place / BLOCK;
            let square = column.as_flattened()[place];
            if square <= DEPENDENT * gram[atoms[place] * (count + 1)] {
                return Some(place);
            }
            // Whole blocks were computed with, so that there are numbers above the diagonal.
            column.as_flattened_mut()[first * BLOCK..place].fill(0.0);
            let scale = square.sqrt().recip();
            column[first..].as_flattened_mut().iter_mut().for_each(|value| *value *= scale);
            for (next, other) in (place + 1..size).zip(rest.chunks_exact_mut(self.blocks)) {
                let (block, scale) = (next / BLOCK, column.as_flattened()[next]);
                for (other, values) in other[block..].iter_mut().zip(&column[block..]) {
                    for lane in 0..BLOCK {
                        other[lane] -= scale * values[lane];
                    }
                }
            }
        }
        self.atoms.extend_from_slice(atoms);
        None
    }

    fn column(&self, place: usize) -> &[f64] {
        self.columns[place * self.blocks..][..self.blocks].as_flattened()
    }

    /// The weights with which the atoms up to `place` cancel each other out, 1 for that one, from the columns before it.
    #[inline(always)]
    fn dependence(&self, place: usize, weights: &mut Vec<f64>) {
        weights.clear();
        weights.extend((0..place).map(|column| -self.column(column)[place]));
        for row in (0..place).rev() {
            let column = &self.column(row)[..place];
            let known: f64 = column[row + 1..].iter().zip(&weights[row + 1..]).map(|(left, right)| left * right).sum();
            weights[row] = (weights[row] - known) / column[row];
        }
        weights.push(1.0);
    }

    /// Solves `factor factor^T x = values` in place.
    #[inline(always)]
    fn substitute(&self, values: &mut Vec<f64>) {
        let size = values.len();
        values.resize(self.blocks * BLOCK, 0.0);
        let (blocks, _) = values.as_chunks_mut::<BLOCK>();
        for (place, column) in self.columns.chunks_exact(self.blocks).enumerate() {
            let first = place / BLOCK;
            let value = blocks.as_flattened()[place] / column.as_flattened()[place];
            for (values, column) in blocks[first..].iter_mut().zip(&column[first..]) {
                for lane in 0..BLOCK {
                    values[lane] -= value * column[lane];
                }
            }
            blocks.as_flattened_mut()[place] = value;
        }
        for (place, column) in self.columns.chunks_exact(self.blocks).enumerate().rev() {
            let first = place / BLOCK;
            let value = std::mem::take(&mut blocks.as_flattened_mut()[place]);
            let mut sums = [0.0; BLOCK];
            for (values, column) in blocks[first..].iter().zip(&column[first..]) {
                for lane in 0..BLOCK {
                    sums[lane] += values[lane] * column[lane];
                }
            }
            let known: f64 = sums.iter().sum();
            blocks.as_flattened_mut()[place] = (value - known) / column.as_flattened()[place];
        }
        values.truncate(size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::RandomState;

    /// The products of random atoms, and of a row with them.
    fn problem(atoms: usize, columns: usize, shift: f64, seed: u32) -> (Vec<f64>, Vec<f64>) {
        let mut random = RandomState::new(seed);
        let dictionary: Vec<f64> = (0..atoms * columns).map(|_| random.normal() + shift).collect();
        let row: Vec<f64> = (0..columns).map(|_| random.normal()).collect();
        let dot = |left: &[f64], right: &[f64]| left.iter().zip(right).map(|(a, b)| a * b).sum::<f64>();
        let rows: Vec<&[f64]> = dictionary.chunks(columns).collect();
        let gram = rows.iter().flat_map(|left| rows.iter().map(|right| dot(left, right))).collect();
        (gram, rows.iter().map(|atom| dot(atom, &row)).collect())
    }

    #[test]
    fn the_conditions_of_the_minimum_hold() {
        for seed in 0..20 {
            for (atoms, columns) in
                [(1, 3), (6, 9), (30, 40), (40, 12), (260, 20)].into_iter().take(if seed < 3 { 5 } else { 4 })
            {
                for shift in [0.0, 2.0] {
                    let (gram, products) = problem(atoms, columns, shift, seed);
                    for kind in [(0.0, false), (0.7, false), (0.7, true)] {
                        let kind = Codes { penalty: kind.0, signed: kind.1, ridge: 0.0 };
                        let (mut codes, mut scratch) = (vec![f64::NAN; atoms], Scratch::default());
                        kind.solve(&gram, &products, &mut codes, atoms, &mut scratch);
                        let slope: Vec<f64> = (0..atoms)
                            .map(|a| (0..atoms).map(|b| gram[a * atoms + b] * codes[b]).sum::<f64>() - products[a])
                            .collect();
                        let largest = products.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
                        let off = kind.violation(&codes, &slope) / largest;
                        assert!(off <= 1e-9, "{off} for {atoms} atoms of {columns} columns, {kind:?}");
                        assert!(kind.signed || codes.iter().all(|&code| code >= 0.0));
                    }
                }
            }
        }
    }

    #[test]
    fn codes_are_those_of_scipy_and_scikit_learn() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/data/factors");
        let results = std::fs::read(folder.join("results.safetensors")).unwrap();
        let results = safetensors::SafeTensors::deserialize(&results).unwrap();
        let penalty: serde_json::Value =
            serde_json::from_slice(&std::fs::read(folder.join("expected.json")).unwrap()).unwrap();
        let penalty = penalty["penalty"].as_f64().unwrap();
        let read = |name: String| -> (usize, Vec<f64>) {
            let tensor = results.tensor(&name).unwrap();
            let values = tensor.data().as_chunks::<8>().0.iter().map(|&bytes| f64::from_le_bytes(bytes)).collect();
            (tensor.shape()[1], values)
        };
        for problem in ["few", "many", "alike"] {
            let (columns, dictionary) = read(format!("{problem}/dictionary"));
            let rows = read(format!("{problem}/rows")).1;
            for (name, penalty, signed) in
                [("nonnegative", 0.0, false), ("lasso_positive", penalty, false), ("lasso", penalty, true)]
            {
                let kind = Codes { penalty, signed, ridge: 0.0 };
                let coder = super::super::Coder::new(dictionary.clone(), columns, kind).unwrap();
                let mut work = super::super::model::Work::default();
                let found = coder.codes(&rows, &mut work).unwrap().0;
                let expected = read(format!("{problem}/{name}")).1;
                // Without a penalty, more atoms than columns have many codes for a row, which add up to the same.
                let (found, expected) = if problem == "many" && name == "nonnegative" {
                    let sums = |codes: &[f64]| -> Vec<f64> {
                        let of = |codes: &[f64], column: usize| -> f64 {
                            codes.iter().zip(dictionary.chunks(columns)).map(|(code, atom)| code * atom[column]).sum()
                        };
                        codes
                            .chunks(dictionary.len() / columns)
                            .flat_map(|codes| (0..columns).map(move |column| of(codes, column)))
                            .collect()
                    };
                    (sums(found), sums(&expected))
                } else {
                    (found.to_vec(), expected)
                };
                let largest = expected.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
                for (place, (found, expected)) in found.iter().zip(&expected).enumerate() {
                    // Theirs ends at a tolerance of 1e-15 of the objective, which is the square of that of the codes.
                    assert!((found - expected).abs() <= 1e-6 * largest, "{problem} {name} {place}: {found} {expected}");
                }
            }
        }
    }

    #[test]
    fn a_known_solution_is_found() {
        // Atoms (1, 0) and (1, 1), row (2, 1): codes 1 and 1. Row (-1, 1): the second alone, (0), of no use.
        let gram = [1.0, 1.0, 1.0, 2.0];
        let kind = Codes { penalty: 0.0, signed: false, ridge: 0.0 };
        let (mut codes, mut scratch) = ([0.0; 2], Scratch::default());
        kind.solve(&gram, &[2.0, 3.0], &mut codes, 2, &mut scratch);
        assert!((codes[0] - 1.0).abs() < 1e-12 && (codes[1] - 1.0).abs() < 1e-12, "{codes:?}");
        kind.solve(&gram, &[-1.0, 0.0], &mut codes, 2, &mut scratch);
        assert!(codes.iter().all(|code| code.abs() < 1e-300), "{codes:?}");
        // Atoms that are the same leave the choice open; it ends all the same.
        kind.solve(&[1.0; 4], &[2.0, 2.0], &mut codes, 2, &mut scratch);
        assert!((codes[0] + codes[1] - 2.0).abs() < 1e-9, "{codes:?}");
    }
}
