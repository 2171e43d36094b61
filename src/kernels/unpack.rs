//! Numbers of quantised blocks, by vector instructions.
//!
//! A block holds small whole numbers with a scale, or several. A number has the bits that candle gives it, which a test holds
//! it against: a product, rounded, and where there is an offset a sum, rounded again. So loops here are not fused into
//! fewer roundings, and what they gain is that a block is unpacked a register at a time and may lie anywhere in memory.

use std::hint::black_box;

use candle_core::quantized::GgmlDType;

use super::simd::{from_f16, widen_f16};
use crate::linalg::vectorised;

/// Unpacks block after block, compiled for each set of vector instructions.
///
/// The function is named and not passed: one that is passed is called through a function of the compiler's, which it may not inline,
/// and has no vector instructions then. The compiler is to know neither which block it is, or it unpacks several in turns with one byte
/// of each at a time, nor that the numbers might lie where the block does, hence an array of their own.
macro_rules! each {
    ($unpack:ident) => {
        |bytes: &[u8], values: &mut [f32]| {
            vectorised(
                #[inline(always)]
                move || {
                    let (blocks, values) = (bytes.as_chunks().0, values.as_chunks_mut().0);
                    for (block, values) in blocks.iter().zip(values) {
                        let mut own = [0.0; _];
                        $unpack(black_box(block), &mut own);
                        *values = own;
                    }
                },
            );
        }
    };
}

/// How numbers are stored: so many of them together, in so many bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Format {
    /// The numbers of a block.
    pub numbers: usize,
    /// Its bytes.
    pub bytes: usize,
    unpack: fn(&[u8], &mut [f32]),
}

impl Format {
    /// Numbers of half precision, each a block of its own.
    pub const F16: Self = Self { numbers: 1, bytes: 2, unpack: widen_f16 };

    /// Numbers of four bits, 32 of them with a power of two.
    pub const MXFP4: Self = Self { numbers: 32, bytes: 17, unpack: each!(mxfp4) };

    /// Quantised numbers; nothing for a type that no file has.
    pub fn of_blocks(kind: GgmlDType) -> Option<Self> {
        let unpack: fn(&[u8], &mut [f32]) = match kind {
            GgmlDType::Q4_0 => each!(q4_0),
            GgmlDType::Q4_1 => each!(q4_1),
            GgmlDType::Q5_0 => each!(q5_0),
            GgmlDType::Q5_1 => each!(q5_1),
            GgmlDType::Q8_0 => each!(q8_0),
            GgmlDType::Q2K => each!(q2_k),
            GgmlDType::Q3K => each!(q3_k),
            GgmlDType::Q4K => each!(q4_k),
            GgmlDType::Q5K => each!(q5_k),
            GgmlDType::Q6K => each!(q6_k),
            _ => return None,
        };
        Some(Self { numbers: kind.block_size(), bytes: kind.type_size(), unpack })
    }

    /// How many bytes so many numbers take; nothing where they are not whole blocks.
    pub fn size_of(&self, numbers: usize) -> Option<usize> {
        numbers.is_multiple_of(self.numbers).then(|| numbers / self.numbers * self.bytes)
    }

    /// Writes the numbers of whole blocks into a panel of as many numbers. A number depends on its block only.
    pub fn unpack(&self, bytes: &[u8], values: &mut [f32]) {
        (self.unpack)(bytes, values);
    }
}

/// The f16 number at a place of a block.
#[inline(always)]
fn scale<const BYTES: usize>(block: &[u8; BYTES], place: usize) -> f32 {
    from_f16(u16::from_le_bytes([block[place], block[place + 1]]))
}

#[inline(always)]
fn q4_0(block: &[u8; 18], values: &mut [f32; 32]) {
    let d = scale(block, 0);
    for index in 0..16 {
        let byte = block[2 + index];
        values[index] = (i32::from(byte & 15) - 8) as f32 * d;
        values[index + 16] = (i32::from(byte >> 4) - 8) as f32 * d;
    }
}

#[inline(always)]
fn q4_1(block: &[u8; 20], values: &mut [f32; 32]) {
    let (d, m) = (scale(block, 0), scale(block, 2));
    for index in 0..16 {
        let byte = block[4 + index];
        values[index] = f32::from(byte & 15) * d + m;
        values[index + 16] = f32::from(byte >> 4) * d + m;
    }
}

/// The fifth bits of a block of 32 numbers.
#[inline(always)]
fn fifth_bits<const BYTES: usize>(block: &[u8; BYTES], place: usize) -> u32 {
    u32::from_le_bytes([block[place], block[place + 1], block[place + 2], block[place + 3]])
}

#[inline(always)]
fn q5_0(block: &[u8; 22], values: &mut [f32; 32]) {
    let (d, high) = (scale(block, 0), fifth_bits(block, 2));
    for index in 0..16 {
        let (byte, bits) = (u32::from(block[6 + index]), high >> index);
        values[index] = ((byte & 15 | (bits & 1) << 4) as i32 - 16) as f32 * d;
        values[index + 16] = ((byte >> 4 | (bits >> 16 & 1) << 4) as i32 - 16) as f32 * d;
    }
}

