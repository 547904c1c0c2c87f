//! The tables `[[send]]`: headers and credentials, and whom they are for.

use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use super::Send;
use super::files::{beside, text_of};
use super::pattern::{Breadth, Pattern};
use super::read::patterns;
use super::tables::{ConfigError, Table, Text};

/// Headers that say how a message travels, or what somebody else here decides, and where that is done.
const NOT_OURS: [(&str, &str); 22] = [
    ("host", "it comes from the URL"),
    ("content-length", "requests have no body"),
    ("content-type", "requests have no body"),
    ("transfer-encoding", "requests have no body"),
    ("expect", "requests have no body"),
    ("connection", "it is about the connection, not the request"),
    ("keep-alive", "it is about the connection, not the request"),
    ("proxy-connection", "it is about the connection, not the request"),
    ("te", "it is about the connection, not the request"),
    ("trailer", "it is about the connection, not the request"),
    ("upgrade", "it is about the connection, not the request"),
    ("http2-settings", "it is about the connection, not the request"),
    ("proxy-authorization", "a proxy's user and password stand in its URL"),
    ("accept-encoding", "images are stored as they come, and pages are asked for in what can be read"),
    ("range", "images are fetched whole"),
    ("if-range", "images are fetched whole"),
    ("if-match", "what is known of an image decides on it"),
    ("if-none-match", "what is known of an image decides on it"),
    ("if-modified-since", "what is known of an image decides on it"),
    ("if-unmodified-since", "what is known of an image decides on it"),
    ("user-agent", "--user-agent sets it, and robots.txt is read by it"),
    ("from", "--from sets it"),
];

/// Reads one of them.
pub(super) fn send(file: &Path, table: &Table<'_>) -> Result<Send, ConfigError> {
    table.only(&["for", "headers", "basic", "bearer", "bearer-file"])?;
    let patterns = patterns(table, Breadth::Narrow)?;
    let mut headers = HeaderMap::new();
    for (name, text) in table.pairs("headers")? {
        let (name, value) = header(name, &text)?;
        headers.append(name, value);
    }
    let mut credentials = Vec::new();
    if let Some(basic) = table.table("basic")? {
        credentials.push(self::basic(file, &basic)?);
    }
    if let Some(token) = secret(file, table, "bearer", "bearer-file")? {
        let value = format!("Bearer {}", token.value);
        credentials.push(credential(&value).ok_or_else(|| token.text.error("a token is printable and not empty"))?);
    }
    if credentials.len() + usize::from(headers.contains_key(AUTHORIZATION)) > 1 {
        return Err(table.error("a request has one Authorization: give basic, bearer, or that header"));
    }
    if let Some(credential) = credentials.pop() {
        headers.insert(AUTHORIZATION, credential);
    }
    if headers.is_empty() {
        return Err(table.error("there is nothing to send; give headers, basic or bearer"));
    }
    if headers.contains_key(AUTHORIZATION) && patterns.iter().any(Pattern::is_for_everybody) {
        return Err(table.error("credentials for * would be told to every host that a page names; name the hosts"));
    }
    Ok(Send { patterns, headers })
}

fn header(name: &str, text: &Text<'_>) -> Result<(HeaderName, HeaderValue), ConfigError> {
    let name: HeaderName = name.parse().map_err(|_| text.error(format!("{name:?} is no header's name")))?;
    if let Some((_, why)) = NOT_OURS.iter().find(|(refused, _)| name == *refused) {
        return Err(text.error(format!("{name} cannot be set here: {why}")));
    }
    if name == "cookie" {
        return Err(text.error("cookies come from a file, which says where each goes: cookies = \"cookies.txt\""));
    }
    let mut value = HeaderValue::from_str(text.value)
        .map_err(|_| text.error(format!("the value of {name} has characters that no header may have")))?;
    // Kept out of what the HTTP libraries log, and out of the memory that HTTP/2 shares between requests.
    value.set_sensitive(true);
    Ok((name, value))
}

fn basic(file: &Path, table: &Table<'_>) -> Result<HeaderValue, ConfigError> {
    table.only(&["user", "password", "password-file"])?;
    let user = table.text("user")?.ok_or_else(|| table.error("user is missing"))?;
    if user.value.contains(':') {
        return Err(user.error("a user's name has no colon (RFC 7617, 2)"));
    }
    let password =
        secret(file, table, "password", "password-file")?.ok_or_else(|| table.error("password is missing"))?;
    let pair = BASE64_STANDARD.encode(format!("{}:{}", user.value, password.value));
    credential(&format!("Basic {pair}")).ok_or_else(|| table.error("this fits no header"))
}

/// The value of the header `Authorization`.
fn credential(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok().filter(|_| !text.ends_with(' '))?;
    value.set_sensitive(true);
    Some(value)
}

/// A secret, and where it is spoken of.
struct Secret<'a> {
    value: String,
    text: Text<'a>,
}

/// A secret that stands in the file, or in a file of its own, whose last line break does not count.
fn secret<'a>(
    file: &Path,
    table: &Table<'a>,
    key: &'a str,
    key_of_file: &'a str,
) -> Result<Option<Secret<'a>>, ConfigError> {
    match (table.text(key)?, table.text(key_of_file)?) {
        (Some(text), None) => Ok(Some(Secret { value: text.value.to_owned(), text })),
        (None, Some(text)) => {
            let value = text_of(&beside(file, text.value))?;
            Ok(Some(Secret { value: value.trim_end_matches(['\r', '\n']).to_owned(), text }))
        }
        (Some(text), Some(_)) => Err(text.error(format!("give {key} or {key_of_file}, not both"))),
        (None, None) => Ok(None),
    }
}
