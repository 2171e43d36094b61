//! HTTP for the hub and for chat servers: the origin of an address, secrets that are never shown, connections with time
//! limits that a cancel closes, and what their failures mean.

mod connection;
mod forwarded;
mod origin;
mod roots;
mod secret;

pub(crate) use connection::{PROXY_USER, agent, distrusts, reason, send_directly, until_cancelled};
pub(crate) use origin::Origin;
pub(crate) use roots::Roots;
pub(crate) use secret::Secret;
