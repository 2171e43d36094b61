//! The fields of a message of Protocol Buffers, as far as a vocabulary needs them.

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Field<'a> {
    Number(u64),
    Float(f32),
    /// A text, bytes or a message.
    Bytes(&'a [u8]),
    /// Eight bytes, which nothing here needs.
    Other,
}

/// Goes through the fields of a message.
pub(super) struct Message<'a> {
    rest: &'a [u8],
}

impl<'a> Message<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next field and its number; `None` at the end.
    ///
    /// # Errors
    /// What is wrong with the message, as a predicate.
    pub fn next(&mut self) -> Result<Option<(u64, Field<'a>)>, &'static str> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let field = match key & 7 {
            0 => Field::Number(self.varint()?),
            1 => {
                self.take(8)?;
                Field::Other
            }
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| CUT)?;
                Field::Bytes(self.take(length)?)
            }
            5 => {
                let mut bytes = [0; 4];
                bytes.copy_from_slice(self.take(4)?);
                Field::Float(f32::from_le_bytes(bytes))
            }
            _ => return Err("has a field of a kind that there is not"),
        };
        match key >> 3 {
            0 => Err("has a field without a number"),
            number => Ok(Some((number, field))),
        }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], &'static str> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(CUT)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Seven bits a byte, the lowest first.
    fn varint(&mut self) -> Result<u64, &'static str> {
        let mut number = 0;
        for shift in (0..70).step_by(7) {
            let byte = self.take(1)?[0];
            // Bits beyond the 64th are dropped.
            number |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err("has a number of more than ten bytes")
    }
}

const CUT: &str = "ends inside a field";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_in_their_order() {
        let bytes = [8, 0x96, 1, 0x12, 2, b'h', b'i', 0x1d, 0, 0, 0x80, 0x3f, 0x21, 0, 0, 0, 0, 0, 0, 0, 0];
        let mut message = Message::new(&bytes);
        let expected = [(1, Field::Number(150)), (2, Field::Bytes(b"hi")), (3, Field::Float(1.0)), (4, Field::Other)];
        for field in expected {
            assert_eq!(message.next(), Ok(Some(field)));
        }
        assert_eq!(message.next(), Ok(None));
        for cut in 1..bytes.len() {
            let mut message = Message::new(&bytes[..cut]);
            while let Ok(Some(_)) = message.next() {}
        }
    }

    #[test]
    fn what_is_no_message_says_so() {
        let minus_one = [8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
        assert_eq!(Message::new(&minus_one).next(), Ok(Some((1, Field::Number(u64::MAX)))));
        for bytes in [
            &[8][..],
            &[0x12, 5, 1],
            &[0, 1],
            &[0x0b],
            &[0xff; 12],
            &[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
        ] {
            assert!(Message::new(bytes).next().is_err(), "{bytes:?}");
        }
    }
}
