//! From the file's tables to what is done: everything that can be wrong is found here, before anything is sent.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Identity};

use super::cookies::Cookies;
use super::pattern::{Breadth, Pattern};
use super::tables::{ConfigError, Source, Table, Text};
use super::{Connect, HttpConfig, Proxy, Send};

/// Longest file that is read, in bytes; cookies are the longest.
const MAX_FILE: u64 = 4 << 20;

/// Most tables that say how to connect: each has connections of its own.
const MAX_CONNECTS: usize = 64;

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

/// Reads a file and those that it names. `proxy` is for what the file has no proxy for.
pub(super) fn read(file: &Path, proxy: Option<Proxy>) -> Result<HttpConfig, ConfigError> {
    let text = text_of(file)?;
    let source = Source { file, text: &text };
    let document = source.parse()?;
    let root = Table::new(source, "", document.span().start, document.get_ref());
    root.only(&["cookies", "send", "connect"])?;
    let mut cookies = Cookies::default();
    for name in root.texts("cookies")? {
        let path = beside(file, name.value);
        let lines = text_of(&path)?;
        cookies.add(&lines).map_err(|bad| ConfigError::of_line(&path, bad.line, bad.problem))?;
    }
    let sends = root.tables("send")?.iter().map(|table| send(file, table)).collect::<Result<_, _>>()?;
    let tables = root.tables("connect")?;
    if let Some(table) = tables.get(MAX_CONNECTS) {
        return Err(table.error(format!("there may be {MAX_CONNECTS} tables of this kind")));
    }
    let connects = tables.iter().map(|table| connect(file, table, proxy.as_ref())).collect::<Result<Vec<_>, _>>()?;
    Ok(HttpConfig { sends, connects, fallback: Connect { proxy, ..Connect::default() }, cookies })
}

fn send(file: &Path, table: &Table<'_>) -> Result<Send, ConfigError> {
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

fn patterns(table: &Table<'_>, breadth: Breadth) -> Result<Vec<Pattern>, ConfigError> {
    let texts = table.texts("for")?;
    if texts.is_empty() {
        return Err(table.error("for is missing: the hosts that it is meant for"));
    }
    texts.iter().map(|text| Pattern::parse(text.value, breadth).map_err(|problem| text.error(problem))).collect()
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

fn connect(file: &Path, table: &Table<'_>, default: Option<&Proxy>) -> Result<Connect, ConfigError> {
    table.only(&["for", "proxy", "proxy-checks-addresses", "ca", "certificate", "key"])?;
    let patterns = patterns(table, Breadth::Wide)?;
    let mut proxy = match table.text("proxy")? {
        None => default.cloned(),
        Some(text) if text.value == "direct" => None,
        Some(text) => Some(Proxy::parse(text.value).map_err(|problem| text.error(problem))?),
    };
    let checks = table.flag("proxy-checks-addresses")?;
    match &mut proxy {
        Some(proxy) => proxy.checks_addresses |= checks,
        None if checks => return Err(table.error("proxy-checks-addresses is said of a proxy, and there is none")),
        None => {}
    }
    let mut authorities = Vec::new();
    for text in table.texts("ca")? {
        let bytes = bytes_of(&beside(file, text.value))?;
        let read = Certificate::from_pem_bundle(&bytes).unwrap_or_default();
        if read.is_empty() {
            return Err(text.error("the file has no certificate in PEM"));
        }
        authorities.extend(read);
    }
    let identity = identity(file, table)?;
    if identity.is_some() && patterns.iter().any(Pattern::is_for_everybody) {
        return Err(table.error("a certificate for * would be shown to every host that a page names; name the hosts"));
    }
    let connect = Connect { patterns, proxy, authorities, identity };
    // The library says only then whether the certificates are any.
    let built = connect.apply(reqwest::Client::builder().no_proxy()).and_then(reqwest::ClientBuilder::build);
    built.map_err(|_| {
        table.error("these certificates cannot be used; are they whole, and is the key the certificate's?")
    })?;
    Ok(connect)
}

fn identity(file: &Path, table: &Table<'_>) -> Result<Option<Identity>, ConfigError> {
    let (certificate, key) = match (table.text("certificate")?, table.text("key")?) {
        (None, None) => return Ok(None),
        (Some(certificate), Some(key)) => (certificate, key),
        (Some(text), None) => return Err(text.error("key is missing: the certificate's private key")),
        (None, Some(text)) => return Err(text.error("certificate is missing: the one that this is the key of")),
    };
    let mut pem = bytes_of(&beside(file, key.value))?;
    pem.push(b'\n');
    pem.extend(bytes_of(&beside(file, certificate.value))?);
    let identity = Identity::from_pem(&pem);
    identity.map(Some).map_err(|_| certificate.error("the files have no certificate and unencrypted key in PEM"))
}

/// Paths are relative to the file that names them.
fn beside(file: &Path, named: &str) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).join(named)
}

fn text_of(file: &Path) -> Result<String, ConfigError> {
    String::from_utf8(bytes_of(file)?).map_err(|_| ConfigError::of_file(file, "this is no text in UTF-8"))
}

fn bytes_of(file: &Path) -> Result<Vec<u8>, ConfigError> {
    let trouble = |error| ConfigError::of_file(file, format!("it cannot be read: {error}"));
    let opened = fs::File::open(file).map_err(trouble)?;
    let mode = opened.metadata().map_err(trouble)?.permissions().mode();
    if mode & 0o004 != 0 {
        tracing::warn!(file = %file.display(), "every user of this machine may read this file; hint: chmod o-r");
    }
    let mut bytes = Vec::new();
    opened.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(trouble)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(ConfigError::of_file(file, "it is longer than 4 MiB"));
    }
    Ok(bytes)
}
