//! A place in a tree of spans, and its name on the wire: `traceparent` of [W3C Trace
//! Context](https://www.w3.org/TR/trace-context/#traceparent-header), version 00.

use opentelemetry::trace::{SpanId, TraceId};
use sha2::{Digest, Sha256};

/// A span that others hang below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The tree.
    pub trace: TraceId,
    /// The span in it.
    pub span: SpanId,
}

impl Place {
    /// Length of its name on the wire, in bytes.
    pub const LENGTH: usize = 55;

    /// The place that these words have, the same whoever reckons it and whenever: so a producer that goes on with a run
    /// hangs its spans where its predecessor did, and nobody has to keep where. `seed` is the run's, and random.
    #[must_use]
    pub fn of(seed: &[u8; 16], what: &str, which: &[u8]) -> Self {
        let mut hash = Sha256::new();
        for part in [&seed[..], what.as_bytes(), &[0], which] {
            hash.update(part);
        }
        let (mut trace, mut span) = ([0; 16], [0; 8]);
        let digest = hash.finalize();
        trace.copy_from_slice(&digest[..16]);
        span.copy_from_slice(&digest[16..24]);
        Self { trace: TraceId::from_bytes(trace), span: SpanId::from_bytes(span) }
    }

    /// Another place in the same tree.
    #[must_use]
    pub fn at(self, span: SpanId) -> Self {
        Self { span, ..self }
    }

    /// A place for a new span in the same tree.
    #[must_use]
    pub fn beside(self) -> Self {
        self.at(SpanId::from(rand::random_range(1..=u64::MAX)))
    }

    /// As `traceparent` has it; what has a name there is followed.
    #[must_use]
    pub fn traceparent(self) -> String {
        format!("00-{}-{}-01", self.trace, self.span)
    }

    /// Reads what [`Place::traceparent`] writes, and nothing else: other versions, other letters, other flags and the zeros
    /// that name nothing are no place.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let is_lower = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let (trace, span) = text.strip_prefix("00-")?.strip_suffix("-01")?.split_once('-')?;
        if trace.len() != 32 || span.len() != 16 || !is_lower(trace) || !is_lower(span) {
            return None;
        }
        let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
        (trace != TraceId::INVALID && span != SpanId::INVALID).then_some(Self { trace, span })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_round_trips_and_nothing_else_is_one() {
        // The specification's own example.
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let place = Place::read(text).expect("well-formed");
        assert_eq!((place.traceparent().as_str(), text.len()), (text, Place::LENGTH));
        for bad in [
            "",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902\u{e9}-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(Place::read(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn places_follow_from_what_they_are_of() {
        let of = |seed, what, which: &[u8]| Place::of(&[seed; 16], what, which);
        assert_eq!(of(1, "page", &[7]), of(1, "page", &[7]));
        for other in [of(2, "page", &[7]), of(1, "image", &[7]), of(1, "page", &[8])] {
            assert_ne!(of(1, "page", &[7]).trace, other.trace);
        }
        let here = of(1, "page", &[7]);
        assert!(here.beside().trace == here.trace && here.beside() != here.beside());
    }
}
