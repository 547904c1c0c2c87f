//! Which collector, checked.

use opentelemetry_otlp::ExporterBuildError;
use url::Url;

use crate::cli::OtlpOptions;

/// Where a collector takes spans, below its address.
const TRACES: &str = "v1/traces";

/// Where spans are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtlpSettings {
    pub(super) endpoint: Url,
}

/// No spans can be sent. None of the words repeats the address, which may hold a secret by mistake.
#[derive(Debug, thiserror::Error)]
pub enum OtlpError {
    /// The address.
    #[error("--otlp takes the http:// or https:// URL of a collector, such as http://127.0.0.1:4318")]
    Address,
    /// A user or a password in it.
    #[error(
        "--otlp takes no user and password: other users see command lines; hint: put the header into the variable \
         OTEL_EXPORTER_OTLP_HEADERS, such as authorization=Basic%20..."
    )]
    Secret,
    /// No client.
    #[error("cannot make the client that sends spans")]
    Client(#[from] reqwest::Error),
    /// What the variables of the environment say of it.
    #[error("the collector cannot be used as the variables OTEL_EXPORTER_OTLP_... say")]
    Exporter(#[source] ExporterBuildError),
}

impl OtlpSettings {
    /// Checks the options; `None` where no spans are wanted.
    pub fn new(options: &OtlpOptions) -> Result<Option<Self>, OtlpError> {
        let Some(text) = options.otlp.as_deref().filter(|text| !text.is_empty()) else { return Ok(None) };
        let mut endpoint = Url::parse(text).map_err(|_| OtlpError::Address)?;
        if !matches!(endpoint.scheme(), "http" | "https") || endpoint.host().is_none() {
            return Err(OtlpError::Address);
        }
        if !endpoint.username().is_empty() || endpoint.password().is_some() {
            return Err(OtlpError::Secret);
        }
        endpoint.set_fragment(None);
        let path = endpoint.path().trim_end_matches('/');
        if !path.ends_with(TRACES) {
            let path = format!("{path}/{TRACES}");
            endpoint.set_path(&path);
        }
        Ok(Some(Self { endpoint }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> Result<String, OtlpError> {
        let options = OtlpOptions { otlp: Some(text.to_owned()) };
        OtlpSettings::new(&options).map(|settings| settings.map(|it| it.endpoint.to_string()).unwrap_or_default())
    }

    #[test]
    fn the_path_of_the_protocol_is_added_where_it_is_missing() {
        for (given, expected) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("https://collector.example/otlp/", "https://collector.example/otlp/v1/traces"),
            ("http://collector.example/v1/traces", "http://collector.example/v1/traces"),
            ("", ""),
        ] {
            assert_eq!(endpoint(given).expect("an address"), expected, "{given}");
        }
        assert_eq!(OtlpSettings::new(&OtlpOptions { otlp: None }).expect("nothing to check"), None);
    }

    #[test]
    fn what_cannot_be_one_is_refused_and_no_secret_told() {
        for bad in ["127.0.0.1:4318", "collector", "grpc://a:4317", "unix:/run/x", "http://"] {
            assert!(matches!(endpoint(bad), Err(OtlpError::Address)), "{bad}");
        }
        let error = endpoint("http://user:s3cret@a/").expect_err("refused");
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    }
}
