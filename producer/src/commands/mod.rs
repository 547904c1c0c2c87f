//! The subcommands, a file each.

pub mod cancel;
pub mod completions;
pub mod crawl;
pub mod dashboard;
pub mod dead;
pub mod export;
pub mod extract;
mod file;
pub mod man;
mod monitoring;
pub mod pause;
pub mod report;
pub mod resume;
pub mod robots;
pub mod run;
pub mod status;
pub mod urls;
