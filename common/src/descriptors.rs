//! File descriptors: a crawl meets many hosts and holds a connection to each for a while, and the usual limit of 1,024 was
//! made for programs that do not.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises this process's limit of open files as far as the system lets it without privileges.
pub fn raise_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::debug!(error = %error, "the limit of open files stays as it is");
    }
}
