//! The secret of a dashboard that others can reach, and what a browser keeps of it once it was given.

use std::fmt::Write as _;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, COOKIE};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;
use tokio::time::sleep;

/// The variable that holds the token.
pub(super) const VARIABLE: &str = "WARREN_DASHBOARD_TOKEN";

/// Shortest token, in bytes.
pub(super) const SHORTEST: usize = 16;

/// How long a wrong token takes.
const WRONG: Duration = Duration::from_secs(1);

/// A token. It is kept as its hash, and never shown.
#[derive(Clone)]
pub struct Token {
    hash: [u8; 32],
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Token {
    /// The token with this text, unless it is too short to be one.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        (text.trim().len() >= SHORTEST).then(|| Self { hash: hash(&[text.trim().as_bytes()]) })
    }
}

/// Who is let in where a token is demanded.
#[derive(Debug)]
pub(super) struct Lock {
    token: Token,
    /// What a cookie holds in place of the token. It is worth nothing once this process has ended.
    session: String,
    cookie: String,
    /// Whoever gave a wrong token waits here, one at a time. Whoever gives the right one does not.
    wrong: Semaphore,
}

impl Lock {
    /// For a dashboard on this port: cookies know no ports, and two dashboards on one machine must not undo each other's.
    pub(super) fn new(token: Token, port: u16) -> Self {
        let session = hex(&hash(&[&token.hash, &rand::random::<[u8; 32]>()]));
        Self { token, session, cookie: format!("warren-{port}"), wrong: Semaphore::new(1) }
    }

    /// Whether this is the token. Takes as long whatever it is.
    pub(super) fn opens_with(&self, text: &str) -> bool {
        hash(&[text.trim().as_bytes()]).ct_eq(&self.token.hash).into()
    }

    /// Whether a request shows the token in its `Authorization`, as programs do.
    pub(super) fn is_opened_by_header(&self, headers: &HeaderMap) -> bool {
        bearer(headers).is_some_and(|token| self.opens_with(token))
    }

    /// Whether a request that shows nothing better shows a wrong token in its `Authorization`.
    pub(super) fn is_tried_by_header(&self, headers: &HeaderMap) -> bool {
        bearer(headers).is_some_and(|token| !self.opens_with(token)) && !self.is_opened_by_cookie(headers)
    }

    /// Takes as long as a wrong token is to take: a second, and those before it.
    pub(super) async fn delay(&self) {
        // It is never closed.
        let _turn = self.wrong.acquire().await;
        tracing::warn!("somebody gave the dashboard a wrong token");
        sleep(WRONG).await;
    }

    /// Whether a request shows the cookie, as browsers do.
    pub(super) fn is_opened_by_cookie(&self, headers: &HeaderMap) -> bool {
        let lines = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut cookies = lines.flat_map(|line| line.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
        cookies.any(|(name, value)| name == self.cookie && bool::from(value.as_bytes().ct_eq(self.session.as_bytes())))
    }

    /// The `Set-Cookie` for whoever gave the token: for this site alone, out of reach of scripts.
    pub(super) fn remember(&self) -> String {
        format!("{}={}; Path=/; HttpOnly; SameSite=Strict", self.cookie, self.session)
    }

    /// The `Set-Cookie` for whoever leaves.
    pub(super) fn forget(&self) -> String {
        format!("{}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0", self.cookie)
    }
}

/// The token in the `Authorization` of a request, if it has one.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// Hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        // Writing to a string does not fail.
        write!(digits, "{byte:02x}").unwrap_or(());
        digits
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use axum::http::header::HeaderName;

    use super::*;

    const TOKEN: &str = "correct horse battery";

    fn lock() -> Lock {
        Lock::new(Token::new(TOKEN).expect("long enough"), 8080)
    }

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        [(name, HeaderValue::from_str(value).expect("a header's text"))].into_iter().collect()
    }

    #[test]
    fn a_token_has_sixteen_characters() {
        for (text, is_one) in [("", false), (&"x".repeat(15), false), (&"x".repeat(16), true), (&"x".repeat(17), true)]
        {
            assert_eq!(Token::new(text).is_some(), is_one, "{text:?}");
        }
        assert!(Token::new("                x").is_none(), "spaces are none of it");
        assert!(!format!("{:?}", lock()).contains("horse"));
    }

    #[test]
    fn the_token_opens_and_nothing_else_does() {
        let lock = lock();
        assert!(lock.opens_with(TOKEN) && lock.opens_with(" correct horse battery\n"));
        for wrong in ["", "correct horse batter", "Correct horse battery", "correct horse battery2"] {
            assert!(!lock.opens_with(wrong), "{wrong:?}");
        }
        assert!(lock.is_opened_by_header(&headers(AUTHORIZATION, &format!("Bearer {TOKEN}"))));
        assert!(lock.is_opened_by_header(&headers(AUTHORIZATION, &format!("bearer {TOKEN}"))));
        assert!(!lock.is_opened_by_header(&headers(AUTHORIZATION, &format!("Basic {TOKEN}"))));
        assert!(!lock.is_opened_by_header(&headers(AUTHORIZATION, TOKEN)));
    }

    #[test]
    fn a_wrong_token_is_told_from_none() {
        let lock = lock();
        let tried = |value: &str| lock.is_tried_by_header(&headers(AUTHORIZATION, value));
        assert!(tried("Bearer wrong") && tried("bearer ") && tried(&format!("Bearer {TOKEN}2")));
        assert!(!tried(&format!("Bearer {TOKEN}")) && !tried("Basic wrong") && !tried("Bearer") && !tried(""));
        assert!(!lock.is_tried_by_header(&HeaderMap::new()));
        let mut both = headers(AUTHORIZATION, "Bearer wrong");
        let cookie = format!("{}={}", lock.cookie, lock.session);
        both.insert(COOKIE, HeaderValue::from_str(&cookie).expect("a header's text"));
        assert!(!lock.is_tried_by_header(&both), "it is let in by its cookie");
    }

    #[test]
    fn a_cookie_is_ours_alone() {
        let lock = lock();
        let kept = lock.remember();
        let (cookie, attributes) = kept.split_once(';').expect("attributes");
        assert!(!kept.contains(TOKEN));
        assert!(attributes.contains("HttpOnly") && attributes.contains("SameSite=Strict"));
        assert!(lock.is_opened_by_cookie(&headers(COOKIE, cookie)));
        assert!(lock.is_opened_by_cookie(&headers(COOKIE, &format!("a=b; {cookie}; c"))));
        for wrong in ["", "warren-8080=", "warren-8080", &format!("{cookie}0"), &cookie.replace("8080", "8081")] {
            assert!(!lock.is_opened_by_cookie(&headers(COOKIE, wrong)), "{wrong:?}");
        }
        let other = Lock::new(Token::new(TOKEN).expect("long enough"), 8080);
        assert!(!other.is_opened_by_cookie(&headers(COOKIE, cookie)), "of another process");
    }
}
