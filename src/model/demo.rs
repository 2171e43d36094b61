//! The small model inside the library.

/// The name that it is loaded by.
pub(crate) const ID: &str = "eidos:demo";

/// The contents of its files.
pub(crate) struct DemoFiles {
    pub config: &'static [u8],
    pub tokenizer: &'static [u8],
    pub tokenizer_config: &'static [u8],
    pub weights: &'static [u8],
}

/// The demo model, where it was compiled in.
#[cfg(feature = "demo-model")]
#[allow(clippy::unnecessary_wraps, reason = "a build without the feature has none")]
pub(crate) fn files() -> Option<DemoFiles> {
    Some(DemoFiles {
        config: include_bytes!("../../assets/demo-model/config.json"),
        tokenizer: include_bytes!("../../assets/demo-model/tokenizer.json"),
        tokenizer_config: include_bytes!("../../assets/demo-model/tokenizer_config.json"),
        weights: include_bytes!("../../assets/demo-model/model.safetensors"),
    })
}

/// The demo model, where it was compiled in.
#[cfg(not(feature = "demo-model"))]
pub(crate) fn files() -> Option<DemoFiles> {
    None
}
