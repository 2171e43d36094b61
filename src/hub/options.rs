//! What a caller may decide about a hub.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::Result;
#[cfg(not(feature = "hub"))]
use crate::error::{Error, ErrorCode};

/// Where models come from and where they are kept.
///
/// What is `None` is read from the environment when [`crate::hub::locate`] is called, from the variables that Python's
/// `huggingface_hub` knows. A folder needs none of this.
#[derive(Clone, Default)]
pub struct HubOptions {
    /// A branch, tag, `refs/pr/7` or commit; `main` when `None`. With a full commit (40 hex digits) no request
    /// is made for files that are cached.
    pub revision: Option<String>,
    /// The access token. When `None`: `HF_TOKEN`, else the file at `HF_TOKEN_PATH`, else the file `token` in `HF_HOME`.
    /// An empty text sends no token at all. It is sent to the endpoint only, never to a host that the endpoint
    /// redirects to.
    pub token: Option<String>,
    /// The cache folder. When `None`: `HF_HUB_CACHE`, else `hub` in `HF_HOME`, else `~/.cache/huggingface/hub`.
    pub cache_dir: Option<PathBuf>,
    /// The address of the hub. When `None`: `HF_ENDPOINT`, else `https://huggingface.co`.
    pub endpoint: Option<String>,
    /// Whether to use only what is cached. When `None`: `HF_HUB_OFFLINE` (`1`, `on`, `yes` or `true`).
    pub offline: Option<bool>,
    /// How long a server may be silent before the connection counts as broken. When `None`:
    /// `HF_HUB_DOWNLOAD_TIMEOUT` in seconds, else 30 seconds.
    pub timeout: Option<Duration>,
}

impl HubOptions {
    /// The folder that models of these options are kept in, which need not be there yet.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidArgument`] naming the option or variable that cannot be right, or where there is no home folder;
    /// [`crate::ErrorCode::Unsupported`] in a build without the feature `hub`.
    pub fn cache_folder(&self) -> Result<PathBuf> {
        #[cfg(feature = "hub")]
        return super::settings::Settings::from_environment(self).map(|settings| settings.cache_dir);
        #[cfg(not(feature = "hub"))]
        Err(Error::new(ErrorCode::Unsupported, "this build of Eidos keeps no models: it has no feature `hub`")
            .hint("give the folder of a model, or build Eidos with the feature `hub`"))
    }
}

/// Shows everything but the token.
impl fmt::Debug for HubOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubOptions")
            .field("revision", &self.revision)
            .field("token", &self.token.as_ref().map(|_| "(hidden)"))
            .field("cache_dir", &self.cache_dir)
            .field("endpoint", &self.endpoint)
            .field("offline", &self.offline)
            .field("timeout", &self.timeout)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_not_shown() {
        let options = HubOptions { token: Some("hf_secret".to_owned()), ..HubOptions::default() };
        let shown = format!("{options:?}");
        assert!(!shown.contains("hf_secret"), "{shown}");
    }
}
