//! Where the numbers and the names of binary formats lie, as far as a file can be followed.

use std::ops::Range;

/// Something in a file that is read by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    Number(Range<usize>),
    Text(Range<usize>),
}

fn number(bytes: &[u8], place: Range<usize>) -> Option<usize> {
    let mut all = [0; 8];
    all.get_mut(..place.len())?.copy_from_slice(bytes.get(place)?);
    usize::try_from(u64::from_le_bytes(all)).ok()
}

/// Walks through a GGUF file and writes down what it passes.
pub struct Gguf<'a> {
    bytes: &'a [u8],
    place: usize,
    pub fields: Vec<Field>,
    /// Each metadata key, with all bytes of its entry.
    pub entries: Vec<(&'a [u8], Range<usize>)>,
    /// Each tensor's name, with where it says its sides, type and place.
    pub tensors: Vec<(&'a [u8], Range<usize>)>,
}

impl<'a> Gguf<'a> {
    pub fn walk(bytes: &'a [u8]) -> Self {
        let mut walk = Self { bytes, place: 4, fields: Vec::new(), entries: Vec::new(), tensors: Vec::new() };
        walk.all();
        walk
    }

    fn all(&mut self) -> Option<()> {
        self.number(4)?;
        let (tensors, entries) = (self.number(8)?, self.number(8)?);
        for _ in 0..entries {
            let start = self.place;
            let key = self.text()?;
            let kind = self.number(4)?;
            self.value(kind, 3)?;
            self.entries.push((key, start..self.place));
        }
        for _ in 0..tensors {
            let name = self.text()?;
            let start = self.place;
            for _ in 0..self.number(4)? {
                self.number(8)?;
            }
            self.number(4)?;
            self.number(8)?;
            self.tensors.push((name, start..self.place));
        }
        Some(())
    }

    fn number(&mut self, size: usize) -> Option<usize> {
        let place = self.place..self.place.checked_add(size)?;
        let number = number(self.bytes, place.clone())?;
        self.place = place.end;
        self.fields.push(Field::Number(place));
        Some(number)
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.number(8)?;
        let place = self.place..self.place.checked_add(length)?;
        let text = self.bytes.get(place.clone())?;
        self.place = place.end;
        self.fields.push(Field::Text(place));
        Some(text)
    }

    fn value(&mut self, kind: usize, deeper: usize) -> Option<()> {
        match kind {
            0 | 1 | 7 => self.number(1)?,
            2 | 3 => self.number(2)?,
            4..=6 => self.number(4)?,
            8 => self.text()?.len(),
            10..=12 => self.number(8)?,
            9 => {
                let (kind, count) = (self.number(4)?, self.number(8)?);
                for _ in 0..count {
                    self.value(kind, deeper.checked_sub(1)?)?;
                }
                0
            }
            _ => return None,
        };
        Some(())
    }
}

pub fn gguf(bytes: &[u8]) -> Vec<Field> {
    Gguf::walk(bytes).fields
}

/// The fields of the directory of a zip archive, of its end, and of the entries' own headers.
pub fn archive(bytes: &[u8]) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut add = |start: usize, places: &[(usize, usize)]| {
        let numbers = places.iter().map(|(place, size)| start + place..start + place + size);
        fields.extend(numbers.filter(|place| place.end <= bytes.len()).map(Field::Number));
    };
    for start in 0..bytes.len().saturating_sub(4) {
        match &bytes[start..start + 4] {
            b"PK\x01\x02" => {
                add(start, &[(8, 2), (10, 2), (20, 4), (24, 4), (28, 2), (30, 2), (32, 2), (42, 4)]);
            }
            b"PK\x03\x04" => add(start, &[(6, 2), (8, 2), (18, 4), (22, 4), (26, 2), (28, 2)]),
            b"PK\x05\x06" => add(start, &[(8, 2), (10, 2), (12, 4), (16, 4), (20, 2)]),
            b"PK\x06\x06" => add(start, &[(4, 8), (24, 8), (32, 8), (40, 8), (48, 8)]),
            b"PK\x06\x07" => add(start, &[(8, 8), (16, 4)]),
            _ => {}
        }
    }
    let names = lines(bytes).into_iter().map(|line| Field::Text(line.name)).collect::<Vec<_>>();
    fields.extend(names);
    fields
}

