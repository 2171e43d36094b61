//! The options of a caller, completed from the environment and checked.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::endpoint::Endpoint;
use super::id::check_revision;
use super::options::HubOptions;
use crate::error::{Error, Result, shown};
use crate::files::{check_named, read_limited};
use crate::net::{Roots, Secret};

const DEFAULT_ENDPOINT: &str = "https://huggingface.co";
/// The revision where none is asked for.
pub(super) const DEFAULT_REVISION: &str = "main";
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// A token file holds one line.
const LARGEST_TOKEN_FILE: u64 = 64 << 10;

/// What a hub needs to know, complete and checked.
#[derive(Debug)]
pub(super) struct Settings {
    /// The branch, tag, reference or commit.
    pub(super) revision: String,
    /// The address of the hub.
    pub(super) endpoint: Endpoint,
    /// The access token, if there is one.
    pub(super) token: Option<Token>,
    /// The folder that holds `models--owner--name`; absolute.
    pub(super) cache_dir: PathBuf,
    /// Whether the network must not be used.
    pub(super) offline: bool,
    /// How long a server may be silent.
    pub(super) timeout: Duration,
    /// The certificate authorities that are trusted.
    pub(super) roots: Roots,
}

/// An access token, with where it was found.
#[derive(Debug)]
pub(super) struct Token {
    /// The token.
    pub(super) secret: Secret,
    /// Where it was found, for messages: the name of a variable or option, or the path of a file.
    pub(super) source: String,
}

/// Checks that a token can be sent at all.
fn parse_token(text: &str, source: &str) -> Result<Option<Token>> {
    let secret = Secret::parse(text).map_err(|_| {
        Error::argument(format!("the access token from {source} has characters that no token has"))
            .hint("set HF_TOKEN, the token file or the option to the token alone")
    })?;
    Ok(secret.map(|secret| Token { secret, source: source.to_owned() }))
}

impl Settings {
    /// Completes options from the environment of the process.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidArgument`] naming the option or variable that cannot be right.
    pub(super) fn from_environment(options: &HubOptions) -> Result<Self> {
        Self::complete(options, &Environment { variable: &|name| std::env::var_os(name), home: std::env::home_dir() })
    }

    fn complete(options: &HubOptions, environment: &Environment<'_>) -> Result<Self> {
        let revision = options.revision.clone().unwrap_or_else(|| DEFAULT_REVISION.to_owned());
        check_revision(&revision)?;
        let endpoint = options.endpoint.clone().or_else(|| environment.text("HF_ENDPOINT"));
        let endpoint = Endpoint::parse(endpoint.as_deref().unwrap_or(DEFAULT_ENDPOINT))?;
        let cache_dir = match &options.cache_dir {
            Some(folder) => folder.clone(),
            None => environment.cache_dir()?,
        };
        check_named(&cache_dir, "cache folder")?;
        let cache_dir =
            std::path::absolute(&cache_dir).map_err(|error| Error::io(&cache_dir, "find the cache", &error))?;
        let token = match &options.token {
            Some(token) => parse_token(token, "the option `token`")?,
            None => environment.token()?,
        };
        let offline = options
            .offline
            .unwrap_or_else(|| environment.flag("HF_HUB_OFFLINE") || environment.flag("TRANSFORMERS_OFFLINE"));
        let timeout = match options.timeout {
            Some(timeout) => timeout,
            None => environment.timeout()?,
        };
        if timeout.is_zero() {
            return Err(
                Error::argument("a timeout of 0 seconds would break every connection").hint("give at least a second")
            );
        }
        let roots = Roots::of_environment(endpoint.origin())?;
        Ok(Self { revision, endpoint, token, cache_dir, offline, timeout, roots })
    }
}

/// The environment of a process, handed in so that tests need not change that of theirs.
struct Environment<'a> {
    variable: &'a dyn Fn(&str) -> Option<OsString>,
    home: Option<PathBuf>,
}

