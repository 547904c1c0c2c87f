//! A server that takes its time: every answer comes a fixed while after its request, as from far away, and costs hardly
//! anything. Every address has an image of its own; `/robots.txt` does not exist.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::time::Duration;

use clap::Parser;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpListener;
use tokio::time::sleep;

/// Answers every address with an image, after a while.
#[derive(Parser)]
struct Options {
    /// Port on loopback
    port: u16,

    /// What every answer takes, in milliseconds
    #[arg(long, default_value_t = 50)]
    milliseconds: u64,
}

// One thread, so that the programs that are measured have the others.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let takes = Duration::from_millis(options.milliseconds);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
    loop {
        let (connection, _) = listener.accept().await?;
        connection.set_nodelay(true)?;
        tokio::spawn(async move {
            let service =
                service_fn(move |request: Request<Incoming>| async move { answer(request.uri().path(), takes).await });
            let builder = Builder::new(TokioExecutor::new());
            // A client that leaves is nothing to tell of.
            drop(builder.serve_connection(TokioIo::new(connection), service).await);
        });
    }
}

async fn answer(path: &str, takes: Duration) -> Result<Response<String>, Infallible> {
    sleep(takes).await;
    let mut answer = Response::new(String::new());
    if path == "/robots.txt" {
        *answer.status_mut() = StatusCode::NOT_FOUND;
        return Ok(answer);
    }
    let title: String = path.chars().filter(char::is_ascii_alphanumeric).collect();
    *answer.body_mut() =
        format!(r#"<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><title>{title}</title></svg>"#);
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("image/svg+xml"));
    Ok(answer)
}
