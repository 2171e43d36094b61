//! The lines of a file, as bytes.

use std::io::{self, BufRead};

/// Why the next line could not be read.
#[derive(Debug)]
pub(super) enum LineError {
    /// The system refused.
    Io(io::Error),
    /// The line has more bytes than allowed.
    TooLong,
    /// There is no memory for the line.
    OutOfMemory,
}

/// Reads one line into `line`, without the `\n` or `\r\n` that ends it; returns `false` at the end of the file. Memory:
/// the line.
///
/// # Errors
/// [`LineError`]; a line of more than `most` bytes is not read to its end.
pub(super) fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>, most: usize) -> Result<bool, LineError> {
    line.clear();
    let mut ended = false;
    while !ended {
        let bytes = match reader.fill_buf() {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(LineError::Io(error)),
        };
        if bytes.is_empty() {
            return Ok(!line.is_empty());
        }
        let end = bytes.iter().position(|&byte| byte == b'\n');
        let part = &bytes[..end.unwrap_or(bytes.len())];
        if part.len() > most - line.len() {
            return Err(LineError::TooLong);
        }
        line.try_reserve(part.len()).map_err(|_| LineError::OutOfMemory)?;
        line.extend_from_slice(part);
        let used = part.len() + usize::from(end.is_some());
        reader.consume(used);
        ended = end.is_some();
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8], buffer: usize) -> Vec<Vec<u8>> {
        let mut reader = io::BufReader::with_capacity(buffer, bytes);
        let (mut line, mut lines) = (Vec::new(), Vec::new());
        while read_line(&mut reader, &mut line, 8).unwrap() {
            lines.push(line.clone());
        }
        lines
    }

    #[test]
    fn a_line_ends_the_same_wherever_the_buffer_does() {
        for buffer in 1..12 {
            assert_eq!(lines(b"a\r\n\n\r\nb\rc\nlast\r", buffer), [&b"a"[..], b"", b"", b"b\rc", b"last\r"]);
            assert_eq!(lines(b"end\n", buffer), [b"end"]);
            assert_eq!(lines(b"", buffer), [b""; 0]);
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_not_read_to_its_end() {
        let mut line = Vec::new();
        assert!(read_line(&mut &b"12345678\n"[..], &mut line, 8).unwrap());
        let endless = io::repeat(b'x');
        let result = read_line(&mut io::BufReader::new(endless), &mut line, 1 << 16);
        assert!(matches!(result, Err(LineError::TooLong)));
    }
}
