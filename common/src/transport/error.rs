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
    /// Of several addresses none can be reached.
    #[error(
        "cannot reach the broker at any of its addresses; is RabbitMQ running there, and is --broker (WARREN_BROKER) \
             right? {tried}"
    )]
    NoneReachable {
        /// Each address and what came of it.
        tried: String,
    },
    /// Nobody answers in time.
    #[error("the broker at {uri} did not answer within {seconds} s; look at its log and its load")]
    Silent {
        /// What was tried.
        uri: BrokerUri,
        /// How long it was waited for.
        seconds: u64,
    },
    /// It answers, and takes no messages.
    #[error(
        "the broker at {uri} refused all messages to a queue for {seconds} s: the queue is full, or lost its leader"
    )]
    Refusing {
        /// Where.
        uri: BrokerUri,
        /// For how long it was tried.
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
    /// TLS could not be agreed upon: one side does not trust the other's certificate, or does not speak TLS at all.
    #[error(
        "no TLS with the broker at {uri}; does --broker-ca name its authority, are --broker-cert and --broker-key what it \
         asks for, and are the name and the port in --broker (WARREN_BROKER) right?"
    )]
    Distrust {
        /// What was tried.
        uri: BrokerUri,
        /// What TLS said.
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
    /// What the errors of all addresses, at least one, come to: the one that waiting does not mend, if there is one.
    pub(super) fn of_all(mut errors: Vec<Self>) -> Self {
        if let Some(lasting) = errors.iter().position(Self::is_lasting) {
            return errors.swap_remove(lasting);
        }
        if errors.len() == 1 {
            return errors.swap_remove(0);
        }
        let each = errors.iter().map(|error| match error {
            Self::Unreachable { uri, source } => format!("{uri}: {source}"),
            Self::Silent { uri, seconds } => format!("{uri}: no answer within {seconds} s"),
            other => other.to_string(),
        });
        Self::NoneReachable { tried: each.collect::<Vec<_>>().join("; ") }
    }

    /// Whether trying again on a new connection is pointless.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::Distrust { .. } | Self::Mismatch { .. } | Self::Closed)
    }
}
