//! One session with the broker: a connection and a channel, opened with a deadline, closed with a deadline; and how long
//! to wait before the next one. No call to the broker in this module or its neighbours waits without an end.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};
use lapin::{Channel, Connection, ConnectionProperties, ErrorKind};
use tokio::time::{Instant, sleep, timeout};

use super::AmqpSettings;
use crate::chain::Chain;
use crate::failpoint;
use crate::metrics::Link;
use crate::transport::TransportError;

/// For how long a program that starts tries a broker that does not answer yet. The last try begins then at the latest, and takes
/// [`CALL_TIMEOUT`] at most: whoever started it with one address knows within ten seconds.
pub(super) const PATIENCE: Duration = Duration::from_millis(4_500);

/// Longest wait for the answer to one call.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// How often a broker may refuse on reconnecting before that is believed: while it boots, virtual hosts and users may
/// be missing for a moment.
const REFUSALS: u32 = 5;

/// A connection with one channel.
pub(super) struct Session {
    pub(super) connection: Connection,
    pub(super) channel: Channel,
}

impl Session {
    pub(super) async fn open(settings: &AmqpSettings, role: &str) -> Result<Self, TransportError> {
        let connection = connect_in_turn(settings, role).await?;
        let channel = call(settings, connection.create_channel()).await?;
        Ok(Self { connection, channel })
    }

    /// Says good-bye. A broker that does not answer is left without.
    pub(super) async fn close(self) {
        let goodbye = async {
            // Closing the channel waits for the broker's answer, and so for everything written before it.
            self.channel.close(200, "bye".into()).await?;
            self.connection.close(200, "bye".into()).await
        };
        if let Err(error) = timeout(CALL_TIMEOUT, goodbye).await.unwrap_or(Ok(())) {
            tracing::debug!(error = %error, "the broker was gone before we left");
        }
    }
}

/// Connects to the first address that works. A node that refuses does not keep the others from being asked; if none
/// works, what it said is the error, because waiting does not mend it.
async fn connect_in_turn(settings: &AmqpSettings, role: &str) -> Result<Connection, TransportError> {
    let first = settings.uri();
    let mut errors = Vec::new();
    let indices: Vec<usize> = settings.in_turn().collect();
    for &index in &indices {
        settings.use_address(index);
        match connect(settings, role).await {
            Ok(connection) => {
                let uri = settings.uri();
                if uri != first {
                    tracing::info!(broker = %uri, "connected to another address of the broker");
                }
                return Ok(connection);
            }
            Err(error) => errors.push(error),
        }
    }
    settings.use_address(indices[0]);
    Err(TransportError::of_all(errors))
}

async fn connect(settings: &AmqpSettings, role: &str) -> Result<Connection, TransportError> {
    if failpoint::strikes("broker.connect") {
        return Err(on_connect(settings, made_to_fail()));
    }
    let properties = ConnectionProperties::default().with_connection_name(format!("{} ({role})", settings.name).into());
    let runtime = lapin::runtime::default_runtime().map_err(|error| on_connect(settings, error))?;
    let uri = settings.uri().for_connecting();
    let connecting = Connection::connect_uri_with_config(uri, properties, settings.tls(), runtime);
    within(settings, connecting, |error| on_connect(settings, error)).await
}

/// Waits for a call's answer, at most [`CALL_TIMEOUT`].
pub(super) async fn call<T>(
    settings: &AmqpSettings,
    answer: impl Future<Output = lapin::Result<T>>,
) -> Result<T, TransportError> {
    if failpoint::strikes("broker.call") {
        return Err(broken(settings, made_to_fail()));
    }
    within(settings, answer, |error| {
        let refused = protocol_error(&error)
            .is_some_and(|kind| matches!(kind, AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED)));
        let (uri, source) = (settings.uri(), Arc::new(error));
        if refused { TransportError::Refused { uri, source } } else { TransportError::Broken { uri, source } }
    })
    .await
}

/// A session that broke.
pub(super) fn broken(settings: &AmqpSettings, source: lapin::Error) -> TransportError {
    TransportError::Broken { uri: settings.uri(), source: source.into() }
}

/// What a connection says that was cut.
pub(super) fn made_to_fail() -> lapin::Error {
    std::io::Error::from(std::io::ErrorKind::ConnectionReset).into()
}

