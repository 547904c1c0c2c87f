//! The client that spans are sent by. The operator names the server, so it has nothing of the guarded client for pages; proxies
//! are not looked for either, as nowhere in Warren.

use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError, ResponseBodyTooLarge};
use reqwest::redirect::Policy;

/// Longest time for a message, from the connection to the last byte of the answer.
const TOTAL: Duration = Duration::from_secs(10);

/// Longest time to make a connection.
const CONNECT: Duration = Duration::from_secs(3);

/// Longest answer that is read, in bytes: it says how many spans were refused, and why.
const MAX_ANSWER: usize = 64 << 10;

/// Sends requests.
#[derive(Debug)]
pub(super) struct Http(reqwest::Client);

impl Http {
    pub(super) fn new() -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .connect_timeout(CONNECT)
            .timeout(TOTAL)
            .user_agent(concat!("warren/", env!("CARGO_PKG_VERSION")));
        client.build().map(Self)
    }
}

#[async_trait]
impl HttpClient for Http {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let mut answer = self.0.execute(request.try_into()?).await.map_err(reqwest::Error::without_url)?;
        let (status, headers) = (answer.status(), std::mem::take(answer.headers_mut()));
        let mut body = BytesMut::new();
        while let Some(part) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
            if body.len() + part.len() > MAX_ANSWER {
                return Err(ResponseBodyTooLarge::new().into());
            }
            body.extend_from_slice(&part);
        }
        let mut response = Response::new(body.freeze());
        (*response.status_mut(), *response.headers_mut()) = (status, headers);
        Ok(response)
    }
}
