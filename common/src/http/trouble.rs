//! Turns the HTTP client's errors into the manifest's reasons. The client nests errors of many libraries, so the
//! chain of causes is walked for the first one that says something definite.

use std::error::Error;
use std::io;

use super::guard::Refused;
use super::resolver::ResolveError;
use crate::reason::Reason;

/// Why a request failed.
#[must_use]
pub fn reason_of(error: &reqwest::Error) -> Reason {
    if let Some(reason) = causes(error).find_map(definite) {
        return reason;
    }
    if error.is_timeout() {
        Reason::Timeout
    } else if error.is_connect() {
        Reason::Connect
    } else {
        Reason::Network
    }
}

/// Whether the same request would fail in the same way later, although its reason may pass as a rule: the host's name does not
/// exist.
pub(super) fn is_final(error: &reqwest::Error) -> bool {
    causes(error).filter_map(|cause| cause.downcast_ref::<ResolveError>()).any(ResolveError::is_final)
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |&cause| cause.source())
}

fn definite(cause: &(dyn Error + 'static)) -> Option<Reason> {
    if let Some(refused) = cause.downcast_ref::<Refused>() {
        return Some((*refused).into());
    }
    if cause.is::<ResolveError>() {
        return Some(Reason::Dns);
    }
    if cause.is::<rustls::Error>() {
        return Some(Reason::Tls);
    }
    cause.downcast_ref::<io::Error>().is_some_and(is_tls).then_some(Reason::Tls)
}

/// rustls' errors travel inside I/O errors, one in another, whose `source` skips over what they carry.
fn is_tls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|carried| carried.is::<rustls::Error>() || carried.downcast_ref().is_some_and(is_tls))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_tls_is_found_however_deep_it_is_wrapped() {
        let fault = || io::Error::new(io::ErrorKind::InvalidData, rustls::Error::DecryptError);
        assert_eq!(definite(&fault()), Some(Reason::Tls));
        assert_eq!(definite(&io::Error::other(fault())), Some(Reason::Tls));
        assert_eq!(definite(&io::Error::other(io::Error::from(io::ErrorKind::ConnectionRefused))), None);
    }
}
