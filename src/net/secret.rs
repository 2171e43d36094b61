//! Access tokens and API keys.

/// An access token or API key, which is never shown.
#[derive(Clone)]
pub(crate) struct Secret(String);

impl Secret {
    /// Parses a secret: `None` for an empty text, an error for one that cannot be sent in a header.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, NotSendable> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        if text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Some(Self(text.to_owned())))
        } else {
            Err(NotSendable)
        }
    }

    /// The value of the `Authorization` header.
    pub(crate) fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// The same text with the secret hidden, in case a server has repeated it.
    #[cfg(feature = "chat")]
    pub(crate) fn hide_in(&self, text: &str) -> String {
        text.replace(&self.0, "(hidden)")
    }
}

/// A text with characters that no secret has. The text is not shown.
#[derive(Debug)]
pub(crate) struct NotSendable;

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(hidden)")
    }
}
