//! What every conversation over HTTP needs: who is at an address, a secret that nobody sees, connections that have time
//! limits and break when the caller cancels, and what a failure of theirs means.

mod connection;
mod origin;
mod secret;

pub(crate) use connection::{agent, reason, send_directly, until_cancelled};
pub(crate) use origin::Origin;
pub(crate) use secret::Secret;
