//! The names of the files that llama.cpp splits a GGUF file into: `model-00002-of-00003.gguf`.

/// What the names of files of llama.cpp end in.
pub(super) const GGUF_ENDING: &str = ".gguf";

/// The name of a part, perhaps with folders before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PartName<'a> {
    /// What stands before the numbers.
    pub stem: &'a str,
    /// Which part it is, counted from 1.
    pub number: usize,
    /// How many parts there are.
    pub count: usize,
}

impl<'a> PartName<'a> {
    /// Reads a name; nothing where it is not that of a part.
    pub fn parse(name: &'a str) -> Option<Self> {
        Self::parse_with(name, GGUF_ENDING)
    }

    /// Reads a name with that ending: shards of other formats are called so, too.
    pub fn parse_with(name: &'a str, ending: &str) -> Option<Self> {
        let (rest, count) = name.strip_suffix(ending)?.rsplit_once("-of-")?;
        let (stem, number) = rest.rsplit_once('-')?;
        let name = Self { stem, number: five_digits(number)?, count: five_digits(count)? };
        (1..=name.count).contains(&name.number).then_some(name)
    }

    /// The name of another part of the same model.
    pub fn part(&self, number: usize) -> String {
        self.part_with(number, GGUF_ENDING)
    }

    /// The name of another part with that ending.
    pub fn part_with(&self, number: usize, ending: &str) -> String {
        format!("{}-{number:05}-of-{:05}{ending}", self.stem, self.count)
    }
}

/// The name of the first part, of the name of any; a name that is not that of a part as it is.
pub(super) fn first_part(name: &str) -> String {
    PartName::parse(name).map_or_else(|| name.to_owned(), |name| name.part(1))
}

fn five_digits(text: &str) -> Option<usize> {
    let digits = text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_knows_the_names_of_the_others() {
        let name = PartName::parse("Q8/a-of-b-00002-of-00012.gguf").unwrap();
        assert_eq!((name.number, name.count), (2, 12));
        assert_eq!(name.part(12), "Q8/a-of-b-00012-of-00012.gguf");
        assert_eq!(first_part("a-00002-of-00002.gguf"), "a-00001-of-00002.gguf");
        assert_eq!(first_part("model.gguf"), "model.gguf");
    }

    #[test]
    fn other_names_are_not_those_of_parts() {
        for name in [
            "model.gguf",
            "a-00001-of-00002.bin",
            "a-0001-of-0002.gguf",
            "a-00001-of-000002.gguf",
            "a-+0001-of-00002.gguf",
            "a-00000-of-00002.gguf",
            "a-00003-of-00002.gguf",
            "a_00001-of-00002.gguf",
            "00001-of-00002.gguf",
            "",
        ] {
            assert_eq!(PartName::parse(name), None, "{name}");
        }
    }
}
