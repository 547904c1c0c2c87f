//! A server for buckets: `s3s-fs`, with objects in the files of a folder, so that it may be killed and started again.
//!
//!     warren-test-s3 FOLDER PORT ACCESS_KEY SECRET_KEY
//!
//! Buckets are the folders in FOLDER. Unlike `s3s-fs` alone it makes none because somebody puts an object there: no server
//! that people use does.

use std::path::PathBuf;

use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::Builder;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s::{S3Result, s3_error};
use tokio::net::TcpListener;

/// Lets those in who have signed, to what is there.
struct Buckets(PathBuf);

#[async_trait::async_trait]
impl S3Access for Buckets {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        if context.credentials().is_none() {
            return Err(s3_error!(AccessDenied, "Signature is required"));
        }
        match context.s3_path().get_bucket_name() {
            Some(name) if self.0.join(name).is_dir() => Ok(()),
            _ => Err(s3_error!(NoSuchBucket, "The specified bucket does not exist")),
        }
    }
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, port, key, secret] = &arguments[..] else {
        panic!("usage: warren-test-s3 FOLDER PORT ACCESS_KEY SECRET_KEY");
    };
    let files = s3s_fs::FileSystem::new(folder).expect("the folder is there");
    let mut service = S3ServiceBuilder::new(files);
    service.set_auth(SimpleAuth::from_single(key.as_str(), secret.as_str()));
    service.set_access(Buckets(folder.into()));
    let service = service.build().into_shared();
    let port: u16 = port.parse().expect("a port");
    let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("the port is free");
    loop {
        let (connection, _) = listener.accept().await.expect("connections can be accepted");
        let service = service.clone();
        tokio::spawn(async move {
            let builder = Builder::new(hyper_util::rt::TokioExecutor::new());
            // A client that leaves is nothing to tell of.
            drop(builder.serve_connection(TokioIo::new(connection), service).await);
        });
    }
}