async fn within<T>(
    settings: &AmqpSettings,
    answer: impl Future<Output = lapin::Result<T>>,
    blame: impl FnOnce(lapin::Error) -> TransportError,
) -> Result<T, TransportError> {
    match timeout(CALL_TIMEOUT, answer).await {
        Ok(answer) => answer.map_err(blame),
        Err(_) => Err(TransportError::Silent { uri: settings.uri(), seconds: CALL_TIMEOUT.as_secs() }),
    }
}

fn on_connect(settings: &AmqpSettings, error: lapin::Error) -> TransportError {
    let refused = protocol_error(&error).is_some_and(|kind| {
        matches!(
            kind,
            AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) | AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED)
        )
    });
    let is_distrust = is_distrust(&error);
    let (uri, source) = (settings.uri(), Arc::new(error));
    if refused {
        TransportError::Refused { uri, source }
    } else if is_distrust {
        TransportError::Distrust { uri, source }
    } else {
        TransportError::Unreachable { uri, source }
    }
}

/// Whether TLS itself failed, not the connection below it.
fn is_distrust(error: &lapin::Error) -> bool {
    let ErrorKind::IOError(error) = error.kind() else { return false };
    error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>)
}

/// What the broker itself said, where the error is the broker's.
pub(super) fn protocol_error(error: &lapin::Error) -> Option<&AMQPErrorKind> {
    match error.kind() {
        ErrorKind::ProtocolError(error) => Some(error.kind()),
        _ => None,
    }
}

/// Decides after each lost or failed session whether and when there is a next one.
pub(super) struct Reconnect {
    settings: AmqpSettings,
    link: Arc<Link>,
    started: Instant,
    /// Whether a session has ever stood; before that, patience is short.
    pub(super) stood: bool,
    failures: u32,
    refusals: u32,
}

impl Reconnect {
    const FIRST_DELAY: Duration = Duration::from_millis(200);
    const LONGEST_DELAY: Duration = Duration::from_secs(10);

    /// `link` is told how it goes.
    pub(super) fn new(settings: &AmqpSettings, link: Arc<Link>) -> Self {
        Self { settings: settings.clone(), link, started: Instant::now(), stood: false, failures: 0, refusals: 0 }
    }

    /// A session stands. Whether it is of any use is still to be seen.
    pub(super) fn stands(&mut self) {
        (self.stood, self.refusals) = (true, 0);
        self.link.stands();
    }

    /// A session stands, and is of use.
    pub(super) fn succeeded(&mut self) {
        *self = Self { stood: true, ..Self::new(&self.settings, Arc::clone(&self.link)) };
    }

    /// Waits before the next try, or gives the error back when another try is pointless.
    pub(super) async fn after(&mut self, error: TransportError) -> Result<(), TransportError> {
        self.link.fell();
        self.refusals += u32::from(error.is_lasting());
        let hopeless = error.is_lasting() && (!self.stood || self.refusals >= REFUSALS);
        let patience = if self.stood { Duration::MAX } else { PATIENCE.saturating_sub(self.started.elapsed()) };
        if hopeless || patience.is_zero() {
            return Err(error);
        }
        if matches!(error, TransportError::Silent { .. }) {
            // A node may take connections and be of no use: cut off from the others, for one.
            self.settings.turn_away();
        }
        let longest = (Self::FIRST_DELAY * 2u32.saturating_pow(self.failures)).min(Self::LONGEST_DELAY);
        self.failures = (self.failures + 1).min(16);
        // Full jitter: a fleet that lost the same broker must not come back as one.
        let delay = longest.mul_f64(rand::random_range(0.1..=1.0)).min(patience);
        if self.stood {
            tracing::warn!(error = %Chain(&error), delay_ms = delay.as_millis(), "lost the broker; connecting again");
        }
        sleep(delay).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::tests::settings;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_program_that_starts_tries_for_as_long_as_its_patience_lasts_and_no_longer() {
        let settings = settings(&["--broker", "amqp://127.0.0.1:1/%2f"]).expect("settings");
        for _ in 0..200 {
            let mut reconnect = Reconnect::new(&settings, Arc::default());
            let begun = Instant::now();
            let mut tries = 1;
            while reconnect.after(broken(&settings, made_to_fail())).await.is_ok() {
                tries += 1;
                assert!(
                    begun.elapsed() <= PATIENCE + Duration::from_millis(1),
                    "try {tries} begins after {:?}",
                    begun.elapsed()
                );
            }
            assert!(begun.elapsed() >= PATIENCE && tries > 3, "{tries} tries in {:?}", begun.elapsed());
        }
    }
}