#[inline(always)]
fn q5_1(block: &[u8; 24], values: &mut [f32; 32]) {
    let (d, m, high) = (scale(block, 0), scale(block, 2), fifth_bits(block, 4));
    for index in 0..16 {
        let (byte, bits) = (u32::from(block[8 + index]), high >> index);
        values[index] = ((byte & 15 | (bits & 1) << 4) as i32) as f32 * d + m;
        values[index + 16] = ((byte >> 4 | (bits >> 16 & 1) << 4) as i32) as f32 * d + m;
    }
}

#[inline(always)]
fn q8_0(block: &[u8; 34], values: &mut [f32; 32]) {
    let d = scale(block, 0);
    for (value, byte) in values.iter_mut().zip(&block[2..]) {
        *value = f32::from(byte.cast_signed()) * d;
    }
}

/// Twice a number of four bits (OCP Microscaling Formats 1.0, E2M1): a sign, two bits of an exponent, one of a fraction.
#[inline(always)]
fn twice_fp4(bits: u8) -> f32 {
    let (exponent, fraction) = (i32::from(bits >> 1 & 3), i32::from(bits & 1));
    let magnitude = if exponent == 0 { fraction } else { (2 | fraction) << ((exponent - 1) & 3) };
    (if bits & 8 == 0 { magnitude } else { -magnitude }) as f32
}

#[inline(always)]
fn mxfp4(block: &[u8; 17], values: &mut [f32; 32]) {
    // Half of 2^(exponent - 127); the two smallest are too small to be normal numbers.
    let exponent = u32::from(block[0]);
    let half = f32::from_bits(if exponent < 2 { 0x0020_0000 << exponent } else { (exponent - 1) << 23 });
    for index in 0..16 {
        let byte = block[1 + index];
        values[index] = twice_fp4(byte & 15) * half;
        values[index + 16] = twice_fp4(byte >> 4) * half;
    }
}

#[inline(always)]
fn q2_k(block: &[u8; 84], values: &mut [f32; 256]) {
    let (d, m) = (scale(block, 80), scale(block, 82));
    // Two halves of 128 numbers, each with 32 bytes; a pair of bits after the other gives 32 of the numbers.
    for (part, values) in values.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let (first, shift) = (16 + part / 8 * 32 + part % 2 * 16, part % 8 / 2 * 2);
        let (d, m) = (d * f32::from(block[part] & 15), m * f32::from(block[part] >> 4));
        for (value, byte) in values.iter_mut().zip(&block[first..first + 16]) {
            *value = d * f32::from(byte >> shift & 3) - m;
        }
    }
}

#[inline(always)]
fn q3_k(block: &[u8; 110], values: &mut [f32; 256]) {
    let d = scale(block, 108);
    for (part, values) in values.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        // The scale of a part: its lower four bits in one of eight bytes, its upper two in one of four.
        let low = block[96 + part % 8] >> (part / 8 * 4) & 15;
        let high = block[104 + part % 4] >> (part / 4 * 2) & 3;
        let d = d * (f32::from(low | high << 4) - 32.0);
        let (first, shift) = (32 + part / 8 * 32 + part % 2 * 16, part % 8 / 2 * 2);
        let (third, bit) = (part % 2 * 16, part / 2);
        let thirds = &block[third..third + 16];
        for ((value, byte), third) in values.iter_mut().zip(&block[first..first + 16]).zip(thirds) {
            let offset = 4 - i32::from(third >> bit & 1) * 4;
            *value = d * (i32::from(byte >> shift & 3) - offset) as f32;
        }
    }
}

/// The scale and the offset of a part of a block, six bits each, of the twelve bytes that hold eight of both.
#[inline(always)]
fn scale_and_offset(scales: &[u8], part: usize) -> (f32, f32) {
    let (scale, offset) = if part < 4 {
        (scales[part] & 63, scales[part + 4] & 63)
    } else {
        let (low, high) = (scales[part + 4], part - 4);
        (low & 15 | scales[high] >> 6 << 4, low >> 4 | scales[part] >> 6 << 4)
    };
    (f32::from(scale), f32::from(offset))
}

#[inline(always)]
fn q4_k(block: &[u8; 144], values: &mut [f32; 256]) {
    let (d, m) = (scale(block, 0), scale(block, 2));
    for (part, values) in values.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let (scale, offset) = scale_and_offset(&block[4..16], part);
        let (d, m) = (d * scale, m * offset);
        let (first, shift) = (16 + part / 2 * 32, part % 2 * 4);
        for (value, byte) in values.iter_mut().zip(&block[first..first + 32]) {
            *value = d * f32::from(byte >> shift & 15) - m;
        }
    }
}

