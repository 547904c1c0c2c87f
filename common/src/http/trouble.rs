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

/// Why no answer began. What the library of HTTP/2 found wrong by itself, on the connection or in the head, is a breach of the
/// protocol then; in a body it may be that this ends too early, which is told alike.
pub(super) fn reason_of_silence(error: &reqwest::Error) -> Reason {
    let is_breach = causes(error).filter_map(|cause| cause.downcast_ref::<h2::Error>()).any(h2::Error::is_library);
    if is_breach { Reason::BadHttp } else { reason_of(error) }
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
    if let Some(error) = cause.downcast_ref::<hyper::Error>() {
        return of_hyper(error);
    }
    let error = cause.downcast_ref::<io::Error>()?;
    // rustls' errors travel inside an io::Error, or one inside another; its `source` skips over what it carries.
    if let Some(carried) = error.get_ref()
        && let Some(reason) = definite(carried)
    {
        return Some(reason);
    }
    // No call of the system's ends so: it is a parser that speaks, of chunks and of what follows them.
    matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData).then_some(Reason::BadHttp)
}

fn of_hyper(error: &hyper::Error) -> Option<Reason> {
    if error.is_parse_too_large() {
        Some(Reason::Headers)
    } else if error.is_parse() {
        Some(Reason::BadHttp)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_tls_is_found_inside_others() {
        let error = || rustls::Error::General("some".to_owned());
        let inside = io::Error::new(io::ErrorKind::InvalidData, error());
        assert_eq!(definite(&error()), Some(Reason::Tls));
        assert_eq!(definite(&inside), Some(Reason::Tls));
        assert_eq!(definite(&io::Error::other(inside)), Some(Reason::Tls));
    }

    #[test]
    fn what_a_parser_of_chunks_finds_is_no_http_and_what_the_system_finds_says_nothing() {
        assert_eq!(definite(&io::Error::new(io::ErrorKind::InvalidInput, "chunk")), Some(Reason::BadHttp));
        assert_eq!(definite(&io::Error::new(io::ErrorKind::InvalidData, "chunk")), Some(Reason::BadHttp));
        assert_eq!(definite(&io::Error::new(io::ErrorKind::ConnectionReset, "reset")), None);
        assert_eq!(definite(&io::Error::other("other")), None);
    }
}
