//! A model id or a folder becomes files: from folders, from the cache, and from a hub on this machine that can be
//! slow, broken, forbidding or hostile.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod folders;
mod one_step_off;

#[cfg(feature = "hub")]
mod access;
#[cfg(feature = "hub")]
mod cached;
#[cfg(feature = "hub")]
mod downloads;
#[cfg(feature = "hub")]
mod encrypted;
#[cfg(feature = "hub")]
mod environment;
#[cfg(feature = "hub")]
mod proxied;
#[cfg(feature = "hub")]
pub mod server;
#[cfg(feature = "hub")]
mod trouble;

#[cfg(feature = "hub")]
pub mod common {
    use std::path::Path;

    use eidos::hub::locate;
    use eidos::{Control, Error, HubOptions, ModelSource};

    use crate::hub::server::{MODEL, Server};

    /// Options for a server of this test, a cache of this test and nothing from the environment.
    pub fn options(server: &Server, cache: &Path) -> HubOptions {
        HubOptions {
            token: Some(String::new()),
            cache_dir: Some(cache.to_owned()),
            endpoint: Some(server.address.clone()),
            offline: Some(false),
            ..HubOptions::default()
        }
    }

    pub fn open(options: &HubOptions) -> Result<ModelSource, Error> {
        locate(MODEL, options, &Control::new())
    }

    /// The names of the files in the blob folder that are not whole.
    pub fn partial_files(cache: &Path) -> Vec<std::path::PathBuf> {
        let blobs = cache.join(format!("models--{}", MODEL.replace('/', "--"))).join("blobs");
        let names = std::fs::read_dir(blobs).map(|entries| entries.flatten().map(|entry| entry.path()).collect());
        let mut names: Vec<std::path::PathBuf> = names.unwrap_or_default();
        names.retain(|name| name.extension().is_some_and(|extension| extension == "incomplete"));
        names
    }

    /// Bytes that are different everywhere.
    pub fn noise(length: usize) -> Vec<u8> {
        let mut state = 1_u64;
        let next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        };
        std::iter::repeat_with(next).take(length).collect()
    }
}
