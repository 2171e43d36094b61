//! Bytes as a disk, a person or an enemy may change them: blindly, or knowing what the numbers in a file mean.

use std::ops::Range;

use crate::json;
use crate::layout::{self, Field};
use crate::random::Random;

/// What the bytes of a file are, to whoever changes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON, or text with JSON in it.
    Json,
    Safetensors,
    Gguf,
    /// An archive of PyTorch.
    Archive,
    Pickle,
    /// A message of Protocol Buffers, with messages in it.
    Protobuf,
    /// An answer of a server: a head, and a body of JSON.
    Http,
    /// Words in no format.
    Text,
}

/// Files grow by changes, and no parser is to be measured by what disks hold.
const LARGEST: usize = 1 << 20;

/// Changes a file one to five times.
pub fn mutate(random: &mut Random, format: Format, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(3) * random.below(3) {
        let before = bytes.len();
        // Most changes keep the file's form, so that they reach what lies behind the first check.
        bytes = if random.one_in(6) { any(random, bytes) } else { formed(random, format, bytes) };
        if bytes.len() > LARGEST.max(before) {
            bytes.truncate(LARGEST);
        }
    }
    bytes
}

fn formed(random: &mut Random, format: Format, bytes: Vec<u8>) -> Vec<u8> {
    match format {
        Format::Json => json::mutate(random, &bytes).unwrap_or_else(|| any(random, bytes)),
        Format::Safetensors => safetensors(random, bytes),
        Format::Gguf => fields(random, bytes, layout::gguf),
        Format::Archive => fields(random, bytes, layout::archive),
        Format::Pickle => pickle(random, bytes),
        Format::Protobuf => fields(random, bytes, layout::protobuf),
        Format::Http => http(random, bytes),
        Format::Text => any(random, bytes),
    }
}

/// A change that knows nothing of the format. Half of them are where most formats say what is in a file.
fn any(random: &mut Random, mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.is_empty() {
        return vec![random.next() as u8];
    }
    let near = match random.below(4) {
        0 => 64,
        1 => 1024,
        _ => bytes.len(),
    };
    let near = near.min(bytes.len());
    let place = if random.one_in(5) { bytes.len() - 1 - random.below(near) } else { random.below(near) };
    let longest = random.pick(&[1, 4, 16, 64, 1024]);
    let range = place..(place + 1 + random.below(longest)).min(bytes.len());
    match random.below(9) {
        0 => bytes[place] ^= 1 << random.below(8),
        1 => bytes[place] = random.pick(&[0, 1, 0x7f, 0x80, 0xff, b'"', b'{', b'[', b'\n']),
        2 => bytes.truncate(place),
        3 => {
            let count = 1 + random.below(100);
            let value = random.pick(&[0, 0xff, b' ', b'a']);
            bytes.extend(std::iter::repeat_n(value, count));
        }
        4 => drop(bytes.drain(range)),
        5 => {
            let part = bytes[range].to_vec();
            bytes.splice(place..place, part);
        }
        6 => {
            let to = random.below(bytes.len() - range.len() + 1);
            bytes.copy_within(range, to);
        }
        7 => bytes[range].fill(0),
        _ => {
            let size = random.pick(&[1, 2, 4, 8]);
            let place = place / size * size;
            set(random, &mut bytes, place..place + size);
        }
    }
    bytes
}

/// Another number where there is one, the lowest byte first.
fn set(random: &mut Random, bytes: &mut [u8], place: Range<usize>) {
    if let Some(number) = bytes.get_mut(place) {
        let mut all = [0; 8];
        let size = number.len().min(8);
        all[..size].copy_from_slice(&number[..size]);
        let new = random.odd_integer(u64::from_le_bytes(all)).to_le_bytes();
        number[..size].copy_from_slice(&new[..size]);
    }
}

