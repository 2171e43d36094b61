//! Addresses: the endpoint, the files below it, and where a redirect leads.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::id::RepositoryId;
use crate::error::{Error, Result, shown};
use crate::net::Origin;

/// The characters of a name or revision that may have a meaning in an address.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The address of a hub, without a slash at the end.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    base: String,
    origin: Origin,
}

impl Endpoint {
    /// Checks the address of a hub.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidArgument`] for what is not an `http` or `https` address with a host and nothing after
    /// the path.
    pub(super) fn parse(address: &str) -> Result<Self> {
        let base = address.trim().trim_end_matches('/');
        let origin = Origin::of(base).filter(|_| !base.contains(['?', '#']));
        // Not shown as it is: it may hold a password.
        let visible = shown(base.rsplit('@').next().unwrap_or_default());
        let origin = origin.ok_or_else(|| {
            Error::argument(format!("the hub's endpoint `{visible}` is not an http or https address")).hint(
                "set HF_ENDPOINT or the option to an address such as `https://huggingface.co`, without a password",
            )
        })?;
        Ok(Self { base: base.to_owned(), origin })
    }

    /// The address without a slash at the end.
    #[cfg(test)]
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// Who answers there.
    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Where a file of a repository is.
    pub(super) fn file(&self, id: &RepositoryId, revision: &str, file: &str) -> String {
        let escape = |text| utf8_percent_encode(text, RESERVED).to_string();
        let name: Vec<String> = file.split('/').map(escape).collect();
        format!("{}/{}/resolve/{}/{}", self.base, id.as_str(), escape(revision), name.join("/"))
    }

    /// Where the list of the files of a repository is.
    pub(super) fn list(&self, id: &RepositoryId, revision: &str) -> String {
        format!("{}/api/models/{}/revision/{}", self.base, id.as_str(), utf8_percent_encode(revision, RESERVED))
    }

    /// Where a person reads about a repository, for hints.
    pub(super) fn page(&self, id: &RepositoryId) -> String {
        format!("{}/{}", self.base, id.as_str())
    }
}

/// Where a redirect leads; `None` when it leads nowhere that can be followed.
pub(super) fn redirected(from: &str, location: &str) -> Option<String> {
    if Origin::of(location).is_some() {
        return Some(location.to_owned());
    }
    let scheme_end = from.find("://")? + 3;
    if location.starts_with("//") {
        let absolute = format!("{}{location}", &from[..scheme_end - 2]);
        return Origin::of(&absolute).map(|_| absolute);
    }
    let authority_end = from[scheme_end..].find(['/', '?', '#']).map_or(from.len(), |at| scheme_end + at);
    let (authority, rest) = from.split_at(authority_end);
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    // What stands before a colon is the scheme of another kind of address.
    let is_other_scheme = location.split(['/', '?', '#']).next().is_some_and(|first| first.contains(':'));
    if location.is_empty() || is_other_scheme {
        return None;
    }
    let folder = path.rfind('/').map_or("/", |end| &path[..=end]);
    let absolute = match location.as_bytes()[0] {
        b'/' => format!("{authority}{}", without_dots(location)),
        b'?' => format!("{authority}{path}{location}"),
        b'#' => return None,
        _ => format!("{authority}{}", without_dots(&format!("{folder}{location}"))),
    };
    Origin::of(&absolute).map(|_| absolute)
}

/// A path without `.` and `..`; what stands behind a question mark stays.
fn without_dots(address: &str) -> String {
    let end = address.find(['?', '#']).unwrap_or(address.len());
    let (path, rest) = address.split_at(end);
    let mut parts: Vec<&str> = Vec::new();
    let mut names = path.split('/').skip(1).peekable();
    while let Some(name) = names.next() {
        let is_last = names.peek().is_none();
        match name {
            "." | ".." => {
                if name == ".." {
                    parts.pop();
                }
                if is_last {
                    parts.push("");
                }
            }
            name => parts.push(name),
        }
    }
    format!("/{}{rest}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_revisions_cannot_change_the_address() {
        let endpoint = Endpoint::parse("https://hub.example/base/").expect("an address");
        let id = RepositoryId::parse("a/b").expect("an id");
        let address = endpoint.file(&id, "refs/pr/7", "1_Pooling/c d?.json");
        assert_eq!(address, "https://hub.example/base/a/b/resolve/refs%2Fpr%2F7/1_Pooling/c%20d%3F.json");
    }

    #[test]
    fn an_endpoint_is_an_address_without_secrets() {
        for bad in [
            "",
            "huggingface.co",
            "ftp://a",
            "https://",
            "https://me:secret@hub.example",
            "https://a/?b",
            "https://a b",
        ] {
            let error = Endpoint::parse(bad).expect_err(bad);
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn redirects_lead_to_http_addresses_only() {
        let from = "https://hub.example/a/resolve/main/b";
        let cases = [
            ("/c/d?e=f", Some("https://hub.example/c/d?e=f")),
            ("https://cdn.example/x", Some("https://cdn.example/x")),
            ("//cdn.example/x", Some("https://cdn.example/x")),
            ("file:///etc/passwd", None),
            ("c", Some("https://hub.example/a/resolve/main/c")),
            ("c/d?e=/f/../g", Some("https://hub.example/a/resolve/main/c/d?e=/f/../g")),
            ("./c", Some("https://hub.example/a/resolve/main/c")),
            ("../v1/b", Some("https://hub.example/a/resolve/v1/b")),
            ("../../../../../b", Some("https://hub.example/b")),
            ("/a/./b/../c/..", Some("https://hub.example/a/")),
            ("?token=1", Some("https://hub.example/a/resolve/main/b?token=1")),
            ("data:text/plain,a", None),
            ("localhost:80", None),
            ("#b", None),
            ("", None),
        ];
        for (location, expected) in cases {
            assert_eq!(redirected(from, location).as_deref(), expected, "{location}");
        }
        // What stands behind the question mark is no folder.
        let from = "https://hub.example/a/b?at=/x/y";
        assert_eq!(redirected(from, "c").as_deref(), Some("https://hub.example/a/c"));
        assert_eq!(redirected("https://hub.example", "c").as_deref(), Some("https://hub.example/c"));
    }
}
