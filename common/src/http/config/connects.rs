//! The tables `[[connect]]`: proxies and certificates, and whom they are for.

use std::path::Path;

use reqwest::{Certificate, Identity};

use super::files::{beside, bytes_of};
use super::pattern::{Breadth, Pattern};
use super::read::patterns;
use super::tables::{ConfigError, Table};
use super::{Connect, Proxy};

/// Reads one of them. `default` is the proxy where it says nothing of one.
pub(super) fn connect(file: &Path, table: &Table<'_>, default: Option<&Proxy>) -> Result<Connect, ConfigError> {
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