impl Environment<'_> {
    /// A variable that is set to something.
    fn os(&self, name: &str) -> Option<OsString> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    fn text(&self, name: &str) -> Option<String> {
        self.os(name).and_then(|value| value.into_string().ok())
    }

    fn flag(&self, name: &str) -> bool {
        self.text(name).is_some_and(|value| ["1", "ON", "YES", "TRUE"].contains(&value.to_ascii_uppercase().as_str()))
    }

    /// A variable that holds a path; a leading `~` is the home folder, as in Python.
    fn path(&self, name: &str) -> Option<PathBuf> {
        let path = PathBuf::from(self.os(name)?);
        Some(match (path.strip_prefix("~"), &self.home) {
            (Ok(rest), Some(home)) => home.join(rest),
            _ => path,
        })
    }

    /// `HF_HOME`, or where it is by default.
    fn hub_home(&self) -> Option<PathBuf> {
        let in_cache = |folder: &Path| folder.join("huggingface");
        self.path("HF_HOME")
            .or_else(|| self.path("XDG_CACHE_HOME").map(|folder| in_cache(&folder)))
            .or_else(|| self.home.as_ref().map(|home| in_cache(&home.join(".cache"))))
    }

    fn cache_dir(&self) -> Result<PathBuf> {
        self.path("HF_HUB_CACHE")
            .or_else(|| self.path("HUGGINGFACE_HUB_CACHE"))
            .or_else(|| self.hub_home().map(|home| home.join("hub")))
            .ok_or_else(|| {
                Error::argument("there is no folder to keep models in")
                    .hint("set HF_HOME, or give the option cache_dir")
            })
    }

    fn token(&self) -> Result<Option<Token>> {
        if self.flag("HF_HUB_DISABLE_IMPLICIT_TOKEN") {
            return Ok(None);
        }
        for variable in ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"] {
            if let Some(token) = self.text(variable) {
                return parse_token(&token, &format!("the variable {variable}"));
            }
        }
        let file = self.path("HF_TOKEN_PATH").or_else(|| self.hub_home().map(|home| home.join("token")));
        // A token file that cannot be read is like none: public models need no token.
        let Some(file) = file else { return Ok(None) };
        let text = read_limited(&file, LARGEST_TOKEN_FILE).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        text.map_or(Ok(None), |text| parse_token(&text, &format!("the file `{}`", file.display())))
    }

    fn timeout(&self) -> Result<Duration> {
        let Some(text) = self.text("HF_HUB_DOWNLOAD_TIMEOUT") else {
            return Ok(DEFAULT_TIMEOUT);
        };
        let seconds: Option<u64> = text.trim().parse().ok();
        seconds.filter(|&seconds| seconds > 0).map(Duration::from_secs).ok_or_else(|| {
            Error::argument(format!("HF_HUB_DOWNLOAD_TIMEOUT is `{}`, which is not a number of seconds", shown(&text)))
                .hint("set it to a whole number above 0, or unset it")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(options: &HubOptions, variables: &[(&str, &str)]) -> Result<Settings> {
        let find = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value));
        Settings::complete(options, &Environment { variable: &find, home: Some(PathBuf::from("/home/someone")) })
    }

    #[test]
    fn without_variables_the_public_hub_and_the_home_folder_are_used() {
        let settings = complete(&HubOptions::default(), &[]).expect("defaults are fine");
        assert_eq!(settings.endpoint.base(), "https://huggingface.co");
        assert_eq!(settings.cache_dir, Path::new("/home/someone/.cache/huggingface/hub"));
        assert_eq!((settings.revision.as_str(), settings.offline, settings.timeout.as_secs()), ("main", false, 30));
        assert!(settings.token.is_none());
    }

    #[test]
    fn variables_are_read_as_python_reads_them() {
        let cache = |variables: &[(&str, &str)]| complete(&HubOptions::default(), variables).expect("fine").cache_dir;
        assert_eq!(cache(&[("XDG_CACHE_HOME", "/x")]), Path::new("/x/huggingface/hub"));
        assert_eq!(cache(&[("HF_HOME", "~/hf"), ("XDG_CACHE_HOME", "/x")]), Path::new("/home/someone/hf/hub"));
        assert_eq!(cache(&[("HF_HUB_CACHE", "/models"), ("HF_HOME", "/hf")]), Path::new("/models"));
        assert_eq!(cache(&[("HF_HUB_CACHE", ""), ("HF_HOME", "/hf")]), Path::new("/hf/hub"));
        for (value, expected) in [("1", true), ("true", true), ("Yes", true), ("0", false), ("", false), ("no", false)]
        {
            assert_eq!(complete(&HubOptions::default(), &[("HF_HUB_OFFLINE", value)]).expect("fine").offline, expected);
        }
        let settings =
            complete(&HubOptions::default(), &[("HF_TOKEN", " hf_a\n"), ("HF_ENDPOINT", "http://localhost:1/")]);
        let settings = settings.expect("fine");
        assert_eq!(settings.token.expect("a token").secret.header(), "Bearer hf_a");
        assert_eq!(settings.endpoint.base(), "http://localhost:1");
    }

    #[test]
    fn options_win_over_variables() {
        let options = HubOptions {
            revision: Some("v1".to_owned()),
            token: Some(String::new()),
            cache_dir: Some(PathBuf::from("/mine")),
            endpoint: Some("https://mirror.example/hub".to_owned()),
            offline: Some(false),
            timeout: Some(Duration::from_secs(2)),
        };
        let variables =
            [("HF_TOKEN", "hf_a"), ("HF_HOME", "/hf"), ("HF_ENDPOINT", "http://other"), ("HF_HUB_OFFLINE", "1")];
        let settings = complete(&options, &variables).expect("fine");
        assert_eq!(settings.endpoint.base(), "https://mirror.example/hub");
        assert_eq!(settings.cache_dir, Path::new("/mine"));
        assert!(settings.token.is_none() && !settings.offline);
        assert_eq!(settings.timeout.as_secs(), 2);
    }

    #[test]
    fn what_cannot_be_right_is_named_and_the_token_is_not_shown() {
        let error = complete(&HubOptions::default(), &[("HF_TOKEN", "hf_\u{1}secret")]).expect_err("not a token");
        assert!(!error.to_string().contains("secret"), "{error}");
        let error = complete(&HubOptions::default(), &[("HF_HUB_DOWNLOAD_TIMEOUT", "soon")]).expect_err("not a number");
        assert!(error.message().contains("HF_HUB_DOWNLOAD_TIMEOUT"), "{error}");
        let shown = format!("{:?}", complete(&HubOptions::default(), &[("HF_TOKEN", "hf_secret")]).expect("fine"));
        assert!(!shown.contains("hf_secret"), "{shown}");
    }
}
