//! What a dashboard works by, checked before anything is listened on: one that others can reach has a token.

use std::net::SocketAddr;
use std::path::PathBuf;

use common::transport::amqp::AmqpSettings;
use downloader::location::Location;

use super::actions::Environment;
use super::hosts::OwnName;
use super::token::{SHORTEST, Token, VARIABLE};

/// A dashboard that must not be started so.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Everybody who reaches it could cancel runs.
    #[error(
        "a dashboard at {0} can be reached by others, so it demands a token; hint: set {VARIABLE} to at least {SHORTEST} \
         characters that nobody guesses, or listen on 127.0.0.1"
    )]
    NoToken(SocketAddr),
    /// It can be guessed.
    #[error(
        "{VARIABLE} holds a token of less than {SHORTEST} characters; hint: `openssl rand -hex 16` makes a good one"
    )]
    ShortToken,
}

/// What a dashboard works by.
#[derive(Debug)]
pub struct Settings {
    /// Where it listens.
    pub(super) listen: SocketAddr,
    /// Further names that it is asked by.
    pub(super) names: Vec<OwnName>,
    /// What it demands, if it demands anything.
    pub(super) token: Option<Token>,
    /// Folder that runs live in.
    pub(super) runs: PathBuf,
    /// Where the images are of runs that do not know it themselves.
    pub(super) store: Option<Location>,
    /// Where the queues are, if they are to be asked.
    pub(super) broker: Option<AmqpSettings>,
    /// What differs for the commands that it starts from our own environment.
    pub(super) environment: Environment,
}

impl Settings {
    /// Checks them. `token` is what the variable holds.
    pub fn new(
        listen: SocketAddr,
        names: Vec<OwnName>,
        token: Option<&str>,
        runs: PathBuf,
        store: Option<Location>,
        broker: Option<AmqpSettings>,
        environment: Environment,
    ) -> Result<Self, SettingsError> {
        let token = match token.map(str::trim).filter(|token| !token.is_empty()) {
            Some(token) => Some(Token::new(token).ok_or(SettingsError::ShortToken)?),
            // A name means a proxy, or people's DNS: others are meant to come.
            None if !listen.ip().is_loopback() || !names.is_empty() => return Err(SettingsError::NoToken(listen)),
            None => None,
        };
        Ok(Self { listen, names, token, runs, store, broker, environment })
    }

    /// What the variable holds.
    #[must_use]
    pub fn token_of_environment() -> Option<String> {
        std::env::var(VARIABLE).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_loopback_without_another_name_needs_no_token() {
        let long = "0123456789abcdef";
        let with = |listen: &str, names: &[&str], token: Option<&str>| {
            let names = names.iter().map(|name| name.parse().expect("a name")).collect();
            let listen = listen.parse().expect("an address");
            let settings = Settings::new(listen, names, token, "runs".into(), None, None, Environment::default());
            settings.map(|settings| settings.token.is_some())
        };
        assert!(matches!(with("127.0.0.1:8080", &[], None), Ok(false)));
        assert!(matches!(with("[::1]:8080", &[], Some("")), Ok(false)));
        assert!(matches!(with("127.0.0.1:8080", &[], Some(long)), Ok(true)));
        assert!(matches!(with("127.0.0.1:8080", &["warren.example"], None), Err(SettingsError::NoToken(_))));
        for others in ["0.0.0.0:8080", "10.0.0.1:8080", "[::]:8080", "[::ffff:127.0.0.1]:8080"] {
            assert!(matches!(with(others, &[], None), Err(SettingsError::NoToken(_))), "{others}");
            assert!(matches!(with(others, &[], Some("  ")), Err(SettingsError::NoToken(_))), "{others}");
            assert!(matches!(with(others, &[], Some(&long[..15])), Err(SettingsError::ShortToken)), "{others}");
            assert!(matches!(with(others, &[], Some(long)), Ok(true)), "{others}");
        }
        assert!(matches!(with("127.0.0.1:8080", &[], Some("short")), Err(SettingsError::ShortToken)));
    }
}
