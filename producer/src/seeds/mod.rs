//! Where a run begins: pages and lists in, page and image addresses out. Whether an address is wanted is the frontier's to say.

pub mod list;
pub mod sitemap;
