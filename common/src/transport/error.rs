//! What can go wrong with a broker for good. Passing trouble (a lost connection after the first one stood, a full queue,
//! a blocked broker) is mended inside the transport and never becomes an error.

use std::sync::Arc;

use crate::config::BrokerUri;

/// Why there is no talking to the broker. Cloned to everybody who waits for it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TransportError {
    /// Nobody answers there.
    #[error("cannot reach the broker at {uri}; is RabbitMQ running there, and is --broker (WARREN_BROKER) right?")]
    Unreachable {
        /// What was tried.
        uri: BrokerUri,
        /// The last try's error.
        source: Arc<lapin::Error>,
    },
    /// Nobody answers in time.
    #[error("the broker at {uri} did not answer within {seconds} s; look at its log and its load")]
    Silent {
        /// What was tried.
        uri: BrokerUri,
        /// How long it was waited for.
        seconds: u64,
    },
    /// It answers, and says no.
    #[error(
        "the broker at {uri} refuses; check the user, the password, the virtual host and its permissions in --broker \
         (WARREN_BROKER)"
    )]
    Refused {
        /// What was tried.
        uri: BrokerUri,
        /// What the broker said.
        source: Arc<lapin::Error>,
    },
    /// A queue or exchange is there with another shape: another program's, or another version's.
    #[error(
        "{kind} {name} exists with other properties than Warren's; delete it, or choose another --prefix (WARREN_PREFIX)"
    )]
    Mismatch {
        /// `queue` or `exchange`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// What the broker said is different.
        source: Arc<lapin::Error>,
    },
    /// A session that stood broke off.
    #[error("the connection to the broker at {uri} broke off")]
    Broken {
        /// Where to.
        uri: BrokerUri,
        /// Why.
        source: Arc<lapin::Error>,
    },
    /// This end was closed while somebody still used it.
    #[error("the connection to the broker is closed")]
    Closed,
}

impl TransportError {
    /// Whether trying again on a new connection is pointless.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::Mismatch { .. } | Self::Closed)
    }
}
