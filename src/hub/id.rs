//! Which texts are a model id, a revision and a file name. They become parts of paths and addresses, so whatever could
//! leave the folder or change the address is refused here.

use crate::error::{Error, Result, shown};

/// The hub's limit for each part of an id.
const LONGEST_PART: usize = 96;

/// The longest revision and file name, which every file system can hold.
const LONGEST_NAME: usize = 255;

/// `name` or `owner/name`, by the hub's own rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RepositoryId(String);

impl RepositoryId {
    /// Checks an id.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidArgument`] naming the id and the rule that it breaks.
    pub(super) fn parse(id: &str) -> Result<Self> {
        let parts: Vec<&str> = id.split('/').collect();
        let broken = match parts.as_slice() {
            [name] => broken_rule(name),
            [owner, name] => broken_rule(owner).or_else(|| broken_rule(name)),
            _ => Some("has more than one `/`"),
        };
        let broken = broken.or_else(|| id.strip_suffix(".git").map(|_| "ends with `.git`"));
        match broken {
            None => Ok(Self(id.to_owned())),
            Some(rule) => {
                Err(Error::argument(format!("`{}` is not a folder and not a model id: it {rule}", shown(id)))
                    .hint("give a folder, or an id such as `EuroBERT/EuroBERT-210m`")
                    .detail("id", shown(id)))
            }
        }
    }

    /// The id as the user wrote it.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The first rule for a part of an id that `part` breaks.
fn broken_rule(part: &str) -> Option<&'static str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if part.is_empty() {
        Some("has an empty part")
    } else if part.len() > LONGEST_PART {
        Some("has a part of more than 96 characters")
    } else if !part.bytes().all(allowed) {
        Some("has characters other than letters, digits, `-`, `_` and `.`")
    } else if part.contains("..") || part.contains("--") {
        Some("contains `..` or `--`")
    } else if part.starts_with(['-', '.']) || part.ends_with(['-', '.']) {
        Some("has a part that starts or ends with `-` or `.`")
    } else {
        None
    }
}

/// Whether a text can only mean a folder: then a missing one should not be looked for on the hub.
pub(super) fn looks_like_a_path(text: &str) -> bool {
    text.starts_with(['.', '/', '~'])
        || text.ends_with('/')
        || text.contains('\\')
        || text.matches('/').count() > 1
        || std::path::Path::new(text).is_absolute()
}

/// Checks a branch, tag, reference or commit.
///
/// # Errors
/// [`crate::ErrorCode::InvalidArgument`] naming the revision.
#[cfg(feature = "hub")]
pub(super) fn check_revision(revision: &str) -> Result<()> {
    let allowed = |byte: u8| byte.is_ascii_graphic() && !b"\\:*?\"<>|~^[%#".contains(&byte);
    let good = revision.len() <= LONGEST_NAME && revision.bytes().all(allowed) && relative_parts_are_plain(revision);
    if good {
        return Ok(());
    }
    Err(Error::argument(format!("`{}` is not a revision", shown(revision)))
        .hint("give a branch, a tag or a commit, such as `main`")
        .detail("revision", shown(revision)))
}

/// Checks the name of a file in a repository or folder, such as `config.json` or `1_Pooling/config.json`.
///
/// # Errors
/// [`crate::ErrorCode::InvalidArgument`] naming the file.
pub(super) fn check_file_name(name: &str) -> Result<()> {
    if name.len() <= LONGEST_NAME && name.bytes().all(is_plain_byte) && relative_parts_are_plain(name) {
        return Ok(());
    }
    Err(Error::argument(format!("`{}` is not a plain file name", shown(name)))
        .hint("give the name of a file inside the model, such as `config.json`")
        .detail("file", shown(name)))
}

/// Whether a text is one plain file name: no folder, nothing that a file system or an address gives a meaning to.
pub(super) fn is_plain_file_name(name: &str) -> bool {
    !name.contains('/') && check_file_name(name).is_ok()
}

/// Bytes that mean themselves in every file system; addresses escape them where they must.
fn is_plain_byte(byte: u8) -> bool {
    !byte.is_ascii_control() && !b"\\:*?\"<>|".contains(&byte)
}

fn relative_parts_are_plain(text: &str) -> bool {
    text.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_the_rules_of_the_hub() {
        let longest = "a".repeat(96);
        for good in ["gpt2", "EuroBERT/EuroBERT-210m", "Foo-BAR_foo.bar123", "_a/b_", longest.as_str()] {
            assert!(RepositoryId::parse(good).is_ok(), "{good}");
        }
        let too_long = "a".repeat(97);
        let bad = [
            "", "/", "a/", "/a", "a/b/c", "a/../b", "..", ".a", "a.", "-a", "a-", "a--b", "a..b", "a\\b", "a b",
            "a/b.git", "é/a", "a\n", "a:b", "a?b", "a%2f", &too_long,
        ];
        for bad in bad {
            let error = RepositoryId::parse(bad).expect_err(bad);
            assert_eq!(error.code(), crate::ErrorCode::InvalidArgument, "{bad}");
        }
    }

    #[test]
    fn paths_are_told_from_ids() {
        for path in ["./a", "../a", "/a", "~/a", "a/", "a/b/c", "a\\b"] {
            assert!(looks_like_a_path(path), "{path}");
        }
        for id in ["a", "a/b", "a.b/c-d"] {
            assert!(!looks_like_a_path(id), "{id}");
        }
    }

    #[cfg(feature = "hub")]
    #[test]
    fn revisions_cannot_leave_the_folder_or_change_the_address() {
        for good in ["main", "v1.0", "refs/pr/7", "0123456789abcdef0123456789abcdef01234567"] {
            assert!(check_revision(good).is_ok(), "{good}");
        }
        for bad in ["", "..", "a/../b", "/a", "a/", "a\\b", "a b", "a#b", "a?b", "a%2fb", "a\0", &"a".repeat(256)] {
            assert!(check_revision(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn file_names_cannot_leave_the_folder() {
        for good in ["config.json", "1_Pooling/config.json", "model-00001-of-00002.safetensors"] {
            assert!(check_file_name(good).is_ok(), "{good}");
        }
        for bad in ["", "..", "../a", "a/../b", "/a", "a//b", "a\\b", "C:a", "a\0b", "."] {
            assert!(check_file_name(bad).is_err(), "{bad}");
        }
        assert!(!is_plain_file_name("a/b"));
    }
}
