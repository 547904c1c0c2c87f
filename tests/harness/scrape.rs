//! What a program says at an address of its own: a page by HTTP, and the metrics on it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::waiting::{eventually, within};

/// Longest wait for a page.
const SOON: Duration = Duration::from_secs(30);

/// Asks for a page on loopback; an error while nobody listens.
pub async fn try_get(port: u16, path: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    // By HTTP/1.0, so that the body is all that comes behind the head.
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) =
        answer.split_once("\r\n\r\n").ok_or_else(|| std::io::Error::other(format!("no HTTP: {answer}")))?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.ok_or_else(|| std::io::Error::other(format!("no status: {head}")))?, body.to_owned()))
}

/// Asks for a page, and waits for whoever is to listen. Returns the status and the body.
pub async fn get(port: u16, path: &str) -> (u16, String) {
    let asked = eventually("somebody listens", SOON, async || try_get(port, path).await);
    within("the whole page", SOON * 2, asked).await
}

/// Waits until a page has this status, and returns its body.
pub async fn expect_status(port: u16, path: &str, status: u16) -> String {
    eventually(&format!("{path} says {status}"), SOON, async || match try_get(port, path).await {
        Ok((answered, body)) if answered == status => Ok(body),
        Ok((answered, body)) => Err(format!("{answered}: {body}")),
        Err(error) => Err(error.to_string()),
    })
    .await
}

/// The metrics of a page.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// The page.
    pub text: String,
    /// The type of each metric, by name.
    pub types: BTreeMap<String, String>,
    /// The values, by name and labels as they are written.
    values: BTreeMap<String, f64>,
}

impl Metrics {
    /// Asks a program for its metrics.
    pub async fn of(port: u16) -> Self {
        let (status, text) = get(port, "/metrics").await;
        assert_eq!(status, 200, "{text}");
        Self::read(text)
    }

    fn read(text: String) -> Self {
        let (mut types, mut values) = (BTreeMap::new(), BTreeMap::new());
        for line in text.lines() {
            if let Some(line) = line.strip_prefix("# TYPE ") {
                let (name, kind) = line.split_once(' ').expect("a name and a type");
                assert!(types.insert(name.to_owned(), kind.to_owned()).is_none(), "{name} is there twice");
            } else if !line.starts_with('#') {
                let (series, value) = line.rsplit_once(' ').expect("a series and a value");
                let value = value.parse().unwrap_or_else(|error| panic!("{line}: {error}"));
                assert!(values.insert(series.to_owned(), value).is_none(), "{series} is there twice");
            }
        }
        Self { text, types, values }
    }

    /// The value of a series, such as `warren_broker_connected{link="publish"}`.
    #[track_caller]
    pub fn value(&self, series: &str) -> f64 {
        *self.values.get(series).unwrap_or_else(|| panic!("there is no {series} in\n{}", self.text))
    }

    /// The series of a metric whose value is not 0, by the value of their one label.
    pub fn by_label(&self, name: &str) -> BTreeMap<String, f64> {
        let of = |series: &str| Some(series.strip_prefix(name)?.strip_prefix('{')?.split('"').nth(1)?.to_owned());
        self.values
            .iter()
            .filter(|(_, value)| **value != 0.0)
            .filter_map(|(series, value)| Some((of(series)?, *value)))
            .collect()
    }

    /// The names of a metric's labels; of a histogram without `le`.
    pub fn labels(&self, name: &str) -> BTreeSet<String> {
        let is_of = |series: &str| {
            let own = series.split('{').next().unwrap_or(series);
            own.strip_prefix(name).is_some_and(|rest| matches!(rest, "" | "_bucket" | "_sum" | "_count"))
        };
        let series = self.values.keys().filter(|series| is_of(series));
        let labels = series.filter_map(|series| Some(series.split_once('{')?.1.trim_end_matches('}').to_owned()));
        let names = labels.flat_map(|labels| {
            let names = labels.split(',').filter_map(|label| Some(label.split_once('=')?.0.to_owned()));
            names.collect::<Vec<_>>()
        });
        names.filter(|name| name != "le").collect()
    }
}