/// A change of a field of a binary format: another number, that of another field, or another text of the same length.
fn fields(random: &mut Random, mut bytes: Vec<u8>, find: fn(&[u8]) -> Vec<Field>) -> Vec<u8> {
    let found = find(&bytes);
    if found.is_empty() {
        return any(random, bytes);
    }
    match random.pick(&found) {
        Field::Number(place) if random.one_in(3) => {
            let others = found.iter().filter_map(|field| match field {
                Field::Number(other) if other.len() == place.len() && *other != place => Some(other.clone()),
                _ => None,
            });
            let others: Vec<_> = others.collect();
            if !others.is_empty() {
                let other = random.pick(&others);
                bytes.copy_within(other, place.start);
            }
        }
        Field::Number(place) => set(random, &mut bytes, place),
        Field::Text(place) if !place.is_empty() => {
            let texts = found.iter().filter_map(|field| match field {
                Field::Text(other) if other.len() == place.len() && *other != place => Some(other.clone()),
                _ => None,
            });
            let texts: Vec<_> = texts.collect();
            if texts.is_empty() || random.one_in(2) {
                bytes[place.start + random.below(place.len())] = random.pick(&[0, b' ', b'/', b'.', b'0', b'z', 0xff]);
            } else {
                let other = random.pick(&texts);
                bytes.copy_within(other, place.start);
            }
        }
        Field::Text(_) => {}
    }
    bytes
}

fn safetensors(random: &mut Random, mut bytes: Vec<u8>) -> Vec<u8> {
    let length = bytes.first_chunk().map_or(0, |length| u64::from_le_bytes(*length) as usize);
    let Some(header) = bytes.get(8..).and_then(|rest| rest.get(..length)) else { return any(random, bytes) };
    match random.below(5) {
        0 => {
            set(random, &mut bytes, 0..8);
            bytes
        }
        1 => any(random, bytes),
        _ => {
            let Some(header) = json::mutate(random, header) else { return any(random, bytes) };
            [&(header.len() as u64).to_le_bytes(), header.as_slice(), &bytes[8 + length..]].concat()
        }
    }
}

/// Instructions of a pickle that take what is there, make more of it, or ask for much.
const INSTRUCTIONS: [&[u8]; 24] = [
    b"(",
    b")",
    b"t",
    b"]",
    b"}",
    b"e",
    b"u",
    b"s",
    b"a",
    b"Q",
    b"R",
    b"0",
    b"b",
    b"N",
    b"\x85",
    b"\x86",
    b"\x87",
    b"\x93",
    b"\x94",
    b"q\x01",
    b"h\x01",
    b"K\x07",
    b"J\xff\xff\xff\xff",
    b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f",
];

fn pickle(random: &mut Random, mut bytes: Vec<u8>) -> Vec<u8> {
    // Numbers of tensors stand behind one of three instructions.
    let numbers: Vec<Range<usize>> = (0..bytes.len().saturating_sub(5))
        .filter_map(|place| match bytes[place] {
            b'K' => Some(place + 1..place + 2),
            b'M' => Some(place + 1..place + 3),
            b'J' => Some(place + 1..place + 5),
            _ => None,
        })
        .collect();
    match random.below(4) {
        0 if !numbers.is_empty() => {
            let place = random.pick(&numbers);
            set(random, &mut bytes, place);
        }
        1 => {
            let place = random.below(bytes.len() + 1);
            let instruction = random.pick(&INSTRUCTIONS);
            bytes.splice(place..place, instruction.iter().copied());
        }
        2 if !bytes.is_empty() => {
            let place = random.below(bytes.len());
            bytes[place] = random.pick(&INSTRUCTIONS)[0];
        }
        _ => return any(random, bytes),
    }
    bytes
}

/// Changes the head or the body; the length in the head follows the body.
fn http(random: &mut Random, bytes: Vec<u8>) -> Vec<u8> {
    const END: &[u8] = b"\r\n\r\n";
    let Some(end) = bytes.windows(END.len()).position(|four| four == END) else { return any(random, bytes) };
    let (head, body) = (&bytes[..end], &bytes[end + END.len()..]);
    if random.one_in(3) {
        return [&any(random, head.to_vec()), END, body].concat();
    }
    let body = json::mutate(random, body).unwrap_or_else(|| any(random, body.to_vec()));
    let head = String::from_utf8_lossy(head);
    let lines = head.split("\r\n").filter(|line| !line.to_ascii_lowercase().starts_with("content-length:"));
    let head = lines.collect::<Vec<_>>().join("\r\n");
    let length = format!("\r\nContent-Length: {}", body.len());
    [head.as_bytes(), length.as_bytes(), END, &body].concat()
}
