//! File descriptors: a crawl meets many hosts and holds a connection to each for a while, and the usual limit of 1,024 was
//! made for programs that do not.

use std::error::Error;
use std::io;

use rustix::io::Errno;
use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises this process's limit of open files as far as the system lets it without privileges.
pub fn raise_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::debug!(error = %error, "the limit of open files stays as it is");
    }
}

/// How many files this process may have open; `None` without a limit.
#[must_use]
pub fn limit() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// Whether an error, or what caused it, is that this process or the system has no file descriptor left.
#[must_use]
pub fn ran_out(error: &(dyn Error + 'static)) -> bool {
    let none_left = [Errno::MFILE, Errno::NFILE].map(|errno| Some(errno.raw_os_error()));
    std::iter::successors(Some(error), |&error| error.source())
        .filter_map(|error| error.downcast_ref::<io::Error>())
        // What an I/O error wraps is not its source: that is the source of what it wraps.
        .any(|error| none_left.contains(&error.raw_os_error()) || error.get_ref().is_some_and(|inner| ran_out(inner)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lack_of_descriptors_is_found_among_the_causes() {
        let cause = io::Error::from_raw_os_error(Errno::MFILE.raw_os_error());
        assert!(ran_out(&cause));
        assert!(ran_out(&io::Error::other(cause)));
        assert!(!ran_out(&io::Error::from(io::ErrorKind::ConnectionRefused)));
    }
}
