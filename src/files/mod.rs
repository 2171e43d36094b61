//! Files that are written completely or not at all, and folders with one writer at a time.

mod lock;
mod mapping;
mod place;
mod read;
mod stand_in;
mod write;

pub use lock::FolderLock;
pub use mapping::{FileBytes, FilePart};
pub use place::check_named;
#[cfg(feature = "hub")]
pub use place::check_replaceable;
pub use read::{Access, map, map_file, open_file, read_limited};
pub use write::write_atomically;
