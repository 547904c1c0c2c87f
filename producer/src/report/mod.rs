//! What a run leaves for people and programs: the manifest, the summary, and the progress while it lasts.

pub mod manifest;
pub mod progress;
pub mod summary;
