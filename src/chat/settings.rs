//! The options of a chat, completed from the environment and checked.

use super::options::ChatOptions;
use crate::error::{Error, Result, shown};
use crate::net::{Origin, Roots, Secret};

const DEFAULT_BASE_URL: &str = "https://api.openai.com/v1";

/// What the HTTP client needs to know, complete and checked.
#[derive(Debug)]
pub(super) struct Settings {
    /// The URL that requests are sent to.
    pub(super) address: String,
    /// The scheme, host and port of that URL.
    pub(super) origin: Origin,
    /// The API key, if there is one.
    pub(super) key: Option<Secret>,
    /// The certificate authorities that are trusted.
    pub(super) roots: Roots,
}

impl Settings {
    /// Completes options from the environment of the process.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidArgument`] naming the option or variable that cannot be right.
    pub(super) fn from_environment(options: &ChatOptions) -> Result<Self> {
        Self::complete(options, &|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn complete(options: &ChatOptions, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        if options.model.trim().is_empty() {
            return Err(Error::argument("the name of the model is empty")
                .hint("set the option `model`, such as `gpt-4.1-nano`"));
        }
        if options.parallel == 0 {
            return Err(Error::argument("`parallel` is 0").hint("allow at least one request at a time"));
        }
        if options.timeout.is_zero() {
            return Err(Error::argument("the timeout is 0 seconds, so every request would fail")
                .hint("give the model some seconds to answer"));
        }
        if options.temperature.is_some_and(|temperature| !(0.0..=100.0).contains(&temperature)) {
            return Err(
                Error::argument("the temperature is not between 0 and 100").hint("give a number such as 0 or 1")
            );
        }
        let base = options.base_url.clone().or_else(|| variable("OPENAI_BASE_URL"));
        let base = base.as_deref().unwrap_or(DEFAULT_BASE_URL).trim().trim_end_matches('/');
        let origin = Origin::of(base).filter(|_| !base.contains(['?', '#']));
        let origin = origin.ok_or_else(|| {
            // The URL is not shown whole: it may hold a password.
            let visible = shown(base.rsplit('@').next().unwrap_or_default());
            Error::argument(format!("the base URL `{visible}` is not an http or https address"))
                .hint("give an address such as `https://api.openai.com/v1`, without a password")
        })?;
        let key = match &options.api_key {
            Some(key) => Some(key.clone()),
            // The key of the environment was not set for this address in particular, so it is not sent unencrypted.
            None if origin.is_secure() || origin.is_this_machine() => variable("OPENAI_API_KEY"),
            None => None,
        };
        let key = Secret::parse(key.as_deref().unwrap_or_default()).map_err(|_| {
            Error::argument("the API key has characters that no key has")
                .hint("set OPENAI_API_KEY or the option to the key alone")
        })?;
        let roots = Roots::of_environment(&origin)?;
        Ok(Self { address: format!("{base}/chat/completions"), origin, key, roots })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(options: &ChatOptions, variables: &[(&str, &str)]) -> Result<Settings> {
        let find = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Settings::complete(options, &find)
    }

    fn options() -> ChatOptions {
        ChatOptions { model: "m".to_owned(), ..ChatOptions::default() }
    }

    #[test]
    fn options_win_over_variables_and_variables_over_defaults() {
        let settings = complete(&options(), &[]).unwrap();
        assert_eq!(settings.address, "https://api.openai.com/v1/chat/completions");
        assert!(settings.key.is_none());
        let variables = [("OPENAI_BASE_URL", "http://localhost:8000/v1/"), ("OPENAI_API_KEY", "sk-a")];
        let settings = complete(&options(), &variables).unwrap();
        assert_eq!(settings.address, "http://localhost:8000/v1/chat/completions");
        assert_eq!(settings.key.unwrap().header(), "Bearer sk-a");
        let mine = ChatOptions {
            base_url: Some("https://mine.example".to_owned()),
            api_key: Some("sk-b".to_owned()),
            ..options()
        };
        let settings = complete(&mine, &variables).unwrap();
        assert_eq!(settings.address, "https://mine.example/chat/completions");
        assert_eq!(settings.key.unwrap().header(), "Bearer sk-b");
        let without = ChatOptions { api_key: Some(String::new()), ..options() };
        assert!(complete(&without, &variables).unwrap().key.is_none());
    }

    #[test]
    fn the_key_of_the_environment_does_not_travel_in_the_open() {
        let far = ChatOptions { base_url: Some("http://far.example/v1".to_owned()), ..options() };
        assert!(complete(&far, &[("OPENAI_API_KEY", "sk-a")]).unwrap().key.is_none());
        let passed = ChatOptions { api_key: Some("sk-b".to_owned()), ..far };
        assert!(complete(&passed, &[]).unwrap().key.is_some());
    }

    #[test]
    fn what_cannot_be_right_is_named_and_no_secret_is_shown() {
        let wrong = [
            ChatOptions::default(),
            ChatOptions { parallel: 0, ..options() },
            ChatOptions { timeout: std::time::Duration::ZERO, ..options() },
            ChatOptions { temperature: Some(f64::NAN), ..options() },
            ChatOptions { base_url: Some("localhost:8000".to_owned()), ..options() },
            ChatOptions { base_url: Some("https://me:secret@a.example".to_owned()), ..options() },
            ChatOptions { api_key: Some("sk secret".to_owned()), ..options() },
        ];
        for options in wrong {
            let error = complete(&options, &[]).unwrap_err();
            assert_eq!(error.code(), crate::ErrorCode::InvalidArgument);
            assert!(!error.to_string().contains("secret") && !error.hint_text().is_empty(), "{error}");
        }
        let options = ChatOptions { api_key: Some("sk-secret".to_owned()), ..options() };
        let shown = format!("{options:?} {:?}", complete(&options, &[]).unwrap());
        assert!(!shown.contains("sk-secret"), "{shown}");
    }
}
