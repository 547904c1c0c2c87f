//! Why a name has no addresses, and whether that may pass.

use std::error::Error;
use std::io;
use std::sync::Arc;

use hickory_resolver::net::{DnsError, NetError};

/// A name could not be resolved. Cheap to clone: all who waited for the name are told.
#[derive(Debug, Clone)]
pub(in crate::http) struct ResolveError {
    host: Arc<str>,
    why: Why,
}

/// What came instead of addresses.
#[derive(Debug, Clone)]
pub(super) enum Why {
    /// There is no such name (NXDOMAIN).
    NoName,
    /// There is, without an address (RFC 2308's NODATA).
    NoAddress,
    /// Nobody answered in time.
    Late,
    /// Nobody was asked: too many other names were being looked up.
    NoPlace,
    /// There is nobody to ask.
    NoServers,
    /// The name server said that it cannot tell (SERVFAIL, REFUSED), or made no sense.
    Failed(Arc<str>),
    /// The system would not let us ask.
    Io(Arc<io::Error>),
}

impl Why {
    /// Whether asking again would end in the same way.
    pub(super) fn is_final(&self) -> bool {
        matches!(self, Self::NoName | Self::NoAddress)
    }
}

impl From<NetError> for Why {
    fn from(error: NetError) -> Self {
        match error {
            error if error.is_nx_domain() => Self::NoName,
            NetError::Dns(DnsError::NoRecordsFound(_)) => Self::NoAddress,
            NetError::Timeout => Self::Late,
            NetError::Io(error) => Self::Io(error),
            error => Self::Failed(error.to_string().into()),
        }
    }
}

impl ResolveError {
    pub(super) fn new(host: &str, why: Why) -> Self {
        Self { host: host.into(), why }
    }

    /// Whether the answer was that there is no such name, or that it has no address: nothing that passes.
    pub(in crate::http) fn is_final(&self) -> bool {
        self.why.is_final()
    }
}

impl std::fmt::Display for ResolveError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot look up {}: ", self.host)?;
        match &self.why {
            Why::NoName => f.write_str("there is no such name"),
            Why::NoAddress => f.write_str("it has no address"),
            Why::Late => f.write_str("no name server answered in time"),
            Why::NoPlace => f.write_str("too many other names were being looked up"),
            Why::NoServers => f.write_str("the system's name servers are not known; see the first lines of the log"),
            Why::Failed(what) => f.write_str(what),
            Why::Io(error) => write!(f, "{error}"),
        }
    }
}

impl Error for ResolveError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.why {
            Why::Io(error) => Some(&**error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn the_lack_of_descriptors_shows_through() {
        let none_left = io::Error::from_raw_os_error(Errno::MFILE.raw_os_error());
        let error = ResolveError::new("h", NetError::from(none_left).into());
        assert!(crate::descriptors::ran_out(&error) && !error.is_final(), "{error}");
    }
}
