//! What connecting takes, made of what was typed: everything that can be known to be wrong before a connection is tried
//! is refused here.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lapin::tcp::{OwnedIdentity, OwnedTLSConfig};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::cli::BrokerOptions;
use crate::config::{BadAddress, BrokerUri, BrokerUris};
use crate::metrics::BrokerMetrics;
use crate::topology::Topology;

/// Broker options that make no sense: wrong usage.
#[derive(Debug, thiserror::Error)]
pub enum AmqpSettingsError {
    /// Not an address.
    #[error(transparent)]
    Address(#[from] BadAddress),
    /// A file that an option names.
    #[error("cannot read {path}, which {option} names", path = .path.display())]
    File {
        /// The option.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file that has something else in it.
    #[error("{path}, which {option} names, holds no {expected}", path = .path.display())]
    Content {
        /// The option.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
    },
    /// Half an identity.
    #[error("--broker-cert and --broker-key (WARREN_BROKER_CERT, WARREN_BROKER_KEY) go together: give both or neither")]
    HalfIdentity,
    /// They would be ignored, and somebody would feel safe.
    #[error("--broker-ca, --broker-cert and --broker-key are for amqps://, and --broker gives no such address")]
    NotEncrypted,
}

/// What connecting takes. Clones share the memory of which address stood last, but see [`AmqpSettings::for_link`].
#[derive(Debug, Clone)]
pub struct AmqpSettings {
    uris: BrokerUris,
    tls: Arc<Tls>,
    /// Index of the address that is in use, or was last.
    current: Arc<AtomicUsize>,
    /// The names in the broker.
    pub(super) topology: Topology,
    /// What the management pages show for our connections.
    pub(super) name: String,
    /// How the links are.
    metrics: Arc<BrokerMetrics>,
}

impl AmqpSettings {
    /// Reads the files that the options name, once: a password that changes needs a new start. `name` is what the
    /// management pages show for the connections.
    pub fn new(options: &BrokerOptions, name: String) -> Result<Self, AmqpSettingsError> {
        let mut uris = BrokerUris::read(&options.broker)?;
        if let Some(path) = &options.broker_password_file {
            uris = uris.with_password(&read_password(path)?);
        }
        let tls = Tls::read(options)?;
        if tls.is_given() && !uris.as_slice().iter().any(BrokerUri::is_encrypted) {
            return Err(AmqpSettingsError::NotEncrypted);
        }
        let topology = options.prefix.clone();
        Ok(Self { uris, tls: Arc::new(tls), current: Arc::default(), topology, name, metrics: Arc::default() })
    }

    /// Has the links that are made by these settings tell how they are.
    #[must_use]
    pub fn with_metrics(self, metrics: Arc<BrokerMetrics>) -> Self {
        Self { metrics, ..self }
    }

    pub(super) fn metrics(&self) -> Arc<BrokerMetrics> {
        Arc::clone(&self.metrics)
    }

    /// Whether there are several nodes to go to.
    #[must_use]
    pub fn is_cluster(&self) -> bool {
        self.uris.as_slice().len() > 1
    }

    /// The same settings with a memory of their own of which address stood last: two links may be on different nodes.
    pub(super) fn for_link(&self) -> Self {
        Self { current: Arc::new(AtomicUsize::new(self.current.load(Ordering::Relaxed))), ..self.clone() }
    }

    /// The address that is in use, or was last.
    pub(super) fn uri(&self) -> BrokerUri {
        self.uris.as_slice()[self.current.load(Ordering::Relaxed)].clone()
    }

    /// All addresses in the order to try them: from the one that stood last on. The caller notes with
    /// [`AmqpSettings::use_address`] which one it tries.
    pub(super) fn in_turn(&self) -> impl Iterator<Item = usize> + use<> {
        let (count, first) = (self.uris.as_slice().len(), self.current.load(Ordering::Relaxed));
        (0..count).map(move |step| (first + step) % count)
    }

    /// From now on this address is in use.
    pub(super) fn use_address(&self, index: usize) {
        self.current.store(index, Ordering::Relaxed);
    }

    /// The next time begin with another address: the one in use takes connections and then does not answer.
    pub(super) fn turn_away(&self) {
        let next = (self.current.load(Ordering::Relaxed) + 1) % self.uris.as_slice().len();
        self.current.store(next, Ordering::Relaxed);
    }

    pub(super) fn tls(&self) -> OwnedTLSConfig {
        let identity = self.tls.identity.as_ref();
        OwnedTLSConfig {
            identity: identity.map(|(pem, key)| OwnedIdentity::PKCS8 { pem: pem.clone(), key: key.clone() }),
            cert_chain: self.tls.authorities.clone(),
        }
    }
}

/// Whom to trust and who we are, as PEM.
#[derive(Default)]
struct Tls {
    authorities: Option<String>,
    /// A certificate with its chain, and its key.
    identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls(..)")
    }
}

impl Tls {
    fn read(options: &BrokerOptions) -> Result<Self, AmqpSettingsError> {
        let authorities = options.broker_ca.as_deref().map(read_authorities).transpose()?;
        let identity = match (&options.broker_cert, &options.broker_key) {
            (Some(certificate), Some(key)) => Some((read_certificate(certificate)?, read_key(key)?)),
            (None, None) => None,
            _ => return Err(AmqpSettingsError::HalfIdentity),
        };
        Ok(Self { authorities, identity })
    }