/// A line of a zip archive's directory.
struct Line {
    name: Range<usize>,
    start: usize,
    size: usize,
}

fn lines(bytes: &[u8]) -> Vec<Line> {
    let starts = (0..bytes.len().saturating_sub(46)).filter(|start| bytes[*start..].starts_with(b"PK\x01\x02"));
    let line = |start: usize| {
        let at = |place: usize, size: usize| number(bytes, start + place..start + place + size);
        let name = start + 46..(start + 46).checked_add(at(28, 2)?)?;
        bytes.get(name.clone())?;
        Some(Line { name, start: at(42, 4)?, size: at(24, 4)? })
    };
    starts.filter_map(line).collect()
}

/// The entries of an archive that is as it should be.
pub fn entries(bytes: &[u8]) -> Vec<(&[u8], &[u8])> {
    let entry = |line: Line| {
        let length = |place: usize| number(bytes, line.start + place..line.start + place + 2);
        let start = line.start + 30 + length(26)? + length(28)?;
        Some((&bytes[line.name], bytes.get(start..start + line.size)?))
    };
    lines(bytes).into_iter().filter_map(entry).collect()
}

/// An archive of entries that are not compressed.
pub fn write_archive(entries: &[(&[u8], &[u8])]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in entries {
        let (start, size) = (bytes.len() as u32, content.len() as u32);
        let sizes = [size.to_le_bytes(), size.to_le_bytes()].concat();
        let name_size = (name.len() as u16).to_le_bytes();
        bytes.extend([b"PK\x03\x04".as_slice(), &[0; 14], &sizes, &name_size, &[0; 2], name, content].concat());
        let line = [b"PK\x01\x02".as_slice(), &[0; 16], &sizes, &name_size, &[0; 12], &start.to_le_bytes(), name];
        directory.extend(line.concat());
    }
    let count = (entries.len() as u16).to_le_bytes();
    let (size, start) = ((directory.len() as u32).to_le_bytes(), (bytes.len() as u32).to_le_bytes());
    let end = [b"PK\x05\x06".as_slice(), &[0; 4], &count, &count, &size, &start, &[0; 2]].concat();
    bytes.extend([directory, end].concat());
    bytes
}

/// The keys, numbers, lengths and texts of a message of Protocol Buffers, and of the messages in it: what reads as one is one.
pub fn protobuf(bytes: &[u8]) -> Vec<Field> {
    let mut fields = Vec::new();
    message(bytes, 0..bytes.len(), 2, &mut fields);
    fields
}

fn message(bytes: &[u8], place: Range<usize>, deeper: usize, fields: &mut Vec<Field>) -> Option<()> {
    let varint = |start: usize| {
        let length = bytes[start..place.end].iter().take(10).position(|byte| *byte < 0x80)? + 1;
        let number =
            bytes[start..start + length].iter().rev().fold(0_usize, |all, byte| (all << 7) | usize::from(byte & 0x7f));
        Some((number, start..start + length))
    };
    let mut start = place.start;
    while start < place.end {
        let (key, at) = varint(start)?;
        start = at.end;
        fields.push(Field::Number(at));
        let end = match key & 7 {
            0 => {
                let (_, at) = varint(start)?;
                let end = at.end;
                fields.push(Field::Number(at));
                end
            }
            1 => start + 8,
            2 => {
                let (length, at) = varint(start)?;
                let inner = at.end..at.end.checked_add(length).filter(|end| *end <= place.end)?;
                fields.push(Field::Number(at));
                let known = fields.len();
                if deeper == 0 || message(bytes, inner.clone(), deeper - 1, fields).is_none() {
                    fields.truncate(known);
                    fields.push(Field::Text(inner.clone()));
                }
                inner.end
            }
            5 => {
                fields.push(Field::Number(start..(start + 4).min(place.end)));
                start + 4
            }
            _ => return None,
        };
        if end > place.end {
            return None;
        }
        start = end;
    }
    Some(())
}
