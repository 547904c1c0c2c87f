//! The subcommands, a file each.

pub mod crawl;
pub mod extract;
pub mod run;
pub mod status;
pub mod urls;