    fn is_given(&self) -> bool {
        self.authorities.is_some() || self.identity.is_some()
    }
}

fn read(option: &'static str, path: &Path) -> Result<Vec<u8>, AmqpSettingsError> {
    fs::read(path).map_err(|source| AmqpSettingsError::File { option, path: path.to_owned(), source })
}

fn read_text(option: &'static str, path: &Path, expected: &'static str) -> Result<String, AmqpSettingsError> {
    String::from_utf8(read(option, path)?).map_err(|_| AmqpSettingsError::Content {
        option,
        path: path.to_owned(),
        expected,
    })
}

/// The newline that editors and `echo` put at the end is not part of the password; anything else is.
fn read_password(path: &Path) -> Result<String, AmqpSettingsError> {
    let (option, expected) = ("--broker-password-file", "password");
    let text = read_text(option, path, expected)?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let password = line.strip_suffix('\r').unwrap_or(line);
    if password.is_empty() {
        return Err(AmqpSettingsError::Content { option, path: path.to_owned(), expected });
    }
    Ok(password.to_owned())
}

fn read_authorities(path: &Path) -> Result<String, AmqpSettingsError> {
    let (option, expected) = ("--broker-ca", "certificate in PEM form");
    let pem = read_text(option, path, expected)?;
    if has_certificates(pem.as_bytes()) {
        Ok(pem)
    } else {
        Err(AmqpSettingsError::Content { option, path: path.to_owned(), expected })
    }
}

fn read_certificate(path: &Path) -> Result<Vec<u8>, AmqpSettingsError> {
    let option = "--broker-cert";
    let pem = read(option, path)?;
    if has_certificates(&pem) {
        Ok(pem)
    } else {
        Err(AmqpSettingsError::Content { option, path: path.to_owned(), expected: "certificate in PEM form" })
    }
}

fn read_key(path: &Path) -> Result<Vec<u8>, AmqpSettingsError> {
    let option = "--broker-key";
    let pem = read(option, path)?;
    if PrivateKeyDer::from_pem_slice(&pem).is_ok() {
        Ok(pem)
    } else {
        let expected = "private key in PEM form without a passphrase";
        Err(AmqpSettingsError::Content { option, path: path.to_owned(), expected })
    }
}

fn has_certificates(pem: &[u8]) -> bool {
    let mut certificates = CertificateDer::pem_slice_iter(pem).peekable();
    certificates.peek().is_some() && certificates.all(|certificate| certificate.is_ok())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        broker: BrokerOptions,
    }

    pub(in super::super) fn settings(arguments: &[&str]) -> Result<AmqpSettings, AmqpSettingsError> {
        let cli = Cli::parse_from(["test"].iter().chain(arguments));
        AmqpSettings::new(&cli.broker, "test".to_owned())
    }

    fn order(settings: &AmqpSettings) -> Vec<usize> {
        settings.in_turn().collect()
    }

    #[test]
    fn addresses_are_tried_from_the_one_that_stood_last() {
        let settings = settings(&["--broker", "amqp://a/%2f,amqp://b/%2f", "--broker", "amqp://c/%2f"]).expect("good");
        assert!(settings.is_cluster());
        assert_eq!(order(&settings), [0, 1, 2]);
        settings.use_address(1);
        assert_eq!(
            (order(&settings), settings.uri().to_string()),
            (vec![1, 2, 0], "amqp://guest@b:5672/%2f".to_owned())
        );
        let link = settings.for_link();
        link.turn_away();
        assert_eq!((order(&link), order(&settings)), (vec![2, 0, 1], vec![1, 2, 0]));
    }

    #[test]
    fn what_cannot_work_is_refused_by_the_options_name() {
        let encrypted = ["--broker", "amqps://a/%2f"];
        for (given, words) in [
            (&["--broker-cert", "/none"][..], "--broker-key"),
            (&["--broker-ca", "/none"], "cannot read /none, which --broker-ca names"),
            (&["--broker-ca", "/dev/null"], "/dev/null, which --broker-ca names, holds no certificate"),
            (&["--broker-password-file", "/dev/null"], "--broker-password-file names, holds no password"),
        ] {
            let error = settings(&[&encrypted, given].concat()).expect_err("refused").to_string();
            assert!(error.contains(words), "{given:?}: {error}");
        }
        let error = settings(&["--broker", "amqp://u:s3cret@h:port/%2f"]).expect_err("refused");
        assert!(!format!("{error} {error:?}").contains("s3cret"));
    }
}