#[inline(always)]
fn q5_k(block: &[u8; 176], values: &mut [f32; 256]) {
    let (d, m) = (scale(block, 0), scale(block, 2));
    for (part, values) in values.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let (scale, offset) = scale_and_offset(&block[4..16], part);
        let (d, m) = (d * scale, m * offset);
        let (first, shift) = (48 + part / 2 * 32, part % 2 * 4);
        let fifths = &block[16..48];
        for ((value, byte), fifth) in values.iter_mut().zip(&block[first..first + 32]).zip(fifths) {
            *value = d * f32::from(byte >> shift & 15 | (fifth >> part & 1) << 4) - m;
        }
    }
}

#[inline(always)]
fn q6_k(block: &[u8; 210], values: &mut [f32; 256]) {
    let d = scale(block, 208);
    for (part, values) in values.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        // As for blocks.
        let part = black_box(part);
        // Two halves of 128 numbers, each with 64 bytes of lower and 32 of upper bits.
        let (half, within) = (part / 8, part % 8);
        let (first, shift) = (half * 64 + within % 4 * 16, within / 4 * 4);
        let (upper, upper_shift) = (128 + half * 32 + within % 2 * 16, within / 2 * 2);
        let d = d * f32::from(block[192 + part].cast_signed());
        let uppers = &block[upper..upper + 16];
        for ((value, byte), upper) in values.iter_mut().zip(&block[first..first + 16]).zip(uppers) {
            let number = byte >> shift & 15 | (upper >> upper_shift & 3) << 4;
            *value = d * (i32::from(number) - 32) as f32;
        }
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use std::borrow::Cow;

    use candle_core::CpuStorage;

    use super::*;

    const KINDS: [GgmlDType; 10] = [
        GgmlDType::Q4_0,
        GgmlDType::Q4_1,
        GgmlDType::Q5_0,
        GgmlDType::Q5_1,
        GgmlDType::Q8_0,
        GgmlDType::Q2K,
        GgmlDType::Q3K,
        GgmlDType::Q4K,
        GgmlDType::Q5K,
        GgmlDType::Q6K,
    ];

    /// Bytes in no order, in memory that is aligned as candle wants it.
    fn bytes(count: usize) -> Vec<u8> {
        let mut state = 1_u64;
        let mut byte = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        };
        (0..count).map(|_| byte()).collect()
    }

    #[test]
    fn numbers_have_the_bits_that_candle_gives_them() {
        const BLOCKS: usize = 4000;
        for kind in KINDS {
            let (numbers, size) = (kind.block_size(), kind.type_size());
            let bytes = bytes(BLOCKS * size);
            let mut words = vec![0_u32; bytes.len().div_ceil(4)];
            let aligned = &mut bytemuck::cast_slice_mut::<u32, u8>(&mut words)[..bytes.len()];
            aligned.copy_from_slice(&bytes);
            let blocks = kind.from_data(Cow::Borrowed(&*aligned));
            let CpuStorage::F32(expected) = blocks.dequantize(BLOCKS * numbers).unwrap() else { panic!("{kind:?}") };
            let format = Format::of_blocks(kind).unwrap();
            assert_eq!(format.size_of(BLOCKS * numbers), Some(bytes.len()));
            for shift in 0..4 {
                let moved = [&[0; 3][..shift], &bytes].concat();
                let mut found = vec![7.0; BLOCKS * numbers];
                format.unpack(&moved[shift..], &mut found);
                let equal = |(ours, theirs): (&f32, &f32)| {
                    ours.to_bits() == theirs.to_bits() || ours.is_nan() && theirs.is_nan()
                };
                let first = found.iter().zip(&expected).position(|pair| !equal(pair));
                assert_eq!(first, None, "{kind:?}: {:?}", first.map(|index| (found[index], expected[index])));
            }
            assert!(expected.iter().filter(|value| value.is_finite() && **value != 0.0).count() > BLOCKS * numbers / 2);
        }
    }

    #[test]
    fn numbers_of_four_bits_are_those_of_the_specification() {
        let magnitudes = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0_f32];
        for exponent in 0..=255_u8 {
            let scale = 2.0_f64.powi(i32::from(exponent) - 127);
            let mut block = [0; 17];
            block[0] = exponent;
            (0..16).for_each(|index| block[1 + index] = (index | (15 - index) << 4) as u8);
            let mut found = [7.0; 32];
            Format::MXFP4.unpack(&block, &mut found);
            for (place, value) in found.into_iter().enumerate() {
                let bits = if place < 16 { place } else { 31 - place };
                let magnitude = f64::from(magnitudes[bits % 8]) * scale;
                let expected = if bits < 8 { magnitude } else { -magnitude } as f32;
                assert!(value == expected, "{exponent} {bits}: {value} {expected}");
            }
        }
    }

    #[test]
    fn what_no_file_has_is_not_unpacked() {
        assert!(Format::of_blocks(GgmlDType::Q8K).is_none() && Format::of_blocks(GgmlDType::F32).is_none());
        assert_eq!(Format::of_blocks(GgmlDType::Q8_0).unwrap().size_of(33), None);
    }
}
